// SPDX-License-Identifier: GPL-2.0
/*
 * test_failures.c - auth_failures: requests that are answered 401 or 403, and what becomes of
 * a source that has too many of them.
 */
#include "talk.h"

#define MINUTE_NS (60 * CRMG_NS_PER_SEC)

#define POLICY(more) POLICY_WITH(more, "requests: {rate: 1G/s}, ")

#define POLICY_WITH(more, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, " more \
	"  limits: {" limits "auth_failures: {rate: 1/m, burst: 3}}}]\n"

#define GET "GET / HTTP/1.1\r\nHost: api.example.org\r\n\r\n"
#define STATUS(code) "HTTP/1.1 " code " Text\r\n\r\n"

static uint32_t asks(struct talk *t)
{
	return says(t, GET, strlen(GET));
}

/* A request that passes, and its answer. */
static void guesses(struct talk *t, const char *answer)
{
	assert_int_equal(asks(t), XDP_PASS);
	server_says_text(t, answer);
}

static void use_up(struct talk *t)
{
	for (int i = 0; i < 3; i++)
		guesses(t, STATUS("401"));
}

static uint64_t refused(void)
{
	return crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_AUTH_FAILURES];
}

static void check_limit(struct crmg_addr client)
{
	struct talk t = talk(client, 1024), other = talk(stranger(1), 1024);
	uint64_t before = refused();

	crmg_rig_set_clock(rig, START_NS);
	for (int i = 0; i < 10; i++)
		guesses(&t, STATUS("200"));
	guesses(&t, STATUS("404"));
	guesses(&t, STATUS("401"));
	guesses(&t, STATUS("403"));
	guesses(&t, STATUS("401"));
	assert_int_equal(asks(&t), XDP_DROP);
	assert_int_equal(asks(&t), XDP_DROP);
	assert_int_equal(refused() - before, 2);
	/* Only requests are refused, and only those of the source. */
	assert_int_equal(client_sends(&t.c, ACK), XDP_PASS);
	guesses(&other, STATUS("200"));
	crmg_rig_set_clock(rig, START_NS + MINUTE_NS - 1);
	assert_int_equal(asks(&t), XDP_DROP);
	crmg_rig_set_clock(rig, START_NS + MINUTE_NS);
	guesses(&t, STATUS("200"));
	guesses(&t, STATUS("403"));
	assert_int_equal(asks(&t), XDP_DROP);
}

static void test_limit(void **state)
{
	(void)state;
	check_limit(PEER4);
	check_limit(PEER6);
}

/* Without a limit of requests they are counted all the same, and none is too many. */
static void test_alone(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	for (int i = 0; i < 100; i++)
		guesses(&t, STATUS("200"));
	use_up(&t);
	assert_int_equal(asks(&t), XDP_DROP);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 103);
	assert_int_equal(crmg_rig_row(rig, "api", "public").failures, 3);
}

/* Those that were asked for at once are all answered; the source pays for all of them. */
static void test_at_once(void **state)
{
	struct talk t[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		t[i] = talk(PEER4, (uint16_t)(1024 + i));
		assert_int_equal(asks(&t[i]), XDP_PASS);
	}
	for (int i = 0; i < 10; i++)
		server_says_text(&t[i], STATUS("401"));
	crmg_rig_set_clock(rig, START_NS + 8 * MINUTE_NS - 1);
	assert_int_equal(asks(&t[0]), XDP_DROP);
	crmg_rig_set_clock(rig, START_NS + 8 * MINUTE_NS);
	assert_int_equal(asks(&t[0]), XDP_PASS);
}

/* Who hides requests behind the header of a body that his server never got pays for failures. */
static void test_hidden(void **state)
{
	struct talk t = talk(PEER4, 1024), other = talk(PEER4, 1025);

	(void)state;
	hides(&t, GET GET GET);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 1);
	for (int i = 0; i < 3; i++)
		server_says_text(&t, STATUS("401"));
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 3);
	assert_int_equal(crmg_rig_row(rig, "api", "public").failures, 3);
	assert_int_equal(asks(&other), XDP_DROP);
	assert_int_equal(refused(), 1);
	crmg_rig_set_clock(rig, START_NS + MINUTE_NS);
	assert_int_equal(asks(&other), XDP_PASS);
}

/* A source that is always there, and failed two years ago: that is paid for. */
static void test_old(void **state)
{
	const uint64_t day_ns = 24 * 60 * MINUTE_NS;
	struct talk t = talk(PEER4, 1024);

	(void)state;
	use_up(&t);
	assert_int_equal(asks(&t), XDP_DROP);
	for (uint64_t day = 50; day <= 750; day += 50) {
		crmg_rig_set_clock(rig, START_NS + day * day_ns);
		guesses(&t, STATUS("200"));
	}
	use_up(&t);
	assert_int_equal(asks(&t), XDP_DROP);
}

/* The level stays over an apply that changes the limit. */
static void test_apply(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	use_up(&t);
	assert_int_equal(asks(&t), XDP_DROP);
	crmg_rig_apply(rig,
		"version: 1\n"
		"capacity: {sources: 1024, flows: 1024}\n"
		"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n"
		"policies: [{name: public, service: api, clients: any,\n"
		"  limits: {requests: {rate: 1G/s}, auth_failures: {rate: 1/h, burst: 4}}}]\n");
	guesses(&t, STATUS("401"));
	assert_int_equal(asks(&t), XDP_DROP);
}

/* Refusals are strikes, which the policy's ban counts. */
static void test_ban(void **state)
{
	struct talk t = talk(PEER4, 1024), other = talk(stranger(1), 1024);

	(void)state;
	use_up(&t);
	assert_int_equal(asks(&t), XDP_DROP);
	assert_int_equal(client_sends(&t.c, ACK), XDP_PASS);
	/* It is not the one that the service is there for. */
	for (int i = 0; i < 10; i++)
		guesses(&other, STATUS("200"));
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC);
	assert_int_equal(asks(&t), XDP_DROP);
	assert_int_equal(client_sends(&t.c, ACK), XDP_DROP);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_BANNED);
}

/* With on_exceed: reject a guesser is told when it may go on. */
static void test_reject(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	use_up(&t);
	assert_int_equal(asks(&t), XDP_TX);
	assert_memory_equal(reply.data + 14 + 20 + 32, "HTTP/1.1 429 ", 13);
	assert_memory_equal(reply.data + 14 + 20 + 32 + 32, "Retry-After:        60\r\n", 24);
}

static void test_shadow(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	use_up(&t);
	assert_int_equal(asks(&t), XDP_PASS);
	assert_int_equal(refused(), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_AUTH_FAILURES], 1);
}

/* -------------------------------------------------------------------- tests */

static const char plain[] = POLICY("");
static const char alone[] = POLICY_WITH("", "");
static const char ban[] = POLICY("ban: {after: 2, within: 10s, for: 1m}, ");
static const char reject[] = POLICY("on_exceed: reject, ");
static const char shadow[] = POLICY("mode: shadow, ");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_limit, plain),
		TEST_UNDER(test_alone, alone),
		TEST_UNDER(test_at_once, plain),
		TEST_UNDER(test_hidden, plain),
		TEST_UNDER(test_old, plain),
		TEST_UNDER(test_apply, plain),
		TEST_UNDER(test_ban, ban),
		TEST_UNDER(test_reject, reject),
		TEST_UNDER(test_shadow, shadow),
	};

	return cmocka_run_group_tests_name("failures", tests, NULL, NULL);
}
