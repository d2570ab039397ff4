/* SPDX-License-Identifier: GPL-2.0 */
/*
 * feed.h - what the driver programs and the bench say to each other: which frames
 * go to the program under test, and when they went.
 */
#ifndef CRMGATE_BENCH_FEED_H
#define CRMGATE_BENCH_FEED_H

#include <linux/types.h>

#define BENCH_CPUS  64
#define BENCH_FRAME 60		/* bytes of a frame that is written anew for each packet */
#define BENCH_TABLE (1 << 20)	/* entries of the references' tables */

/*
 * One for each CPU, in lines of its own. The 32-bit word at `offset` of the frame
 * becomes base + n in network order, n < sources (a power of two).
 */
struct bench_feed {
	__u64 state;		/* of the generator, never 0 */
	__u64 done;		/* packets of this run so far */
	__u64 skip;		/* packets before the clock is started */
	__u64 count;		/* packets after that */
	__u64 first_ns;		/* CLOCK_MONOTONIC: of packet `skip`, ... */
	__u64 last_ns;		/* ... and of the last */
	__u32 base;
	__u32 mask;		/* sources - 1 */
	__u32 offset;		/* multiple of 2, below 64 */
	__u32 in_turn;		/* each source once in `sources` packets; else at random */
	__u32 step;		/* else: the word grows by so much with each packet */
	__u8 frame[BENCH_FRAME];
};

#endif
