// SPDX-License-Identifier: GPL-2.0
/*
 * test_confirm.c - A13: the edge of an apply that waits to be confirmed. The packet path itself
 * goes back to the policy before, at the deadline and not a nanosecond earlier; at all three
 * hooks, for sources that it knows and for others.
 */
#include "bpf_test.h"

#include <linux/pkt_cls.h>

#define HOUR_NS (3600 * CRMG_NS_PER_SEC)
#define YEAR_NS (365 * 24 * HOUR_NS)

/* Told apart by: 443 is open or denied, and what leaves from 444 is counted or not. */
static const char old_policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  gone: {transport: tcp, ports: [444]}\n"
	"policies:\n"
	"  - {name: public, service: api, clients: any, limits: {packets: {rate: 1M/s}}}\n";

static const char new_policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"policies:\n"
	"  - {name: public, service: api, clients: any, deny: true}\n";

enum policy { OLD, NEW };

static struct crmg_rig *rig;

/* At this time every packet is under that policy. */
static void expect_at(uint64_t ns, enum policy policy, const char *when)
{
	const struct crmg_test_packet leaving = {
		.src = SERVER4, .dst = PEER4, .sport = 444, .dport = 40000,
		.protocol = IPPROTO_TCP, .tcp_flags = CRMG_TEST_ACK,
	};
	const uint32_t action = policy == OLD ? XDP_PASS : XDP_DROP;
	static uint32_t number;
	struct crmg_row was;

	crmg_rig_set_clock(rig, ns);
	for (int tc_ingress = 0; tc_ingress < 2; tc_ingress++) {
		const struct crmg_test_packet packets[] = {
			tcp_packet(PEER4, 443, CRMG_TEST_ACK), tcp_packet(PEER6, 443, CRMG_TEST_ACK),
			tcp_packet(stranger(++number), 443, CRMG_TEST_SYN),
		};

		crmg_rig_set_tc_ingress(rig, tc_ingress);
		for (size_t i = 0; i < CRMG_ARRAY_SIZE(packets); i++)
			if (crmg_rig_xdp_packet(rig, &packets[i]) != action)
				fail_msg("%s, packet %zu at %s: not under the %s policy", when, i,
					 tc_ingress ? "TC" : "XDP", policy == OLD ? "old" : "new");
	}
	crmg_rig_set_tc_ingress(rig, false);
	was = crmg_rig_total(rig);
	assert_int_equal((int)crmg_rig_tc_packet(rig, &leaving), TC_ACT_UNSPEC);
	if (crmg_rig_total(rig).packets_out - was.packets_out != (policy == OLD))
		fail_msg("%s: what leaves is not under the %s policy", when,
			 policy == OLD ? "old" : "new");
}

/* The old policy in force, its sources known, then the new one for an hour: until when. */
static uint64_t pending(void)
{
	uint64_t until;

	expect_at(HOUR_NS, OLD, "before the apply");
	until = crmg_rig_apply_for(rig, new_policy, HOUR_NS);
	assert_true(until > HOUR_NS);
	return until;
}

static void test_a13_deadline(void **state)
{
	uint64_t until = pending();

	(void)state;
	expect_at(until - HOUR_NS, NEW, "after the apply");
	expect_at(until - 1, NEW, "a nanosecond before the deadline");
	expect_at(until, OLD, "at the deadline");
	expect_at(until + 1, OLD, "a nanosecond after the deadline");
	expect_at(until + YEAR_NS, OLD, "a year later");
	/* Another CPU's reading of the clock may be older. */
	expect_at(until - 1, NEW, "a nanosecond before the deadline again");
}

static void test_a13_confirmed(void **state)
{
	uint64_t until = pending();

	(void)state;
	crmg_rig_confirm(rig);
	expect_at(until - 1, NEW, "confirmed");
	expect_at(until, NEW, "confirmed, at the deadline");
	expect_at(until + YEAR_NS, NEW, "confirmed, a year later");
}

static void test_a13_rolled_back(void **state)
{
	uint64_t until = pending();

	(void)state;
	crmg_rig_rollback(rig);
	expect_at(HOUR_NS, OLD, "rolled back, at the time of the apply");
	expect_at(until - 1, OLD, "rolled back");
	expect_at(until, OLD, "rolled back, at the deadline");
}

/* An apply that is for good has no deadline, also after one that had. */
static void test_for_good(void **state)
{
	uint64_t until = pending();

	(void)state;
	crmg_rig_rollback(rig);
	crmg_rig_apply(rig, new_policy);
	expect_at(until, NEW, "applied for good");
	expect_at(until + YEAR_NS, NEW, "applied for good, a year later");
}

static int setup(void **state)
{
	(void)state;
	rig = crmg_rig_new(old_policy);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crmg_rig_free(&rig);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_a13_deadline, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a13_confirmed, setup, teardown),
		cmocka_unit_test_setup_teardown(test_a13_rolled_back, setup, teardown),
		cmocka_unit_test_setup_teardown(test_for_good, setup, teardown),
	};

	return cmocka_run_group_tests_name("confirm", tests, NULL, NULL);
}
