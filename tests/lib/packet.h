/* SPDX-License-Identifier: GPL-2.0 */
/*
 * packet.h - frames for tests: say what a packet is, get the bytes with right
 * lengths and checksums; then lie about one thing with a helper. No kernel.
 */
#ifndef CRMGATE_TEST_PACKET_H
#define CRMGATE_TEST_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#define CRMG_TEST_FRAME_MAX 70000	/* above 65 535, for frames that GRO put together */
#define CRMG_TEST_VLANS     4
#define CRMG_TEST_EXTS      11

#define CRMG_TEST_ETH_IPV4  0x0800
#define CRMG_TEST_ETH_ARP   0x0806
#define CRMG_TEST_ETH_VLAN  0x8100
#define CRMG_TEST_ETH_IPV6  0x86dd
#define CRMG_TEST_ETH_QINQ  0x88a8

#define CRMG_TEST_FIN 0x01
#define CRMG_TEST_SYN 0x02
#define CRMG_TEST_RST 0x04
#define CRMG_TEST_PSH 0x08
#define CRMG_TEST_ACK 0x10
#define CRMG_TEST_URG 0x20

#define CRMG_TEST_V4(a, b, c, d) ((struct crmg_addr) { 0, CRMG_V4_MAPPED_LO | \
	(uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d) })
#define CRMG_TEST_V6(hi, lo) ((struct crmg_addr) { (hi), (lo) })

/* An IPv6 extension header: its number and whole length; length 0 ends the list. */
struct crmg_test_ext {
	uint8_t type;
	uint16_t bytes;		/* multiple of 8; AH: of 4, >= 8; fragment: 8 */
};

/*
 * All fields have a useful 0: no tag, no option, no fragment, no payload. The
 * IP version follows from src. IPv6 takes its fragment fields only if ext[] has
 * a fragment header. A later fragment has no L4 header, only payload.
 */
struct crmg_test_packet {
	uint16_t vlan[CRMG_TEST_VLANS];	/* tag types, outermost first; 0 ends the list */
	uint16_t ethertype;		/* 0: IP; else ARP, or anything before `payload` */
	struct crmg_addr src;
	struct crmg_addr dst;
	uint8_t protocol;		/* IPPROTO_*; others than TCP, UDP, ICMP: payload only */

	uint8_t ip_options;		/* bytes, multiple of 4, at most 40; IPv4 */
	struct crmg_test_ext ext[CRMG_TEST_EXTS + 1];
	uint16_t fragment_offset;	/* bytes, multiple of 8 */
	bool more_fragments;

	uint16_t sport;
	uint16_t dport;
	uint32_t seq;
	uint32_t ack;
	uint8_t tcp_flags;
	uint8_t tcp_options;		/* bytes, multiple of 4, at most 40 */
	uint8_t icmp_type;

	uint32_t payload;		/* bytes */
	uint16_t trailer;		/* bytes behind the IP packet: padding of the link */
};

struct crmg_test_frame {
	size_t len;
	size_t l3;			/* where the headers begin */
	size_t l4;
	size_t ext[CRMG_TEST_EXTS + 1];
	uint8_t data[CRMG_TEST_FRAME_MAX];
};

/* Builds the packet into frame; it must fit (an assertion, as this is a test). */
void crmg_test_build(const struct crmg_test_packet *packet, struct crmg_test_frame *frame);

/* Lies. Checksums stay as they were: nothing on the packet path judges them. */
void crmg_test_truncate(struct crmg_test_frame *frame, size_t len);
void crmg_test_set_ip_len(struct crmg_test_frame *frame, uint16_t len); /* v4 total, v6 payload */
void crmg_test_set_ihl(struct crmg_test_frame *frame, unsigned int words);
void crmg_test_set_doff(struct crmg_test_frame *frame, unsigned int words);
void crmg_test_set_udp_len(struct crmg_test_frame *frame, uint16_t len);

/*
 * True if the IPv4 header checksum and the TCP, UDP or ICMP checksum of an
 * untruncated, unfragmented frame are right; computed byte by byte, walking the
 * frame's own headers.
 */
bool crmg_test_checksums_ok(const uint8_t *frame, size_t len);

uint16_t crmg_test_get16(const uint8_t *p);
uint32_t crmg_test_get32(const uint8_t *p);
void crmg_test_put16(uint8_t *p, uint16_t value);
void crmg_test_put32(uint8_t *p, uint32_t value);

#endif
