// SPDX-License-Identifier: GPL-2.0
/*
 * sources.c - reads sources while the kernel writes them. Reads each word at most
 * twice, and never trusts that two belong together.
 */
#include "sources.h"

#include <stdio.h>
#include <string.h>

#include <crmgate/gauge.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "../base/util.h"

/* How long ago a source may have sent something and is still there "now". */
#define RECENT_NS (60 * CRMG_NS_PER_SEC)

/* The table goes on after the clock was read: ages of so much later are not old ones. */
#define AHEAD_NS (2 * CRMG_NS_PER_SEC)

const char *crmg_source_state_name(unsigned int state)
{
#define NAME(ID, name, ...) name,
	static const char *const names[] = { CRMG_SOURCE_STATES(NAME) };

	return names[state];
}

static __u32 load_tag(const struct crmg_snapshot *snap, uint32_t index)
{
	return __atomic_load_n(&snap->tags[index / CRMG_WAYS].tag[index % CRMG_WAYS],
			       __ATOMIC_ACQUIRE);
}

static unsigned int state_of(__u32 tag)
{
	return tag >> CRMG_TAG_STATE_SHIFT & CRMG_TAG_STATE_MASK;
}

unsigned int crmg_tag_state_of(const struct crmg_snapshot *snap, uint32_t index)
{
	return state_of(load_tag(snap, index));
}

bool crmg_tag_in_use(unsigned int state)
{
	return state >= CRMG_TAG_LIVE && state <= CRMG_TAG_BANNED;
}

/* Only a proven source is banned automatically, and it stays proven. */
bool crmg_tag_is_proven(unsigned int state)
{
	return state == CRMG_TAG_PROVEN || state == CRMG_TAG_BANNED;
}

unsigned int crmg_source_read(const struct crmg_snapshot *snap, uint32_t index,
			      struct crmg_source_record *ret)
{
	const struct crmg_service *service;
	__u32 tag = load_tag(snap, index), after;

	if (!crmg_tag_in_use(state_of(tag)))
		return CRMG_TAG_EMPTY;
	memcpy(&ret->slot, &snap->slots[index], sizeof(ret->slot));
	memcpy(&ret->detail, &snap->details[index], sizeof(ret->detail));
	ret->asked = (struct crmg_asked){ 0 };
	if (snap->asked && snap->asked[index].check == ret->slot.check)
		memcpy(&ret->asked, &snap->asked[index], sizeof(ret->asked));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = load_tag(snap, index);
	if (!crmg_tag_in_use(state_of(after)) || (tag ^ after) & CRMG_TAG_HASH_MASK)
		return CRMG_TAG_EMPTY;
	service = crmg_image_service(snap->image, ret->detail.service);
	/* A slot from before the service got this index belongs to another one. */
	if (!service ||
	    (int32_t)(CRMG_SLOT_GENERATION(ret->slot.resolved) - service->born) < 0)
		return CRMG_TAG_EMPTY;
	return state_of(after);
}

/*
 * As exact as the ticks of the state are. The age of a source that only sent one packet
 * wraps: after 69 s it looks new again.
 */
static bool is_recent(const struct crmg_snapshot *snap, __u32 tag)
{
	unsigned int state = state_of(tag), shift = CRMG_TAG_AGE_NS_SHIFT(state);
	__u32 mask = crmg_tag_in_use(state) ? CRMG_TAG_LIVE_AGE_MASK : CRMG_TAG_AGE_MASK;
	__u32 now = (snap->mono_ns + AHEAD_NS) >> shift;

	return ((now - tag) & mask) <= (RECENT_NS + AHEAD_NS) >> shift;
}

static enum crmg_source_state source_state(const struct crmg_snapshot *snap, uint32_t index,
					   unsigned int tag_state)
{
	struct crmg_source_record source;

	switch (tag_state) {
	case CRMG_TAG_LIVE:
		return CRMG_SOURCE_UNPROVEN;
	case CRMG_TAG_LIMITED:
		return CRMG_SOURCE_LIMITED;
	case CRMG_TAG_PROVEN:
		return CRMG_SOURCE_PROVEN;
	case CRMG_TAG_BANNED:
		return crmg_source_read(snap, index, &source) &&
		       crmg_auto_ban_end(snap, &source)
		       ? CRMG_SOURCE_BANNED : CRMG_SOURCE_PROVEN;
	default:
		return CRMG_SOURCE_SEEN;
	}
}

void crmg_sources_count(struct crmg_snapshot *snap)
{
	snap->tracked = snap->recent = 0;
	memset(snap->by_state, 0, sizeof(snap->by_state));
	for (uint32_t i = 0; i < snap->capacity; i++) {
		__u32 tag = load_tag(snap, i);

		if (!tag)
			continue;
		snap->tracked++;
		snap->recent += is_recent(snap, tag);
		snap->by_state[source_state(snap, i, state_of(tag))]++;
	}
}

uint64_t crmg_auto_ban_end(const struct crmg_snapshot *snap,
			   const struct crmg_source_record *source)
{
	const struct crmg_detail *detail = &source->detail;
	uint64_t end = source->slot.auto_until_s * CRMG_NS_PER_SEC;
	bool holds = detail->auto_bans && detail->pardoned != detail->auto_bans;

	return holds && end > snap->boot_ns ? end : 0;
}

bool crmg_auto_ban_next(const struct crmg_snapshot *snap, uint32_t *at,
			struct crmg_source_record *ret)
{
	while (*at < snap->capacity) {
		uint32_t index = (*at)++;

		if (crmg_tag_state_of(snap, index) == CRMG_TAG_BANNED &&
		    crmg_source_read(snap, index, ret) && crmg_auto_ban_end(snap, ret))
			return true;
	}
	return false;
}

/* Of an ordinal number, in English. */
static const char *ordinal_ending(unsigned int n)
{
	static const char *const endings[] = { "th", "st", "nd", "rd" };

	return n % 100 / 10 == 1 || n % 10 > 3 ? "th" : endings[n % 10];
}

struct crmg_ban_entry crmg_auto_ban_entry(const struct crmg_snapshot *snap,
					  const struct crmg_source_record *source)
{
	const struct crmg_detail *detail = &source->detail;
	struct crmg_ban_entry entry = {
		.key = { .addr = detail->addr, .len = crmg_source_len(snap, &detail->addr),
			 .service = detail->service },
		.ban = { .until_ns = source->slot.auto_until_s * CRMG_NS_PER_SEC,
			 .origin = CRMG_ORIGIN_AUTO },
	};

	snprintf(entry.ban.note, sizeof(entry.ban.note), "%u%s ban", detail->auto_bans,
		 ordinal_ending(detail->auto_bans));
	return entry;
}

uint64_t crmg_banned_until(const struct crmg_snapshot *snap, const struct crmg_ban_entry *manual,
			   const struct crmg_source_record *source)
{
	uint64_t automatic = crmg_auto_ban_end(snap, source);

	return manual && manual->ban.until_ns > automatic ? manual->ban.until_ns : automatic;
}

unsigned int crmg_source_strikes(const struct crmg_snapshot *snap,
				 const struct crmg_detail *detail,
				 const struct crmg_ban_terms *terms)
{
	uint64_t part_ns = terms->within_ms * (CRMG_NS_PER_SEC / 1000) / (CRMG_STRIKE_PARTS - 1);
	unsigned int sum = 0, passed, i;

	if (!terms->after || !part_ns)
		return 0;
	/* Parts that began since the last strike hold none, and push the oldest out. */
	passed = (uint16_t)(snap->mono_ns / part_ns - detail->strike_part);
	for (i = 0; i + passed < CRMG_STRIKE_PARTS; i++)
		sum += detail->strikes >> i * CRMG_STRIKE_BITS & ((1u << CRMG_STRIKE_BITS) - 1);
	return sum;
}

uint8_t crmg_source_len(const struct crmg_snapshot *snap, const struct crmg_addr *addr)
{
	const struct crmg_head *head = crmg_image_head(snap->image);

	return crmg_addr_is_v4(addr) ? head->v4_prefix + 96 : head->v6_prefix;
}

char *crmg_source_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       char *buf, size_t size)
{
	uint8_t len = crmg_source_len(snap, addr);
	struct crmg_addr cut = crmg_addr_cut(*addr, len);

	return crmg_format_prefix(&cut, len, buf, size);
}

uint32_t crmg_source_binding(const struct crmg_snapshot *snap,
			     const struct crmg_source_record *source)
{
	uint64_t resolved = source->slot.resolved;
	uint32_t found;

	/* The address is that of the whole source, of which the slot may be for a part. */
	if (CRMG_SLOT_GENERATION(resolved) == crmg_image_head(snap->image)->generation)
		return CRMG_SLOT_BINDING(resolved);
	found = crmg_image_resolve(snap->image, source->detail.service, &source->detail.addr);
	return crmg_image_standing(snap->image, found, snap->real_ns);
}

const struct crmg_label *crmg_source_label(const struct crmg_snapshot *snap,
					   const struct crmg_source_record *source)
{
	return crmg_image_label(snap->image, crmg_source_binding(snap, source));
}

uint32_t crmg_source_has(const struct crmg_snapshot *snap, const struct crmg_slot *slot,
			 enum crmg_cap cap)
{
	uint32_t lines = crmg_image_head(snap->image)->flows / CRMG_WAYS;
	struct crmg_gauge_place place = crmg_gauge_place(slot->check, lines);

	for (unsigned int way = 0; snap->gauges && way < CRMG_WAYS; way++) {
		uint64_t word = __atomic_load_n(&snap->gauges[place.line].word[way],
						__ATOMIC_RELAXED);

		if (crmg_gauge_is(word, place.hash))
			return crmg_gauge_count(word, cap);
	}
	return 0;
}
