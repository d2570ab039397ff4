/* SPDX-License-Identifier: GPL-2.0 */
/*
 * claim.h - room in the source table for who has none in it: a slot, or a tag.
 *
 * A source gets its slot with its first packet while more than half of its line is
 * free, else the first packet leaves only a tag and the second claims the slot:
 * a flood of one-packet sources then writes 4 bytes each and evicts only
 * others of its kind. Who completed a TCP handshake is proven (flows.h), gets a
 * slot at once, and cannot be evicted by who did not.
 */
#ifndef CRMGATE_BPF_CLAIM_H
#define CRMGATE_BPF_CLAIM_H

#define CRMG_CLAIM_TRIES 256	/* also how often a busy tag is read again */

/* A slot that was just claimed: full buckets, zero counters. */
static __always_inline void
crmg_slot_init(struct crmg_slot *slot, struct crmg_detail *detail,
	       const struct crmg_source *source)
{
	__u32 tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	int i;

	crmg_windows_change(source, slot->check);
	__builtin_memset(slot, 0, sizeof(*slot));
	slot->check = source->hash.check;
	slot->last_seen = tick;
	for (i = 0; i < CRMG_BUCKET_LIMITS; i++)
		slot->tat[i] = source->now_ns << CRMG_UNITS_PER_NS_SHIFT;
	__builtin_memset(detail, 0, sizeof(*detail));
	detail->addr = source->addr;
	detail->service = source->service;
	detail->first_seen = tick;
}

/*
 * Another CPU may have claimed another way for the same source at the same time.
 * Each looks after its own tag `mine` is there, so at least one sees the other; who
 * does gives up and looks again. Returns true if ours had to go. (Unless the other
 * has taken our tag over in the meantime: then it is his.)
 */
static __always_inline bool
crmg_claim_lost(const struct crmg_hash *hash, __u32 *tag, __u32 way, __u32 mine)
{
	if (crmg_way(hash, way) == CRMG_WAYS)
		return false;
	crmg_tag_cas(tag, mine, 0);
	return true;
}

enum crmg_claim {
	CRMG_CLAIM_WON,
	CRMG_CLAIM_TAGGED,
	CRMG_CLAIM_AGAIN,	/* another CPU was faster */
	CRMG_CLAIM_NONE,	/* nobody may be evicted */
};

/*
 * Takes way of line, whose tag is old: with its slot (entry source->index), or (slot
 * NULL) only the tag, which then is `seen`. It says busy while slot and detail are
 * written, so no CPU uses them.
 */
static __always_inline enum crmg_claim
crmg_claim(struct crmg_tags *line, __u32 way, __u32 old, struct crmg_slot *slot, __u32 seen,
	   const struct crmg_source *source)
{
	const struct crmg_hash *hash = &source->hash;
	__u32 *tag = &line->tag[way & 7];
	__u32 state = source->proven ? CRMG_TAG_PROVEN : CRMG_TAG_LIVE;
	struct crmg_detail *detail = slot ? crmg_detail_at(source->index) : NULL;
	__u32 first = detail ? crmg_tag_make(hash->tag, CRMG_TAG_BUSY, 0) : seen;

	if (!crmg_tag_cas(tag, old, first) || crmg_claim_lost(hash, tag, way, first))
		return CRMG_CLAIM_AGAIN;
	if (!detail)
		return CRMG_CLAIM_TAGGED;
	crmg_slot_init(slot, detail, source);
	/* A full barrier: the slot is written before anybody can see it in use. */
	__sync_lock_test_and_set(tag, crmg_tag_make(hash->tag, state,
						    crmg_tag_age(source->now_ns, state)));
	return CRMG_CLAIM_WON;
}

/*
 * True if a tag can tell all of a first packet that there is to tell: of segments that
 * come as one the second would have claimed the slot.
 */
static __always_inline bool crmg_tag_holds(const struct crmg_source *source)
{
	return source->packets == 1 && source->len <= CRMG_TAG_LEN_MAX;
}

/* What such a packet writes. */
static __always_inline __u32 crmg_tag_seen(const struct crmg_source *source)
{
	__u32 state = source->syn ? CRMG_TAG_SEEN_SYN : CRMG_TAG_SEEN;
	__u32 units = (source->len + CRMG_TAG_LEN_UNIT - 1) / CRMG_TAG_LEN_UNIT;

	return crmg_tag_make(source->hash.tag, state, (units & 31) << CRMG_TAG_LEN_SHIFT |
						      crmg_tag_age(source->now_ns, CRMG_TAG_SEEN));
}

/* Unpacks what crmg_tag_seen() left: when the tick ended in which it was written, or now. */
static __always_inline void crmg_first_packet(__u32 tag, struct crmg_source *source)
{
	const __u32 shift = CRMG_TAG_AGE_NS_SHIFT(CRMG_TAG_SEEN);
	__u64 idle = crmg_tag_idle(tag, source->now_ns);
	__u64 begin = source->now_ns >> shift << shift;

	source->first_ns = idle ? begin - ((idle - 1) << shift) : source->now_ns;
	source->first_len = (tag >> CRMG_TAG_LEN_SHIFT & 31) * CRMG_TAG_LEN_UNIT;
	source->first_syn = crmg_tag_state(tag) == CRMG_TAG_SEEN_SYN;
}

/* Takes over the way that has the source's tag; what it says of its first packet is kept. */
static __always_inline enum crmg_claim
crmg_claim_way(struct crmg_tags *line, __u32 way, __u32 tag, struct crmg_source *source)
{
	__u32 index = source->hash.line * CRMG_WAYS + (way & 7);

	/* Another CPU writes the slot, or the tag went to another source. */
	if (crmg_tag_state(tag) == CRMG_TAG_BUSY ||
	    !crmg_tag_is(tag, source->hash.tag))
		return CRMG_CLAIM_AGAIN;
	crmg_first_packet(tag, source);
	source->index = index;
	return crmg_claim(line, way, tag, crmg_slot_at(index), 0, source);
}

/* True if the requests of a slot are not paid for, or its failures. No branch, for the verifier. */
static __always_inline bool
crmg_asked_owes(const struct crmg_slot *slot, __u32 index, __u64 now)
{
	const struct crmg_asked *asked = bpf_map_lookup_elem(&asked_map, &index);
	__u64 owes;

	if (!asked || CRMG_READ_ONCE(asked->check) != CRMG_READ_ONCE(slot->check))
		return false;
	owes = crmg_has_backlog(CRMG_READ_ONCE(asked->tat), now) |
	       (crmg_has_backlog(CRMG_READ_ONCE(asked->failed_tat), now) &
		(0 - CRMG_READ_ONCE(asked->failed_cost)) >> 63);
	return owes;
}

/*
 * What the tag of a victim cannot tell. Who was refused something still has a claim
 * while a budget of his is not full, or a flood would refill it; a ban that runs stays.
 */
static __always_inline bool
crmg_victim_free(const struct crmg_slot *slot, __u32 index, __u32 state,
		 const struct crmg_source *source)
{
	__u64 now = source->now_ns << CRMG_UNITS_PER_NS_SHIFT;
	int i;

	if (state == CRMG_TAG_BANNED)
		return CRMG_READ_ONCE(slot->auto_until_s) < crmg_boot_ns() / CRMG_NS_PER_SEC;
	if (state != CRMG_TAG_LIMITED || source->proven)
		return true;
	for (i = 0; i < CRMG_BUCKET_LIMITS; i++)
		if (crmg_backlog(CRMG_READ_ONCE(slot->tat[i]), now))
			return false;
	return !crmg_asked_owes(slot, index, now);
}

static __always_inline enum crmg_claim
crmg_claim_victim(struct crmg_tags *line, struct crmg_source *source)
{
	__u32 victim = crmg_victim(line, source->now_ns, source->proven, crmg_home(&source->hash));
	bool at_once = source->proven || !crmg_tag_holds(source) ||
		       CRMG_VICTIM_FREE(victim) > CRMG_WAYS / 2;
	struct crmg_slot *slot;
	__u32 way, index, tag;

	if (!CRMG_VICTIM_CLASS(victim) && source->proven)
		victim = crmg_victim_banned(line, source->now_ns);
	way = CRMG_VICTIM_WAY(victim);
	index = source->hash.line * CRMG_WAYS + way;
	tag = CRMG_READ_ONCE(line->tag[way]);
	if (!CRMG_VICTIM_CLASS(victim))
		return CRMG_CLAIM_NONE;
	/* Another CPU has taken it for the same source: nobody is his own victim. */
	if (crmg_tag_is(tag, source->hash.tag) && crmg_tag_state(tag) < CRMG_TAG_LIVE)
		return CRMG_CLAIM_AGAIN;
	/* Did it come into use, or into other hands, in the meantime? */
	if (crmg_tag_state(tag) != CRMG_TAG_BANNED &&
	    !crmg_victim_class(crmg_tag_state(tag), crmg_tag_idle(tag, source->now_ns),
			       source->proven))
		return CRMG_CLAIM_AGAIN;
	slot = crmg_slot_at(index);
	if (!slot)
		return CRMG_CLAIM_NONE;
	if (crmg_tag_is(tag, source->hash.tag) &&
	    CRMG_READ_ONCE(slot->check) == source->hash.check)
		return CRMG_CLAIM_AGAIN;
	if (!crmg_victim_free(slot, index, crmg_tag_state(tag), source))
		return CRMG_CLAIM_NONE;
	if (tag)
		crmg_count_host(CRMG_HOST_EVICTIONS);
	source->index = index;
	return crmg_claim(line, way, tag, at_once ? slot : NULL, crmg_tag_seen(source), source);
}

/*
 * Tries to make room for a source that has no slot. A function of its own, verified
 * once: a packet from a known source does not come here. Returns enum crmg_found.
 */
__noinline int crmg_source_try(struct crmg_source *source)
{
	enum crmg_claim claim;
	struct crmg_tags *line;
	__u32 way, tag;

	if (!source)
		return CRMG_FOUND_NONE;
	source->first_ns = 0;
	line = crmg_line(&source->hash);
	if (!line)
		return CRMG_FOUND_NONE;
	way = source->state == CRMG_TAG_EMPTY ? CRMG_WAYS : crmg_way(&source->hash, CRMG_WAYS);
	if (way < CRMG_WAYS) {
		tag = CRMG_READ_ONCE(line->tag[way]);
		if (crmg_tag_state(tag) >= CRMG_TAG_LIVE) {
			crmg_source_met(source, line, way, tag);
			return CRMG_FOUND_SLOT;
		}
		claim = crmg_claim_way(line, way, tag, source);
	} else {
		claim = crmg_claim_victim(line, source);
	}
	switch (claim) {
	case CRMG_CLAIM_WON:
		return CRMG_FOUND_SLOT;
	case CRMG_CLAIM_TAGGED:
		return CRMG_FOUND_TAG;
	case CRMG_CLAIM_AGAIN:
		return CRMG_FOUND_AGAIN;
	case CRMG_CLAIM_NONE:
		break;
	}
	source->first_ns = 0;
	return CRMG_FOUND_NONE;
}

/* The same again until it succeeds: another CPU that writes a slot takes its time. */
__noinline int crmg_source_again(struct crmg_source *source)
{
	int found = CRMG_FOUND_AGAIN, try;

	if (!source)
		return CRMG_FOUND_NONE;
	source->state = CRMG_TAG_BUSY;
	for (try = 0; try < CRMG_CLAIM_TRIES && found == CRMG_FOUND_AGAIN; try++)
		found = crmg_source_try(source);
	return found;
}

/* Makes room for a source that crmg_source_known() did not find. *ret: its slot, or NULL. */
static __always_inline enum crmg_found
crmg_source_new(struct crmg_source *source, struct crmg_slot **ret)
{
	enum crmg_found found = crmg_source_try(source);
	struct crmg_slot *slot = NULL;

	if (found == CRMG_FOUND_AGAIN)
		found = crmg_source_again(source);
	if (found == CRMG_FOUND_SLOT) {
		slot = crmg_slot_at(source->index);
		if (!slot || CRMG_READ_ONCE(slot->check) != source->hash.check) {
			found = CRMG_FOUND_TAG;
			slot = NULL;
		}
	}
	*ret = slot;
	return found;
}

#endif
