// SPDX-License-Identifier: GPL-2.0
/*
 * test_requests.c - how many requests a connection carries, however they are cut into
 * segments, and what becomes of those that are too many.
 */
#include "talk.h"

#define POLICY(limits) POLICY_OF("http", limits)
#define POLICY_OF(protocol, limits) POLICY_WITH("1024", protocol, limits)
#define POLICY_WITH(flows, protocol, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: " flows "}\n" \
	"services: {api: {transport: tcp, protocol: " protocol ", ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, limits: {" limits "}}]\n"

static uint64_t requests(enum crmg_verdict verdict)
{
	return crmg_rig_row(rig, "api", "public").requests[verdict];
}

/* ------------------------------------------------------------------ streams */

#define GET "GET /v1/contacts?page=2 HTTP/1.1\r\nHost: api.example.org\r\nCookie: c=t\r\n\r\n"

static const struct row {
	const char *text;
	unsigned int requests;
} rows[] = {
	{ GET, 1 },
	{ GET GET GET, 3 },
	{ "\r\n\r\n" GET "\r\n" GET, 2 },
	{ "GET / HTTP/1.0\n\n" GET, 2 },
	{ "GET /a\r\n\r\n", 1 },
	{ "POST / HTTP/1.1\r\nContent-Length: 7\r\n\r\nGET /\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\ncontent-LENGTH:0030  \r\nContent-Type: x\r\n\r\n"
	  "GET / HTTP/1.1\r\n\r\nGET / HTTP" GET, 2 },
	{ "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nContent-Lengths: 5\r\nContent-Lengt: 5\r\nX: 5\r\n\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
	  "12\r\nGET / HTTP/1.1\r\n\r\n\r\n0\r\n\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked \r\nContent-Length: 9\r\n\r\n"
	  "3;ext=\"1\"\r\nabc\r\n1\nd\nA \r\n0123456789\r\n000\r\nTrailer: x\r\nY: z\r\n\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n[\r\n0\r\n\r\n" GET, 2 },
	/* A list of lengths. If they differ the server takes none, and it is not known what follows. */
	{ "POST / HTTP/1.1\r\nContent-Length: 7, 7,,07 ,\r\n\r\nGET /\r\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nContent-Length: 1,1\r\n\r\nx" GET, 2 },
	{ "POST / HTTP/1.1\r\nContent-Length: 100,0\r\n\r\n" GET GET, 3 },
	{ "POST / HTTP/1.1\r\nContent-Length: 0,100\r\n\r\n" GET, 2 },
	/* No HTTP/1 counts once; then lines that are sure to be requests. */
	{ "GET /chat HTTP/1.1\r\nUpgrade: websocket\r\n\r\n\x81\x85\n\n\na\nb\nc\n\n", 2 },
	{ "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\na\nb\nc\n", 1 },
	{ "GET /\r\n\r\nGET /\r\n\r\n" GET GET, 3 },
	{ "?\r\nGET / HTTP/1.1 \t  \r\n\r\nGET / HTTP/1.1         \n\nGET / HTTP/1.0\r\n\r\n", 4 },
	{ "?\nGET / HTTP/1.01\r\n\r\nGET / HTTP/1.0000000000000001 \r\n\r\n" GET, 4 },
	{ "GET / HTTP/1.1           \r\n\r\n" GET, 2 },
	{ "?\nGET / HTTP/1.1\r1\r\nGET / HTTP/1. 1\n" GET, 2 },
	{ "?\nHTTP/1.\nHTTP/1.1x\nxTTP/1.1\nHTTP/2.1\n1.1\n1\n\n" GET, 2 },
	{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n" GET, 2 },
	{ "GET / HTTP/1.1\r\nTransfer-Encodin: chunked\r\nT: x\r\nTransfer-Encodings: chunked\r\n\r\n"
	  GET, 2 },
};

/* Every stream, in segments of every size, of either family, at XDP and at TC ingress. */
static void test_streams(void **state)
{
	uint16_t sport = 1024;

	(void)state;
	for (size_t i = 0; i < 2 * CRMG_ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i / 2];
		const struct crmg_addr client = i % 2 ? PEER4 : PEER6;
		const size_t len = strlen(row->text);

		crmg_rig_set_tc_ingress(rig, i % 2);
		for (size_t size = 1; size <= len; size += 1 + size / 3) {
			uint64_t before = requests(CRMG_VERDICT_PASS);
			struct talk t = talk(client, sport++);

			for (size_t at = 0; at < len; at += size)
				says(&t, row->text + at, size < len - at ? size : len - at);
			if (requests(CRMG_VERDICT_PASS) - before != row->requests)
				fail_msg("in segments of %zu: %llu requests in %s", size,
					 (unsigned long long)(requests(CRMG_VERDICT_PASS) - before),
					 row->text);
			server_sends(&t.c, RST | ACK, 0);
		}
	}
}

/* ------------------------------------------------------------------- limits */

static void test_too_many(void **state)
{
	struct talk t = talk(PEER4, 1024), other = talk(PEER6, 1024);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	/* It is one request, however often it is sent. */
	for (int i = 0; i < 5; i++)
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
	assert_int_equal(requests(CRMG_VERDICT_DROP), 1);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_REQUESTS], 5);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_REQUESTS);
	/* What is no request passes, another source has its own, and time fills the bucket. */
	assert_int_equal(client_sends(&t.c, ACK), XDP_PASS);
	assert_int_equal(says(&other, GET, strlen(GET)), XDP_PASS);
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC / 2);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 5);
	assert_int_equal(requests(CRMG_VERDICT_DROP), 2);
}

/* More in a segment than the burst pass when nothing was used, and are paid for. */
static void test_more_than_the_burst(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(says(&t, GET GET GET GET GET, 5 * strlen(GET)), XDP_PASS);
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC + 1);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	crmg_rig_set_clock(rig, START_NS + 2 * CRMG_NS_PER_SEC);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
}

static void test_shadow(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	for (int i = 0; i < 5; i++)
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 5);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_REQUESTS], 2);
}

/* Who is not in a connection that is known is in none: nothing of it is charged. */
static void test_stray(void **state)
{
	struct talk t = { conversation(rig, PEER4, 1024), 1001 };

	(void)state;
	for (int i = 0; i < 10; i++)
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 0);
}

static uint64_t early(void)
{
	return crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_EARLY];
}

/* What the server cannot take is not read: a forger has to guess where it is in both. */
static void test_forged(void **state)
{
	static const struct { int64_t seq; int64_t ack; uint8_t flags; uint64_t read; } forged[] = {
		{ 0, 0, ACK, 1 },
		{ (1 << 23) - 100, 0, ACK, 1 },
		{ 0, 1 - (1 << 23), ACK, 1 },
		{ 1 << 23, 0, ACK, 0 },
		{ -1000, 0, ACK, 0 },
		{ 1U << 31, 0, ACK, 0 },
		{ 0, 1, ACK, 0 },
		{ 0, -(1 << 23), ACK, 1 },
		{ 0, -(1 << 30), ACK, 0 },
		{ 0, 0, 0, 0 },
		{ 0, 0, RST | ACK, 0 },
		{ 0, 0, RST, 0 },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(forged); i++) {
		struct talk t = talk(PEER4, (uint16_t)(1024 + i));
		uint64_t before;

		answers(&t);
		before = requests(CRMG_VERDICT_PASS) + early();
		t.c.next += (uint32_t)forged[i].ack;
		sends_at(&t, forged[i].flags, t.next + (uint32_t)forged[i].seq, GET, strlen(GET));
		if (requests(CRMG_VERDICT_PASS) + early() - before != forged[i].read)
			fail_msg("row %zu: read, or not", i);
	}
}

/* Whoever begins connections from an address that is not his sends no requests in them. */
static void test_forged_handshake(void **state)
{
	struct talk t = { conversation(rig, PEER4, 1024), 1001 };

	(void)state;
	client_sends(&t.c, SYN);
	says(&t, GET, strlen(GET));
	server_sends(&t.c, SYN | ACK, 0);
	t.c.next -= 100;
	says(&t, GET, strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 0);
}

/* A RST that the server does not take (of a wrong checksum, say) hides nothing. */
static void test_reset_is_no_veil(void **state)
{
	struct talk t = talk(PEER4, 1024);
	struct crmg_test_packet rst = client_segment(&t.c, RST);

	(void)state;
	for (int i = 0; i < 5; i++) {
		rst.seq = t.next;
		crmg_rig_xdp_packet(rig, &rst);
		says(&t, GET, strlen(GET));
		answers(&t);
	}
	assert_int_equal(requests(CRMG_VERDICT_PASS), 5);
}

/*
 * The ports of a connection whose end nobody saw: the next one begins anew, also one that
 * begins with the same number.
 */
static void test_ports_again(void **state)
{
	static const uint32_t numbers[] = { 0x70000000, 1000 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(numbers); i++) {
		struct talk t = talk(PEER4, (uint16_t)(1024 + i));
		struct crmg_test_packet syn = client_segment(&t.c, SYN);

		says(&t, "POST / HTTP/1.1\r\nContent-Length: 100000\r\n\r\n", 44);
		syn.seq = numbers[i];
		crmg_rig_xdp_packet(rig, &syn);
		t.next = syn.seq + 1;
		server_says(&t, SYN | ACK, 0);
		says(&t, GET GET, 2 * strlen(GET));
		assert_int_equal(requests(CRMG_VERDICT_PASS), 3 * (i + 1));
	}
}

/* The table is full: who has no slot has no bucket, and leaves those of others alone. */
static void test_no_slot(void **state)
{
	enum { MANY = 8 * 1024 };
	struct talk without, with;
	uint32_t n = 0;

	(void)state;
	while (n < MANY)
		talk(stranger(n++), 1024);
	do {
		without = talk(stranger(n++), 1024);
		assert_true(n < 2 * MANY);
	} while (crmg_rig_slot(rig, "api", without.c.client));
	for (n = 0; !crmg_rig_slot(rig, "api", stranger(n)); n++)
		assert_true(n < MANY);
	with = talk(stranger(n), 1025);
	answers(&without);
	answers(&with);
	for (int i = 0; i < 3; i++)
		assert_int_equal(says(&with, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(says(&with, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(says(&without, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 4);
	assert_int_equal(says(&with, GET, strlen(GET)), XDP_DROP);
}

/* What one protocol has read means nothing to another. */
static void test_walkers_change(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, "POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n", 48);
	answers(&t);
	crmg_rig_apply(rig, POLICY_OF("tls", "requests: {rate: 1G/s}"));
	says(&t, "\x17\x03\x03\x00\x20", 5);
	t.next += 32;
	answers(&t);
	crmg_rig_apply(rig, POLICY_OF("http", "requests: {rate: 1G/s}"));
	says(&t, GET, strlen(GET));
	answers(&t);
	says(&t, GET, strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 4);
}

/* ---------------------------------------------------------- lost, late, twice */

static void test_sent_twice(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, GET GET, 2 * strlen(GET));
	says_at(&t, 1001, GET GET, 2 * strlen(GET));
	/* Again, and one more behind it. */
	says_at(&t, 1001 + strlen(GET), GET GET, 2 * strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
}

/* What comes early waits for what is missing, and is read when it comes again, each once. */
static void test_early(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(says_at(&t, t.next + strlen(GET), GET, strlen(GET)), XDP_DROP);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 0);
	assert_int_equal(early(), 3);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_OK);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
}

/* Within a body nothing has to wait. */
static void test_early_body(void **state)
{
	const char head[] = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1000\r\n";
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, head, strlen(head));
	assert_int_equal(says_at(&t, t.next + 0x1000 - strlen(GET), GET, strlen(GET)), XDP_PASS);
	assert_int_equal(says_at(&t, t.next + 0x1000, "\r\n1000\r\n", 8), XDP_PASS);
	assert_int_equal(early(), 0);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
}

/* What the server has is not waited for: it was not seen. */
static void test_gap(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, GET, strlen(GET));
	t.next += 1000;
	answers(&t);
	assert_int_equal(says(&t, GET GET, 2 * strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
}

/*
 * A policy that refuses nothing has to let it pass. Then only a line that comes behind an
 * answer counts: those of a body are as many as it likes.
 */
static void test_early_shadow(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, GET, strlen(GET));
	t.next += 100;
	assert_int_equal(says(&t, GET GET GET, 3 * strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_EARLY], 0);
	answers(&t);
	says(&t, GET GET GET, 3 * strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
	/* The server has what was missing, but the client got nothing new. */
	t.next += 100;
	t.c.next -= 10;
	answers(&t);
	says(&t, GET GET GET, 3 * strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
	/* What two answers confirm is known again. */
	for (int n = 3; n < 5; n++) {
		answers(&t);
		answers(&t);
		says(&t, GET, strlen(GET));
		assert_int_equal(requests(CRMG_VERDICT_PASS), n);
	}
	says(&t, GET GET, 2 * strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 6);
}

/* A body may be of any length, and come in any order. */
static void test_large_body(void **state)
{
	const char head[] = "POST / HTTP/1.1\r\nContent-Length: 5000000000\r\n\r\n";
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, head, strlen(head));
	for (uint64_t sent = 0; sent < 5000000000; sent += 500000000) {
		t.next += 499990000;
		answers(&t);
		says_at(&t, t.next + 9000, "GET / HTTP/1.1\n", 15);
		t.next += 10000;
		says_at(&t, t.next - 100, GET, 50);
	}
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
	says(&t, GET, strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
}

/* Met in its middle: nothing is taken for a request but what looks like one. */
static void test_middle(void **state)
{
	struct talk t = { conversation(rig, PEER4, 1024), 5001 };

	(void)state;
	answers(&t);
	says(&t, "of a body\r\nand more\r\n\r\nGET it", 29);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 0);
	says(&t, "\r\n" GET, strlen(GET) + 2);
	says(&t, GET, strlen(GET));
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
}

/* -------------------------------------------------------------------- tests */

static const char plain[] = POLICY("requests: {rate: 1G/s}");
static const char three[] = POLICY("requests: {rate: 2/s, burst: 3}");
/* With room for all connections: in a full line one of the two may give way to the other. */
static const char room[] = POLICY_WITH("65536", "http", "requests: {rate: 2/s, burst: 3}");
static const char shadow[] = "mode: shadow\n" POLICY("requests: {rate: 2/s, burst: 3}");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_streams, plain),
		TEST_UNDER(test_too_many, three),
		TEST_UNDER(test_more_than_the_burst, three),
		TEST_UNDER(test_shadow, shadow),
		TEST_UNDER(test_stray, three),
		TEST_UNDER(test_forged, plain),
		TEST_UNDER(test_forged_handshake, plain),
		TEST_UNDER(test_reset_is_no_veil, plain),
		TEST_UNDER(test_ports_again, plain),
		TEST_UNDER(test_walkers_change, plain),
		TEST_UNDER(test_no_slot, room),
		TEST_UNDER(test_sent_twice, plain),
		TEST_UNDER(test_early, plain),
		TEST_UNDER(test_early_body, plain),
		TEST_UNDER(test_gap, plain),
		TEST_UNDER(test_early_shadow, shadow),
		TEST_UNDER(test_large_body, plain),
		TEST_UNDER(test_middle, plain),
	};

	return cmocka_run_group_tests_name("requests", tests, NULL, NULL);
}
