/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bucket.h - a token bucket in exact arithmetic, naive: what a limit must do. No kernel.
 */
#ifndef CRMGATE_TEST_BUCKET_H
#define CRMGATE_TEST_BUCKET_H

#include <stdbool.h>
#include <stdint.h>

#include <crmgate/abi.h>

/* In units of 1/per_ns tokens: no rounding anywhere. */
struct crmg_test_bucket {
	bool set;
	struct crmg_terms terms;
	__int128 level;
	uint64_t charged;	/* units */
};

static inline __int128 crmg_test_capacity(const struct crmg_test_bucket *b)
{
	return (__int128)b->terms.burst * b->terms.per_ns;
}

/* A full one. */
static inline struct crmg_test_bucket crmg_test_bucket(bool set, const struct crmg_terms *terms)
{
	struct crmg_test_bucket b = { .set = set, .terms = *terms };

	b.level = crmg_test_capacity(&b);
	return b;
}

static inline void crmg_test_refill(struct crmg_test_bucket *b, uint64_t elapsed_ns)
{
	b->level += (__int128)elapsed_ns * b->terms.count;
	if (b->level > crmg_test_capacity(b))
		b->level = crmg_test_capacity(b);
}

/* What would be left after so many units; negative: they do not conform. */
static inline __int128 crmg_test_left(const struct crmg_test_bucket *b, uint64_t units)
{
	return b->level - (__int128)units * b->terms.per_ns;
}

static inline void crmg_test_charge(struct crmg_test_bucket *b, uint64_t units)
{
	b->level = crmg_test_left(b, units);
	b->charged += units;
}

/*
 * What 1/256 ns of rounding in each charge and in the burst may come to. An
 * answer this near to the edge is not judged.
 */
static inline __int128 crmg_test_blur(const struct crmg_test_bucket *b)
{
	return (__int128)(b->charged + b->terms.burst + 2) * b->terms.count / 256 + 1;
}

#endif
