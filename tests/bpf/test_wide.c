// SPDX-License-Identifier: GPL-2.0
/*
 * test_wide.c - budgets of bytes that leave which the sources of a wider prefix share, through
 * the programs. Of all sources together: test_totals.c.
 */
#include "leaving.h"

#define OTHER4   CRMG_TEST_V4(203, 0, 113, 8)
#define THIRD4   CRMG_TEST_V4(203, 0, 113, 9)
#define FOREIGN4 CRMG_TEST_V4(203, 0, 114, 7)
#define OTHER6   CRMG_TEST_V6(0x20010db800070099, 7)
#define FOREIGN6 CRMG_TEST_V6(0x20010db800080000, 7)

/* One source of the n-th /24. */
#define AWAY(n) stranger((n) << 8 | 1)

/* A table of 128 prefixes, eight a line. */
static const char services[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  cut: {ports: [443]}\n"
	"  all: {ports: [444], total: {on_budget: cut, limits: {" QUOTA("1600kB") "}}}\n"
	"  alert: {ports: [445]}\n"
	"  shadow: {ports: [446]}\n"
	"  web: {ports: [447]}\n"
	"  dns: {ports: [53], transport: udp}\n"
	"  cpus: {ports: [54], transport: udp}\n"
	"policies:\n"
	"  - {name: all, service: all, on_budget: cut, limits: {" QUOTA("400kB") "},\n"
	"     aggregate: {limits: {" QUOTA("800kB") "}}, total: {limits: {" QUOTA("1200kB") "}}}\n"
	"  - {name: alert, service: alert, aggregate: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: shadow, service: shadow, mode: shadow, on_budget: cut,\n"
	"     aggregate: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: web, service: web, on_budget: cut, aggregate: {limits: {" QUOTA("80kB") "}}}\n"
	"  - {name: dns, service: dns, on_budget: cut, aggregate: {limits: {" QUOTA("80kB") "}}}\n"
	"  - {name: cpus, service: cpus, on_budget: cut,\n"
	"     aggregate: {limits: {bytes_out: [{quota: 400MB, per: 1h}]}}}\n";

#define CUT(widths, quota) \
	"  - {name: cut, service: cut, on_budget: cut, aggregate: {" widths "limits: {" QUOTA(quota) "}}}\n"

static void apply(const char *more)
{
	put_in_force(services, more);
}

/* Later than anything that an earlier test had sent, with clients that are known. */
static void begin(uint16_t port)
{
	crmg_rig_forget(rig);
	at(now + 10 * 60 * CRMG_NS_PER_SEC);
	meet(PEER4, port);
	meet(OTHER4, port);
	meet(FOREIGN4, port);
}

/* Of the prefix, not of the source that came last. */
static void check_event(uint64_t seq, enum crmg_event_kind kind, enum crmg_verdict verdict)
{
	static const struct crmg_addr prefix = CRMG_TEST_V4(203, 0, 113, 0);
	const struct crmg_event *event = crmg_rig_event(rig, seq);

	assert_int_equal(event->kind, kind);
	assert_int_equal(event->reason, CRMG_REASON_AGGREGATE);
	assert_int_equal(event->verdict, verdict);
	assert_int_equal(event->len, 96 + 24);
	assert_memory_equal(&event->addr, &prefix, sizeof(prefix));
}

/* Two neighbours use up together what neither does alone; then their prefix waits, no other. */
static void test_cut(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "cut", "cut"), is;
	uint64_t head;

	(void)state;
	begin(443);
	head = crmg_rig_event_head(rig);
	assert_int_equal(leave(PEER4, 443, 500), 500);
	assert_int_equal(leave(OTHER4, 443, 400), 300);
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(is.bytes_out - was.bytes_out, 800000);
	assert_int_equal(is.reasons[CRMG_REASON_AGGREGATE] - was.reasons[CRMG_REASON_AGGREGATE], 100);
	assert_int_equal(is.budgets_notified - was.budgets_notified, 1);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	assert_int_equal(crmg_rig_detail(rig, "cut", PEER4)->bytes_out, 500000);
	assert_int_equal(crmg_rig_refused(rig, "cut", OTHER4), CRMG_REASON_AGGREGATE);
	check_event(head + 1, CRMG_EVENT_BUDGET, CRMG_VERDICT_PASS);
	check_event(head + 2, CRMG_EVENT_EXCEEDED, CRMG_VERDICT_RESET);

	/* Requests of the prefix, those too that never came before. */
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 100), XDP_DROP);
	assert_int_equal(arrives(THIRD4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 0), XDP_PASS);
	assert_int_equal(arrives(FOREIGN4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(leave(FOREIGN4, 443, 900), 800);
	at(now + 59 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	at(now + 2 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(leave(THIRD4, 443, 900), 800);
}

static void test_ipv6(void **state)
{
	(void)state;
	begin(443);
	meet(PEER6, 443);
	assert_int_equal(leave(PEER6, 443, 500), 500);
	assert_int_equal(leave(OTHER6, 443, 400), 300);
	assert_int_equal(arrives(OTHER6, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(leave(FOREIGN6, 443, 900), 800);
}

/* What one budget refuses is charged to no other. */
static void test_all_or_none(void **state)
{
	(void)state;
	begin(444);
	meet(THIRD4, 444);
	assert_int_equal(leave(PEER4, 444, 500), 400);
	assert_int_equal(crmg_rig_refused(rig, "all", PEER4), CRMG_REASON_BYTES_OUT);
	assert_int_equal(leave(OTHER4, 444, 300), 300);
	assert_int_equal(leave(THIRD4, 444, 300), 100);
	assert_int_equal(crmg_rig_refused(rig, "all", THIRD4), CRMG_REASON_AGGREGATE);
	/* Of the total 400 kB are left; 300 had been refused to others. */
	assert_int_equal(leave(FOREIGN4, 444, 500), 400);
	at(now + 61 * CRMG_NS_PER_SEC);
	assert_int_equal(leave(THIRD4, 444, 500), 400);
	assert_int_equal(leave(OTHER4, 444, 500), 400);
}

/* alert: everything passes and is told; shadow: counted. */
static void test_modes(void **state)
{
	struct crmg_row was, is;
	uint64_t head;

	(void)state;
	begin(445);
	was = crmg_rig_row(rig, "alert", "alert");
	head = crmg_rig_event_head(rig);
	assert_int_equal(leave(PEER4, 445, 900), 900);
	assert_int_equal(arrives(PEER4, 445, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "alert", "alert");
	assert_int_equal(is.bytes_out - was.bytes_out, 900000);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	check_event(head + 1, CRMG_EVENT_BUDGET, CRMG_VERDICT_PASS);
	check_event(head + 2, CRMG_EVENT_EXCEEDED, CRMG_VERDICT_PASS);

	begin(446);
	assert_int_equal(leave(PEER4, 446, 900), 900);
	assert_int_equal(arrives(OTHER4, 446, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "shadow", "shadow");
	assert_int_equal(is.would_drop[CRMG_REASON_AGGREGATE], 101);
	assert_int_equal(is.reasons[CRMG_REASON_AGGREGATE], 0);
}

/* Handshakes of any number of prefixes, which can be forged, take no place. */
static void test_handshakes(void **state)
{
	struct crmg_test_packet p = {
		.src = SERVER4, .sport = 447, .dport = 40000, .protocol = IPPROTO_TCP,
		.tcp_flags = CRMG_TEST_SYN | CRMG_TEST_ACK,
	};
	unsigned int used;

	(void)state;
	begin(447);
	used = crmg_rig_wides(rig);
	for (uint32_t n = 0; n < 100; n++) {
		p.dst = AWAY(n);
		assert_int_equal((int)crmg_rig_tc_packet(rig, &p), TC_ACT_UNSPEC);
	}
	assert_int_equal(crmg_rig_wides(rig), used);
	assert_true(leaves(AWAY(0), 447, 1000));
	assert_int_equal(crmg_rig_wides(rig), used + 1);
}

/* In a full table who has used little gives way, and nobody who has used an eighth or more. */
static void test_full(void **state)
{
	uint64_t full;

	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 900), 800);
	assert_int_equal(leave(FOREIGN4, 443, 110), 110);
	full = crmg_rig_host(rig, CRMG_HOST_AGGREGATES_FULL);
	for (uint32_t n = 0; n < 2000; n++)
		assert_int_equal(leave(AWAY(n), 443, 1), 1);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_AGGREGATES_FULL), full);
	assert_int_equal(crmg_rig_wides(rig), 128);
	assert_int_equal(leave(PEER4, 443, 10), 0);
	assert_int_equal(arrives(OTHER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(leave(FOREIGN4, 443, 900), 690);

	/* Where all have, a packet is counted, and passes. */
	for (uint32_t n = 0; n < 200; n++)
		assert_int_equal(leave(AWAY(n), 443, 110), 110);
	assert_true(crmg_rig_host(rig, CRMG_HOST_AGGREGATES_FULL) > full);
	assert_int_equal(crmg_rig_scratch(rig)->aggregates_full_ns, now);
	at(now + 61 * CRMG_NS_PER_SEC);
	full = crmg_rig_host(rig, CRMG_HOST_AGGREGATES_FULL);
	for (uint32_t n = 1000; n < 1200; n++)
		assert_int_equal(leave(AWAY(n), 443, 1), 1);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_AGGREGATES_FULL), full);
}

/* Who was sent something last stays longest. */
static void test_oldest(void **state)
{
	uint32_t n;

	(void)state;
	begin(53);
	for (n = 100; n < 500; n++)
		assert_true(leaves(AWAY(n), 53, 9000));
	at(now + 2 * CRMG_NS_PER_SEC);
	/* So few that no line of eight gets more than it has, whatever the key of the hash. */
	for (n = 0; n < 8; n++)
		assert_true(leaves(AWAY(n), 53, 9000));
	at(now + 2 * CRMG_NS_PER_SEC);
	for (n = 500; n < 504; n++)
		assert_true(leaves(AWAY(n), 53, 9000));
	for (n = 0; n < 8; n++)
		assert_int_equal(leave(AWAY(n), 53, 100), 71);
}

/* The address of a prefix and that of a wider one around it are the same: the prefixes are not. */
static void test_nested(void **state)
{
	const struct crmg_addr first = CRMG_TEST_V4(203, 0, 112, 7);

	(void)state;
	begin(443);
	meet(first, 443);
	assert_int_equal(leave(first, 443, 900), 800);
	apply(CUT("ipv4: 20, ", "800kB"));
	assert_int_equal(leave(first, 443, 500), 500);
	assert_int_equal(leave(PEER4, 443, 500), 300);
	apply(CUT("", "800kB"));
	assert_int_equal(leave(first, 443, 10), 0);
}

/* A changed quota goes on from what was sent; another width, or name, begins anew. */
static void test_switch(void **state)
{
	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 900), 800);
	apply(CUT("", "1600kB"));
	assert_in_range(leave(OTHER4, 443, 1000), 600, 800);
	apply(CUT("", "800kB"));
	assert_int_equal(leave(PEER4, 443, 10), 0);
	apply(CUT("ipv4: 20, ", "800kB"));
	assert_int_equal(leave(PEER4, 443, 500), 500);
	assert_int_equal(leave(FOREIGN4, 443, 500), 300);
	apply("");
	apply(CUT("", "800kB"));
	assert_int_equal(leave(PEER4, 443, 900), 800);
}

/* While other CPUs are always faster nothing is charged, and what may be cut does not pass. */
static void test_contended(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "cut", "cut"), is;

	(void)state;
	begin(443);
	meet(PEER4, 445);
	crmg_rig_set_contended(rig, true);
	assert_false(leaves(PEER4, 443, 1000));
	assert_true(leaves(PEER4, 445, 1000));
	crmg_rig_set_contended(rig, false);
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(is.reasons[CRMG_REASON_CONTENTION] - was.reasons[CRMG_REASON_CONTENTION], 1);
	assert_int_equal(leave(PEER4, 443, 400), 400);
	crmg_rig_set_contended(rig, true);
	assert_false(leaves(PEER4, 443, 1000));
	crmg_rig_set_contended(rig, false);
	assert_int_equal(leave(OTHER4, 443, 900), 400);
}

/* Both CPUs want the first place of one prefix, and of 400 MB not one frame more leaves. */
static void test_two_cpus(void **state)
{
	struct crmg_row row;

	(void)state;
	begin(54);
	leave_on_two_cpus(stranger(1), stranger(2), 54, 500000);
	row = crmg_rig_row(rig, "cpus", "cpus");
	assert_true(row.bytes_out <= 400000000);
	assert_true(row.bytes_out + 1000 * row.reasons[CRMG_REASON_CONTENTION] >= 400000000);
	assert_int_equal(row.packets_out + row.dropped_out, 1000000);
}

static int set_up(void **state)
{
	(void)state;
	apply(CUT("", "800kB"));
	at(START_NS);
	carried = 10;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_ipv6),
		cmocka_unit_test(test_all_or_none),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_handshakes),
		cmocka_unit_test(test_full),
		cmocka_unit_test(test_oldest),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_contended),
		cmocka_unit_test(test_two_cpus),
	};

	return cmocka_run_group_tests_name("wide", tests, set_up, tear_down);
}
