/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tags.h - the tag lines of the source table: what a tag says, and which way of
 * a line a new source may take. Layout: abi.h.
 */
#ifndef CRMGATE_BPF_TAGS_H
#define CRMGATE_BPF_TAGS_H

#include "once.h"

/*
 * 1 if a > b, else 0, for a, b < 2^31: without a branch, which the verifier would follow. The
 * compiler must not see that it is one of two, or it makes the branch itself.
 */
static __always_inline __u64 crmg_above(__u64 a, __u64 b)
{
	__u64 above = (b - a) >> 63;

	barrier_var(above);
	return above;
}

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
	__u32 in_use = crmg_above(state, CRMG_TAG_SEEN_SYN);

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
 * Who goes first when a source needs room: the higher class first, 0 never. By whether
 * that source is proven, and by the state of the tag; young is the class of one that was
 * just used, the others add to it what an idle one gains after that time.
 *
 * A stranger takes an empty way, a source that proved nothing either and was idle for
 * 4.3 s, a tag without a slot, one idle for a second, one that was refused something if it
 * was idle for 4.3 s (and its budgets are full again: claim.h); a proven one that was idle for
 * an hour, or one whose automatic ban is over and who was not seen for a day. A proven
 * source takes the room of any that proved nothing, and of a proven one that was idle for
 * 4.3 s.
 */
struct crmg_eviction {
	__u8 young;
	__u8 second;
	__u8 stale;		/* 4.3 s */
	__u8 away;		/* 4.3 s, in the ticks of the proven */
	__u8 hour;
	__u8 day;
	__u8 pad[2];
};

static const struct crmg_eviction crmg_evictions[2][CRMG_TAG_STATE_MASK + 1] = {
	{
		[CRMG_TAG_EMPTY]    = { .young = 7 },
		[CRMG_TAG_SEEN]     = { .young = 5 },
		[CRMG_TAG_SEEN_SYN] = { .young = 5 },
		[CRMG_TAG_LIVE]     = { .second = 4, .stale = 2 },
		[CRMG_TAG_LIMITED]  = { .stale = 2 },
		[CRMG_TAG_PROVEN]   = { .hour = 1 },
		[CRMG_TAG_BANNED]   = { .day = 1 },
	}, {
		[CRMG_TAG_EMPTY]    = { .young = 7 },
		[CRMG_TAG_SEEN]     = { .young = 5 },
		[CRMG_TAG_SEEN_SYN] = { .young = 5 },
		[CRMG_TAG_LIVE]     = { .young = 3, .second = 1, .stale = 2 },
		[CRMG_TAG_LIMITED]  = { .young = 2, .stale = 2 },
		[CRMG_TAG_PROVEN]   = { .away = 1 },
		[CRMG_TAG_BANNED]   = { .day = 1 },
	},
};

#define CRMG_TICKS(state, ns) ((__u32)((ns) >> CRMG_TAG_AGE_NS_SHIFT(state)))
#define CRMG_SECOND_TICKS 4
#define CRMG_STALE_TICKS  16
#define CRMG_AWAY_TICKS   2
#define CRMG_HOUR_TICKS   CRMG_TICKS(CRMG_TAG_PROVEN, 3600ULL * 1000000000)
#define CRMG_DAY_TICKS    CRMG_TICKS(CRMG_TAG_BANNED, 86400ULL * 1000000000)

static __always_inline __u64 crmg_victim_class(__u32 state, __u32 idle, __u32 proven)
{
	const struct crmg_eviction *e = &crmg_evictions[proven & 1][state & CRMG_TAG_STATE_MASK];

	return e->young + e->second * crmg_above(idle, CRMG_SECOND_TICKS - 1) +
	       e->stale * crmg_above(idle, CRMG_STALE_TICKS - 1) +
	       e->away * crmg_above(idle, CRMG_AWAY_TICKS - 1) +
	       e->hour * crmg_above(idle, CRMG_HOUR_TICKS) +
	       e->day * crmg_above(idle, CRMG_DAY_TICKS);
}

#define CRMG_VICTIM_WAY(v)   ((v) & 7)
#define CRMG_VICTIM_CLASS(v) ((v) >> 24 & 7)
#define CRMG_VICTIM_FREE(v)  ((v) >> 28)	/* empty ways in the line */

/*
 * In a line of which more than half were banned, the way of the one that was not seen for
 * longest, for a proven source that finds no other; as crmg_victim() returns it. Else an
 * abuser with many addresses would have lines to himself for a day.
 */
__noinline __u32 crmg_victim_banned(const struct crmg_tags *line, __u64 now_ns)
{
	__u64 longest = 0, banned = 0;
	int i;

	if (!line)
		return 0;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u32 tag = CRMG_READ_ONCE(line->tag[i]);
		__u64 is_banned = crmg_above(crmg_tag_state(tag), CRMG_TAG_PROVEN);
		__u64 rank = (0 - is_banned) &
			     (1 << 24 | (__u64)crmg_tag_idle(tag, now_ns) << 3 | i);
		__u64 above = 0 - crmg_above(rank, longest);

		longest = (rank & above) | (longest & ~above);
		banned += is_banned;
	}
	return banned > CRMG_WAYS / 2 ? longest : 0;
}

/*
 * The way of a line that a new source may take, with its class and the number of
 * empty ways. Of those that are idle equally long it is the one that the source's hash
 * chooses, its home (0..7): where it is looked for first; and a fixed one would be the
 * newest in a flood, so that nobody lasts until his second packet. One that was banned
 * comes last in its class, since its ban may still run. A function of its own, so that its
 * eight steps are verified once.
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
		__u64 waits = idle * crmg_above(CRMG_TAG_BANNED, crmg_tag_state(tag));
		__u64 rank = class << 24 | waits << 3 | (~(i ^ home) & 7);
		__u64 above = 0 - crmg_above(rank, best);

		best = (rank & above) | (best & ~above);
		free += crmg_above(1, crmg_tag_state(tag));
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
