/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reset.h - turns a refused TCP segment into the RST that answers it (RFC 9293,
 * 3.5.2), or that goes on in its place, in place: the headers, and the frame under XDP
 * (skb.h has that of TC). The caller has made sure that it is TCP, no RST, well-formed, of
 * a proven source and within the rate of resets.
 */
#ifndef CRMGATE_BPF_RESET_H
#define CRMGATE_BPF_RESET_H

#define CRMG_FRAME_MIN 60	/* Ethernet, without FCS */
#define CRMG_RESET_TTL 64

static __always_inline __u16 crmg_csum_fold(__u64 sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

/* Sum of `count` 16-bit words, for crmg_csum_fold(). */
static __always_inline __u64 crmg_csum_words(const void *words, __u32 count)
{
	const __u16 *w = words;
	__u64 sum = 0;
	__u32 i;

#pragma unroll
	for (i = 0; i < count; i++)
		sum += w[i];
	return sum;
}

struct crmg_reset {
	__be32 seq;
	__be32 ack_seq;
	__u16 sport;
	__u16 dport;
	bool ack;
};

/*
 * True if the segment is of an open connection that is to end, and the first such: of a source
 * that was cut, below a floor of TLS, or torn.
 */
static __always_inline bool crmg_reset_ends(const struct crmg_work *w)
{
	return CRMG_READ_ONCE(w->ended) ||
	       (CRMG_READ_ONCE(w->spent) && crmg_flow_end(&w->pkt));
}

/* What the RST says that goes on in place of a segment. */
static __always_inline void
crmg_reset_onward(const struct crmg_pkt *pkt, struct crmg_reset *ret)
{
	*ret = (struct crmg_reset){ .seq = pkt->seq, .sport = pkt->sport, .dport = pkt->dport };
}

/*
 * The same of one that arrived. It may begin with what the server has already, and a RST with
 * another number than that which the server waits for ends nothing (RFC 5961).
 */
static __always_inline void
crmg_reset_server(const struct crmg_work *w, struct crmg_reset *ret)
{
	crmg_reset_onward(&w->pkt, ret);
	if (CRMG_READ_ONCE(w->ended))
		ret->seq = bpf_htonl(w->awaited);
}

/* What the RST says that answers a segment. */
static __always_inline void
crmg_reset_from(const struct crmg_pkt *pkt, struct crmg_reset *ret)
{
	ret->sport = pkt->dport;
	ret->dport = pkt->sport;
	ret->ack = !(pkt->tcp_flags & CRMG_TCP_ACK);
	if (ret->ack) {
		ret->seq = 0;
		ret->ack_seq = bpf_htonl(bpf_ntohl(pkt->seq) + crmg_payload(pkt) +
					 !!(pkt->tcp_flags & CRMG_TCP_SYN) +
					 !!(pkt->tcp_flags & CRMG_TCP_FIN));
	} else {
		ret->seq = pkt->ack;
		ret->ack_seq = 0;
	}
}

/*
 * A checksum that is right whether the stack takes it for complete, or for the sum of the
 * pseudo-header, which it has to complete: what became of the segment that came in
 * (skb->ip_summed) cannot be seen here. Of what is written here the window means nothing, so
 * it is chosen such that both are the same number. sum: of all from the header on, in which
 * both are 0.
 */
static __always_inline void crmg_tcp_seal(struct tcphdr *tcp, __u64 pseudo, __u64 sum)
{
	__u16 partial = ~crmg_csum_fold(pseudo);

	tcp->window = ~crmg_csum_fold((__u64)crmg_csum_fold(pseudo + sum) + (__u16)~partial);
	tcp->check = partial;
}

static __always_inline void
crmg_reset_tcp(struct tcphdr *tcp, const struct crmg_reset *reset, __u64 pseudo)
{
	__builtin_memset(tcp, 0, sizeof(*tcp));
	tcp->source = reset->sport;
	tcp->dest = reset->dport;
	tcp->seq = reset->seq;
	tcp->ack_seq = reset->ack_seq;
	tcp->doff = sizeof(*tcp) / 4;
	tcp->rst = 1;
	tcp->ack = reset->ack;
	crmg_tcp_seal(tcp, pseudo, crmg_csum_words(tcp, sizeof(*tcp) / 2));
}

/* Both write the header of the way back, for so many bytes of TCP; the sum of its pseudo-header. */
static __always_inline __u64 crmg_back_v4(struct iphdr *ip, __u32 bytes)
{
	__be32 from = ip->daddr, to = ip->saddr;

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 4;
	ip->ihl = sizeof(*ip) / 4;
	ip->tot_len = bpf_htons(sizeof(*ip) + bytes);
	ip->frag_off = bpf_htons(0x4000);	/* do not fragment */
	ip->ttl = CRMG_RESET_TTL;
	ip->protocol = IPPROTO_TCP;
	ip->saddr = from;
	ip->daddr = to;
	ip->check = crmg_csum_fold(crmg_csum_words(ip, sizeof(*ip) / 2));
	return crmg_csum_words(&ip->saddr, 4) + bpf_htons(IPPROTO_TCP) + bpf_htons(bytes);
}

static __always_inline __u64 crmg_back_v6(struct ipv6hdr *ip, __u32 bytes)
{
	struct in6_addr from = ip->daddr, to = ip->saddr;

	__builtin_memset(ip, 0, sizeof(*ip));
	ip->version = 6;
	ip->payload_len = bpf_htons(bytes);
	ip->nexthdr = IPPROTO_TCP;
	ip->hop_limit = CRMG_RESET_TTL;
	ip->saddr = from;
	ip->daddr = to;
	return crmg_csum_words(&ip->saddr, 16) + bpf_htons(IPPROTO_TCP) + bpf_htons(bytes);
}

static __always_inline void
crmg_reset_v4(struct iphdr *ip, struct tcphdr *tcp, const struct crmg_reset *reset)
{
	crmg_reset_tcp(tcp, reset, crmg_back_v4(ip, sizeof(*tcp)));
}

static __always_inline void
crmg_reset_v6(struct ipv6hdr *ip, struct tcphdr *tcp, const struct crmg_reset *reset)
{
	crmg_reset_tcp(tcp, reset, crmg_back_v6(ip, sizeof(*tcp)));
}

/*
 * Begins to turn a frame round: where its IP header is, or NULL. One register, so that a bound
 * check of it holds for all uses.
 */
static __always_inline void *crmg_xdp_back(struct xdp_md *ctx, const struct crmg_pkt *pkt)
{
	__u8 *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct ethhdr *eth = (void *)data;
	__u32 l3 = pkt->l3;
	__u8 mac[ETH_ALEN];

	if (l3 > ETH_HLEN + 4 * CRMG_VLAN_TAGS || data + sizeof(*eth) > end)
		return NULL;
	__builtin_memcpy(mac, eth->h_dest, ETH_ALEN);
	__builtin_memcpy(eth->h_dest, eth->h_source, ETH_ALEN);
	__builtin_memcpy(eth->h_source, mac, ETH_ALEN);
	data += l3;
	barrier_var(data);
	return data;
}

/* Turns a frame that has the length of a RST round into one. */
static __noinline long
crmg_xdp_turn(struct xdp_md *ctx, const struct crmg_pkt *pkt, const struct crmg_reset *reset)
{
	void *data = crmg_xdp_back(ctx, pkt), *end = (void *)(long)ctx->data_end;

	if (!data)
		return -1;
	if (pkt->v4) {
		struct iphdr *ip = (void *)data;
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > end)
			return -1;
		crmg_reset_v4(ip, tcp, reset);
	} else {
		struct ipv6hdr *ip = (void *)data;
		struct tcphdr *tcp = (void *)(ip + 1);

		if ((void *)(tcp + 1) > end)
			return -1;
		crmg_reset_v6(ip, tcp, reset);
	}
	return 0;
}

/* Cuts the frame to the length of a RST. */
static __always_inline long crmg_xdp_bare(struct xdp_md *ctx, const struct crmg_pkt *pkt)
{
	__u32 need = pkt->l3 + (pkt->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr)) +
		     sizeof(struct tcphdr);

	if (need < CRMG_FRAME_MIN && pkt->len >= CRMG_FRAME_MIN)
		need = CRMG_FRAME_MIN;
	return bpf_xdp_adjust_tail(ctx, (int)(need - pkt->len));
}

/*
 * Rewrites the frame and sends it back. VLAN tags stay; options and extension headers go. Of
 * a connection that is to end at both ends the server gets the first RST; the client, when
 * it sends again.
 */
static __noinline int crmg_xdp_reset(struct xdp_md *ctx, struct crmg_work *w)
{
	const struct crmg_pkt *pkt = &w->pkt;
	struct crmg_reset reset;

	crmg_reset_from(pkt, &reset);
	if (crmg_xdp_bare(ctx, pkt) || crmg_xdp_turn(ctx, pkt, &reset))
		return XDP_DROP;
	crmg_count_host(CRMG_HOST_RESETS);
	if (!crmg_reset_ends(w))
		return XDP_TX;
	crmg_reset_server(w, &reset);
	return crmg_xdp_turn(ctx, pkt, &reset) ? XDP_DROP : XDP_PASS;
}

#endif
