// SPDX-License-Identifier: GPL-2.0
/*
 * test_sizes.c - http: {max_header, max_body}, to the byte; and requests of which servers disagree
 * where they end, which `sanity` counts or refuses.
 */
#include "talk.h"

#define POLICY(sanity, more) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: http, ports: [443], sanity: " sanity "}}\n" \
	"policies: [{name: public, service: api, clients: any" more "}]\n"

#define MOST 1000	/* bytes of a header, and of a body */
#define SIZES ", http: {max_header: 1kB, max_body: 1kB}"

#define HEAD "POST / HTTP/1.1\r\nHost: a\r\n"

static uint32_t asks(struct talk *t, const char *text)
{
	return says(t, text, strlen(text));
}

static uint64_t refused(enum crmg_reason reason)
{
	return crmg_rig_row(rig, "api", "public").reasons[reason];
}

static uint64_t smuggled(void)
{
	return crmg_rig_odd(rig, CRMG_ODDITY_SMUGGLING);
}

/* So many bytes of header, or trailer. */
static const char *header(const char *first, size_t bytes)
{
	static char text[2 * MOST];
	size_t used = (size_t)snprintf(text, sizeof(text), "%sX: ", first);

	assert_true(bytes < sizeof(text) && bytes > used + 4);
	memset(text + used, 'x', bytes - used - 4);
	memcpy(text + bytes - 4, "\r\n\r\n", 5);
	return text;
}

/* As many bytes as there may be pass, cut anywhere; the first one more is refused. */
static void test_header(void **state)
{
	(void)state;
	for (uint16_t cut = 1; cut < MOST; cut += 53) {
		struct talk t = talk(PEER4, (uint16_t)(1024 + cut));
		const char *text = header("GET / HTTP/1.1\r\n", MOST);

		assert_int_equal(says(&t, text, cut), XDP_PASS);
		assert_int_equal(says(&t, text + cut, MOST - cut), XDP_PASS);
		text = header("GET / HTTP/1.1\r\n", MOST + 1);
		assert_int_equal(says(&t, text, cut), XDP_PASS);
		assert_int_equal(says(&t, text + cut, MOST + 1 - cut), XDP_DROP);
		assert_int_equal(refused(CRMG_REASON_MAX_HEADER), cut / 53 + 1);
	}
}

/* It need not end: what has no end is refused where it is too long, empty lines before it apart. */
static void test_header_goes_on(void **state)
{
	struct talk t = talk(PEER6, 1024);

	(void)state;
	for (int i = 0; i < 200; i++)
		assert_int_equal(asks(&t, "\r\n\r\n\r\n\r\n"), XDP_PASS);
	for (int i = 0; i < MOST / 8; i++)
		assert_int_equal(asks(&t, "GET /abc"), XDP_PASS);
	assert_int_equal(asks(&t, "d"), XDP_DROP);
	assert_int_equal(refused(CRMG_REASON_MAX_HEADER), 1);
}

/* Behind a line that is none of a request, as a proxy's, the next one counts from its beginning. */
static void test_header_behind(void **state)
{
	static const char line[] = "PROXY TCP4 192.0.2.1 192.0.2.2 1 443\r\n";

	(void)state;
	for (uint16_t more = 0; more < 2; more++) {
		struct talk t = talk(PEER4, (uint16_t)(1024 + more));
		char text[2 * MOST] = "GET /";

		memset(text + strlen(text), 'x', MOST + more - strlen("GET / HTTP/1.1\r\n\r\n"));
		strcat(text, " HTTP/1.1\r\n\r\n");
		assert_int_equal(strlen(text), MOST + more);
		assert_int_equal(asks(&t, line), XDP_PASS);
		assert_int_equal(asks(&t, text), more ? XDP_DROP : XDP_PASS);
	}
	assert_int_equal(refused(CRMG_REASON_MAX_HEADER), 1);
}

static void test_trailer(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(asks(&t, HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n"), XDP_PASS);
	assert_int_equal(asks(&t, header("", MOST)), XDP_PASS);
	assert_int_equal(asks(&t, HEAD "Transfer-Encoding: chunked\r\n\r\n0\r\n"), XDP_PASS);
	assert_int_equal(asks(&t, header("", MOST + 1)), XDP_DROP);
	assert_int_equal(refused(CRMG_REASON_MAX_HEADER), 1);
}

/* By what the headers say, before any of it is there. */
static void test_body(void **state)
{
	static const char *const too_long[] = {
		"1001", "1000000", "4294967296", "4294967297", "99999999999999",
	};
	struct talk t = talk(PEER4, 1024);
	char text[2 * MOST] = HEAD "Content-Length: 1000\r\n\r\n";

	(void)state;
	memset(text + strlen(text), 'x', MOST);
	assert_int_equal(asks(&t, text), XDP_PASS);
	assert_int_equal(asks(&t, text), XDP_PASS);
	for (uint16_t i = 0; i < CRMG_ARRAY_SIZE(too_long); i++) {
		snprintf(text, sizeof(text), HEAD "Content-Length: %s\r\n\r\n", too_long[i]);
		assert_int_equal(asks(&t, text), XDP_DROP);
		assert_int_equal(refused(CRMG_REASON_MAX_BODY), i + 1);
	}
}

/* In parts they count together; of each request anew. */
static void test_parts(void **state)
{
	struct talk t = talk(PEER6, 1024);
	char first[MOST];

	(void)state;
	memset(first, 'x', sizeof(first));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(asks(&t, HEAD "Transfer-Encoding: chunked\r\n\r\n3e7\r\n"), XDP_PASS);
		assert_int_equal(says(&t, first, MOST - 1), XDP_PASS);
		assert_int_equal(asks(&t, "\r\n1;a=b\r\nx\r\n0\r\n\r\n"), XDP_PASS);
	}
	assert_int_equal(asks(&t, HEAD "Transfer-Encoding: chunked\r\n\r\n3e7\r\n"), XDP_PASS);
	assert_int_equal(says(&t, first, MOST - 1), XDP_PASS);
	assert_int_equal(asks(&t, "\r\n2\r\n"), XDP_DROP);
	assert_int_equal(asks(&t, "\r\nffffffffffff\r\n"), XDP_DROP);
	assert_int_equal(refused(CRMG_REASON_MAX_BODY), 2);
}

static const struct {
	const char *text;
	bool smuggles;
} rows[] = {
	{ HEAD "Content-Length: 2\r\n\r\nab", false },
	{ HEAD "Content-Length: 2\r\nContent-Length: 2\r\n\r\nab", false },
	{ HEAD "Content-Length:\t2 , 2 \r\n\r\nab", false },
	{ HEAD "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nab\r\n0\r\n\r\n", false },
	{ HEAD "Transfer-Encoding: gzip, Chunked\r\n\r\n0\r\n\r\n", false },
	{ HEAD "Transfer-Encoding-X: a\r\nContent-Lengths: b\r\n\r\n", false },
	{ HEAD "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n0\r\n\r\n", true },
	{ HEAD "Content-Length: 2\r\nContent-Length: 3\r\n\r\nab", true },
	{ HEAD "Content-Length: 2, 3\r\n\r\nab", true },
	{ HEAD "Content-Length: +2\r\n\r\nab", true },
	{ HEAD "Content-Length: 0x2\r\n\r\nab", true },
	{ HEAD "Content-Length: 2 0\r\n\r\nab", true },
	{ HEAD "Content-Length:\r\n\r\n", true },
	{ HEAD "Content-Length: 99999999999999999999\r\n\r\n", true },
	{ HEAD "Content-Length : 2\r\n\r\nab", true },
	{ HEAD "Transfer-Encoding\t: chunked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: xchunked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chun ked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: \vchunked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked, identity\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked;q=1\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding:\r\n chunked\r\n\r\n", true },
	{ HEAD "X: a\r\n\tTransfer-Encoding: chunked\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked\r\n\r\n0x2\r\nab\r\n0\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n", true },
	{ HEAD "Transfer-Encoding: chunked\r\n\r\n\r\n0\r\n\r\n", true },
};

/* action: what becomes of those that smuggle; they are counted or not. */
static void check_rows(uint32_t action, bool counted)
{
	uint64_t count = 0;

	for (uint16_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct talk t = talk(i % 2 ? PEER6 : PEER4, (uint16_t)(1024 + i));

		if (asks(&t, rows[i].text) != (rows[i].smuggles ? action : XDP_PASS))
			fail_msg("row %u", i);
		count += rows[i].smuggles;
		assert_int_equal(smuggled(), counted ? count : 0);
		assert_int_equal(refused(CRMG_REASON_SANITY), action == XDP_PASS ? 0 : count);
	}
}

static void test_refused(void **state)
{
	(void)state;
	check_rows(XDP_DROP, true);
}

static void test_observed(void **state)
{
	(void)state;
	check_rows(XDP_PASS, true);
}

static void test_off(void **state)
{
	(void)state;
	check_rows(XDP_PASS, false);
}

/* -------------------------------------------------------------------- tests */

static const char sizes[] = POLICY("observe", SIZES);
/* Nothing else of requests is asked for: to refuse them is reason to read them. */
static const char refusing[] = POLICY("refuse", "");
static const char observed[] = POLICY("observe", ", limits: {requests: {rate: 1k/s}}");
static const char off[] = POLICY("\"off\"", ", limits: {requests: {rate: 1k/s}}");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_header, sizes),
		TEST_UNDER(test_header_goes_on, sizes),
		TEST_UNDER(test_header_behind, sizes),
		TEST_UNDER(test_trailer, sizes),
		TEST_UNDER(test_body, sizes),
		TEST_UNDER(test_parts, sizes),
		TEST_UNDER(test_refused, refusing),
		TEST_UNDER(test_observed, observed),
		TEST_UNDER(test_off, off),
	};

	return cmocka_run_group_tests_name("sizes", tests, NULL, NULL);
}
