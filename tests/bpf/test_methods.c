// SPDX-License-Identifier: GPL-2.0
/*
 * test_methods.c - http: {methods}: requests with another method are refused, however their
 * lines are cut, and nothing else is.
 */
#include "talk.h"

#include "../lib/refparse.h"

#define POLICY(more) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, " more \
	"  http: {methods: [GET, POST, PROPFIND, PROPPATCH]}}]\n"

#define REQUEST(method) method " /v1/contacts HTTP/1.1\r\nHost: api.example.org\r\n\r\n"

static uint32_t asks(struct talk *t, const char *text)
{
	return says(t, text, strlen(text));
}

static uint64_t refused(void)
{
	return crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_METHOD];
}

static uint64_t requests(enum crmg_verdict verdict)
{
	return crmg_rig_row(rig, "api", "public").requests[verdict];
}

static const struct {
	const char *text;
	uint32_t action;
} rows[] = {
	{ REQUEST("GET"), XDP_PASS },
	{ REQUEST("POST"), XDP_PASS },
	{ REQUEST("PROPFIND"), XDP_PASS },
	{ REQUEST("PROPPATCH"), XDP_PASS },
	{ "\r\n\r\n" REQUEST("GET"), XDP_PASS },
	{ "GET\t/ HTTP/1.1\r\n\r\n", XDP_PASS },
	{ REQUEST("DELETE"), XDP_DROP },
	{ REQUEST("HEAD"), XDP_DROP },
	/* Case counts (RFC 9110, 9.1), and so does all of the word. */
	{ REQUEST("get"), XDP_DROP },
	{ REQUEST("G"), XDP_DROP },
	{ REQUEST("GETS"), XDP_DROP },
	{ REQUEST("XGET"), XDP_DROP },
	{ REQUEST("PROPFINDS"), XDP_DROP },
	/* The longest that there is. */
	{ REQUEST("XROPPATCH"), XDP_DROP },
	{ REQUEST("PROPPATCI"), XDP_DROP },
	{ REQUEST("\xd0ROPPATCH"), XDP_DROP },
	{ REQUEST("PROPPATC\xc8"), XDP_DROP },
	{ REQUEST("PROPPATCHX"), XDP_DROP },
	{ REQUEST("XPROPPATCH"), XDP_DROP },
	{ REQUEST("A-METHOD-THAT-IS-LONGER-THAN-ANY"), XDP_DROP },
	/* No method at all: some servers leave the blank out. */
	{ " " REQUEST("DELETE"), XDP_DROP },
	{ "\t" REQUEST("DELETE"), XDP_DROP },
	{ "\r\n " REQUEST("GET"), XDP_DROP },
	/* No request, but a line where one has to be. */
	{ "DELETE /v1/contacts\r\n", XDP_DROP },
};

static void check_rows(struct crmg_addr client)
{
	for (uint16_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct talk t = talk(client, (uint16_t)(1024 + i));
		uint64_t before = refused();

		if (asks(&t, rows[i].text) != rows[i].action)
			fail_msg("row %u", i);
		assert_int_equal(refused() - before, rows[i].action == XDP_DROP);
	}
}

static void test_rows(void **state)
{
	(void)state;
	check_rows(PEER4);
	check_rows(PEER6);
}

/* At each byte: what came before the end of the line has passed, and is of no use. */
static void test_cut(void **state)
{
	static const char bad[] = "DELETE / HTTP/1.1\r\n", good[] = "GET / HTTP/1.1\r\n";

	(void)state;
	for (uint16_t i = 1; i < sizeof(bad) - 1; i++) {
		struct talk t = talk(PEER4, (uint16_t)(1024 + i));

		assert_int_equal(says(&t, bad, i), XDP_PASS);
		assert_int_equal(says(&t, bad + i, sizeof(bad) - 1 - i), XDP_DROP);
	}
	for (uint16_t i = 1; i < sizeof(good) - 1; i++) {
		struct talk t = talk(PEER4, (uint16_t)(2048 + i));

		assert_int_equal(says(&t, good, i), XDP_PASS);
		assert_int_equal(says(&t, good + i, sizeof(good) - 1 - i), XDP_PASS);
	}
}

/* Of several in one segment one is enough; a body is none. */
static void test_together(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(asks(&t, REQUEST("GET") REQUEST("POST")), XDP_PASS);
	assert_int_equal(asks(&t, REQUEST("GET") REQUEST("DELETE") REQUEST("GET")), XDP_DROP);
	assert_int_equal(asks(&t, "POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nDELETE / H"),
			 XDP_PASS);
	assert_int_equal(asks(&t, REQUEST("GET")), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 4);
}

/* One that is sent again is refused again, and counts once. The connection goes on. */
static void test_again(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(asks(&t, REQUEST("DELETE")), XDP_DROP);
	assert_int_equal(refused(), 3);
	assert_int_equal(requests(CRMG_VERDICT_DROP), 1);
	assert_int_equal(client_sends(&t.c, ACK), XDP_PASS);
	assert_int_equal(asks(&t, REQUEST("GET")), XDP_PASS);
}

/* In a connection met in its middle the line may begin with the end of a body, if with no method. */
static void test_middle(void **state)
{
	struct talk t = { conversation(rig, PEER4, 1024), 5001 };
	struct talk u = { conversation(rig, PEER4, 1025), 5001 };

	(void)state;
	answers(&t);
	assert_int_equal(says(&t, "of a body\r\n}", 12), XDP_PASS);
	assert_int_equal(asks(&t, REQUEST("GET")), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
	answers(&u);
	assert_int_equal(says(&u, "of a body\r\n", 11), XDP_PASS);
	assert_int_equal(asks(&u, REQUEST("DELETE")), XDP_DROP);
}

/* It is no request too many, so there is no 429: the server is told, and tells the client. */
static void test_reset(void **state)
{
	struct talk t = talk(PEER4, 1024);
	uint32_t begins = t.next;
	struct crmg_ref rst;

	(void)state;
	assert_int_equal(asks(&t, REQUEST("DELETE")), XDP_PASS);
	rst = crmg_ref_parse(reply.data, reply.len);
	assert_int_equal(rst.tcp_flags, RST);
	assert_int_equal(rst.dport, 443);
	assert_int_equal(crmg_test_get32(reply.data + 14 + 20 + 4), begins);
	assert_int_equal(requests(CRMG_VERDICT_RESET), 1);
	assert_int_equal(requests(CRMG_VERDICT_REJECT), 0);
}

/*
 * What begins with bytes that the server has already is refused with the number that it waits for;
 * and what follows is read still, since nobody knows whether it took that.
 */
static void test_reset_behind(void **state)
{
	static const char again[] = "\r\n" REQUEST("DELETE");
	struct talk t = talk(PEER4, 1024);
	struct crmg_ref rst;

	(void)state;
	assert_int_equal(asks(&t, REQUEST("GET")), XDP_PASS);
	assert_int_equal(says_at(&t, t.next - 2, again, strlen(again)), XDP_PASS);
	rst = crmg_ref_parse(reply.data, reply.len);
	assert_int_equal(rst.tcp_flags, RST);
	assert_int_equal(rst.dport, 443);
	assert_int_equal(crmg_test_get32(reply.data + 14 + 20 + 4), t.next);
	assert_int_equal(refused(), 1);
	for (uint64_t i = 2; i < 5; i++) {
		asks(&t, REQUEST("DELETE"));
		assert_int_equal(refused(), i);
		rst = crmg_ref_parse(reply.data, reply.len);
		assert_true(rst.tcp_flags & RST);
		/* Its question, and what it says when nobody has answered that. */
		server_says(&t, ACK, 0);
		crmg_rig_set_clock(rig, START_NS + i * 2 * CRMG_NS_PER_SEC);
	}
}

static void test_shadow(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(asks(&t, REQUEST("DELETE")), XDP_PASS);
	assert_int_equal(refused(), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_METHOD], 1);
}

/* -------------------------------------------------------------------- tests */

static const char plain[] = POLICY("");
static const char reject[] = POLICY("on_exceed: reject, limits: {requests: {rate: 1k/s}}, ");
static const char reset[] = POLICY("on_exceed: reset, ");
static const char shadow[] = POLICY("mode: shadow, ");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_rows, plain),
		TEST_UNDER(test_cut, plain),
		TEST_UNDER(test_together, plain),
		TEST_UNDER(test_again, plain),
		TEST_UNDER(test_middle, plain),
		TEST_UNDER(test_reset, reject),
		TEST_UNDER(test_reset_behind, reset),
		TEST_UNDER(test_shadow, shadow),
	};

	return cmocka_run_group_tests_name("methods", tests, NULL, NULL);
}
