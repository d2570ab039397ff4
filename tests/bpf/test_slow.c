// SPDX-License-Identifier: GPL-2.0
/*
 * test_slow.c - half_open counts clients that take their time with the first request, too: what
 * they have sent after 10 s, under each protocol, and what ends it.
 */
#include "talk.h"

#include "../lib/hello.h"

#define POLICY(protocol) POLICY_WITH(protocol, "")
#define POLICY_WITH(protocol, more) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: " protocol ", ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, limits: {half_open: {max: 3}" more \
	"}}]\n"

#define SECONDS(n) (START_NS + (n) * CRMG_NS_PER_SEC)

#define HEADER "X: y\r\n"
#define GET    "GET / HTTP/1.1\r\n"

static char record[105] = "\x17\x03\x03\x00\x64";	/* of data */
static char client_hello[105] = "\x16\x03\x01\x00\x64\x01";

static uint32_t half_open(struct crmg_addr source)
{
	return crmg_rig_has(rig, "api", source, CRMG_CAP_HALF_OPEN);
}

static uint64_t refused(void)
{
	return crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_HALF_OPEN];
}

/* A SYN of somebody else lets the table look for them; half_open of PEER4 then. */
static uint32_t seen_at(uint64_t now_ns)
{
	struct conversation c = conversation(rig, stranger(1), 7);

	crmg_rig_set_clock(rig, now_ns);
	client_sends(&c, SYN);
	server_sends(&c, RST | ACK, 0);
	return half_open(PEER4);
}

static uint32_t text(struct talk *t, const char *what)
{
	return says(t, what, strlen(what));
}

static void server_hello(struct talk *t, const struct hello *hello)
{
	const struct crmg_test_packet p = {
		.src = SERVER4, .dst = t->c.client, .protocol = IPPROTO_TCP, .sport = t->c.dport,
		.dport = t->c.sport, .seq = t->c.next, .ack = t->next, .tcp_flags = ACK,
		.payload = hello->len,
	};
	static struct crmg_test_frame frame;

	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - hello->len, hello->bytes, hello->len);
	crmg_rig_tc(rig, &frame, NULL);
	t->c.next += hello->len;
}

/* Who opens connections and asks for nothing has so many, and no SYN passes. */
static void test_silent(void **state)
{
	struct talk t[3];
	struct conversation more = conversation(rig, PEER4, 2000);
	uint64_t before = refused();

	(void)state;
	for (uint16_t i = 0; i < 3; i++)
		t[i] = talk(PEER4, (uint16_t)(1024 + i));
	assert_int_equal(seen_at(SECONDS(10)), 0);
	assert_int_equal(seen_at(SECONDS(11)), 3);
	assert_int_equal(client_sends(&more, SYN), XDP_DROP);
	assert_int_equal(refused(), before + 1);
	/* One that ends gives its part back, and another may come. */
	server_sends(&t[0].c, RST | ACK, 0);
	assert_int_equal(half_open(PEER4), 2);
	assert_int_equal(client_sends(&more, SYN), XDP_PASS);
	assert_int_equal(client_sends(&t[1].c, ACK), XDP_PASS);
}

/* Where nothing is read any byte is a request, of the client. */
static void test_raw(void **state)
{
	struct talk t = talk(PEER4, 1024), other = talk(PEER4, 1025);

	(void)state;
	text(&t, "x");
	server_says(&other, ACK, 100);
	assert_int_equal(seen_at(SECONDS(11)), 1);
	assert_int_equal(seen_at(SECONDS(3600)), 1);
	text(&other, "x");
	assert_int_equal(half_open(PEER4), 0);
}

static void test_http(void **state)
{
	struct talk waits = talk(PEER4, 1024), stops = talk(PEER4, 1025), drips = talk(PEER4, 1026),
		    uploads = talk(PEER4, 1027), posts = talk(PEER4, 1028);

	(void)state;
	text(&waits, GET HEADER "\r\n");
	text(&stops, GET HEADER);
	text(&drips, GET);
	text(&uploads, "POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 9\r\n\r\n");
	server_says_text(&uploads, "HTTP/1.1 100 Continue\r\n\r\n");
	text(&posts, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n01234");
	text(&posts, "5678");
	assert_int_equal(half_open(PEER4), 0);
	/* What still sends after 10 s is found by that, ... */
	crmg_rig_set_clock(rig, SECONDS(11));
	text(&drips, HEADER);
	text(&uploads, "0123");
	assert_int_equal(half_open(PEER4), 2);
	/* ... what is silent when somebody connects. */
	assert_int_equal(seen_at(SECONDS(11)), 3);
	/* It is complete, or it is answered, as it is. */
	text(&drips, "\r\n");
	assert_int_equal(half_open(PEER4), 2);
	server_says_text(&stops, "HTTP/1.1 408 Request Timeout\r\n\r\n");
	assert_int_equal(half_open(PEER4), 1);
	text(&uploads, "45678");
	assert_int_equal(half_open(PEER4), 0);
	/* Only the first counts. */
	text(&waits, GET);
	assert_int_equal(seen_at(SECONDS(60)), 0);
	/* Nothing of it is counted where it is not limited. */
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").responses[CRMG_CLASS_CLIENT_ERROR], 0);
}

/* What comes in another order is read no more, and is no request for that. */
static void test_swapped(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	says_at(&t, t.next + 1, GET + 1, strlen(GET) - 1);
	text(&t, "G");
	t.next += (uint32_t)strlen(GET) - 1;
	server_says(&t, ACK, 0);
	text(&t, HEADER);
	assert_int_equal(seen_at(SECONDS(10)), 0);
	assert_int_equal(seen_at(SECONDS(11)), 1);
	server_says_text(&t, "HTTP/1.1 408 Request Timeout\r\n\r\n");
	assert_int_equal(half_open(PEER4), 0);
}

/* One of which the server has all may wait for its answer. */
static void test_swapped_body(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	text(&t, "POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n");
	says_at(&t, t.next + 5, "5678", 4);
	text(&t, "01234");
	t.next += 4;
	server_says(&t, ACK, 0);
	assert_int_equal(seen_at(SECONDS(11)), 0);
}

/* What is no HTTP, or cannot be read, waits for an answer. */
static void test_other(void **state)
{
	struct talk t = talk(PEER4, 1024), drips = talk(PEER4, 1025);

	(void)state;
	text(&t, "?\r\n");
	text(&drips, "?\r\n");
	assert_int_equal(seen_at(SECONDS(11)), 0);
	text(&drips, "?");
	assert_int_equal(half_open(PEER4), 1);
	server_says(&drips, ACK, 100);
	assert_int_equal(half_open(PEER4), 0);
}

/* Under TLS a record of data that is whole, and answered. */
static void test_tls(void **state)
{
	const struct hello hello = hello_of(3, HELLO_OLD);
	struct talk greets = talk(PEER4, 1024), begins = talk(PEER4, 1025), asks = talk(PEER4, 1026),
		    drips = talk(PEER4, 1027);
	struct talk *all[] = { &greets, &begins, &asks, &drips };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(all); i++) {
		assert_int_equal(says(all[i], client_hello, sizeof(client_hello)), XDP_PASS);
		server_hello(all[i], &hello);
	}
	says(&begins, record, 50);
	says(&asks, record, sizeof(record));
	says(&drips, record, sizeof(record));
	assert_int_equal(seen_at(SECONDS(10)), 0);
	assert_int_equal(seen_at(SECONDS(11)), 2);
	says(&drips, record, sizeof(record));
	assert_int_equal(half_open(PEER4), 3);
	server_says_at(&drips, drips.c.next, "\x17\x03\x03\x01");
	drips.c.next += 4;
	assert_int_equal(half_open(PEER4), 3);
	server_says_at(&drips, drips.c.next, "\x01");
	assert_int_equal(half_open(PEER4), 2);
	says(&begins, record + 50, 55);
	assert_int_equal(half_open(PEER4), 2);
	server_says_at(&begins, begins.c.next, "\x17\x03\x03\x01\x01");
	assert_int_equal(half_open(PEER4), 1);
	assert_int_equal(seen_at(SECONDS(3600)), 1);
}

/* With a limit of requests it is the same. */
static void test_limited(void **state)
{
	struct talk t = talk(PEER4, 1024), drips = talk(PEER4, 1025);

	(void)state;
	text(&t, GET "\r\n");
	text(&drips, GET);
	assert_int_equal(seen_at(SECONDS(11)), 1);
	assert_int_equal(text(&t, GET "\r\n"), XDP_DROP);
	assert_int_equal(text(&drips, "\r\n"), XDP_PASS);
	assert_int_equal(half_open(PEER4), 0);
}

/* One that was met in its middle has asked for something before. */
static void test_middle(void **state)
{
	struct talk t = { conversation(rig, PEER4, 1024), 1001 };

	(void)state;
	server_says(&t, ACK, 100);
	assert_int_equal(seen_at(SECONDS(60)), 0);
	text(&t, GET);
	assert_int_equal(half_open(PEER4), 0);
}

/* -------------------------------------------------------------------- tests */

/* One rig for all: nothing of the test before is known in the next. */
static const char raw[] = POLICY("raw"), http[] = POLICY("http"), tls[] = POLICY("tls");
static const char limited[] = POLICY_WITH("http", ", requests: {rate: 1/h, burst: 2}");

/* All tests have one rig; the policy of each is its initial state. */
static int set_up(void **state)
{
	crmg_rig_forget(rig);
	crmg_rig_set_clock(rig, START_NS);
	crmg_rig_apply(rig, *state);
	return 0;
}

static int set_up_all(void **state)
{
	(void)state;
	return set_up_policy(raw);
}

#define SLOW(name, policy) \
	cmocka_unit_test_prestate_setup_teardown(name, set_up, NULL, (void *)(policy))

int main(void)
{
	const struct CMUnitTest tests[] = {
		SLOW(test_silent, raw),
		SLOW(test_silent, http),
		SLOW(test_silent, tls),
		SLOW(test_raw, raw),
		SLOW(test_http, http),
		SLOW(test_swapped, http),
		SLOW(test_swapped_body, http),
		SLOW(test_other, http),
		SLOW(test_tls, tls),
		SLOW(test_limited, limited),
		SLOW(test_middle, http),
		SLOW(test_middle, tls),
	};

	return cmocka_run_group_tests_name("slow", tests, set_up_all, tear_down);
}
