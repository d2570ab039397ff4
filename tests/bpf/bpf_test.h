/* SPDX-License-Identifier: GPL-2.0 */
/* bpf_test.h - what every program of this folder begins with: cmocka, who is who. */
#ifndef CRMGATE_BPF_TEST_H
#define CRMGATE_BPF_TEST_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/bpf.h>
#include <netinet/in.h>
#include <sched.h>
#include <string.h>

#include "../../user/base/num.h"
#include "../../user/base/util.h"
#include "../lib/bpfrun.h"
#include "../lib/packet.h"

#define SERVER4  CRMG_TEST_V4(192, 0, 2, 1)
#define SERVER6  CRMG_TEST_V6(0x20010db800010000, 1)
#define PEER4    CRMG_TEST_V4(203, 0, 113, 7)
#define PEER6    CRMG_TEST_V6(0x20010db800070000, 7)

/* Where tests begin on the clock that they set. */
#define START_NS (1000 * CRMG_NS_PER_SEC)

static inline void pin_to_cpu(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	assert_int_equal(sched_setaffinity(0, sizeof(set), &set), 0);
}

/* n-th of many sources that no client prefix of the tests covers: 10.0.0.0/8. */
static inline struct crmg_addr stranger(uint32_t n)
{
	return (struct crmg_addr) { 0, CRMG_V4_MAPPED_LO | 0x0a000000u | n };
}

static inline struct crmg_test_packet tcp_packet(struct crmg_addr src, uint16_t dport,
						 uint8_t flags)
{
	return (struct crmg_test_packet) {
		.src = src, .dst = src.hi ? SERVER6 : SERVER4, .protocol = IPPROTO_TCP,
		.sport = 40000, .dport = dport, .seq = 1000, .tcp_flags = flags,
	};
}

/* How many of `offered` packets of a kind pass. */
static inline unsigned int volley(struct crmg_rig *rig, const struct crmg_test_packet *packet,
				  unsigned int offered)
{
	unsigned int passed = 0;

	while (offered--)
		passed += crmg_rig_xdp_packet(rig, packet) == XDP_PASS;
	return passed;
}

#endif
