// SPDX-License-Identifier: GPL-2.0
/* frame.c - writes crafted TCP and UDP packets, checksums included. */
#include "frame.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdbool.h>
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

/* The n-th source: n added to the address (IPv4) or to its /64 (IPv6). */
static void source_of(const struct frame_plan *plan, uint64_t n, uint8_t *ret)
{
	const size_t len = plan->family == AF_INET ? 4 : 8;

	memcpy(ret, plan->src, sizeof(plan->src));
	for (size_t i = len; i-- > 0 && n; n >>= 8) {
		n += ret[i];
		ret[i] = (uint8_t)n;
	}
}

/* Both write a header and return where its checksum is. */
static size_t put_tcp(uint8_t *p, const struct frame_plan *plan, uint64_t n)
{
	struct tcphdr tcp = {
		.source = htons((uint16_t)(1024 + n % 64000)),
		.dest = htons(plan->port),
		.seq = htonl((uint32_t)n),
		.doff = sizeof(tcp) / 4,
		.syn = plan->kind == FRAME_SYN,
		.ack = plan->kind == FRAME_ACK,
		.window = htons(64240),
	};

	memcpy(p, &tcp, sizeof(tcp));
	return offsetof(struct tcphdr, check);
}

static size_t put_udp(uint8_t *p, const struct frame_plan *plan, uint64_t n, size_t len)
{
	const struct udphdr udp = {
		.source = htons((uint16_t)(1024 + n % 64000)),
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
	const bool udp = plan->kind == FRAME_UDP;
	const uint8_t protocol = udp ? IPPROTO_UDP : IPPROTO_TCP;
	const size_t l4_len = udp ? sizeof(struct udphdr) : sizeof(struct tcphdr);
	/* The smallest frame has padding instead of a payload. */
	const size_t len = plan->size == FRAME_MIN ? l4_len : plan->size - ETH_HLEN - ip_len;
	uint32_t sum = protocol + (uint32_t)len;
	size_t check;

	source_of(plan, n % plan->sources, src);
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
	check = udp ? put_udp(l4, plan, n, len) : put_tcp(l4, plan, n);
	memcpy(l4 + check, &(uint16_t){ fold(sum16(l4, len, sum)) }, 2);
}
