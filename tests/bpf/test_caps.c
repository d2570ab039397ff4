// SPDX-License-Identifier: GPL-2.0
/*
 * test_caps.c - how many connections a source has at once, and that it gets no more than
 * its caps: whatever begins, ends, or is never heard of again.
 */
#include "conversation.h"
#include "rig.h"

#include "../lib/random.h"

#define POLICY(flows, limits) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: " #flows "}\n" \
	"services: {api: {transport: tcp, ports: [443]}}\n" \
	"policies: [{name: public, service: api, clients: any, limits: {" limits "}}]\n"

static uint32_t open_now(struct crmg_addr source)
{
	return crmg_rig_has(rig, "api", source, CRMG_CAP_OPEN_CONNECTIONS);
}

static uint32_t half_open_now(struct crmg_addr source)
{
	return crmg_rig_has(rig, "api", source, CRMG_CAP_HALF_OPEN);
}

/* --------------------------------------------------------------- one by one */

enum actor { END, CLIENT, SERVER, WAIT };

struct step {
	enum actor who;
	uint8_t flags;
	uint32_t payload;	/* of WAIT: seconds */
	int off;		/* of the client's sequence number, relative to the truth; ... */
	int ack;		/* ... and of what it acknowledges */
};

#define IN(fl, ...)  { .who = CLIENT, .flags = fl, ##__VA_ARGS__ }
#define OUT(fl, ...) { .who = SERVER, .flags = fl, ##__VA_ARGS__ }
#define AFTER(s)     { .who = WAIT, .payload = s }
#define HANDSHAKE    IN(SYN), OUT(SYN | ACK), IN(ACK)

static const struct row {
	const char *name;
	uint32_t open, half;
	struct step step[9];
} rows[] = {
	{ "a SYN", 1, 1, { IN(SYN) } },
	{ "a SYN three times", 1, 1, { IN(SYN), IN(SYN), IN(SYN) } },
	{ "an answer", 1, 1, { IN(SYN), OUT(SYN | ACK) } },
	{ "a handshake", 1, 0, { HANDSHAKE } },
	{ "an ACK of something else", 1, 1, { IN(SYN), OUT(SYN | ACK), IN(ACK, .ack = 1) } },
	{ "a SYN and an ACK, no answer", 1, 1, { IN(SYN), IN(ACK) } },
	{ "the server speaks", 1, 0, { IN(SYN), OUT(SYN | ACK), OUT(ACK, .payload = 10) } },
	{ "refused by the server", 0, 0, { IN(SYN), OUT(RST | ACK) } },
	{ "closed by the client", 0, 0, { HANDSHAKE, IN(FIN | ACK), OUT(FIN | ACK), IN(ACK) } },
	{ "closed by the server", 0, 0, { HANDSHAKE, OUT(FIN | ACK), IN(FIN | ACK), OUT(ACK) } },
	{ "half closed", 1, 0, { HANDSHAKE, IN(FIN | ACK), OUT(ACK) } },
	{ "what comes after the end", 0, 0, { HANDSHAKE, IN(FIN | ACK), OUT(FIN | ACK), IN(ACK),
	  IN(ACK, .payload = 5), OUT(ACK) } },
	{ "reset by the client", 0, 0, { HANDSHAKE, IN(RST) } },
	{ "reset by the server", 0, 0, { HANDSHAKE, OUT(RST) } },
	{ "a RST in no place", 1, 0, { HANDSHAKE, IN(RST, .off = 1000) } },
	{ "the same, and silence", 0, 0, { HANDSHAKE, IN(RST, .off = 1000), AFTER(80) } },
	{ "the same, but the server speaks", 1, 1, { HANDSHAKE, IN(RST, .off = 1000), OUT(ACK),
	  AFTER(80) } },
	{ "a RST outside of the window, and silence", 1, 1, { HANDSHAKE, IN(RST, .off = 1 << 24),
	  AFTER(80) } },
	{ "a RST that the server did not send", 1, 0, { HANDSHAKE, OUT(RST), AFTER(3),
	  OUT(ACK, .payload = 10) } },
	{ "again on the same port", 1, 0, { HANDSHAKE, IN(RST), HANDSHAKE } },
	{ "never answered", 0, 0, { IN(SYN), AFTER(12) } },
	{ "answered, and never finished", 0, 0, { IN(SYN), OUT(SYN | ACK), AFTER(80) } },
	{ "answered half a minute ago", 1, 1, { IN(SYN), OUT(SYN | ACK), AFTER(30) } },
	{ "idle for an hour", 1, 1, { HANDSHAKE, AFTER(3600) } },
	{ "idle for an hour after a request", 1, 0, { HANDSHAKE, IN(ACK, .payload = 10),
	  AFTER(3600) } },
	{ "idle for three hours", 0, 0, { HANDSHAKE, AFTER(10800) } },
	{ "closed by the server, the client is gone", 0, 0, { HANDSHAKE, OUT(FIN | ACK), AFTER(80) } },
	{ "closed by the client, the server thinks", 1, 0, { HANDSHAKE, IN(FIN | ACK), AFTER(80) } },
	{ "met in its middle", 1, 0, { IN(ACK), OUT(ACK, .payload = 10), IN(ACK) } },
	{ "of which nobody but the client speaks", 0, 0, { IN(ACK, .payload = 10), IN(ACK) } },
	{ "met in its middle, and reset", 0, 0, { OUT(ACK, .payload = 10), IN(RST) } },
	/* What the server waits for next is not known: it has acknowledged nothing yet. */
	{ "a RST behind what came", 1, 0, { HANDSHAKE, IN(ACK, .payload = 10), IN(RST) } },
	{ "a RST before what came", 1, 0, { HANDSHAKE, IN(ACK, .payload = 10), IN(RST, .off = -10) } },
	{ "the same, and silence", 0, 0, { HANDSHAKE, IN(ACK, .payload = 10), IN(RST), AFTER(80) } },
	{ "reset, and what the server had to say", 0, 0, { HANDSHAKE, IN(RST),
	  OUT(ACK, .payload = 10), OUT(ACK, .payload = 10) } },
	{ "a RST that the server did not take", 1, 0, { HANDSHAKE, IN(RST), AFTER(3),
	  OUT(ACK, .payload = 10) } },
	{ "the same again", 1, 0, { HANDSHAKE, IN(RST), AFTER(3), OUT(ACK, .payload = 10), IN(RST) } },
	{ "the same, and the client closes", 0, 0, { HANDSHAKE, IN(RST), AFTER(3),
	  OUT(ACK, .payload = 10), IN(FIN | ACK), OUT(FIN | ACK), IN(ACK) } },
	{ "a RST before the answer", 1, 1, { IN(SYN), IN(RST), OUT(SYN | ACK) } },
	{ "a FIN in no place", 1, 0, { HANDSHAKE, IN(FIN | ACK, .off = 1 << 23), OUT(FIN | ACK) } },
	{ "a FIN that acknowledges nothing", 1, 0, { HANDSHAKE, IN(FIN | ACK, .ack = 1),
	  OUT(FIN | ACK) } },
};

/* A segment of the client, after `sent` bytes of it. */
static void client_step(const struct conversation *c, const struct step *step, uint32_t *sent)
{
	struct crmg_test_packet p = client_segment(c, step->flags);

	p.seq += *sent + (uint32_t)step->off;
	p.ack += (uint32_t)step->ack;
	p.payload = step->payload;
	assert_int_equal(crmg_rig_xdp_packet(c->rig, &p), XDP_PASS);
	if (step->flags & SYN)
		*sent = 0;
	*sent += step->payload + !!(step->flags & FIN);
}

/* A SYN of somebody else lets the table look for what is gone; often enough for all of it. */
static void look(uint64_t now_ns)
{
	crmg_rig_set_clock(rig, now_ns);
	for (uint32_t n = 0; n < 4; n++) {
		struct conversation c = conversation(rig, stranger(n), 7);

		client_sends(&c, SYN);
		server_sends(&c, RST | ACK, 0);
	}
}

static void run_row(const struct row *row, struct crmg_addr client)
{
	struct conversation c = conversation(rig, client, 40000);
	const struct crmg_addr source = { client.hi, client.hi ? 0 : client.lo };
	uint64_t now_ns = START_NS;
	uint32_t sent = 0;

	crmg_rig_forget(rig);
	crmg_rig_set_clock(rig, now_ns);
	for (const struct step *step = row->step; step->who != END; step++) {
		if (step->who == CLIENT) {
			client_step(&c, step, &sent);
		} else if (step->who == SERVER) {
			server_sends(&c, step->flags, step->payload);
		} else {
			now_ns += step->payload * CRMG_NS_PER_SEC;
			look(now_ns);
		}
	}
	if (open_now(source) != row->open || half_open_now(source) != row->half)
		fail_msg("%s: %u open, %u of them half", row->name, open_now(source),
			 half_open_now(source));
}

static void test_what_is_open(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		run_row(&rows[i], PEER4);
		run_row(&rows[i], PEER6);
	}
}

/* --------------------------------------------------------------------- caps */

/* So many of a source's SYNs pass, each from a port of its own. */
static uint32_t syns(struct crmg_addr client, uint16_t first_port, uint32_t count)
{
	uint32_t passed = 0;

	for (uint32_t n = 0; n < count; n++) {
		struct conversation c = conversation(rig, client, (uint16_t)(first_port + n));

		passed += client_sends(&c, SYN) == XDP_PASS;
	}
	return passed;
}

static void test_no_more_than_max(void **state)
{
	struct conversation c = conversation(rig, PEER4, 10000);
	struct crmg_row row;

	(void)state;
	assert_int_equal(syns(PEER4, 10000, 10), 5);
	/* One that is open is never refused, nor a SYN that is sent again. */
	assert_int_equal(handshake(&c), XDP_PASS);
	assert_int_equal(open_now(PEER4), 5);
	assert_int_equal(half_open_now(PEER4), 4);
	row = crmg_rig_row(rig, "api", "public");
	assert_int_equal(row.reasons[CRMG_REASON_OPEN_CONNECTIONS], 5);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_OPEN_CONNECTIONS);
	/* Another source has its own, and one that ends makes room. */
	assert_int_equal(syns(PEER6, 10000, 10), 5);
	server_sends(&c, RST | ACK, 0);
	assert_int_equal(syns(PEER4, 20000, 10), 1);
}

static void test_half_open(void **state)
{
	(void)state;
	assert_int_equal(syns(PEER4, 10000, 10), 3);
	for (uint16_t n = 0; n < 3; n++) {
		struct conversation c = conversation(rig, PEER4, (uint16_t)(10000 + n));

		assert_int_equal(handshake(&c), XDP_PASS);
	}
	assert_int_equal(open_now(PEER4), 3);
	assert_int_equal(half_open_now(PEER4), 0);
	assert_int_equal(syns(PEER4, 20000, 10), 2);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_HALF_OPEN], 7);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_OPEN_CONNECTIONS], 8);
}

/* What a cap refuses is charged to no limit; what a limit refuses is not counted. */
static void test_caps_and_limits(void **state)
{
	(void)state;
	assert_int_equal(syns(PEER4, 10000, 5), 4);
	assert_int_equal(open_now(PEER4), 4);
	assert_int_equal(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_CONNECTIONS], 1);
}

/* Shadow: would be refused, passes, and is counted, since the server has it. */
static void test_shadow(void **state)
{
	(void)state;
	assert_int_equal(syns(PEER4, 10000, 10), 10);
	assert_int_equal(open_now(PEER4), 10);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_OPEN_CONNECTIONS], 5);
}

/* Panic ends, and what was opened meanwhile is known. */
static void test_panic(void **state)
{
	(void)state;
	crmg_rig_panic(rig, true);
	assert_int_equal(syns(PEER4, 10000, 10), 10);
	crmg_rig_panic(rig, false);
	assert_int_equal(open_now(PEER4), 10);
	assert_int_equal(syns(PEER4, 20000, 10), 0);
}

/* -------------------------------------------------------------------- drift */

#define SOURCES 64
#define FLOWS   100000

/* What the server has, by the rules of TCP: kept beside what the programs say. */
struct truth {
	struct conversation c;
	bool open;
	bool finished;
};

/*
 * 100 000 connections of 64 sources at random: opened, closed by either side, reset, and some
 * abandoned in their handshake. In a table that is large enough the gauges end at the truth.
 */
static void test_no_drift(void **state)
{
	static struct truth truth[SOURCES][16];
	struct crmg_test_random random = { 9 };
	uint32_t expected[SOURCES] = { 0 };

	(void)state;
	for (uint32_t i = 0; i < FLOWS; i++) {
		uint32_t s = crmg_test_below(&random, SOURCES), port = crmg_test_below(&random, 16);
		struct truth *t = &truth[s][port];

		if (!t->open) {
			t->c = conversation(rig, stranger(s), (uint16_t)(1000 + port));
			client_sends(&t->c, SYN);
			server_sends(&t->c, SYN | ACK, 0);
			t->finished = crmg_test_below(&random, 8) != 0;
			if (t->finished)
				client_sends(&t->c, ACK);
			t->open = true;
			expected[s]++;
			continue;
		}
		t->open = false;
		expected[s]--;
		switch (crmg_test_below(&random, 3)) {
		case 0:
			server_sends(&t->c, RST | ACK, 0);
			break;
		case 1:
			server_sends(&t->c, FIN | ACK, 0);
			client_sends(&t->c, FIN | ACK);
			break;
		default:
			client_sends(&t->c, FIN | ACK);
			server_sends(&t->c, FIN | ACK, 0);
		}
	}
	for (uint32_t s = 0; s < SOURCES; s++)
		assert_int_equal(open_now(stranger(s)), expected[s]);
}

/*
 * More connections than the table holds: those that were idle for longest are forgotten, met
 * again when the server speaks, and forgotten when they end. None is left over.
 */
static void test_evicted(void **state)
{
	enum { OPEN = 3000 };
	static struct conversation open[OPEN];
	uint32_t left = 0;

	(void)state;
	for (uint32_t i = 0; i < OPEN; i++) {
		open[i] = conversation(rig, stranger(i % SOURCES), (uint16_t)(1000 + i));
		handshake(&open[i]);
		server_sends(&open[i], ACK, 10);
	}
	for (uint32_t s = 0; s < SOURCES; s++)
		left += open_now(stranger(s));
	assert_in_range(left, 1024 * 9 / 10, 1024);
	assert_true(crmg_rig_host(rig, CRMG_HOST_CONNS_FORGOTTEN) >= OPEN - 1024);
	for (uint32_t i = 0; i < OPEN; i++) {
		client_sends(&open[i], FIN | ACK);
		server_sends(&open[i], ACK, 0);
		server_sends(&open[i], FIN | ACK, 0);
		client_sends(&open[i], ACK);
	}
	for (uint32_t s = 0; s < SOURCES; s++) {
		assert_int_equal(open_now(stranger(s)), 0);
		assert_int_equal(half_open_now(stranger(s)), 0);
	}
}

/* -------------------------------------------------------------------- tests */

static const char plain[] = POLICY(1024, "open_connections: {max: 1000}");
static const char large[] = POLICY(65536, "open_connections: {max: 1000}");
static const char five[] = POLICY(1024, "open_connections: {max: 5}");
static const char half[] = POLICY(1024, "open_connections: {max: 5}, half_open: {max: 3}");
static const char limited[] =
	POLICY(1024, "open_connections: {max: 50}, "     "connections: {rate: 1/m, burst: 4}");
static const char shadow[] = "mode: shadow\n" POLICY(1024, "open_connections: {max: 5}");

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_what_is_open, plain),
		TEST_UNDER(test_no_more_than_max, five),
		TEST_UNDER(test_half_open, half),
		TEST_UNDER(test_caps_and_limits, limited),
		TEST_UNDER(test_shadow, shadow),
		TEST_UNDER(test_panic, five),
		TEST_UNDER(test_no_drift, large),
		TEST_UNDER(test_evicted, plain),
	};

	return cmocka_run_group_tests_name("caps", tests, NULL, NULL);
}
