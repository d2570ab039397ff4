/* SPDX-License-Identifier: GPL-2.0 */
/*
 * parse.h - bytes to struct crmg_pkt. Also compiles natively, where it is
 * fuzzed against a reader written from the RFCs. Knows no map and no policy.
 */
#ifndef CRMGATE_BPF_PARSE_H
#define CRMGATE_BPF_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <crmgate/abi.h>

#ifdef __bpf__
#include <bpf/bpf_endian.h>
#define crmg_ntohs   bpf_ntohs
#define crmg_htons   bpf_htons
#define crmg_ntohl   bpf_ntohl
#define crmg_be64_to_cpu bpf_be64_to_cpu
#else
#include <endian.h>
#define crmg_ntohs   be16toh
#define crmg_htons   htobe16
#define crmg_ntohl   be32toh
#define crmg_be64_to_cpu be64toh
#endif

#define CRMG_VLAN_TAGS   2	/* more are not looked through */
#define CRMG_EXT_HEADERS 8	/* IPv6, at most */
#define CRMG_EXT_MAX     2048	/* bytes of one */

#define CRMG_TCP_FIN 0x01
#define CRMG_TCP_SYN 0x02
#define CRMG_TCP_RST 0x04
#define CRMG_TCP_ACK 0x10
#define CRMG_TCP_URG 0x20

enum crmg_parsed {
	CRMG_PARSED_OTHER,	/* cannot be for a service */
	CRMG_PARSED_SHORT,	/* the same, but the linear part ended before the headers */
	CRMG_PARSED_FRAGMENT,	/* a later fragment: has no ports */
	CRMG_PARSED_PORTS,	/* all of struct crmg_pkt is set */
};

struct crmg_pkt {
	struct crmg_addr src;
	struct crmg_addr dst;
	__u32 len;		/* of the frame */
	__u32 ip_end;		/* offset where the IP packet says it ends */
	__be32 seq;		/* of well-formed TCP */
	__be32 ack;
	__u16 sport;		/* as they stand in the packet, loaded as host u16 */
	__u16 dport;
	__u16 l3;		/* offsets in the frame */
	__u16 l4;
	__u8 transport;		/* enum crmg_transport */
	__u8 tcp_flags;
	__u8 v4;
	__u8 malformed;		/* the ports can be read, but headers or lengths lie */
	__u8 tcp_header;	/* bytes, as it says; 0: no TCP */
	__u8 fragment;		/* 1: the first of a datagram, of which the rest follows */
	__u8 pad[2];
};

/* Bytes that a segment of TCP carries. */
static __always_inline __u32 crmg_payload(const struct crmg_pkt *pkt)
{
	return pkt->ip_end - pkt->l4 - pkt->tcp_header;
}

static __always_inline bool crmg_is_syn(const struct crmg_pkt *pkt)
{
	return (pkt->tcp_flags & (CRMG_TCP_SYN | CRMG_TCP_ACK)) == CRMG_TCP_SYN;
}

static __always_inline struct crmg_addr crmg_addr_v4(__be32 addr)
{
	return (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | crmg_ntohl(addr) };
}

static __always_inline struct crmg_addr crmg_addr_v6(const void *bytes)
{
	/* IPv6 headers are not aligned to eight bytes behind an Ethernet header. */
	const struct { __be64 hi, lo; } __attribute__((packed)) *a = bytes;

	return (struct crmg_addr){ crmg_be64_to_cpu(a->hi), crmg_be64_to_cpu(a->lo) };
}

/* TCP or UDP header at p; first: as pkt->fragment. */
static __always_inline enum crmg_parsed
crmg_parse_l4(const __u8 *p, const __u8 *end, __u8 proto, bool first, struct crmg_pkt *pkt)
{
	__u32 l4 = pkt->l4;
	__u32 header;

	pkt->tcp_header = 0;
	pkt->fragment = first;
	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return CRMG_PARSED_OTHER;
	header = proto == IPPROTO_TCP ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	if (p + 4 > end || (p + header > end && l4 + header <= pkt->len))
		return CRMG_PARSED_SHORT;
	pkt->sport = *(const __u16 *)p;
	pkt->dport = *(const __u16 *)(p + 2);
	pkt->malformed = pkt->ip_end > pkt->len;

	if (proto == IPPROTO_UDP) {
		__u32 length;

		pkt->transport = CRMG_TRANSPORT_UDP;
		pkt->tcp_flags = 0;
		if (l4 + header > pkt->ip_end || p + sizeof(struct udphdr) > end) {
			pkt->malformed = 1;
			return CRMG_PARSED_PORTS;
		}
		length = crmg_ntohs(((const struct udphdr *)p)->len);
		if (length < sizeof(struct udphdr) || (!first && l4 + length > pkt->ip_end))
			pkt->malformed = 1;
		return CRMG_PARSED_PORTS;
	}

	pkt->transport = CRMG_TRANSPORT_TCP;
	if (l4 + header > pkt->ip_end || p + sizeof(struct tcphdr) > end) {
		pkt->tcp_flags = 0;
		pkt->malformed = 1;
		return CRMG_PARSED_PORTS;
	}
	pkt->tcp_flags = p[13];
	pkt->tcp_header = (p[12] >> 4) * 4;
	pkt->seq = ((const struct tcphdr *)p)->seq;
	pkt->ack = ((const struct tcphdr *)p)->ack_seq;
	if (pkt->tcp_header < sizeof(struct tcphdr) || l4 + pkt->tcp_header > pkt->ip_end)
		pkt->malformed = 1;
	return CRMG_PARSED_PORTS;
}

/* Length fields are 0 for super-packets beyond 64 KiB (GRO): the frame's own counts. */
static __always_inline __u32 crmg_ip_end(__u32 frame, __u32 begin, __u32 length)
{
	return !length && frame > 65535 ? frame : begin + length;
}

/* header: bytes of the IP header at p, which can be read; frag: host order. */
static __always_inline enum crmg_parsed
crmg_parse_v4_at(const __u8 *p, const __u8 *end, __u32 header, __u32 frag, struct crmg_pkt *pkt)
{
	const struct iphdr *ip = (const void *)p;

	pkt->v4 = 1;
	pkt->src = crmg_addr_v4(ip->saddr);
	pkt->dst = crmg_addr_v4(ip->daddr);
	pkt->ip_end = crmg_ip_end(pkt->len, pkt->l3, crmg_ntohs(ip->tot_len));
	pkt->l4 = pkt->l3 + header;
	return crmg_parse_l4(p + header, end, ip->protocol, frag & 0x2000, pkt);
}

static __always_inline enum crmg_parsed
crmg_parse_v4(const __u8 *p, const __u8 *end, struct crmg_pkt *pkt)
{
	const struct iphdr *ip = (const void *)p;
	__u32 header, frag;

	if (p + sizeof(*ip) > end)
		return CRMG_PARSED_SHORT;
	header = (p[0] & 0x0f) * 4;
	if (p[0] >> 4 != 4 || header < sizeof(*ip))
		return CRMG_PARSED_OTHER;
	frag = crmg_ntohs(ip->frag_off);
	if (frag & 0x1fff)
		return CRMG_PARSED_FRAGMENT;
	return crmg_parse_v4_at(p, end, header, frag, pkt);
}

/*
 * What an IPv6 next-header value is, as numbers that the walk calculates with: a
 * branch for each kind would be followed by the verifier in every order of eight.
 * The length of a header is ((second byte & length) + add) * unit.
 */
struct crmg_ext {
	__u8 length;
	__u8 add;
	__u8 unit;		/* 0: no extension header */
	__u8 fragment;		/* 0xff: the second byte is reserved, an offset follows */
};

#define CRMG_EXT_OPTIONS  { 0xff, 1, 8, 0 }
static const struct crmg_ext crmg_ext[256] = {
	[0]   = CRMG_EXT_OPTIONS,	/* hop by hop */
	[43]  = CRMG_EXT_OPTIONS,	/* routing */
	[60]  = CRMG_EXT_OPTIONS,	/* destination options */
	[135] = CRMG_EXT_OPTIONS,	/* mobility */
	[139] = CRMG_EXT_OPTIONS,	/* host identity */
	[140] = CRMG_EXT_OPTIONS,	/* shim6 */
	[44]  = { 0, 1, 8, 0xff },	/* fragment */
	[51]  = { 0xff, 2, 4, 0 },	/* authentication: RFC 4302, 2.2 */
};

static __always_inline enum crmg_parsed
crmg_parse_v6(const __u8 *p, const __u8 *end, struct crmg_pkt *pkt)
{
	const struct ipv6hdr *ip = (const void *)p;
	__u32 l4 = pkt->l3 + sizeof(*ip), first = 0;
	__u8 next;
	int i;

	if (p + sizeof(*ip) > end)
		return CRMG_PARSED_SHORT;
	if (p[0] >> 4 != 6)
		return CRMG_PARSED_OTHER;
	pkt->v4 = 0;
	pkt->src = crmg_addr_v6(&ip->saddr);
	pkt->dst = crmg_addr_v6(&ip->daddr);
	pkt->ip_end = crmg_ip_end(pkt->len, l4, crmg_ntohs(ip->payload_len));
	next = ip->nexthdr;
	p += sizeof(*ip);

	for (i = 0; i < CRMG_EXT_HEADERS; i++) {
		const struct crmg_ext *ext = &crmg_ext[next];
		__u32 frag;
		__u64 length;

		if (!ext->unit)
			break;
		if (p + 8 > end)
			return CRMG_PARSED_SHORT;
		frag = crmg_ntohs(*(const __u16 *)(p + 2)) & (ext->fragment << 8 | ext->fragment);
		if (frag & 0xfff8)
			return CRMG_PARSED_FRAGMENT;
		first |= frag & 1;
		length = ((p[1] & ext->length) + ext->add) * ext->unit;
		if (length > CRMG_EXT_MAX)	/* never; for the verifier */
			return CRMG_PARSED_OTHER;
		next = p[0];
		p += length;
		l4 += length;
	}
	pkt->l4 = l4;
	return crmg_parse_l4(p, end, next, first, pkt);
}

/*
 * Reads a frame of len bytes, of which [data, end) can be read. What cannot be
 * told to be for a service is OTHER; only where the ports can be read a lie in
 * the headers makes the packet malformed.
 */
static __always_inline enum crmg_parsed
crmg_parse(const void *data, const void *end, __u32 len, struct crmg_pkt *pkt)
{
	const struct ethhdr *eth = data;
	const __u8 *p = data;
	__be16 proto;
	int i;

	if (p + sizeof(*eth) > (const __u8 *)end)
		return CRMG_PARSED_SHORT;
	/* The struct is packed, and would be read byte by byte. */
	proto = *(const __be16 *)(p + offsetof(struct ethhdr, h_proto));
	p += sizeof(*eth);
	pkt->l3 = sizeof(*eth);
	for (i = 0; i < CRMG_VLAN_TAGS; i++) {
		if (proto != crmg_htons(ETH_P_8021Q) && proto != crmg_htons(ETH_P_8021AD))
			break;
		if (p + 4 > (const __u8 *)end)
			return CRMG_PARSED_SHORT;
		proto = *(const __be16 *)(p + 2);
		p += 4;
		pkt->l3 += 4;
	}
	pkt->len = len;
	if (proto == crmg_htons(ETH_P_IP))
		return crmg_parse_v4(p, end, pkt);
	if (proto == crmg_htons(ETH_P_IPV6))
		return crmg_parse_v6(p, end, pkt);
	return CRMG_PARSED_OTHER;
}

/*
 * True for a frame as nearly all are, TCP over IPv4 without a tag, an option or a fragment: what
 * crmg_parse() looks for is at places that the compiler knows.
 */
#define CRMG_PLAIN_L3 sizeof(struct ethhdr)
#define CRMG_PLAIN_L4 (CRMG_PLAIN_L3 + sizeof(struct iphdr))

static __always_inline bool crmg_plain(const void *data, const void *end)
{
	const __u8 *p = data;
	const struct iphdr *ip = (const void *)(p + CRMG_PLAIN_L3);

	return p + CRMG_PLAIN_L4 + sizeof(struct tcphdr) <= (const __u8 *)end &&
	       *(const __be16 *)(p + offsetof(struct ethhdr, h_proto)) == crmg_htons(ETH_P_IP) &&
	       p[CRMG_PLAIN_L3] == 0x45 && !(ip->frag_off & crmg_htons(0x3fff)) &&
	       ip->protocol == IPPROTO_TCP;
}

/* Its destination port, as in struct crmg_pkt. */
static __always_inline __u16 crmg_plain_dport(const void *data)
{
	return *(const __u16 *)((const __u8 *)data + CRMG_PLAIN_L4 + 2);
}

/* What crmg_parse() says of it. */
static __always_inline enum crmg_parsed
crmg_parse_plain(const void *data, const void *end, __u32 len, struct crmg_pkt *pkt)
{
	pkt->len = len;
	pkt->l3 = CRMG_PLAIN_L3;
	return crmg_parse_v4_at((const __u8 *)data + CRMG_PLAIN_L3, end, sizeof(struct iphdr), 0, pkt);
}

#endif
