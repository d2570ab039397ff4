/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sources.h - sources out of the live table: what state each is in, what it sent, the
 * automatic bans. Everything may change while it is read.
 */
#ifndef CRMGATE_SOURCES_H
#define CRMGATE_SOURCES_H

#include "snapshot.h"

/* Origin of automatic bans, in lists and labels; `ban --origin` refuses it. */
#define CRMG_ORIGIN_AUTO "auto"

const char *crmg_source_state_name(unsigned int state);

/* State of an entry of the table as its tag tells it: enum crmg_tag_state. */
unsigned int crmg_tag_state_of(const struct crmg_snapshot *snap, uint32_t index);

/* True for the states of a tag whose slot is in use; and of a source that is proven. */
bool crmg_tag_in_use(unsigned int state);
bool crmg_tag_is_proven(unsigned int state);

/* All that the table holds of a source: a copy, as the table goes on. */
struct crmg_source_record {
	struct crmg_slot slot;
	struct crmg_detail detail;
	struct crmg_asked asked;	/* zero: nothing was counted, or it was not asked for */
};

/*
 * Copies what is behind a tag that is in use, of a service that exists, into *ret.
 * Returns the state of the tag; CRMG_TAG_EMPTY: nothing there, or it changed hands
 * meanwhile.
 */
unsigned int crmg_source_read(const struct crmg_snapshot *snap, uint32_t index,
			      struct crmg_source_record *ret);

/* Packets and bytes that arrived from a source. */
static inline uint64_t crmg_source_packets(const struct crmg_slot *slot,
					   const struct crmg_detail *detail)
{
	return detail->carried_packets + CRMG_TRAFFIC_PACKETS(slot->traffic);
}

static inline uint64_t crmg_source_bytes(const struct crmg_slot *slot,
					 const struct crmg_detail *detail)
{
	return detail->carried_bytes + CRMG_TRAFFIC_BYTES(slot->traffic);
}

/*
 * Requests that passed, of the source that has a slot. 0: none were counted, or sources were
 * not asked for.
 */
static inline uint64_t crmg_source_requests(const struct crmg_snapshot *snap, uint32_t index,
					    const struct crmg_slot *slot)
{
	const struct crmg_asked *asked = snap->asked ? &snap->asked[index] : NULL;

	return asked && asked->check == slot->check ? asked->requests : 0;
}

/* Packets of a source that were dropped or reset, or would have been but for shadow. */
static inline uint64_t crmg_source_refusals(const struct crmg_slot *slot,
					    const struct crmg_detail *detail)
{
	return ((uint64_t)detail->carried_refusals << CRMG_REFUSALS_CARRY) +
	       CRMG_REFUSALS_NUMBER(slot->refusals);
}

/*
 * Reason of the last refusal of a source, 0 if there was none, and its tick, which is off by
 * up to CRMG_REFUSALS_TICKS.
 */
static inline uint32_t crmg_source_refused(const struct crmg_slot *slot,
					   const struct crmg_detail *detail, uint32_t *ret_tick)
{
	uint32_t reason = CRMG_REFUSALS_REASON(slot->refusals);

	*ret_tick = reason ? slot->last_seen : detail->last_refused;
	return reason ? reason : detail->last_reason;
}

/* Packets of a source that were dropped or reset. */
static inline uint64_t crmg_source_dropped(const struct crmg_slot *slot,
					   const struct crmg_detail *detail)
{
	uint64_t refusals = crmg_source_refusals(slot, detail);

	return refusals > detail->shadow_refusals ? refusals - detail->shadow_refusals : 0;
}

/*
 * How many connections of a kind a source has at once, as the packet path knows them: those
 * that passed under a policy with a cap. 0 if gauges were not asked for.
 */
uint32_t crmg_source_has(const struct crmg_snapshot *snap, const struct crmg_slot *slot,
			 enum crmg_cap cap);

/* One pass over the tags: fills tracked, recent and by_state. */
void crmg_sources_count(struct crmg_snapshot *snap);

/* End of the automatic ban that is in force (CLOCK_BOOTTIME); 0: none is. */
uint64_t crmg_auto_ban_end(const struct crmg_snapshot *snap,
			   const struct crmg_source_record *source);

/*
 * Copies the next source from entry *at on that is banned automatically; *at is then the
 * entry behind it. False: there are no more.
 */
bool crmg_auto_ban_next(const struct crmg_snapshot *snap, uint32_t *at,
			struct crmg_source_record *ret);

/*
 * An automatic ban as an entry of the list of bans: the note says "3rd ban"; when it
 * began is not known (0).
 */
struct crmg_ban_entry crmg_auto_ban_entry(const struct crmg_snapshot *snap,
					  const struct crmg_source_record *source);

/*
 * End of the ban that lasts longest (CLOCK_BOOTTIME): of the manual one (NULL: there is
 * none) and the automatic one of a source. 0: neither.
 */
uint64_t crmg_banned_until(const struct crmg_snapshot *snap, const struct crmg_ban_entry *manual,
			   const struct crmg_source_record *source);

/* Refusals within the time of the terms: what counts towards the next automatic ban. */
unsigned int crmg_source_strikes(const struct crmg_snapshot *snap,
				 const struct crmg_detail *detail,
				 const struct crmg_ban_terms *terms);

/* A source as text: the address cut to the prefix of its family. buf is returned. */
char *crmg_source_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       char *buf, size_t size);

/* Prefix length of the source of addr, 0..128 (IPv4 + 96). */
uint8_t crmg_source_len(const struct crmg_snapshot *snap, const struct crmg_addr *addr);

/* Index of the binding that holds for a source, as its last packet found it in this policy. */
uint32_t crmg_source_binding(const struct crmg_snapshot *snap,
			     const struct crmg_source_record *source);

/* Its label. */
const struct crmg_label *crmg_source_label(const struct crmg_snapshot *snap,
					   const struct crmg_source_record *source);

#endif
