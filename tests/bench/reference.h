/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reference.h - what crmgate is measured against: the least that state per source can
 * cost, as a line of memory and as limits in it; and the limiter that the field writes, a
 * bucket per source in an LRU hash. It is written to be fast and does less than crmgate:
 * one limit, no policies, no bans, no extension headers, no VLAN.
 */
#ifndef CRMGATE_BENCH_REFERENCE_H
#define CRMGATE_BENCH_REFERENCE_H

#define LRU_PORT        443
#define LRU_INTERVAL_NS 1		/* between packets, in the long run */
#define LRU_BURST_NS    1000000000ULL
#define LRU_TRIES       8

struct source_key {
	__be32 word[4];			/* IPv4: the first */
	bool v4;
};

/* The source of a TCP packet to the port, or false. */
static __always_inline bool source_of(struct xdp_md *ctx, struct source_key *ret)
{
	const void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const struct ethhdr *eth = data;
	const struct ipv6hdr *ip6 = data + sizeof(*eth);
	const struct iphdr *ip4 = data + sizeof(*eth);
	const struct tcphdr *tcp;

	if ((void *)(eth + 1) > end)
		return false;
	if (eth->h_proto == bpf_htons(ETH_P_IP)) {
		if ((void *)(ip4 + 1) > end || ip4->ihl < 5 || ip4->protocol != IPPROTO_TCP ||
		    ip4->frag_off & bpf_htons(0x1fff))
			return false;
		ret->v4 = true;
		ret->word[0] = ip4->saddr;
		tcp = (void *)ip4 + ip4->ihl * 4;
	} else if (eth->h_proto == bpf_htons(ETH_P_IPV6)) {
		if ((void *)(ip6 + 1) > end || ip6->nexthdr != IPPROTO_TCP)
			return false;
		ret->v4 = false;
		__builtin_memcpy(ret->word, &ip6->saddr, sizeof(ret->word));
		tcp = (void *)(ip6 + 1);
	} else {
		return false;
	}
	return (void *)(tcp + 1) <= end && tcp->dest == bpf_htons(LRU_PORT);
}

/*
 * Where the state of a source is, if no two sources meet: in one of BENCH_TABLE entries,
 * and no line of tags is asked for it.
 */
static __always_inline __u32 source_index(const struct source_key *key)
{
	return (key->word[0] ^ (key->v4 ? 0 : key->word[1])) * 0x9e3779b1u >> 12;
}

_Static_assert(BENCH_TABLE == 1 << (32 - 12), "source_index() takes the upper bits");

/* --------------------------------------------- one line of memory per source */

struct slot_line {
	__u64 packets;
	__u64 tat[2];
	__u64 pad[5];
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, BENCH_TABLE);
	__type(key, __u32);
	__type(value, struct slot_line);
} slot_lines SEC(".maps");

SEC("xdp.frags")
int slot_xdp(struct xdp_md *ctx)
{
	struct slot_line *line;
	struct source_key key;
	__u32 index;

	if (!source_of(ctx, &key))
		return XDP_PASS;
	index = source_index(&key);
	line = bpf_map_lookup_elem(&slot_lines, &index);
	if (line)
		line->packets++;
	return XDP_PASS;
}

/*
 * The least that limits can cost that hold on several CPUs at once: one line of memory for
 * each source, two buckets in it, and a counter; no clock is read. What crmgate costs above
 * it is what it does besides: the policy, bans, counters of policies, sources with a
 * secret hash, of which any number may come.
 */
SEC("xdp.frags")
int exact_xdp(struct xdp_md *ctx)
{
	__u32 len = ctx->data_end - ctx->data, index;
	struct slot_line *line;
	struct source_key key;
	__u64 packets, bytes;

	if (!source_of(ctx, &key))
		return XDP_PASS;
	index = source_index(&key);
	line = bpf_map_lookup_elem(&slot_lines, &index);
	if (!line)
		return XDP_PASS;
	packets = *(volatile __u64 *)&line->tat[0];
	bytes = *(volatile __u64 *)&line->tat[1];
	if ((__s64)(packets | bytes) < 0 ||
	    __sync_val_compare_and_swap(&line->tat[0], packets, packets + 1) != packets ||
	    __sync_val_compare_and_swap(&line->tat[1], bytes, bytes + len) != bytes)
		return XDP_DROP;
	__sync_fetch_and_add(&line->packets, (__u64)len << 32 | 1);
	return XDP_PASS;
}

/* ---------------------------------------------------- a bucket in an LRU hash */

struct lru_bucket {
	__u64 tat_ns;			/* GCRA: when the next packet would be on time */
	__u64 packets;
	__u64 bytes;
};

/* Each family its own table, so that an IPv4 key is as short as it can be. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, BENCH_TABLE);
	__type(key, __be32);
	__type(value, struct lru_bucket);
} lru_v4 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 16);
	__type(key, __be32[4]);
	__type(value, struct lru_bucket);
} lru_v6 SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 2);
	__type(key, __u32);
	__type(value, __u64);
} lru_verdicts SEC(".maps");

static __always_inline bool lru_admit(struct lru_bucket *bucket, __u64 now_ns)
{
	__u64 tat, from;
	int i;

	for (i = 0; i < LRU_TRIES; i++) {
		tat = *(volatile __u64 *)&bucket->tat_ns;
		from = tat > now_ns ? tat : now_ns;
		if (from - now_ns > LRU_BURST_NS)
			return false;
		if (__sync_val_compare_and_swap(&bucket->tat_ns, tat,
						from + LRU_INTERVAL_NS) == tat)
			return true;
	}
	return false;
}

static __always_inline bool lru_charge(void *table, const void *key, __u32 len)
{
	struct lru_bucket *bucket = bpf_map_lookup_elem(table, key);
	__u64 now_ns = bpf_ktime_get_ns();

	if (!bucket) {
		struct lru_bucket first = {
			.tat_ns = now_ns + LRU_INTERVAL_NS, .packets = 1, .bytes = len,
		};

		bpf_map_update_elem(table, key, &first, BPF_NOEXIST);
		return true;
	}
	__sync_fetch_and_add(&bucket->packets, 1);
	__sync_fetch_and_add(&bucket->bytes, len);
	return lru_admit(bucket, now_ns);
}

SEC("xdp.frags")
int lru_xdp(struct xdp_md *ctx)
{
	__u32 len = bpf_xdp_get_buff_len(ctx), refused;
	struct source_key key;
	__u64 *count;

	if (!source_of(ctx, &key))
		return XDP_PASS;
	refused = !(key.v4 ? lru_charge(&lru_v4, key.word, len) :
			     lru_charge(&lru_v6, key.word, len));
	count = bpf_map_lookup_elem(&lru_verdicts, &refused);
	if (count)
		++*count;
	return refused ? XDP_DROP : XDP_PASS;
}

#endif
