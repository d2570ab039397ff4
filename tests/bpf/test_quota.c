// SPDX-License-Identifier: GPL-2.0
/*
 * test_quota.c - budgets of bytes that leave, through the programs: what is refused at TC, what
 * of a source that was cut at XDP, what is told. Time is the test's; the arithmetic is in
 * tests/unit/test_window.c.
 */
#include "leaving.h"

#define MINUTE_NS (60 * CRMG_NS_PER_SEC)
#define HOUR_NS   (60 * MINUTE_NS)
#define DAY_NS    (24 * HOUR_NS)

#define POLICY(name, port_service, more) \
	"  - {name: " name ", service: " port_service ", clients: any, " more "}\n"

static const char services[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  cut: {transport: tcp, ports: [443]}\n"
	"  four: {transport: tcp, ports: [444]}\n"
	"  week: {transport: tcp, ports: [445]}\n"
	"  alert: {transport: tcp, ports: [446]}\n"
	"  shadow: {transport: tcp, ports: [447]}\n"
	"  off: {transport: tcp, ports: [448]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"  long: {transport: udp, ports: [54]}\n"
	"  both: {transport: udp, ports: [55]}\n"
	"policies:\n"
	POLICY("both", "both", "on_budget: cut, limits: {bytes_out: [{quota: 400MB, per: 1h}]}")
	POLICY("long", "long", "on_budget: cut, limits: {bytes_out: [{quota: 80kB, per: 2h}]}")
	POLICY("four", "four", "on_budget: cut, limits: {bytes_out: ["
	       "{quota: 1MB, per: 1m}, {quota: 2MB, per: 1h}, {quota: 3MB, per: 1d}, {quota: 4MB, per: 7d}]}")
	POLICY("week", "week", "on_budget: cut, limits: {bytes_out: [{quota: 8MB, per: 7d}]}")
	POLICY("alert", "alert", "on_budget: alert, notify_at: 55%, "
	       "limits: {bytes_out: [{quota: 800kB, per: 1m}]}")
	POLICY("shadow", "shadow", "mode: shadow, on_budget: cut, "
	       "limits: {bytes_out: [{quota: 800kB, per: 1m}]}")
	POLICY("off", "off", "mode: off, on_budget: cut, "
	       "limits: {bytes_out: [{quota: 800kB, per: 1m}]}")
	POLICY("dns", "dns", "on_budget: cut, limits: {bytes_out: [{quota: 80kB, per: 10s}]}");

static const char cut_policy[] =
	POLICY("cut", "cut", "on_budget: cut, limits: {bytes_out: [{quota: 800kB, per: 1m}]}");

static void apply(const char *more)
{
	put_in_force(services, more);
}

static struct crmg_test_packet asking(struct crmg_addr peer, uint16_t port)
{
	struct crmg_test_packet p = tcp_packet(peer, port, CRMG_TEST_ACK);

	p.payload = 100;
	return p;
}

static void begin(uint16_t port)
{
	crmg_rig_forget(rig);
	at(START_NS);
	meet(PEER4, port);
}

/* To the byte: all of the quota, then nothing; after its time all of it again. */
static void test_cut(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "cut", "cut"), is;

	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 900), 800);
	assert_false(leaves(PEER4, 443, 80));
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(is.bytes_out - was.bytes_out, 800000);
	assert_int_equal(is.packets_out - was.packets_out, 800);
	assert_int_equal(is.dropped_out - was.dropped_out, 101);
	assert_int_equal(is.dropped_bytes_out - was.dropped_bytes_out, 100080);
	assert_int_equal(is.reasons[CRMG_REASON_BYTES_OUT] - was.reasons[CRMG_REASON_BYTES_OUT], 101);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	assert_int_equal(crmg_rig_detail(rig, "cut", PEER4)->bytes_out, 800000);
	at(START_NS + 59 * CRMG_NS_PER_SEC);
	assert_int_equal(leave(PEER4, 443, 10), 0);
	at(START_NS + 61 * CRMG_NS_PER_SEC);
	assert_int_equal(leave(PEER4, 443, 900), 800);
}

/* Requests and connections of a source that was cut are refused, and nothing else of it. */
static void test_cut_arriving(void **state)
{
	const struct crmg_addr other = CRMG_TEST_V4(203, 0, 113, 8);
	struct crmg_row was, is;

	(void)state;
	begin(443);
	meet(other, 443);
	leave(PEER4, 443, 801);
	was = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 100), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK | CRMG_TEST_FIN, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_RST, 0), XDP_PASS);
	assert_int_equal(arrives(other, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 444, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(is.reasons[CRMG_REASON_BYTES_OUT] - was.reasons[CRMG_REASON_BYTES_OUT], 2);
	assert_int_equal(is.packets[CRMG_VERDICT_DROP] - was.packets[CRMG_VERDICT_DROP], 2);
	assert_int_equal(crmg_rig_refused(rig, "cut", PEER4), CRMG_REASON_BYTES_OUT);
	/* The other one has a budget of its own. */
	assert_int_equal(leave(other, 443, 900), 800);
	at(now + 59 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	at(now + 2 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 100), XDP_PASS);
}

/* Whoever waits for the edge of a window has none: of two bursts a moment apart one passes. */
static void test_no_edge(void **state)
{
	unsigned int left;

	(void)state;
	begin(443);
	at(START_NS + 59900000000);
	left = leave(PEER4, 443, 900);
	at(START_NS + 60100000000);
	left += leave(PEER4, 443, 900);
	at(START_NS + 119800000000);
	left += leave(PEER4, 443, 900);
	assert_int_equal(left, 800);
}

/* Each of four windows in turn is the one that refuses, and what it refuses none is charged. */
static void test_four_windows(void **state)
{
	static const struct { uint64_t ns; unsigned int passes; } steps[] = {
		{ 0, 1000 },			/* a minute's */
		{ 2 * MINUTE_NS, 1000 },	/* the rest of the hour's */
		{ 4 * MINUTE_NS, 0 },
		{ 2 * HOUR_NS, 1000 },		/* the rest of the day's */
		{ 4 * HOUR_NS, 0 },
		{ 26 * HOUR_NS + 10 * MINUTE_NS, 1000 },	/* the rest of the week's */
		{ 3 * DAY_NS, 0 },
		{ 7 * DAY_NS + HOUR_NS, 1000 },	/* what the first two minutes used, in turn */
		{ 7 * DAY_NS + HOUR_NS + 30 * MINUTE_NS, 1000 },
		{ 7 * DAY_NS + HOUR_NS + 59 * MINUTE_NS, 0 },
	};

	(void)state;
	begin(444);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(steps); i++) {
		unsigned int left;

		at(START_NS + steps[i].ns);
		left = leave(PEER4, 444, 1100);
		if (left != steps[i].passes)
			fail_msg("step %zu: %u passed, not %u", i, left, steps[i].passes);
	}
}

/* A patient client: 1000 bytes each 70 s. The week ends it at the byte, and lets it on as it slides. */
static void test_slow_drip(void **state)
{
	uint64_t step = 70 * CRMG_NS_PER_SEC, sent = 0, first_refusal = 0;

	(void)state;
	begin(445);
	for (uint64_t t = 0; t < 7 * DAY_NS; t += step) {
		at(START_NS + t);
		if (leaves(PEER4, 445, 1000))
			sent += 1000;
		else if (!first_refusal)
			first_refusal = t;
	}
	assert_int_equal(sent, 8000000);
	assert_int_equal(first_refusal, 8000 * step);
	/* An eighth of the quota comes free when the last byte of the first eighth is a week old. */
	for (uint64_t t = 7 * DAY_NS; sent == 8000000; t += step) {
		at(START_NS + t);
		sent += leaves(PEER4, 445, 1000) ? 1000 : 0;
	}
	assert_in_range(now - START_NS, 7 * DAY_NS + 999 * step, 7 * DAY_NS + 1000 * step + DAY_NS / 500);
}

/* A super-packet passes whole, or not at all; who was refused one gets nothing smaller either. */
static void test_super_packets(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "cut", "cut"), is;
	unsigned int left = 0;

	(void)state;
	begin(443);
	for (int i = 0; i < 20; i++)
		left += leaves_as(PEER4, 443, 65000, 45);
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(left, 12);	/* 780 000; one more would be 845 000 */
	assert_int_equal(is.bytes_out - was.bytes_out, 12 * 65000);
	assert_int_equal(is.packets_out - was.packets_out, 12 * 45);
	assert_int_equal(is.dropped_out - was.dropped_out, 8 * 45);
	assert_int_equal(leave(PEER4, 443, 100), 0);
	/* Of a quota that still has an eighth a smaller one is let out: nothing was cut. */
	meet(PEER4, 53);
	assert_int_equal(leave(PEER4, 53, 30), 30);
	assert_false(leaves_as(PEER4, 53, 60000, 42));
	assert_int_equal(leave(PEER4, 53, 60), 50);
}

/* T5, IPv6: all addresses of a /64 share its budget. UDP: every packet asks for something. */
static void test_families(void **state)
{
	const struct crmg_addr neighbour = CRMG_TEST_V6(0x20010db800070000, 8);

	(void)state;
	begin(443);
	meet(PEER6, 443);
	assert_int_equal(leave(PEER6, 443, 500) + leave(neighbour, 443, 500), 800);
	meet(PEER4, 53);
	assert_int_equal(leave(PEER4, 53, 100), 80);
	assert_int_equal(arrives(PEER4, 53, 0, 20), XDP_DROP);
	at(now + 11 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 53, 0, 20), XDP_PASS);
}

/* alert: everything passes; it is told at notify_at, and at the end. */
static void test_alert(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "alert", "alert"), is;
	uint64_t head;
	const struct crmg_event *event;

	(void)state;
	begin(446);
	head = crmg_rig_event_head(rig);
	/* Within an eighth, where a packet is not looked at closely for any other reason. */
	assert_int_equal(leave(PEER4, 446, 439), 439);
	assert_int_equal(crmg_rig_event_head(rig), head);
	assert_int_equal(leave(PEER4, 446, 1), 1);
	assert_int_equal(crmg_rig_event_head(rig), head + 1);
	event = crmg_rig_event(rig, head + 1);
	assert_int_equal(event->kind, CRMG_EVENT_BUDGET);
	assert_int_equal(event->reason, CRMG_REASON_BYTES_OUT);
	assert_string_equal(event->policy, "alert");
	assert_int_equal(leave(PEER4, 446, 460), 460);
	assert_int_equal(crmg_rig_event_head(rig), head + 2);
	event = crmg_rig_event(rig, head + 2);
	assert_int_equal(event->kind, CRMG_EVENT_EXCEEDED);
	assert_int_equal(event->verdict, CRMG_VERDICT_PASS);
	assert_int_equal(arrives(PEER4, 446, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "alert", "alert");
	assert_int_equal(is.bytes_out - was.bytes_out, 900000);
	assert_int_equal(is.dropped_out, was.dropped_out);
	assert_int_equal(is.budgets_notified - was.budgets_notified, 1);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	/* In the next minute it is told again. */
	at(now + 61 * CRMG_NS_PER_SEC);
	leave(PEER4, 446, 440);
	is = crmg_rig_row(rig, "alert", "alert");
	assert_int_equal(is.budgets_notified - was.budgets_notified, 2);
}

static void test_modes(void **state)
{
	struct crmg_row row;

	(void)state;
	begin(447);
	assert_int_equal(leave(PEER4, 447, 900), 900);
	assert_int_equal(arrives(PEER4, 447, CRMG_TEST_SYN, 0), XDP_PASS);
	row = crmg_rig_row(rig, "shadow", "shadow");
	assert_int_equal(row.would_drop[CRMG_REASON_BYTES_OUT], 101);
	assert_int_equal(row.reasons[CRMG_REASON_BYTES_OUT], 0);
	meet(PEER4, 448);
	assert_int_equal(leave(PEER4, 448, 900), 900);
	row = crmg_rig_row(rig, "off", "off");
	assert_int_equal(row.would_drop[CRMG_REASON_BYTES_OUT] + row.budgets_exceeded, 0);
	/* panic: everything passes, in both directions. */
	meet(PEER4, 443);
	leave(PEER4, 443, 801);
	crmg_rig_panic(rig, true);
	assert_int_equal(leave(PEER4, 443, 10), 10);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	crmg_rig_panic(rig, false);
	assert_int_equal(leave(PEER4, 443, 10), 0);
}

/* What was sent stays sent under another policy; who comes into a slot begins with nothing. */
static void test_switch(void **state)
{
	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 400), 400);
	apply(POLICY("cut", "cut", "on_budget: cut, limits: {bytes_out: [{quota: 1600kB, per: 1m}]}"));
	assert_in_range(leave(PEER4, 443, 2000), 1200 - 200, 1200);
	apply(POLICY("cut", "cut", "on_budget: alert, limits: {bytes_out: [{quota: 1600kB, per: 1m}]}"));
	assert_int_equal(leave(PEER4, 443, 10), 10);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	apply(cut_policy);
	assert_int_equal(leave(PEER4, 443, 10), 0);
	crmg_rig_forget(rig);
	meet(PEER4, 443);
	assert_int_equal(leave(PEER4, 443, 900), 800);
}

/* Strangers take every slot; who had one begins no budget of hours anew when he comes back. */
static void test_given_way(void **state)
{
	(void)state;
	begin(54);
	meet(PEER4, 53);
	assert_int_equal(leave(PEER4, 54, 60), 60);
	assert_int_equal(leave(PEER4, 53, 60), 60);
	at(START_NS + MINUTE_NS);
	for (uint32_t n = 0; n < 8192; n++)
		for (int i = 0; i < 2; i++)
			arrives(stranger(n), 53, 0, 20);
	assert_null(crmg_rig_slot(rig, "long", PEER4));
	assert_null(crmg_rig_slot(rig, "dns", PEER4));
	at(START_NS + 2 * MINUTE_NS);
	meet(PEER4, 54);
	meet(PEER4, 53);
	assert_int_equal(leave(PEER4, 54, 60), 20);
	assert_int_equal(leave(PEER4, 53, 100), 80);
	/* Another one in a slot that was his has nothing of it. */
	meet(stranger(1), 54);
	assert_int_equal(leave(stranger(1), 54, 100), 80);
}

/* Of 400 MB each CPU sends more than all: not one frame more leaves, none is counted wrong. */
static void test_two_cpus(void **state)
{
	struct crmg_row row;

	(void)state;
	begin(55);
	leave_on_two_cpus(PEER4, PEER4, 55, 500000);
	row = crmg_rig_row(rig, "both", "both");
	assert_int_equal(row.bytes_out, 400000000);
	assert_int_equal(row.packets_out + row.dropped_out, 1000000);
	assert_int_equal(crmg_rig_detail(rig, "both", PEER4)->bytes_out, row.bytes_out);
}

/* While other CPUs are always faster nothing is charged, and nothing passes. */
static void test_contended(void **state)
{
	const struct crmg_test_packet p = asking(PEER4, 443);

	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 400), 400);
	crmg_rig_set_contended(rig, true);
	assert_false(leaves(PEER4, 443, 1000));
	crmg_rig_set_contended(rig, false);
	assert_int_equal(crmg_rig_refused(rig, "cut", PEER4), CRMG_REASON_CONTENTION);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);
	assert_int_equal(leave(PEER4, 443, 900), 400);
}

static int set_up(void **state)
{
	(void)state;
	apply(cut_policy);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_cut_arriving),
		cmocka_unit_test(test_no_edge),
		cmocka_unit_test(test_four_windows),
		cmocka_unit_test(test_slow_drip),
		cmocka_unit_test(test_super_packets),
		cmocka_unit_test(test_families),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_given_way),
		cmocka_unit_test(test_two_cpus),
		cmocka_unit_test(test_contended),
	};

	return cmocka_run_group_tests_name("quota", tests, set_up, tear_down);
}
