// SPDX-License-Identifier: GPL-2.0
/*
 * test_totals.c - budgets of bytes that leave which all sources of a policy or of a service share,
 * through the programs. What one source has for itself: test_quota.c.
 */
#include "leaving.h"

#define OTHER4   CRMG_TEST_V4(203, 0, 113, 8)
#define THIRD4   CRMG_TEST_V4(203, 0, 113, 9)
#define ALLOWED4 CRMG_TEST_V4(192, 0, 2, 99)
#define PARTNER4 CRMG_TEST_V4(198, 51, 100, 7)

static const char services[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  cut: {ports: [443]}\n"
	"  both: {ports: [444]}\n"
	"  alert: {ports: [445]}\n"
	"  shadow: {ports: [446]}\n"
	"  off: {ports: [447]}\n"
	"  whole: {ports: [448],\n"
	"    total: {on_budget: cut, notify_at: 50%, limits: {" QUOTA("1600kB") "}}}\n"
	"  told: {ports: [449], total: {limits: {" QUOTA("400kB") "}}}\n"
	"  dns: {ports: [53], transport: udp}\n"
	"  cpus: {ports: [54], transport: udp}\n"
	"clients:\n"
	"  partners: {prefixes: [198.51.100.0/24]}\n"
	"allow: [192.0.2.99]\n"
	"policies:\n"
	"  - {name: both, service: both, on_budget: cut, limits: {" QUOTA("400kB") "},\n"
	"     total: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: alert, service: alert, total: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: shadow, service: shadow, mode: shadow, on_budget: cut,\n"
	"     total: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: off, service: off, mode: off, on_budget: cut,\n"
	"     total: {limits: {" QUOTA("800kB") "}}}\n"
	"  - {name: partners, service: [whole, told], clients: partners, on_budget: cut,\n"
	"     limits: {" QUOTA("800kB") "}}\n"
	"  - {name: dns, service: dns, on_budget: cut, total: {limits: {" QUOTA("80kB") "}}}\n"
	"  - {name: cpus, service: cpus, on_budget: cut,\n"
	"     total: {limits: {bytes_out: [{quota: 400MB, per: 1h}]}}}\n";

#define CUT(quota) \
	"  - {name: cut, service: cut, on_budget: cut, total: {limits: {" QUOTA(quota) "}}}\n"

static void apply(const char *more)
{
	put_in_force(services, more);
}

/* Later than anything that an earlier test had sent, with both clients known. */
static void begin(uint16_t port)
{
	crmg_rig_forget(rig);
	at(now + 10 * 60 * CRMG_NS_PER_SEC);
	meet(PEER4, port);
	meet(OTHER4, port);
}

static void check_event(uint64_t seq, enum crmg_event_kind kind, enum crmg_verdict verdict,
			const char *policy)
{
	const struct crmg_event *event = crmg_rig_event(rig, seq);

	assert_int_equal(event->kind, kind);
	assert_int_equal(event->reason, CRMG_REASON_TOTAL);
	assert_int_equal(event->verdict, verdict);
	assert_int_equal(event->len, 0);
	assert_string_equal(event->policy, policy);
}

/* Two clients use up together what neither does alone; then everybody waits, and nobody longer. */
static void test_cut(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "cut", "cut"), is;
	uint64_t head, resets = crmg_rig_host(rig, CRMG_HOST_RESETS);

	(void)state;
	begin(443);
	head = crmg_rig_event_head(rig);
	assert_int_equal(leave(PEER4, 443, 500), 500);
	assert_int_equal(leave(OTHER4, 443, 400), 300);
	assert_false(leaves(PEER4, 443, 80));
	is = crmg_rig_row(rig, "cut", "cut");
	assert_int_equal(is.bytes_out - was.bytes_out, 800000);
	assert_int_equal(is.dropped_out - was.dropped_out, 101);
	assert_int_equal(is.reasons[CRMG_REASON_TOTAL] - was.reasons[CRMG_REASON_TOTAL], 101);
	assert_int_equal(is.budgets_notified - was.budgets_notified, 1);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	assert_int_equal(crmg_rig_detail(rig, "cut", PEER4)->bytes_out, 500000);
	assert_int_equal(crmg_rig_detail(rig, "cut", OTHER4)->bytes_out, 300000);
	check_event(head + 1, CRMG_EVENT_BUDGET, CRMG_VERDICT_PASS, "cut");
	check_event(head + 2, CRMG_EVENT_EXCEEDED, CRMG_VERDICT_RESET, "cut");

	assert_true(crmg_rig_host(rig, CRMG_HOST_RESETS) > resets);

	/* Requests of all, those too that never came before, and of no other service. */
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 100), XDP_DROP);
	assert_int_equal(arrives(THIRD4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_ACK | CRMG_TEST_FIN, 0), XDP_PASS);
	assert_int_equal(arrives(PEER4, 447, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(crmg_rig_refused(rig, "cut", PEER4), CRMG_REASON_TOTAL);
	at(now + 59 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_false(leaves(PEER4, 443, 80));
	at(now + 2 * CRMG_NS_PER_SEC);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(leave(OTHER4, 443, 900), 800);
}

/* The allow list is charged nothing, and goes on. */
static void test_allow(void **state)
{
	(void)state;
	begin(448);
	meet(ALLOWED4, 448);
	assert_int_equal(leave(ALLOWED4, 448, 2000), 2000);
	assert_int_equal(leave(PEER4, 448, 1700), 1600);
	assert_int_equal(leave(ALLOWED4, 448, 10), 10);
	assert_int_equal(arrives(ALLOWED4, 448, CRMG_TEST_SYN, 0), XDP_PASS);
}

/* What one budget refuses is charged to no other: of a source to the total, and back. */
static void test_all_or_none(void **state)
{
	(void)state;
	begin(444);
	meet(THIRD4, 444);
	assert_int_equal(leave(PEER4, 444, 500), 400);
	assert_int_equal(crmg_rig_refused(rig, "both", PEER4), CRMG_REASON_BYTES_OUT);
	assert_int_equal(leave(OTHER4, 444, 100), 100);
	assert_int_equal(leave(THIRD4, 444, 350), 300);
	assert_int_equal(crmg_rig_refused(rig, "both", THIRD4), CRMG_REASON_TOTAL);
	assert_int_equal(leave(OTHER4, 444, 300), 0);
	/* A minute after the first of them: 400 kB are free; 300 had been refused to this one. */
	at(now + 61 * CRMG_NS_PER_SEC);
	assert_int_equal(leave(OTHER4, 444, 500), 400);
}

/* alert: everything passes and is told. */
static void test_alert(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "alert", "alert"), is;
	uint64_t head;

	(void)state;
	begin(445);
	head = crmg_rig_event_head(rig);
	assert_int_equal(leave(PEER4, 445, 900), 900);
	assert_int_equal(arrives(PEER4, 445, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "alert", "alert");
	assert_int_equal(is.bytes_out - was.bytes_out, 900000);
	assert_int_equal(is.dropped_out, was.dropped_out);
	assert_int_equal(is.budgets_exceeded - was.budgets_exceeded, 1);
	check_event(head + 1, CRMG_EVENT_BUDGET, CRMG_VERDICT_PASS, "alert");
	check_event(head + 2, CRMG_EVENT_EXCEEDED, CRMG_VERDICT_PASS, "alert");
}

static void test_modes(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "shadow", "shadow"), is;

	(void)state;
	begin(446);
	assert_int_equal(leave(PEER4, 446, 900), 900);
	assert_int_equal(arrives(OTHER4, 446, CRMG_TEST_SYN, 0), XDP_PASS);
	is = crmg_rig_row(rig, "shadow", "shadow");
	assert_int_equal(is.would_drop[CRMG_REASON_TOTAL] - was.would_drop[CRMG_REASON_TOTAL], 101);
	assert_int_equal(is.reasons[CRMG_REASON_TOTAL], 0);
	begin(447);
	assert_int_equal(leave(PEER4, 447, 900), 900);
	is = crmg_rig_row(rig, "off", "off");
	assert_int_equal(is.would_drop[CRMG_REASON_TOTAL] + is.budgets_exceeded, 0);
	begin(443);
	leave(PEER4, 443, 801);
	crmg_rig_panic(rig, true);
	assert_int_equal(leave(PEER4, 443, 10), 10);
	assert_int_equal(arrives(PEER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	crmg_rig_panic(rig, false);
	assert_int_equal(leave(PEER4, 443, 10), 0);
}

/* A service: all its policies together, and who has none; it says itself what comes of it. */
static void test_service(void **state)
{
	struct crmg_row is;
	uint64_t head;

	(void)state;
	begin(448);
	meet(PARTNER4, 448);
	head = crmg_rig_event_head(rig);
	assert_int_equal(leave(PARTNER4, 448, 600), 600);
	assert_int_equal(leave(PEER4, 448, 1100), 1000);
	check_event(head + 1, CRMG_EVENT_BUDGET, CRMG_VERDICT_PASS, "none");
	is = crmg_rig_row(rig, "whole", "none");
	assert_true(is.reasons[CRMG_REASON_TOTAL] > 0);
	assert_int_equal(arrives(PARTNER4, 448, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(arrives(PEER4, 448, CRMG_TEST_SYN, 0), XDP_DROP);
	assert_int_equal(leave(PARTNER4, 448, 100), 0);
	at(now + 61 * CRMG_NS_PER_SEC);
	/* It was refused 100 000 bytes by the service, and is not charged with them. */
	assert_int_equal(leave(PARTNER4, 448, 900), 800);
}

/* One that only tells, and is used up, keeps no other from being charged. */
static void test_told(void **state)
{
	(void)state;
	begin(449);
	meet(PARTNER4, 449);
	assert_int_equal(leave(PEER4, 449, 500), 500);
	assert_int_equal(leave(PARTNER4, 449, 900), 800);
	assert_int_equal(arrives(PEER4, 449, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_int_equal(arrives(PARTNER4, 449, CRMG_TEST_SYN, 0), XDP_DROP);
}

/* Who never sent anything takes from it too; a large packet is no reason to cut. */
static void test_strangers(void **state)
{
	unsigned int left = 0;

	(void)state;
	begin(53);
	for (uint32_t n = 0; n < 30; n++)
		left += leaves(stranger(n), 53, 1000);
	assert_int_equal(left, 30);
	assert_null(crmg_rig_slot(rig, "dns", stranger(1)));
	assert_false(leaves_as(stranger(40), 53, 60000, 42));
	assert_int_equal(leave(stranger(41), 53, 60), 50);
	assert_int_equal(arrives(stranger(42), 53, 0, 20), XDP_DROP);
}

/* A changed quota goes on from what was sent, and lets in at once; a new name begins anew. */
static void test_switch(void **state)
{
	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 900), 800);
	assert_int_equal(arrives(OTHER4, 443, CRMG_TEST_SYN, 0), XDP_DROP);
	apply(CUT("1600kB"));
	assert_int_equal(arrives(OTHER4, 443, CRMG_TEST_SYN, 0), XDP_PASS);
	assert_in_range(leave(OTHER4, 443, 1000), 600, 800);
	apply(CUT("800kB"));
	assert_int_equal(leave(PEER4, 443, 10), 0);
	apply("");
	apply(CUT("800kB"));
	assert_int_equal(leave(PEER4, 443, 900), 800);
}

/* While other CPUs are always faster nothing is charged, and nothing passes. */
static void test_contended(void **state)
{
	(void)state;
	begin(443);
	assert_int_equal(leave(PEER4, 443, 400), 400);
	crmg_rig_set_contended(rig, true);
	assert_false(leaves(PEER4, 443, 1000));
	crmg_rig_set_contended(rig, false);
	assert_int_equal(crmg_rig_refused(rig, "cut", PEER4), CRMG_REASON_CONTENTION);
	assert_int_equal(leave(OTHER4, 443, 900), 400);
}

/* Of 400 MB each CPU sends more than all: not one frame more leaves, none is counted wrong. */
static void test_two_cpus(void **state)
{
	struct crmg_row row;

	(void)state;
	begin(54);
	meet(stranger(0), 54);
	meet(stranger(1), 54);
	leave_on_two_cpus(stranger(0), stranger(1), 54, 500000);
	row = crmg_rig_row(rig, "cpus", "cpus");
	assert_true(row.bytes_out <= 400000000);
	/* What was refused as CPUs were too slow is refused, and not charged. */
	assert_true(row.bytes_out + 1000 * row.reasons[CRMG_REASON_CONTENTION] >= 400000000);
	assert_int_equal(row.packets_out + row.dropped_out, 1000000);
	assert_int_equal(crmg_rig_detail(rig, "cpus", stranger(0))->bytes_out +
			 crmg_rig_detail(rig, "cpus", stranger(1))->bytes_out, row.bytes_out);
}

static int set_up(void **state)
{
	(void)state;
	apply(CUT("800kB"));
	at(START_NS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_allow),
		cmocka_unit_test(test_all_or_none),
		cmocka_unit_test(test_alert),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_service),
		cmocka_unit_test(test_told),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_switch),
		cmocka_unit_test(test_contended),
		cmocka_unit_test(test_two_cpus),
	};

	return cmocka_run_group_tests_name("totals", tests, set_up, tear_down);
}
