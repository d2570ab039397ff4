/* SPDX-License-Identifier: GPL-2.0 */
/*
 * limit.h - the generic cell rate algorithm: a limit's whole state is one word,
 * the theoretical arrival time (TAT) in 1/256 ns, moved by compare-and-swap.
 * Over any interval t at most burst + rate * t passes, and no remainder of a
 * refill is ever lost, for there is no refill.
 */
#ifndef CRMGATE_BPF_LIMIT_H
#define CRMGATE_BPF_LIMIT_H

#define CRMG_CAS_TRIES 8

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

/* What a packet takes of each limit: the one place that knows what is counted. */
static __always_inline __u64 crmg_limit_amount(__u32 id, __u32 len, bool syn)
{
	switch (id) {
	case CRMG_LIMIT_CONNECTIONS:
		return syn;
	case CRMG_LIMIT_PACKETS:
		return 1;
	case CRMG_LIMIT_BYTES:
		return len;
	}
	return 0;
}

static __always_inline __u64 crmg_limit_cost(const struct crmg_limit *limit, __u32 id, __u64 n)
{
	return n * limit->cost >> crmg_limit_shift(id);
}

/*
 * TAT after a charge, or 0 if it does not conform. No tolerance is above 2^62 units
 * (208 days): what is farther ahead lies in the past, also after time has wrapped.
 */
#define CRMG_BACKLOG_MAX (1ULL << 62)

static __always_inline __u64
crmg_gcra(__u64 tat, __u64 now, __u64 cost, __u64 tolerance)
{
	__u64 backlog = tat - now;

	if (backlog > CRMG_BACKLOG_MAX)
		backlog = 0;
	if (backlog + cost > tolerance)
		return 0;
	tat = now + backlog + cost;
	return tat ? tat : 1;
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

/* When another CPU was faster. A function of its own, verified once. */
__noinline int crmg_charge_again(__u64 *word, __u64 now, __u64 cost, __u64 tolerance)
{
	enum crmg_charge charge = CRMG_CONTENDED;
	int try;

	if (!word)
		return charge;
	for (try = 0; try < CRMG_CAS_TRIES && charge == CRMG_CONTENDED; try++)
		charge = crmg_charge_once(word, now, cost, tolerance);
	return charge;
}

static __always_inline enum crmg_charge
crmg_charge(__u64 *word, __u64 now, __u64 cost, __u64 tolerance)
{
	enum crmg_charge charge = crmg_charge_once(word, now, cost, tolerance);

	return charge == CRMG_CONTENDED ? crmg_charge_again(word, now, cost, tolerance) : charge;
}

/*
 * Charges a packet to every limit of a binding, or to none: first all are asked
 * without writing, so a refusal moves no bucket; then they are charged, and what
 * was charged is given back when another CPU took the last unit in between.
 */
static __always_inline enum crmg_reason
crmg_limits(struct crmg_slot *slot, const struct crmg_binding *binding,
	    const struct crmg_source *source)
{
	__u64 now = source->now_ns << CRMG_UNITS_PER_NS_SHIFT;
	__u32 len = source->len, syn = source->syn;
	__u32 set = binding->limits, charged = 0, id;
	enum crmg_reason reason = CRMG_REASON_OK;

#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++) {
		const struct crmg_limit *limit = &binding->limit[id];
		__u64 n = crmg_limit_amount(id, len, syn);

		if (!n || !(set & 1 << id))
			continue;
		if (!crmg_gcra(CRMG_READ_ONCE(slot->tat[id]), now, crmg_limit_cost(limit, id, n),
			       limit->tolerance))
			return crmg_limit_reason(id);
	}
#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++) {
		const struct crmg_limit *limit = &binding->limit[id];
		__u64 n = crmg_limit_amount(id, len, syn);
		enum crmg_charge charge;

		if (!n || !(set & 1 << id) || reason != CRMG_REASON_OK)
			continue;
		charge = crmg_charge(&slot->tat[id], now, crmg_limit_cost(limit, id, n),
				     limit->tolerance);
		if (charge == CRMG_CHARGED)
			charged |= 1 << id;
		else
			reason = charge == CRMG_REFUSED ? crmg_limit_reason(id) :
							  CRMG_REASON_CONTENTION;
	}
	if (reason == CRMG_REASON_OK)
		return reason;
	crmg_count_host(CRMG_HOST_LOST_RACES);
#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++)
		if (charged & 1 << id)
			__sync_fetch_and_add(&slot->tat[id],
				-crmg_limit_cost(&binding->limit[id], id,
						 crmg_limit_amount(id, len, syn)));
	return reason;
}

/* Charges the packet that came, and passed, before the slot was there. */
static __always_inline void
crmg_limits_first(struct crmg_slot *slot, const struct crmg_binding *binding,
		  const struct crmg_source *source)
{
	__u64 now = source->now_ns << CRMG_UNITS_PER_NS_SHIFT;
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++) {
		__u64 n = crmg_limit_amount(id, source->first_len, source->first_syn);
		__u64 tat = (source->first_ns << CRMG_UNITS_PER_NS_SHIFT) +
			    crmg_limit_cost(&binding->limit[id], id, n);

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

/*
 * Takes a slot's buckets over to another binding: a limit goes on from its level, in
 * units, also when a binding without it came in between. The first of its kind finds
 * the bucket as the claim left it, full, unless another CPU has charged it already.
 */
static __always_inline void
crmg_limits_adopt(struct crmg_slot *slot, const struct crmg_binding *binding, __u64 now_ns)
{
	__u64 now = now_ns << CRMG_UNITS_PER_NS_SHIFT;
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++) {
		const struct crmg_limit *limit = &binding->limit[id];
		__u64 new = binding->limits & 1 << id ? limit->cost : 0;
		__u64 old = slot->cost[id], tat;

		if (!new || new == old)
			continue;
		slot->cost[id] = new;
		tat = CRMG_READ_ONCE(slot->tat[id]);
		if (old && (__s64)(tat - now) > 0)
			__sync_val_compare_and_swap(&slot->tat[id], tat, now +
				crmg_rescale(tat - now, old, new, limit->tolerance));
	}
}

/* Full buckets: the slot slept so long that its TATs have wrapped, or changed hands. */
static __always_inline void crmg_limits_fill(struct crmg_slot *slot, __u64 now_ns)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++)
		CRMG_WRITE_ONCE(slot->tat[id], now_ns << CRMG_UNITS_PER_NS_SHIFT);
}

#endif
