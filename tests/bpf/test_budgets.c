// SPDX-License-Identifier: GPL-2.0
/*
 * test_budgets.c - budgets that sources share: of a wider prefix, of a policy, of
 * a service. Packet by packet against naive buckets, on a clock that the test sets.
 */
#include "bpf_test.h"
#include "rig.h"

#include <stdio.h>

#include "../lib/bucket.h"
#include "../lib/random.h"

#define ACK      CRMG_TEST_ACK

static void start(const char *policy)
{
	rig = crmg_rig_new(policy);
	crmg_rig_set_clock(rig, START_NS);
}

static unsigned int passed_of(struct crmg_addr src, unsigned int offered)
{
	const struct crmg_test_packet p = tcp_packet(src, 443, ACK);

	return volley(rig, &p, offered);
}

static struct crmg_addr in_subnet(uint32_t subnet, uint32_t host)
{
	return stranger(subnet << 8 | host);
}

#define API_OF(sources) "version: 1\n" \
	    "capacity: {sources: " #sources "}\n" \
	    "services: {api: {transport: tcp, ports: [443]}}\n"
#define API API_OF(1024)

/* --------------------------------------------------------- wider prefixes */

/* D6: who rotates through a prefix has the budget of the prefix, and no neighbour's. */
static void test_rotation_is_caught(void **state)
{
	static const uint64_t subnet = 0x20010db80bad0000;
	struct crmg_test_random random = { 6 };
	unsigned int v4 = 0, v6 = 0;

	(void)state;
	/* Room for all, so that nobody is judged as one of many in a full line. */
	start(API_OF(65536) "policies: [{name: public, service: api, "
		  "limits: {packets: {rate: 10/7d, burst: 10}}, "
		  "aggregate: {ipv4: 24, ipv6: 48, limits: {packets: {rate: 50/7d, burst: 50}}}}]\n");
	for (uint32_t n = 0; n < 256; n++)
		v4 += passed_of(in_subnet(1, n), 5);
	for (uint32_t n = 0; n < 20000; n++) {
		struct crmg_addr a = { subnet | crmg_test_below(&random, 65536), n };

		v6 += passed_of(a, 1);
	}
	assert_int_equal(v4, 50);
	assert_int_equal(v6, 50);
	assert_int_equal(passed_of(in_subnet(2, 0), 100), 10);
	assert_int_equal(passed_of(CRMG_TEST_V6(subnet + 0x10000, 1), 100), 10);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_AGGREGATE],
			 256 * 5 - 50 + 20000 - 50);
}

/* The width is the policy's. */
static void test_widths(void **state)
{
	(void)state;
	start(API "policies: [{name: public, service: api, "
		  "aggregate: {ipv4: 22, ipv6: 33, limits: {packets: {rate: 9/7d, burst: 9}}}}]\n");
	assert_int_equal(passed_of(in_subnet(4, 1), 5) + passed_of(in_subnet(7, 1), 9), 9);
	assert_int_equal(passed_of(in_subnet(8, 1), 20), 9);
	assert_int_equal(passed_of(CRMG_TEST_V6(0x20010db800000000, 1), 5) +
			 passed_of(CRMG_TEST_V6(0x20010db87fffffff, 1), 9), 9);
	assert_int_equal(passed_of(CRMG_TEST_V6(0x20010db880000000, 1), 20), 9);
}

/* An apply that changes the rate of an aggregate goes on from the level that it had. */
static void test_changed_aggregate_goes_on(void **state)
{
#define AGGREGATE(n) API "policies: [{name: public, service: api, aggregate: " \
	"{limits: {packets: {rate: " n "/7d, burst: " n "}}}}]\n"
	(void)state;
	start(AGGREGATE("20"));
	assert_int_equal(passed_of(in_subnet(1, 1), 15), 15);
	crmg_rig_apply(rig, AGGREGATE("20") "allow: [192.0.2.99/32]\n");
	assert_int_equal(passed_of(in_subnet(1, 2), 2), 2);
	crmg_rig_apply(rig, AGGREGATE("60"));
	assert_in_range(passed_of(in_subnet(1, 3), 100), 42, 43);
	crmg_rig_apply(rig, AGGREGATE("20"));
	assert_int_equal(passed_of(in_subnet(1, 4), 100), 0);
	assert_int_equal(passed_of(in_subnet(2, 1), 100), 20);
}

/* Who waits in vain for a slot is refused, also where a wider budget would have room. */
static void test_no_slot_in_time(void **state)
{
	(void)state;
	start("version: 1\ncapacity: {sources: 1024}\n"
	      "services: {api: {ports: [443], total: {limits: {connections: {rate: 10/s}}}}}\n"
	      "policies: [{name: public, service: api, limits: {packets: {rate: 5/s}}}]\n");
	crmg_rig_set_contended(rig, true);
	assert_int_equal(passed_of(in_subnet(1, 1), 10), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_CONTENTION], 10);
	crmg_rig_set_contended(rig, false);
	assert_int_equal(passed_of(in_subnet(1, 1), 10), 5);
}

/* A new service that gets the place of one that is gone does not get its total. */
static void test_new_service_has_its_own_total(void **state)
{
#define SERVICE(name) "version: 1\ncapacity: {sources: 1024}\n" \
	"services: {" name ": {ports: [443], total: {limits: {packets: {rate: 20/7d, burst: 20}}}}}\n" \
	"policies: [{name: public, service: " name ", limits: {packets: {rate: 1k/s}}}]\n"
	(void)state;
	start(SERVICE("a"));
	assert_int_equal(passed_of(in_subnet(1, 1), 50), 20);
	crmg_rig_apply(rig, SERVICE("b"));
	assert_int_equal(passed_of(in_subnet(2, 1), 50), 20);
	crmg_rig_apply(rig, SERVICE("c"));
	assert_int_equal(passed_of(in_subnet(3, 1), 50), 20);
}

/* A bucket that was never used is full, however long the host has been up. */
static void test_unused_buckets_are_full(void **state)
{
	static const uint64_t days[] = { 1, 600, 650, 800, 850, 1500 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(days); i++) {
		start("version: 1\ncapacity: {sources: 1024}\n"
		      "services: {api: {ports: [443], total: {limits: {packets: {rate: 40/s}}}}}\n"
		      "policies: [{name: public, service: api, "
		      "total: {limits: {packets: {rate: 30/s}}}, "
		      "aggregate: {limits: {packets: {rate: 20/s}}}}]\n");
		crmg_rig_set_clock(rig, days[i] * 86400 * CRMG_NS_PER_SEC);
		assert_int_equal(passed_of(in_subnet(1, 1), 50), 20);
		assert_int_equal(passed_of(in_subnet(2, 1), 50), 10);
		if (i + 1 < CRMG_ARRAY_SIZE(days))
			crmg_rig_free(&rig);
	}
}

/* The same for totals, of a policy and of a service. */
static void test_changed_total_goes_on(void **state)
{
#define TOTALS(n, m) "version: 1\ncapacity: {sources: 1024}\n" \
	"services: {api: {ports: [443], total: {limits: {packets: {rate: " n "/7d, burst: " n "}}}}}\n" \
	"policies: [{name: public, service: api, total: " \
	"{limits: {packets: {rate: " m "/7d, burst: " m "}}}}]\n"
	(void)state;
	start(TOTALS("20", "100"));
	assert_int_equal(passed_of(in_subnet(1, 1), 15), 15);
	crmg_rig_apply(rig, TOTALS("60", "100"));
	assert_in_range(passed_of(in_subnet(2, 1), 100), 44, 45);
	crmg_rig_apply(rig, TOTALS("1000", "200"));
	assert_in_range(passed_of(in_subnet(3, 1), 1000), 139, 141);
	crmg_rig_apply(rig, TOTALS("60", "100"));
	assert_int_equal(passed_of(in_subnet(4, 1), 100), 0);
}

/* ----------------------------------------------------------------- totals */

/* Everybody is charged to the service's total except allow, and who is refused anyway. */
static void test_who_is_in_the_total(void **state)
{
	const struct crmg_addr allowed = CRMG_TEST_V4(192, 0, 2, 10);
	const struct crmg_addr enemy = CRMG_TEST_V4(198, 51, 100, 9);
	const struct crmg_addr banned = CRMG_TEST_V4(198, 51, 101, 9);
	struct crmg_row none;

	(void)state;
	start("version: 1\n"
	      "capacity: {sources: 1024}\n"
	      "services: {api: {ports: [443], total: {limits: {packets: {rate: 30/7d, burst: 30}}}}}\n"
	      "clients:\n"
	      "  partners: {prefixes: [203.0.113.0/24]}\n"
	      "  enemies: {prefixes: [198.51.100.0/24]}\n"
	      "policies:\n"
	      "  - {name: partners, service: api, clients: partners,\n"
	      "     limits: {packets: {rate: 20/7d, burst: 20}}}\n"
	      "  - {name: enemies, service: api, clients: enemies, deny: true}\n"
	      "allow: [192.0.2.10/32]\n");
	crmg_rig_ban(rig, "198.51.101.0/24", NULL, CRMG_BAN_FOREVER);
	assert_int_equal(passed_of(allowed, 100), 100);
	assert_int_equal(passed_of(enemy, 100) + passed_of(banned, 100), 0);
	assert_int_equal(passed_of(PEER4, 100), 20);
	assert_int_equal(passed_of(stranger(1), 7) + passed_of(stranger(2), 100), 10);
	assert_int_equal(passed_of(allowed, 100), 100);
	none = crmg_rig_row(rig, "api", "none");
	assert_int_equal(none.reasons[CRMG_REASON_NO_POLICY], 10);
	assert_int_equal(none.reasons[CRMG_REASON_TOTAL], 97);
	/* The partner is refused by his own limit, which is asked first. */
	assert_int_equal(crmg_rig_row(rig, "api", "partners").reasons[CRMG_REASON_PACKETS], 80);
	assert_int_equal(passed_of(CRMG_TEST_V4(203, 0, 113, 8), 1), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "partners").reasons[CRMG_REASON_TOTAL], 1);
}

/* In shadow the buckets run as if enforced, and nothing is refused. */
static void test_shadow(void **state)
{
	struct crmg_row row;

	(void)state;
	start(API "policies: [{name: public, service: api, mode: shadow, "
		  "aggregate: {limits: {packets: {rate: 10/7d, burst: 10}}}, "
		  "total: {limits: {packets: {rate: 15/7d, burst: 15}}}}]\n");
	assert_int_equal(passed_of(in_subnet(1, 1), 20) + passed_of(in_subnet(2, 1), 20), 40);
	row = crmg_rig_row(rig, "api", "public");
	assert_int_equal(row.would_drop[CRMG_REASON_AGGREGATE], 10);
	assert_int_equal(row.would_drop[CRMG_REASON_TOTAL], 15);
}

/* --------------------------------------------------------- all or nothing */

/*
 * One scope refills, 5 a second; the others have 15 and refill in a week. Who hammers
 * gets 5 each second, and 15 in all: what was refused cost none of the others anything.
 */
static void check_refusals_are_free(const char *const *scopes, int refills, const char *kind,
				    uint8_t flags)
{
	const struct crmg_test_packet p = tcp_packet(PEER4, 443, flags);
	char limits[4][80], policy[1024];

	for (int i = 0; i < 4; i++)
		snprintf(limits[i], sizeof(limits[i]), "limits: {%s: {rate: %s, burst: %d}}", kind,
			 i == refills ? "5/s" : "15/7d", i == refills ? 5 : 15);
	snprintf(policy, sizeof(policy),
		 "version: 1\ncapacity: {sources: 1024}\n"
		 "services: {api: {ports: [443], total: {%s}}}\n"
		 "policies: [{name: public, service: api, total: {%s}, aggregate: {%s}, %s}]\n",
		 limits[3], limits[2], limits[1], limits[0]);
	start(policy);
	for (unsigned int second = 0; second < 5; second++) {
		unsigned int passed;

		crmg_rig_set_clock(rig, START_NS + second * CRMG_NS_PER_SEC);
		passed = volley(rig, &p, 300);
		if (passed != (second < 3 ? 5u : 0))
			fail_msg("%s of %s, second %u: %u passed", kind, scopes[refills], second,
				 passed);
	}
	crmg_rig_free(&rig);
}

static void test_refusals_are_free(void **state)
{
	static const char *const scopes[] = { "source", "aggregate", "policy", "service" };

	(void)state;
	for (int refills = 0; refills < 4; refills++) {
		check_refusals_are_free(scopes, refills, "connections", CRMG_TEST_SYN);
		check_refusals_are_free(scopes, refills, "packets", ACK);
	}
}

/* ------------------------------------------------------------ shared buckets */

#define BURST   10
#define SUBNETS 2000		/* a table of 1024 sources has 256 buckets for prefixes */

/* A prefix and what it may have at most: a bucket of its own, full at first. */
struct subnet {
	struct crmg_test_bucket bucket;
	uint64_t seen_ns;
};

static void offer(struct subnet *subnet, struct crmg_addr src, unsigned int packets,
		  uint64_t now_ns)
{
	unsigned int passed;

	crmg_rig_set_clock(rig, now_ns);
	passed = passed_of(src, packets);
	crmg_test_refill(&subnet->bucket, now_ns - subnet->seen_ns);
	subnet->seen_ns = now_ns;
	crmg_test_charge(&subnet->bucket, passed);
	/* One unit: what rounding comes to when a bucket passes from hand to hand. */
	if (subnet->bucket.level < -(__int128)subnet->bucket.terms.per_ns)
		fail_msg("a prefix of burst %llu has more than its budget after %lu ms",
			 subnet->bucket.terms.burst, (now_ns - START_NS) / 1000000);
}

/*
 * Many more prefixes than buckets, a part of them at work for a while, then another:
 * buckets are shared, given away and taken back, and yet no prefix has more than its
 * budget in any interval. Nor do they all get stuck.
 */
static void test_shared_buckets_never_give_more(void **state)
{
	static const struct crmg_terms terms = { 1, CRMG_NS_PER_SEC, BURST };
	static struct subnet subnets[SUBNETS];
	struct crmg_test_random random = { 77 };
	uint64_t all = 0;

	(void)state;
	start(API "policies: [{name: public, service: api, aggregate: "
		  "{limits: {packets: {rate: 1/s, burst: 10}}}}]\n");
	for (uint32_t n = 0; n < SUBNETS; n++)
		subnets[n] = (struct subnet) { crmg_test_bucket(true, &terms), START_NS };
	for (unsigned int ms = 0; ms < 60000; ms++) {
		uint32_t n = (ms / 4000 * 97 + crmg_test_below(&random, 400)) % SUBNETS;

		offer(&subnets[n], in_subnet(n, crmg_test_below(&random, 256)),
		      crmg_test_below(&random, 8), START_NS + ms * 1000000ULL);
	}
	for (uint32_t n = 0; n < SUBNETS; n++)
		all += subnets[n].bucket.charged;
	assert_true(all > 256 * 2 * BURST);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_rotation_is_caught, tear_down),
		cmocka_unit_test_teardown(test_widths, tear_down),
		cmocka_unit_test_teardown(test_changed_aggregate_goes_on, tear_down),
		cmocka_unit_test_teardown(test_no_slot_in_time, tear_down),
		cmocka_unit_test_teardown(test_new_service_has_its_own_total, tear_down),
		cmocka_unit_test_teardown(test_unused_buckets_are_full, tear_down),
		cmocka_unit_test_teardown(test_changed_total_goes_on, tear_down),
		cmocka_unit_test_teardown(test_who_is_in_the_total, tear_down),
		cmocka_unit_test_teardown(test_shadow, tear_down),
		cmocka_unit_test_teardown(test_refusals_are_free, tear_down),
		cmocka_unit_test_teardown(test_shared_buckets_never_give_more, tear_down),
	};

	return cmocka_run_group_tests_name("budgets", tests, NULL, NULL);
}
