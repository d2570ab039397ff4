// SPDX-License-Identifier: GPL-2.0
/*
 * packet.c - see packet.h. Plain byte stores, so that nothing here shares code
 * or struct definitions with the parsers under test.
 */
#include "packet.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#define ETH_LEN  14
#define VLAN_LEN 4
#define IP4_LEN  20
#define IP6_LEN  40
#define TCP_LEN  20
#define UDP_LEN  8
#define ICMP_LEN 8
#define ARP_LEN  28

#define EXT_FRAGMENT 44
#define EXT_AH       51

uint16_t crmg_test_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t crmg_test_get32(const uint8_t *p)
{
	return (uint32_t)crmg_test_get16(p) << 16 | crmg_test_get16(p + 2);
}

void crmg_test_put16(uint8_t *p, uint16_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void crmg_test_put32(uint8_t *p, uint32_t value)
{
	crmg_test_put16(p, (uint16_t)(value >> 16));
	crmg_test_put16(p + 2, (uint16_t)value);
}

static void put64(uint8_t *p, uint64_t value)
{
	crmg_test_put32(p, (uint32_t)(value >> 32));
	crmg_test_put32(p + 4, (uint32_t)value);
}

static bool is_v4(const struct crmg_addr *a)
{
	return a->hi == 0 && a->lo >> 32 == 0xffff;
}

/* ------------------------------------------------------------- checksums */

/* RFC 1071: sum of 16-bit words; an odd last byte is padded with 0. */
static uint32_t sum_add(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i & 1 ? p[i] : (uint32_t)p[i] << 8;
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* Folded sum of pseudo header and L4 bytes; 0xffff when the checksum in it is right. */
static uint16_t l4_sum(const uint8_t *ip, uint8_t protocol, const uint8_t *l4, size_t len)
{
	uint8_t length[4];
	uint32_t sum = 0;

	crmg_test_put32(length, (uint32_t)len);
	if (ip[0] >> 4 == 4)
		sum = protocol == IPPROTO_ICMP ? 0 : sum_add(sum, ip + 12, 8);
	else
		sum = sum_add(sum, ip + 8, 32);
	if (protocol != IPPROTO_ICMP)
		sum = sum_add(sum + protocol, length, 4);
	return (uint16_t)sum_add(sum, l4, len);
}

static uint16_t complement(uint16_t sum)
{
	return (uint16_t)~sum;
}

/* Where a protocol keeps its checksum; 0: it has none that we know. */
static size_t checksum_at(uint8_t protocol)
{
	switch (protocol) {
	case IPPROTO_TCP:
		return 16;
	case IPPROTO_UDP:
		return 6;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return 2;
	default:
		return 0;
	}
}

/* ------------------------------------------------------------- building */

static size_t l4_header_len(const struct crmg_test_packet *p)
{
	if (p->fragment_offset)
		return 0;
	switch (p->protocol) {
	case IPPROTO_TCP:
		return TCP_LEN + p->tcp_options;
	case IPPROTO_UDP:
		return UDP_LEN;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		return ICMP_LEN;
	default:
		return 0;
	}
}

static void build_l4(const struct crmg_test_packet *p, uint8_t *l4)
{
	switch (p->protocol) {
	case IPPROTO_TCP:
		crmg_test_put16(l4, p->sport);
		crmg_test_put16(l4 + 2, p->dport);
		crmg_test_put32(l4 + 4, p->seq);
		crmg_test_put32(l4 + 8, p->ack);
		l4[12] = (uint8_t)((TCP_LEN + p->tcp_options) / 4 << 4);
		l4[13] = p->tcp_flags;
		crmg_test_put16(l4 + 14, 0xfaf0);
		memset(l4 + TCP_LEN, 1, p->tcp_options);	/* NOP */
		break;
	case IPPROTO_UDP:
		crmg_test_put16(l4, p->sport);
		crmg_test_put16(l4 + 2, p->dport);
		crmg_test_put16(l4 + 4, (uint16_t)(UDP_LEN + p->payload));
		break;
	case IPPROTO_ICMP:
	case IPPROTO_ICMPV6:
		l4[0] = p->icmp_type;
		break;
	}
}

static void build_ipv4(const struct crmg_test_packet *p, uint8_t *ip, size_t ip_len)
{
	size_t header = IP4_LEN + p->ip_options;

	ip[0] = (uint8_t)(0x40 | header / 4);
	crmg_test_put16(ip + 2, ip_len > 0xffff ? 0 : (uint16_t)ip_len);
	crmg_test_put16(ip + 4, 0x1234);
	crmg_test_put16(ip + 6, (uint16_t)(p->fragment_offset / 8 |
					   (p->more_fragments ? 0x2000 : 0)));
	ip[8] = 64;
	ip[9] = p->protocol;
	crmg_test_put32(ip + 12, (uint32_t)p->src.lo);
	crmg_test_put32(ip + 16, (uint32_t)p->dst.lo);
	memset(ip + IP4_LEN, 1, p->ip_options);
	crmg_test_put16(ip + 10, complement((uint16_t)sum_add(0, ip, header)));
}

/* The byte that says how long the header is, in the unit of its kind. */
static uint8_t ext_len_byte(const struct crmg_test_ext *ext)
{
	switch (ext->type) {
	case EXT_FRAGMENT:
		return 0;
	case EXT_AH:
		return (uint8_t)(ext->bytes / 4 - 2);
	default:
		return (uint8_t)(ext->bytes / 8 - 1);
	}
}

static void build_ipv6(const struct crmg_test_packet *p, struct crmg_test_frame *f, size_t ip_len)
{
	uint8_t *ip = f->data + f->l3, *next = ip + 6;
	size_t at = f->l3 + IP6_LEN;

	ip[0] = 0x60;
	crmg_test_put16(ip + 4, ip_len > 0xffff ? 0 : (uint16_t)(ip_len - IP6_LEN));
	ip[7] = 64;
	put64(ip + 8, p->src.hi);
	put64(ip + 16, p->src.lo);
	put64(ip + 24, p->dst.hi);
	put64(ip + 32, p->dst.lo);
	for (size_t i = 0; p->ext[i].bytes; i++) {
		const struct crmg_test_ext *ext = &p->ext[i];
		uint8_t *header = f->data + at;

		*next = ext->type;
		next = header;
		header[1] = ext_len_byte(ext);
		if (ext->type == EXT_FRAGMENT)
			crmg_test_put16(header + 2, (uint16_t)(p->fragment_offset |
							       p->more_fragments));
		f->ext[i] = at;
		at += ext->bytes;
	}
	*next = p->protocol;
}

static void build_arp(const struct crmg_test_packet *p, uint8_t *arp)
{
	static const uint8_t fixed[8] = { 0, 1, 8, 0, 6, 4, 0, 1 };

	memcpy(arp, fixed, sizeof(fixed));
	crmg_test_put32(arp + 14, (uint32_t)p->src.lo);
	crmg_test_put32(arp + 24, (uint32_t)p->dst.lo);
}

static size_t build_link(const struct crmg_test_packet *p, uint16_t ethertype, uint8_t *data)
{
	size_t at = 12;

	memset(data, 2, 6);		/* locally administered addresses */
	memset(data + 6, 6, 6);
	for (size_t i = 0; i < CRMG_TEST_VLANS && p->vlan[i]; i++, at += VLAN_LEN) {
		crmg_test_put16(data + at, p->vlan[i]);
		crmg_test_put16(data + at + 2, (uint16_t)(100 + i));
	}
	crmg_test_put16(data + at, ethertype);
	return at + 2;
}

void crmg_test_build(const struct crmg_test_packet *p, struct crmg_test_frame *f)
{
	bool v4 = is_v4(&p->src);
	uint16_t ip_type = v4 ? CRMG_TEST_ETH_IPV4 : CRMG_TEST_ETH_IPV6;
	size_t l3_len = 0, l4_len = 0, sum_at;

	f->l3 = build_link(p, p->ethertype ? p->ethertype : ip_type, f->data);
	if (p->ethertype == CRMG_TEST_ETH_ARP) {
		l3_len = ARP_LEN;
	} else if (!p->ethertype) {
		l3_len = v4 ? IP4_LEN + p->ip_options : IP6_LEN;
		for (size_t i = 0; !v4 && p->ext[i].bytes; i++)
			l3_len += p->ext[i].bytes;
		l4_len = l4_header_len(p);
	}
	f->l4 = f->l3 + l3_len;
	f->len = f->l4 + l4_len + p->payload + p->trailer;
	assert(f->len <= CRMG_TEST_FRAME_MAX);
	memset(f->data + f->l3, 0, f->len - f->l3);

	if (p->ethertype == CRMG_TEST_ETH_ARP)
		build_arp(p, f->data + f->l3);
	if (p->ethertype)
		return;
	if (v4)
		build_ipv4(p, f->data + f->l3, l3_len + l4_len + p->payload);
	else
		build_ipv6(p, f, l3_len + l4_len + p->payload);
	if (p->fragment_offset)
		return;
	build_l4(p, f->data + f->l4);
	sum_at = checksum_at(p->protocol);
	if (sum_at)
		crmg_test_put16(f->data + f->l4 + sum_at,
				complement(l4_sum(f->data + f->l3, p->protocol, f->data + f->l4,
						  l4_len + p->payload)));
}

/* ----------------------------------------------------------------- lies */

void crmg_test_truncate(struct crmg_test_frame *f, size_t len)
{
	assert(len <= f->len);
	f->len = len;
}

void crmg_test_set_ip_len(struct crmg_test_frame *f, uint16_t len)
{
	uint8_t *ip = f->data + f->l3;

	crmg_test_put16(ip + (ip[0] >> 4 == 4 ? 2 : 4), len);
}

void crmg_test_set_ihl(struct crmg_test_frame *f, unsigned int words)
{
	f->data[f->l3] = (uint8_t)(0x40 | words);
}

void crmg_test_set_doff(struct crmg_test_frame *f, unsigned int words)
{
	f->data[f->l4 + 12] = (uint8_t)(words << 4);
}

void crmg_test_set_udp_len(struct crmg_test_frame *f, uint16_t len)
{
	crmg_test_put16(f->data + f->l4 + 4, len);
}

/* ----------------------------------------------------------- verification */

static bool is_ext(uint8_t type)
{
	return memchr("\x00\x2b\x2c\x33\x3c\x87\x8b\x8c", type, 8) != NULL;
}

/* Steps over IPv6 extension headers; returns the offset of L4 from the IP header. */
static size_t skip_exts(const uint8_t *ip, size_t len, uint8_t *protocol)
{
	size_t at = IP6_LEN;

	*protocol = ip[6];
	while (at + 8 <= len && is_ext(*protocol)) {
		const uint8_t *header = ip + at;

		if (*protocol == EXT_FRAGMENT)
			at += 8;
		else if (*protocol == EXT_AH)
			at += (header[1] + 2u) * 4;
		else
			at += (header[1] + 1u) * 8;
		*protocol = header[0];
	}
	return at;
}

bool crmg_test_checksums_ok(const uint8_t *frame, size_t len)
{
	size_t at = 12, ip_len, l4;
	const uint8_t *ip;
	uint8_t protocol;

	while (at + VLAN_LEN < len && (crmg_test_get16(frame + at) == CRMG_TEST_ETH_VLAN ||
				       crmg_test_get16(frame + at) == CRMG_TEST_ETH_QINQ))
		at += VLAN_LEN;
	at += 2;
	if (at + IP4_LEN > len)
		return false;
	ip = frame + at;
	if (ip[0] >> 4 == 4) {
		l4 = (ip[0] & 15u) * 4;
		ip_len = crmg_test_get16(ip + 2);
		protocol = ip[9];
		if (l4 > len - at || sum_add(0, ip, l4) != 0xffff)
			return false;
	} else {
		if (at + IP6_LEN > len)
			return false;
		l4 = skip_exts(ip, len - at, &protocol);
		ip_len = IP6_LEN + crmg_test_get16(ip + 4);
	}
	if (ip_len > len - at || l4 + checksum_at(protocol) + 2 > ip_len)
		return false;
	return l4_sum(ip, protocol, ip + l4, ip_len - l4) == 0xffff;
}
