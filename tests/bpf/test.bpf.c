// SPDX-License-Identifier: GPL-2.0
/*
 * test.bpf.c - the programs under test: the real source, with a hand on its
 * clocks and on its luck. Nothing of the packet path is written here.
 */
#include <stdbool.h>
#include <stddef.h>

#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>

#define crmg_now_ns  crmg_kernel_now_ns
#define crmg_boot_ns crmg_kernel_boot_ns
#define crmg_exact_ns crmg_kernel_exact_ns
#define crmg_wall_s crmg_kernel_wall_s
#include "../../bpf/seams.h"
#undef crmg_now_ns
#undef crmg_boot_ns
#undef crmg_exact_ns
#undef crmg_wall_s

#define CRMG_TEST_IDLE 500000000	/* ns */

volatile __u64 crmg_test_now_ns;	/* 0: the kernel's clocks, ... */
volatile __u64 crmg_test_wall_s;	/* the same, of the clock on the wall */
volatile __u64 crmg_test_first_ns;	/* ... and what they said to the first packet */
volatile __u64 crmg_test_last_ns;	/* and to the last */
volatile __u64 crmg_test_idle_ns;	/* of that time, in gaps of at least CRMG_TEST_IDLE */

static __always_inline __u64 crmg_now_ns(struct crmg_clock *clock)
{
	__u64 now = crmg_test_now_ns;

	if (now)
		return now;
	now = crmg_kernel_now_ns(clock);
	if (!crmg_test_first_ns)
		crmg_test_first_ns = now;
	else if ((__s64)(now - crmg_test_last_ns) >= CRMG_TEST_IDLE)
		crmg_test_idle_ns += now - crmg_test_last_ns;
	crmg_test_last_ns = now;
	return now;
}

static __always_inline __u64 crmg_boot_ns(void)
{
	__u64 now = crmg_test_now_ns;

	return now ? now : crmg_kernel_boot_ns();
}

static __always_inline __u64 crmg_exact_ns(void)
{
	__u64 now = crmg_test_now_ns;

	return now ? now : crmg_kernel_exact_ns();
}

static __always_inline __u64 crmg_wall_s(void)
{
	__u64 now = crmg_test_wall_s;

	return now ? now : crmg_kernel_wall_s();
}

/*
 * 1: every compare-and-swap finds that another CPU was faster. Calculated, since a branch
 * at each would double what the verifier has to walk.
 */
volatile __u32 crmg_test_contended;

#define __sync_val_compare_and_swap(word, old, new) \
	(__sync_val_compare_and_swap(word, (old) ^ (typeof(*(word)))crmg_test_contended, new) ^ \
	 (typeof(*(word)))crmg_test_contended)

#include "../../bpf/crmgate.bpf.c"
