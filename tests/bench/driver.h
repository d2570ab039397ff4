/* SPDX-License-Identifier: GPL-2.0 */
/*
 * driver.h - runs a program on frames from many sources, and says what a packet
 * took. The program under test is the one that is attached to an interface: it is
 * found through the kernel, so nothing here knows what crmgate is made of. What
 * cannot be done ends the process with a message.
 */
#ifndef CRMGATE_BENCH_DRIVER_H
#define CRMGATE_BENCH_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "../lib/packet.h"

enum bench_target {
	BENCH_FLOOR,	/* drops, or passes: the cost of the driver itself */
	BENCH_SLOT,	/* reference.h */
	BENCH_EXACT,	/* the same */
	BENCH_LRU,	/* reference.h */
	BENCH_CRMGATE,
	BENCH_TARGETS,
};

enum bench_hook { BENCH_XDP, BENCH_TC };

/* Frames that differ in one 32-bit word: who sends them, or where in his stream they are. */
struct bench_stream {
	struct crmg_test_packet packet;
	enum bench_hook hook;
	uint32_t base;		/* the word of source 0 */
	uint32_t sources;	/* a power of two */
	bool in_turn;		/* each once in `sources` packets; else at random */
	bool whole;		/* write all of the frame each time: the program changes it */
	uint32_t step;		/* of the sequence number, `base` in the first; 0: it stays */
	const uint8_t *text;	/* the payload; NULL: any */
};

struct bench_result {
	double ns;		/* a packet, driver included */
	uint64_t first_ns;	/* CLOCK_MONOTONIC */
	uint64_t last_ns;
	uint32_t action;	/* XDP_* or TC_ACT_* for the last packet */
};

struct bench_driver;

/* Loads the driver; crmgate's programs are those attached to the interface. */
struct bench_driver *bench_driver_new(const char *iface);
void bench_driver_free(struct bench_driver **driver);

/* Which program bench_run() calls on this hook from now on. */
void bench_driver_aim(struct bench_driver *driver, enum bench_hook hook, enum bench_target target);

/*
 * `skip` packets, then `count` that are timed, on the calling thread's CPU, which
 * must be the only one that the thread may use. Threads may run at once.
 */
struct bench_result bench_run(struct bench_driver *driver, const struct bench_stream *stream,
			      uint64_t skip, uint64_t count);

void bench_pin_to_cpu(unsigned int cpu);

/* An argument of the command line, min to max. */
uint64_t bench_number(const char *text, uint64_t min, uint64_t max);

/* A descriptor of crmgate's program on an interface. */
int bench_program(const char *iface, enum bench_hook hook);

__attribute__((noreturn, format(printf, 1, 2))) void bench_die(const char *format, ...);

#endif
