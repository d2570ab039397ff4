// SPDX-License-Identifier: GPL-2.0
/*
 * test_reject.c - the 429 that answers a request in place of the server, byte by byte; what
 * becomes of the rest of its connection; and when there must be none.
 */
#include "talk.h"

#include "../lib/refparse.h"

#define PSH CRMG_TEST_PSH

#define POLICY(limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, on_exceed: reject, limits: {" \
	limits "}}]\n"

#define GET "GET /v1/contacts HTTP/1.1\r\nHost: api.example.org\r\n\r\n"
#define TEXT(seconds) \
	"HTTP/1.1 429 Too Many Requests\r\nRetry-After: " seconds "\r\nContent-Length: 0\r\n" \
	"Connection: close\r\n\r\n"
#define TEXT_LEN (strlen(TEXT("        1")))

static uint64_t rejected(void)
{
	return crmg_rig_row(rig, "api", "public").packets[CRMG_VERDICT_REJECT];
}

static uint32_t get(struct talk *t)
{
	return says(t, GET, strlen(GET));
}

/* A bare segment of the client at this number. */
static uint32_t sends(const struct talk *t, uint32_t seq, uint32_t ack, uint8_t flags,
		      uint32_t payload)
{
	struct crmg_test_packet p = client_segment(&t->c, flags);
	static struct crmg_test_frame frame;

	p.seq = seq;
	p.ack = ack;
	p.payload = payload;
	crmg_test_build(&p, &frame);
	return crmg_rig_xdp(rig, &frame, &reply);
}

/* The segment in reply: from one end to the other, with these flags and numbers. */
static const uint8_t *check_segment(const struct talk *t, bool back, uint8_t flags, uint32_t seq,
				    uint32_t ack)
{
	const struct crmg_addr *server = t->c.client.hi ? &SERVER6 : &SERVER4;
	struct crmg_ref ref = crmg_ref_parse(reply.data, reply.len);
	const uint8_t *tcp = reply.data + 14 + (t->c.client.hi ? 40 : 20);

	assert_int_equal(ref.class, CRMG_REF_L4);
	assert_false(ref.malformed);
	assert_memory_equal(back ? &ref.src : &ref.dst, server, sizeof(*server));
	assert_memory_equal(back ? &ref.dst : &ref.src, &t->c.client, sizeof(*server));
	assert_int_equal(back ? ref.sport : ref.dport, t->c.dport);
	assert_int_equal(back ? ref.dport : ref.sport, t->c.sport);
	assert_int_equal(ref.tcp_flags, flags);
	assert_int_equal(crmg_test_get32(tcp + 4), seq);
	assert_int_equal(crmg_test_get32(tcp + 8), ack);
	assert_true(crmg_test_checksums_ok(reply.data, reply.len));
	return tcp;
}

static void check_text(const struct talk *t, uint32_t ack, const char *text)
{
	const uint8_t *tcp = check_segment(t, true, FIN | PSH | ACK, t->c.next, ack);

	assert_int_equal(tcp[12] >> 4, 8);
	assert_int_equal(reply.data + reply.len - tcp, 32 + TEXT_LEN);
	assert_memory_equal(tcp + 32, text, TEXT_LEN);
}

/* Uses the three requests of the burst up. */
static struct talk used_up(struct crmg_addr client, uint16_t sport)
{
	struct talk t = talk(client, sport);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(get(&t), XDP_PASS);
		answers(&t);
	}
	return t;
}

/* The answer, however often it is asked for; then both ends are told the end. */
static void check_rejected(struct crmg_addr client)
{
	const struct crmg_addr source = { client.hi, client.hi ? 0 : client.lo };
	struct talk t = used_up(client, 1024);
	uint32_t answer = t.c.next, end = answer + (uint32_t)TEXT_LEN + 1;
	uint32_t sent = t.next + (uint32_t)strlen(GET);

	for (int i = 0; i < 3; i++) {
		assert_int_equal(get(&t), XDP_TX);
		check_text(&t, sent, TEXT("        1"));
	}
	assert_int_equal(crmg_rig_has(rig, "api", source, CRMG_CAP_OPEN_CONNECTIONS), 1);
	assert_int_equal(sends(&t, sent, end, ACK, 0), XDP_PASS);
	check_segment(&t, false, RST, t.next, 0);
	assert_int_equal(crmg_rig_has(rig, "api", source, CRMG_CAP_OPEN_CONNECTIONS), 0);
	/* Late as it is, the answer may have been lost. */
	assert_int_equal(get(&t), XDP_TX);
	check_text(&t, sent, TEXT("        1"));
	/* What is sent behind the request is acknowledged, and goes nowhere. */
	assert_int_equal(sends(&t, sent, end, ACK, 100), XDP_TX);
	check_segment(&t, true, ACK, end, sent + 100);
	assert_int_equal(sends(&t, sent + 100, end, ACK | FIN, 0), XDP_TX);
	check_segment(&t, true, ACK, end, sent + 101);
	assert_int_equal(sends(&t, sent + 101, end, ACK, 0), XDP_DROP);
	assert_int_equal(sends(&t, sent + 101, end, ACK | RST, 0), XDP_DROP);
}

static void test_rejected(void **state)
{
	(void)state;
	check_rejected(PEER4);
	assert_int_equal(rejected(), 9);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_REQUESTS], 9);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_REJECT], 1);
	assert_int_equal(crmg_rig_row(rig, "api", "public").requests[CRMG_VERDICT_PASS], 3);
	check_rejected(PEER6);
}

/* A connection on the same ports is another one. */
static void test_ports_again(void **state)
{
	struct talk t = used_up(PEER4, 1024);

	(void)state;
	assert_int_equal(get(&t), XDP_TX);
	assert_int_equal(sends(&t, t.next, t.c.next, ACK, 0), XDP_PASS);
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC);
	t = talk(PEER4, 1024);
	assert_int_equal(get(&t), XDP_PASS);
}

/* The option of timestamps, if the client sends one, says what the server's would. */
static void test_timestamps(void **state)
{
	struct talk t = used_up(PEER4, 1024);
	struct crmg_test_packet p = client_segment(&t.c, ACK);
	static struct crmg_test_frame frame;
	const uint8_t *tcp;

	(void)state;
	p.seq = t.next;
	p.payload = strlen(GET);
	p.tcp_options = 12;
	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - strlen(GET), GET, strlen(GET));
	crmg_test_put32(frame.data + frame.l4 + 20, 0x0101080a);
	crmg_test_put32(frame.data + frame.l4 + 24, 7);
	crmg_test_put32(frame.data + frame.l4 + 28, 0xfffffff9);
	assert_int_equal(crmg_rig_xdp(rig, &frame, &reply), XDP_TX);
	check_text(&t, t.next + (uint32_t)strlen(GET), TEXT("        1"));
	tcp = reply.data + frame.l4;
	assert_int_equal(crmg_test_get32(tcp + 20), 0x0101080a);
	assert_int_equal(crmg_test_get32(tcp + 24), 0xfffffff9);
	assert_int_equal(crmg_test_get32(tcp + 28), 7);
}

/* No answer goes before that of an earlier request: it is waited for. */
static void test_pipelined(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(says(&t, GET GET GET, 3 * strlen(GET)), XDP_PASS);
	assert_int_equal(get(&t), XDP_DROP);
	answers(&t);
	/* The client does not have it yet. */
	t.c.next--;
	assert_int_equal(get(&t), XDP_DROP);
	t.c.next++;
	assert_int_equal(get(&t), XDP_TX);
	assert_int_equal(rejected(), 1);
}

/* Of a line of which the server has the beginning the rest is refused. */
static void test_split(void **state)
{
	struct talk t = used_up(PEER4, 1024);
	uint32_t sent = t.next + (uint32_t)strlen(GET);

	(void)state;
	assert_int_equal(says(&t, GET, 10), XDP_PASS);
	assert_int_equal(says(&t, GET + 10, strlen(GET) - 10), XDP_DROP);
	server_says(&t, ACK, 0);
	assert_int_equal(says(&t, GET + 10, strlen(GET) - 10), XDP_TX);
	check_text(&t, sent, TEXT("        1"));
	assert_int_equal(sends(&t, sent, t.c.next + 1, ACK, 0), XDP_PASS);
	check_segment(&t, false, RST, t.next, 0);
}

/* How long to wait is said, in seconds. */
static void test_retry_after(void **state)
{
	struct talk t = talk(PEER4, 1024);

	(void)state;
	assert_int_equal(get(&t), XDP_PASS);
	answers(&t);
	assert_int_equal(get(&t), XDP_TX);
	check_text(&t, t.next + (uint32_t)strlen(GET), TEXT("   604800"));
	crmg_rig_set_clock(rig, START_NS + 4800 * CRMG_NS_PER_SEC - 1);
	t = talk(PEER4, 1025);
	assert_int_equal(get(&t), XDP_TX);
	check_text(&t, t.next + (uint32_t)strlen(GET), TEXT("   600001"));
}

/* What else is refused is answered with a RST, as are requests where nothing can be sent. */
static void test_reset(void **state)
{
	struct talk t = used_up(PEER4, 1024);

	(void)state;
	crmg_rig_set_tc_ingress(rig, true);
	assert_int_equal(get(&t), XDP_TX);
	check_segment(&t, true, RST, t.c.next, 0);
	crmg_rig_set_tc_ingress(rig, false);
	crmg_rig_ban(rig, "203.0.113.7", NULL, CRMG_BAN_FOREVER);
	assert_int_equal(get(&t), XDP_TX);
	check_segment(&t, true, RST, t.c.next, 0);
	crmg_rig_unban(rig, "203.0.113.7");
	assert_int_equal(rejected(), 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").packets[CRMG_VERDICT_RESET], 2);
}

static void test_shadow(void **state)
{
	struct talk t = used_up(PEER4, 1024);

	(void)state;
	assert_int_equal(get(&t), XDP_PASS);
	assert_int_equal(rejected(), 0);
}

/* -------------------------------------------------------------------- tests */

static const char plain[] = POLICY("requests: {rate: 2/s, burst: 3}, open_connections: {max: 9}");
static const char slow[] = POLICY("requests: {rate: 1/7d}");
static const char shadow[] = "mode: shadow\n" POLICY("requests: {rate: 2/s, burst: 3}");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_rejected, plain),
		TEST_UNDER(test_ports_again, plain),
		TEST_UNDER(test_timestamps, plain),
		TEST_UNDER(test_pipelined, plain),
		TEST_UNDER(test_split, plain),
		TEST_UNDER(test_retry_after, slow),
		TEST_UNDER(test_reset, plain),
		TEST_UNDER(test_shadow, shadow),
	};

	return cmocka_run_group_tests_name("reject", tests, NULL, NULL);
}
