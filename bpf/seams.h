/* SPDX-License-Identifier: GPL-2.0 */
/*
 * seams.h - the only place where the packet path reads a clock, so that a test
 * can replace it (define CRMG_SEAMS before including the programs).
 */
#ifndef CRMGATE_BPF_SEAMS_H
#define CRMGATE_BPF_SEAMS_H

#ifndef CRMG_SEAMS

#ifndef CRMG_CLOCK_BATCH		/* 1: read it for every packet, to compare with */
#define CRMG_CLOCK_BATCH   16
#endif
#define CRMG_CLOCK_FAST_NS 64000

/* Of each CPU; part of what it works with (work.h). */
struct crmg_clock {
	__u64 now_ns;		/* last reading */
	__u64 batch_ns;		/* when the current batch began */
	__u64 jiffies;		/* at the last reading */
	__u32 packets;		/* of the current batch */
	__u32 fast;		/* the batch before took less than CRMG_CLOCK_FAST_NS */
};

/*
 * CLOCK_MONOTONIC in ns. A reading costs as much as a whole packet, and orders
 * the loads after it; so while packets come fast it is taken once in 16 of them, else
 * for each. It is mostly younger than 64 us; the first packets after a pause may find
 * one up to a jiffy old. An old reading is never ahead of time: it can only refuse.
 */
static __always_inline __u64 crmg_now_ns(struct crmg_clock *c)
{
	__u64 jiffies = bpf_jiffies64();

	if (++c->packets < CRMG_CLOCK_BATCH && c->fast && c->jiffies == jiffies)
		return c->now_ns;
	c->now_ns = bpf_ktime_get_ns();
	c->jiffies = jiffies;
	if (c->packets >= CRMG_CLOCK_BATCH) {
		c->fast = c->now_ns - c->batch_ns < CRMG_CLOCK_FAST_NS;
		c->batch_ns = c->now_ns;
		c->packets = 0;
	}
	return c->now_ns;
}

/* CLOCK_MONOTONIC in ns, never an old reading: where one would let too much pass. */
static __always_inline __u64 crmg_exact_ns(void)
{
	return bpf_ktime_get_ns();
}

/* CLOCK_BOOTTIME in ns: ends bans and stamps events, so a suspended host forgets none. */
static __always_inline __u64 crmg_boot_ns(void)
{
	return bpf_ktime_get_boot_ns();
}

/*
 * CLOCK_TAI in seconds: the clock on the wall, for contracts. A second more or less is of no
 * account, and it may be set back.
 */
static __always_inline __u64 crmg_wall_s(void)
{
	return bpf_ktime_get_tai_ns() / 1000000000;
}

#endif
#endif
