/* SPDX-License-Identifier: GPL-2.0 */
/*
 * classify.h - ports and addresses to service and binding, out of one image. The
 * caller takes the front once per packet; nothing here looks it up again.
 */
#ifndef CRMGATE_BPF_CLASSIFY_H
#define CRMGATE_BPF_CLASSIFY_H

/* A bucket of the directory has at most 2^21 keys (1 M prefixes have two ends each). */
#define CRMG_SEARCH_STEPS 22

static __always_inline const struct crmg_front *crmg_front(void)
{
	__u32 zero = 0;
	void *map = bpf_map_lookup_elem(&fronts, &zero);

	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* The other part of the same generation; NULL before the first policy. */
static __always_inline void *crmg_back(const struct crmg_front *front)
{
	__u32 place = front->head.generation % 2;

	return bpf_map_lookup_elem(&backs, &place);
}

/* Entry i of a section of entries of 2^shift bytes; NULL outside the image. */
static __always_inline const void *
crmg_entry(void *back, __u32 cell, __u32 i, __u32 shift)
{
	__u32 at = cell - CRMG_IMAGE_FIXED + (i >> (CRMG_CELL_SHIFT - shift));
	const __u8 *c = bpf_map_lookup_elem(back, &at);

	return c ? c + ((i << shift) & (CRMG_CELL - 1)) : NULL;
}

struct crmg_search {
	void *back;
	__u64 key;
	__u32 cell;		/* of the keys */
	__u32 low;		/* every key before it is <= key */
	__u32 high;		/* every key from it on is > key */
};

static long crmg_search_step(__u32 step __attribute__((unused)), void *ctx)
{
	struct crmg_search *s = ctx;
	__u32 middle = s->low + (s->high - s->low) / 2;
	const __u64 *key;

	if (s->low >= s->high)
		return 1;
	key = crmg_entry(s->back, s->cell, middle, 3);
	if (!key)
		return 1;
	if (*key <= s->key)
		s->low = middle + 1;
	else
		s->high = middle;
	return 0;
}

/*
 * Index of the last of keys [low, high) that is <= key, or low - 1: the caller knows
 * that it is one before. bpf_loop, since the verifier follows a plain loop through
 * every turn of the search.
 */
static __always_inline __u32
crmg_search(void *back, __u32 cell, __u32 low, __u32 high, __u64 key)
{
	struct crmg_search s = { back, key, cell, low, high };

	bpf_loop(CRMG_SEARCH_STEPS, crmg_search_step, &s, 0);
	return s.low - 1;
}

struct crmg_leaf {
	__u32 number;
	bool whole;		/* the leaf holds for the whole source, not only this address */
};

/*
 * Where two address spaces are divided alike: keys, leaves and subs of remote
 * prefixes, or of local addresses.
 */
struct crmg_space {
	struct crmg_section keys;
	struct crmg_section leaves;
	struct crmg_section subs;
};

/* True if the interval of key i of [0, end) holds all of [first, last]. */
static __always_inline bool
crmg_interval_holds(void *back, __u32 cell, __u32 i, __u32 end, __u64 first, __u64 last)
{
	const __u64 *key = crmg_entry(back, cell, i, 3);

	if (!key || *key > first)
		return false;
	if (i + 1 >= end)
		return true;
	key = crmg_entry(back, cell, i + 1, 3);
	return key && *key > last;
}

/*
 * Leaf of addr: the last key <= addr among [first, end), and below a divided /64
 * the same again with the low half. family_end: where the keys of the family end.
 */
static __always_inline bool
crmg_leaf_find(void *back, const struct crmg_space *space, __u32 first, __u32 end,
	       __u32 family_end, const struct crmg_addr *addr, bool v4, struct crmg_leaf *ret)
{
	__u64 key = v4 ? addr->lo << 32 : addr->hi;
	__u64 spread = v4 ? ~crmg_knobs.v4_mask_lo << 32 | 0xffffffff : ~crmg_knobs.v6_mask_hi;
	__u32 i = crmg_search(back, space->keys.cell, first, end, key);
	const __u32 *leaf = crmg_entry(back, space->leaves.cell, i, 2);
	const __u64 *sub;

	if (!leaf)
		return false;
	ret->whole = crmg_interval_holds(back, space->keys.cell, i, family_end,
					 key & ~spread, key | spread);
	ret->number = *leaf;
	if (!(ret->number & CRMG_LEAF_SUB))
		return true;

	sub = crmg_entry(back, space->subs.cell, ret->number & ~CRMG_LEAF_SUB, 3);
	if (!sub)
		return false;
	first = CRMG_SUB_FIRST(*sub);
	end = CRMG_SUB_END(*sub);
	i = crmg_search(back, space->keys.cell, first, end, addr->lo);
	leaf = crmg_entry(back, space->leaves.cell, i, 2);
	if (!leaf)
		return false;
	spread = ~crmg_knobs.v6_mask_lo;
	ret->whole = crmg_interval_holds(back, space->keys.cell, i, end,
					 addr->lo & ~spread, addr->lo | spread);
	ret->number = *leaf;
	return true;
}

/* Binding of a remote address at a service. 0: the image has no such service. */
static __always_inline __u16
crmg_binding_find(const struct crmg_front *front, __u8 service, const struct crmg_addr *addr, bool v4, bool *whole)
{
	const struct crmg_section *section = front->head.section;
	const struct crmg_space space = {
		section[CRMG_SECTION_KEYS], section[CRMG_SECTION_LEAVES],
		section[CRMG_SECTION_SUBS],
	};
	__u32 dir = section[CRMG_SECTION_DIR].cell;
	struct crmg_leaf leaf;
	const __u32 *first, *end, *family_end;
	const __u16 *binding;
	__u32 place = v4 ? (__u32)addr->lo >> 16 : CRMG_DIR_V6 + (__u32)(addr->hi >> 48);

	void *back = crmg_back(front);

	if (!back)
		return 0;
	first = crmg_entry(back, dir, place, 2);
	end = crmg_entry(back, dir, place + 1, 2);
	family_end = crmg_entry(back, dir, v4 ? CRMG_DIR_V6 : CRMG_DIR_COUNT - 1, 2);
	if (!first || !end || !family_end)
		return 0;
	if (!crmg_leaf_find(back, &space, *first, *end, *family_end, addr, v4, &leaf))
		return 0;
	*whole = leaf.whole;
	binding = crmg_entry(back, section[CRMG_SECTION_MATRIX].cell,
			     leaf.number * section[CRMG_SECTION_SERVICES].count + service, 1);
	return binding ? *binding : 0;
}

/* The service among those of a port group that has this local address; 0: none. */
static __always_inline __u8
crmg_group_find(const struct crmg_front *front, __u8 group, const struct crmg_addr *local, bool v4)
{
	const struct crmg_section *section = front->head.section;
	const struct crmg_space space = {
		section[CRMG_SECTION_LKEYS], section[CRMG_SECTION_LLEAVES],
		section[CRMG_SECTION_LSUBS],
	};
	__u32 first_v6 = front->head.lfirst_v6, end = space.keys.count;
	void *back = crmg_back(front);
	struct crmg_leaf leaf;
	const __u64 *lsub;
	const __u8 *service;

	if (!back)
		return 0;
	if (space.subs.count) {
		lsub = crmg_entry(back, space.subs.cell, 0, 3);
		if (!lsub)
			return 0;
		end = CRMG_SUB_FIRST(*lsub);
	}
	if (v4)
		end = first_v6;
	if (!crmg_leaf_find(back, &space, v4 ? 0 : first_v6, end, end, local, v4, &leaf))
		return 0;
	service = crmg_entry(back, section[CRMG_SECTION_GROUPS].cell,
			     leaf.number * CRMG_PORT_GROUP + group, 0);
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
