// SPDX-License-Identifier: GPL-2.0
/* drop.bpf.c - drops everything: the least that a refusal at XDP can cost. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int drop(struct xdp_md *ctx __attribute__((unused)))
{
	return XDP_DROP;
}

char LICENSE[] SEC("license") = "GPL";
