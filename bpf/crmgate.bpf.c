// SPDX-License-Identifier: GPL-2.0
/*
 * crmgate.bpf.c - the two programs, as a table of contents:
 *
 *   packet -> parse -> classify -> source -> resolve -> limits -> decide
 *
 * Each stage is a header of that name and writes only its own part. XDP judges
 * what arrives; TC egress counts what leaves.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include <crmgate/abi.h>

#include "knobs.h"
#include "maps.h"
#include "seams.h"

#include "parse.h"
#include "classify.h"
#include "sources.h"
#include "bans.h"
#include "limit.h"
#include "resolve.h"
#include "report.h"
#include "decide.h"
#include "reset.h"

/* What the standing of a source alone says about its packet. */
static __always_inline enum crmg_reason
crmg_reason_of(const struct crmg_control *control, const struct crmg_standing *standing,
	       const struct crmg_pkt *pkt)
{
	const struct crmg_binding *binding = standing->binding;

	if (CRMG_READ_ONCE(control->panic))
		return CRMG_REASON_PANIC;
	if (pkt->malformed)
		return binding->mode == CRMG_MODE_OFF ? CRMG_REASON_OK : CRMG_REASON_MALFORMED;
	if (binding->kind == CRMG_BINDING_ALLOW)
		return CRMG_REASON_ALLOWED;
	if (standing->banned_until_ns && standing->banned_until_ns > crmg_boot_ns())
		return CRMG_REASON_BANNED;
	if (binding->kind == CRMG_BINDING_NO_POLICY)
		return CRMG_REASON_NO_POLICY;
	if (binding->kind == CRMG_BINDING_DENY && binding->mode != CRMG_MODE_OFF)
		return CRMG_REASON_DENIED;
	return CRMG_REASON_OK;
}

/* Once per packet of a source that has a slot of its own. */
static __always_inline void
crmg_slot_seen(struct crmg_slot *slot, const struct crmg_source *source,
	       const struct crmg_binding *binding)
{
	__u32 tick = source->now_ns >> CRMG_SLOT_TICK_SHIFT;
	__u32 seen = CRMG_READ_ONCE(slot->last_seen);

	if (seen != tick) {
		if (crmg_slept(tick - seen))
			crmg_limits_fill(slot, source->now_ns);
		CRMG_WRITE_ONCE(slot->last_seen, tick);
	}
	if (!source->first_ns)
		return;
	__sync_fetch_and_add(&slot->packets, 1);
	__sync_fetch_and_add(&slot->bytes, source->first_len);
	__sync_fetch_and_add(&slot->connections, source->first_syn);
	crmg_limits_first(slot, binding, source);
}

static __always_inline int
crmg_judge(struct xdp_md *ctx, void *image, __u8 service, const struct crmg_pkt *pkt)
{
	struct crmg_source source = {
		.addr = crmg_source_addr(&pkt->src, pkt->v4),
		.now_ns = crmg_now_ns(),
		.len = pkt->len,
		.service = service,
		.syn = !pkt->malformed &&
		       (pkt->tcp_flags & (CRMG_TCP_SYN | CRMG_TCP_ACK)) == CRMG_TCP_SYN,
	};
	const struct crmg_control *control;
	struct crmg_standing standing;
	struct crmg_slot *slot = NULL;
	enum crmg_reason reason;
	enum crmg_verdict verdict;
	enum crmg_found found = CRMG_FOUND_TAG;
	__u32 zero = 0, epoch;

	control = bpf_map_lookup_elem(&control_map, &zero);
	if (!control)
		return XDP_PASS;
	epoch = CRMG_READ_ONCE(control->ban_epoch);
	/* Of a packet whose headers lie the source is not charged: it may lie as well. */
	if (!pkt->malformed) {
		crmg_hash_source(&source.addr, service, 0, &source.hash);
		found = crmg_source_find(&source, &slot);
	}
	if (found != CRMG_FOUND_SLOT || !slot ||
	    !crmg_resolved(image, slot, epoch, &standing)) {
		if (!crmg_resolve(image, control, service, &pkt->src, pkt->v4, &standing))
			return XDP_PASS;
		/*
		 * Prefixes divide the source: each binding's part of it has a slot of its own.
		 * The one of the whole is never resolved, so it sends every packet this way.
		 */
		if (standing.narrow && !pkt->malformed) {
			crmg_hash_source(&source.addr, service, standing.binding->row,
					 &source.hash);
			found = crmg_source_find(&source, &slot);
		}
		if (found == CRMG_FOUND_SLOT && slot)
			crmg_slot_adopt(image, slot, &standing, epoch, source.now_ns);
	}
	if (found == CRMG_FOUND_SLOT && slot)
		crmg_slot_seen(slot, &source, standing.binding);

	reason = crmg_reason_of(control, &standing, pkt);
	if (reason == CRMG_REASON_OK && standing.binding->mode != CRMG_MODE_OFF && slot)
		reason = crmg_limits(slot, standing.binding, &source);
	/* Its bucket is being made by a CPU that was held up: passing would be one too many. */
	if (reason == CRMG_REASON_OK && found == CRMG_FOUND_AGAIN &&
	    standing.binding->mode != CRMG_MODE_OFF && standing.binding->limits)
		reason = CRMG_REASON_CONTENTION;
	if (found == CRMG_FOUND_OVERFLOW) {
		if (reason > CRMG_REASON_DENIED)
			reason = CRMG_REASON_PRESSURE;
		crmg_count_host(CRMG_HOST_PRESSURE);
		slot = NULL;
	}
	if (slot && reason >= CRMG_REASON_FIRST_REFUSAL)
		crmg_source_limited(&source);
	verdict = crmg_decide(image, pkt, slot, &standing, reason, source.syn, source.now_ns);
	if (verdict == CRMG_VERDICT_RESET)
		return crmg_reset(ctx, pkt);
	return verdict == CRMG_VERDICT_PASS ? XDP_PASS : XDP_DROP;
}

SEC("xdp.frags")
int crmg_xdp(struct xdp_md *ctx)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct crmg_pkt pkt;
	enum crmg_parsed parsed;
	__u8 service;
	void *image;

	parsed = crmg_parse(data, end, bpf_xdp_get_buff_len(ctx), &pkt);
	if (parsed != CRMG_PARSED_PORTS) {
		crmg_count_host(parsed == CRMG_PARSED_FRAGMENT ? CRMG_HOST_FRAGMENTS :
								 CRMG_HOST_OTHER);
		return XDP_PASS;
	}
	image = crmg_image();
	if (!image)
		return XDP_PASS;
	service = crmg_service_find(image, pkt.transport, pkt.dport, &pkt.dst, pkt.v4);
	if (!service) {
		crmg_count_host(CRMG_HOST_OTHER);
		return XDP_PASS;
	}
	return crmg_judge(ctx, image, service, &pkt);
}

/* Counts what a service sends to a source, as it goes on the wire: after segmentation. */
static __always_inline void crmg_count_out(struct __sk_buff *skb, const struct crmg_pkt *pkt)
{
	struct crmg_addr addr = crmg_source_addr(&pkt->dst, pkt->v4);
	__u32 zero = 0, segments = skb->gso_segs ? skb->gso_segs : 1;
	__u64 bytes = skb->wire_len + (skb->vlan_present ? 4 * segments : 0);
	const struct crmg_control *control = bpf_map_lookup_elem(&control_map, &zero);
	struct crmg_standing standing;
	struct crmg_slot *slot;
	struct crmg_hash hash;
	struct crmg_row *row;
	void *image = crmg_image();
	__u8 service;

	if (!image || !control)
		return;
	service = crmg_service_find(image, pkt->transport, pkt->sport, &pkt->src, pkt->v4);
	if (!service)
		return;
	crmg_hash_source(&addr, service, 0, &hash);
	slot = crmg_source_peek(&hash);
	if (!(slot && crmg_resolved(image, slot, CRMG_READ_ONCE(control->ban_epoch), &standing))) {
		if (!crmg_resolve(image, control, service, &pkt->dst, pkt->v4, &standing))
			return;
		if (standing.narrow) {
			crmg_hash_source(&addr, service, standing.binding->row, &hash);
			slot = crmg_source_peek(&hash);
		}
	}
	if (slot)
		__sync_fetch_and_add(&slot->bytes_out, bytes);
	row = crmg_row(standing.binding->row);
	if (row) {
		row->packets_out += segments;
		row->bytes_out += bytes;
	}
}

SEC("tc")
int crmg_tc(struct __sk_buff *skb)
{
	struct crmg_pkt pkt;
	enum crmg_parsed parsed;

	parsed = crmg_parse((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, &pkt);
	/* Long headers may lie in pages: pull them into reach, and read again. */
	if (parsed == CRMG_PARSED_SHORT && skb->len > skb->data_end - skb->data) {
		if (bpf_skb_pull_data(skb, skb->len < 2048 ? skb->len : 2048))
			return TC_ACT_UNSPEC;
		parsed = crmg_parse((void *)(long)skb->data, (void *)(long)skb->data_end,
				    skb->len, &pkt);
	}
	if (parsed == CRMG_PARSED_PORTS)
		crmg_count_out(skb, &pkt);
	return TC_ACT_UNSPEC;	/* the same as TCX_NEXT: other programs still run */
}

char LICENSE[] SEC("license") = "GPL";
