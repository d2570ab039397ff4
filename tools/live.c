// SPDX-License-Identifier: GPL-2.0
/* live.c - sends frames by running an XDP program on them; see live.h. */
#include "live.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <net/ethernet.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>

#include "live.skel.h"

struct live {
	struct live_bpf *bpf;
	const struct frame_plan *plan;
	const uint8_t *frame;
};

/* What a checksum in the frame sums up, less the word. */
static uint32_t rest_of(const uint8_t *frame, size_t check, uint32_t word)
{
	uint32_t sum;
	uint16_t value;

	memcpy(&value, frame + check, sizeof(value));
	sum = (uint16_t)~ntohs(value) + (uint16_t)~(word >> 16) + (uint16_t)~word;
	sum = (sum >> 16) + (sum & 0xffff);
	return (sum >> 16) + (sum & 0xffff);
}

/* The word: the IPv4 address, or the low half of an IPv6 /64. */
static void describe(struct live_bpf *bpf, const struct frame_plan *plan, const uint8_t *frame)
{
	const bool v4 = plan->family == AF_INET;
	const size_t l4 = ETH_HLEN + (v4 ? sizeof(struct iphdr) : sizeof(struct ip6_hdr));
	const size_t word = ETH_HLEN + (v4 ? offsetof(struct iphdr, saddr)
					   : offsetof(struct ip6_hdr, ip6_src) + 4);
	const size_t checks[2] = {
		l4 + (plan->kind[0] == FRAME_UDP ? offsetof(struct udphdr, check)
					      : offsetof(struct tcphdr, check)),
		v4 ? ETH_HLEN + offsetof(struct iphdr, check) : 0,
	};
	uint32_t base;

	memcpy(&base, frame + word, sizeof(base));
	base = ntohl(base);
	bpf->rodata->live_sources = (uint32_t)plan->sources;
	bpf->rodata->live_word = (uint32_t)word;
	bpf->rodata->live_base = base;
	for (int i = 0; i < 2; i++) {
		bpf->rodata->live_check[i] = (uint32_t)checks[i];
		if (checks[i])
			bpf->rodata->live_rest[i] = rest_of(frame, checks[i], base);
	}
}

int live_open(const struct frame_plan *plan, const uint8_t *frame, unsigned int ifindex,
	      bool at_random, struct live **ret)
{
	struct live *live = calloc(1, sizeof(*live));
	int err;

	if (!live)
		return -ENOMEM;
	live->plan = plan;
	live->frame = frame;
	live->bpf = live_bpf__open();
	if (!live->bpf) {
		err = -errno;
		goto fail;
	}
	describe(live->bpf, plan, frame);
	live->bpf->rodata->live_ifindex = ifindex;
	live->bpf->rodata->live_random = at_random;
	err = live_bpf__load(live->bpf);
	if (err)
		goto fail;
	*ret = live;
	return 0;
fail:
	live_close(live);
	return err;
}

int live_send(struct live *live, unsigned int count, uint64_t *ret_ns)
{
	LIBBPF_OPTS(bpf_test_run_opts, opts,
		.data_in = live->frame,
		.data_size_in = (__u32)live->plan->size,
		.repeat = (int)count,
		.flags = BPF_F_TEST_XDP_LIVE_FRAMES,
	);
	int err = bpf_prog_test_run_opts(bpf_program__fd(live->bpf->progs.live), &opts);

	if (err)
		return err;
	*ret_ns = (uint64_t)opts.duration * count;
	return 0;
}

void live_close(struct live *live)
{
	live_bpf__destroy(live->bpf);
	free(live);
}
