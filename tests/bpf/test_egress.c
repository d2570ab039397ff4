// SPDX-License-Identifier: GPL-2.0
/*
 * test_egress.c - what leaves: counted for the source it goes to, by the bytes
 * on the wire; never refused.
 */
#include "bpf_test.h"
#include "rig.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "vlan_push.skel.h"

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"clients:\n"
	"  partners: {prefixes: [203.0.113.0/24, \"2001:db8:7::/48\"]}\n"
	"policies:\n"
	"  - {name: partners, service: [api, dns], clients: partners,\n"
	"     limits: {packets: {rate: 1/7d, burst: 1}}}\n";

#define TO4(port) .src = SERVER4, .dst = PEER4, .sport = port, .dport = 40000
#define TO6(port) .src = SERVER6, .dst = PEER6, .sport = port, .dport = 40000

static struct crmg_test_frame frame;

static const struct {
	const char *name;
	struct crmg_test_packet packet;
	const char *service;		/* NULL: not counted */
} rows[] = {
	{ "TCP", { TO4(443), .protocol = IPPROTO_TCP, .payload = 1000 }, "api" },
	{ "TCP over IPv6", { TO6(443), .protocol = IPPROTO_TCP, .payload = 1000 }, "api" },
	{ "UDP", { TO4(53), .protocol = IPPROTO_UDP, .payload = 100 }, "dns" },
	{ "T5 a tag in band", { TO4(443), .protocol = IPPROTO_TCP, .payload = 10,
	  .vlan = { CRMG_TEST_ETH_VLAN } }, "api" },
	{ "T5 two tags in band", { TO6(443), .protocol = IPPROTO_TCP, .payload = 10,
	  .vlan = { CRMG_TEST_ETH_QINQ, CRMG_TEST_ETH_VLAN } }, "api" },
	{ "T3 extension headers", { TO6(443), .protocol = IPPROTO_TCP, .payload = 10,
	  .ext = { { 0, 8 }, { 60, 16 }, { 51, 20 } } }, "api" },
	{ "IPv4 options", { TO4(443), .protocol = IPPROTO_TCP, .ip_options = 40 }, "api" },
	{ "a first fragment", { TO4(53), .protocol = IPPROTO_UDP, .payload = 800,
	  .more_fragments = true }, "dns" },
	{ "a later fragment", { TO4(53), .protocol = IPPROTO_UDP, .payload = 800,
	  .fragment_offset = 808 }, NULL },
	{ "another port", { TO4(22), .protocol = IPPROTO_TCP }, NULL },
	{ "T23 to the service's port", { .src = SERVER4, .dst = PEER4, .sport = 40000,
	  .dport = 443, .protocol = IPPROTO_TCP }, NULL },
	{ "T2 neighbour advertisement", { TO6(0), .protocol = IPPROTO_ICMPV6,
	  .icmp_type = 136 }, NULL },
};

/* Nothing is ever refused on its way out, whatever the policy says about arriving packets. */
static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_row was = crmg_rig_total(rig), is, one;

		crmg_test_build(&rows[i].packet, &frame);
		for (int n = 0; n < 5; n++)
			assert_int_equal((int)crmg_rig_tc(rig, &frame, NULL), TC_ACT_UNSPEC);
		is = crmg_rig_total(rig);
		if (is.packets_out - was.packets_out != (rows[i].service ? 5u : 0) ||
		    is.bytes_out - was.bytes_out != (rows[i].service ? 5 * frame.len : 0))
			fail_msg("%s: %llu packets, %llu bytes", rows[i].name,
				 is.packets_out - was.packets_out, is.bytes_out - was.bytes_out);
		if (!rows[i].service)
			continue;
		one = crmg_rig_row(rig, rows[i].service, "partners");
		assert_true(one.packets_out >= 5);
	}
}

/* T23: a source that sent something gets its own answers counted, and no other's. */
static void test_keyed_by_destination(void **state)
{
	const struct crmg_test_packet in = tcp_packet(PEER4, 443, CRMG_TEST_ACK);
	const struct crmg_test_packet out = { TO4(443), .protocol = IPPROTO_TCP, .payload = 500 };
	struct crmg_test_packet other = out;
	const struct crmg_detail *detail;

	(void)state;
	crmg_rig_forget(rig);
	crmg_rig_xdp_packet(rig, &in);
	detail = crmg_rig_detail(rig, "api", PEER4);
	assert_non_null(detail);
	assert_int_equal(detail->bytes_out, 0);
	crmg_test_build(&out, &frame);
	crmg_rig_tc(rig, &frame, NULL);
	assert_int_equal(detail->bytes_out, frame.len);
	other.dst = CRMG_TEST_V4(203, 0, 113, 8);
	crmg_test_build(&other, &frame);
	crmg_rig_tc(rig, &frame, NULL);
	assert_int_equal(detail->bytes_out, frame.len);
	assert_null(crmg_rig_slot(rig, "api", SERVER4));
}

/* T5: a tag that is not in the packet, but beside it, is on the wire all the same. */
static void test_tag_out_of_band(void **state)
{
	const struct crmg_test_packet p = { TO4(443), .protocol = IPPROTO_TCP, .payload = 100 };
	struct vlan_push *skel = vlan_push__open_and_load();
	struct crmg_row was = crmg_rig_row(rig, "api", "partners"), is;
	int fd = crmg_rig_tc_fd(rig);
	uint32_t zero = 0;

	(void)state;
	assert_non_null(skel);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.next), &zero, &fd, BPF_ANY), 0);
	crmg_test_build(&p, &frame);
	assert_int_equal((int)crmg_rig_tc_by(bpf_program__fd(skel->progs.vlan_push), &frame, NULL),
			 TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "partners");
	assert_int_equal(is.packets_out - was.packets_out, 1);
	assert_int_equal(is.bytes_out - was.bytes_out, frame.len + 4);
	vlan_push__destroy(skel);
}

/* T6: a super-packet counts as the segments that the card makes of it. */
static void test_segments(void **state)
{
	const struct crmg_test_packet p = { TO4(443), .protocol = IPPROTO_TCP, .payload = 3000 };
	/* 3 segments of 1000 bytes, each with 54 bytes of headers. */
	const struct crmg_rig_gso gso = { 3, 1000, 3 * 1054 };
	struct crmg_row was = crmg_rig_row(rig, "api", "partners"), is;

	(void)state;
	crmg_test_build(&p, &frame);
	crmg_rig_tc(rig, &frame, &gso);
	is = crmg_rig_row(rig, "api", "partners");
	assert_int_equal(is.packets_out - was.packets_out, 3);
	assert_int_equal(is.bytes_out - was.bytes_out, 3 * 1054);
}

static int set_up(void **state)
{
	(void)state;
	return set_up_policy(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_keyed_by_destination),
		cmocka_unit_test(test_tag_out_of_band),
		cmocka_unit_test(test_segments),
	};

	return cmocka_run_group_tests_name("egress", tests, set_up, tear_down);
}
