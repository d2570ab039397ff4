// SPDX-License-Identifier: GPL-2.0
/*
 * pass.bpf.c - passes everything: what the far end of a veth pair needs so that
 * frames sent back by XDP (a TCP RST) arrive there.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
