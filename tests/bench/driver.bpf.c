// SPDX-License-Identifier: GPL-2.0
/*
 * driver.bpf.c - feeds a program under test from many sources within one
 * BPF_PROG_TEST_RUN, which repeats a single frame: a driver writes the source into
 * it, then tail-calls the program. What the driver itself costs is measured by
 * the floor, a program that only drops; so it may be generous but must be the same
 * for all. The references to compare with are in reference.h.
 */
#include <stdbool.h>

#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "feed.h"
#include "reference.h"

struct bench_feed feeds[BENCH_CPUS] __attribute__((aligned(64)));

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} xdp_next SEC(".maps"), tc_next SEC(".maps");

/* Marsaglia's xorshift64, and a multiplication as its low bits are weak. */
static __always_inline __u64 random_next(struct bench_feed *feed)
{
	__u64 x = feed->state;

	x ^= x << 13;
	x ^= x >> 7;
	x ^= x << 17;
	feed->state = x;
	return x * 0x2545f4914f6cdd1dULL >> 32;
}

/* The source of this packet, or its place in a stream: its word of the frame, in network order. */
static __always_inline __be32 feed_next(struct bench_feed *feed)
{
	__u64 packet = feed->done++, n;

	if (packet == feed->skip)
		feed->first_ns = bpf_ktime_get_ns();
	if (packet == feed->skip + feed->count - 1)
		feed->last_ns = bpf_ktime_get_ns();
	if (feed->step)
		return bpf_htonl(feed->base + (__u32)packet * feed->step);
	/* An odd factor makes every turn visit each source once, in a scattered order. */
	n = feed->in_turn ? packet * 0x9e3779b1 : random_next(feed);
	return bpf_htonl(feed->base + (n & feed->mask));
}

static __always_inline struct bench_feed *feed_of_cpu(void)
{
	return &feeds[bpf_get_smp_processor_id() & (BENCH_CPUS - 1)];
}

static __always_inline bool feed_write(struct bench_feed *feed, void *data, const void *end)
{
	__be32 *word = data + (feed->offset & 62);

	if ((void *)(word + 1) > end)
		return false;
	*word = feed_next(feed);
	return true;
}

SEC("xdp.frags")
int bench_xdp(struct xdp_md *ctx)
{
	if (feed_write(feed_of_cpu(), (void *)(long)ctx->data, (void *)(long)ctx->data_end))
		bpf_tail_call(ctx, &xdp_next, 0);
	return XDP_ABORTED;
}

/* For programs that change the frame: the next packet is whole again. */
SEC("xdp.frags")
int bench_xdp_whole(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	struct bench_feed *feed = feed_of_cpu();

	if (data + BENCH_FRAME > end)
		return XDP_ABORTED;
	__builtin_memcpy(data, feed->frame, BENCH_FRAME);
	if (feed_write(feed, data, end))
		bpf_tail_call(ctx, &xdp_next, 0);
	return XDP_ABORTED;
}

SEC("tc")
int bench_tc(struct __sk_buff *skb)
{
	if (feed_write(feed_of_cpu(), (void *)(long)skb->data, (void *)(long)skb->data_end))
		bpf_tail_call(skb, &tc_next, 0);
	return TC_ACT_SHOT;
}

SEC("xdp.frags")
int floor_xdp(struct xdp_md *ctx)
{
	(void)ctx;
	return XDP_DROP;
}

SEC("tc")
int floor_tc(struct __sk_buff *skb)
{
	(void)skb;
	return TC_ACT_UNSPEC;
}

char LICENSE[] SEC("license") = "GPL";
