// SPDX-License-Identifier: GPL-2.0
/* bancheck.c - what no operator may ban: everybody, this machine, the allow list. */
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "../base/util.h"
#include "internal.h"

/* True if some address of this machine lies in the prefix. */
static bool crmg_own_address(const struct crmg_pfx *pfx)
{
	struct ifaddrs *list = NULL, *i;
	bool found = false;

	if (getifaddrs(&list))
		return false;
	for (i = list; i && !found; i = i->ifa_next) {
		struct crmg_addr addr = { 0, 0 };

		if (!i->ifa_addr)
			continue;
		if (i->ifa_addr->sa_family == AF_INET) {
			addr.lo = CRMG_V4_MAPPED_LO |
				  ntohl(((struct sockaddr_in *)i->ifa_addr)->sin_addr.s_addr);
		} else if (i->ifa_addr->sa_family == AF_INET6) {
			memcpy(&addr, &((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr,
			       sizeof(addr));
			addr.hi = be64toh(addr.hi);
			addr.lo = be64toh(addr.lo);
		} else {
			continue;
		}
		found = crmg_prefix_contains(&pfx->addr, pfx->len, &addr);
	}
	freeifaddrs(list);
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
