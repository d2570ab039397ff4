// SPDX-License-Identifier: GPL-2.0
/*
 * test_hide.c - clients that want their requests not to be seen: what the server reads is not
 * what a segment shows. Each is refused, or counted nevertheless.
 */
#include "talk.h"

#include "../lib/refparse.h"

#define POLICY(limits) POLICY_OF("http", limits)
#define POLICY_OF(protocol, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: " protocol ", ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, limits: {" limits "}}]\n"

#define GET "GET /v1/contacts?page=2 HTTP/1.1\r\nHost: api.example.org\r\n\r\n"

static const char plain[] = POLICY("requests: {rate: 1G/s}");
static const char three[] = POLICY("requests: {rate: 2/s, burst: 3}");
static const char first[] = POLICY("half_open: {max: 8}");
static const char one[] = POLICY("requests: {rate: 1/100s, burst: 1}");
static const char shadow[] = "mode: shadow\n" POLICY("requests: {rate: 1G/s}");
static const char tls[] = POLICY_OF("tls", "requests: {rate: 1G/s}");
static const char tls_shadow[] = "mode: shadow\n" POLICY_OF("tls", "requests: {rate: 1G/s}");

static uint64_t requests(enum crmg_verdict verdict)
{
	return crmg_rig_row(rig, "api", "public").requests[verdict];
}

static uint64_t refused(enum crmg_reason reason)
{
	return crmg_rig_row(rig, "api", "public").reasons[reason];
}

/* ------------------------------------------------- urgent data, IP fragments */

/* A request behind an urgent byte, that a segment without data points to: its server reads GET. */
static uint32_t says_urgent(struct talk *t)
{
	struct crmg_test_packet pointer = client_segment(&t->c, ACK | CRMG_TEST_URG);
	uint32_t action;

	pointer.seq = t->next;
	action = crmg_rig_xdp_packet(rig, &pointer);
	assert_int_equal(sends_at(t, ACK | CRMG_TEST_URG, t->next, "X" GET, strlen(GET) + 1), action);
	return action;
}

static void test_urgent(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(says_urgent(&t), XDP_DROP);
	assert_int_equal(refused(CRMG_REASON_UNREADABLE), 2);
	assert_int_equal(requests(CRMG_VERDICT_PASS) + requests(CRMG_VERDICT_DROP), 0);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
}

static void test_urgent_shadow(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(says_urgent(&t), XDP_PASS);
	assert_int_equal(refused(CRMG_REASON_UNREADABLE), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_UNREADABLE], 2);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
}

/* A request of which the first fragment has four bytes: the rest comes without a port. */
static void test_fragments(void **state)
{
	const struct crmg_addr clients[] = { PEER4, PEER6 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(clients); i++) {
		struct talk t = talk(clients[i], 1024);
		struct crmg_test_packet p = client_segment(&t.c, ACK);

		p.payload = 4;
		p.more_fragments = true;
		if (i)
			p.ext[0] = (struct crmg_test_ext) { IPPROTO_FRAGMENT, 8 };
		assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
		assert_int_equal(refused(CRMG_REASON_UNREADABLE), i + 1);
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	}
	assert_int_equal(requests(CRMG_VERDICT_PASS), 2);
}

/* ------------------------------------------------- what the server does not take */

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

/* The server acknowledges what came, and begins so many answers, each in a segment. */
static void server_answers(struct talk *t, unsigned int answers)
{
	while (answers--)
		server_says_text(t, OK_ANSWER);
}

/*
 * A header of a body that has no end, which the server throws away (a wrong checksum, say), and
 * in its place requests, that seem to be sent again: not read, but answered. They are counted
 * then, and paid for; and what comes behind is read again.
 */
static void test_decoy(void **state)
{
	struct talk t = talk(PEER4, 1024), other = talk(PEER6, 1024);

	(void)state;
	hides(&t, GET GET GET);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 1);
	server_answers(&t, 3);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(says(&other, GET, strlen(GET)), XDP_PASS);
	/* Three at 2/s: the fourth has room after half a second. */
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC / 2);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	server_answers(&t, 1);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 5);
	assert_int_equal(requests(CRMG_VERDICT_DROP), 2);
}

/* What was asked for while nobody counted requests is no credit for those that are hidden later. */
static void test_credit(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	for (int i = 0; i < 20; i++) {
		assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
		server_answers(&t, 1);
	}
	crmg_rig_apply(rig, three);
	hides(&t, GET GET GET);
	server_answers(&t, 3);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
}

/* However many are hidden they are owed, and who asks for nothing is told so for nothing. */
static void test_debt(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	server_says_text(&t, "HTTP/1.1 408 Request Timeout\r\n\r\n");
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	server_answers(&t, 1 + 20);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 21);
	crmg_rig_set_clock(rig, START_NS + 18 * CRMG_NS_PER_SEC / 2);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	crmg_rig_set_clock(rig, START_NS + 19 * CRMG_NS_PER_SEC / 2);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
}

/*
 * A client with a large window may have 20 MiB still to come while it asks on. One that goes back
 * behind what it has acknowledged is taken by the server all the same: it waits, as what is early.
 */
static void test_lagging(void **state)
{
	struct talk t = talk(PEER4, 1024);
	uint32_t has = t.c.next, sent;

	(void)state;
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	for (int i = 0; i < 2; i++) {
		t.c.next += 10 << 20;
		answers(&t);
	}
	sent = t.c.next;
	t.c.next = has;
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	t.c.next = sent;
	assert_int_equal(sends_at(&t, ACK, t.next, "", 0), XDP_PASS);
	t.c.next = has;
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	assert_int_equal(refused(CRMG_REASON_EARLY), 1);
	t.c.next = sent;
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 3);
}

/*
 * Whoever owes nothing but requests stays in the table of sources, as who owes packets does: a flood
 * of strangers makes no new bucket for him.
 */
static void test_flood(void **state)
{
	static const uint64_t after_s[] = { 0, 10, 95 };
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_PASS);
	assert_int_equal(says(&t, GET, strlen(GET)), XDP_DROP);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(after_s); i++) {
		crmg_rig_set_clock(rig, START_NS + after_s[i] * CRMG_NS_PER_SEC);
		for (uint32_t n = 0; n < 2 * 8 * 1024; n++) {
			struct crmg_test_packet p = tcp_packet(stranger(n / 2), 443, ACK);

			crmg_rig_xdp_packet(rig, &p);
		}
		assert_non_null(crmg_rig_slot(rig, "api", PEER4));
	}
}

/* What is no HTTP/1 counts by its turn: what comes behind an answer is a request. */
static void test_another_protocol(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says(&t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	for (int i = 1; i < 10; i++) {
		assert_int_equal(requests(CRMG_VERDICT_PASS), i);
		answers(&t);
		says(&t, "\1\2\3", 3);
		says(&t, "\n\n", 2);
	}
	/* HTTP/1 is read as such again. */
	answers(&t);
	says(&t, "\n" GET GET, 2 * strlen(GET) + 1);
	assert_int_equal(requests(CRMG_VERDICT_PASS), 12);
}

/* ------------------------------------------------------- TLS, out of order */

#define RECORD_LEN 105

static const char record[RECORD_LEN] = "\x17\x03\x03\x00\x64";

/*
 * Records of which each lies over two segments. Two of these change places: the second would take
 * the header in it along, and all that comes behind would be read from nowhere. It has to wait.
 */
static void test_tls_swapped(void **state)
{
	enum { RECORDS = 12, PART = 50, AHEAD = 4 };
	struct talk t = { conversation(rig, PEER4, 1024), 5001 };
	char sent[RECORDS][RECORD_LEN];

	(void)state;
	for (int i = 0; i < RECORDS; i++)
		memcpy(sent[i], record, RECORD_LEN);
	answers(&t);
	assert_int_equal(says(&t, sent[0], PART), XDP_PASS);
	for (int i = 0; i + 1 < RECORDS; i++) {
		if (i == AHEAD)
			assert_int_equal(says_at(&t, t.next + RECORD_LEN, sent[i + 1] + PART, RECORD_LEN),
					 XDP_DROP);
		answers(&t);
		assert_int_equal(says(&t, sent[i] + PART, RECORD_LEN), XDP_PASS);
	}
	assert_int_equal(refused(CRMG_REASON_EARLY), 1);
	assert_int_equal(requests(CRMG_VERDICT_PASS), RECORDS);
}

/* Records behind those that are missing pass; between the two nothing may be taken out. */
static void test_tls_in_the_hole(void **state)
{
	enum { BEHIND = 3 };
	struct talk t = { conversation(rig, PEER4, 1024), 5001 };

	(void)state;
	answers(&t);
	assert_int_equal(says(&t, record, RECORD_LEN), XDP_PASS);
	answers(&t);
	assert_int_equal(says_at(&t, t.next + BEHIND * RECORD_LEN, record, RECORD_LEN), XDP_PASS);
	assert_int_equal(says_at(&t, t.next + RECORD_LEN, record, RECORD_LEN), XDP_DROP);
	for (int i = 0; i < BEHIND; i++) {
		assert_int_equal(says(&t, record, RECORD_LEN), XDP_PASS);
		answers(&t);
	}
	assert_int_equal(refused(CRMG_REASON_EARLY), 1);
}

/*
 * A body that looks like a header, behind what is missing: that shows that it was none. What came
 * next was read from nowhere and went on, so both ends get a RST, the server first.
 */
static void test_tls_torn(void **state)
{
	enum { PART = 50 };
	struct talk t = talk(PEER4, 1024);
	char sent[RECORD_LEN];
	struct crmg_ref rst;

	(void)state;
	memcpy(sent, record, RECORD_LEN);
	memcpy(sent + PART, record, RECORD_LEN - PART);
	answers(&t);
	assert_int_equal(says_at(&t, t.next + PART, sent + PART, RECORD_LEN - PART), XDP_PASS);
	assert_int_equal(says_at(&t, t.next, sent, PART), XDP_PASS);
	rst = crmg_ref_parse(reply.data, reply.len);
	assert_int_equal(rst.tcp_flags, RST);
	assert_int_equal(rst.dport, 443);
	assert_int_equal(crmg_test_get32(reply.data + 14 + 20 + 4), t.next);
	assert_int_equal(refused(CRMG_REASON_UNREADABLE), 1);
	assert_int_equal(refused(CRMG_REASON_EARLY), 0);
	/* The server need not have taken that: it is refused again, and the client is told. */
	assert_int_equal(says_at(&t, t.next, sent, PART), XDP_TX);
	rst = crmg_ref_parse(reply.data, reply.len);
	assert_true(rst.tcp_flags & RST);
	assert_int_equal(rst.sport, 443);
	assert_int_equal(refused(CRMG_REASON_UNREADABLE), 2);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), 2);
}

/* Swapped where nothing is refused: behind each answer there is a request. */
static void test_tls_swapped_shadow(void **state)
{
	enum { RECORDS = 12, PART = 50 };
	struct talk t = { conversation(rig, PEER4, 1024), 5001 };
	char sent[2 * RECORD_LEN];

	(void)state;
	memcpy(sent, record, RECORD_LEN);
	memcpy(sent + RECORD_LEN, record, RECORD_LEN);
	answers(&t);
	says(&t, sent, PART);
	says_at(&t, t.next + RECORD_LEN, sent + PART, RECORD_LEN);
	says(&t, sent + PART, RECORD_LEN);
	t.next += RECORD_LEN;
	for (int i = 3; i < RECORDS; i++) {
		answers(&t);
		assert_int_equal(says(&t, sent + PART, RECORD_LEN), XDP_PASS);
	}
	assert_in_range(requests(CRMG_VERDICT_PASS), RECORDS - 2, RECORDS);
}

/* -------------------------------------------------------------------- tests */

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_urgent, plain),
		TEST_UNDER(test_urgent_shadow, shadow),
		TEST_UNDER(test_fragments, plain),
		TEST_UNDER(test_decoy, three),
		TEST_UNDER(test_credit, first),
		TEST_UNDER(test_debt, three),
		TEST_UNDER(test_another_protocol, plain),
		TEST_UNDER(test_lagging, plain),
		TEST_UNDER(test_flood, one),
		TEST_UNDER(test_tls_swapped, tls),
		TEST_UNDER(test_tls_in_the_hole, tls),
		TEST_UNDER(test_tls_torn, tls),
		TEST_UNDER(test_tls_swapped_shadow, tls_shadow),
	};

	return cmocka_run_group_tests_name("hide", tests, NULL, NULL);
}
