// SPDX-License-Identifier: GPL-2.0
/*
 * test_responses.c - what a server answers to requests of plain HTTP, by class of the status
 * code: what counts as an answer, and what only looks like one.
 */
#include "talk.h"

#define GET "GET / HTTP/1.1\r\nHost: api.example.org\r\n\r\n"

#define POLICY(more, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, " more \
	"  limits: {requests: {rate: 1G/s}" limits "}}]\n"

static void asks(struct talk *t)
{
	assert_int_equal(says(t, GET, strlen(GET)), XDP_PASS);
}

/* All answers so far: the classes in a row. */
static void check_answered(uint64_t c1, uint64_t c2, uint64_t c3, uint64_t c4, uint64_t c5)
{
	const struct crmg_row row = crmg_rig_row(rig, "api", "public");

	assert_int_equal(row.responses[CRMG_CLASS_INTERIM], c1);
	assert_int_equal(row.responses[CRMG_CLASS_SUCCESS], c2);
	assert_int_equal(row.responses[CRMG_CLASS_REDIRECTION], c3);
	assert_int_equal(row.responses[CRMG_CLASS_CLIENT_ERROR], c4);
	assert_int_equal(row.responses[CRMG_CLASS_SERVER_ERROR], c5);
}

static void check_classes(struct crmg_addr client)
{
	static const char *const answers_of[] = {
		"HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.0 302 Found\r\n\r\n", "HTTP/1.1 401 \r\n\r\n",
		"HTTP/1.1 599\r\n\r\n", "HTTP/1.1 404 Not Found\r\n",
	};
	struct talk t = talk(client, 1024);

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(answers_of); i++) {
		asks(&t);
		server_says_text(&t, answers_of[i]);
		/* What follows is of the answer, whatever it looks like. */
		server_says_text(&t, "HTTP/1.1 200 OK\r\n\r\n");
	}
}

static void test_classes(void **state)
{
	(void)state;
	check_classes(PEER4);
	check_answered(0, 1, 1, 2, 1);
	check_classes(PEER6);
	check_answered(0, 2, 2, 4, 2);
}

/* What begins otherwise is none, and the answer is still due. */
static void test_no_answers(void **state)
{
	static const char *const others[] = {
		"HTTP/1.1 20", "HTTP/1.1 20x OK\r\n", "HTTP/2.0 200 OK\r\n", "HTTP/1.1 600 What\r\n",
		"HTTP/1.1 000 What\r\n", "HTTP/1.1_200 OK\r\n", "HTTP/1.x 200 OK\r\n", "body",
		" HTTP/1.1 200 OK\r\n",
	};
	struct talk t = talk(PEER4, 1024);

	(void)state;
	/* Nobody asked for it. */
	server_says_text(&t, "HTTP/1.1 408 Request Timeout\r\n\r\n");
	asks(&t);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(others); i++)
		server_says_text(&t, others[i]);
	check_answered(0, 0, 0, 0, 0);
	server_says_text(&t, "HTTP/1.1 200 OK\r\n\r\n");
	check_answered(0, 1, 0, 0, 0);
}

/* One that is sent again counts once; one that only continues is not the answer. */
static void test_once(void **state)
{
	struct talk t = talk(PEER4, 1024);
	uint32_t first;

	(void)state;
	asks(&t);
	server_says_text(&t, "HTTP/1.1 100 Continue\r\n\r\n");
	first = t.c.next;
	server_says_text(&t, "HTTP/1.1 201 Created\r\n\r\n");
	asks(&t);
	server_says_at(&t, first, "HTTP/1.1 201 Created\r\n\r\n");
	check_answered(1, 1, 0, 0, 0);
	server_says_text(&t, "HTTP/1.1 200 OK\r\n\r\n");
	check_answered(1, 2, 0, 0, 0);
}

/* Asked at once, answered one by one; or as one segment, of which the others are missed. */
static void test_pipelined(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, GET GET GET, 3 * strlen(GET));
	for (int i = 0; i < 4; i++)
		server_says_text(&t, "HTTP/1.1 200 OK\r\n\r\n");
	check_answered(0, 3, 0, 0, 0);
	says(&t, GET GET GET, 3 * strlen(GET));
	server_says_text(&t, "HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\nHTTP/1.1 401 No\r\n\r\n");
	check_answered(0, 4, 0, 0, 0);
	/* Whoever asks again has all answers: what is left of the body is none. */
	asks(&t);
	server_says_text(&t, "HTTP/1.1 403 Forbidden\r\n\r\n");
	server_says_text(&t, "HTTP/1.1 403 Forbidden\r\n\r\n");
	check_answered(0, 4, 0, 1, 0);
}

/* Sends until a budget refuses something. */
static void use_up(struct talk *t)
{
	char body[1001] = "";
	int sent = 0;

	memset(body, '-', sizeof(body) - 1);
	while (server_says_at(t, t->c.next, body)) {
		t->c.next += (uint32_t)strlen(body);
		assert_true(++sent < 200);
	}
}

/* An answer that is refused has not been given: it counts when it leaves, and then once. */
static void check_refused(struct talk *t, uint64_t failures)
{
	static uint64_t now = START_NS;
	const char answer[] = "HTTP/1.1 401 No\r\n\r\n";

	use_up(t);
	for (int i = 0; i < 3; i++)
		assert_false(server_says_at(t, t->c.next, answer));
	assert_int_equal(crmg_rig_row(rig, "api", "public").failures, failures - 1);
	for (int i = 0; i < 2; i++) {
		crmg_rig_set_clock(rig, now += CRMG_NS_PER_SEC);
		assert_true(server_says_at(t, t->c.next, answer));
		assert_int_equal(crmg_rig_row(rig, "api", "public").failures, failures);
	}
	t->c.next += (uint32_t)strlen(answer);
}

/* The first is asked for, the second a request that was not seen. */
static void test_refused(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	asks(&t);
	check_refused(&t, 1);
	check_answered(0, 0, 0, 1, 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 1);
	check_refused(&t, 2);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 2);
}

/* Nor is a flow forgotten by that, which nobody knew: both ends are told when it is to end. */
static void test_refused_unknown(void **state)
{
	static const char bad[] = "DELETE / HTTP/1.1\r\n\r\n";
	struct talk t = talk(PEER4, 1024);

	(void)state;
	asks(&t);
	use_up(&t);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(says_at(&t, t.next, bad, strlen(bad)), XDP_PASS);
		/* The server goes on: the flow is met anew. */
		assert_false(server_says_at(&t, t.c.next, "HTTP/1.1 200 OK\r\n\r\n"));
		assert_false(server_says_at(&t, t.c.next, "HTTP/1.1 200 OK\r\n\r\n"));
	}
}

#define THROTTLE "on_budget: throttle, throttle_to: 64kB/s, "

static const char throttle_reset[] =
	POLICY(THROTTLE "on_exceed: reset, http: {methods: [GET]}, ",
	       ", bytes_out: [{quota: 80kB, per: 1m}]");
static const char throttle[] =
	POLICY(THROTTLE, ", bytes_out: [{quota: 80kB, per: 1m}]");
static const char plain[] = POLICY("", "");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_classes, plain),
		TEST_UNDER(test_no_answers, plain),
		TEST_UNDER(test_once, plain),
		TEST_UNDER(test_pipelined, plain),
		TEST_UNDER(test_refused, throttle),
		TEST_UNDER(test_refused_unknown, throttle_reset),
	};

	return cmocka_run_group_tests_name("responses", tests, NULL, NULL);
}
