// SPDX-License-Identifier: GPL-2.0
/*
 * chain.bpf.c - what `attach --chain` puts into the dispatcher of libxdp: an extension that
 * does nothing but call the program in its array. An upgrade is one write to that array,
 * under whatever dispatcher libxdp makes next, and crmg_xdp itself can be test-run.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>
#include <xdp/xdp_helpers.h>

#include <crmgate/abi.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} chain SEC(".maps");

/* libxdp reads it from the BTF, also of a program that is loaded: what passes goes on. */
struct {
	__uint(priority, CRMG_CHAIN_PRIORITY);
	__uint(XDP_PASS, 1);
} XDP_RUN_CONFIG(crmg_chain);

/*
 * An extension is checked against a function that it could replace, here one that is in no
 * packet's way. From 6.12 on that has to change packets too where a tail call might: this
 * does, by nothing.
 */
__attribute__((noinline)) int crmg_chain_stub(struct xdp_md *ctx)
{
	volatile int verdict = XDP_PASS;

	if (!ctx)
		return XDP_ABORTED;
	bpf_xdp_adjust_tail(ctx, 0);
	return verdict;
}

SEC("xdp.frags")
int crmg_chain_base(struct xdp_md *ctx)
{
	return crmg_chain_stub(ctx);
}

SEC("freplace/crmg_chain_stub")
int crmg_chain(struct xdp_md *ctx)
{
	bpf_tail_call(ctx, &chain, 0);
	/* The array is empty: detached, or its pin was removed. */
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
