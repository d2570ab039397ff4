/* SPDX-License-Identifier: GPL-2.0 */
/* wide.h - what was sent to each wider prefix that has budgets together (`aggregate`). */
#ifndef CRMGATE_WIDE_H
#define CRMGATE_WIDE_H

#include "snapshot.h"

struct crmg_wides {
	const struct crmg_snapshot *snap;	/* with CRMG_SNAP_SOURCES */
	uint16_t binding[CRMG_TOTAL_SERVICES];	/* by row: one with such budgets; 0: none */
};

void crmg_wides_of(const struct crmg_snapshot *snap, struct crmg_wides *ret);

/* Entries of the table: [0, ...). 0: the snapshot is without. */
uint32_t crmg_wides_count(const struct crmg_snapshot *snap);

struct crmg_wide_entry {
	struct crmg_pfx pfx;
	uint32_t binding;
	uint64_t check;
	struct crmg_windows windows;		/* at worst a packet is half counted */
};

/* False: it is nobody's, or of a prefix and a policy that have no budget together any more. */
bool crmg_wide_read(const struct crmg_wides *wides, uint32_t index, struct crmg_wide_entry *ret);

/* How wide the prefix is that an address shares budgets with under a binding. */
uint8_t crmg_wide_len(const struct crmg_binding *binding, const struct crmg_addr *addr);

/*
 * Entry of snap->total_windows that has what the wider prefix of an address was sent under a
 * binding; 0: there is none, so that it was sent nothing. One scan: the key of the table's hash
 * is not ours to read.
 */
uint32_t crmg_wide_find(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
			const struct crmg_addr *addr);

#endif
