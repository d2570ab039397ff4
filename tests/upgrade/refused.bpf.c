// SPDX-License-Identifier: GPL-2.0
/* refused.bpf.c - a build with a program that no verifier accepts: it reads behind the packet. */
#include "../../bpf/crmgate.bpf.c"

SEC("xdp.frags")
int crmg_careless(struct xdp_md *ctx)
{
	const __u8 *data = (const __u8 *)(long)ctx->data;

	return data[64] ? XDP_PASS : XDP_DROP;
}
