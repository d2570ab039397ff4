/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decide.h - the single exit of a packet that is for a service: turns a reason
 * into a verdict, counts it for policy and source, reports a refusal.
 */
#ifndef CRMGATE_BPF_DECIDE_H
#define CRMGATE_BPF_DECIDE_H

static __always_inline struct crmg_row *crmg_row(__u32 row)
{
	__u32 chunk = row / CRMG_ROW_CHUNK, i = row % CRMG_ROW_CHUNK;
	void *map = bpf_map_lookup_elem(&rows, &chunk);

	return map ? bpf_map_lookup_elem(map, &i) : NULL;
}

/* Bans by hand hold in every mode; all else is refused only by a policy that enforces. */
static __always_inline bool crmg_enforced(const struct crmg_binding *binding,
					  enum crmg_reason reason)
{
	return reason == CRMG_REASON_BANNED || binding->mode == CRMG_MODE_ENFORCE;
}

static __always_inline bool
crmg_may_reset(const struct crmg_binding *binding, const struct crmg_pkt *pkt,
	       enum crmg_reason reason, __u64 now_ns)
{
	struct crmg_scratch *shared;
	const __u64 cost = (CRMG_NS_PER_SEC << CRMG_UNITS_PER_NS_SHIFT) / CRMG_RESETS_PER_SEC;

	if (binding->on_exceed != CRMG_ACTION_RESET || pkt->transport != CRMG_TRANSPORT_TCP ||
	    reason == CRMG_REASON_MALFORMED || pkt->tcp_flags & CRMG_TCP_RST)
		return false;
	shared = crmg_scratch();
	if (shared && crmg_charge(&shared->reset_tat, now_ns << CRMG_UNITS_PER_NS_SHIFT, cost,
				  cost * CRMG_RESETS_PER_SEC / 10) == CRMG_CHARGED)
		return true;
	crmg_count_host(CRMG_HOST_RESETS_CAPPED);
	return false;
}

static __always_inline void
crmg_count_row(const struct crmg_binding *binding, enum crmg_verdict verdict,
	       enum crmg_reason reason, enum crmg_reason refused, __u32 len, bool syn)
{
	struct crmg_row *row = crmg_row(binding->row);
	__u32 why = reason, would = refused;

	if (!row)
		return;
	/* The compiler knows these for small and would drop the masks; the verifier does not. */
	barrier_var(why);
	barrier_var(would);
	row->packets[verdict]++;
	row->bytes[verdict] += len;
	if (syn)
		row->connections[verdict]++;
	row->reasons[why & (CRMG_ROW_REASONS - 1)]++;
	if (refused != CRMG_REASON_OK && verdict == CRMG_VERDICT_PASS)
		row->would_drop[would & (CRMG_ROW_REASONS - 1)]++;
}

/*
 * Counts an arriving packet for its source. A word that is nearly full is carried over;
 * of CPUs that see it so at once each carries what it finds.
 */
static __always_inline void crmg_count_slot(struct crmg_slot *slot, __u32 len, bool syn)
{
	__u64 word = __sync_fetch_and_add(&slot->traffic, 1ULL << CRMG_TRAFFIC_SHIFT | len);

	if (syn)
		__sync_fetch_and_add(&slot->connections, 1);
	if (word < CRMG_TRAFFIC_FULL << CRMG_TRAFFIC_SHIFT &&
	    CRMG_TRAFFIC_BYTES(word) < 1ULL << (CRMG_TRAFFIC_SHIFT - 1))
		return;
	word = __sync_lock_test_and_set(&slot->traffic, 0);
	__sync_fetch_and_add(&slot->carried_packets, CRMG_TRAFFIC_PACKETS(word));
	__sync_fetch_and_add(&slot->carried_bytes, CRMG_TRAFFIC_BYTES(word));
}

/* A packet on its way to a verdict. */
struct crmg_case {
	const struct crmg_front *front;
	struct crmg_work *work;
	struct crmg_slot *slot;		/* of the source; NULL: it has none, or headers lie */
	struct crmg_standing standing;
};

/* Which limit of the source itself refused; CRMG_LIMIT_COUNT: something else did. */
static __always_inline __u32 crmg_limit_of(enum crmg_reason reason)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_BUCKET_LIMITS; id++)
		if (reason == crmg_limit_reason(id))
			return id;
	return CRMG_LIMIT_COUNT;
}

static __always_inline struct crmg_telling
crmg_telling(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	return (struct crmg_telling){
		.slot = c->slot,
		.standing = &c->standing,
		.kind = reason >= CRMG_REASON_CONNECTIONS ? CRMG_EVENT_EXCEEDED :
							    CRMG_EVENT_REFUSED,
		.reason = reason,
		.verdict = verdict,
		.v4 = c->work->pkt.v4,
	};
}

/* What a refusal leaves at its source: counters, an event. Returns whether it is a strike. */
static __noinline bool
crmg_refused(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	const struct crmg_binding *binding = c->standing.binding;
	struct crmg_telling telling = crmg_telling(c, reason, verdict);
	__u64 now_ns = c->work->source.now_ns;
	__u32 limit = crmg_limit_of(reason), refusals;
	struct crmg_slot *slot = c->slot;
	bool strike;

	if (!slot) {
		crmg_count_host(CRMG_HOST_SUPPRESSED);
		return false;
	}
	crmg_source_mark(&c->work->source, CRMG_TAG_LIMITED);
	refusals = __sync_fetch_and_add(&slot->refusals, 1) + 1;
	if (verdict == CRMG_VERDICT_PASS)
		__sync_fetch_and_add(&slot->shadow_refusals, 1);
	strike = limit < CRMG_LIMIT_COUNT && verdict != CRMG_VERDICT_PASS &&
		 (binding->flags & (CRMG_BINDING_BAN | CRMG_BINDING_BALANCER)) ==
			CRMG_BINDING_BAN &&
		 crmg_strikes(slot, binding, &c->work->source, &c->work->pkt, limit);
	slot->last_reason = reason;
	crmg_report(c->front, slot, &telling, refusals, now_ns);
	if (!strike)
		slot->last_refused = now_ns >> CRMG_SLOT_TICK_SHIFT;
	return strike;
}

/* The strike counts, and what comes of it is told. */
static __noinline void
crmg_struck(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	struct crmg_telling telling = crmg_telling(c, reason, verdict);
	enum crmg_strike strike;

	if (!c->slot)
		return;
	strike = crmg_strike(c->slot, c->standing.binding, &c->work->source);
	c->slot->last_refused = c->work->source.now_ns >> CRMG_SLOT_TICK_SHIFT;
	crmg_report_strike(c->front, &telling, strike);
}

/* Counts, and turns the reason into the verdict; the caller carries it out. */
static __always_inline enum crmg_verdict
crmg_decide(const struct crmg_case *c, enum crmg_reason reason)
{
	const struct crmg_binding *binding = c->standing.binding;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	enum crmg_reason refused = CRMG_REASON_OK;

	if (reason >= CRMG_REASON_FIRST_REFUSAL) {
		refused = reason;
		if (!crmg_enforced(binding, reason))
			reason = CRMG_REASON_OK;
		else
			verdict = crmg_may_reset(binding, &c->work->pkt, reason, c->work->source.now_ns) ?
				  CRMG_VERDICT_RESET : CRMG_VERDICT_DROP;
	}
	crmg_count_row(binding, verdict, reason, refused, c->work->pkt.len, c->work->source.syn);
	if (verdict == CRMG_VERDICT_PASS && binding->service <= CRMG_SERVICES_MAX)
		c->work->passed[binding->service]++;
	if (c->slot)
		crmg_count_slot(c->slot, c->work->pkt.len, c->work->source.syn);
	if (refused != CRMG_REASON_OK && crmg_refused(c, refused, verdict))
		crmg_struck(c, refused, verdict);
	return verdict;
}

#endif
