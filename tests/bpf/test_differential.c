// SPDX-License-Identifier: GPL-2.0
/*
 * test_differential.c - the programs in the kernel against the naive parser and
 * the look-up of user space: every packet's verdict, and every counter.
 */
#include "bpf_test.h"
#include "rig.h"

#include <stdio.h>

#include <linux/pkt_cls.h>

#include "../lib/random.h"
#include "../lib/refparse.h"

#define PACKETS 3000000
#define BATCH   4096		/* counters are compared once a batch */
#define SEED    20260114

/* No limit that could refuse: what differs is parsing, classifying and resolving. */
static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 65536}\n"
	"services:\n"
	"  web: {transport: tcp, ports: [443, 1-20, 30000-39999]}\n"
	"  one: {transport: tcp, ports: [8080], addresses: [192.0.2.1/32, \"2001:db8:1::1/128\"]}\n"
	"  two: {transport: tcp, ports: [8080], addresses: [192.0.2.2/31, \"2001:db8:1::2/127\"]}\n"
	"  dns: {transport: udp, ports: [53, 50000-60000]}\n"
	"clients:\n"
	"  half: {prefixes: [203.0.113.0/25, \"2001:db8:7::/57\"]}\n"
	"  bad: {prefixes: [203.0.113.64/27, \"2001:db8:7:20::/60\", \"2001:db8:7:1::3/128\"]}\n"
	"policies:\n"
	"  - {name: half, service: [web, one, dns], clients: half,\n"
	"     limits: {packets: {rate: 1G/s, burst: 100G}}}\n"
	"  - {name: bad, service: [web, dns], clients: bad, deny: true}\n"
	"  - {name: rest, service: [web, two], clients: any,\n"
	"     limits: {bytes: {rate: 100GB/s, burst: 1000GB}}}\n"
	"allow: [203.0.113.200/31, \"2001:db8:7:ff::/64\"]\n";

/* What the counters must have grown by since the last comparison. */
struct expected {
	__u64 other;
	__u64 fragments;
	struct crmg_row total;
};

static struct crmg_test_frame frame;
static struct expected expected, seen;

static void read_counters(struct expected *ret)
{
	ret->other = crmg_rig_host(rig, CRMG_HOST_OTHER);
	ret->fragments = crmg_rig_host(rig, CRMG_HOST_FRAGMENTS);
	ret->total = crmg_rig_total(rig);
}

static enum crmg_reason reason_of(const struct crmg_ref *ref, uint32_t service)
{
	static const enum crmg_reason by_kind[] = {
		[CRMG_BINDING_POLICY] = CRMG_REASON_OK,
		[CRMG_BINDING_DENY] = CRMG_REASON_DENIED,
		[CRMG_BINDING_NO_POLICY] = CRMG_REASON_NO_POLICY,
		[CRMG_BINDING_ALLOW] = CRMG_REASON_ALLOWED,
	};
	const struct crmg_image *image = crmg_rig_image(rig);
	uint32_t binding = crmg_image_resolve(image, service, &ref->src);

	return ref->malformed ? CRMG_REASON_MALFORMED
			      : by_kind[crmg_image_binding(image, binding)->kind];
}

/* Enters the frame in `expected`; returns the action that XDP must take. */
static uint32_t expect_xdp(void)
{
	struct crmg_ref ref = crmg_ref_parse(frame.data, frame.len);
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	enum crmg_reason reason;
	uint32_t service = 0;

	if (ref.class == CRMG_REF_FRAGMENT) {
		expected.fragments++;
		return XDP_PASS;
	}
	if (ref.class == CRMG_REF_L4)
		service = crmg_image_classify(crmg_rig_image(rig), &ref.dst, ref.transport,
					      ref.dport);
	if (!service) {
		expected.other++;
		return XDP_PASS;
	}
	reason = reason_of(&ref, service);
	if (reason >= CRMG_REASON_FIRST_REFUSAL)
		verdict = CRMG_VERDICT_DROP;
	expected.total.packets[verdict]++;
	expected.total.bytes[verdict] += frame.len;
	expected.total.reasons[reason]++;
	if (!ref.malformed && (ref.tcp_flags & 0x12) == 0x02)
		expected.total.connections[verdict]++;
	return verdict == CRMG_VERDICT_PASS ? XDP_PASS : XDP_DROP;
}

static void expect_tc(void)
{
	struct crmg_ref ref = crmg_ref_parse(frame.data, frame.len);

	if (ref.class != CRMG_REF_L4 ||
	    !crmg_image_classify(crmg_rig_image(rig), &ref.src, ref.transport, ref.sport))
		return;
	expected.total.packets_out++;
	expected.total.bytes_out += frame.len;
}

static void fail_frame(const char *what, const char *where, uint32_t n)
{
	print_error("%s, %s %u, %zu bytes:", what, where, n, frame.len);
	for (size_t i = 0; i < frame.len && i < 256; i++)
		print_error(i % 16 ? " %02x" : "\n%02x", frame.data[i]);
	fail_msg("%s", "the kernel says otherwise");
}

static void judge(const char *where, uint32_t n, bool egress)
{
	if (egress) {
		expect_tc();
		assert_int_equal((int)crmg_rig_tc(rig, &frame, NULL), TC_ACT_UNSPEC);
		return;
	}
	if (crmg_rig_xdp(rig, &frame, NULL) != expect_xdp())
		fail_frame("verdict", where, n);
}

static void compare_counters(const char *where, uint32_t n)
{
	struct expected is;
	const __u64 *want = (__u64 *)&expected, *was = (__u64 *)&seen, *now = (__u64 *)&is;

	read_counters(&is);
	for (size_t i = 0; i < sizeof(is) / 8; i++)
		if (now[i] != was[i] + want[i])
			fail_msg("%s %u: counter %zu grew by %llu, not %llu", where, n, i,
				 now[i] - was[i], want[i]);
	seen = is;
	memset(&expected, 0, sizeof(expected));
}

/* C1: every header, cut at every byte; and one more byte makes no other packet. */
static void test_truncated_everywhere(void **state)
{
	static const struct crmg_test_packet shapes[] = {
		{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .dport = 443 },
		{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .dport = 443,
		  .ip_options = 40, .tcp_options = 40, .payload = 20 },
		{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_UDP, .dport = 53,
		  .payload = 30, .vlan = { CRMG_TEST_ETH_VLAN } },
		{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .dport = 443,
		  .more_fragments = true, .payload = 16 },
		{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, .dport = 443,
		  .vlan = { CRMG_TEST_ETH_QINQ, CRMG_TEST_ETH_VLAN }, .tcp_options = 12 },
		{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_UDP, .dport = 53,
		  .ext = { { 44, 8 } }, .more_fragments = true, .payload = 16 },
		{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, .dport = 443,
		  .ext = { { 0, 16 }, { 43, 24 }, { 60, 8 }, { 51, 20 }, { 44, 8 }, { 135, 8 },
			   { 139, 40 }, { 140, 8 } }, .payload = 9 },
		{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, .dport = 443,
		  .ext = { { 44, 8 } }, .fragment_offset = 64, .payload = 30 },
	};

	(void)state;
	for (uint32_t i = 0; i < CRMG_ARRAY_SIZE(shapes); i++) {
		size_t whole;

		crmg_test_build(&shapes[i], &frame);
		for (whole = frame.len; frame.len >= 14; frame.len--)
			judge("shape", i, false);
		for (frame.len = whole; crmg_rig_tc_takes(&frame); frame.len--)
			judge("shape", i, true);
		compare_counters("shape", i);
	}
}

/* C11: a packet in two is damaged; a third of them go out instead of in. */
static void test_random_packets(void **state)
{
	struct crmg_test_random random = { SEED };

	(void)state;
	print_message("# seed %u, %u packets\n", SEED, PACKETS);
	for (uint32_t n = 1; n <= PACKETS; n++) {
		struct crmg_test_packet p;
		bool egress = crmg_test_below(&random, 3) == 0;

		crmg_test_random_packet(&random, &p);
		if (egress) {
			struct crmg_addr remote = p.src;
			uint16_t port = p.sport;

			p.src = p.dst;
			p.dst = remote;
			p.sport = p.dport;
			p.dport = port;
		}
		crmg_test_build(&p, &frame);
		if (crmg_test_below(&random, 2))
			crmg_test_damage(&random, &frame);
		if (egress ? crmg_rig_tc_takes(&frame) : frame.len >= 14)
			judge("packet", n, egress);
		if (n % BATCH == 0)
			compare_counters("batch that ends with packet", n);
	}
	compare_counters("packet", PACKETS);
}

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(policy);
	read_counters(&seen);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_truncated_everywhere),
		cmocka_unit_test(test_random_packets),
	};

	return cmocka_run_group_tests_name("differential", tests, set_up, tear_down);
}
