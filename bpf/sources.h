/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sources.h - the source table: who a packet is from, and the slot and detail that
 * hold what the source did. Set-associative, without locks, never full: a source
 * that finds no room (claim.h) is judged with its neighbours (budgets.h). Layout: abi.h.
 */
#ifndef CRMGATE_BPF_SOURCES_H
#define CRMGATE_BPF_SOURCES_H

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

static __always_inline void
crmg_hash_source(const struct crmg_addr *addr, __u8 service, __u16 share, struct crmg_hash *ret)
{
	crmg_hash_of(crmg_knobs.hash_key, crmg_knobs.line_mask, addr, service, share, ret);
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
crmg_way_of(const struct crmg_tags *line, const struct crmg_hash *hash, __u32 *ret_tag)
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

/*
 * The way that is a source's own, or else one with a tag of its hash that may be its own:
 * a first packet's, or that of a slot that is being written; or CRMG_WAYS. `skip` is not
 * looked at. A function of its own, verified once; the tag may change after it was seen.
 */
__noinline __u32 crmg_way(const struct crmg_hash *hash, __u32 skip)
{
	const struct crmg_slot *slot;
	struct crmg_tags *line;
	__u32 way = CRMG_WAYS, i;

	line = hash ? crmg_line(hash) : NULL;
	if (!line)
		return way;
	for (i = CRMG_WAYS; i-- > 0; ) {
		__u32 tag = CRMG_READ_ONCE(line->tag[i]);

		if (i == skip || !crmg_tag_is(tag, hash->tag))
			continue;
		if (crmg_tag_state(tag) < CRMG_TAG_LIVE) {
			way = i;
			continue;
		}
		slot = crmg_slot_at(hash->line * CRMG_WAYS + i);
		if (slot && CRMG_READ_ONCE(slot->check) == hash->check)
			return i;
	}
	return way;
}

/* Way of line is that of the source; its tag was just read. */
static __always_inline void
crmg_source_met(struct crmg_source *source, struct crmg_tags *line, __u32 way, __u32 tag)
{
	crmg_tag_touch(&line->tag[way & 7], tag, source->now_ns);
	source->state = crmg_tag_state(tag);
	source->proven = source->state >= CRMG_TAG_PROVEN;
	source->index = source->hash.line * CRMG_WAYS + way;
}

/*
 * Finds the source of an arriving packet. Returns its slot, with source->index and
 * ->proven, or NULL if it has none in use: with ->state EMPTY nothing is known of it,
 * else its line has a tag of the same hash, which another may have.
 */
static __always_inline struct crmg_slot *crmg_source_known(struct crmg_source *source)
{
	struct crmg_tags *line = crmg_line(&source->hash);
	struct crmg_slot *slot;
	__u32 tag = 0, way;

	source->first_ns = 0;
	source->state = CRMG_TAG_EMPTY;
	if (!line)
		return NULL;
	way = crmg_way_of(line, &source->hash, &tag);
	if (way >= CRMG_WAYS)
		return NULL;
	source->state = CRMG_TAG_SEEN;
	if (crmg_tag_state(tag) < CRMG_TAG_LIVE)
		return NULL;
	slot = crmg_slot_at(source->hash.line * CRMG_WAYS + way);
	if (!slot || CRMG_READ_ONCE(slot->check) != source->hash.check)
		return NULL;
	crmg_source_met(source, line, way, tag);
	return slot;
}

/* Raises the state of a source that has a slot; it decides who may evict it. */
static __always_inline bool
crmg_source_mark(const struct crmg_source *source, enum crmg_tag_state state)
{
	const struct crmg_hash *hash = &source->hash;
	struct crmg_tags *line = crmg_line(hash);
	__u32 *tag, old;

	if (!line)
		return false;
	tag = &line->tag[source->index & 7];
	old = CRMG_READ_ONCE(*tag);
	if (!crmg_tag_is(old, hash->tag) || crmg_tag_state(old) < CRMG_TAG_LIVE ||
	    crmg_tag_state(old) >= state)
		return false;
	return crmg_tag_cas(tag, old, crmg_tag_make(hash->tag, state,
						    crmg_tag_age(source->now_ns, state)));
}

/* The slot of a source that has one, and its index; for packets that leave. */
static __always_inline struct crmg_slot *
crmg_source_peek(const struct crmg_hash *hash, __u32 *ret_index)
{
	struct crmg_tags *line = crmg_line(hash);
	struct crmg_slot *slot;
	__u32 tag = 0, way;

	if (!line)
		return NULL;
	way = crmg_way_of(line, hash, &tag);
	if (way >= CRMG_WAYS)
		return NULL;
	*ret_index = hash->line * CRMG_WAYS + way;
	slot = crmg_slot_at(*ret_index);
	if (slot && crmg_tag_state(tag) >= CRMG_TAG_LIVE &&
	    CRMG_READ_ONCE(slot->check) == hash->check)
		return slot;
	/* Another's with the same hash came first. */
	way = crmg_way(hash, way);
	if (way >= CRMG_WAYS)
		return NULL;
	*ret_index = hash->line * CRMG_WAYS + way;
	slot = crmg_slot_at(*ret_index);
	return slot && CRMG_READ_ONCE(slot->check) == hash->check ? slot : NULL;
}

#endif
