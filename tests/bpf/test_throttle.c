// SPDX-License-Identifier: GPL-2.0
/*
 * test_throttle.c - on_budget: throttle, to the byte and by the test's clock. That sockets of
 * the host lose nothing by it: tests/netns/throttle.sh.
 */
#include "leaving.h"

#define MS_NS    (CRMG_NS_PER_SEC / 1000)
#define RATE     64000
#define SPENT    80000

#define OTHER4   CRMG_TEST_V4(203, 0, 113, 8)
#define THIRD4   CRMG_TEST_V4(203, 0, 113, 9)

#define BUDGET(bytes) "limits: {" QUOTA(bytes) "}"
#define SLOWS(name)  "  - {name: " name ", service: " name ", on_budget: throttle, "

#define POLICY(name, more) SLOWS(name) "throttle_to: 64kB/s, " more BUDGET("80kB") "}\n"

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"  shadow: {transport: udp, ports: [54]}\n"
	"  wide: {ports: [444]}\n"
	"  sum: {ports: [445]}\n"
	"  whole: {ports: [446],\n"
	"    total: {on_budget: throttle, throttle_to: 64kB/s, " BUDGET("80kB") "}}\n"
	"  all: {ports: [447]}\n"
	"  stops: {ports: [448], total: {on_budget: cut, " BUDGET("160kB") "}}\n"
	"  dry: {ports: [449]}\n"
	"  cpus: {ports: [55], transport: udp}\n"
	"policies:\n"
	POLICY("api", "") POLICY("dns", "") POLICY("shadow", "mode: shadow, ")
	SLOWS("wide") "aggregate: {throttle_to: 64kB/s, " BUDGET("80kB") "}}\n"
	SLOWS("sum") "total: {throttle_to: 64kB/s, " BUDGET("80kB") "}}\n"
	POLICY("all", "total: {throttle_to: 96kB/s, " BUDGET("240kB") "}, ")
	POLICY("stops", "")
	SLOWS("dry") "mode: shadow, total: {throttle_to: 64kB/s, " BUDGET("80kB") "}}\n"
	SLOWS("cpus") "total: {throttle_to: 64MB/s, " BUDGET("80MB") "}}\n";

static void after(uint64_t ns)
{
	at(now + ns);
}

/* One frame of `bytes` on the wire, of which `payload` are data; true: it left. */
static bool sends(struct crmg_addr peer, uint16_t port, uint32_t bytes, uint32_t payload)
{
	carried = payload;
	return leaves_as(peer, port, bytes, bytes > 1514 ? bytes / 1000 : 1);
}

static void send_all(struct crmg_addr peer, uint16_t port, uint32_t bytes)
{
	for (uint32_t sent = 0; sent < bytes; sent += 1000)
		assert_true(sends(peer, port, 1000, 900));
}

/* A source that has used up its budget just now. */
static void spend(struct crmg_addr peer, uint16_t port)
{
	crmg_rig_forget(rig);
	after(START_NS);
	meet(peer, port);
	send_all(peer, port, SPENT);
}

/* Bytes that leave of four frames of that size at once. */
static uint64_t sends_four(struct crmg_addr peer, uint16_t port, uint32_t bytes)
{
	uint64_t left = 0;

	for (int i = 0; i < 4; i++)
		left += sends(peer, port, bytes, 900) ? bytes : 0;
	return left;
}

/* Bytes that leave in so many ms when much more is offered, in frames of that size. */
static uint64_t offered(struct crmg_addr peer, uint16_t port, unsigned int ms, uint32_t bytes)
{
	uint64_t left = 0;

	while (ms--) {
		after(MS_NS);
		left += sends_four(peer, port, bytes);
	}
	return left;
}

/* The same of frames of 1000 bytes to each of two. */
static void offered_two(const struct crmg_addr peers[2], uint16_t port, unsigned int ms,
			uint64_t left[2])
{
	left[0] = left[1] = 0;
	while (ms--) {
		after(MS_NS);
		for (int i = 0; i < 2; i++)
			left[i] += sends_four(peers[i], port, 1000);
	}
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
	while (sends(PEER4, 443, 1000, 900))
		;
	for (int i = 0; i < 64; i++)
		assert_true(sends(PEER4, 443, 1000, 0));
	/* A second of the rate went ahead. */
	assert_in_range(offered(PEER4, 443, 2000, 1000), RATE - 2000, RATE + 2000);
}

/* Nor is it a debt of those who share a rate: handshakes can be forged, and are answered. */
static void test_no_data_of_many(void **state)
{
	(void)state;
	spend(PEER4, 445);
	while (sends(PEER4, 445, 1000, 900))
		;
	for (int i = 0; i < 640; i++)
		assert_true(sends(i % 2 ? OTHER4 : THIRD4, 445, 1000, 0));
	assert_in_range(offered(PEER4, 445, 2000, 1000), 2 * RATE - 1000, 2 * RATE + 1000);
}

/* Requests are judged as ever, and the window lets it in again. */
static void test_ends(void **state)
{
	(void)state;
	spend(PEER4, 443);
	while (sends(PEER4, 443, 1000, 900))
		;
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 100), XDP_PASS);
	after(61 * CRMG_NS_PER_SEC);
	for (int i = 0; i < SPENT / 1000; i++)
		assert_true(sends(PEER4, 443, 1000, 900));
	assert_in_range(offered(PEER4, 443, 1000, 1000), RATE - 1000, RATE + 1000);
}

/* In shadow all leaves, and it is counted what would not have, for that reason. */
static void check_shadow(const char *name, uint16_t port, enum crmg_reason reason)
{
	struct crmg_row was, is;

	spend(PEER4, port);
	was = crmg_rig_row(rig, name, name);
	assert_int_equal(offered(PEER4, port, 1000, 1000), 4000000);
	is = crmg_rig_row(rig, name, name);
	assert_in_range(is.would_drop[reason] - was.would_drop[reason], 4000 - 65, 4000 - 63);
	assert_int_equal(is.dropped_out, was.dropped_out);
}

static void test_shadow(void **state)
{
	(void)state;
	check_shadow("shadow", 54, CRMG_REASON_BYTES_OUT);
}

/* What sources share goes on at its rate for all of them together, who has no slot too. */
static void test_shared(void **state)
{
	static const struct {
		uint16_t port;
		const char *service, *policy;
		enum crmg_reason reason;
	} rows[] = {
		{ 444, "wide", "wide", CRMG_REASON_AGGREGATE },
		{ 445, "sum", "sum", CRMG_REASON_TOTAL },
		{ 446, "whole", "none", CRMG_REASON_TOTAL },
	};
	const struct crmg_addr peers[] = { PEER4, OTHER4 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		uint64_t resets = crmg_rig_host(rig, CRMG_HOST_RESETS), left[2], all;
		struct crmg_row was, is;
		uint16_t port = rows[i].port;

		crmg_rig_forget(rig);
		after(START_NS);
		meet(PEER4, port);
		send_all(PEER4, port, SPENT / 2);
		send_all(OTHER4, port, SPENT / 2);
		was = crmg_rig_row(rig, rows[i].service, rows[i].policy);
		offered_two(peers, port, 10000, left);
		is = crmg_rig_row(rig, rows[i].service, rows[i].policy);
		all = left[0] + left[1];
		assert_in_range(all, 10 * RATE - 1000, 10 * RATE + 1000);
		assert_int_equal(is.bytes_out - was.bytes_out, all);
		assert_int_equal(is.dropped_bytes_out - was.dropped_bytes_out, 80000000 - all);
		assert_int_equal(is.reasons[rows[i].reason] - was.reasons[rows[i].reason],
				 80000 - all / 1000);
		assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
		assert_int_equal(crmg_rig_detail(rig, rows[i].service, PEER4)->bytes_out,
				 SPENT / 2 + left[0]);
		/* Nobody's requests are refused, and no connection is ended. */
		assert_int_equal(arrives(THIRD4, port, CRMG_TEST_SYN, 0), XDP_PASS);
		assert_int_equal(arrives(PEER4, port, CRMG_TEST_ACK, 100), XDP_PASS);
		assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), resets);
		after(61 * CRMG_NS_PER_SEC);
		send_all(OTHER4, port, SPENT);
	}
}

/* Each at its own rate, all together at theirs: the lower one is what is had. */
static void test_rates(void **state)
{
	const struct crmg_addr peers[] = { PEER4, OTHER4 };
	struct crmg_row was, is;
	uint64_t left[2];

	(void)state;
	spend(PEER4, 447);
	meet(OTHER4, 447);
	assert_in_range(offered(PEER4, 447, 1000, 1000), RATE - 1000, RATE + 1000);
	send_all(OTHER4, 447, SPENT);
	offered_two(peers, 447, 1000, left);
	/* The total has used up its 240 kB: what the first leaves of its rate is all of the other's. */
	was = crmg_rig_row(rig, "all", "all");
	offered_two(peers, 447, 10000, left);
	is = crmg_rig_row(rig, "all", "all");
	assert_in_range(is.reasons[CRMG_REASON_TOTAL] - was.reasons[CRMG_REASON_TOTAL], 30000, 60000);
	assert_in_range(left[0] + left[1], 10 * 96000 - 1000, 10 * 96000 + 1000);
	assert_in_range(left[0], 0, 10 * RATE + 1000);
	assert_in_range(left[1], 0, 10 * RATE + 1000);
}

/* What the rate of one refuses is charged to no other, be it used up or not. */
static void test_all_or_none(void **state)
{
	uint64_t left;

	(void)state;
	spend(PEER4, 447);
	meet(OTHER4, 447);
	meet(THIRD4, 447);
	left = offered(PEER4, 447, 1000, 1000);
	assert_in_range(left, RATE - 1000, RATE + 1000);
	send_all(OTHER4, 447, SPENT);
	/* What is left of 240 kB, and the packet that finds it used up. */
	send_all(THIRD4, 447, 240000 - 2 * SPENT - left + 1000);
	assert_false(sends(THIRD4, 447, 1000, 900));
	/*
	 * 32 of 96 kB are left of that second, and 96 come with the next: 63 of them fill its own
	 * budget, which takes 323 ms, and then its own rate is lower.
	 */
	assert_in_range(offered(PEER4, 447, 1000, 1000), RATE - 1000, RATE + 1000);
	assert_in_range(offered(THIRD4, 447, 1000, 1000), 63000 + RATE * 677 / 1000 - 3000,
			63000 + RATE * 677 / 1000 + 3000);
}

/* Beside a total that cuts: slowed down until that is used up, and then nothing leaves. */
static void test_cut(void **state)
{
	uint64_t resets, left;

	(void)state;
	spend(PEER4, 448);
	meet(OTHER4, 448);
	resets = crmg_rig_host(rig, CRMG_HOST_RESETS);
	left = offered(PEER4, 448, 1000, 1000);
	assert_in_range(left, RATE - 1000, RATE + 1000);
	assert_int_equal(arrives(PEER4, 448, CRMG_TEST_ACK, 100), XDP_PASS);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), resets);
	left += offered(PEER4, 448, 2000, 1000);
	assert_int_equal(left, 160000 - SPENT);
	assert_int_equal(crmg_rig_refused(rig, "stops", PEER4), CRMG_REASON_TOTAL);
	assert_int_equal(arrives(PEER4, 448, CRMG_TEST_ACK, 100), XDP_DROP);
	assert_int_equal(arrives(OTHER4, 448, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_true(crmg_rig_host(rig, CRMG_HOST_RESETS) > resets);
	after(61 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 448, CRMG_TEST_SYN, 0), XDP_PASS);
	send_all(PEER4, 448, SPENT);
}

/* The same of what is shared. */
static void test_dry(void **state)
{
	(void)state;
	check_shadow("dry", 449, CRMG_REASON_TOTAL);
}

/* While other CPUs are always faster nothing leaves at no rate. */
static void test_contended(void **state)
{
	(void)state;
	spend(PEER4, 445);
	crmg_rig_set_contended(rig, true);
	assert_false(sends(PEER4, 445, 1000, 900));
	crmg_rig_set_contended(rig, false);
	assert_int_equal(crmg_rig_refused(rig, "sum", PEER4), CRMG_REASON_CONTENTION);
	assert_in_range(offered(PEER4, 445, 1000, 1000), RATE - 1000, RATE + 1000);
}

/* Two CPUs at once: not one frame more leaves than there is room for. */
static void test_two_cpus(void **state)
{
	struct crmg_row was, is;
	uint64_t left;

	(void)state;
	crmg_rig_forget(rig);
	after(START_NS);
	while (sends(PEER4, 55, 1000, 900))
		;
	after(CRMG_NS_PER_SEC);
	was = crmg_rig_row(rig, "cpus", "cpus");
	leave_on_two_cpus(PEER4, OTHER4, 55, 100000);
	is = crmg_rig_row(rig, "cpus", "cpus");
	left = is.bytes_out - was.bytes_out;
	assert_true(left <= 64001000);
	/* What was refused as CPUs were too slow is refused, and not charged. */
	assert_true(left + 1000 * (is.reasons[CRMG_REASON_CONTENTION] -
				   was.reasons[CRMG_REASON_CONTENTION]) >= 64000000);
	assert_int_equal(is.packets_out - was.packets_out + is.dropped_out - was.dropped_out, 200000);
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
		cmocka_unit_test(test_no_data_of_many),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_shared),
		cmocka_unit_test(test_rates),
		cmocka_unit_test(test_all_or_none),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_dry),
		cmocka_unit_test(test_contended),
		cmocka_unit_test(test_two_cpus),
	};

	return cmocka_run_group_tests_name("throttle", tests, set_up, tear_down);
}
