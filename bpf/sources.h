/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sources.h - the source table: who a packet is from, and the slot and detail that
 * hold what the source did. Set-associative, without locks, never full: a source
 * that finds no room is judged with its neighbours (budgets.h). Layout: abi.h.
 *
 * A source gets its slot with its first packet while more than half of its line is
 * free, else the first packet leaves only a tag and the second claims the slot:
 * a flood of one-packet sources then writes 8 bytes each and evicts only
 * others of its kind. Who completed a TCP handshake is proven (flows.h), gets a
 * slot at once, and cannot be evicted by who did not.
 */
#ifndef CRMGATE_BPF_SOURCES_H
#define CRMGATE_BPF_SOURCES_H

#define CRMG_CLAIM_TRIES 256	/* also how often a busy tag is read again */

struct crmg_hash {
	__u64 tag;		/* the hash bits of a tag; never 0 */
	__u64 check;
	__u32 line;
};

enum crmg_found {
	CRMG_FOUND_SLOT,	/* the source's own */
	CRMG_FOUND_TAG,		/* first packet: no slot */
	CRMG_FOUND_NONE,	/* no slot: its line is full of sources that may not go */
	CRMG_FOUND_AGAIN,	/* another CPU did not get done with the slot in time */
};

/* A packet that looks for its source, and what is found out about it. */
struct crmg_source {
	struct crmg_addr addr;	/* cut to the source's prefix */
	struct crmg_hash hash;
	__u64 now_ns;
	__u64 first_ns;		/* not 0: a packet came before the slot did, about then, ... */
	__u32 first_len;	/* ... of this length */
	__u32 len;		/* of all packets */
	__u32 index;		/* of the slot, unless it is CRMG_FOUND_TAG */
	__u32 packets;		/* 1; at TC ingress the segments that GRO put together */
	__u8 service;
	__u8 syn;
	__u8 first_syn;
	__u8 proven;		/* by this packet, or before */
	__u8 state;		/* of its tag; EMPTY: it had none when it was looked for */
	__u8 pad[3];
};

static __always_inline struct crmg_take crmg_take_of(const struct crmg_source *source)
{
	return (struct crmg_take){
		source->now_ns << CRMG_UNITS_PER_NS_SHIFT, source->packets, source->len, source->syn
	};
}

static __always_inline enum crmg_reason
crmg_limits(struct crmg_slot *slot, const struct crmg_binding *binding,
	    const struct crmg_source *source, struct crmg_ask *ask)
{
	const struct crmg_take take = crmg_take_of(source);

	return crmg_charge_source(slot, binding->limit, binding->limits, &take, ask);
}

static __always_inline struct crmg_addr crmg_source_addr(const struct crmg_addr *addr, bool v4)
{
	struct crmg_addr cut = *addr;

	if (v4) {
		cut.lo &= crmg_knobs.v4_mask_lo;
	} else {
		cut.hi &= crmg_knobs.v6_mask_hi;
		cut.lo &= crmg_knobs.v6_mask_lo;
	}
	return cut;
}

/*
 * Multilinear hashing over 32-bit words with secret 64-bit keys (pairwise
 * independent, one multiplication a word). Two sums: 61 bits of the first choose line
 * and tag, with a finaliser so that a run of addresses does not stay a run of lines; all
 * of the second are kept in the slot, so an address need not be compared. share: 0, or of a
 * source that prefixes divide the row of the binding whose part of it is meant.
 */
static __always_inline void
crmg_hash_source(const struct crmg_addr *addr, __u8 service, __u16 share, struct crmg_hash *ret)
{
	const volatile __u64 *k = crmg_knobs.hash_key;
	__u64 w0 = addr->hi >> 32, w1 = (__u32)addr->hi;
	__u64 w2 = addr->lo >> 32, w3 = (__u32)addr->lo;
	__u64 a = k[0] + w3 * k[4] + service * k[5];
	__u64 b = k[6] + w3 * k[10] + service * k[11];

	/* All the rest is the same for IPv4, of which only few are divided. */
	if (w0 | (w2 ^ CRMG_V4_MAPPED_LO >> 32) | share) {
		a += w0 * k[1] + w1 * k[2] + w2 * k[3] + share * k[14];
		b += w0 * k[7] + w1 * k[8] + w2 * k[9] + share * k[15];
	}
	a ^= a >> 32;
	a *= k[12] | 1;
	a ^= a >> 29;
	ret->tag = (a | 1ULL << CRMG_TAG_HASH_SHIFT) & (~0ULL << CRMG_TAG_HASH_SHIFT);
	ret->line = a & crmg_knobs.line_mask;
	ret->check = b;
}

/* The way in which a source is looked for first; all have the same chance. */
static __always_inline __u32 crmg_home(const struct crmg_hash *hash)
{
	return hash->check >> 32 & (CRMG_WAYS - 1);
}

/*
 * The way that has the tag of a source, and the tag; or CRMG_WAYS. Its home first: a
 * guess that is mostly right, and that needs no tag, so the CPU fetches the slot while
 * it still waits for the line.
 */
static __always_inline __u32
crmg_way_of(const struct crmg_tags *line, const struct crmg_hash *hash, __u64 *ret_tag)
{
	__u32 way = crmg_home(hash);

	*ret_tag = CRMG_READ_ONCE(line->tag[way]);
	return crmg_tag_is(*ret_tag, hash->tag) ? way : crmg_way_find(line, hash->tag, ret_tag);
}

/* By value: before 6.2 the key may not lie in memory that a function was given. */
static __always_inline struct crmg_tags *crmg_line(const struct crmg_hash *hash)
{
	__u32 line = hash->line;

	return bpf_map_lookup_elem(&tags, &line);
}

static __always_inline struct crmg_slot *crmg_slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

static __always_inline struct crmg_detail *crmg_detail_at(__u32 i)
{
	return bpf_map_lookup_elem(&details, &i);
}

/* A slot that was just claimed: full buckets, zero counters. */
static __always_inline void
crmg_slot_init(struct crmg_slot *slot, struct crmg_detail *detail,
	       const struct crmg_source *source)
{
	__u32 tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	int i;

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
crmg_claim_lost(struct crmg_tags *line, __u32 way, __u64 mine)
{
	if (crmg_way(line, mine, way) == CRMG_WAYS)
		return false;
	crmg_tag_cas(&line->tag[way & 7], mine, 0);
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
crmg_claim(struct crmg_tags *line, __u32 way, __u64 old, struct crmg_slot *slot, __u64 seen,
	   const struct crmg_source *source)
{
	const struct crmg_hash *hash = &source->hash;
	__u64 *tag = &line->tag[way & 7];
	__u32 age = crmg_tag_age(source->now_ns);
	__u32 state = source->proven ? CRMG_TAG_PROVEN : CRMG_TAG_LIVE;
	struct crmg_detail *detail = slot ? crmg_detail_at(source->index) : NULL;
	__u64 first = detail ? crmg_tag_make(hash->tag, CRMG_TAG_BUSY, age) : seen;

	if (!crmg_tag_cas(tag, old, first) || crmg_claim_lost(line, way, first))
		return CRMG_CLAIM_AGAIN;
	if (!detail)
		return CRMG_CLAIM_TAGGED;
	crmg_slot_init(slot, detail, source);
	/* A full barrier: the slot is written before anybody can see it in use. */
	__sync_lock_test_and_set(tag, crmg_tag_make(hash->tag, state, age));
	return CRMG_CLAIM_WON;
}

/* What a first packet that leaves only a tag writes. */
static __always_inline __u64 crmg_tag_seen(const struct crmg_source *source)
{
	__u64 units = (source->len + CRMG_TAG_LEN_UNIT - 1) / CRMG_TAG_LEN_UNIT;

	if (units > 0xff)
		units = 0xff;
	return crmg_tag_make(source->hash.tag, source->syn ? CRMG_TAG_SEEN_SYN : CRMG_TAG_SEEN,
			     units << CRMG_TAG_LEN_SHIFT |
			     (crmg_tag_age(source->now_ns) & CRMG_TAG_AGE_MASK));
}

/* Unpacks what crmg_tag_seen() left: when the tick ended in which it was written, or now. */
static __always_inline void crmg_first_packet(__u64 tag, struct crmg_source *source)
{
	__u64 idle = crmg_tag_idle(tag, crmg_tag_age(source->now_ns));
	__u64 begin = source->now_ns & ~((1ULL << CRMG_TAG_AGE_NS_SHIFT) - 1);

	source->first_ns = idle ? begin - ((idle - 1) << CRMG_TAG_AGE_NS_SHIFT) : source->now_ns;
	source->first_len = (tag >> CRMG_TAG_LEN_SHIFT & 0xff) * CRMG_TAG_LEN_UNIT;
	source->first_syn = crmg_tag_state(tag) == CRMG_TAG_SEEN_SYN;
}

/* Takes over the way that has the source's tag; what it says of its first packet is kept. */
static __always_inline enum crmg_claim
crmg_claim_way(struct crmg_tags *line, __u32 way, __u64 tag, struct crmg_source *source)
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

/*
 * What the tag of a victim cannot tell. Who was refused something still has a claim
 * while a budget of his is not full, or a flood would refill it; a ban that runs stays.
 */
static __always_inline bool
crmg_victim_free(const struct crmg_slot *slot, __u32 state, const struct crmg_source *source)
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
	return true;
}

static __always_inline enum crmg_claim
crmg_claim_victim(struct crmg_tags *line, struct crmg_source *source)
{
	__u32 age = crmg_tag_age(source->now_ns);
	__u32 victim = crmg_victim(line, age, source->proven, crmg_home(&source->hash));
	__u32 way = CRMG_VICTIM_WAY(victim);
	__u32 index = source->hash.line * CRMG_WAYS + way;
	__u64 tag = CRMG_READ_ONCE(line->tag[way]);
	/* Of segments that come as one the second would have claimed the slot. */
	bool at_once = source->proven || source->packets > 1 ||
		       CRMG_VICTIM_FREE(victim) > CRMG_WAYS / 2;
	struct crmg_slot *slot;

	if (!CRMG_VICTIM_CLASS(victim))
		return CRMG_CLAIM_NONE;
	/* Did it come into use, or into other hands, in the meantime? */
	if (!crmg_victim_class(crmg_tag_state(tag), crmg_tag_idle(tag, age), source->proven))
		return CRMG_CLAIM_AGAIN;
	slot = crmg_slot_at(index);
	if (!slot || !crmg_victim_free(slot, crmg_tag_state(tag), source))
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
	__u32 way;
	__u64 tag;

	if (!source)
		return CRMG_FOUND_NONE;
	source->first_ns = 0;
	line = crmg_line(&source->hash);
	if (!line)
		return CRMG_FOUND_NONE;
	way = source->state == CRMG_TAG_EMPTY ? CRMG_WAYS :
						crmg_way(line, source->hash.tag, CRMG_WAYS);
	if (way < CRMG_WAYS) {
		tag = CRMG_READ_ONCE(line->tag[way]);
		if (crmg_tag_state(tag) >= CRMG_TAG_LIVE) {
			source->index = source->hash.line * CRMG_WAYS + way;
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

/*
 * Finds the source of an arriving packet. Returns its slot, with source->index and
 * ->proven, or NULL if it has none in use.
 */
static __always_inline struct crmg_slot *crmg_source_known(struct crmg_source *source)
{
	struct crmg_tags *line = crmg_line(&source->hash);
	struct crmg_slot *slot;
	__u64 tag = 0;
	__u32 way;

	source->first_ns = 0;
	source->state = CRMG_TAG_EMPTY;
	if (!line)
		return NULL;
	way = crmg_way_of(line, &source->hash, &tag);
	if (way >= CRMG_WAYS)
		return NULL;
	source->state = crmg_tag_state(tag);
	if (source->state < CRMG_TAG_LIVE)
		return NULL;
	crmg_tag_touch(&line->tag[way & 7], tag, crmg_tag_age(source->now_ns));
	source->proven = source->state >= CRMG_TAG_PROVEN;
	source->index = source->hash.line * CRMG_WAYS + way;
	slot = crmg_slot_at(source->index);
	/* Given away since its tag was read? Then it is as if the source had none. */
	return slot && CRMG_READ_ONCE(slot->check) == source->hash.check ? slot : NULL;
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

/* Raises the state of a source that has a slot; it decides who may evict it. */
static __always_inline bool
crmg_source_mark(const struct crmg_source *source, enum crmg_tag_state state)
{
	const struct crmg_hash *hash = &source->hash;
	struct crmg_tags *line = crmg_line(hash);
	__u64 *tag, old;

	if (!line)
		return false;
	tag = &line->tag[source->index & 7];
	old = CRMG_READ_ONCE(*tag);
	if (!crmg_tag_is(old, hash->tag) || crmg_tag_state(old) < CRMG_TAG_LIVE ||
	    crmg_tag_state(old) >= state)
		return false;
	return crmg_tag_cas(tag, old, crmg_tag_make(old & (~0ULL << CRMG_TAG_HASH_SHIFT), state,
						    old & CRMG_TAG_LIVE_AGE_MASK));
}

/* The slot of a source that has one, and its index; for packets that leave. */
static __always_inline struct crmg_slot *
crmg_source_peek(const struct crmg_hash *hash, __u32 *ret_index)
{
	struct crmg_tags *line = crmg_line(hash);
	struct crmg_slot *slot;
	__u64 tag = 0;
	__u32 way;

	if (!line)
		return NULL;
	way = crmg_way_of(line, hash, &tag);
	if (way >= CRMG_WAYS || crmg_tag_state(tag) < CRMG_TAG_LIVE)
		return NULL;
	*ret_index = hash->line * CRMG_WAYS + way;
	slot = crmg_slot_at(*ret_index);
	return slot && CRMG_READ_ONCE(slot->check) == hash->check ? slot : NULL;
}

#endif
