// SPDX-License-Identifier: GPL-2.0
/*
 * crmgate.bpf.c - the programs, as a table of contents:
 *
 *   packet -> parse -> classify -> source -> resolve -> limits, budgets -> decide
 *
 * Each stage is a header of that name and writes only its own part. XDP judges
 * what arrives, or TC ingress does where XDP belongs to somebody else; TC egress judges
 * what leaves (egress.h).
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <crmgate/abi.h>
#include <crmgate/contract.h>
#include <crmgate/hash.h>
#include <crmgate/patience.h>
#include <crmgate/window.h>

#include "knobs.h"
#include "maps.h"
#include "seams.h"

#include "parse.h"
#include "odd.h"
#include "tags.h"
#include "front.h"
#include "classify.h"
#include "limit.h"
#include "sources.h"
#include "read.h"
#include "work.h"
#include "kept.h"
#include "claim.h"
#include "bans.h"
#include "contract.h"
#include "flows.h"
#include "gauges.h"
#include "contags.h"
#include "conns.h"
#include "segments.h"
#include "probe.h"
#include "answers.h"
#include "failures.h"
#include "patient.h"
#include "requests.h"
#include "budgets.h"
#include "proved.h"
#include "resolve.h"
#include "quota.h"
#include "strikes.h"
#include "report.h"
#include "decide.h"
#include "floor.h"
#include "names.h"
#include "handshake.h"
#include "wide.h"
#include "throttle.h"
#include "totals.h"
#include "own.h"
#include "stranger.h"
#include "fast.h"
#include "reset.h"
#include "reject.h"
#include "skb.h"
#include "responses.h"
#include "egress.h"

/* What the standing of a source alone says about its packet. slot may be NULL. */
static __always_inline enum crmg_reason
crmg_reason_of(const struct crmg_control *control, const struct crmg_case *c)
{
	const struct crmg_binding *binding = c->standing.binding;

	if (CRMG_READ_ONCE(control->panic))
		return CRMG_REASON_PANIC;
	if (c->work->pkt.malformed)
		return binding->mode == CRMG_MODE_OFF ? CRMG_REASON_OK : CRMG_REASON_MALFORMED;
	if (binding->kind == CRMG_BINDING_ALLOW)
		return CRMG_REASON_ALLOWED;
	if (c->standing.banned_until_ns && c->standing.banned_until_ns > crmg_boot_ns())
		return CRMG_REASON_BANNED;
	/* A policy that bans nobody any more, or not this client, ends what it began. */
	if (c->slot && binding->mode == CRMG_MODE_ENFORCE && binding->flags & CRMG_BINDING_BAN &&
	    crmg_auto_banned(c->slot, c->detail))
		return CRMG_REASON_BANNED;
	if (binding->kind == CRMG_BINDING_DENY && binding->mode != CRMG_MODE_OFF)
		return CRMG_REASON_DENIED;
	if (CRMG_READ_ONCE(c->work->odd) && binding->sanity == CRMG_SANITY_REFUSE &&
	    binding->mode != CRMG_MODE_OFF)
		return CRMG_REASON_SANITY;
	if (binding->kind == CRMG_BINDING_NO_POLICY &&
	    !(binding->flags & CRMG_BINDING_WIDER))
		return CRMG_REASON_NO_POLICY;
	return crmg_spent(c);
}

/* Looks for what is odd about a packet, and counts it. */
static __always_inline void
crmg_look(struct crmg_work *w, const struct crmg_front *front, const struct crmg_binding *binding)
{
	struct crmg_host *h;
	__u32 odd, i;

	w->odd = 0;
	if (w->pkt.malformed || binding->sanity == CRMG_SANITY_OFF)
		return;
	odd = crmg_oddities(&w->pkt, front->head.fast_open) |
	      (CRMG_READ_ONCE(w->from_own) & 1) << CRMG_ODDITY_OWN;
	CRMG_WRITE_ONCE(w->odd, odd);
	h = odd ? crmg_host() : NULL;
	if (!h)
		return;
#pragma unroll
	for (i = 0; i < CRMG_ODDITY_COUNT; i++) {
		__u64 packets = (odd >> i & 1) * w->source.packets;

		barrier_var(packets);
		h->odd[i] += packets;
	}
}

/*
 * Carries what is nearly full over, before a packet is counted. Of CPUs that see the
 * traffic so at once each carries what it finds; of the refusals one carries a fixed
 * number.
 */
static __always_inline void crmg_slot_carry(struct crmg_slot *slot, __u32 index)
{
	struct crmg_detail *detail = crmg_detail_at(index);
	__u32 refusals = CRMG_READ_ONCE(slot->refusals);
	__u64 traffic;

	if (!detail)
		return;
	if (CRMG_READ_ONCE(slot->traffic) & CRMG_TRAFFIC_FULL) {
		traffic = __sync_lock_test_and_set(&slot->traffic, 0);
		__sync_fetch_and_add(&detail->carried_packets, CRMG_TRAFFIC_PACKETS(traffic));
		__sync_fetch_and_add(&detail->carried_bytes, CRMG_TRAFFIC_BYTES(traffic));
	}
	if (refusals & CRMG_REFUSALS_FULL &&
	    __sync_val_compare_and_swap(&slot->refusals, refusals,
					refusals - CRMG_REFUSALS_FULL) == refusals)
		__sync_fetch_and_add(&detail->carried_refusals, 1);
}

/*
 * Once a tick, when a word is nearly full, and for each packet while it is cut, a slot is
 * looked after. A function of its own, verified once.
 */
__noinline int crmg_slot_tend(struct crmg_source *source)
{
	struct crmg_slot *slot = source ? crmg_slot_at(source->index) : NULL;
	__u32 tick, seen;

	if (!slot)
		return 0;
	tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	seen = CRMG_READ_ONCE(slot->last_seen);
	if (crmg_slept(tick - seen)) {
		crmg_limits_fill(slot, source->now_ns);
		crmg_proved_fill(source->index, source->now_ns);
		crmg_asked_fill(source->index, source->now_ns);
	}
	if (seen != tick) {
		if (crmg_refusal_over(slot, tick, seen))
			crmg_refusal_keep(slot, source->index, seen);
		CRMG_WRITE_ONCE(slot->last_seen, tick);
	}
	if (crmg_slot_full(slot))
		crmg_slot_carry(slot, source->index);
	crmg_cut_review(slot, source->index, source->now_ns);
	return 0;
}

/* Once per packet of a source that has a slot of its own. */
static __always_inline void
crmg_slot_seen(struct crmg_slot *slot, struct crmg_source *source, const struct crmg_pkt *pkt)
{
	__u32 tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	__u32 seen = CRMG_READ_ONCE(slot->last_seen);

	if (crmg_proof_due(slot, source, tick, seen) && crmg_flow_proves(pkt, source->now_ns)) {
		source->proven = 1;
		if (crmg_source_mark(source, CRMG_TAG_PROVEN))
			crmg_count_host(CRMG_HOST_PROVEN);
	}
	if (seen != tick || crmg_slot_full(slot) || crmg_is_cut(slot))
		crmg_slot_tend(source);
}

/* The packet that left only a tag: what is known of it, now that there is a slot. */
static __always_inline void
crmg_slot_first(struct crmg_slot *slot, struct crmg_detail *detail,
		const struct crmg_source *source, const struct crmg_binding *binding)
{
	const struct crmg_take first = {
		source->first_ns << CRMG_UNITS_PER_NS_SHIFT, 1, source->first_len,
		source->first_syn
	};

	crmg_count_slot(slot, first.packets, first.len);
	if (first.syn)
		__sync_fetch_and_add(&detail->connections, 1);
	crmg_limits_first(slot, binding, &first, source->now_ns << CRMG_UNITS_PER_NS_SHIFT);
}

/* A slot for a source that has none; the lookup of its flow decides who has to give way. */
static __always_inline enum crmg_found
crmg_slot_new(struct crmg_source *source, const struct crmg_pkt *pkt, struct crmg_slot **ret)
{
	enum crmg_found found;

	source->proven = crmg_flow_proves(pkt, source->now_ns);
	found = crmg_source_new(source, ret);
	if (source->proven && *ret && source->state < CRMG_TAG_LIVE)
		crmg_count_host(CRMG_HOST_PROVEN);
	return found;
}

static __always_inline enum crmg_reason crmg_passes(const struct crmg_binding *binding)
{
	return binding->kind == CRMG_BINDING_NO_POLICY ? CRMG_REASON_NO_POLICY : CRMG_REASON_OK;
}

/* The limits, when nothing else has decided, and wider budgets. */
static __always_inline enum crmg_reason
crmg_limited(const struct crmg_case *c, enum crmg_found found)
{
	const struct crmg_binding *binding = c->standing.binding;
	enum crmg_reason reason;
	struct crmg_scratch *shared;

	if (binding->mode == CRMG_MODE_OFF)
		return crmg_passes(binding);
	/* Its bucket is being made by a CPU that was held up: passing would be one too many. */
	if (found == CRMG_FOUND_AGAIN && binding->limits)
		return CRMG_REASON_CONTENTION;
	if (c->slot && crmg_watched(c->slot, binding, c->work->source.now_ns))
		crmg_proved(c->work, binding);
	if (found == CRMG_FOUND_NONE) {
		crmg_count_host(CRMG_HOST_PRESSURE);
		shared = crmg_scratch();
		if (shared)
			crmg_note_ns(&shared->pressure_ns, c->work->source.now_ns);
	} else if (!(binding->flags & CRMG_BINDING_WIDER)) {
		reason = c->slot ? crmg_limits(c->slot, binding, &c->work->source,
					       &c->work->ask[CRMG_SCOPE_SOURCE]) :
				   CRMG_REASON_OK;
		return reason == CRMG_REASON_OK ? crmg_passes(binding) : reason;
	}
	reason = crmg_budgets(c->work, c->front, c->slot, binding, found);
	return reason == CRMG_REASON_OK ? crmg_passes(binding) : reason;
}

/* Caps come first: what one refuses is charged to no limit. */
static __always_inline enum crmg_reason
crmg_capped(const struct crmg_case *c, enum crmg_found found)
{
	const struct crmg_binding *binding = c->standing.binding;
	enum crmg_reason reason = CRMG_REASON_OK;

	if (c->work->source.syn && crmg_has_conn(c->work, binding))
		reason = crmg_conn_ask(c->work, binding->cap[CRMG_CAP_OPEN_CONNECTIONS],
				       binding->cap[CRMG_CAP_HALF_OPEN]);
	reason = crmg_forget(c->work, reason);
	return reason == CRMG_REASON_OK ? crmg_limited(c, found) : reason;
}

/* Reads the payload of w->pkt, under the context that its frame is in. */
typedef int crmg_reader(void *ctx, struct crmg_work *w);

/* What is read of requests, and what comes of it; judged: reason would let the segment pass. */
static __always_inline enum crmg_reason
crmg_read(const struct crmg_case *c, enum crmg_reason reason, bool judged, void *ctx,
	  crmg_reader *reader)
{
	const struct crmg_binding *binding = c->standing.binding;
	bool enforced = binding->mode == CRMG_MODE_ENFORCE;
	enum crmg_reason asked;
	__u32 early;
	bool read;

	c->work->walk.tls = binding->protocol == CRMG_PROTOCOL_TLS;
	c->work->walk.held = judged && enforced;
	c->work->failures = binding->limit[CRMG_LIMIT_AUTH_FAILURES];
	c->work->asking.limit = binding->limit[CRMG_LIMIT_REQUESTS];
	c->work->asking.sanity = binding->sanity;
	crmg_asking_set(&c->work->asking, c->front, binding->http);
	c->work->reply.can &= enforced && binding->on_exceed == CRMG_ACTION_REJECT;
	read = reader(ctx, c->work);
	early = CRMG_READ_ONCE(c->work->walk.aside) & c->work->walk.held;
	if (!read && crmg_answered(c->work) && reason != CRMG_REASON_PANIC)
		return CRMG_REASON_REQUESTS;
	if (early)
		return CRMG_READ_ONCE(c->work->walk.torn) ? CRMG_REASON_UNREADABLE :
							    CRMG_REASON_EARLY;
	if (!read)
		return reason;
	c->work->asking.how =
		(c->slot && crmg_counts_requests(c->work, binding) ? CRMG_ASKED_KNOWN : 0) |
		(judged ? CRMG_ASKED_JUDGED : 0) | (enforced ? CRMG_ASKED_ENFORCED : 0);
	asked = crmg_requests(c->work);
	/* Not called from there: that would be a frame too deep. */
	if (CRMG_READ_ONCE(c->work->asking.how) & CRMG_ASKED_KNOWN &&
	    (asked == CRMG_REASON_OK || !enforced))
		crmg_patience_note(c->work, binding->detect);
	return crmg_forget(c->work, judged ? asked : reason);
}

/* Requests come last: what anything else refuses the server never sees, so it is not read. */
static __always_inline enum crmg_reason
crmg_asks_for(const struct crmg_case *c, enum crmg_reason reason, void *ctx, crmg_reader *reader)
{
	const struct crmg_binding *binding = c->standing.binding;
	bool counts = crmg_counts_requests(c->work, binding);
	bool judged = counts && c->slot && reason < CRMG_REASON_FIRST_REFUSAL &&
		      reason != CRMG_REASON_PANIC;
	__u32 hides = judged && crmg_unreadable(&c->work->pkt);

	if (!crmg_reads(c->work, binding) ||
	    (reason >= CRMG_REASON_FIRST_REFUSAL && crmg_enforced(binding, reason)))
		return reason;
	if (hides && binding->mode == CRMG_MODE_ENFORCE)
		return CRMG_REASON_UNREADABLE;
	reason = crmg_read(c, reason, judged, ctx, reader);
	if (!counts)
		CRMG_WRITE_ONCE(c->work->walk.begun, 0);
	return hides && reason < CRMG_REASON_FIRST_REFUSAL ? CRMG_REASON_UNREADABLE : reason;
}

/* Forgets what was found out about the packet before. */
static __always_inline void crmg_nothing_known(struct crmg_work *w)
{
	w->source.proven = 0;
	w->exceeded = 0;
	w->from_own = 0;
	w->step.begun = 0;
	w->step.over = 0;
	w->walk.begun = 0;
	w->walk.torn = 0;
}

/* Decides on w->pkt, a packet for this service; len and packets of w->source are set. */
static __always_inline enum crmg_verdict
crmg_judge(struct crmg_work *w, const struct crmg_front *front, __u8 service, void *ctx,
	   crmg_first_reader *first, crmg_reader *reader)
{
	struct crmg_case c = { .front = front, .work = w, .standing.ifindex = w->ifindex };
	enum crmg_found found = CRMG_FOUND_SLOT;
	const struct crmg_control *control;
	struct crmg_source *source = &w->source;
	struct crmg_pkt *pkt = &w->pkt;
	enum crmg_verdict verdict;
	enum crmg_reason reason;
	__u32 epoch;

	control = crmg_control();
	if (!control)
		return CRMG_VERDICT_PASS;
	epoch = CRMG_READ_ONCE(control->ban_epoch);
	source->addr = crmg_source_addr(&pkt->src, pkt->v4);
	source->now_ns = crmg_now_ns(&w->clock);
	source->first_ns = 0;
	source->service = service;
	source->syn = !pkt->malformed && crmg_is_syn(pkt);
	crmg_nothing_known(w);
	/* Of a packet whose headers lie the source is not charged: it may lie as well. */
	if (!pkt->malformed) {
		crmg_hash_source(&source->addr, service, 0, &source->hash);
		crmg_place_line(w, &source->hash);
		c.slot = crmg_source_known(source);
		if (!c.slot)
			found = crmg_slot_new(source, pkt, &c.slot);
	}
	crmg_case_detail(&c);
	if (!c.slot || !crmg_resolved(front, c.slot, c.detail, epoch, &c.standing)) {
		if (!crmg_resolve(front, service, &pkt->src, pkt->v4, &c.standing))
			return CRMG_VERDICT_PASS;
		/*
		 * Prefixes divide the source: each binding's part of it has a slot of its own.
		 * The one of the whole is never resolved, so it sends every packet this way.
		 */
		if (c.standing.narrow && !pkt->malformed) {
			crmg_hash_source(&source->addr, service, c.standing.binding->row,
					 &source->hash);
			crmg_place_line(w, &source->hash);
			found = CRMG_FOUND_SLOT;
			c.slot = crmg_source_known(source);
			if (!c.slot)
				found = crmg_slot_new(source, pkt, &c.slot);
			crmg_case_detail(&c);
		}
		/* Of an address that no sender can have every packet is looked at. */
		c.standing.narrow |= crmg_odd_source(pkt) || crmg_odd_own(pkt);
		c.standing.narrow |= crmg_own_look(w, c.standing.binding->sanity);
		if (c.slot)
			crmg_slot_adopt(front, c.slot, c.detail, source, &c.standing, epoch);
	}
	if (c.slot) {
		crmg_slot_seen(c.slot, source, pkt);
		if (source->first_ns)
			crmg_slot_first(c.slot, c.detail, source, c.standing.binding);
	}
	crmg_look(w, front, c.standing.binding);
	w->spent = 0;
	w->half_max = c.standing.binding->cap[CRMG_CAP_HALF_OPEN] | CRMG_READ_ONCE(w->named);
	w->ended = 0;
	reason = crmg_reason_of(control, &c);
	if (reason == CRMG_REASON_OK)
		reason = crmg_capped(&c, found);
	reason = crmg_floored(w, c.standing.binding, crmg_forget(w, reason), ctx, first);
	reason = crmg_handshakes(&c, crmg_forget(w, reason));
	reason = crmg_asks_for(&c, crmg_forget(w, reason), ctx, reader);
	verdict = crmg_decide(&c, crmg_forget(w, reason));
	if (!crmg_tracks(w, c.standing.binding))
		return verdict;
	if (verdict == CRMG_VERDICT_RESET &&
	    (crmg_ends_both(CRMG_READ_ONCE(w->reason)) | CRMG_READ_ONCE(w->spent)))
		crmg_both_end(w);
	else
		crmg_conn_judged(w, verdict == CRMG_VERDICT_PASS);
	if (crmg_limits_handshakes(c.standing.binding))
		crmg_handshake_ends(w, crmg_place_row(w, c.standing.binding));
	return verdict;
}

/* The service that a packet is for, or 0: then it passes, and that is counted here. */
static __always_inline __u8
crmg_service_of(const struct crmg_front *front, const struct crmg_work *w, enum crmg_parsed parsed)
{
	const struct crmg_pkt *pkt = &w->pkt;
	struct crmg_host *h;
	__u8 service = 0;

	if (parsed == CRMG_PARSED_PORTS)
		service = crmg_service_find(front, pkt->transport, pkt->dport, &pkt->dst, pkt->v4);
	h = service ? NULL : crmg_host();
	if (h)
		h->counter[parsed == CRMG_PARSED_FRAGMENT ? CRMG_HOST_FRAGMENTS :
							    CRMG_HOST_OTHER] +=
			crmg_place(w, 1, 0);
	return service;
}

/* Every question that a packet can raise, in the order of product and reasons. */
static __always_inline int
crmg_slow(struct xdp_md *ctx, const struct crmg_front *front, struct crmg_work *w)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	enum crmg_parsed parsed = crmg_parse(data, end, bpf_xdp_get_buff_len(ctx), &w->pkt);
	__u8 service = crmg_service_of(front, w, parsed);
	enum crmg_verdict verdict;
	int action;

	if (!service)
		return XDP_PASS;
	service = crmg_named_xdp(ctx, front, w, service);
	w->source.len = w->pkt.len;
	w->source.packets = 1;
	w->ifindex = ctx->ingress_ifindex;
	w->reply = (struct crmg_reply){ .can = 1 };
	verdict = crmg_judge(w, front, service, ctx, (crmg_first_reader *)crmg_first_xdp,
			     (crmg_reader *)crmg_read_xdp);
	action = verdict == CRMG_VERDICT_REJECT ? crmg_xdp_reject(ctx, w) : XDP_ABORTED;
	if (action != XDP_ABORTED)
		return action;
	if (verdict == CRMG_VERDICT_RESET || verdict == CRMG_VERDICT_REJECT)
		return crmg_xdp_reset(ctx, w);
	return verdict == CRMG_VERDICT_PASS ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int crmg_xdp(struct xdp_md *ctx)
{
	const struct crmg_control *control = crmg_control();
	struct crmg_work *w = crmg_work();
	const struct crmg_front *front;
	int action;

	if (!control || !w)
		return XDP_PASS;
	front = crmg_front(control, &w->clock);
	if (!front)
		return XDP_PASS;
	action = crmg_fast(ctx, front, control, w);
	if (action == CRMG_NOT_FAST) {
		action = crmg_slow(ctx, front, w);
		crmg_probe_end(w);
	}
	return action;
}

/* The same decisions as those of crmg_xdp, for what GRO made of the frames. */
static __always_inline int
crmg_judge_skb(struct __sk_buff *skb, const struct crmg_front *front, struct crmg_work *w)
{
	__u8 service = crmg_service_of(front, w, crmg_skb_parse(skb, &w->pkt));
	enum crmg_verdict verdict;

	if (!service)
		return TC_ACT_UNSPEC;
	service = crmg_named_skb(skb, front, w, service);
	w->source.packets = crmg_skb_segments(skb, &w->pkt);
	w->ifindex = skb->ifindex;
	w->source.len = crmg_skb_bytes(skb, &w->pkt, w->source.packets);
	w->reply = (struct crmg_reply){ .can = 0 };
	verdict = crmg_judge(w, front, service, skb, (crmg_first_reader *)crmg_first_skb,
			     (crmg_reader *)crmg_read_skb);
	if (verdict == CRMG_VERDICT_RESET)
		return crmg_skb_reset(skb, w);
	return verdict == CRMG_VERDICT_PASS ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

SEC("tc")
int crmg_tc_in(struct __sk_buff *skb)
{
	const struct crmg_control *control = crmg_control();
	struct crmg_work *w = crmg_work();
	const struct crmg_front *front;
	int action;

	if (!control || !w)
		return TC_ACT_UNSPEC;
	front = crmg_front(control, &w->clock);
	if (!front)
		return TC_ACT_UNSPEC;
	CRMG_WRITE_ONCE(w->probe, crmg_probe_tc(skb));
	action = crmg_judge_skb(skb, front, w);
	crmg_probe_end(w);
	return action;
}

SEC("tc")
int crmg_tc(struct __sk_buff *skb)
{
	const struct crmg_control *control = crmg_control();
	struct crmg_work *w = crmg_work();
	const struct crmg_front *front;
	int action;

	if (!control || !w || crmg_skb_parse(skb, &w->pkt) != CRMG_PARSED_PORTS)
		return TC_ACT_UNSPEC;
	front = crmg_front(control, &w->clock);
	if (!front)
		return TC_ACT_UNSPEC;
	CRMG_WRITE_ONCE(w->probe, crmg_probe_tc(skb));
	action = crmg_leaves(skb, front, control, w);
	crmg_probe_end(w);
	return action;	/* TC_ACT_UNSPEC is the same as TCX_NEXT: other programs still run */
}

char LICENSE[] SEC("license") = "GPL";
