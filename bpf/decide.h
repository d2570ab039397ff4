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
 * slot: of the source, or NULL (only a tag, a shared slot, or a malformed packet).
 * Returns the verdict; the caller carries it out.
 */
static __always_inline enum crmg_verdict
crmg_decide(void *image, const struct crmg_pkt *pkt, struct crmg_slot *slot,
	    const struct crmg_standing *standing, enum crmg_reason reason, bool syn, __u64 now_ns)
{
	const struct crmg_binding *binding = standing->binding;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	enum crmg_reason refused = CRMG_REASON_OK;

	if (reason >= CRMG_REASON_FIRST_REFUSAL) {
		refused = reason;
		if (!crmg_enforced(binding, reason))
			reason = CRMG_REASON_OK;
		else
			verdict = crmg_may_reset(binding, pkt, reason, now_ns) ?
				  CRMG_VERDICT_RESET : CRMG_VERDICT_DROP;
	}
	crmg_count_row(binding, verdict, reason, refused, pkt->len, syn);
	if (slot) {
		__sync_fetch_and_add(&slot->packets, 1);
		__sync_fetch_and_add(&slot->bytes, pkt->len);
		if (syn)
			__sync_fetch_and_add(&slot->connections, 1);
	}
	if (refused == CRMG_REASON_OK)
		return verdict;
	if (slot) {
		__u64 refusals = __sync_fetch_and_add(&slot->refusals, 1) + 1;

		if (verdict != CRMG_VERDICT_PASS)
			__sync_fetch_and_add(&slot->dropped_packets, 1);
		slot->last_reason = refused;
		slot->last_refused = now_ns >> CRMG_SLOT_TICK_SHIFT;
		crmg_report(image, slot, binding, standing->index, refused, verdict, pkt->v4,
			    refusals, now_ns);
	} else {
		crmg_count_host(CRMG_HOST_SUPPRESSED);
	}
	return verdict;
}

#endif
