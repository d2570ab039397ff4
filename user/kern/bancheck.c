// SPDX-License-Identifier: GPL-2.0
/* bancheck.c - what no operator may ban: everybody, this machine, the allow list. */
#include <errno.h>

#include "../base/vitals.h"
#include "internal.h"

/* True if some address of this machine lies in the prefix. */
static bool crmg_own_address(const struct crmg_pfx *pfx)
{
	struct crmg_vitals own = { 0 };
	bool found = false;

	crmg_vitals_own(&own);
	for (size_t i = 0; i < own.count && !found; i++)
		found = crmg_prefix_contains(&pfx->addr, pfx->len, &own.items[i].addr);
	crmg_vitals_free(&own);
	return found;
}

int crmg_ban_check(const struct crmg_image *image, const struct crmg_pfx *pfx,
		   struct crmg_err *err)
{
	size_t count, i;
	const struct crmg_prefix *p = crmg_image_section(image, CRMG_SECTION_PREFIXES, &count);
	char text[CRMG_ADDR_LEN], other[CRMG_ADDR_LEN];

	crmg_format_prefix(&pfx->addr, pfx->len, text, sizeof(text));
	if (!pfx->len || (crmg_addr_is_v4(&pfx->addr) && pfx->len == 96))
		return crmg_err_set(err, -EINVAL, "%s: a ban of everything is refused; use a policy "
				    "with 'deny: true'", text);
	if (crmg_own_address(pfx))
		return crmg_err_set(err, -EINVAL, "%s: an address of this machine is in it", text);
	for (i = 0; i < count; i++) {
		if (p[i].client ||
		    (!crmg_prefix_contains(&p[i].addr, p[i].len, &pfx->addr) &&
		     !crmg_prefix_contains(&pfx->addr, pfx->len, &p[i].addr)))
			continue;
		return crmg_err_set(err, -EINVAL, "%s: %s is on the allow list, which is never "
				    "banned; take it off the list first", text,
				    crmg_format_prefix(&p[i].addr, p[i].len, other,
						       sizeof(other)));
	}
	return 0;
}
