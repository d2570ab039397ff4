/* SPDX-License-Identifier: GPL-2.0 */
/*
 * egress.h - what a service sends: counted for the source that it goes to, as it goes on
 * the wire, and charged to its budgets (quota.h) before anything else.
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

/* Tells that a budget came to notify_at. */
static __noinline void crmg_notify(const struct crmg_case *c)
{
	struct crmg_telling telling = crmg_telling(c, CRMG_REASON_BYTES_OUT, CRMG_VERDICT_PASS);

	telling.kind = CRMG_EVENT_BUDGET;
	telling.count = 0;
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

/*
 * True if bytes may leave to a source of which a budget is used up. What carries nothing out
 * always may: handshakes, acknowledgements, ends.
 */
static __noinline bool
crmg_throttle(struct __sk_buff *skb, const struct crmg_case *c, __u64 bytes)
{
	const struct crmg_quotas *quotas = crmg_quotas(c->front, c->standing.binding);
	struct crmg_throttling *t = &c->work->throttling;

	if (!quotas)
		return true;
	t->index = c->work->source.index;
	t->now = c->work->source.now_ns << CRMG_UNITS_PER_NS_SHIFT;
	t->cost = bytes * quotas->throttle.cost >> crmg_limit_shift(CRMG_LIMIT_BYTES);
	t->most = crmg_asks(&c->work->pkt) ? quotas->throttle.tolerance : CRMG_THROTTLE_BACKLOG_MAX;
	t->least = crmg_is_cut(c->slot) ? 0 : quotas->throttle.tolerance;
	return crmg_throttle_pass(skb, c->work);
}

/* Charges the budgets of the source; tells what came of it; the verdict. */
static __always_inline enum crmg_verdict
crmg_budgeted(struct __sk_buff *skb, const struct crmg_case *c, struct crmg_row *row,
	      __u64 bytes)
{
	const struct crmg_binding *binding = c->standing.binding;
	const struct crmg_quotas *quotas = crmg_quotas(c->front, binding);
	bool acts = binding->on_budget != CRMG_ON_BUDGET_ALERT;
	bool drops = acts && binding->mode == CRMG_MODE_ENFORCE;
	enum crmg_reason reason = CRMG_REASON_BYTES_OUT;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	struct crmg_source *source = &c->work->source;
	__u32 packets = source->packets;
	bool closed = false;
	int result;

	if (drops && crmg_stays_cut(c, source->index))
		result = CRMG_OUT_REFUSED;
	else
		result = quotas ? crmg_quotas_charge(c->work, quotas, c->detail, source->index,
						     bytes, drops) : 0;
	if (!result)
		return verdict;
	/* Something is to tell. */
	source->now_ns = crmg_exact_ns();
	source->state = CRMG_TAG_LIVE;
	if (result & CRMG_OUT_NOTIFY) {
		row->budgets_notified++;
		crmg_notify(c);
	}
	if (!(result & CRMG_OUT_REFUSED))
		return verdict;
	if (result & CRMG_OUT_EXCEEDED)
		row->budgets_exceeded++;
	/* A large packet may be refused while a small one is not: then nothing is cut yet. */
	if (result & CRMG_OUT_CONTENDED)
		reason = CRMG_REASON_CONTENTION;
	else if (acts && crmg_windows_closed(crmg_windows_at(source->index),
					     c->work->source.now_ns))
		closed = true;
	if (binding->on_budget == CRMG_ON_BUDGET_THROTTLE && crmg_throttle(skb, c, bytes)) {
		__sync_fetch_and_add(&c->detail->bytes_out, drops ? bytes : 0);
		acts = drops = false;
	}
	if (closed)
		crmg_cut_begin(c->slot);
	if (drops) {
		verdict = closed && binding->flags & CRMG_BINDING_CUTS &&
			  crmg_ends_flow(&c->work->pkt) &&
			  crmg_reset_granted(c->work->source.now_ns) ?
			  CRMG_VERDICT_RESET : CRMG_VERDICT_DROP;
		row->reasons[reason] += packets;
	} else if (acts) {
		row->would_drop[reason] += packets;
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
	enum crmg_verdict verdict;
	struct crmg_row *row;

	*source = (struct crmg_source){
		.packets = segments,
		.service = crmg_service_find(front, pkt->transport, pkt->sport, &pkt->src, pkt->v4),
	};
	if (!source->service)
		return TC_ACT_UNSPEC;
	if (pkt->transport == CRMG_TRANSPORT_TCP && !w->probe)
		CRMG_WRITE_ONCE(w->again, crmg_flow_sent(pkt, crmg_now_ns(&w->clock)));
	if (!crmg_leaving_to(&c, control, source))
		return TC_ACT_UNSPEC;
	binding = c.standing.binding;
	row = crmg_row(crmg_place_row(w, binding));
	if (!row)
		return TC_ACT_UNSPEC;
	/* A RST carries nothing out, and is what a source that was cut is told. */
	if (c.slot && binding->quotas && binding->mode != CRMG_MODE_OFF && !w->probe &&
	    !(pkt->tcp_flags & CRMG_TCP_RST) && !CRMG_READ_ONCE(control->panic)) {
		verdict = crmg_budgeted(skb, &c, row, bytes);
		if (verdict != CRMG_VERDICT_PASS) {
			row->dropped_out += segments;
			row->dropped_bytes_out += bytes;
			return verdict == CRMG_VERDICT_RESET ? crmg_skb_end(skb, w) : TC_ACT_SHOT;
		}
	} else if (c.detail) {
		__sync_fetch_and_add(&c.detail->bytes_out, bytes);
	}
	row->packets_out += segments;
	row->bytes_out += bytes;
	if (crmg_has_conn(w, binding)) {
		source->now_ns = crmg_now_ns(&w->clock);
		source->len = bytes;
		crmg_conn_left(w);
		if (binding->protocol == CRMG_PROTOCOL_TLS && crmg_counts_requests(w, binding))
			crmg_read_leaves(skb, w);
	}
	return TC_ACT_UNSPEC;
}

#endif
