// SPDX-License-Identifier: GPL-2.0
/* frame.c - writes crafted TCP and UDP packets, checksums included. */
#include "frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <string.h>

static uint32_t sum16(const void *data, size_t len, uint32_t sum)
{
	const uint8_t *p = data;

	for (; len > 1; len -= 2, p += 2)
		sum += (uint32_t)p[0] << 8 | p[1];
	if (len)
		sum += (uint32_t)p[0] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return htons((uint16_t)~sum);
}

/* Spreads numbers over 64 bits; no two give the same (splitmix64). */
static uint64_t mix(uint64_t n)
{
	n += 0x9e3779b97f4a7c15;
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9;
	n = (n ^ n >> 27) * 0x94d049bb133111eb;
	return n ^ n >> 31;
}

/* The n-th address from first on. */
static void address_of(const struct frame_plan *plan, const uint8_t *first, uint64_t n, uint8_t *ret)
{
	const size_t len = plan->family == AF_INET ? 4 : plan->part;

	memcpy(ret, first, sizeof(plan->src));
	for (size_t i = len; i-- > 0 && n; n >>= 8) {
		n += ret[i];
		ret[i] = (uint8_t)n;
	}
}

static void source_of(const struct frame_plan *plan, uint64_t n, uint8_t *ret)
{
	const uint64_t at = n / plan->repeat;

	if (plan->known_every && n % plan->known_every == plan->known_every - 1)
		address_of(plan, plan->known, n / plan->known_every % plan->knowns, ret);
	else
		address_of(plan, plan->src, (plan->random ? mix(at) : at) % plan->sources, ret);
}

/* Both write a header and return where its checksum is. */
static size_t put_tcp(uint8_t *p, const struct frame_plan *plan, enum frame_kind kind, uint64_t n)
{
	struct tcphdr tcp = {
		.source = htons((uint16_t)(1024 + mix(n) % 64000)),
		.dest = htons(plan->port),
		.seq = htonl((uint32_t)n),
		/* Who forges an address can only guess what the server has sent to it. */
		.ack_seq = kind == FRAME_SYN ? 0 : htonl((uint32_t)mix(n)),
		.doff = sizeof(tcp) / 4,
		.syn = kind == FRAME_SYN,
		.ack = kind != FRAME_SYN,
		.psh = kind == FRAME_DATA,
		.window = htons(64240),
	};

	memcpy(p, &tcp, sizeof(tcp));
	return offsetof(struct tcphdr, check);
}

static size_t put_udp(uint8_t *p, const struct frame_plan *plan, uint64_t n, size_t len)
{
	const struct udphdr udp = {
		.source = htons((uint16_t)(1024 + mix(n) % 64000)),
		.dest = htons(plan->port),
		.len = htons((uint16_t)len),
	};

	memcpy(p, &udp, sizeof(udp));
	return offsetof(struct udphdr, check);
}

void frame_write(uint8_t *frame, const struct frame_plan *plan, uint64_t n)
{
	const bool v4 = plan->family == AF_INET;
	const size_t ip_len = v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr);
	uint8_t *ip = frame + ETH_HLEN, *l4 = ip + ip_len, src[16];
	const enum frame_kind kind = plan->kind[n % plan->kinds];
	const bool udp = kind == FRAME_UDP;
	const uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	const size_t l4_len = udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
	/* The smallest frame has padding instead of a payload, unless it is to have data. */
	const size_t len = plan->size == FRAME_MIN && kind != FRAME_DATA ?
			   l4_len : plan->size - ETH_HLEN - ip_len;
	uint32_t sum = protocol + (uint32_t)len;
	size_t check;

	source_of(plan, n, src);
	if (v4) {
		struct iphdr h = {
			.version = 4, .ihl = 5, .ttl = 64, .protocol = protocol,
			.tot_len = htons((uint16_t)(ip_len + len)),
			.frag_off = htons(IP_DF),
		};

		memcpy(&h.saddr, src, 4);
		memcpy(&h.daddr, plan->dst, 4);
		h.check = fold(sum16(&h, sizeof(h), 0));
		memcpy(ip, &h, sizeof(h));
		sum = sum16(&h.saddr, 8, sum);
	} else {
		struct ip6_hdr h = {
			.ip6_flow = htonl(6u << 28), .ip6_hops = 64, .ip6_nxt = protocol,
			.ip6_plen = htons((uint16_t)len),
		};

		memcpy(&h.ip6_src, src, 16);
		memcpy(&h.ip6_dst, plan->dst, 16);
		memcpy(ip, &h, sizeof(h));
		sum = sum16(&h.ip6_src, 32, sum);
	}
	check = udp ? put_udp(l4, plan, n, len) : put_tcp(l4, plan, kind, n);
	memcpy(l4 + check, &(uint16_t){ fold(sum16(l4, len, sum)) }, 2);
}
