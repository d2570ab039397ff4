/* SPDX-License-Identifier: GPL-2.0 */
/*
 * egress.h - what a service sends: counted for the source that it goes to, as it goes on
 * the wire, and charged to its budgets (quota.h, totals.h, wide.h) before anything else.
 */
#ifndef CRMGATE_BPF_EGRESS_H
#define CRMGATE_BPF_EGRESS_H

/* Looks for a slot of the source; share as for crmg_hash_source(). */
static __always_inline void
crmg_leaving_look(struct crmg_case *c, struct crmg_source *source, __u16 share)
{
	crmg_hash_source(&source->addr, source->service, share, &source->hash);
	crmg_place_line(c->work, &source->hash);
	c->slot = crmg_source_peek(&source->hash, &source->index);
	c->detail = c->slot ? crmg_detail_at(source->index) : NULL;
}

/* The slot of the source that a packet goes to, and what holds for it; false: no policy does. */
static __always_inline bool
crmg_leaving_to(struct crmg_case *c, const struct crmg_control *control,
		struct crmg_source *source)
{
	const struct crmg_pkt *pkt = &c->work->pkt;

	source->addr = crmg_source_addr(&pkt->dst, pkt->v4);
	source->index = 0;
	crmg_leaving_look(c, source, 0);
	if (!(c->slot && crmg_resolved(c->front, c->slot, c->detail,
				       CRMG_READ_ONCE(control->ban_epoch), &c->standing))) {
		if (!crmg_resolve(c->front, source->service, &pkt->dst, pkt->v4, &c->standing))
			return false;
		if (c->standing.narrow)
			crmg_leaving_look(c, source, c->standing.binding->row);
	}
	if (!c->detail)
		c->slot = NULL;
	return true;
}

/*
 * Tells of a budget; reason: whose it is. One that all sources share is that of no single one,
 * that of an aggregate is of the prefix.
 */
static __noinline void
crmg_tell_budget(const struct crmg_case *c, enum crmg_event_kind kind, enum crmg_reason reason,
		 enum crmg_verdict verdict)
{
	struct crmg_telling telling = crmg_telling(c, reason, verdict);

	telling.kind = kind;
	telling.count = kind == CRMG_EVENT_EXCEEDED ? c->work->source.packets : 0;
	if (reason == CRMG_REASON_TOTAL)
		telling.addr = NULL;
	if (reason == CRMG_REASON_AGGREGATE) {
		telling.addr = &c->work->wide.addr;
		telling.len = c->work->wide.len;
	}
	crmg_event_offer(c->front, &telling, c->work->source.now_ns);
}

/* True while nothing is sent to the source. Under another policy it has to be cut again. */
static __always_inline bool crmg_stays_cut(const struct crmg_case *c, __u32 index)
{
	__u64 resolved = CRMG_READ_ONCE(c->slot->resolved);

	if (CRMG_SLOT_GENERATION(resolved) != c->standing.binding->generation ||
	    CRMG_SLOT_BINDING(resolved) != c->standing.index || !crmg_is_cut(c->slot))
		return false;
	crmg_cut_review(c->slot, index, crmg_exact_ns());
	return crmg_is_cut(c->slot);
}

/* True for a segment of a connection that may be open: of one that is not nothing hangs. */
static __always_inline bool crmg_ends_flow(const struct crmg_pkt *pkt)
{
	return pkt->transport == CRMG_TRANSPORT_TCP && !pkt->malformed &&
	       (pkt->tcp_flags & (CRMG_TCP_SYN | CRMG_TCP_ACK)) == CRMG_TCP_ACK;
}

/* True if bytes may leave to a source of which a budget is used up (throttle.h). */
static __noinline bool
crmg_throttle(struct __sk_buff *skb, const struct crmg_case *c, __u64 bytes)
{
	const struct crmg_quotas *quotas = crmg_quotas(c->front, c->standing.binding->quotas);

	if (!quotas)
		return true;
	c->work->source.now_ns = crmg_exact_ns();
	c->work->throttling.index = c->work->source.index;
	crmg_throttling_set(c->work, &quotas->throttle, bytes, !crmg_is_cut(c->slot));
	return crmg_throttle_pass(skb, c->work);
}

/* The same, of the budgets of a source that shares none; cut: nothing is sent to it. */
static __always_inline int
crmg_own_charge(struct __sk_buff *skb, const struct crmg_case *c, __u64 bytes, bool cut)
{
	const struct crmg_binding *binding = c->standing.binding;
	bool drops = binding->mode == CRMG_MODE_ENFORCE;
	const struct crmg_quotas *quotas;
	struct crmg_work *w = c->work;
	int result = CRMG_OUT_REFUSED;

	quotas = c->detail ? crmg_quotas(c->front, binding->quotas) : NULL;
	if (!quotas)
		return 0;
	if (!cut)
		result = crmg_quotas_charge(w, quotas, c->detail, w->source.index, bytes,
					    drops && w->acts);
	if (result & w->slows && crmg_throttle(skb, c, bytes)) {
		__sync_fetch_and_add(&c->detail->bytes_out, drops ? bytes : 0);
		w->acts = 0;
	}
	return result;
}

/*
 * Charges the budgets of the source, and those that it shares: CRMG_OUT_OF(scope, CRMG_OUT_*)
 * of each; w->slows: which of them throttle; w->acts: which of those that refused hold it up.
 */
static __always_inline int
crmg_out_charge(struct __sk_buff *skb, const struct crmg_case *c, __u64 bytes)
{
	const struct crmg_binding *binding = c->standing.binding;
	bool drops = binding->mode == CRMG_MODE_ENFORCE, cut;
	struct crmg_work *w = c->work;
	int result;

	w->acts = binding->on_budget == CRMG_ON_BUDGET_ALERT ? 0 : CRMG_OUT_REFUSED;
	w->slows = binding->on_budget == CRMG_ON_BUDGET_THROTTLE ? CRMG_OUT_REFUSED : 0;
	cut = drops && w->acts && c->slot && crmg_stays_cut(c, w->source.index);
	if (cut && !w->slows)
		return CRMG_OUT_REFUSED;
	if (crmg_shares_out(c->front, binding)) {
		result = crmg_totals_ready(c, bytes);
		if (!result)
			result = crmg_totals_charge(skb, w);
		if (c->detail && !(drops && result & w->acts))
			__sync_fetch_and_add(&c->detail->bytes_out, bytes);
		return result;
	}
	return crmg_own_charge(skb, c, bytes, cut);
}

/* Tells which came to notify_at. */
static __always_inline void
crmg_notify(const struct crmg_case *c, struct crmg_row *row, int result)
{
	if (result & CRMG_OUT_NOTIFY) {
		row->budgets_notified++;
		crmg_tell_budget(c, CRMG_EVENT_BUDGET, CRMG_REASON_BYTES_OUT, CRMG_VERDICT_PASS);
	}
	if (result & CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_NOTIFY)) {
		row->budgets_notified++;
		crmg_tell_budget(c, CRMG_EVENT_BUDGET, CRMG_REASON_AGGREGATE, CRMG_VERDICT_PASS);
	}
	if (result & CRMG_OUT_ALL(CRMG_OUT_NOTIFY)) {
		row->budgets_notified++;
		crmg_tell_budget(c, CRMG_EVENT_BUDGET, CRMG_REASON_TOTAL, CRMG_VERDICT_PASS);
	}
}

/* Charges all budgets; tells what came of it; the verdict. */
static __always_inline enum crmg_verdict
crmg_budgeted(struct __sk_buff *skb, const struct crmg_case *c, struct crmg_row *row,
	      __u64 bytes)
{
	const struct crmg_binding *binding = c->standing.binding;
	bool drops = binding->mode == CRMG_MODE_ENFORCE, closed = false;
	enum crmg_reason reason = CRMG_REASON_BYTES_OUT;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	struct crmg_work *w = c->work;
	struct crmg_source *source = &w->source;
	__u32 packets = source->packets, refused, acts;
	int result = crmg_out_charge(skb, c, bytes);

	if (!result)
		return verdict;
	/* Something is to tell. */
	source->now_ns = crmg_exact_ns();
	source->state = CRMG_TAG_LIVE;
	crmg_notify(c, row, result);
	/* Those that hold it up come first, then those that could have. */
	acts = result & w->acts;
	refused = acts ? acts : result & w->slows;
	if (!refused)
		refused = result & CRMG_OUT_ANY(CRMG_OUT_REFUSED);
	if (!refused)
		return verdict;
	if ((result | CRMG_OUT_SHARED(result)) & CRMG_OUT_EXCEEDED)
		row->budgets_exceeded++;
	/* Who only wants to be told is told of the budget, not of which CPU was faster. */
	if (!acts && (result | CRMG_OUT_SHARED(result)) & CRMG_OUT_CONTENDED)
		return verdict;
	/* A large packet may be refused while a small one is not: then nothing is cut yet. */
	if ((result | CRMG_OUT_SHARED(result)) & CRMG_OUT_CONTENDED)
		reason = CRMG_REASON_CONTENTION;
	else if (!(refused & CRMG_OUT_REFUSED))
		reason = refused & CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED) ?
			 CRMG_REASON_AGGREGATE : CRMG_REASON_TOTAL;
	else if (binding->on_budget != CRMG_ON_BUDGET_ALERT &&
		 crmg_windows_closed(crmg_windows_at(source->index), source->now_ns))
		closed = true;
	if (closed && c->slot)
		crmg_cut_begin(c->slot);
	/* Who is slowed down is not reset, though something else that it shares may cut. */
	if (closed)
		closed = binding->on_budget == CRMG_ON_BUDGET_CUT;
	else if (reason == CRMG_REASON_TOTAL || reason == CRMG_REASON_AGGREGATE)
		closed = crmg_totals_refused(w, result);
	if (acts && drops) {
		verdict = closed && binding->flags & CRMG_BINDING_CUTS &&
			  crmg_ends_flow(&w->pkt) && crmg_reset_granted(source->now_ns) ?
			  CRMG_VERDICT_RESET : CRMG_VERDICT_DROP;
		row->reasons[reason] += packets;
	} else if (acts) {
		row->would_drop[reason] += packets;
	}
	if (result & CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_EXCEEDED))
		crmg_tell_budget(c, CRMG_EVENT_EXCEEDED, CRMG_REASON_AGGREGATE, verdict);
	if (result & CRMG_OUT_ALL(CRMG_OUT_EXCEEDED))
		crmg_tell_budget(c, CRMG_EVENT_EXCEEDED, CRMG_REASON_TOTAL, verdict);
	crmg_refused(c, reason, verdict);
	return verdict;
}

/* What a server answers to plain HTTP; and what nobody asked for is charged, as it was asked. */
static __always_inline void
crmg_answers(struct __sk_buff *skb, const struct crmg_case *c, struct crmg_row *row,
	     struct crmg_client_row *client, bool judged)
{
	const struct crmg_binding *binding = c->standing.binding;
	const struct crmg_limit *limit = &binding->limit[CRMG_LIMIT_REQUESTS];

	bool failed = crmg_response(skb, c->work, row);
	__u32 unasked = CRMG_READ_ONCE(c->work->unasked);

	if (!(CRMG_READ_ONCE(c->work->sent) & CRMG_SENT_AGAIN))
		crmg_asked_answered(c->work, crmg_payload(&c->work->pkt));
	if (crmg_is_failure(unasked)) {
		row->failures++;
		failed = true;
	}
	if (unasked) {
		row->requests[CRMG_VERDICT_PASS]++;
		if (client)
			client->requests++;
	}
	/* First, since it makes the entry that a failure is charged to. */
	if (unasked && c->slot && judged && binding->mode != CRMG_MODE_OFF)
		crmg_asked_owe(c->work, limit->cost, limit->tolerance);
	if (failed && c->slot) {
		c->work->failures = binding->limit[CRMG_LIMIT_AUTH_FAILURES];
		crmg_failed(c->work);
	}
}

/*
 * What a server says first in a connection: counted by version, and refused below the floor of
 * the policy. The verdict.
 */
static __always_inline enum crmg_verdict
crmg_greeted(struct __sk_buff *skb, const struct crmg_case *c, struct crmg_row *row, bool judged)
{
	const struct crmg_binding *binding = c->standing.binding;
	struct crmg_work *w = c->work;
	__u32 version = crmg_read_greeting(skb, w);
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	enum crmg_reason reason;

	/* It was counted before it was refused. */
	if (!(w->sent & CRMG_SENT_AGAIN))
		crmg_version_count(row, version);
	reason = crmg_below_floor(binding, version);
	if (reason == CRMG_REASON_OK || !judged || binding->mode == CRMG_MODE_OFF ||
	    (w->sent & CRMG_SENT_BEHIND && !crmg_enforced(binding, reason)))
		return verdict;
	w->source.now_ns = crmg_exact_ns();
	w->source.state = CRMG_TAG_LIVE;
	if (crmg_enforced(binding, reason)) {
		verdict = binding->on_exceed == CRMG_ACTION_RESET && crmg_ends_flow(&w->pkt) &&
			  !(w->sent & CRMG_SENT_BEHIND) && crmg_reset_granted(w->source.now_ns) ?
			  CRMG_VERDICT_RESET : CRMG_VERDICT_DROP;
		row->reasons[reason] += w->source.packets;
		crmg_greeting_refused(w, version);
	} else {
		row->would_drop[reason] += w->source.packets;
	}
	crmg_refused(c, reason, verdict);
	return verdict;
}

static __always_inline int
crmg_leaves(struct __sk_buff *skb, const struct crmg_front *front,
	    const struct crmg_control *control, struct crmg_work *w)
{
	__u32 segments = skb->gso_segs ? skb->gso_segs : 1;
	__u64 bytes = skb->wire_len + (skb->vlan_present ? CRMG_VLAN_LEN * segments : 0);
	struct crmg_source *source = &w->source;
	struct crmg_case c = { .front = front, .work = w, .standing.ifindex = skb->ifindex };
	const struct crmg_pkt *pkt = &w->pkt;
	const struct crmg_binding *binding;
	struct crmg_client_row *client;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	struct crmg_row *row;

	/* What else is in it is of no use here, or written before it is read. */
	source->packets = segments;
	source->service = crmg_service_find(front, pkt->transport, pkt->sport, &pkt->src, pkt->v4);
	source->syn = 0;
	source->proven = 0;
	source->state = CRMG_TAG_EMPTY;
	if (!source->service)
		return TC_ACT_UNSPEC;
	source->service = crmg_named(front, w, source->service, skb, NULL);
	w->sent = 0;
	w->reply = (struct crmg_reply){ .can = 0 };
	if (pkt->transport == CRMG_TRANSPORT_TCP && !w->probe)
		CRMG_WRITE_ONCE(w->sent, crmg_flow_sent(w, crmg_now_ns(&w->clock)));
	if (!crmg_leaving_to(&c, control, source))
		return TC_ACT_UNSPEC;
	binding = c.standing.binding;
	row = crmg_row(crmg_place_row(w, binding));
	if (!row)
		return TC_ACT_UNSPEC;
	if (binding->protocol == CRMG_PROTOCOL_TLS && crmg_says_first(w))
		verdict = crmg_greeted(skb, &c, row, !CRMG_READ_ONCE(control->panic));
	if (verdict != CRMG_VERDICT_PASS)
		goto refused;
	/* A RST carries nothing out, and is what a source that was cut is told. */
	if (((c.slot && binding->quotas) || crmg_shares_out(front, binding)) &&
	    binding->mode != CRMG_MODE_OFF && !w->probe &&
	    !(pkt->tcp_flags & CRMG_TCP_RST) && !CRMG_READ_ONCE(control->panic)) {
		verdict = crmg_budgeted(skb, &c, row, bytes);
		if (verdict != CRMG_VERDICT_PASS)
			goto refused;
	} else if (c.detail) {
		__sync_fetch_and_add(&c.detail->bytes_out, bytes);
	}
	row->packets_out += segments;
	row->bytes_out += bytes;
	client = crmg_client_row(crmg_place(w, binding->client_row, 0));
	if (client)
		client->bytes_out += bytes;
	if (crmg_tracks(w, binding)) {
		source->now_ns = crmg_now_ns(&w->clock);
		source->len = bytes;
		crmg_conn_left(w);
		if (!crmg_reads(w, binding))
			return TC_ACT_UNSPEC;
		if (binding->protocol == CRMG_PROTOCOL_TLS) {
			crmg_read_leaves(skb, w);
			if (crmg_limits_handshakes(binding)) {
				crmg_handshake_limit(w, binding, c.slot);
				crmg_handshake_ends(w, crmg_place_row(w, binding));
			}
		} else if (crmg_counts_requests(w, binding)) {
			crmg_answers(skb, &c, row, client, !CRMG_READ_ONCE(control->panic));
		} else {
			crmg_skip_answers(w);
		}
	}
	return TC_ACT_UNSPEC;
refused:
	row->dropped_out += segments;
	row->dropped_bytes_out += bytes;
	/* What it answers is not counted yet. Of a greeting the floor keeps what was read. */
	if (verdict == CRMG_VERDICT_DROP && binding->protocol != CRMG_PROTOCOL_TLS &&
	    crmg_counts_requests(w, binding))
		crmg_flow_back(w);
	if (verdict != CRMG_VERDICT_RESET)
		return TC_ACT_SHOT;
	if (crmg_tracks(w, binding)) {
		source->now_ns = crmg_now_ns(&w->clock);
		crmg_conn_end(w, 0);
	}
	return crmg_skb_end(skb, w);
}

#endif
