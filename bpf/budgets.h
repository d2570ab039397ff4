/* SPDX-License-Identifier: GPL-2.0 */
/*
 * budgets.h - budgets that sources share: of a wider prefix, of a policy, of a
 * service. They hold when single sources cannot be told any more; a packet must
 * conform to all, and is charged to all or to none.
 */
#ifndef CRMGATE_BPF_BUDGETS_H
#define CRMGATE_BPF_BUDGETS_H

/* True if no limit of the bucket has a backlog, or nobody ever had it: it is as good as a new one. */
static __always_inline bool crmg_bucket_full(const struct crmg_bucket *bucket, __u64 now)
{
	__u64 backlog = 0;
	int i;

#pragma unroll
	for (i = 0; i < CRMG_BUCKET_LIMITS; i++)
		backlog |= crmg_backlog(CRMG_READ_ONCE(bucket->tat[i]), now);
	return !backlog || !CRMG_READ_ONCE(bucket->check);
}

/*
 * The bucket may be another's: its levels are void, and who comes next adopts it. What a
 * prefix may have taken from home, while it had no bucket, goes with it.
 */
static __always_inline bool
crmg_bucket_claim(struct crmg_bucket *bucket, const struct crmg_bucket *home, __u64 check)
{
	__u64 old = CRMG_READ_ONCE(bucket->check), charged = CRMG_READ_ONCE(home->shared);
	int i;

	if (__sync_val_compare_and_swap(&bucket->check, old, check) != old)
		return false;
#pragma unroll
	for (i = 0; i < CRMG_BUCKET_LIMITS; i++) {
		if (charged)
			CRMG_WRITE_ONCE(bucket->tat[i], CRMG_READ_ONCE(home->tat[i]));
		CRMG_WRITE_ONCE(bucket->cost[i], charged ? CRMG_READ_ONCE(home->cost[i]) : 0);
	}
	CRMG_WRITE_ONCE(bucket->shared, 0);
	return true;
}

/*
 * The way of a line that a hash has: its own, or a full one that becomes its own, or,
 * while all of the line are at work, the one that it then shares. Verified once.
 */
__noinline __u32 crmg_bucket_way(struct crmg_aggregates *line, __u64 check, __u64 now)
{
	__u32 i, home = check >> 32 & (CRMG_AGGREGATE_WAYS - 1);

	if (!line)
		return 0;
	for (i = 0; i < CRMG_AGGREGATE_WAYS; i++)
		if (CRMG_READ_ONCE(line->way[i].check) == check)
			return i;
	for (i = 0; i < CRMG_AGGREGATE_WAYS; i++)
		if (crmg_bucket_full(&line->way[i], now) &&
		    crmg_bucket_claim(&line->way[i], &line->way[home], check))
			return i;
	CRMG_WRITE_ONCE(line->way[home].shared, 1);
	return home;
}

/* How wide the prefix is that a source shares budgets with; of a binding: v4_wide, v6_wide. */
static __always_inline __u32
crmg_wide_len(const struct crmg_addr *addr, __u32 v4_wide, __u32 v6_wide)
{
	return !addr->hi && addr->lo >> 32 == CRMG_V4_MAPPED_LO >> 32 ? v4_wide : v6_wide;
}

/* The bucket of the wider prefix of a source; use: CRMG_HASH_*. */
static __always_inline struct crmg_bucket *
crmg_aggregate(const struct crmg_work *w, const struct crmg_binding *binding, __u32 use)
{
	const struct crmg_source *source = &w->source;
	struct crmg_addr wide = crmg_addr_prefix(&source->addr,
		crmg_wide_len(&source->addr, binding->v4_wide, binding->v6_wide));
	struct crmg_aggregates *line;
	struct crmg_hash hash;
	__u32 at, way;

	crmg_hash_source(&wide, source->service, use | binding->row, &hash);
	at = crmg_place(w, hash.line & crmg_knobs.aggregate_mask, crmg_knobs.aggregate_mask + 1);
	line = bpf_map_lookup_elem(&aggregates, &at);
	if (!line)
		return NULL;
	way = crmg_bucket_way(line, hash.check | 1, source->now_ns << CRMG_UNITS_PER_NS_SHIFT);
	return &line->way[way & (CRMG_AGGREGATE_WAYS - 1)];
}

static __always_inline struct crmg_bucket *crmg_total(__u32 at)
{
	return bpf_map_lookup_elem(&totals, &at);
}

/* One scope's bucket and ask; NULL if it has no budget. */
static __always_inline struct crmg_tats *
crmg_scope(struct crmg_bucket *bucket, struct crmg_ask *ask, const struct crmg_limit *limit,
	   __u32 set, const struct crmg_take *take)
{
	if (!bucket)
		return NULL;
	crmg_limits_adopt(bucket->tat, bucket->cost, limit, set, take->now);
	crmg_ask(ask, limit, set, take, CRMG_CAS_TRIES_MAX);
	return (struct crmg_tats *)bucket->tat;
}

/* Limits in their order, and of each the scopes in theirs: who is the first to refuse? */
static __always_inline enum crmg_reason
crmg_first_refusal(const __u32 *refused, enum crmg_reason own)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++) {
		if (refused[CRMG_SCOPE_SOURCE] & 1 << id)
			return own != CRMG_REASON_OK ? own : crmg_limit_reason(id);
		if (refused[CRMG_SCOPE_AGGREGATE] & 1 << id)
			return CRMG_REASON_AGGREGATE;
		if ((refused[CRMG_SCOPE_POLICY] | refused[CRMG_SCOPE_SERVICE]) & 1 << id)
			return CRMG_REASON_TOTAL;
	}
	return CRMG_REASON_OK;
}

/*
 * Charges what is asked to the buckets of all scopes, or to none; NULL: the scope has
 * none. Returns enum crmg_reason. A function of its own, verified once.
 */
__noinline int crmg_budgets_charge(struct crmg_work *w, struct crmg_tats *source,
				   struct crmg_tats *aggregate, struct crmg_tats *policy,
				   struct crmg_tats *service)
{
	struct crmg_tats *tats[CRMG_SCOPE_COUNT] = { source, aggregate, policy, service };
	__u32 refused[CRMG_SCOPE_COUNT] = { 0 }, failed;
	enum crmg_reason reason;
	int s, done;

	if (!w)
		return CRMG_REASON_OK;
#pragma unroll
	for (s = 0; s < CRMG_SCOPE_COUNT; s++)
		refused[s] = crmg_refuses(tats[s], &w->ask[s]);
	reason = crmg_first_refusal(refused, w->own);
	if (reason != CRMG_REASON_OK)
		return reason;

	/* All conform. Another CPU may take the last unit of one before it is charged. */
#pragma unroll
	for (s = 0; s < CRMG_SCOPE_COUNT; s++) {
		failed = crmg_charge_all(tats[s], &w->ask[s]);
		if (!failed)
			continue;
		crmg_count_host(CRMG_HOST_LOST_RACES);
#pragma unroll
		for (done = 0; done < CRMG_SCOPE_COUNT; done++)
			if (done < s)
				crmg_give_back(tats[done], &w->ask[done], ~0U);
		refused[s] = failed;
		return failed & CRMG_CHARGE_CONTENDED ? CRMG_REASON_CONTENTION :
		       crmg_first_refusal(refused, w->own);
	}
	return CRMG_REASON_OK;
}

/*
 * Judges a packet by the budgets of every scope. slot: the source's own, or NULL: its
 * first packet; or (found) no slot was free: then its neighbours are judged as if they
 * were one source, by those of its limits for which they have no budget of their own.
 */
static __always_inline enum crmg_reason
crmg_budgets(struct crmg_work *w, const struct crmg_front *front, struct crmg_slot *slot,
	     const struct crmg_binding *binding, enum crmg_found found)
{
	struct crmg_tats *own = NULL, *aggregate = NULL, *policy = NULL, *service = NULL;
	const struct crmg_take take = crmg_take_of(&w->source);
	__u32 index = binding->service <= CRMG_SERVICES_MAX ? binding->service : 0;

	w->own = CRMG_REASON_OK;
	if (slot) {
		crmg_ask(&w->ask[CRMG_SCOPE_SOURCE], binding->limit, binding->limits, &take,
			 CRMG_CAS_TRIES);
		own = (struct crmg_tats *)slot->tat;
	} else if (found == CRMG_FOUND_NONE) {
		w->own = CRMG_REASON_PRESSURE;
		own = crmg_scope(crmg_aggregate(w, binding, CRMG_HASH_PRESSURE),
				 &w->ask[CRMG_SCOPE_SOURCE], binding->limit,
				 binding->limits & ~binding->aggregate_limits, &take);
	}
	if (binding->flags & CRMG_BINDING_AGGREGATE)
		aggregate = crmg_scope(crmg_aggregate(w, binding, CRMG_HASH_AGGREGATE),
				       &w->ask[CRMG_SCOPE_AGGREGATE], binding->aggregate,
				       binding->aggregate_limits, &take);
	if (binding->flags & CRMG_BINDING_TOTAL)
		policy = crmg_scope(crmg_total(crmg_place_row(w, binding)), &w->ask[CRMG_SCOPE_POLICY],
				    binding->total, binding->total_limits, &take);
	if (binding->flags & CRMG_BINDING_SERVICE)
		service = crmg_scope(crmg_total(CRMG_TOTAL_SERVICES +
						crmg_place(w, index, CRMG_PROBE_SERVICE)),
				     &w->ask[CRMG_SCOPE_SERVICE], front->budgets[index].limit,
				     front->budgets[index].limits, &take);
	return crmg_budgets_charge(w, own, aggregate, policy, service);
}

#endif
