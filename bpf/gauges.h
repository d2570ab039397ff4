/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gauges.h - how many connections a source has at once. A word counts up when a connection
 * is met, and down when it is forgotten: each once, by the CPU that moved the connection's
 * tag (conns.h); nothing else writes here, so the sum is always that of the tags.
 */
#ifndef CRMGATE_BPF_GAUGES_H
#define CRMGATE_BPF_GAUGES_H

#include <crmgate/gauge.h>

#define CRMG_GAUGE_HALF (1ULL << CRMG_GAUGE_HALF_SHIFT)

static __always_inline struct crmg_gauges *crmg_gauge_line(__u32 line)
{
	return bpf_map_lookup_elem(&gauges, &line);
}

/*
 * The way of a line that counts for a hash, else a free one, else CRMG_WAYS; `skip` is not
 * looked at. Calculated, without a branch. A function of its own, verified once.
 */
__noinline __u32 crmg_gauge_way(const struct crmg_gauges *line, __u64 hash, __u32 skip)
{
	__u64 own = CRMG_WAYS, free = CRMG_WAYS;
	__u32 i;

	if (!line)
		return CRMG_WAYS;
	for (i = CRMG_WAYS; i-- > 0; ) {
		__u64 word = CRMG_READ_ONCE(line->word[i]), at = i;
		__u64 counts = crmg_above(word & CRMG_GAUGE_MASK, 0);
		__u64 differs = crmg_above((CRMG_GAUGE_HASH(word) ^ hash) | (!counts), 0);
		__u64 skipped = 1 - crmg_above(i ^ skip, 0);
		__u64 is_own = 0 - ((1 - differs) & (1 - skipped));
		__u64 is_free = 0 - ((1 - counts) & (1 - skipped));

		own = (at & is_own) | (own & ~is_own);
		free = (at & is_free) | (free & ~is_free);
	}
	return own < CRMG_WAYS ? own : free;
}

/* Takes what was counted in a word back. */
static __always_inline void crmg_gauge_give(__u32 at, __u64 units)
{
	struct crmg_gauges *line = crmg_gauge_line(at / CRMG_WAYS);

	if (line)
		__sync_fetch_and_sub(&line->word[at & (CRMG_WAYS - 1)], units);
}

/* Caps of each kind; 0: any number. By value: a policy is read-only. */
struct crmg_caps {
	__u32 open;
	__u32 half;
};

static __always_inline enum crmg_reason crmg_gauge_over(__u64 word, struct crmg_caps caps)
{
	if (caps.open && crmg_gauge_count(word, CRMG_CAP_OPEN_CONNECTIONS) >= caps.open)
		return CRMG_REASON_OPEN_CONNECTIONS;
	if (caps.half && crmg_gauge_count(word, CRMG_CAP_HALF_OPEN) >= caps.half)
		return CRMG_REASON_HALF_OPEN;
	return CRMG_REASON_OK;
}

/* True if another way of the line than this one counts for the hash. */
static __always_inline bool
crmg_gauge_other(const struct crmg_gauges *line, __u64 hash, __u32 way)
{
	__u32 other = crmg_gauge_way(line, hash, way);

	return other < CRMG_WAYS &&
	       crmg_gauge_is(CRMG_READ_ONCE(line->word[other & (CRMG_WAYS - 1)]), hash);
}

/*
 * Counts one more connection of the source of `check`, if that keeps to the caps: returns
 * the entry that counts it, or minus the reason why none does. half: 1 while it is in
 * its handshake.
 */
__noinline int crmg_gauge_take(__u64 check, __u32 open, __u32 half_open, __u32 half)
{
	struct crmg_gauge_place place = crmg_gauge_place(check, crmg_knobs.flow_mask + 1);
	struct crmg_gauges *line = crmg_gauge_line(place.line);
	const struct crmg_caps caps = { open, half_open };
	enum crmg_reason reason;
	__u64 old, new;
	__u32 way, try;

	if (!line)
		return -CRMG_REASON_PRESSURE;
	for (try = 0; try < CRMG_CAS_TRIES_MAX; try++) {
		way = crmg_gauge_way(line, place.hash, CRMG_WAYS);
		if (way >= CRMG_WAYS)
			way = place.home;
		old = CRMG_READ_ONCE(line->word[way & (CRMG_WAYS - 1)]);
		new = old & CRMG_GAUGE_MASK ? old : place.hash << CRMG_GAUGE_HASH_SHIFT;
		reason = crmg_gauge_over(new, caps);
		if (reason != CRMG_REASON_OK)
			return -reason;
		if (crmg_gauge_count(new, CRMG_CAP_OPEN_CONNECTIONS) == CRMG_GAUGE_MASK)
			return -CRMG_REASON_PRESSURE;
		if (__sync_val_compare_and_swap(&line->word[way & (CRMG_WAYS - 1)], old,
						new + (1 | (half & 1) * CRMG_GAUGE_HALF)) != old)
			continue;
		/* Did another CPU take another word for the source? Who sees it gives way. */
		if (old & CRMG_GAUGE_MASK || !crmg_gauge_other(line, place.hash, way))
			return place.line * CRMG_WAYS + way;
		__sync_fetch_and_sub(&line->word[way & (CRMG_WAYS - 1)],
				     1 | (half & 1) * CRMG_GAUGE_HALF);
	}
	return -CRMG_REASON_CONTENTION;
}

#endif
