/* SPDX-License-Identifier: GPL-2.0 */
/*
 * throttle.h - `on_budget: throttle`: what leaves to a source that used up a budget goes on
 * at a rate, by one word (limit.h) that all its connections share. Of a budget that sources
 * share all of them share the word; and where several are used up a packet has to find room in
 * each, and is charged to each or to none.
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

static __always_inline __u64 crmg_throttle_backlog(__u64 tat, const struct crmg_throttling *t)
{
	__u64 backlog = crmg_backlog(tat, t->now);

	if (backlog > CRMG_THROTTLE_BACKLOG_MAX)
		backlog = 0;
	return backlog < t->least ? t->least : backlog;
}

/* The same word as of a limit, but a packet passes that finds it at `most` or below. */
static __always_inline bool
crmg_throttle_charge(__u64 *word, const struct crmg_throttling *t, __u64 most)
{
	__u64 tat, backlog;
	int try;

	for (try = 0; try < CRMG_CAS_TRIES; try++) {
		tat = CRMG_READ_ONCE(*word);
		backlog = crmg_throttle_backlog(tat, t);
		if (backlog > most)
			return false;
		if (__sync_val_compare_and_swap(word, tat, t->now + backlog + t->cost) == tat)
			return true;
	}
	return false;
}

/* The rate of a budget that is used up; begins: just now, and there is no burst to save. */
static __always_inline void
crmg_throttling_set(struct crmg_work *w, const struct crmg_limit *rate, __u64 bytes, bool begins)
{
	struct crmg_throttling *t = &w->throttling;

	t->now = w->source.now_ns << CRMG_UNITS_PER_NS_SHIFT;
	t->cost = bytes * rate->cost >> crmg_limit_shift(CRMG_LIMIT_BYTES);
	t->most = crmg_asks(&w->pkt) ? rate->tolerance : CRMG_THROTTLE_BACKLOG_MAX;
	t->least = begins ? rate->tolerance : 0;
}

static __always_inline struct crmg_turn *crmg_turn_of(struct __sk_buff *skb)
{
	return skb->sk ? bpf_sk_storage_get(&turns, skb->sk, 0, BPF_SK_STORAGE_GET_F_CREATE) : NULL;
}

/* How much farther its packet may overdraw: CRMG_TURN_SHIFT, if it is its turn, or 0. */
static __always_inline __u32
crmg_turn_shift(const struct __sk_buff *skb, const struct crmg_turn *turn, __u64 now_ns)
{
	return turn && turn->refused_ns && now_ns - turn->refused_ns > CRMG_TURN_NS &&
	       skb->gso_segs <= 1 ? CRMG_TURN_SHIFT : 0;
}

/* What carries nothing leaves in any case: with it no connection has had its turn. */
static __always_inline void
crmg_turn_note(struct crmg_turn *turn, const struct crmg_work *w, bool pass, __u64 now_ns)
{
	if (!turn || !crmg_asks(&w->pkt))
		return;
	if (pass)
		turn->refused_ns = 0;
	else if (!turn->refused_ns)
		turn->refused_ns = now_ns;
}

/*
 * 1: the packet of w->throttling passes, and was charged. A function of its own, verified
 * once.
 */
__noinline int crmg_throttle_pass(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_throttle *there;
	struct crmg_throttling *t;
	struct crmg_turn *turn;
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
	turn = crmg_turn_of(skb);
	pass = crmg_throttle_charge(&there->tat, t, t->most << crmg_turn_shift(skb, turn, now_ns));
	crmg_turn_note(turn, w, pass, now_ns);
	return pass;
}

/*
 * Of a scope that refused, as result says, and throttles, whose windows are held: 1 if its rate
 * lets the packet leave, whose tolerance is << shift; charge: it leaves, and pays. Nobody else
 * writes the word meanwhile. A function of its own, verified once.
 */
__noinline int
crmg_throttle_scope(struct crmg_work *w, __u32 scope, __u32 result, __u32 shift, __u32 charge)
{
	struct crmg_total_windows *total;
	struct crmg_throttling *t;
	struct crmg_throttle *own;
	__u64 *word, backlog;
	__u32 at;

	if (!w || scope >= CRMG_SCOPE_COUNT ||
	    !(result & w->slows & CRMG_OUT_OF(scope, CRMG_OUT_REFUSED)))
		return 1;
	at = w->out[scope].at;
	if (scope == CRMG_SCOPE_SOURCE) {
		own = bpf_map_lookup_elem(&throttles, &at);
		if (!own)
			return 1;
		word = &own->tat;
	} else {
		total = crmg_total_windows_at(at);
		if (!total)
			return 1;
		word = &total->tat;
	}
	crmg_throttling_set(w, &w->out[scope].throttle, w->out[scope].bytes,
			    result & CRMG_OUT_OF(scope, CRMG_OUT_EXCEEDED));
	t = &w->throttling;
	backlog = crmg_throttle_backlog(CRMG_READ_ONCE(*word), t);
	/*
	 * What carries nothing is no debt of all who share the rate: of forged handshakes, which are
	 * answered, there may be any number.
	 */
	charge &= scope == CRMG_SCOPE_SOURCE || crmg_asks(&w->pkt);
	/* Also if another rate refuses it: the next packet is not told that it is the first. */
	if (charge || t->least)
		CRMG_WRITE_ONCE(*word, t->now + backlog + (charge ? t->cost : 0));
	return backlog <= t->most << (shift & 7);
}

/*
 * CRMG_OUT_OF(scope, CRMG_OUT_REFUSED) of those whose rates do not let the packet leave; 0: it
 * leaves, and is charged to each. The same.
 */
__noinline int crmg_throttle_refused(struct __sk_buff *skb, struct crmg_work *w, __u32 result)
{
	struct crmg_turn *turn;
	__u32 scope, shift, pass, refused = 0;

	if (!skb || !w)
		return 0;
	turn = crmg_turn_of(skb);
	shift = crmg_turn_shift(skb, turn, w->source.now_ns);
#pragma unroll
	for (scope = 0; scope < CRMG_SCOPE_COUNT; scope++) {
		pass = crmg_throttle_scope(w, scope, result, shift, 0) & 1;
		refused |= CRMG_OUT_OF(scope, (pass ^ 1) * CRMG_OUT_REFUSED);
	}
#pragma unroll
	for (scope = 0; scope < CRMG_SCOPE_COUNT; scope++)
		if (!refused)
			crmg_throttle_scope(w, scope, result, 0, 1);
	crmg_turn_note(turn, w, !refused, w->source.now_ns);
	return refused;
}

#endif
