// SPDX-License-Identifier: GPL-2.0
/*
 * fuzz_parse.c - libFuzzer: bpf/parse.h, compiled natively, against the naive
 * reader of tests/lib. Under AddressSanitizer a read beyond the frame is a crash.
 *
 * Half of the inputs are libFuzzer's own mutations, half are new random packets:
 * no corpus has to be kept.
 */
#include <arpa/inet.h>		/* before linux/in.h, which then leaves its names to it */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../bpf/parse.h"
#include "../lib/random.h"
#include "../lib/refparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed);

static enum crmg_ref_class class_of(enum crmg_parsed parsed)
{
	switch (parsed) {
	case CRMG_PARSED_FRAGMENT:
		return CRMG_REF_FRAGMENT;
	case CRMG_PARSED_PORTS:
		return CRMG_REF_L4;
	default:
		return CRMG_REF_OTHER;
	}
}

static void require(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "parsers differ: %s\n", what);
	abort();
}

static bool same_addr(const struct crmg_addr *a, const struct crmg_addr *b)
{
	return a->hi == b->hi && a->lo == b->lo;
}

static void compare(enum crmg_parsed parsed, const struct crmg_pkt *pkt, const struct crmg_ref *ref)
{
	require(class_of(parsed) == ref->class, "class");
	if (ref->class != CRMG_REF_L4)
		return;
	require(pkt->malformed == ref->malformed, "malformed");
	require(pkt->fragment == ref->fragment, "fragment");
	require(pkt->transport == ref->transport, "transport");
	require(same_addr(&pkt->src, &ref->src), "source");
	require(same_addr(&pkt->dst, &ref->dst), "destination");
	require(crmg_ntohs(pkt->sport) == ref->sport, "source port");
	require(crmg_ntohs(pkt->dport) == ref->dport, "destination port");
	require(ref->malformed || pkt->tcp_flags == ref->tcp_flags, "flags");
}

/* A frame of which so many bytes can be read; what is plain is read both ways. */
static void
read_both(const uint8_t *data, size_t linear, size_t size, const struct crmg_ref *ref)
{
	enum crmg_parsed parsed;
	struct crmg_pkt pkt;

	if (crmg_plain(data, data + linear)) {
		compare(crmg_parse_plain(data, data + linear, (__u32)size, &pkt), &pkt, ref);
		require(crmg_plain_dport(data) == pkt.dport, "port of a plain frame");
	}
	parsed = crmg_parse(data, data + linear, (__u32)size, &pkt);
	if (parsed != CRMG_PARSED_SHORT || linear == size)
		compare(parsed, &pkt, ref);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crmg_ref ref = crmg_ref_parse(data, size);

	read_both(data, size, size, &ref);
	/*
	 * Only a part of a frame may be readable at once (multi-buffer XDP, a
	 * paged skb): then the answer is the same or "too short", never another.
	 * Nothing looks at the first byte, so it says where the part ends.
	 */
	if (size) {
		size_t linear = data[0] % (size + 1);
		uint8_t *part = malloc(linear + 1);

		memcpy(part, data, linear);
		read_both(part, linear, size, &ref);
		free(part);
	}
	return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned int seed)
{
	static struct crmg_test_frame frame;
	struct crmg_test_random random = { seed };
	struct crmg_test_packet packet;

	if (crmg_test_below(&random, 2))
		return LLVMFuzzerMutate(data, size, max_size);
	crmg_test_random_packet(&random, &packet);
	crmg_test_build(&packet, &frame);
	if (crmg_test_below(&random, 2))
		crmg_test_damage(&random, &frame);
	frame.data[0] = (uint8_t)crmg_test_random(&random);
	if (frame.len > max_size)
		return LLVMFuzzerMutate(data, size, max_size);
	memcpy(data, frame.data, frame.len);
	return frame.len;
}
