// SPDX-License-Identifier: GPL-2.0
/*
 * live.bpf.c - for live.c: makes each frame one of another source and sends it out of
 * an interface. Frames come back from the kernel as they were left, so nothing but
 * the source and the checksums over it is written, each time in full.
 */
#include <linux/bpf.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

/* Constants when it is loaded: what is not needed is no code. */
const volatile __u32 live_ifindex;
const volatile __u32 live_sources;
const volatile __u32 live_random;	/* else the sources come in turn */
const volatile __u32 live_base;		/* the word of source 0, host order */
const volatile __u32 live_word;		/* offset of that word in the frame */
const volatile __u32 live_check[2];	/* offsets of the checksums over it; 0: none */
const volatile __u32 live_rest[2];	/* their sums of all but the word, host order */

/* Of the next packet. One CPU runs this at a time. */
__u64 live_state = 0x9e3779b97f4a7c15;
__u32 live_turn;

static __always_inline __u32 next_source(void)
{
	__u64 x = live_state;
	__u32 n = live_turn;

	if (live_random) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		live_state = x;
		return (x >> 32) * live_sources >> 32;
	}
	live_turn = n + 1 < live_sources ? n + 1 : 0;
	return n;
}

static __always_inline __u16 checksum(__u32 rest, __u32 word)
{
	__u32 sum = rest + (word >> 16) + (word & 0xffff);

	sum = (sum >> 16) + (sum & 0xffff);
	sum += sum >> 16;
	return bpf_htons(~sum);
}

SEC("xdp")
int live(struct xdp_md *ctx)
{
	void *data = (void *)(long)ctx->data, *end = (void *)(long)ctx->data_end;
	const __u32 word = live_base + next_source();

	if (data + live_word + sizeof(__u32) > end)
		return XDP_ABORTED;
	*(__be32 *)(data + live_word) = bpf_htonl(word);
	for (int i = 0; i < 2; i++) {
		if (!live_check[i])
			continue;
		if (data + live_check[i] + sizeof(__u16) > end)
			return XDP_ABORTED;
		*(__be16 *)(data + live_check[i]) = checksum(live_rest[i], word);
	}
	return bpf_redirect(live_ifindex, 0);
}

char LICENSE[] SEC("license") = "GPL";
