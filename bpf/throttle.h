/* SPDX-License-Identifier: GPL-2.0 */
/*
 * throttle.h - `on_budget: throttle`: what leaves to a source that used up a budget goes on
 * at a rate, by one word (limit.h) that all its connections share.
 *
 * A packet is refused while the bucket is overdrawn, and else passes whole and may overdraw
 * it: so a super-packet of any size goes out. What is refused of a socket of this host is not
 * lost: TCP is told so at once (NET_XMIT_DROP), keeps the segment as not sent, and tries it
 * again with the next ACK, or at most half a second later. So the bucket holds a second. But
 * after 15 tries in vain TCP gives the connection up (tcp_retries2), and of many connections
 * one can have no luck so often: each has its turn in time, a segment.
 */
#ifndef CRMGATE_BPF_THROTTLE_H
#define CRMGATE_BPF_THROTTLE_H

/* A TAT that is farther ahead is not of this time: no packet overdraws as much. */
#define CRMG_THROTTLE_BACKLOG_MAX ((600 * CRMG_NS_PER_SEC) << CRMG_UNITS_PER_NS_SHIFT)

/* So long in vain, and it is the connection's turn; unless the bucket is overdrawn by seconds. */
#define CRMG_TURN_NS     (2 * CRMG_NS_PER_SEC)
#define CRMG_TURN_SHIFT  3	/* tolerance << it: how far turns may overdraw */

/* Of a socket of this host. Not pinned: after another program each has a little patience more. */
struct crmg_turn {
	__u64 refused_ns;	/* since when all was refused; 0: the last segment passed */
};

struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct crmg_turn);
} turns SEC(".maps");

/* The same word as of a limit, but a packet passes that finds it at `most` or below. */
static __always_inline bool
crmg_throttle_charge(__u64 *word, const struct crmg_throttling *t, __u64 most)
{
	__u64 tat, backlog;
	int try;

	for (try = 0; try < CRMG_CAS_TRIES; try++) {
		tat = CRMG_READ_ONCE(*word);
		backlog = crmg_backlog(tat, t->now);
		if (backlog > CRMG_THROTTLE_BACKLOG_MAX)
			backlog = 0;
		if (backlog < t->least)
			backlog = t->least;
		if (backlog > most)
			return false;
		if (__sync_val_compare_and_swap(word, tat, t->now + backlog + t->cost) == tat)
			return true;
	}
	return false;
}

/*
 * 1: the packet of w->throttling passes, and was charged. A function of its own, verified
 * once.
 */
__noinline int crmg_throttle_pass(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_throttle *there;
	struct crmg_throttling *t;
	struct crmg_turn *turn = NULL;
	__u64 now_ns;
	__u32 index;
	int pass;

	if (!skb || !w)
		return 1;
	t = &w->throttling;
	index = t->index;
	there = bpf_map_lookup_elem(&throttles, &index);
	if (!there)
		return 1;
	now_ns = t->now >> CRMG_UNITS_PER_NS_SHIFT;
	if (skb->sk)
		turn = bpf_sk_storage_get(&turns, skb->sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (turn && turn->refused_ns && now_ns - turn->refused_ns > CRMG_TURN_NS &&
	    skb->gso_segs <= 1)
		t->most <<= CRMG_TURN_SHIFT;
	pass = crmg_throttle_charge(&there->tat, t, t->most);
	if (turn && pass)
		turn->refused_ns = 0;
	else if (turn && !turn->refused_ns)
		turn->refused_ns = now_ns;
	return pass;
}

#endif
