// SPDX-License-Identifier: GPL-2.0
/* wide.c - reads the entries of wider prefixes, which stand behind the totals. */
#include "wide.h"

#include "../base/addr.h"
#include "why.h"

void crmg_wides_of(const struct crmg_snapshot *snap, struct crmg_wides *ret)
{
	*ret = (struct crmg_wides){ .snap = snap };
	for (uint32_t i = 1; i <= crmg_image_head(snap->image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(snap->image, i);

		if (binding->aggregate_quotas)
			ret->binding[binding->row] = (uint16_t)i;
	}
}

uint32_t crmg_wides_count(const struct crmg_snapshot *snap)
{
	return snap->total_windows ? CRMG_TOTAL_WINDOWS(snap->capacity) - CRMG_TOTALS : 0;
}

uint8_t crmg_wide_len(const struct crmg_binding *binding, const struct crmg_addr *addr)
{
	return crmg_addr_is_v4(addr) ? binding->v4_wide : binding->v6_wide;
}

bool crmg_wide_read(const struct crmg_wides *wides, uint32_t index, struct crmg_wide_entry *ret)
{
	const struct crmg_total_windows *there = &wides->snap->total_windows[CRMG_TOTALS + index];
	const struct crmg_binding *binding;
	struct crmg_total_windows entry;

	/* It may give way while it is read. */
	ret->check = __atomic_load_n(&there->check, __ATOMIC_ACQUIRE);
	if (!ret->check)
		return false;
	entry = *there;
	crmg_windows_copy(&there->windows, &ret->windows);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (__atomic_load_n(&there->check, __ATOMIC_ACQUIRE) != ret->check ||
	    entry.row >= CRMG_TOTAL_SERVICES || !wides->binding[entry.row])
		return false;
	ret->binding = wides->binding[entry.row];
	binding = crmg_image_binding(wides->snap->image, ret->binding);
	ret->pfx = (struct crmg_pfx){ entry.addr, entry.len };
	/* The policy had another width before. */
	return entry.len == crmg_wide_len(binding, &entry.addr);
}

uint32_t crmg_wide_find(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
			const struct crmg_addr *addr)
{
	uint8_t len = crmg_wide_len(binding, addr);
	struct crmg_addr wide = crmg_addr_cut(*addr, len);

	for (uint32_t i = 0; i < crmg_wides_count(snap); i++) {
		const struct crmg_total_windows *there = &snap->total_windows[CRMG_TOTALS + i];

		if (there->check && there->row == binding->row && there->len == len &&
		    there->addr.hi == wide.hi && there->addr.lo == wide.lo)
			return CRMG_TOTALS + i;
	}
	return 0;
}
