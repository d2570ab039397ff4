// SPDX-License-Identifier: GPL-2.0
/* slots.c - what a slot of the source table has to tell the ledger. */
#include "slots.h"

static uint64_t greater(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

struct crmg_ledger_sums crmg_ledger_since(struct crmg_ledger_base *base,
					  const struct crmg_source_record *source)
{
	const struct crmg_slot *slot = &source->slot;
	const struct crmg_detail *detail = &source->detail;
	struct crmg_ledger_base now = {
		.check = slot->check,
		.packets = crmg_source_packets(slot, detail),
		.bytes = crmg_source_bytes(slot, detail),
		.bytes_out = detail->bytes_out,
		.connections = detail->connections,
		.requests = source->asked.requests,
		.dropped = (uint32_t)crmg_source_dropped(slot, detail),
		.first_seen = detail->first_seen,
	};
	struct crmg_ledger_base before = *base;

	/* Requests are kept apart from the slot, and found again by who comes back to it. */
	if (before.check != now.check || before.first_seen != now.first_seen)
		before = (struct crmg_ledger_base){
			.requests = before.check == now.check ? before.requests : 0,
		};
	/* What was read while a slot carried over to its detail is in it twice, and is less next time. */
	now.packets = greater(now.packets, before.packets);
	now.bytes = greater(now.bytes, before.bytes);
	now.bytes_out = greater(now.bytes_out, before.bytes_out);
	now.connections = greater(now.connections, before.connections);
	if (now.requests < before.requests)
		before.requests = 0;
	*base = now;
	return (struct crmg_ledger_sums){ {
		[CRMG_LEDGER_PACKETS] = now.packets - before.packets,
		[CRMG_LEDGER_BYTES] = now.bytes - before.bytes,
		[CRMG_LEDGER_BYTES_OUT] = now.bytes_out - before.bytes_out,
		[CRMG_LEDGER_CONNECTIONS] = now.connections - before.connections,
		[CRMG_LEDGER_REQUESTS] = now.requests - before.requests,
		/* Of shadow's refusals some may be known before the others: no step back. */
		[CRMG_LEDGER_DROPPED] = (int32_t)(now.dropped - before.dropped) > 0 ?
					now.dropped - before.dropped : 0,
	} };
}

struct crmg_pfx crmg_ledger_shown(const struct crmg_snapshot *snap, const struct crmg_addr *addr)
{
	uint8_t len = crmg_source_len(snap, addr);
	const struct crmg_pfx source = { .addr = crmg_addr_cut(*addr, len), .len = len };

	return crmg_image_head(snap->image)->addresses == CRMG_ADDRESSES_TRUNCATE ?
	       crmg_addr_outline(&source) : source;
}
