/* SPDX-License-Identifier: GPL-2.0 */
/* frame.h - the packets of flood.c: what they have in common, and writing the n-th. */
#ifndef CRMGATE_TOOLS_FRAME_H
#define CRMGATE_TOOLS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN 60
#define FRAME_MAX 1514

enum frame_kind { FRAME_SYN, FRAME_ACK, FRAME_DATA, FRAME_UDP, FRAME_KINDS };

struct frame_plan {
	int family;
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t port;
	enum frame_kind kind[FRAME_KINDS];
	size_t kinds;		/* in turn */
	uint64_t sources;	/* src, src + 1, ... */
	bool random;		/* of these one by chance, the same in each run */
	uint64_t repeat;	/* packets of a source in a row */
	size_t part;		/* IPv6: bytes that count the sources: 8 a /64 each, 16 addresses */
	uint8_t known[16];	/* every known_every-th packet is from one of these, in turn */
	uint64_t knowns;
	uint64_t known_every;	/* 0: none is */
	size_t size;		/* of the frame, without FCS */
};

/* Writes packet n into frame[plan->size], after the Ethernet header, which stays. */
void frame_write(uint8_t *frame, const struct frame_plan *plan, uint64_t n);

#endif
