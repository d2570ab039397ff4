// SPDX-License-Identifier: GPL-2.0
/*
 * test_clients.c - counters of a client: at all its services and under all its policies, also
 * where it shares one; over an apply by its name.
 */
#include "conversation.h"
#include "leaving.h"

#define THIRD4 CRMG_TEST_V4(198, 51, 100, 9)
#define OTHER4 CRMG_TEST_V4(192, 0, 2, 200)

#define POLICY(second)								\
	"version: 1\n"								\
	"capacity: {sources: 1024}\n"						\
	"services:\n"								\
	"  api: {ports: [443], protocol: http}\n"				\
	"  web: {ports: [444], protocol: http}\n"				\
	"clients:\n"								\
	"  one: {prefixes: [203.0.113.0/24, \"2001:db8:7::/48\"]}\n"		\
	"  " second ": {prefixes: [198.51.100.0/24]}\n"				\
	"  closed: {prefixes: [10.0.0.0/8]}\n"					\
	"policies:\n"								\
	"  - {name: both, service: [api, web], clients: [one, " second ", any],\n"	\
	"     limits: {packets: {rate: 1/7d, burst: 5}, requests: {rate: 1G/s}}}\n"	\
	"  - {name: closed, service: web, clients: closed, deny: true}\n"

/* No limit that needs connections, so that packets take the short way. */
#define PLAIN									\
	"version: 1\n"								\
	"capacity: {sources: 1024}\n"						\
	"services: {web: {ports: [444]}}\n"					\
	"clients: {one: {prefixes: [203.0.113.0/24]}, closed: {prefixes: [10.0.0.0/8]}}\n"	\
	"policies:\n"								\
	"  - {name: one, service: web, clients: one, limits: {packets: {rate: 1/7d, burst: 5}}}\n"	\
	"  - {name: closed, service: web, clients: closed, deny: true}\n"

static uint64_t passed(const char *client)
{
	return crmg_rig_client(rig, client).packets[CRMG_VERDICT_PASS];
}

static uint64_t dropped(const char *client)
{
	return crmg_rig_client(rig, client).packets[CRMG_VERDICT_DROP];
}

static void begin(const char *policy)
{
	crmg_rig_free(&rig);
	rig = crmg_rig_new(policy);
	at(START_NS);
}

/* Under one policy, apart; at two services, together. */
static void test_apart(void **state)
{
	struct crmg_row both;

	(void)state;
	begin(POLICY("two"));
	for (int i = 0; i < 8; i++)
		arrives(PEER4, 444, CRMG_TEST_ACK, 0);
	for (int i = 0; i < 3; i++)
		arrives(PEER6, 443, CRMG_TEST_ACK, 0);
	for (int i = 0; i < 2; i++)
		arrives(THIRD4, 444, CRMG_TEST_ACK, 100);
	arrives(OTHER4, 444, CRMG_TEST_ACK, 0);
	assert_int_equal(passed("one"), 5 + 3);
	assert_int_equal(dropped("one"), 3);
	assert_int_equal(crmg_rig_client(rig, "one").bytes[CRMG_VERDICT_PASS], 5 * 54 + 3 * 74);
	assert_int_equal(crmg_rig_client(rig, "one").bytes[CRMG_VERDICT_DROP], 3 * 54);
	assert_int_equal(passed("two"), 2);
	assert_int_equal(dropped("two"), 0);
	assert_int_equal(crmg_rig_client(rig, "two").bytes[CRMG_VERDICT_PASS], 2 * 154);
	both = crmg_rig_row(rig, "web", "both");
	assert_int_equal(both.packets[CRMG_VERDICT_PASS], 5 + 2 + 1);
}

/* Known and refused sources take a shorter way, strangers that are denied the shortest. */
static void test_short_ways(void **state)
{
	(void)state;
	begin(PLAIN);
	for (int i = 0; i < 20; i++)
		arrives(PEER4, 444, CRMG_TEST_ACK, 0);
	for (uint32_t i = 0; i < 4000; i++)
		arrives(stranger(i), 444, CRMG_TEST_SYN, 0);
	assert_int_equal(passed("one"), 5);
	assert_int_equal(dropped("one"), 15);
	assert_int_equal(dropped("closed"), 4000);
	assert_int_equal(crmg_rig_client(rig, "closed").bytes[CRMG_VERDICT_DROP], 4000 * 54);
	assert_int_equal(passed("closed"), 0);
}

static void test_bytes_out(void **state)
{
	(void)state;
	begin(POLICY("two"));
	meet(PEER4, 444);
	assert_int_equal(leave(PEER4, 444, 3), 3);
	assert_int_equal(leave(THIRD4, 443, 2), 2);	/* of which no source is known */
	assert_int_equal(leave(OTHER4, 444, 7), 7);
	assert_int_equal(crmg_rig_client(rig, "one").bytes_out, 3000);
	assert_int_equal(crmg_rig_client(rig, "two").bytes_out, 2000);
}

static void test_requests(void **state)
{
	static const char get[] = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
	struct crmg_test_packet p;
	struct conversation c;

	(void)state;
	begin(POLICY("two"));
	c = conversation(rig, THIRD4, 40000);
	handshake(&c);
	p = client_segment(&c, ACK);
	p.payload = sizeof(get) - 1;
	for (int i = 0; i < 3; i++, p.seq += p.payload) {
		crmg_test_build(&p, &frame);
		memcpy(frame.data + frame.len - p.payload, get, p.payload);
		assert_int_equal(crmg_rig_xdp(rig, &frame, NULL), XDP_PASS);
	}
	assert_int_equal(crmg_rig_client(rig, "two").requests, 3);
	assert_int_equal(crmg_rig_client(rig, "one").requests, 0);
}

/* A name that is new begins at 0, and so does one that comes back; the others go on. */
static void test_apply(void **state)
{
	(void)state;
	begin(POLICY("two"));
	arrives(PEER4, 444, CRMG_TEST_ACK, 0);
	arrives(THIRD4, 444, CRMG_TEST_ACK, 0);
	crmg_rig_apply(rig, POLICY("three"));
	arrives(PEER4, 444, CRMG_TEST_ACK, 0);
	assert_int_equal(passed("one"), 2);
	assert_int_equal(passed("three"), 0);
	arrives(THIRD4, 444, CRMG_TEST_ACK, 0);
	assert_int_equal(passed("three"), 1);
	crmg_rig_apply(rig, POLICY("two"));
	assert_int_equal(passed("one"), 2);
	assert_int_equal(passed("two"), 0);
	crmg_rig_apply_for(rig, POLICY("three"), CRMG_NS_PER_SEC);
	arrives(THIRD4, 444, CRMG_TEST_ACK, 0);
	crmg_rig_rollback(rig);
	assert_int_equal(passed("two"), 0);
	assert_int_equal(passed("one"), 2);
}

static void test_shadow(void **state)
{
	(void)state;
	begin("mode: shadow\n" POLICY("two"));
	for (int i = 0; i < 8; i++)
		arrives(PEER4, 444, CRMG_TEST_ACK, 0);
	assert_int_equal(passed("one"), 8);
	assert_int_equal(dropped("one"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_apart),
		cmocka_unit_test(test_short_ways),
		cmocka_unit_test(test_bytes_out),
		cmocka_unit_test(test_requests),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_shadow),
	};

	return cmocka_run_group_tests_name("clients", tests, NULL, tear_down);
}
