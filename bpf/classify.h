/* SPDX-License-Identifier: GPL-2.0 */
/*
 * classify.h - ports and addresses to service and binding, out of one image. The
 * caller takes the front once per packet; nothing here looks it up again.
 */
#ifndef CRMGATE_BPF_CLASSIFY_H
#define CRMGATE_BPF_CLASSIFY_H

/*
 * Entry i of a section of entries of 2^shift bytes; NULL outside the image. In the
 * back that is a call: see struct crmg_front_map.
 */
static __always_inline const void *
crmg_entry(const struct crmg_front *front, __u32 cell, __u32 i, __u32 shift)
{
	__u32 at = cell + (i >> (CRMG_CELL_SHIFT - shift)), in_cell = (i << shift) & (CRMG_CELL - 1);
	const __u8 *c;
	void *back;

	if (at < CRMG_FRONT_CELLS)
		return (const __u8 *)front + at * CRMG_CELL + in_cell;
	back = crmg_back(front);
	if (!back)
		return NULL;
	at -= CRMG_FRONT_CELLS;
	c = bpf_map_lookup_elem(back, &at);
	if (!c)
		return NULL;
	barrier_var(in_cell);	/* or the sum is formed before c is known to be there */
	return c + in_cell;
}

struct crmg_interval {		/* of addresses, or of halves of them */
	__u64 first;
	__u64 last;
};

static __always_inline bool
crmg_interval_holds(const struct crmg_interval *interval, __u64 first, __u64 last)
{
	return interval->first <= first && interval->last >= last;
}

struct crmg_search {
	const struct crmg_front *front;
	struct crmg_interval interval;	/* that holds key, as far as the keys on the way say */
	__u64 key;
	__u32 cell;			/* of the keys */
	__u32 at;			/* the last key that is known to be <= key */
	__u32 more;			/* so many behind it may be, too */
};

static long crmg_search_step(__u32 step __attribute__((unused)), void *ctx)
{
	struct crmg_search *s = ctx;
	__u32 half = s->more - s->more / 2;
	const __u64 *key;

	if (!s->more)
		return 1;
	key = crmg_entry(s->front, s->cell, s->at + half, 3);
	if (!key)
		return 1;
	if (*key <= s->key) {
		s->interval.first = *key;
		s->at += half;
		s->more -= half;
	} else {
		s->interval.last = *key - 1;
		s->more = half - 1;
	}
	return 0;
}

/*
 * Index of the last key <= s->key, which is one of [first, end). bpf_loop, since the
 * verifier follows a plain loop through every turn of the search.
 */
static __always_inline __u32 crmg_search(struct crmg_search *s, __u32 first, __u32 end)
{
	s->at = first;
	s->more = end - first - 1;
	bpf_loop(CRMG_DIR_STEPS_MAX, crmg_search_step, s, 0);
	return s->at;
}

/*
 * Where two address spaces are divided alike: remote prefixes, or local addresses; and
 * where in it the keys are among which an address is.
 */
struct crmg_space {
	__u32 keys;		/* cells */
	__u32 leaves;
	__u32 subs;
	__u32 first;		/* of keys */
	__u32 end;
	struct crmg_interval interval;	/* that the keys from first to end divide */
};

static __always_inline void
crmg_space_remote(const struct crmg_front *front, __u32 place, bool v4, struct crmg_space *ret)
{
	const struct crmg_section *section = front->head.section;
	__u32 entry = front->dir[place & (CRMG_DIR_COUNT - 1)];

	ret->keys = section[CRMG_SECTION_KEYS].cell;
	ret->leaves = section[CRMG_SECTION_LEAVES].cell;
	ret->subs = section[CRMG_SECTION_SUBS].cell;
	ret->first = CRMG_DIR_FIRST(entry);
	ret->end = v4 ? front->head.first_v6 : front->head.end_v6;
	if (ret->end - ret->first > 1u << CRMG_DIR_STEPS(entry))
		ret->end = ret->first + (1u << CRMG_DIR_STEPS(entry));
	ret->interval.first = (__u64)place << 48;	/* CRMG_DIR_V6 is shifted out */
	ret->interval.last = ret->interval.first | 0xffffffffffff;
}

static __always_inline void
crmg_space_local(const struct crmg_front *front, bool v4, struct crmg_space *ret)
{
	const struct crmg_section *section = front->head.section;

	ret->keys = section[CRMG_SECTION_LKEYS].cell;
	ret->leaves = section[CRMG_SECTION_LLEAVES].cell;
	ret->subs = section[CRMG_SECTION_LSUBS].cell;
	ret->first = v4 ? 0 : front->head.lfirst_v6;
	ret->end = v4 ? front->head.lfirst_v6 : front->head.lend_v6;
	ret->interval = (struct crmg_interval) { 0, ~0ULL };
}

/* A leaf that no section has an entry of. */
#define CRMG_LEAF_NONE (~0u)

/*
 * Leaf of addr, as in an entry of the directory: the last key <= addr, and below a
 * divided /64 the same again with the low half. place: in the directory;
 * CRMG_DIR_COUNT for a local address.
 */
static __noinline __u32
crmg_leaf_find(const struct crmg_front *front, const struct crmg_addr *addr, __u32 v4, __u32 place)
{
	struct crmg_search search;
	struct crmg_space space;
	const __u32 *leaf;
	const __u64 *sub;
	__u64 key, spread;
	__u32 i;

	if (place < CRMG_DIR_COUNT)
		crmg_space_remote(front, place, v4, &space);
	else
		crmg_space_local(front, v4, &space);
	key = v4 ? addr->lo << 32 : addr->hi;
	spread = v4 ? ~crmg_knobs.v4_mask_lo << 32 | 0xffffffff : ~crmg_knobs.v6_mask_hi;
	search = (struct crmg_search) { front, space.interval, key, space.keys, 0, 0 };
	i = crmg_search(&search, space.first, space.end);
	leaf = crmg_entry(front, space.leaves, i, 2);
	if (leaf && *leaf & CRMG_LEAF_SUB) {
		sub = crmg_entry(front, space.subs, *leaf & ~CRMG_LEAF_SUB, 3);
		if (!sub)
			return CRMG_LEAF_NONE;
		search.key = key = addr->lo;
		search.interval = (struct crmg_interval) { 0, ~0ULL };
		spread = ~crmg_knobs.v6_mask_lo;
		i = crmg_search(&search, CRMG_SUB_FIRST(*sub), CRMG_SUB_END(*sub));
		leaf = crmg_entry(front, space.leaves, i, 2);
	}
	if (!leaf)
		return CRMG_LEAF_NONE;
	return *leaf | (crmg_interval_holds(&search.interval, key & ~spread, key | spread)
			? 0 : CRMG_DIR_NARROW);
}

/* Entry of the matrix; 0: the image has no such service. */
static __always_inline __u16
crmg_matrix_at(const struct crmg_front *front, __u32 leaf, __u8 service)
{
	const struct crmg_section *section = front->head.section;
	const __u16 *binding;

	binding = crmg_entry(front, section[CRMG_SECTION_MATRIX].cell,
			     leaf * section[CRMG_SECTION_SERVICES].count + service, 1);
	return binding ? *binding : 0;
}

/* Leaf of a remote address. *whole: it is that of all of its source. */
static __always_inline __u32
crmg_remote_leaf(const struct crmg_front *front, const struct crmg_addr *addr, bool v4, bool *whole)
{
	__u32 place = v4 ? (__u32)addr->lo >> 16 : CRMG_DIR_V6 + (__u32)(addr->hi >> 48);
	__u32 leaf = front->dir[place & (CRMG_DIR_COUNT - 1)];

	if (!(leaf & CRMG_DIR_LEAF))
		leaf = crmg_leaf_find(front, addr, v4, place & (CRMG_DIR_COUNT - 1));
	*whole = !(leaf & CRMG_DIR_NARROW);
	return CRMG_DIR_NUMBER(leaf);
}

/* The service among those of a port group that has this local address; 0: none. */
static __always_inline __u8
crmg_group_find(const struct crmg_front *front, __u8 group, const struct crmg_addr *local, bool v4)
{
	__u32 leaf = crmg_leaf_find(front, local, v4, CRMG_DIR_COUNT);
	const __u8 *service;

	service = crmg_entry(front, front->head.section[CRMG_SECTION_GROUPS].cell,
			     CRMG_DIR_NUMBER(leaf) * CRMG_PORT_GROUP + group, 0);
	return service ? *service : 0;
}

/* Entry of front->ports. Added, not ored: 6.1 forgets the bounds of an OR with zero. */
static __always_inline __u8
crmg_port_entry(const struct crmg_front *front, __u8 transport, __u16 port)
{
	__u64 at = (__u64)(transport & 1) << 16;

	barrier_var(at);
	return front->ports[at + port];
}

/* Index of the service at a local address and port; 0: none. */
static __always_inline __u8
crmg_service_find(const struct crmg_front *front, __u8 transport, __u16 port,
		  const struct crmg_addr *local, bool v4)
{
	__u8 service = crmg_port_entry(front, transport, port);

	if (service < CRMG_PORT_GROUP)
		return service;
	return crmg_group_find(front, service - CRMG_PORT_GROUP, local, v4);
}

static __always_inline const struct crmg_binding *
crmg_binding(const struct crmg_front *front, __u32 index)
{
	return &front->bindings[index & (CRMG_BINDINGS_MAX - 1)];
}

#endif
