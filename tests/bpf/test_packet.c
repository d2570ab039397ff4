// SPDX-License-Identifier: GPL-2.0
/*
 * test_packet.c - the tools of the other tests: frames are built right, and the
 * reference parser finds in them what was put in. No kernel.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <string.h>

#include "../../user/base/util.h"
#include "../lib/packet.h"
#include "../lib/refparse.h"

#define PEER4   CRMG_TEST_V4(203, 0, 113, 7)
#define SERVER4 CRMG_TEST_V4(192, 0, 2, 1)
#define PEER6   CRMG_TEST_V6(0x20010db800070000, 7)
#define SERVER6 CRMG_TEST_V6(0x20010db800010000, 1)

static struct crmg_test_frame frame;

static struct crmg_ref parse(const struct crmg_test_packet *packet)
{
	crmg_test_build(packet, &frame);
	return crmg_ref_parse(frame.data, frame.len);
}

/* A SYN with the checksums that another tool computed. */
static void test_known_bytes(void **state)
{
	static const uint8_t syn4[] = {
		0x45, 0, 0, 0x28, 0x12, 0x34, 0, 0, 0x40, 6, 0x6a, 0x93,
		203, 0, 113, 7, 192, 0, 2, 1,
		0x30, 0x39, 0x01, 0xbb, 0, 0, 0, 1, 0, 0, 0, 0, 0x50, 2, 0xfa, 0xf0, 0x84, 0xf3, 0, 0,
	};
	const struct crmg_test_packet p = {
		.src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP,
		.sport = 12345, .dport = 443, .seq = 1, .tcp_flags = CRMG_TEST_SYN,
	};

	(void)state;
	crmg_test_build(&p, &frame);
	assert_int_equal(frame.len, 14 + sizeof(syn4));
	assert_memory_equal(frame.data + 14, syn4, sizeof(syn4));
}

static const struct crmg_test_packet shapes[] = {
	{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .payload = 11 },
	{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .ip_options = 40, .tcp_options = 40 },
	{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_UDP, .payload = 3, .trailer = 9 },
	{ .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .payload = 5,
	  .vlan = { CRMG_TEST_ETH_QINQ, CRMG_TEST_ETH_VLAN } },
	{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, .payload = 1, .tcp_options = 12 },
	{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_UDP, .payload = 100,
	  .vlan = { CRMG_TEST_ETH_VLAN } },
	{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP,
	  .ext = { { 0, 8 }, { 43, 24 }, { 44, 8 }, { 60, 16 }, { 51, 28 } } },
	{ .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP,
	  .ext = { { 0, 8 }, { 60, 8 }, { 43, 8 }, { 51, 12 }, { 135, 8 }, { 139, 8 }, { 140, 8 },
		   { 60, 264 } } },
};

static void test_parser_finds_what_was_built(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(shapes); i++) {
		struct crmg_test_packet p = shapes[i];
		struct crmg_ref ref;

		p.sport = (uint16_t)(1000 + i);
		p.dport = 443;
		p.tcp_flags = CRMG_TEST_SYN | CRMG_TEST_ACK;
		ref = parse(&p);
		assert_int_equal(ref.class, CRMG_REF_L4);
		assert_false(ref.malformed);
		assert_memory_equal(&ref.src, &p.src, sizeof(p.src));
		assert_memory_equal(&ref.dst, &p.dst, sizeof(p.dst));
		assert_int_equal(ref.sport, p.sport);
		assert_int_equal(ref.dport, p.dport);
		assert_int_equal(ref.tcp_flags, p.protocol == IPPROTO_TCP ? p.tcp_flags : 0);
		assert_true(crmg_test_checksums_ok(frame.data, frame.len));
		frame.data[frame.len - p.trailer - 1] ^= 0x10;
		assert_false(crmg_test_checksums_ok(frame.data, frame.len));
	}
}

static void test_classes(void **state)
{
	static const struct {
		const char *name;
		struct crmg_test_packet packet;
		enum crmg_ref_class class;
	} rows[] = {
		{ "arp", { .ethertype = CRMG_TEST_ETH_ARP, .src = PEER4, .dst = SERVER4 },
		  CRMG_REF_OTHER },
		{ "three tags", { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP,
		  .vlan = { CRMG_TEST_ETH_QINQ, CRMG_TEST_ETH_VLAN, CRMG_TEST_ETH_VLAN } },
		  CRMG_REF_OTHER },
		{ "ping", { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_ICMP, .icmp_type = 8 },
		  CRMG_REF_OTHER },
		{ "later fragment", { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP,
		  .fragment_offset = 8, .payload = 40 }, CRMG_REF_FRAGMENT },
		{ "first fragment", { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP,
		  .more_fragments = true }, CRMG_REF_L4 },
		{ "later IPv6 fragment", { .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP,
		  .ext = { { 44, 8 } }, .fragment_offset = 1232, .payload = 40 },
		  CRMG_REF_FRAGMENT },
		{ "nine extension headers", { .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP,
		  .ext = { { 0, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 },
			   { 60, 8 }, { 60, 8 }, { 60, 8 } } }, CRMG_REF_OTHER },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		if (parse(&rows[i].packet).class != rows[i].class)
			fail_msg("%s", rows[i].name);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_bytes),
		cmocka_unit_test(test_parser_finds_what_was_built),
		cmocka_unit_test(test_classes),
	};

	return cmocka_run_group_tests_name("packet", tests, NULL, NULL);
}
