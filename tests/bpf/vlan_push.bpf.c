// SPDX-License-Identifier: GPL-2.0
/*
 * vlan_push.bpf.c - for test_egress.c: gives a packet a VLAN tag out of band
 * (skb->vlan_tci), as VLAN devices do, and goes on to the program under test. A
 * test run refuses a context with VLAN fields.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} next SEC(".maps");

SEC("tc")
int vlan_push(struct __sk_buff *skb)
{
	if (bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), 100))
		return TC_ACT_SHOT;
	bpf_tail_call(skb, &next, 0);
	return TC_ACT_SHOT;
}

char LICENSE[] SEC("license") = "GPL";
