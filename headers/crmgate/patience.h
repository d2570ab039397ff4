/* SPDX-License-Identifier: GPL-2.0 */
/*
 * patience.h - how a source asks, over hours: for the packet path, which notes it request by
 * request, and for tests that play weeks of it. Layout: abi.h, "patience".
 */
#ifndef CRMGATE_PATIENCE_H
#define CRMGATE_PATIENCE_H

#include <crmgate/abi.h>

#define CRMG_PATIENCE_FN static inline __attribute__((always_inline))

/* Bucket of a value: 0 below 1 << shift, then one for each power of two. Without a branch. */
CRMG_PATIENCE_FN __u32 crmg_patience_bucket(__u64 value, __u32 shift)
{
	__u64 v = value >> shift, n = 0;
	int i;

#pragma GCC unroll 16
	for (i = 0; i < CRMG_PATIENCE_BUCKETS - 1; i++)
		n += ((1ULL << i) - 1 - v) >> 63;	/* 1 if v >= 1 << i; v is below 2^63 */
	return n & (CRMG_PATIENCE_BUCKETS - 1);
}

CRMG_PATIENCE_FN void crmg_patience_fade(struct crmg_patience *p)
{
	int i;

	for (i = 0; i < CRMG_PATIENCE_BUCKETS; i++) {
		p->size[i] >>= 1;
		p->gap[i] >>= 1;
	}
}

/* A source that was not watched until now: its first request has nothing before it. */
CRMG_PATIENCE_FN void
crmg_patience_begin(struct crmg_patience *p, __u64 check, __u64 answered, __u64 now_ns)
{
	__builtin_memset(p, 0, sizeof(*p));
	p->check = check;
	p->last_ns = now_ns;
	p->answered = answered;
	p->active = 1;
	p->part = now_ns >> CRMG_PATIENCE_PART_SHIFT;
}

/* One more request of the source, to which so many bytes of answers left so far. */
CRMG_PATIENCE_FN void
crmg_patience_ask(struct crmg_patience *p, __u64 answered, __u64 now_ns)
{
	__u32 part, passed;

	/* Another CPU, whose clock is ahead, was faster. */
	if ((__s64)(now_ns - p->last_ns) < 0)
		now_ns = p->last_ns;
	/* Or the compiler keeps what it knows of the two, and more than there is stack for. */
	__asm__ volatile("" : "+r"(now_ns));
	part = now_ns >> CRMG_PATIENCE_PART_SHIFT;
	passed = part - p->part;
	if (passed >= CRMG_PATIENCE_PARTS || answered < p->answered) {
		/* What it did is as good as forgotten, or was (crmgate forget). */
		crmg_patience_begin(p, p->check, answered, now_ns);
		return;
	}
	if ((part ^ p->part) & ~(__u32)(CRMG_PATIENCE_PARTS - 1))
		crmg_patience_fade(p);
	p->active = p->active << (passed & (CRMG_PATIENCE_PARTS - 1)) | 1;
	p->part = part;
	p->size[crmg_patience_bucket(answered - p->answered, CRMG_PATIENCE_SIZE_SHIFT)]++;
	p->gap[crmg_patience_bucket(now_ns - p->last_ns, CRMG_PATIENCE_GAP_SHIFT)]++;
	p->answered = answered;
	p->last_ns = now_ns;
}

#endif
