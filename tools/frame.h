/* SPDX-License-Identifier: GPL-2.0 */
/* frame.h - the packets of flood.c: what they have in common, and writing the n-th. */
#ifndef CRMGATE_TOOLS_FRAME_H
#define CRMGATE_TOOLS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MIN 60
#define FRAME_MAX 1514

enum frame_kind { FRAME_SYN, FRAME_ACK, FRAME_UDP };

struct frame_plan {
	int family;
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t port;
	enum frame_kind kind;
	uint64_t sources;	/* src, src + 1, ...; IPv6 steps by a /64 */
	size_t size;		/* of the frame, without FCS */
};

/* Writes packet n into frame[plan->size], after the Ethernet header, which stays. */
void frame_write(uint8_t *frame, const struct frame_plan *plan, uint64_t n);

#endif
