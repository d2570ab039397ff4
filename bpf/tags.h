/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tags.h - the tag lines of the source table: what a tag says, and which way of
 * a line a new source may take. Layout: abi.h.
 */
#ifndef CRMGATE_BPF_TAGS_H
#define CRMGATE_BPF_TAGS_H

#define CRMG_READ_ONCE(x)     (*(volatile typeof(x) *)&(x))
#define CRMG_WRITE_ONCE(x, v) (*(volatile typeof(x) *)&(x) = (v))

/* 1 if a > b, else 0, for a, b < 2^31: without a branch, which the verifier would follow. */
#define CRMG_ABOVE(a, b) ((__u64)((__s64)(b) - (__s64)(a)) >> 63)

static __always_inline __u32 crmg_tag_state(__u64 tag)
{
	return tag >> CRMG_TAG_STATE_SHIFT & 0xf;
}

static __always_inline __u64 crmg_tag_make(__u64 hash, __u64 state, __u64 age)
{
	return hash | state << CRMG_TAG_STATE_SHIFT | age;
}

static __always_inline bool crmg_tag_is(__u64 tag, __u64 hash)
{
	return !((tag ^ hash) >> CRMG_TAG_HASH_SHIFT);
}

/* The present age, as a slot in use has it; a tag without a slot has its low bits. */
static __always_inline __u32 crmg_tag_age(__u64 now_ns)
{
	return now_ns >> CRMG_TAG_AGE_NS_SHIFT & CRMG_TAG_LIVE_AGE_MASK;
}

static __always_inline __u32 crmg_tag_idle(__u64 tag, __u32 age)
{
	__u32 in_use = CRMG_ABOVE(crmg_tag_state(tag), CRMG_TAG_SEEN_SYN);

	return (age - (__u32)tag) &
	       (CRMG_TAG_AGE_MASK | (0 - in_use & CRMG_TAG_LIVE_AGE_MASK));
}

static __always_inline bool crmg_tag_cas(__u64 *tag, __u64 old, __u64 new)
{
	return __sync_val_compare_and_swap(tag, old, new) == old;
}

/* Gives the tag of a slot that is in use the present age, once a tick. */
static __always_inline void crmg_tag_touch(__u64 *tag, __u64 old, __u32 age)
{
	if ((old ^ age) & CRMG_TAG_LIVE_AGE_MASK)
		crmg_tag_cas(tag, old, (old & ~(__u64)CRMG_TAG_LIVE_AGE_MASK) | age);
}

/*
 * Who goes first when a source needs room, the higher class first, 0 never. For a
 * source that has proved nothing:
 *
 *   7  an empty way
 *   6  a source that proved nothing either and was idle for 4.3 s
 *   5  a tag without a slot
 *   4  a source that proved nothing and was idle for a second
 *   2  one that was refused something, idle for 4.3 s, if its budgets are full again
 *   1  a proven one that was idle for an hour
 *   1  one whose automatic ban is over, idle for a day: until then it is remembered
 *
 * A proven source also takes the room of any that proved nothing (3, or 2 if it was refused
 * something), and of a proven one that was idle for a second (1). A table row a state, EMPTY in the lowest four
 * bits, then BUSY, SEEN, SEEN_SYN, LIVE, LIMITED, PROVEN, BANNED.
 */
#define CRMG_CLASS_YOUNG         0x00005507ULL
#define CRMG_CLASS_YOUNG_PROVEN  0x00235507ULL
#define CRMG_CLASS_SECOND        0x00040000ULL	/* gained after a second, ... */
#define CRMG_CLASS_SECOND_PROVEN 0x01010000ULL
#define CRMG_CLASS_STALE         0x00220000ULL
#define CRMG_CLASS_HOUR          0x01000000ULL
#define CRMG_CLASS_DAY           0x10000000ULL

#define CRMG_SECOND_TICKS 4
#define CRMG_STALE_TICKS  16
#define CRMG_HOUR_TICKS   ((__u32)(3600ULL * 1000000000 >> CRMG_TAG_AGE_NS_SHIFT))
#define CRMG_DAY_TICKS    (24 * CRMG_HOUR_TICKS)

static __always_inline __u64 crmg_victim_class(__u32 state, __u32 idle, bool proven)
{
	__u32 row = state * 4;
	__u64 young = proven ? CRMG_CLASS_YOUNG_PROVEN : CRMG_CLASS_YOUNG;
	__u64 second = proven ? CRMG_CLASS_SECOND_PROVEN : CRMG_CLASS_SECOND;
	__u64 hour = proven ? 0 : CRMG_CLASS_HOUR;

	return (young >> row & 0xf) +
	       (second >> row & 0xf) * CRMG_ABOVE(idle, CRMG_SECOND_TICKS - 1) +
	       (CRMG_CLASS_STALE >> row & 0xf) * CRMG_ABOVE(idle, CRMG_STALE_TICKS - 1) +
	       (hour >> row & 0xf) * CRMG_ABOVE(idle, CRMG_HOUR_TICKS - 1) +
	       (CRMG_CLASS_DAY >> row & 0xf) * CRMG_ABOVE(idle, CRMG_DAY_TICKS - 1);
}

#define CRMG_VICTIM_WAY(v)   ((v) & 7)
#define CRMG_VICTIM_CLASS(v) ((v) >> 24 & 7)
#define CRMG_VICTIM_FREE(v)  ((v) >> 28)	/* empty ways in the line */

/*
 * The way of a line that a new source may take, with its class and the number of
 * empty ways. Of those that are idle equally long it is the one that the source's hash
 * chooses, its home (0..7): where it is looked for first; and a fixed one would be the
 * newest in a flood, so that nobody lasts until his second packet. One that was banned comes last in its class, since its ban may still run. A function of
 * its own, so that its eight steps are verified once.
 */
__noinline __u32
crmg_victim(const struct crmg_tags *line, __u32 age, __u32 proven, __u32 home)
{
	__u64 best = 0, free = 0;
	int i;

	if (!line)
		return 0;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);
		__u32 idle = crmg_tag_idle(tag, age);
		__u64 class = crmg_victim_class(crmg_tag_state(tag), idle, proven);
		__u64 waits = idle * CRMG_ABOVE(CRMG_TAG_BANNED, crmg_tag_state(tag));
		__u64 rank = class << 24 | waits << 3 | (~(i ^ home) & 7);
		__u64 above = 0 - CRMG_ABOVE(rank, best);

		best = (rank & above) | (best & ~above);
		free += CRMG_ABOVE(1, crmg_tag_state(tag));
	}
	return (best ^ (~home & 7)) | free << 28;
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
		if (i != skip && crmg_tag_is(CRMG_READ_ONCE(line->tag[i]), hash))
			way = i;
	return way;
}

/* The same for the fast path: inline, and with the tag that was seen. */
static __always_inline __u32
crmg_way_find(const struct crmg_tags *line, __u64 hash, __u64 *ret_tag)
{
	__u32 i;

	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);

		if (crmg_tag_is(tag, hash)) {
			*ret_tag = tag;
			break;
		}
	}
	return i;
}

#endif
