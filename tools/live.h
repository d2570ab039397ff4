/* SPDX-License-Identifier: GPL-2.0 */
/*
 * live.h - the fast way of flood.c: the kernel runs one frame again and again as if
 * it had just arrived, and a program sends it out of a veth with another source each
 * time. The other end of the pair must have an XDP program, or GRO. It receives on the
 * sender's CPU, before the call returns: the time of a packet includes what the
 * receiver does with it.
 */
#ifndef CRMGATE_TOOLS_LIVE_H
#define CRMGATE_TOOLS_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "frame.h"

/* The most that one call of the kernel sends: half a second or so. Calls are some 20 ms apart. */
#define LIVE_CALL_MAX (1u << 19)

struct live;

/*
 * `frame` is a whole frame of the plan; its source is replaced by one of
 * plan->sources, at random or in turn. Negative errno on failure.
 */
int live_open(const struct frame_plan *plan, const uint8_t *frame, unsigned int ifindex,
	      bool at_random, struct live **ret);

/* Sends `count`, at most LIVE_CALL_MAX; how long that took. -EINTR: a signal ended it. */
int live_send(struct live *live, unsigned int count, uint64_t *ret_ns);

void live_close(struct live *live);

#endif
