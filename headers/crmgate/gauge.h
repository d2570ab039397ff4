/* SPDX-License-Identifier: GPL-2.0 */
/*
 * gauge.h - where in map "gauges" the connections of a source are counted, and what a word
 * of it says: for the packet path, which counts, and for reports. Layout: abi.h.
 */
#ifndef CRMGATE_GAUGE_H
#define CRMGATE_GAUGE_H

#include <crmgate/abi.h>

#define CRMG_GAUGE_FN static inline __attribute__((always_inline))

#define CRMG_GAUGE_HASH(word) ((word) >> CRMG_GAUGE_HASH_SHIFT)

struct crmg_gauge_place {
	__u32 line;
	__u32 home;		/* way that a source shares when its line has none that is free */
	__u64 hash;
};

/* check: of the source's slot, and secret; lines: of the map, a power of two. */
CRMG_GAUGE_FN struct crmg_gauge_place crmg_gauge_place(__u64 check, __u32 lines)
{
	__u64 h = check ^ check >> 32;

	h *= 0x9e3779b97f4a7c15ULL;	/* spreads it; the secret is in check */
	h ^= h >> 29;
	return (struct crmg_gauge_place){
		h >> 32 & (lines - 1), h >> 24 & (CRMG_WAYS - 1), h & 0xffffff
	};
}

/* Of what a cap is for, so many. */
CRMG_GAUGE_FN __u32 crmg_gauge_count(__u64 word, enum crmg_cap cap)
{
	return word >> (cap == CRMG_CAP_HALF_OPEN ? CRMG_GAUGE_HALF_SHIFT : 0) & CRMG_GAUGE_MASK;
}

/* True if the word counts something, and for the source of this hash. */
CRMG_GAUGE_FN _Bool crmg_gauge_is(__u64 word, __u64 hash)
{
	return word & CRMG_GAUGE_MASK && CRMG_GAUGE_HASH(word) == hash;
}

#endif
