/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fast.h - a packet that raises no question: from a source that is known, under a policy
 * that has only limits of the source, neither banned nor watched; or from a stranger
 * (stranger.h), or for no service. It stays in registers and costs half. Whatever is not
 * so plain is left, with nothing counted or charged, to the whole path, which reads it again.
 */
#ifndef CRMGATE_BPF_FAST_H
#define CRMGATE_BPF_FAST_H

/*
 * Length of a frame, of which fragments may hold a part. No driver begins fragments
 * before its linear part holds so much; for a short frame this saves a call.
 */
#define CRMG_LINEAR_MIN 128

static __always_inline __u32 crmg_frame_len(struct xdp_md *ctx)
{
	__u32 linear = ctx->data_end - ctx->data;

	return linear < CRMG_LINEAR_MIN ? linear : bpf_xdp_get_buff_len(ctx);
}

/* What the slot, without its detail, says of its source. */
struct crmg_glance {
	__u32 tick;
	__u32 seen;
	bool over;		/* its last refusal was at an earlier time, as crmg_refusal_over() */
};

/* True if that is all there is to know. */
static __always_inline bool
crmg_slot_plain(const struct crmg_slot *slot, const struct crmg_source *source,
		const struct crmg_pkt *pkt, struct crmg_glance *ret)
{
	ret->tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	ret->seen = CRMG_READ_ONCE(slot->last_seen);
	if ((crmg_flow_may_prove(pkt) && crmg_proof_due(slot, source, ret->tick, ret->seen)) ||
	    crmg_slot_full(slot) || CRMG_READ_ONCE(slot->auto_until_s))
		return false;
	ret->over = ret->tick != ret->seen && crmg_refusal_over(slot, ret->tick, ret->seen);
	return ret->tick == ret->seen || !crmg_slept(ret->tick - ret->seen);
}

static __always_inline void
crmg_fast_seen(struct crmg_slot *slot, const struct crmg_source *source,
	       const struct crmg_glance *glance)
{
	if (glance->tick != glance->seen)
		CRMG_WRITE_ONCE(slot->last_seen, glance->tick);
	crmg_count_slot(slot, source->packets, source->len);
}

/* Counts a packet that passes for this reason. */
static __always_inline int
crmg_fast_pass(struct crmg_work *w, struct crmg_slot *slot, const struct crmg_binding *binding,
	       const struct crmg_source *source, const struct crmg_glance *glance,
	       enum crmg_reason reason)
{
	struct crmg_detail *detail;

	if (glance->over)
		crmg_refusal_keep(slot, source->index, glance->seen);
	crmg_count_row(binding, CRMG_VERDICT_PASS, reason, CRMG_REASON_OK, source);
	crmg_count_passed(w, binding, source);
	crmg_fast_seen(slot, source, glance);
	if (!source->syn)
		return XDP_PASS;
	detail = crmg_detail_at(source->index);
	if (detail)
		__sync_fetch_and_add(&detail->connections, 1);
	return XDP_PASS;
}

/*
 * Drops a packet of which nobody is told: its source was refused lately for the same reason,
 * or the host has had too many events. A flood then touches the tag and the slot of
 * its source, and nothing else.
 */
static __always_inline int
crmg_fast_drop(struct crmg_slot *slot, const struct crmg_binding *binding,
	       const struct crmg_source *source, const struct crmg_glance *glance,
	       enum crmg_reason reason)
{
	if (binding->on_exceed != CRMG_ACTION_DROP || !crmg_enforced(binding, reason))
		return CRMG_NOT_FAST;
	if (!glance->over && crmg_refused_lately(slot, source, reason)) {
		crmg_refused_again(slot, source->packets);
	} else if (crmg_events_spent(source->now_ns)) {
		if (source->state < CRMG_TAG_LIMITED)
			crmg_source_mark(source, CRMG_TAG_LIMITED);
		crmg_refusals_add(slot, reason, source->packets);
		crmg_count_host(CRMG_HOST_SUPPRESSED);
		crmg_count_host(CRMG_HOST_CAPPED);
	} else {
		return CRMG_NOT_FAST;
	}
	crmg_count_row(binding, CRMG_VERDICT_DROP, reason, reason, source);
	crmg_fast_seen(slot, source, glance);
	return XDP_DROP;
}

static __always_inline int
crmg_fast_judge(struct crmg_work *w, const struct crmg_front *front,
		const struct crmg_control *control, struct crmg_source *source,
		const struct crmg_pkt *pkt)
{
	struct crmg_slot *slot = crmg_source_known(source);
	const struct crmg_binding *binding;
	struct crmg_standing standing;
	struct crmg_glance glance;
	enum crmg_reason reason;

	if (CRMG_READ_ONCE(control->panic))
		return CRMG_NOT_FAST;
	if (!slot)
		return crmg_fast_stranger(w, front, source, pkt);
	if (!crmg_slot_plain(slot, source, pkt, &glance) ||
	    !crmg_resolved(front, slot, NULL, CRMG_READ_ONCE(control->ban_epoch), &standing))
		return CRMG_NOT_FAST;
	binding = standing.binding;
	/* Only what can prove its source can be a strike. */
	if (crmg_flow_may_prove(pkt) && crmg_watched(slot, binding, source->now_ns))
		return CRMG_NOT_FAST;
	if (binding->flags & CRMG_BINDING_PLAIN)
		reason = crmg_limits(slot, binding, source, &w->ask[CRMG_SCOPE_SOURCE]);
	else if (binding->kind == CRMG_BINDING_DENY)
		reason = CRMG_REASON_DENIED;
	else if (binding->kind == CRMG_BINDING_ALLOW)
		reason = CRMG_REASON_ALLOWED;
	else
		return CRMG_NOT_FAST;
	if (reason < CRMG_REASON_FIRST_REFUSAL)
		return crmg_fast_pass(w, slot, binding, source, &glance, reason);
	return crmg_fast_drop(slot, binding, source, &glance, reason);
}

/* Counts a packet that is for no service. */
static __always_inline int crmg_fast_other(void)
{
	crmg_count_host(CRMG_HOST_OTHER);
	return XDP_PASS;
}

static __always_inline int
crmg_fast(struct xdp_md *ctx, const struct crmg_front *front, const struct crmg_control *control,
	  struct crmg_work *w)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct crmg_source source = { 0 };
	enum crmg_parsed parsed;
	struct crmg_pkt pkt;

	if (crmg_probe_xdp(ctx, w))
		return CRMG_NOT_FAST;
	/* Most packets that are for no service need not be read any further. */
	if (crmg_plain(data, end)) {
		if (!crmg_port_entry(front, CRMG_TRANSPORT_TCP, crmg_plain_dport(data)))
			return crmg_fast_other();
		parsed = crmg_parse_plain(data, end, crmg_frame_len(ctx), &pkt);
	} else {
		parsed = crmg_parse(data, end, crmg_frame_len(ctx), &pkt);
	}
	if (parsed != CRMG_PARSED_PORTS)
		return CRMG_NOT_FAST;
	source.service = crmg_port_entry(front, pkt.transport, pkt.dport);
	if (!source.service)
		return crmg_fast_other();
	if (pkt.malformed | crmg_odd_flags(&pkt) | crmg_odd_syn(&pkt) ||
	    source.service >= CRMG_PORT_GROUP)
		return CRMG_NOT_FAST;
	source.addr = crmg_source_addr(&pkt.src, pkt.v4);
	source.now_ns = crmg_now_ns(&w->clock);
	source.len = pkt.len;
	source.packets = 1;
	source.syn = crmg_is_syn(&pkt);
	crmg_hash_source(&source.addr, source.service, 0, &source.hash);
	return crmg_fast_judge(w, front, control, &source, &pkt);
}

#endif
