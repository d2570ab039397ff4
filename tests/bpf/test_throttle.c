// SPDX-License-Identifier: GPL-2.0
/*
 * test_throttle.c - on_budget: throttle, to the byte and by the test's clock. That sockets of
 * the host lose nothing by it: tests/netns/throttle.sh.
 */
#include "bpf_test.h"
#include "rig.h"

#include <linux/pkt_cls.h>

#define MS_NS    (CRMG_NS_PER_SEC / 1000)
#define RATE     64000
#define SPENT    80000

#define POLICY(name, more) \
	"  - {name: " name ", service: " name ", clients: any, on_budget: throttle,\n" \
	"     throttle_to: 64kB/s, " more "limits: {bytes_out: [{quota: 80kB, per: 1m}]}}\n"

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"  shadow: {transport: udp, ports: [54]}\n"
	"policies:\n"
	POLICY("api", "") POLICY("dns", "") POLICY("shadow", "mode: shadow, ");

static struct crmg_test_frame frame;
static uint64_t now;

static void after(uint64_t ns)
{
	now += ns;
	crmg_rig_set_clock(rig, now);
}

/* One frame of `bytes` on the wire, of which `payload` are data; true: it left. */
static bool leaves(struct crmg_addr peer, uint16_t port, uint32_t bytes, uint32_t payload)
{
	const struct crmg_rig_gso gso = { bytes > 1514 ? bytes / 1000 : 1, bytes > 1514 ? 946 : 0,
					  bytes };
	struct crmg_test_packet p = {
		.src = peer.hi ? SERVER6 : SERVER4, .dst = peer, .sport = port, .dport = 40000,
		.protocol = port == 443 ? IPPROTO_TCP : IPPROTO_UDP,
		.tcp_flags = CRMG_TEST_ACK, .payload = payload,
	};

	crmg_test_build(&p, &frame);
	return (int)crmg_rig_tc(rig, &frame, &gso) == TC_ACT_UNSPEC;
}

/* A source that has used up its budget just now. */
static void spend(struct crmg_addr peer, uint16_t port)
{
	struct crmg_test_packet p = tcp_packet(peer, port, CRMG_TEST_ACK);

	crmg_rig_forget(rig);
	p.protocol = port == 443 ? IPPROTO_TCP : IPPROTO_UDP;
	after(START_NS);
	for (int i = 0; i < 2; i++)
		assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);
	for (int i = 0; i < SPENT / 1000; i++)
		assert_true(leaves(peer, port, 1000, 900));
}

/* Bytes that leave in so many ms when much more is offered, in frames of that size. */
static uint64_t offered(struct crmg_addr peer, uint16_t port, unsigned int ms, uint32_t bytes)
{
	uint64_t left = 0;

	while (ms--) {
		after(MS_NS);
		for (int i = 0; i < 4; i++)
			left += leaves(peer, port, bytes, 900) ? bytes : 0;
	}
	return left;
}

/* From the first byte on at the rate and one packet, with no burst; and all of it is counted. */
static void test_rate(void **state)
{
	static const struct { struct crmg_addr peer; uint16_t port; const char *service; } rows[] = {
		{ PEER4, 443, "api" }, { PEER6, 443, "api" }, { PEER4, 53, "dns" },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		const char *service = rows[i].service;
		struct crmg_addr source = rows[i].peer;
		struct crmg_row was, is;
		uint64_t left;

		source.lo &= source.hi ? 0 : ~0ULL;
		spend(rows[i].peer, rows[i].port);
		was = crmg_rig_row(rig, service, service);
		left = offered(rows[i].peer, rows[i].port, 10000, 1000);
		is = crmg_rig_row(rig, service, service);
		assert_in_range(left, 10 * RATE - 1000, 10 * RATE + 1000);
		assert_int_equal(is.bytes_out - was.bytes_out, left);
		assert_int_equal(is.packets_out - was.packets_out, left / 1000);
		assert_int_equal(is.dropped_bytes_out - was.dropped_bytes_out, 40000000 - left);
		assert_int_equal(is.reasons[CRMG_REASON_BYTES_OUT] -
				 was.reasons[CRMG_REASON_BYTES_OUT], 40000 - left / 1000);
		assert_int_equal(crmg_rig_detail(rig, service, source)->bytes_out, SPENT + left);
	}
}

/* A super-packet of a second goes out whole, and the next one when it is paid for. */
static void test_super_packets(void **state)
{
	uint64_t left;

	(void)state;
	spend(PEER4, 443);
	left = offered(PEER4, 443, 20000, RATE);
	assert_in_range(left, 19 * RATE, 21 * RATE);
}

/* Who is idle saves a second's worth, and no more. */
static void test_burst(void **state)
{
	(void)state;
	spend(PEER4, 443);
	offered(PEER4, 443, 1000, 1000);
	after(5 * CRMG_NS_PER_SEC);
	assert_in_range(offered(PEER4, 443, 1000, 4000), 2 * RATE - 4000, 2 * RATE + 8000);
}

/* What carries nothing is paid for like all else, and does not wait. */
static void test_no_data(void **state)
{
	(void)state;
	spend(PEER4, 443);
	while (leaves(PEER4, 443, 1000, 900))
		;
	for (int i = 0; i < 64; i++)
		assert_true(leaves(PEER4, 443, 1000, 0));
	/* A second of the rate went ahead. */
	assert_in_range(offered(PEER4, 443, 2000, 1000), RATE - 2000, RATE + 2000);
}

/* Requests are judged as ever, and the window lets it in again. */
static void test_ends(void **state)
{
	struct crmg_test_packet p = tcp_packet(PEER4, 443, CRMG_TEST_ACK);

	(void)state;
	p.payload = 100;
	spend(PEER4, 443);
	while (leaves(PEER4, 443, 1000, 900))
		;
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);
	after(61 * CRMG_NS_PER_SEC);
	for (int i = 0; i < SPENT / 1000; i++)
		assert_true(leaves(PEER4, 443, 1000, 900));
	assert_in_range(offered(PEER4, 443, 1000, 1000), RATE - 1000, RATE + 1000);
}

/* In shadow all leaves, and it is counted what would not have. */
static void test_shadow(void **state)
{
	struct crmg_row was, is;

	(void)state;
	spend(PEER4, 54);
	was = crmg_rig_row(rig, "shadow", "shadow");
	assert_int_equal(offered(PEER4, 54, 1000, 1000), 4000000);
	is = crmg_rig_row(rig, "shadow", "shadow");
	assert_in_range(is.would_drop[CRMG_REASON_BYTES_OUT] -
			was.would_drop[CRMG_REASON_BYTES_OUT], 4000 - 65, 4000 - 63);
	assert_int_equal(is.dropped_out, was.dropped_out);
}

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(policy);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_super_packets),
		cmocka_unit_test(test_burst),
		cmocka_unit_test(test_no_data),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_shadow),
	};

	return cmocka_run_group_tests_name("throttle", tests, set_up, tear_down);
}
