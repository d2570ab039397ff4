// SPDX-License-Identifier: GPL-2.0
/* test_guard.c - which policies the lock-out guard refuses, and what it only warns of. */
#include <errno.h>

#include "snapshot.h"
#include "../../user/report/guard.h"

static struct crmg_vital vital;
static struct crmg_vitals vitals;
static struct crmg_err err;
static struct crmg_guard guard;

/* One vital address, which holds until the next call; no traffic. */
static int check(enum crmg_vital_kind kind, const char *address, const char *local, uint16_t port)
{
	crmg_err_clear(&err);
	vital = (struct crmg_vital){ .kind = kind, .addr = addr(address), .port = port };
	if (local)
		vital.local = addr(local);
	vitals = (struct crmg_vitals){ &vital, 1 };
	guard = (struct crmg_guard){ .next = &fx.image, .vitals = &vitals };
	return crmg_guard_check(&guard, &err);
}

static int check_traffic(bool forced)
{
	crmg_err_clear(&err);
	vitals = (struct crmg_vitals){ 0 };
	guard = (struct crmg_guard){ &fx.image, &vitals, &fx.snap, forced };
	return crmg_guard_check(&guard, &err);
}

static const char *said(void)
{
	assert_int_equal(err.count, 1);
	return err.messages[0].text;
}

/* A source of "web" that is proven and sent so many packets in its 10 seconds. */
static struct crmg_detail *proven(uint32_t index, const char *source, uint64_t packets)
{
	struct crmg_detail *detail = add_source(index, source);

	set_tag(index, CRMG_TAG_PROVEN);
	detail->carried_packets = packets;
	return detail;
}

static int setup(void **state)
{
	(void)state;
	fixture_init();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	crmg_err_clear(&err);
	return 0;
}

static void test_named(void **state)
{
	(void)state;
	assert_int_equal(check(CRMG_VITAL_OWN, "10.66.0.5", NULL, 0), -EBUSY);
	assert_string_equal(said(), "would refuse 10.66.0.5, an address of this host: policy bad "
			    "denies client bad (10.66.0.0/16) at service web");
	assert_int_equal(check(CRMG_VITAL_GATEWAY, "10.66.0.1", NULL, 0), -EBUSY);
	assert_int_equal(check(CRMG_VITAL_RESOLVER, "10.66.0.1", NULL, 0), -EBUSY);
	assert_int_equal(check(CRMG_VITAL_OWN, "10.67.0.5", NULL, 0), 0);
	assert_int_equal(err.count, 0);
}

/* The peer counts only where a service covers the port that it came in by. */
static void test_peer(void **state)
{
	(void)state;
	assert_int_equal(check(CRMG_VITAL_PEER, "10.66.0.5", "192.0.2.1", 443), -EBUSY);
	assert_int_equal(check(CRMG_VITAL_PEER, "10.66.0.5", "192.0.2.1", 22), 0);
	assert_int_equal(check(CRMG_VITAL_PEER, "10.1.0.5", "192.0.2.1", 443), 0);
}

/* Closed to everybody: a warning for those that are not named, not for the peer. */
static void test_closed_to_any(void **state)
{
	(void)state;
	fx.policy.policies[1].deny = true;
	fx.policy.policies[1].mode = CRMG_MODE_ENFORCE;
	memset(fx.policy.policies[1].limits, 0, sizeof(fx.policy.policies[1].limits));
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_int_equal(check(CRMG_VITAL_GATEWAY, "172.16.0.1", NULL, 0), 0);
	assert_int_equal(err.errors, 0);
	assert_string_equal(said(), "would refuse 172.16.0.1, the default gateway: policy public "
			    "denies client any at service web");
	assert_int_equal(check(CRMG_VITAL_PEER, "172.16.0.1", "192.0.2.1", 443), -EBUSY);
}

static void test_shadow(void **state)
{
	(void)state;
	fx.policy.policies[2].mode = CRMG_MODE_SHADOW;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_int_equal(check(CRMG_VITAL_OWN, "10.66.0.5", NULL, 0), 0);
	assert_int_equal(err.count, 0);
}

static void test_traffic(void **state)
{
	(void)state;
	proven(0, "10.66.0.1", 900);
	proven(1, "10.66.0.2", 600);
	proven(2, "10.99.0.1", 1000);
	assert_int_equal(check_traffic(false), -EBUSY);
	assert_string_equal(said(), "would refuse 60 % of the packets that pass at service web now, "
			    "most of them of 10.66.0.1: policy bad denies client bad "
			    "(10.66.0.0/16) at service web");
	assert_int_equal(check_traffic(true), 0);
	assert_int_equal(err.errors, 0);
	said();
}

/* Half is not more than half; what is refused already, was long ago, or may be forged is none. */
static void test_no_traffic(void **state)
{
	struct crmg_detail *detail;

	(void)state;
	detail = proven(0, "10.66.0.1", 1000);
	proven(1, "10.99.0.1", 1000);
	assert_int_equal(check_traffic(false), 0);
	detail->carried_packets = 5000;
	assert_int_equal(check_traffic(false), -EBUSY);
	set_tag(0, CRMG_TAG_LIVE);
	assert_int_equal(check_traffic(false), 0);
	set_tag(0, CRMG_TAG_PROVEN);
	fx.slots[0].last_seen -= (61 * CRMG_NS_PER_SEC) >> CRMG_SLOT_TICK_SHIFT;
	assert_int_equal(check_traffic(false), 0);
	fx.slots[0].last_seen = MONO_NS >> CRMG_SLOT_TICK_SHIFT;
	fx.slots[0].refusals = 4900;
	assert_int_equal(check_traffic(false), 0);
}

static void test_few_packets(void **state)
{
	(void)state;
	proven(0, "10.66.0.1", 99);
	assert_int_equal(check_traffic(false), 0);
	fx.details[0].carried_packets = 100;
	assert_int_equal(check_traffic(false), -EBUSY);
}

/* 200 packets a second are allowed to partners. */
static void test_limit(void **state)
{
	(void)state;
	proven(0, "10.1.0.1", 3900);
	assert_int_equal(check_traffic(false), 0);
	assert_int_equal(err.count, 0);
	fx.details[0].carried_packets = 9000;
	assert_int_equal(check_traffic(false), 0);
	assert_int_equal(err.errors, 0);
	assert_string_equal(said(), "policy partners lets 10.1.0.1 pass at service web at 200 "
			    "packets/s; it carries 100 % of what passes there now, at 900 "
			    "packets/s");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_named), TEST(test_peer), TEST(test_closed_to_any), TEST(test_shadow),
		TEST(test_traffic), TEST(test_no_traffic), TEST(test_few_packets), TEST(test_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
