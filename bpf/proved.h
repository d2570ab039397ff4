/* SPDX-License-Identifier: GPL-2.0 */
/*
 * proved.h - what a source sends that is provably its own: segments that acknowledge
 * what only it can know. They fill buckets of the source's limits once more, refused or
 * not. Whoever forges its address fills the limits themselves, but never these.
 */
#ifndef CRMGATE_BPF_PROVED_H
#define CRMGATE_BPF_PROVED_H

/*
 * True if half of a limit that can give strikes is used up. Below that its flow need not
 * be looked up: so the buckets here are behind those of the slot, and never ahead.
 */
static __always_inline bool
crmg_strained(const struct crmg_slot *slot, const struct crmg_binding *binding, __u64 now)
{
	bool strained = false;
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (binding->limits & CRMG_STRIKE_LIMITS & 1 << id)
			strained |= crmg_backlog(CRMG_READ_ONCE(slot->tat[id]), now) >
				    binding->limit[id].tolerance / 2;
	return strained;
}

/* True if the packet is one that strikes may depend on: left to the whole path. */
static __always_inline bool
crmg_watched(const struct crmg_slot *slot, const struct crmg_binding *binding, __u64 now_ns)
{
	return binding->flags & CRMG_BINDING_BAN && binding->mode == CRMG_MODE_ENFORCE &&
	       crmg_strained(slot, binding, now_ns << CRMG_UNITS_PER_NS_SHIFT);
}

/*
 * Charges a bucket with a packet, also if it does not conform; but then by that one
 * packet only. Returns whether it does not. Of CPUs that come at once one may not
 * count: that is in favour of the source.
 */
static __always_inline bool
crmg_proved_charge(__u64 *word, __u64 now, __u64 cost, __u64 tolerance)
{
	__u64 old = CRMG_READ_ONCE(*word), backlog = crmg_backlog(old, now) + cost;

	if (backlog > tolerance + cost)
		backlog = tolerance + cost;
	__sync_val_compare_and_swap(word, old, now + backlog);
	return backlog > tolerance;
}

/* Notes in w->exceeded whether the packet is the source's own, and more than it may send. */
static __noinline void crmg_proved(struct crmg_work *w, const struct crmg_binding *binding)
{
	const struct crmg_take take = crmg_take_of(&w->source);
	__u32 at = w->source.index, exceeded = 0, id;
	struct crmg_proved *proved = bpf_map_lookup_elem(&proved_map, &at);

	if (!proved || !crmg_flow_proves(&w->pkt, w->source.now_ns))
		return;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		__u64 n = crmg_limit_amount(id, &take);

		if (CRMG_STRIKE_LIMITS & 1 << id && binding->strike_limits & 1 << id)
			exceeded |= crmg_proved_charge(&proved->tat[id], take.now,
						       crmg_limit_cost(&binding->limit[id], id, n),
						       binding->limit[id].tolerance);
	}
	w->exceeded = exceeded;
}

/* The slot is another's now, or slept: its buckets are full. */
static __always_inline void crmg_proved_fill(__u32 index, __u64 now_ns)
{
	struct crmg_proved *proved = bpf_map_lookup_elem(&proved_map, &index);
	__u32 id;

	if (!proved)
		return;
#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		CRMG_WRITE_ONCE(proved->tat[id], now_ns << CRMG_UNITS_PER_NS_SHIFT);
}

#endif
