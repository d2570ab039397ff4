/* SPDX-License-Identifier: GPL-2.0 */
/* slots.h - a slot of the source table between two readings. */
#ifndef CRMGATE_LEDGER_SLOTS_H
#define CRMGATE_LEDGER_SLOTS_H

#include "../report/sources.h"
#include "record.h"

/* What a slot had counted at the last reading, and whose it was. */
struct crmg_ledger_base {
	uint64_t check;
	uint64_t packets;
	uint64_t bytes;
	uint64_t bytes_out;
	uint64_t connections;
	uint64_t requests;
	uint32_t dropped;	/* modulo 2^32 */
	uint32_t first_seen;
};
_Static_assert(sizeof(struct crmg_ledger_base) == 56, "there is one for each slot");

/* What it counted since the last reading; all of it if it changed hands. Moves base on. */
struct crmg_ledger_sums crmg_ledger_since(struct crmg_ledger_base *base,
					  const struct crmg_source_record *source);

/* A source as the ledger names it. */
struct crmg_pfx crmg_ledger_shown(const struct crmg_snapshot *snap, const struct crmg_addr *addr);

#endif
