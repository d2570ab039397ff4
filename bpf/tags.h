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

static __always_inline __u32 crmg_tag_state(__u32 tag)
{
	return tag >> CRMG_TAG_STATE_SHIFT & CRMG_TAG_STATE_MASK;
}

static __always_inline __u32 crmg_tag_make(__u32 hash, __u32 state, __u32 low)
{
	return hash | state << CRMG_TAG_STATE_SHIFT | low;
}

static __always_inline bool crmg_tag_is(__u32 tag, __u32 hash)
{
	return !((tag ^ hash) & CRMG_TAG_HASH_MASK);
}

static __always_inline __u32 crmg_tag_age_mask(__u32 state)
{
	__u32 in_use = CRMG_ABOVE(state, CRMG_TAG_SEEN_SYN);

	return CRMG_TAG_AGE_MASK | (0 - in_use & CRMG_TAG_LIVE_AGE_MASK);
}

/* What a tag of that state, written now, says of its age. */
static __always_inline __u32 crmg_tag_age(__u64 now_ns, __u32 state)
{
	return now_ns >> CRMG_TAG_AGE_NS_SHIFT(state) & crmg_tag_age_mask(state);
}

/* In ticks of the tag's state. */
static __always_inline __u32 crmg_tag_idle(__u32 tag, __u64 now_ns)
{
	__u32 state = crmg_tag_state(tag);

	return (crmg_tag_age(now_ns, state) - tag) & crmg_tag_age_mask(state);
}

static __always_inline bool crmg_tag_cas(__u32 *tag, __u32 old, __u32 new)
{
	return __sync_val_compare_and_swap(tag, old, new) == old;
}

/* Gives the tag of a slot that is in use the present age, once a tick. */
static __always_inline void crmg_tag_touch(__u32 *tag, __u32 old, __u64 now_ns)
{
	__u32 new = (old & ~CRMG_TAG_LIVE_AGE_MASK) | crmg_tag_age(now_ns, crmg_tag_state(old));

	if (old != new)
		crmg_tag_cas(tag, old, new);
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
 * something), and of a proven one that was idle for 4.3 s (1). A table row a state, EMPTY
 * in the lowest four bits, then BUSY, SEEN, SEEN_SYN, LIVE, LIMITED, PROVEN, BANNED.
 */
#define CRMG_CLASS_YOUNG         0x00005507U
#define CRMG_CLASS_YOUNG_PROVEN  0x00235507U
#define CRMG_CLASS_SECOND        0x00040000U	/* gained after a second, ... */
#define CRMG_CLASS_SECOND_PROVEN 0x00010000U
#define CRMG_CLASS_STALE         0x00220000U
#define CRMG_CLASS_AWAY          0x01000000U	/* for a proven source */
#define CRMG_CLASS_HOUR          0x01000000U
#define CRMG_CLASS_DAY           0x10000000U

#define CRMG_TICKS(state, ns) ((__u32)((ns) >> CRMG_TAG_AGE_NS_SHIFT(state)))
#define CRMG_SECOND_TICKS 4
#define CRMG_STALE_TICKS  16
#define CRMG_AWAY_TICKS   2
#define CRMG_HOUR_TICKS   CRMG_TICKS(CRMG_TAG_PROVEN, 3600ULL * 1000000000)
#define CRMG_DAY_TICKS    CRMG_TICKS(CRMG_TAG_BANNED, 86400ULL * 1000000000)

static __always_inline __u64 crmg_victim_class(__u32 state, __u32 idle, bool proven)
{
	__u32 row = state * 4;
	__u32 young = proven ? CRMG_CLASS_YOUNG_PROVEN : CRMG_CLASS_YOUNG;
	__u32 second = proven ? CRMG_CLASS_SECOND_PROVEN : CRMG_CLASS_SECOND;
	__u32 away = proven ? CRMG_CLASS_AWAY : 0;
	__u32 hour = proven ? 0 : CRMG_CLASS_HOUR;

	return (young >> row & 0xf) +
	       (second >> row & 0xf) * CRMG_ABOVE(idle, CRMG_SECOND_TICKS - 1) +
	       (CRMG_CLASS_STALE >> row & 0xf) * CRMG_ABOVE(idle, CRMG_STALE_TICKS - 1) +
	       (away >> row & 0xf) * CRMG_ABOVE(idle, CRMG_AWAY_TICKS - 1) +
	       (hour >> row & 0xf) * CRMG_ABOVE(idle, CRMG_HOUR_TICKS) +
	       (CRMG_CLASS_DAY >> row & 0xf) * CRMG_ABOVE(idle, CRMG_DAY_TICKS);
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
crmg_victim(const struct crmg_tags *line, __u64 now_ns, __u32 proven, __u32 home)
{
	__u64 best = 0, free = 0;
	int i;

	if (!line)
		return 0;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u32 tag = CRMG_READ_ONCE(line->tag[i]);
		__u32 idle = crmg_tag_idle(tag, now_ns);
		__u64 class = crmg_victim_class(crmg_tag_state(tag), idle, proven);
		__u64 waits = idle * CRMG_ABOVE(CRMG_TAG_BANNED, crmg_tag_state(tag));
		__u64 rank = class << 24 | waits << 3 | (~(i ^ home) & 7);
		__u64 above = 0 - CRMG_ABOVE(rank, best);

		best = (rank & above) | (best & ~above);
		free += CRMG_ABOVE(1, crmg_tag_state(tag));
	}
	return (best ^ (~home & 7)) | free << 28;
}

/* The lowest way of a line whose tag has this hash, or CRMG_WAYS, and that tag. */
static __always_inline __u32
crmg_way_find(const struct crmg_tags *line, __u32 hash, __u32 *ret_tag)
{
	__u32 i;

	for (i = 0; i < CRMG_WAYS; i++) {
		__u32 tag = CRMG_READ_ONCE(line->tag[i]);

		if (crmg_tag_is(tag, hash)) {
			*ret_tag = tag;
			break;
		}
	}
	return i;
}

#endif
