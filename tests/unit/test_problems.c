// SPDX-License-Identifier: GPL-2.0
/* test_problems.c - each problem from the one thing that makes it, and nothing else. */
#include "snapshot.h"
#include "../../user/report/problems.h"

static struct crmg_problems problems;

/* The ids found, as " a b". */
static const char *found(void)
{
	static char text[512];

	crmg_problems_find(&fx.snap, &problems);
	text[0] = '\0';
	for (size_t i = 0; i < problems.count; i++) {
		strcat(text, " ");
		strcat(text, crmg_problem_name(problems.item[i].id));
	}
	return text;
}

static void test_none(void **state)
{
	(void)state;
	fixture_init();
	assert_string_equal(found(), "");
	add_iface("eth1");
	/* Full, but not of sources that are there now; and what was under pressure is over. */
	fx.snap.tracked = CAPACITY;
	fx.snap.recent = CAPACITY * 9 / 10;
	fx.snap.host.counter[CRMG_HOST_PRESSURE] = 1000;
	fx.snap.pressure_ns = BOOT_NS - 60 * CRMG_NS_PER_SEC;
	fx.snap.host.counter[CRMG_HOST_SUPPRESSED] = 1000;
	assert_string_equal(found(), "");
}

static void test_interfaces(void **state)
{
	struct crmg_iface_state *iface;

	(void)state;
	fixture_init();
	iface = add_iface("eth1");
	iface->wanted.xdp_mode = CRMG_XDP_GENERIC;
	assert_string_equal(found(), " generic_mode");
	assert_true(problems.item[0].since_ns == iface->wanted.attached_at_ns);
	assert_non_null(strstr(problems.item[0].text, "eth1"));
	iface->tc_ours = false;
	assert_string_equal(found(), " generic_mode tc_missing");
	iface->xdp_ours = false;
	assert_string_equal(found(), " interface_gone tc_missing");
	iface->wanted.chained = 1;
	assert_string_equal(found(), " interface_gone tc_missing");
	assert_non_null(strstr(problems.item[0].text, "not in the dispatcher"));
	iface->xdp_foreign = true;
	assert_string_equal(found(), " foreign_program tc_missing");
	iface->present = false;
	assert_string_equal(found(), " interface_gone");
}

/* TC ingress is a problem only for who did not ask for it, and enforces all the same. */
static void test_tc_mode(void **state)
{
	struct crmg_iface_state *iface;

	(void)state;
	fixture_init();
	iface = add_iface("eth1");
	iface->wanted.xdp_mode = CRMG_XDP_TC;
	assert_string_equal(found(), "");
	iface->wanted.fell_back = 1;
	assert_string_equal(found(), " tc_mode");
	assert_non_null(strstr(problems.item[0].text, "eth1"));
	assert_false(crmg_problem_is_unenforced(CRMG_PROBLEM_TC_MODE));
	iface->xdp_ours = false;
	assert_string_equal(found(), " interface_gone");
	assert_non_null(strstr(problems.item[0].text, "TC ingress"));
}

static void test_host(void **state)
{
	(void)state;
	fixture_init();
	fx.snap.recent = CAPACITY * 9 / 10 + 1;
	assert_string_equal(found(), " table_pressure");
	assert_non_null(strstr(problems.item[0].text, "nearly full"));
	fx.snap.host.counter[CRMG_HOST_PRESSURE] = 1;
	fx.snap.pressure_ns = BOOT_NS - 59 * CRMG_NS_PER_SEC;
	assert_string_equal(found(), " table_pressure");
	assert_non_null(strstr(problems.item[0].text, "no free slot"));
	fx.snap.recent = 0;
	assert_string_equal(found(), " table_pressure");
	/* Written after the snapshot's clock was read. */
	fx.snap.pressure_ns = BOOT_NS + CRMG_NS_PER_SEC;
	assert_string_equal(found(), " table_pressure");
	fx.snap.host.counter[CRMG_HOST_AGGREGATES_FULL] = 5;
	fx.snap.aggregates_full_ns = BOOT_NS - 59 * CRMG_NS_PER_SEC;
	assert_string_equal(found(), " table_pressure aggregates_full");
	assert_non_null(strstr(problems.item[1].text, "5 packets"));
	assert_true(crmg_problem_is_unenforced(CRMG_PROBLEM_AGGREGATES_FULL));
	fx.snap.aggregates_full_ns -= CRMG_NS_PER_SEC;
	fx.snap.host.counter[CRMG_HOST_CAPPED] = 1;
	fx.snap.control.panic = 1;
	fx.snap.control.panic_since_ns = REAL_NS;
	assert_string_equal(found(), " table_pressure events_suppressed panic");
	assert_true(problems.item[2].since_ns == REAL_NS);
}

/* As many as can be: they fit. */
static void test_most(void **state)
{
	static struct crmg_iface_state ifaces[CRMG_IFACES_MAX + 1];

	(void)state;
	fixture_init();
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(ifaces); i++)
		ifaces[i].present = ifaces[i].xdp_foreign = true;
	fx.snap.ifaces = ifaces;
	fx.snap.iface_count = CRMG_ARRAY_SIZE(ifaces);
	fx.snap.control.panic = 1;
	crmg_problems_find(&fx.snap, &problems);
	assert_int_equal(problems.count, 2 * CRMG_IFACES_MAX + 1);
}

/* A proof that is good, of the generation in force. */
static void prove(void)
{
	fx.snap.proof = (struct crmg_proof){
		.boot_ns = BOOT_NS - 60 * CRMG_NS_PER_SEC, .generation = GENERATION, .front = 5,
	};
	fx.snap.front = 5;
}

static bool enforced(void)
{
	crmg_problems_find(&fx.snap, &problems);
	return crmg_is_enforced(&fx.snap, &problems);
}

static void test_proof(void **state)
{
	struct crmg_iface_state *iface;

	(void)state;
	fixture_init();
	assert_false(enforced());	/* nothing is attached */
	iface = add_iface("eth1");
	assert_false(enforced());	/* and nothing was proven */
	assert_string_equal(found(), "");
	prove();
	assert_true(enforced());
	/* Old, and nobody promised to repeat it; then somebody did. */
	fx.snap.proof.boot_ns = BOOT_NS - 3600 * CRMG_NS_PER_SEC;
	assert_true(enforced());
	fx.snap.proof.period_s = 60;
	assert_string_equal(found(), " proof_stale");
	assert_false(enforced());
	fx.snap.proof.boot_ns = BOOT_NS - CRMG_PROOF_STALE_S * CRMG_NS_PER_SEC;
	assert_string_equal(found(), "");
	/* Another image, by an apply that was not proven yet, or by nobody's. */
	fx.snap.front = 6;
	assert_string_equal(found(), " proof_failed");
	fx.snap.proof.generation--;
	assert_string_equal(found(), "");
	prove();
	fx.snap.proof.failures = 2;
	strcpy(fx.snap.proof.text[0], "eth1 xdp: passes");
	assert_string_equal(found(), " proof_failed");
	assert_non_null(strstr(problems.item[0].text, "eth1 xdp: passes, and more"));
	assert_false(enforced());
	prove();
	iface->tc_ours = false;
	assert_false(enforced());
}

static void test_one_way(void **state)
{
	uint32_t dns;

	(void)state;
	fixture_init();
	dns = crmg_image_service_find(&fx.image, "dns");
	fx.snap.proof.one_way = 1ULL << (dns - 1) | 1ULL << 63;
	assert_string_equal(found(), " one_way_traffic");
	assert_non_null(strstr(problems.item[0].text, "dns: packets leave"));
	fx.snap.proof.one_way = 1ULL << 63;	/* of a service that is gone */
	assert_string_equal(found(), "");
}

/* A list of the fixture was written 90 minutes ago. */
static void test_feeds(void **state)
{
	(void)state;
	fixture_init();
	assert_string_equal(found(), "");
	fx.policy.clients[1].max_age_ns = 90 * 60 * CRMG_NS_PER_SEC;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_string_equal(found(), "");
	fx.snap.real_ns += 5 * CRMG_NS_PER_SEC;
	assert_string_equal(found(), " feed_stale");
	assert_int_equal(problems.item[0].since_ns, REAL_NS);
	assert_non_null(strstr(problems.item[0].text, "client bad"));
	fx.snap.unread_ns = REAL_NS - 1;
	assert_string_equal(found(), " feed_stale");
	assert_int_equal(problems.item[0].since_ns, REAL_NS - 1);
	assert_non_null(strstr(problems.item[0].text, "generation 7 stays"));
}

static void test_unenforced(void **state)
{
	(void)state;
	assert_true(crmg_problem_is_unenforced(CRMG_PROBLEM_INTERFACE_GONE));
	assert_true(crmg_problem_is_unenforced(CRMG_PROBLEM_PANIC));
	assert_false(crmg_problem_is_unenforced(CRMG_PROBLEM_EVENTS_SUPPRESSED));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_none),
		cmocka_unit_test(test_interfaces),
		cmocka_unit_test(test_tc_mode),
		cmocka_unit_test(test_host),
		cmocka_unit_test(test_most),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_one_way),
		cmocka_unit_test(test_feeds),
		cmocka_unit_test(test_unenforced),
	};
	int failed = cmocka_run_group_tests_name("problems", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
