/* SPDX-License-Identifier: GPL-2.0 */
/*
 * limit.h - the generic cell rate algorithm: a limit's whole state is one word,
 * the theoretical arrival time (TAT) in 1/256 ns, moved by compare-and-swap.
 * Over any interval t at most burst + rate * t passes, and no remainder of a
 * refill is ever lost, for there is no refill.
 */
#ifndef CRMGATE_BPF_LIMIT_H
#define CRMGATE_BPF_LIMIT_H

#define CRMG_NS_PER_SEC 1000000000ULL

#define CRMG_CAS_TRIES     8
#define CRMG_CAS_TRIES_MAX 64	/* of a budget that all CPUs share */

/*
 * Idle for longer, a TAT could be taken for one in the future (2^63 / 256 ns = 417
 * days). A tick that is a little back is another CPU's clock, and no sleep.
 */
#define CRMG_IDLE_TICKS_MAX ((__u32)(200ULL * 86400 * 1000000000 >> CRMG_SLOT_TICK_SHIFT))
#define CRMG_BACK_TICKS_MAX ((__u32)(86400ULL * 1000000000 >> CRMG_SLOT_TICK_SHIFT))

static __always_inline bool crmg_slept(__u32 idle_ticks)
{
	return idle_ticks > CRMG_IDLE_TICKS_MAX && idle_ticks < 0 - CRMG_BACK_TICKS_MAX;
}

static __always_inline __u32 crmg_limit_shift(__u32 id)
{
#define CRMG_LIMIT_SHIFT(ID, name, unit, shift, help) \
	if (id == CRMG_LIMIT_##ID) \
		return shift;
	CRMG_LIMITS(CRMG_LIMIT_SHIFT)
	return 0;
}

static __always_inline enum crmg_reason crmg_limit_reason(__u32 id)
{
#define CRMG_LIMIT_REASON(ID, ...) \
	if (id == CRMG_LIMIT_##ID) \
		return CRMG_REASON_##ID;
	CRMG_LIMITS(CRMG_LIMIT_REASON)
	return CRMG_REASON_OK;
}

/* What is judged at once, and when: a packet; at TC ingress all segments that GRO put together. */
struct crmg_take {
	__u64 now;		/* 1/256 ns */
	__u32 packets;
	__u32 len;		/* of all of them */
	__u32 syn;
};

/* What a packet takes of each limit: the one place that knows what is counted. */
static __always_inline __u64 crmg_limit_amount(__u32 id, const struct crmg_take *take)
{
	switch (id) {
	case CRMG_LIMIT_CONNECTIONS:
		return take->syn;
	case CRMG_LIMIT_PACKETS:
		return take->packets;
	case CRMG_LIMIT_BYTES:
		return take->len;
	}
	return 0;
}

/*
 * n units of a limit. A packet may cost a week (2^57.1), so a few hundred that come as one
 * could overflow: from 2^62 on, which no tolerance reaches, it is 2^63 - 1. Calculated, not
 * branched, for the verifier; and not at all for the one packet that XDP knows it has.
 */
static __always_inline __u64 crmg_limit_cost(const struct crmg_limit *limit, __u32 id, __u64 n)
{
	__u64 cost = n * limit->cost >> crmg_limit_shift(id), over;

	if ((id != CRMG_LIMIT_PACKETS && id != CRMG_LIMIT_REQUESTS) || __builtin_constant_p(n))
		return cost;
	over = n * (limit->cost >> 16) >> 46;
	return (cost | (__u64)((__s64)(0 - over) >> 63)) & ~0ULL >> 1;
}

/*
 * Time units until a bucket is full again. No tolerance is above 2^62 units (208 days):
 * a TAT that is farther ahead lies in the past, also after time has wrapped.
 */
#define CRMG_BACKLOG_MAX (1ULL << 62)

static __always_inline __u64 crmg_backlog(__u64 tat, __u64 now)
{
	__u64 backlog = tat - now;

	return backlog > CRMG_BACKLOG_MAX ? 0 : backlog;
}

/* 1 if there is one: calculated, not branched, for the verifier. */
static __always_inline __u64 crmg_has_backlog(__u64 tat, __u64 now)
{
	return ((tat - now - 1) / CRMG_BACKLOG_MAX - 1) >> 63;
}

/* TAT after a charge, or 0 if it does not conform. */
static __always_inline __u64
crmg_gcra(__u64 tat, __u64 now, __u64 cost, __u64 tolerance)
{
	__u64 backlog = crmg_backlog(tat, now) + cost;

	if (backlog > tolerance)
		return 0;
	return now + backlog ? now + backlog : 1;
}

enum crmg_charge { CRMG_CHARGED, CRMG_REFUSED, CRMG_CONTENDED };

static __always_inline enum crmg_charge
crmg_charge_once(__u64 *word, __u64 now, __u64 cost, __u64 tolerance)
{
	__u64 old = CRMG_READ_ONCE(*word);
	__u64 new = crmg_gcra(old, now, cost, tolerance);

	if (!new)
		return CRMG_REFUSED;
	return __sync_val_compare_and_swap(word, old, new) == old ? CRMG_CHARGED : CRMG_CONTENDED;
}

/* When another CPU was faster, at most so often. A function of its own, verified once. */
__noinline int crmg_charge_again(__u64 *word, __u64 now, __u64 cost, __u64 tolerance, __u32 tries)
{
	enum crmg_charge charge = CRMG_CONTENDED;
	__u32 try;

	if (!word)
		return charge;
	for (try = 0; try < CRMG_CAS_TRIES_MAX && try < tries && charge == CRMG_CONTENDED; try++)
		charge = crmg_charge_once(word, now, cost, tolerance);
	return charge;
}

static __always_inline enum crmg_charge
crmg_charge(__u64 *word, __u64 now, __u64 cost, __u64 tolerance)
{
	enum crmg_charge charge = crmg_charge_once(word, now, cost, tolerance);

	return charge == CRMG_CONTENDED ?
	       crmg_charge_again(word, now, cost, tolerance, CRMG_CAS_TRIES) : charge;
}

/* The TATs of a slot or of a bucket. */
struct crmg_tats {
	__u64 word[CRMG_BUCKET_LIMITS];
};

/* What a packet takes of one scope's limits; by value, since a policy is read-only. */
struct crmg_ask {
	__u64 now;
	__u64 cost[CRMG_BUCKET_LIMITS];
	__u64 tolerance[CRMG_BUCKET_LIMITS];
	__u32 set;		/* bit i: cost[i] is asked for */
	__u32 tries;
};

static __always_inline void
crmg_ask(struct crmg_ask *ask, const struct crmg_limit *limit, __u32 set,
	 const struct crmg_take *take, __u32 tries)
{
	__u32 id;

	ask->now = take->now;
	ask->set = 0;
	ask->tries = tries;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		__u64 n = crmg_limit_amount(id, take);

		ask->cost[id] = crmg_limit_cost(&limit[id], id, n);
		ask->tolerance[id] = limit[id].tolerance;
		if (n)
			ask->set |= set & 1 << id;
	}
}

/* Bit i: limit i refuses. Writes nothing, so a refusal moves no bucket. */
__noinline int crmg_refuses(const struct crmg_tats *tats, const struct crmg_ask *ask)
{
	__u32 refused = 0, id;

	if (!tats || !ask)
		return 0;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (ask->set & 1 << id &&
		    !crmg_gcra(CRMG_READ_ONCE(tats->word[id]), ask->now, ask->cost[id],
			       ask->tolerance[id]))
			refused |= 1 << id;
	return refused;
}

/* Takes back what was charged for the limits of `set`. */
static __always_inline void
crmg_take_back(struct crmg_tats *tats, const struct crmg_ask *ask, __u32 set)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (ask->set & set & 1 << id)
			__sync_fetch_and_add(&tats->word[id], -ask->cost[id]);
}

__noinline int crmg_give_back(struct crmg_tats *tats, const struct crmg_ask *ask, __u32 set)
{
	if (tats && ask)
		crmg_take_back(tats, ask, set);
	return 0;
}

#define CRMG_CHARGE_CONTENDED 0x100

/*
 * Charges all limits that are asked for, or none: 0, or bit i for the limit that refused
 * when its turn came, with CRMG_CHARGE_CONTENDED if other CPUs were always faster.
 */
__noinline int crmg_charge_all(struct crmg_tats *tats, const struct crmg_ask *ask)
{
	__u32 done = 0, id;
	int charge;

	if (!tats || !ask)
		return 0;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		if (!(ask->set & 1 << id))
			continue;
		charge = crmg_charge_again(&tats->word[id], ask->now, ask->cost[id],
					   ask->tolerance[id], ask->tries);
		if (charge != CRMG_CHARGED) {
			crmg_take_back(tats, ask, done);
			return 1 << id | (charge == CRMG_CONTENDED ? CRMG_CHARGE_CONTENDED : 0);
		}
		done |= 1 << id;
	}
	return 0;
}

/* The reason of what crmg_refuses() or crmg_charge_all() says of a source's own limits. */
static __always_inline enum crmg_reason crmg_refusal(__u32 refused)
{
	__u32 id;

	if (refused & CRMG_CHARGE_CONTENDED)
		return CRMG_REASON_CONTENTION;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (refused & 1 << id)
			return crmg_limit_reason(id);
	return CRMG_REASON_OK;
}

/*
 * Charges a packet to every limit of a source, or to none: first all are asked, then each
 * is written once. Only if another CPU wrote in between it is all done again, with calls.
 */
static __always_inline enum crmg_reason
crmg_charge_source(struct crmg_slot *slot, const struct crmg_limit *limit, __u32 set,
		   const struct crmg_take *take, struct crmg_ask *ask)
{
	struct crmg_tats *tats = (struct crmg_tats *)slot->tat;
	/* Set only for the verifier of 6.1, which does not see that both loops agree. */
	__u64 old[CRMG_BUCKET_LIMITS] = { 0 }, new[CRMG_BUCKET_LIMITS] = { 0 };
	__u32 id, done = 0;

	if (!take->syn)
		set &= ~(1 << CRMG_LIMIT_CONNECTIONS);
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		__u64 n = crmg_limit_amount(id, take);

		if (!(set & 1 << id))
			continue;
		old[id] = CRMG_READ_ONCE(tats->word[id]);
		new[id] = crmg_gcra(old[id], take->now, crmg_limit_cost(&limit[id], id, n),
				    limit[id].tolerance);
		if (!new[id])
			return crmg_limit_reason(id);
	}
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		if (!(set & 1 << id))
			continue;
		if (__sync_val_compare_and_swap(&tats->word[id], old[id], new[id]) != old[id])
			goto contended;
		done |= 1 << id;
	}
	return CRMG_REASON_OK;
contended:
	crmg_count_host(CRMG_HOST_LOST_RACES);
	crmg_ask(ask, limit, set, take, CRMG_CAS_TRIES);
	crmg_give_back(tats, ask, done);
	return crmg_refusal(crmg_charge_all(tats, ask));
}

/* Charges a packet that came, and passed, before the slot was there. */
static __always_inline void
crmg_limits_first(struct crmg_slot *slot, const struct crmg_binding *binding,
		  const struct crmg_take *first, __u64 now)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		__u64 n = crmg_limit_amount(id, first);
		__u64 tat = first->now + crmg_limit_cost(&binding->limit[id], id, n);

		if (binding->limits & 1 << id && (__s64)(tat - now) > 0)
			__sync_fetch_and_add(&slot->tat[id], tat - now);
	}
}

/* The time that `backlog` stands for when a unit costs `new` instead of `old`: the level stays. */
static __always_inline __u64
crmg_rescale(__u64 backlog, __u64 old, __u64 new, __u64 tolerance)
{
	/* In units and 1/65536 of a unit, both without leaving 64 bits. */
	__u64 units = backlog / old, rest = backlog % old;
	__u64 part = old >> 16 ? rest / (old >> 16) : (rest << 16) / old;
	__u64 to;

	if (units > tolerance / new)
		return tolerance;
	to = units * new + (new < 1ULL << 47 ? part * new >> 16 : part * (new >> 16));
	return to < tolerance ? to : tolerance;
}

/* The backlog of a bucket that was written for a limit of cost `old` (0: never), as `new` has it. */
static __always_inline __u64
crmg_backlog_as(__u64 tat, __u64 now, __u64 old, __u64 new, __u64 tolerance)
{
	__u64 backlog = crmg_backlog(tat, now);

	return old != new && old && backlog ? crmg_rescale(backlog, old, new, tolerance) : backlog;
}

/* Seconds until `cost` more conform, or as much of it as ever does. */
static __always_inline __u32 crmg_wait_s(__u64 backlog, __u64 cost, __u64 tolerance)
{
	const __u64 second = CRMG_NS_PER_SEC << CRMG_UNITS_PER_NS_SHIFT;

	if (cost > tolerance)
		cost = tolerance;
	/* Another CPU may have been refused in the meantime, or its source forgotten. */
	return backlog + cost > tolerance ? (backlog + cost - tolerance + second - 1) / second : 0;
}

/* True if a limit of `set` is not the one for which a bucket was written. */
static __always_inline bool
crmg_limits_changed(const __u64 *cost, const struct crmg_limit *limit, __u32 set)
{
	__u64 changed = 0;
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (set & 1 << id)
			changed |= cost[id] ^ limit[id].cost;
	return changed;
}

/*
 * Takes buckets over to other limits: each goes on from its level, in units, also when
 * it had no limit in between. The first of its kind finds the bucket as the claim left
 * it, full, unless another CPU has charged it already. A word that nothing was ever
 * charged to may be as old as the table, and say anything: it is full then. No call: 6.1
 * walks all that follows once more for each value that led to one.
 */
static __always_inline void
crmg_limits_adopt(__u64 *tat, __u64 *cost, const struct crmg_limit *limit, __u32 set, __u64 now)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		__u64 new = set & 1 << id ? limit[id].cost : 0;
		__u64 old = cost[id], word, backlog;

		if (!new || new == old)
			continue;
		cost[id] = new;
		word = CRMG_READ_ONCE(tat[id]);
		backlog = crmg_backlog(word, now);
		if (old && backlog)
			__sync_val_compare_and_swap(&tat[id], word, now +
				crmg_rescale(backlog, old, new, limit[id].tolerance));
		else if (backlog > limit[id].tolerance)
			__sync_val_compare_and_swap(&tat[id], word, now);
	}
}

/* Full buckets: the slot slept so long that its TATs have wrapped, or changed hands. */
static __always_inline void crmg_limits_fill(struct crmg_slot *slot, __u64 now_ns)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		CRMG_WRITE_ONCE(slot->tat[id], now_ns << CRMG_UNITS_PER_NS_SHIFT);
}

#endif
