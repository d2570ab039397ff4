/* SPDX-License-Identifier: GPL-2.0 */
/*
 * hash.h - where a source has its place in the tables: what the packet path looks it up
 * with, and what user space needs to put something there for it. No map, no knob.
 */
#ifndef CRMGATE_HASH_H
#define CRMGATE_HASH_H

#include <crmgate/abi.h>

/* Beside the row of a binding, in `share`: what a hash of a wider prefix is for. */
#define CRMG_HASH_AGGREGATE 0x4000
#define CRMG_HASH_PRESSURE  0x8000

struct crmg_hash {
	__u64 check;
	__u32 tag;		/* the hash bits of a tag; never 0 */
	__u32 line;
};

/*
 * Multilinear hashing over 32-bit words with secret 64-bit keys (pairwise
 * independent, one multiplication a word). Two sums: the first chooses line
 * and tag, with a finaliser so that a run of addresses does not stay a run of lines; the
 * second is kept in the slot, so an address need not be compared. share: 0, or of a
 * source that prefixes divide the row of the binding whose part of it is meant; of a wider
 * prefix CRMG_HASH_* | row.
 */
static inline __attribute__((always_inline)) void
crmg_hash_of(const volatile __u64 *k, __u32 line_mask, const struct crmg_addr *addr,
	     __u8 service, __u16 share, struct crmg_hash *ret)
{
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
	ret->tag = (__u32)(a >> 32 | 1 << CRMG_TAG_HASH_SHIFT) & CRMG_TAG_HASH_MASK;
	ret->line = a & line_mask;
	ret->check = b;
}

/* The check of a wider prefix: that of another width with the same address is another. Never 0. */
static inline __attribute__((always_inline)) __u64
crmg_hash_wide(const struct crmg_hash *hash, __u32 len)
{
	return (hash->check ^ (__u64)len << 1) | 1;
}

/* Bit of the filter before map "own": with the key, or who floods picks sources that meet it. */
static inline __attribute__((always_inline)) __u32
crmg_own_bit(const volatile __u64 *k, const struct crmg_addr *addr)
{
	return (addr->hi ^ addr->lo) * (k[0] | 1) >> 55;
}

#endif
