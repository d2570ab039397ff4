// SPDX-License-Identifier: GPL-2.0
/*
 * autobans.c - ends automatic bans. The kernel makes them, in the table of sources;
 * of that table user space writes one byte, `pardoned`, and what forget.c does.
 */
#include "../base/util.h"
#include "../report/sources.h"
#include "internal.h"

size_t crmg_auto_unban(struct crmg_kern *kern, const struct crmg_pfx *sorted, size_t count,
		       uint8_t service)
{
	struct crmg_detail *details = kern->view[CRMG_MAP_DETAILS].memory;
	const struct crmg_snapshot snap = {
		.boot_ns = crmg_clock_ns(CLOCK_BOOTTIME),
		.image = &kern->image,
		.capacity = crmg_image_head(&kern->image)->capacity,
		.tags = kern->view[CRMG_MAP_TAGS].memory,
		.slots = kern->view[CRMG_MAP_SLOTS].memory,
		.details = details,
	};
	struct crmg_source_record source;
	size_t removed = 0;
	uint32_t at = 0;

	while (crmg_auto_ban_next(&snap, &at, &source)) {
		struct crmg_pfx pfx = { source.detail.addr,
					crmg_source_len(&snap, &source.detail.addr) };

		if ((service && source.detail.service != service) ||
		    !crmg_pfx_listed(sorted, count, &pfx))
			continue;
		/*
		 * The number of the ban, and not just "pardoned": the next one holds. The
		 * slot stays the source's, as none is taken away while a ban is in force.
		 */
		__atomic_store_n(&details[at - 1].pardoned, source.detail.auto_bans,
				 __ATOMIC_RELAXED);
		crmg_event_add(kern, CRMG_EVENT_UNBAN, &pfx,
			       crmg_ban_service(kern, source.detail.service), "%s",
			       CRMG_ORIGIN_AUTO);
		removed++;
	}
	return removed;
}
