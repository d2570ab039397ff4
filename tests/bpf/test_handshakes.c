// SPDX-License-Identifier: GPL-2.0
/*
 * test_handshakes.c - handshake_failures: handshakes of TLS that end before the server has taken
 * them, which of them count, and what becomes of a source that has too many.
 */
#include "talk.h"

#include "../lib/hello.h"

#define MINUTE_NS (60 * CRMG_NS_PER_SEC)

#define POLICY(more) POLICY_OF(more, "handshake_failures: {rate: 1/m, burst: 3}")
#define POLICY_OF(more, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services: {api: {transport: tcp, protocol: tls, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, " more \
	"  limits: {" limits "}}]\n"

#define RECORD(type, len) { type, 3, 3, (len) >> 8, (len) & 0xff }

/* What is said, and by whom. */
enum who { END, CLIENT, SERVER, HELLO_12, HELLO_OF_13, HELLO_CUT };

struct said {
	enum who who;
	uint8_t flags;		/* beside ACK */
	uint8_t type;		/* of a record, */
	uint16_t len;		/* of so many bytes; type 0: none */
};

#define C(...) { CLIENT, __VA_ARGS__ }
#define S(...) { SERVER, __VA_ARGS__ }
#define CLIENT_HELLO C(0, 22, 300)
#define TLS_12 CLIENT_HELLO, { .who = HELLO_12 }
#define TLS_13 CLIENT_HELLO, { .who = HELLO_OF_13 }, S(0, 20, 1), S(0, 23, 32), S(0, 23, 900)
#define BOTH_FIN S(FIN, 0, 0), C(FIN, 0, 0)

static const struct row {
	const char *name;
	int failures;
	struct said said[12];
} rows[] = {
	{ "1.2, to the end", 0, { TLS_12, C(0, 22, 70), C(0, 20, 1), S(0, 20, 1), BOTH_FIN } },
	{ "1.2, and an answer", 0, { TLS_12, C(0, 20, 1), S(0, 20, 1), C(0, 23, 100), S(0, 23, 200),
	  BOTH_FIN } },
	{ "1.2, the server ends it", 1, { TLS_12, C(0, 22, 70), C(0, 20, 1), S(0, 21, 2),
	  BOTH_FIN } },
	{ "1.2, the client ends it", 1, { TLS_12, C(0, 21, 2), C(FIN, 0, 0), S(FIN, 0, 0) } },
	{ "1.2, the client resets it", 1, { TLS_12, C(RST, 0, 0) } },
	{ "no common version", 1, { CLIENT_HELLO, S(0, 21, 2), BOTH_FIN } },
	{ "and who stays has it counted, too", 1, { CLIENT_HELLO, S(FIN, 21, 2) } },
	{ "no answer", 1, { CLIENT_HELLO, C(FIN, 0, 0), S(FIN, 0, 0) } },
	{ "no answer but a RST", 1, { CLIENT_HELLO, S(RST, 0, 0) } },
	{ "1.3, to the end", 0, { TLS_13, C(0, 20, 1), C(0, 23, 53), S(0, 23, 250), BOTH_FIN } },
	{ "1.3, with a certificate", 0, { TLS_13, C(0, 23, 900), C(0, 23, 300), S(0, 23, 250),
	  BOTH_FIN } },
	{ "1.3, and an answer", 0, { TLS_13, C(0, 23, 53), C(0, 23, 100), S(0, 23, 200),
	  BOTH_FIN } },
	{ "1.3, the client knows no such CA", 1, { TLS_13, C(0, 20, 1), C(0, 23, 19),
	  C(FIN, 0, 0), S(FIN, 0, 0) } },
	{ "1.3, the same, with a RST", 1, { TLS_13, C(0, 23, 19), S(0, 0, 0), C(RST, 0, 0) } },
	{ "1.3, the same, before the server had it", 1, { TLS_13, C(0, 23, 19), C(RST, 0, 0) } },
	{ "and the server says more, and ends it", 1, { TLS_13, C(0, 23, 19), C(RST, 0, 0),
	  S(0, 0, 0), S(FIN, 0, 0) } },
	{ "1.3, the server takes no such certificate", 1, { TLS_13, C(0, 23, 900), C(0, 23, 53),
	  C(0, 23, 100), S(0, 23, 19), BOTH_FIN } },
	{ "1.3, the same, and the client says that it ends", 1, { TLS_13, C(0, 23, 900),
	  C(0, 23, 53), C(FIN, 23, 100), S(0, 23, 19), S(FIN, 0, 0) } },
	{ "1.3, a greeting over two segments", 0, { CLIENT_HELLO, { .who = HELLO_CUT }, S(0, 20, 1),
	  S(0, 23, 32), S(0, 23, 900), C(0, 23, 53), C(0, 23, 100), S(0, 23, 200), BOTH_FIN } },
	{ "what is no TLS", 1, { C(0, 'G', 100), S(0, 21, 2), BOTH_FIN } },
	{ "nothing at all", 0, { C(FIN, 0, 0), S(FIN, 0, 0) } },
	{ "nothing but a RST", 0, { C(RST, 0, 0) } },
};

static struct crmg_row counters(void)
{
	return crmg_rig_row(rig, "api", "public");
}

/* A segment of a record, or of none; what became of it. */
static uint32_t speaks(struct talk *t, const struct said *said)
{
	static struct crmg_test_frame frame;
	const uint8_t header[] = RECORD(said->type, said->len);
	uint32_t len = said->type ? said->len + sizeof(header) : 0;
	bool client = said->who == CLIENT;
	struct crmg_test_packet p = client_segment(&t->c, ACK | said->flags);
	uint32_t action = XDP_PASS;

	if (said->flags & RST)
		p.tcp_flags = RST;
	p.seq = t->next;
	if (!client)
		p = (struct crmg_test_packet) {
			.src = p.dst, .dst = p.src, .protocol = IPPROTO_TCP, .sport = p.dport,
			.dport = p.sport, .seq = t->c.next, .ack = t->next,
			.tcp_flags = ACK | said->flags,
		};
	p.payload = len;
	crmg_test_build(&p, &frame);
	if (len)
		memcpy(frame.data + frame.len - len, header, sizeof(header));
	if (client)
		action = crmg_rig_xdp(rig, &frame, &reply);
	else
		crmg_rig_tc(rig, &frame, NULL);
	if (action == XDP_PASS)
		*(client ? &t->next : &t->c.next) += len + !!(said->flags & FIN);
	return action;
}

/* A ServerHello, up to `end` of its bytes from `from` on. */
static void says_hello(struct talk *t, const struct hello *hello, size_t from, size_t end)
{
	static struct crmg_test_frame frame;
	const struct crmg_test_packet p = {
		.src = t->c.client.hi ? SERVER6 : SERVER4, .dst = t->c.client,
		.protocol = IPPROTO_TCP, .sport = t->c.dport, .dport = t->c.sport,
		.seq = t->c.next, .ack = t->next, .tcp_flags = ACK,
		.payload = (uint32_t)(end - from),
	};

	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - (end - from), hello->bytes + from, end - from);
	crmg_rig_tc(rig, &frame, NULL);
	t->c.next += (uint32_t)(end - from);
}

static void converse(struct talk *t, const struct said *said)
{
	for (; said->who != END; said++) {
		const struct hello hello =
			hello_of(3, said->who == HELLO_12 ? HELLO_OLD : HELLO_13);
		size_t first = said->who == HELLO_CUT ? 30 : hello.len;

		if (said->who < HELLO_12) {
			assert_int_equal(speaks(t, said), XDP_PASS);
			continue;
		}
		says_hello(t, &hello, 0, first);
		if (first < hello.len)
			says_hello(t, &hello, first, hello.len);
	}
}

static void test_which(void **state)
{
	uint16_t sport = 1024;

	(void)state;
	for (size_t i = 0; i < 2 * CRMG_ARRAY_SIZE(rows); i++) {
		const struct row *row = &rows[i / 2];
		const struct crmg_addr client = i % 2 ? PEER4 : stranger((uint32_t)i);
		uint64_t before = counters().failures;
		struct talk t;

		crmg_rig_set_clock(rig, START_NS + i * MINUTE_NS);
		t = talk(client, sport++);
		converse(&t, row->said);
		if (counters().failures - before != (uint64_t)row->failures)
			fail_msg("%s: %llu failures", row->name,
				 (unsigned long long)(counters().failures - before));
	}
	assert_int_equal(counters().requests[CRMG_VERDICT_PASS], 0);
}

/* A handshake was before anybody looked for it: its end, whatever it is, is no failure. */
static void test_before(void **state)
{
	static const struct said ends[][4] = {
		{ C(0, 21, 2), C(FIN, 0, 0), S(FIN, 0, 0) },
		{ C(FIN, 21, 2), S(FIN, 0, 0) },
		{ S(FIN, 21, 2), C(FIN, 21, 2) },
		{ C(0, 21, 2), C(RST, 0, 0) },
	};
	static const struct said said[] = { TLS_12, C(0, 20, 1), S(0, 20, 1), { .who = END } };
	struct talk open[CRMG_ARRAY_SIZE(ends)];

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(ends); i++) {
		open[i] = talk(PEER4, (uint16_t)(1024 + i));
		converse(&open[i], said);
	}
	crmg_rig_apply(rig, POLICY(""));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(ends); i++)
		converse(&open[i], ends[i]);
	assert_int_equal(counters().failures, 0);
}

/* ------------------------------------------------------------------- limit */

static const struct said hello = CLIENT_HELLO;
static uint16_t next_port = 20000;

static void fails(struct crmg_addr client)
{
	static const struct said said[] = { CLIENT_HELLO, S(FIN, 21, 2), { .who = END } };
	struct talk t = talk(client, next_port++);

	converse(&t, said);
}

/* What becomes of the hello in a connection of its own. */
static uint32_t greets(struct crmg_addr client)
{
	struct talk t = talk(client, next_port++);

	return speaks(&t, &hello);
}

static void use_up(struct crmg_addr client)
{
	for (int i = 0; i < 3; i++)
		fails(client);
}

static uint64_t refused(void)
{
	return counters().reasons[CRMG_REASON_HANDSHAKE_FAILURES];
}

static void check_limit(struct crmg_addr client)
{
	uint64_t before = refused();
	struct talk open, forged = { conversation(rig, client, 50000), 1001 };

	crmg_rig_set_clock(rig, START_NS);
	open = talk(client, next_port++);
	assert_int_equal(speaks(&open, &hello), XDP_PASS);
	use_up(client);
	assert_int_equal(greets(client), XDP_DROP);
	assert_int_equal(refused() - before, 1);
	/* What goes on passes, and so do others, and what is in no connection. */
	assert_int_equal(speaks(&open, &hello), XDP_PASS);
	assert_int_equal(greets(stranger(1)), XDP_PASS);
	assert_int_equal(speaks(&forged, &hello), XDP_PASS);
	crmg_rig_set_clock(rig, START_NS + MINUTE_NS - 1);
	assert_int_equal(greets(client), XDP_DROP);
	crmg_rig_set_clock(rig, START_NS + MINUTE_NS);
	assert_int_equal(greets(client), XDP_PASS);
	fails(client);
	assert_int_equal(greets(client), XDP_DROP);
}

static void test_limit(void **state)
{
	(void)state;
	check_limit(PEER4);
	check_limit(PEER6);
}

/* Who knows no number of the server's has nothing refused that would be held against somebody. */
static void test_forged(void **state)
{
	struct talk t = { conversation(rig, PEER4, 50000), 1001 };

	(void)state;
	use_up(PEER4);
	for (int i = 0; i < 10; i++) {
		crmg_rig_set_clock(rig, START_NS + (uint64_t)i * CRMG_NS_PER_SEC);
		client_sends(&t.c, SYN);
		server_sends(&t.c, SYN | ACK, 0);
		t.c.next += 12345;
		assert_int_equal(speaks(&t, &hello), XDP_PASS);
		t.c.sport++;
		t.next = 1001;
	}
	assert_int_not_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_BANNED);
}

/* Refusals are strikes, which the policy's ban counts. */
static void test_ban(void **state)
{
	(void)state;
	use_up(PEER4);
	assert_int_equal(greets(PEER4), XDP_DROP);
	/* It is not the one that the service is there for. */
	for (int i = 0; i < 10; i++)
		greets(stranger(1));
	assert_int_not_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_BANNED);
	crmg_rig_set_clock(rig, START_NS + CRMG_NS_PER_SEC);
	assert_int_equal(greets(PEER4), XDP_DROP);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_BANNED);
}

/* With on_exceed: reset the server is told first, and the client when it sends again. */
static void test_reset(void **state)
{
	struct talk t;

	(void)state;
	use_up(PEER4);
	t = talk(PEER4, next_port++);
	assert_int_equal(speaks(&t, &hello), XDP_PASS);
	assert_int_equal(refused(), 1);
	assert_int_equal(speaks(&t, &hello), XDP_PASS);
}

static void test_shadow(void **state)
{
	(void)state;
	use_up(PEER4);
	assert_int_equal(greets(PEER4), XDP_PASS);
	assert_int_equal(counters().would_drop[CRMG_REASON_HANDSHAKE_FAILURES], 1);
	assert_int_equal(refused(), 0);
}

/* -------------------------------------------------------------------- tests */

static int set_up(void **state)
{
	(void)state;
	return set_up_policy(POLICY(""));
}

static int set_up_connections(void **state)
{
	(void)state;
	return set_up_policy(POLICY_OF("", "open_connections: {max: 100}"));
}

static int set_up_ban(void **state)
{
	(void)state;
	return set_up_policy(POLICY("ban: {after: 2, within: 10s, for: 1m}, "));
}

static int set_up_reset(void **state)
{
	(void)state;
	return set_up_policy(POLICY("on_exceed: reset, "));
}

static int set_up_shadow(void **state)
{
	(void)state;
	return set_up_policy(POLICY("mode: shadow, "));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_which, set_up),
		TEST(test_before, set_up_connections),
		TEST(test_limit, set_up),
		TEST(test_forged, set_up_ban),
		TEST(test_ban, set_up_ban),
		TEST(test_reset, set_up_reset),
		TEST(test_shadow, set_up_shadow),
	};

	return cmocka_run_group_tests_name("handshakes", tests, NULL, NULL);
}
