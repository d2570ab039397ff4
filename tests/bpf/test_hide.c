// SPDX-License-Identifier: GPL-2.0
/*
 * test_hide.c - clients that want their requests not to be seen: what the server reads is not
 * what a segment shows. Each is refused, or counted nevertheless.
 */
#include "talk.h"

#define POLICY(limits) POLICY_OF("http", limits)
#define POLICY_OF(protocol, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: " protocol ", ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, limits: {" limits "}}]\n"

#define GET "GET /v1/contacts?page=2 HTTP/1.1\r\nHost: api.example.org\r\n\r\n"

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

/* The same where nothing is refused: behind each answer there is a request. */
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

static int set_up(void **state)
{
	(void)state;
	return set_up_policy(POLICY("requests: {rate: 1G/s}"));
}

static int set_up_shadow(void **state)
{
	(void)state;
	return set_up_policy("mode: shadow\n" POLICY("requests: {rate: 1G/s}"));
}

static int set_up_tls(void **state)
{
	(void)state;
	return set_up_policy(POLICY_OF("tls", "requests: {rate: 1G/s}"));
}

static int set_up_tls_shadow(void **state)
{
	(void)state;
	return set_up_policy("mode: shadow\n" POLICY_OF("tls", "requests: {rate: 1G/s}"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_urgent, set_up),
		TEST(test_urgent_shadow, set_up_shadow),
		TEST(test_fragments, set_up),
		TEST(test_tls_swapped, set_up_tls),
		TEST(test_tls_swapped_shadow, set_up_tls_shadow),
	};

	return cmocka_run_group_tests_name("hide", tests, NULL, NULL);
}
