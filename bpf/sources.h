/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sources.h - the source table: who a packet is from, and the slot that holds
 * what the source did. Set-associative, without locks, never full: a source
 * that finds no room shares an overflow slot. Layout: abi.h.
 *
 * A source gets its slot with its first packet while its line is at most half
 * full, else the first packet leaves only a tag and the second claims the slot:
 * a flood of one-packet sources then writes 8 bytes each and evicts only
 * others of its kind.
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
	CRMG_FOUND_OVERFLOW,	/* a shared slot, of which only the buckets may be used */
	CRMG_FOUND_AGAIN,	/* another CPU did not get done with the slot in time */
};

/* A packet that looks for its source, and what is found out about it. */
struct crmg_source {
	struct crmg_addr addr;	/* cut to the source's prefix */
	struct crmg_hash hash;
	__u64 now_ns;
	__u64 first_ns;		/* not 0: a packet came before the slot did, about then, ... */
	__u32 first_len;	/* ... of this length */
	__u32 len;
	__u32 index;		/* of the slot, unless it is CRMG_FOUND_TAG */
	__u8 service;
	__u8 syn;
	__u8 first_syn;
	__u8 pad;
};

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
 * independent, one multiplication a word), and a finaliser so that a run of
 * addresses does not stay a run of lines. Two sums: 61 bits choose line and tag,
 * 64 more are kept in the slot, so an address need not be compared. share: 0, or of a
 * source that prefixes divide the row of the binding whose part of it is meant.
 */
static __always_inline void
crmg_hash_source(const struct crmg_addr *addr, __u8 service, __u16 share, struct crmg_hash *ret)
{
	const volatile __u64 *k = crmg_knobs.hash_key;
	__u64 w0 = addr->hi >> 32, w1 = (__u32)addr->hi;
	__u64 w2 = addr->lo >> 32, w3 = (__u32)addr->lo;
	__u64 a = k[0] + w0 * k[1] + w1 * k[2] + w2 * k[3] + w3 * k[4] + service * k[5] +
		  share * k[14];
	__u64 b = k[6] + w0 * k[7] + w1 * k[8] + w2 * k[9] + w3 * k[10] + service * k[11] +
		  share * k[15];

	a ^= a >> 32;
	a *= k[12] | 1;
	a ^= a >> 29;
	b ^= b >> 32;
	b *= k[13] | 1;
	b ^= b >> 29;
	ret->tag = (a | 1ULL << CRMG_TAG_HASH_SHIFT) & (~0ULL << CRMG_TAG_HASH_SHIFT);
	ret->line = a & crmg_knobs.line_mask;
	ret->check = b;
}

static __always_inline __u32 crmg_tag_state(__u64 tag)
{
	return tag >> CRMG_TAG_STATE_SHIFT & 0xf;
}

static __always_inline __u64 crmg_tag_make(__u64 hash, __u64 state, __u64 age)
{
	return hash | state << CRMG_TAG_STATE_SHIFT | age;
}

static __always_inline __u32 crmg_tag_age(__u64 now_ns)
{
	return now_ns >> CRMG_TAG_AGE_NS_SHIFT & CRMG_TAG_AGE_MASK;
}

static __always_inline bool crmg_tag_cas(__u64 *tag, __u64 old, __u64 new)
{
	return __sync_val_compare_and_swap(tag, old, new) == old;
}

#define CRMG_READ_ONCE(x)     (*(volatile typeof(x) *)&(x))
#define CRMG_WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/* 1 if a > b, else 0, for a, b < 2^31: without a branch, which the verifier would follow. */
#define CRMG_ABOVE(a, b) ((__u64)((__s64)(b) - (__s64)(a)) >> 63)

/*
 * Classes of victims, higher goes first, 0 never: a source that was idle for
 * 4.3 s, then tags without a slot, then sources idle for a second; of these,
 * who was refused something goes last, or a flood would reset his bucket.
 */
#define CRMG_VICTIM_STALE_TICKS 16
#define CRMG_VICTIM_IDLE_TICKS  4

static __always_inline __u64 crmg_victim_class(__u32 state, __u32 idle)
{
	/* Four bits a state: EMPTY, BUSY, SEEN, SEEN_SYN, LIVE, LIMITED. */
	__u64 young = 0x00440fULL >> (state * 4) & 0xf;
	__u64 idle_gain = 0x120000ULL >> (state * 4) & 0xf;
	__u64 stale_gain = 0x140000ULL >> (state * 4) & 0xf;

	return young + idle_gain * CRMG_ABOVE(idle, CRMG_VICTIM_IDLE_TICKS - 1) +
	       stale_gain * CRMG_ABOVE(idle, CRMG_VICTIM_STALE_TICKS - 1);
}

#define CRMG_VICTIM_WAY(v)   ((v) & 7)
#define CRMG_VICTIM_CLASS(v) ((v) >> 16 & 0xf)
#define CRMG_VICTIM_FREE(v)  ((v) >> 24)	/* empty ways in the line */

/*
 * The way of a line that a new source may take, with its class and the number of
 * empty ways. A function of its own, so that its eight steps are verified once.
 */
__noinline __u32 crmg_victim(const struct crmg_tags *line, __u32 age)
{
	__u64 best = 0, free = 0;
	int i;

	if (!line)
		return 0;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);
		__u32 state = crmg_tag_state(tag);
		__u32 idle = (age - (__u32)tag) & CRMG_TAG_AGE_MASK;
		__u64 rank = crmg_victim_class(state, idle) << 16 | idle << 3 | i;
		__u64 above = 0 - CRMG_ABOVE(rank, best);

		best = (rank & above) | (best & ~above);
		free += CRMG_ABOVE(1, state);
	}
	return (best & ~0xfff8ULL) | free << 24;
}

/* Gives the tag of a slot that is in use the present age, once a tick. */
static __always_inline void crmg_tag_touch(__u64 *tag, __u64 old, __u32 age, __u64 state)
{
	__u64 new = crmg_tag_make(old & (~0ULL << CRMG_TAG_HASH_SHIFT), state, age);

	if (old != new)
		crmg_tag_cas(tag, old, new);
}

static __always_inline struct crmg_slot *crmg_slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&slots, &i);
}

/* A slot that was just claimed: full buckets, zero counters. */
static __always_inline void
crmg_slot_init(struct crmg_slot *slot, const struct crmg_source *source)
{
	__u32 tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	int i;

	__builtin_memset(slot, 0, sizeof(*slot));
	slot->check = source->hash.check;
	slot->addr = source->addr;
	slot->service = source->service;
	slot->first_seen = tick;
	slot->last_seen = tick;
	for (i = 0; i < 3; i++)
		slot->tat[i] = source->now_ns << CRMG_UNITS_PER_NS_SHIFT;
}

/*
 * The lowest way of a line, but for `skip`, whose tag has this hash, or CRMG_WAYS. A
 * function of its own, verified once; the tag may change after it was seen.
 */
__noinline __u32 crmg_way(const struct crmg_tags *line, __u64 hash, __u32 skip)
{
	__u32 way = CRMG_WAYS, i;

	if (!line)
		return way;
	for (i = CRMG_WAYS; i-- > 0; )
		if (i != skip &&
		    !((CRMG_READ_ONCE(line->tag[i]) ^ hash) >> CRMG_TAG_HASH_SHIFT))
			way = i;
	return way;
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

enum crmg_claim { CRMG_CLAIM_WON, CRMG_CLAIM_TAGGED, CRMG_CLAIM_AGAIN };

/*
 * Takes way of line, whose tag is old: with its slot, or (slot NULL) only the tag,
 * which then is `seen`. It says busy while the slot is written, so no CPU uses it.
 */
static __always_inline enum crmg_claim
crmg_claim(struct crmg_tags *line, __u32 way, __u64 old, struct crmg_slot *slot, __u64 seen,
	   const struct crmg_source *source)
{
	const struct crmg_hash *hash = &source->hash;
	__u64 *tag = &line->tag[way & 7];
	__u32 age = crmg_tag_age(source->now_ns);
	__u64 first = slot ? crmg_tag_make(hash->tag, CRMG_TAG_BUSY, age) : seen;

	if (!crmg_tag_cas(tag, old, first) || crmg_claim_lost(line, way, first))
		return CRMG_CLAIM_AGAIN;
	if (!slot)
		return CRMG_CLAIM_TAGGED;
	crmg_slot_init(slot, source);
	/* A full barrier: the slot is written before anybody can see it in use. */
	__sync_lock_test_and_set(tag, crmg_tag_make(hash->tag, CRMG_TAG_LIVE, age));
	return CRMG_CLAIM_WON;
}

/* What a first packet that leaves only a tag writes. */
static __always_inline __u64 crmg_tag_seen(const struct crmg_source *source)
{
	__u64 units = (source->len + CRMG_TAG_LEN_UNIT - 1) / CRMG_TAG_LEN_UNIT;

	if (units > 0xff)
		units = 0xff;
	return crmg_tag_make(source->hash.tag, source->syn ? CRMG_TAG_SEEN_SYN : CRMG_TAG_SEEN,
			     units << CRMG_TAG_LEN_SHIFT | crmg_tag_age(source->now_ns));
}

/* Unpacks what crmg_tag_seen() left: when the tick ended in which it was written, or now. */
static __always_inline void crmg_first_packet(__u64 tag, struct crmg_source *source)
{
	__u64 idle = (crmg_tag_age(source->now_ns) - (__u32)tag) & CRMG_TAG_AGE_MASK;
	__u64 begin = source->now_ns & ~((1ULL << CRMG_TAG_AGE_NS_SHIFT) - 1);

	source->first_ns = idle ? begin - ((idle - 1) << CRMG_TAG_AGE_NS_SHIFT) : source->now_ns;
	source->first_len = (tag >> CRMG_TAG_LEN_SHIFT & 0xff) * CRMG_TAG_LEN_UNIT;
	source->first_syn = crmg_tag_state(tag) == CRMG_TAG_SEEN_SYN;
}

/* The same for the fast path: inline, and with the tag that was seen. */
static __always_inline __u32
crmg_way_find(const struct crmg_tags *line, const struct crmg_hash *hash, __u64 *ret_tag)
{
	__u32 i;

	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);

		if (!((tag ^ hash->tag) >> CRMG_TAG_HASH_SHIFT)) {
			*ret_tag = tag;
			break;
		}
	}
	return i;
}

/* Takes over the way that has the source's tag; what it says of its first packet is kept. */
static __always_inline enum crmg_claim
crmg_claim_way(struct crmg_tags *line, __u32 way, __u64 tag, struct crmg_source *source)
{
	__u32 index = source->hash.line * CRMG_WAYS + (way & 7);

	/* Another CPU writes the slot, or the tag went to another source. */
	if (crmg_tag_state(tag) == CRMG_TAG_BUSY ||
	    (tag ^ source->hash.tag) >> CRMG_TAG_HASH_SHIFT)
		return CRMG_CLAIM_AGAIN;
	crmg_first_packet(tag, source);
	source->index = index;
	return crmg_claim(line, way, tag, crmg_slot_at(index), 0, source);
}

static __always_inline enum crmg_claim
crmg_claim_victim(struct crmg_tags *line, __u32 victim, struct crmg_source *source)
{
	__u32 age = crmg_tag_age(source->now_ns);
	__u32 way = CRMG_VICTIM_WAY(victim);
	__u32 index = source->hash.line * CRMG_WAYS + way;
	__u64 tag = CRMG_READ_ONCE(line->tag[way]);
	bool roomy = CRMG_VICTIM_FREE(victim) > CRMG_WAYS / 2;

	/* Did it come into use, or into other hands, in the meantime? */
	if (!crmg_victim_class(crmg_tag_state(tag), (age - (__u32)tag) & CRMG_TAG_AGE_MASK))
		return CRMG_CLAIM_AGAIN;
	if (tag)
		crmg_count_host(CRMG_HOST_EVICTIONS);
	source->index = index;
	return crmg_claim(line, way, tag, roomy ? crmg_slot_at(index) : NULL,
			  crmg_tag_seen(source), source);
}

/*
 * Tries to make room for a source that has no slot. A function of its own, verified
 * once: a packet from a known source does not come here. Returns enum crmg_found.
 */
__noinline int crmg_source_try(struct crmg_source *source)
{
	struct crmg_tags *line;
	enum crmg_claim claim;
	__u32 way, victim;
	__u64 tag;

	if (!source)
		return CRMG_FOUND_OVERFLOW;
	source->first_ns = 0;
	line = bpf_map_lookup_elem(&tags, &source->hash.line);
	if (!line)
		return CRMG_FOUND_OVERFLOW;
	way = crmg_way(line, source->hash.tag, CRMG_WAYS);
	if (way < CRMG_WAYS) {
		tag = CRMG_READ_ONCE(line->tag[way]);
		if (crmg_tag_state(tag) >= CRMG_TAG_LIVE) {
			source->index = source->hash.line * CRMG_WAYS + way;
			return CRMG_FOUND_SLOT;
		}
		claim = crmg_claim_way(line, way, tag, source);
	} else {
		victim = crmg_victim(line, crmg_tag_age(source->now_ns));
		if (!CRMG_VICTIM_CLASS(victim))
			return CRMG_FOUND_OVERFLOW;
		claim = crmg_claim_victim(line, victim, source);
	}
	return claim == CRMG_CLAIM_WON ? CRMG_FOUND_SLOT :
	       claim == CRMG_CLAIM_TAGGED ? CRMG_FOUND_TAG : CRMG_FOUND_AGAIN;
}

/* The same until it succeeds: another CPU that writes a slot takes its time. */
static __always_inline enum crmg_found crmg_source_claim(struct crmg_source *source)
{
	int found = CRMG_FOUND_AGAIN, try;

	for (try = 0; try < CRMG_CLAIM_TRIES && found == CRMG_FOUND_AGAIN; try++)
		found = crmg_source_try(source);
	if (found == CRMG_FOUND_OVERFLOW) {
		source->first_ns = 0;
		source->index = crmg_knobs.capacity +
				(source->hash.check & (CRMG_OVERFLOW_SLOTS - 1));
	}
	return found;
}

/*
 * Finds the source of an arriving packet, or makes room for it. *ret: its slot, a
 * shared one, or NULL if it has none yet.
 */
static __always_inline enum crmg_found
crmg_source_find(struct crmg_source *source, struct crmg_slot **ret)
{
	struct crmg_tags *line = bpf_map_lookup_elem(&tags, &source->hash.line);
	enum crmg_found found = CRMG_FOUND_TAG;
	struct crmg_slot *slot = NULL;
	__u64 tag = 0;
	__u32 way;

	source->first_ns = 0;
	if (!line)
		return found;
	way = crmg_way_find(line, &source->hash, &tag);
	if (way < CRMG_WAYS && crmg_tag_state(tag) >= CRMG_TAG_LIVE) {
		crmg_tag_touch(&line->tag[way & 7], tag, crmg_tag_age(source->now_ns),
			       crmg_tag_state(tag));
		source->index = source->hash.line * CRMG_WAYS + way;
		found = CRMG_FOUND_SLOT;
	} else {
		found = crmg_source_claim(source);
	}
	if (found == CRMG_FOUND_SLOT || found == CRMG_FOUND_OVERFLOW)
		slot = crmg_slot_at(source->index);
	/* Given away since its tag was read? Then it is as if the source had none. */
	if (found == CRMG_FOUND_SLOT && slot &&
	    CRMG_READ_ONCE(slot->check) != source->hash.check) {
		found = CRMG_FOUND_TAG;
		slot = NULL;
	}
	*ret = slot;
	return found;
}

/* Marks a source that was refused something: it is the last to be evicted. */
static __always_inline void crmg_source_limited(const struct crmg_source *source)
{
	const struct crmg_hash *hash = &source->hash;
	struct crmg_tags *line = bpf_map_lookup_elem(&tags, &hash->line);
	__u64 *tag, old;

	if (!line)
		return;
	tag = &line->tag[source->index & 7];
	old = CRMG_READ_ONCE(*tag);
	if (!((old ^ hash->tag) >> CRMG_TAG_HASH_SHIFT) && crmg_tag_state(old) == CRMG_TAG_LIVE)
		crmg_tag_touch(tag, old, old & CRMG_TAG_AGE_MASK, CRMG_TAG_LIMITED);
}

/* The slot of a source that has one; for packets that leave. */
static __always_inline struct crmg_slot *crmg_source_peek(const struct crmg_hash *hash)
{
	struct crmg_tags *line = bpf_map_lookup_elem(&tags, &hash->line);
	struct crmg_slot *slot;
	__u64 tag = 0;
	__u32 way;

	if (!line)
		return NULL;
	way = crmg_way_find(line, hash, &tag);
	if (way >= CRMG_WAYS || crmg_tag_state(tag) < CRMG_TAG_LIVE)
		return NULL;
	slot = crmg_slot_at(hash->line * CRMG_WAYS + way);
	return slot && CRMG_READ_ONCE(slot->check) == hash->check ? slot : NULL;
}

#endif
