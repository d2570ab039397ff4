/* SPDX-License-Identifier: GPL-2.0 */
/*
 * random.h - seeded random packets and random damage to them, the same for the
 * fuzzer and for the differential test. No kernel, no clock.
 */
#ifndef CRMGATE_TEST_RANDOM_H
#define CRMGATE_TEST_RANDOM_H

#include <stdint.h>

#include "packet.h"

struct crmg_test_random {
	uint64_t state;		/* any seed */
};

uint64_t crmg_test_random(struct crmg_test_random *random);

/* Uniform in [0, below). */
static inline uint32_t crmg_test_below(struct crmg_test_random *random, uint32_t below)
{
	return (uint32_t)((crmg_test_random(random) >> 32) * below >> 32);
}

/* Ports that random packets favour; the rest go to any port. */
#define CRMG_TEST_PORT_A 443
#define CRMG_TEST_PORT_B 8080
#define CRMG_TEST_PORT_C 53

/*
 * Sources are 203.0.113.x and 2001:db8:7:x::y, servers 192.0.2.x and
 * 2001:db8:1::x: few enough to meet each policy often.
 */
void crmg_test_random_packet(struct crmg_test_random *random, struct crmg_test_packet *ret);

/* One to three lies: lengths, cuts, flipped bits, overwritten bytes. At least 1 byte stays. */
void crmg_test_damage(struct crmg_test_random *random, struct crmg_test_frame *frame);

#endif
