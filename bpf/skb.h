/* SPDX-License-Identifier: GPL-2.0 */
/*
 * skb.h - frames as TC has them: the outer VLAN tag lies beside the packet, headers may lie
 * in pages, and what arrives may be several segments that GRO put together. Counted is
 * what was on the wire.
 */
#ifndef CRMGATE_BPF_SKB_H
#define CRMGATE_BPF_SKB_H

#define CRMG_SKB_PULL 2048	/* bytes; longer headers are not looked for */
#define CRMG_VLAN_LEN 4

static __always_inline enum crmg_parsed
crmg_skb_read(const struct __sk_buff *skb, struct crmg_pkt *ret)
{
	return crmg_parse((void *)(long)skb->data, (void *)(long)skb->data_end, skb->len, ret);
}

static __always_inline enum crmg_parsed crmg_skb_parse(struct __sk_buff *skb, struct crmg_pkt *ret)
{
	enum crmg_parsed parsed = crmg_skb_read(skb, ret);

	/* Long headers may lie in pages: pull them into reach, and read again. */
	if (parsed == CRMG_PARSED_SHORT && skb->len > skb->data_end - skb->data &&
	    !bpf_skb_pull_data(skb, skb->len < CRMG_SKB_PULL ? skb->len : CRMG_SKB_PULL))
		parsed = crmg_skb_read(skb, ret);
	/* The tag beside the packet is one of those that are looked through. */
	if (parsed == CRMG_PARSED_PORTS && skb->vlan_present &&
	    ret->l3 > ETH_HLEN + CRMG_VLAN_LEN * (CRMG_VLAN_TAGS - 1))
		return CRMG_PARSED_OTHER;
	return parsed;
}

/* What each segment of a well-formed packet begins with, but for a tag beside it; bytes. */
static __always_inline __u32 crmg_skb_headers(const struct crmg_pkt *pkt)
{
	return pkt->l4 + (pkt->transport == CRMG_TRANSPORT_TCP ? pkt->tcp_header :
								 sizeof(struct udphdr));
}

/* Segments that an arriving packet was on the wire. Who built it may not have counted them. */
static __always_inline __u32
crmg_skb_segments(const struct __sk_buff *skb, const struct crmg_pkt *pkt)
{
	__u32 segments = skb->gso_segs, size = skb->gso_size, headers;

	if (pkt->malformed)
		return 1;
	headers = crmg_skb_headers(pkt);
	if (!segments && size && skb->len > headers)
		segments = (skb->len - headers + size - 1) / size;
	return segments ? segments : 1;
}

/* Their bytes: where packets arrive, skb->wire_len does not know of the repeated headers. */
static __always_inline __u32
crmg_skb_bytes(const struct __sk_buff *skb, const struct crmg_pkt *pkt, __u32 segments)
{
	__u32 bytes = skb->len;

	if (segments > 1)
		bytes += (segments - 1) * crmg_skb_headers(pkt);
	return skb->vlan_present ? bytes + segments * CRMG_VLAN_LEN : bytes;
}

/* ------------------------------------------------------------------- reset */

static __always_inline long crmg_skb_swap_macs(struct __sk_buff *skb)
{
	__u8 old[2 * ETH_ALEN], new[2 * ETH_ALEN];

	if (bpf_skb_load_bytes(skb, 0, old, sizeof(old)))
		return -1;
	__builtin_memcpy(new, old + ETH_ALEN, ETH_ALEN);
	__builtin_memcpy(new + ETH_ALEN, old, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, new, sizeof(new), 0);
}

/*
 * Leaves nothing but the headers of IP and TCP. What lies between them is cut out there, so
 * that the place where the stack may complete the checksum stays that of the TCP header.
 */
static __always_inline long crmg_skb_bare(struct __sk_buff *skb, const struct crmg_pkt *pkt)
{
	__u32 ip = pkt->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	__u32 extra = pkt->l4 - pkt->l3 - ip;

	if (extra && bpf_skb_adjust_room(skb, -(int)extra, BPF_ADJ_ROOM_NET, 0))
		return -1;
	return bpf_skb_change_tail(skb, pkt->l3 + ip + sizeof(struct tcphdr), 0);
}

/*
 * Turns bare headers round into a RST. Written by calls: direct writes would have every
 * packet copied that somebody else (tcpdump) looks at.
 */
static __noinline long crmg_skb_turn(struct __sk_buff *skb, const struct crmg_pkt *pkt,
				     const struct crmg_reset *reset)
{
	struct {
		struct iphdr ip;
		struct tcphdr tcp;
	} v4;
	struct {
		struct ipv6hdr ip;
		struct tcphdr tcp;
	} v6;
	long failed = crmg_skb_swap_macs(skb);

	if (pkt->v4) {
		failed |= bpf_skb_load_bytes(skb, pkt->l3, &v4.ip, sizeof(v4.ip));
		crmg_reset_v4(&v4.ip, &v4.tcp, reset);
		failed |= bpf_skb_store_bytes(skb, pkt->l3, &v4, sizeof(v4), 0);
	} else {
		failed |= bpf_skb_load_bytes(skb, pkt->l3, &v6.ip, sizeof(v6.ip));
		crmg_reset_v6(&v6.ip, &v6.tcp, reset);
		failed |= bpf_skb_store_bytes(skb, pkt->l3, &v6, sizeof(v6), 0);
	}
	return failed;
}

/*
 * Sends a packet that arrived back as a RST, or (crmg_xdp_reset()) passes it on as one. Leaves
 * by TC egress, so it is counted there.
 */
static __noinline int crmg_skb_reset(struct __sk_buff *skb, struct crmg_work *w)
{
	const struct crmg_pkt *pkt = &w->pkt;
	struct crmg_reset reset;

	crmg_reset_from(pkt, &reset);
	if (crmg_skb_bare(skb, pkt) || crmg_skb_turn(skb, pkt, &reset))
		return TC_ACT_SHOT;
	crmg_count_host(CRMG_HOST_RESETS);
	if (!crmg_reset_ends(w))
		return bpf_redirect(skb->ifindex, 0);
	crmg_reset_server(w, &reset);
	return crmg_skb_turn(skb, pkt, &reset) ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/*
 * Instead of a segment that was to leave the client gets a RST with its number; that may be
 * lost, so it is only when the server sends it again that both ends get one: the server with
 * what the segment acknowledges. If a number is not the one that an end expects, since
 * something was lost before, the end asks with an ACK.
 */
static __noinline int crmg_skb_end(struct __sk_buff *skb, const struct crmg_work *w)
{
	const struct crmg_pkt *pkt = &w->pkt;
	struct crmg_reset reset;

	crmg_reset_from(pkt, &reset);
	if (crmg_skb_bare(skb, pkt) || crmg_skb_turn(skb, pkt, &reset))
		return TC_ACT_SHOT;
	if (CRMG_READ_ONCE(w->sent) & CRMG_SENT_AGAIN &&
	    !bpf_clone_redirect(skb, skb->ifindex, BPF_F_INGRESS))
		crmg_count_host(CRMG_HOST_RESETS);
	crmg_reset_onward(pkt, &reset);
	if (crmg_skb_turn(skb, pkt, &reset))
		return TC_ACT_SHOT;
	crmg_count_host(CRMG_HOST_RESETS);
	return bpf_redirect(skb->ifindex, 0);
}

#endif
