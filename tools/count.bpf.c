// SPDX-License-Identifier: GPL-2.0
/* count.bpf.c - passes everything and counts it: an XDP program of somebody else's. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u64);
} count_seen SEC(".maps");

SEC("xdp")
int count(struct xdp_md *ctx __attribute__((unused)))
{
	__u32 zero = 0;
	__u64 *seen = bpf_map_lookup_elem(&count_seen, &zero);

	if (seen)
		__sync_fetch_and_add(seen, 1);
	return XDP_PASS;
}

char LICENSE[] SEC("license") = "GPL";
