// SPDX-License-Identifier: GPL-2.0
/*
 * test_own.c - packets from other addresses of this host than the one that they are sent to:
 * found whoever sent before, refused where the service says so, and only as long as somebody
 * looks after the list.
 */
#include "../../user/kern/kern.h"
#include "rig.h"

#define STRICT 443
#define OPEN   8443

#define OWN4      CRMG_TEST_V4(192, 0, 2, 2)
#define OWN6      CRMG_TEST_V6(0x20010db800010000, 2)
#define NEIGHBOR6 CRMG_TEST_V6(0x20010db800010000, 3)

static const struct crmg_addr own[] = { OWN4, OWN6 };

static int set_up(void **state)
{
	(void)state;
	return set_up_policy("version: 1\n"
			     "capacity: {sources: 1024}\n"
			     "services:\n"
			     "  strict: {transport: tcp, ports: [443], sanity: refuse}\n"
			     "  open: {transport: tcp, ports: [8443]}\n"
			     "policies: [{name: public, service: [strict, open], clients: any, "
			     "limits: {packets: {rate: 1M/s}}}]\n");
}

static unsigned int passed(struct crmg_addr from, uint16_t port, unsigned int offered)
{
	struct crmg_test_packet packet = tcp_packet(from, port, CRMG_TEST_SYN);

	return volley(rig, &packet, offered);
}

static uint64_t noticed(void)
{
	return crmg_rig_odd(rig, CRMG_ODDITY_OWN);
}

static void test_refused_and_counted(void **state)
{
	(void)state;
	crmg_rig_own(rig, own, 2, START_NS);
	assert_int_equal(passed(OWN4, STRICT, 5), 0);
	assert_int_equal(passed(OWN6, STRICT, 5), 0);
	assert_int_equal(noticed(), 10);
	assert_int_equal(passed(OWN4, OPEN, 5), 5);
	assert_int_equal(passed(OWN6, OPEN, 5), 5);
	assert_int_equal(noticed(), 20);
	assert_int_equal(passed(PEER4, STRICT, 5) + passed(PEER6, STRICT, 5), 10);
	assert_int_equal(noticed(), 20);
}

/* In a /64, which is one source, it has neighbours: they pass, and do not hide it. */
static void test_neighbours(void **state)
{
	(void)state;
	crmg_rig_own(rig, own, 2, START_NS);
	for (unsigned int i = 0; i < 3; i++) {
		assert_int_equal(passed(NEIGHBOR6, STRICT, 5), 5);
		assert_int_equal(passed(OWN6, STRICT, 5), 0);
	}
	assert_int_equal(noticed(), 15);
}

/* From another host, then this host's, then another's again. */
static void test_moves(void **state)
{
	(void)state;
	crmg_rig_own(rig, own, 1, START_NS);
	assert_int_equal(passed(PEER4, STRICT, 5), 5);
	crmg_rig_own(rig, &(struct crmg_addr){ PEER4.hi, PEER4.lo }, 1, START_NS);
	assert_int_equal(passed(PEER4, STRICT, 5), 0);
	assert_int_equal(passed(OWN4, STRICT, 5), 5);
	crmg_rig_own(rig, own, 1, START_NS);
	assert_int_equal(passed(PEER4, STRICT, 5), 5);
	assert_int_equal(passed(OWN4, STRICT, 5), 0);
}

/* Who was met while nobody looked is not let pass for it later. */
static void test_nobody_looks(void **state)
{
	uint64_t late = START_NS + CRMG_OWN_LEASE_NS;

	(void)state;
	crmg_rig_own(rig, own, 2, START_NS);
	crmg_rig_set_clock(rig, late - 1);
	assert_int_equal(passed(OWN4, STRICT, 5), 0);
	crmg_rig_set_clock(rig, late);
	assert_int_equal(passed(OWN4, STRICT, 5), 5);
	crmg_rig_own(rig, own, 2, late + 1);
	assert_int_equal(passed(OWN4, STRICT, 5), 0);
	crmg_rig_own(rig, NULL, 0, late + 1);
	assert_int_equal(passed(OWN4, STRICT, 5), 5);
}

/* Strangers in a full table are let pass in the fast path: none of these. */
static void test_in_a_flood(void **state)
{
	struct crmg_addr many[CRMG_OWN_MAX];

	(void)state;
	for (uint32_t i = 0; i < CRMG_OWN_MAX; i++)
		many[i] = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | (0xac100000 + i) };
	crmg_rig_own(rig, many, CRMG_OWN_MAX, START_NS);
	for (uint32_t i = 0; i < 16384; i++)
		assert_int_equal(passed(stranger(i), STRICT, 1), 1);
	for (uint32_t i = 0; i < CRMG_OWN_MAX; i++)
		if (passed(many[i], STRICT, 1))
			fail_msg("address %u of %u passed", i, CRMG_OWN_MAX);
	assert_int_equal(noticed(), CRMG_OWN_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused_and_counted, set_up),
		TEST(test_neighbours, set_up),
		TEST(test_moves, set_up),
		TEST(test_nobody_looks, set_up),
		TEST(test_in_a_flood, set_up),
	};

	pin_to_cpu(0);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
