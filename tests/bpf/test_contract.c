// SPDX-License-Identifier: GPL-2.0
/*
 * test_contract.c - the packet path itself judges whether a client's contract holds: at the
 * second of its end, at the edges of its hours, over a change to summer time; at all three
 * hooks, for sources that it knows and for others. Outside it the policy for `any` holds.
 */
#include "bpf_test.h"

#include <stdio.h>
#include <time.h>

/* The dates are of next year: offsets of a zone are known from the day of the apply on. */
static const char policy_format[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"clients:\n"
	"  ending: {prefixes: [203.0.113.7/32], valid_until: %d-03-31}\n"
	"  office: {prefixes: [\"2001:db8:7::/48\"], owner: ACME,\n"
	"           hours: \"Mon-Fri 07:00-20:00 Europe/Paris\"}\n"
	"  closed: {prefixes: [10.0.0.0/24], hours: \"Sat,Sun 00:00-24:00 UTC\"}\n"
	"policies:\n"
	"  - {name: partners, service: api, clients: [ending, office], limits: {packets: {rate: 1M/s}}}\n"
	"  - {name: closed, service: api, clients: closed, deny: true}\n"
	"  - {name: public, service: api, clients: any, limits: {bytes: {rate: 1GB/s}}}\n";

#define HOUR            3600
#define DAY             86400

static int year;		/* the next one */
static uint64_t end_s;		/* of the 31st of March */

/* Midnight (UTC) of the first Monday of a month, from 1 on. */
static uint64_t first_monday(int month)
{
	struct tm tm = { .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = 1 };
	time_t first = timegm(&tm);

	return first + (8 - tm.tm_wday) % 7 * DAY;
}

static void find_dates(void)
{
	time_t now = time(NULL);
	struct tm tm = { .tm_mon = 3, .tm_mday = 1 };

	year = gmtime(&now)->tm_year + 1901;
	tm.tm_year = year - 1900;
	end_s = timegm(&tm);
}

static struct crmg_rig *rig;

static uint64_t judged_by(const char *name)
{
	const struct crmg_row row = crmg_rig_row(rig, "api", name);

	return row.packets[CRMG_VERDICT_PASS] + row.packets[CRMG_VERDICT_DROP] + row.packets_out;
}

/* At that second every packet from and to the source is under the policy of that name. */
static void expect_at(uint64_t wall_s, struct crmg_addr source, const char *name,
		      const char *when)
{
	const struct crmg_test_packet leaving = {
		.src = source.hi ? SERVER6 : SERVER4, .dst = source, .sport = 443, .dport = 40000,
		.protocol = IPPROTO_TCP, .tcp_flags = CRMG_TEST_ACK,
	};
	const struct crmg_test_packet arriving = tcp_packet(source, 443, CRMG_TEST_ACK);

	crmg_rig_set_wall(rig, wall_s);
	for (int round = 0; round < 2; round++) {
		uint64_t before = judged_by(name);

		for (int tc_ingress = 0; tc_ingress < 2; tc_ingress++) {
			crmg_rig_set_tc_ingress(rig, tc_ingress);
			crmg_rig_xdp_packet(rig, &arriving);
		}
		crmg_rig_set_tc_ingress(rig, false);
		crmg_rig_tc_packet(rig, &leaving);
		if (judged_by(name) != before + 3)
			fail_msg("%s, round %d: %llu of 3 packets are under %s", when, round,
				 (unsigned long long)(judged_by(name) - before), name);
	}
}

static void test_end(void **state)
{
	const uint64_t monday = first_monday(1);

	(void)state;
	expect_at(monday, PEER4, "partners", "long before the end");
	expect_at(end_s - 1, PEER4, "partners", "in the last second");
	expect_at(end_s, PEER4, "public", "at the end");
	expect_at(end_s + 400 * DAY, PEER4, "public", "a year later");
	/* The clock on the wall was set back. */
	expect_at(monday, PEER4, "partners", "before the end again");
}

/* A source that the table meets only after the end; and that is denied. */
static void test_strangers(void **state)
{
	const uint64_t monday = first_monday(1);

	(void)state;
	expect_at(end_s, PEER4, "public", "first seen after the end");
	expect_at(monday, stranger(1), "public", "denied on other days");
	expect_at(monday - DAY, stranger(1), "closed", "denied on Sunday");
	expect_at(monday - 2 * DAY, stranger(2), "closed", "denied on Saturday");
	expect_at(monday - 2 * DAY - 1, stranger(3), "public", "on Friday still");
}

static void test_hours(void **state)
{
	/* Paris is an hour ahead of UTC in winter, two in summer. */
	const uint64_t winter = first_monday(1), friday = winter + 4 * DAY;
	const uint64_t summer = first_monday(7);

	(void)state;
	expect_at(winter + 6 * HOUR - 1, PEER6, "public", "a second before seven");
	expect_at(winter + 6 * HOUR, PEER6, "partners", "at seven");
	expect_at(winter + 19 * HOUR - 1, PEER6, "partners", "a second before eight");
	expect_at(winter + 19 * HOUR, PEER6, "public", "at eight");
	expect_at(summer + 5 * HOUR - 1, PEER6, "public", "before seven in summer");
	expect_at(summer + 5 * HOUR, PEER6, "partners", "at seven in summer");
	expect_at(summer + 18 * HOUR, PEER6, "public", "at eight in summer");
	expect_at(friday + 12 * HOUR, PEER6, "partners", "on Friday");
	expect_at(friday + DAY + 12 * HOUR, PEER6, "public", "on Saturday");
	expect_at(friday + 2 * DAY + 12 * HOUR, PEER6, "public", "on Sunday");
}

/* Who goes on by the clock of the wall keeps what was counted of him. */
static void test_source_goes_on(void **state)
{
	const struct crmg_slot *slot;

	(void)state;
	expect_at(end_s - 1, PEER4, "partners", "before");
	expect_at(end_s, PEER4, "public", "after");
	slot = crmg_rig_slot(rig, "api", PEER4);
	assert_non_null(slot);
	assert_int_equal(CRMG_TRAFFIC_PACKETS(slot->traffic), 8);
	assert_int_equal(crmg_rig_tracked(rig), 1);
}

static int setup(void **state)
{
	char policy[2048];

	(void)state;
	find_dates();
	snprintf(policy, sizeof(policy), policy_format, year);
	rig = crmg_rig_new(policy);
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
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_strangers, setup, teardown),
		cmocka_unit_test_setup_teardown(test_hours, setup, teardown),
		cmocka_unit_test_setup_teardown(test_source_goes_on, setup, teardown),
	};

	return cmocka_run_group_tests_name("contract", tests, NULL, NULL);
}
