// SPDX-License-Identifier: GPL-2.0
/*
 * test_flows.c - who is proven: a source that acknowledges what only the one who
 * receives at its address can know; and that a flood of SYNs does not make the
 * host forget its open flows.
 */
#include "conversation.h"
#include "rig.h"

#include "../lib/random.h"

#define WINDOW   (1 << 23)	/* how far an acknowledgement may lie behind */

#define POLICY(flows) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: " #flows "}\n" \
	"services:\n" \
	"  api: {transport: tcp, ports: [443, 8443]}\n" \
	"  dns: {transport: udp, ports: [443]}\n" \
	"policies: [{name: public, service: [api, dns], clients: any, " \
	"limits: {packets: {rate: 1M/s}}}]\n"

/* ------------------------------------------------------------ who is proven */

enum actor { END, CLIENT, SERVER };

/* Flags of a segment, and what is odd about it. */
struct step {
	enum actor who;
	uint8_t flags;
	uint32_t payload;
	int off;		/* of the client: what it acknowledges, relative to the truth */
	uint16_t sport;		/* not 0: another port of the client */
	uint16_t dport;		/* not 0: another port of the server */
	uint8_t protocol;	/* not 0: another than TCP */
};

#define IN(fl, ...)  { .who = CLIENT, .flags = fl, ##__VA_ARGS__ }
#define OUT(fl, ...) { .who = SERVER, .flags = fl, ##__VA_ARGS__ }
#define SYN_IN    IN(SYN)
#define SYN_ACK   OUT(SYN | ACK)
#define ACK_IN    IN(ACK)
#define ACKED(by) IN(ACK, .off = by)
#define DATA(n)   OUT(ACK, .payload = n)

static const struct row {
	const char *name;
	bool proven;
	struct step step[6];
} rows[] = {
	{ "a handshake", true, { SYN_IN, SYN_ACK, ACK_IN } },
	{ "a handshake with data in its last packet", true, { SYN_IN, SYN_ACK,
	  IN(ACK, .payload = 100) } },
	{ "a SYN-ACK sent twice", true, { SYN_IN, SYN_ACK, ACKED(-1), OUT(SYN | ACK),
	  ACK_IN } },
	{ "closed at once", true, { SYN_IN, SYN_ACK, IN(FIN | ACK) } },
	{ "a SYN", false, { SYN_IN } },
	{ "a SYN and an answer", false, { SYN_IN, SYN_ACK } },
	{ "two SYNs and an answer", false, { SYN_IN, SYN_ACK, SYN_IN } },
	{ "a bare ACK", false, { ACK_IN, ACK_IN } },
	{ "an ACK before the SYN-ACK", false, { SYN_IN, ACK_IN, SYN_ACK } },
	{ "an ACK one too low", false, { SYN_IN, SYN_ACK, ACKED(-1) } },
	{ "an ACK one too high", false, { SYN_IN, SYN_ACK, ACKED(1) } },
	{ "an ACK within a window, but of a handshake", false, { SYN_IN, SYN_ACK,
	  ACKED(-1000) } },
	{ "another port of the client", false, { SYN_IN, SYN_ACK,
	  IN(ACK, .sport = 40001) } },
	{ "another port of the service", false, { SYN_IN, SYN_ACK,
	  IN(ACK, .dport = 8443) } },
	{ "SYN and ACK", false, { SYN_IN, SYN_ACK, IN(SYN | ACK) } },
	{ "a RST without ACK", false, { SYN_IN, SYN_ACK, IN(RST) } },
	{ "UDP on the same ports", false, { SYN_IN, SYN_ACK,
	  IN(0, .protocol = IPPROTO_UDP, .payload = 20) } },

	{ "data of a connection older than the programs", true, { DATA(1000), ACK_IN } },
	{ "less than all data acknowledged", true, { DATA(1000), ACKED(-1000) } },
	{ "a FIN acknowledged", true, { OUT(FIN | ACK), ACK_IN } },
	{ "as old as a window can be", true, { DATA(1), ACKED(-(WINDOW - 1)) } },
	{ "older than any window", false, { DATA(1), ACKED(-WINDOW) } },
	{ "data acknowledged that was not sent", false, { DATA(1000), ACKED(1) } },
	{ "data sent again", true, { DATA(3000), OUT(ACK, .payload = 1000, .off = -3000),
	  ACK_IN } },
	{ "a RST of the server", false, { OUT(RST | ACK), ACK_IN } },
	{ "a RST with data", false, { OUT(RST | ACK, .payload = 10), ACK_IN } },
	{ "a bare ACK of the server", false, { OUT(ACK), ACK_IN } },
	{ "a SYN of the server", false, { OUT(SYN), ACK_IN } },
	{ "data without ACK", false, { OUT(0, .payload = 10), ACK_IN } },
};

static void client_step(const struct conversation *c, const struct step *step)
{
	struct crmg_test_packet p = client_segment(c, step->flags);

	p.ack += (uint32_t)step->off;
	p.payload = step->payload;
	p.sport = step->sport ? step->sport : p.sport;
	p.dport = step->dport ? step->dport : p.dport;
	p.protocol = step->protocol ? step->protocol : p.protocol;
	assert_int_equal(crmg_rig_xdp_packet(c->rig, &p), XDP_PASS);
}

/* What is sent again begins earlier, and the connection is as far as it was. */
static void server_step(struct conversation *c, const struct step *step)
{
	uint32_t next = c->next;

	c->next += (uint32_t)step->off;
	server_sends(c, step->flags, step->payload);
	if (step->off)
		c->next = next;
}

static void run_row(const struct row *row, struct crmg_addr client, uint32_t first)
{
	struct conversation c = conversation(rig, client, 40000);
	const struct crmg_addr source = { client.hi, client.hi ? 0 : client.lo };
	uint64_t before = crmg_rig_host(rig, CRMG_HOST_PROVEN);
	bool proven;

	crmg_rig_forget(rig);
	c.next = first;
	for (const struct step *step = row->step; step->who != END; step++) {
		if (step->who == CLIENT)
			client_step(&c, step);
		else
			server_step(&c, step);
	}
	proven = crmg_rig_state(rig, "api", source) == CRMG_TAG_PROVEN;
	if (proven != row->proven ||
	    crmg_rig_host(rig, CRMG_HOST_PROVEN) != before + row->proven)
		fail_msg("%s, from %#x: %sproven", row->name, first, proven ? "" : "not ");
}

static void test_who_is_proven(void **state)
{
	/* The middle of the sequence numbers, and where they wrap. */
	static const uint32_t firsts[] = { 0x12345678, 0xffffffff, 0, 0xfffffff0 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		for (size_t j = 0; j < CRMG_ARRAY_SIZE(firsts); j++) {
			run_row(&rows[i], PEER4, firsts[j]);
			run_row(&rows[i], PEER6, firsts[j]);
		}
}

/* One service's proof is not another's, nor one address's that of its neighbour. */
static void test_proof_is_of_one_source(void **state)
{
	const struct crmg_addr neighbour = CRMG_TEST_V4(203, 0, 113, 8);
	struct conversation c = conversation(rig, PEER4, 40000), other = c;
	const struct crmg_test_packet udp = {
		.src = PEER4, .dst = SERVER4, .protocol = IPPROTO_UDP, .sport = 40000,
		.dport = 443, .payload = 20,
	};

	(void)state;
	handshake(&c);
	other = c;
	other.client = neighbour;
	client_sends(&other, ACK);
	crmg_rig_xdp_packet(rig, &udp);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_PROVEN);
	assert_int_equal(crmg_rig_state(rig, "api", neighbour), CRMG_TAG_LIVE);
	assert_int_equal(crmg_rig_state(rig, "dns", PEER4), CRMG_TAG_LIVE);
}

/* A source that had sent much without a connection is proven by the next one. */
static void test_proven_late(void **state)
{
	struct conversation c = conversation(rig, PEER4, 40000);
	const struct crmg_test_packet junk = tcp_packet(PEER4, 443, ACK);

	(void)state;
	assert_int_equal(volley(rig, &junk, 1000), 1000);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_LIVE);
	handshake(&c);
	/* It is not asked for every packet. */
	crmg_rig_set_clock(rig, START_NS + 10 * CRMG_NS_PER_SEC);
	client_sends(&c, ACK);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_PROVEN);
}

/* ------------------------------------------------------------------- floods */

#define FLOWS  96		/* of 65536 places: no line has more than fit */
#define FLOOD  1000000
#define FLOOD_NS (FLOOD * 10000ULL)	/* 100 000 a second */

/* D5: the answers to a flood of SYNs replace each other, and no flow that is open. */
static void test_syn_flood_keeps_flows(void **state)
{
	struct crmg_test_random random = { 5 };
	struct conversation open[FLOWS];

	(void)state;
	for (uint32_t n = 0; n < FLOWS; n++) {
		open[n] = conversation(rig, stranger(n), (uint16_t)(20000 + n));
		/* One of two was open before the programs came. */
		if (n % 2)
			handshake(&open[n]);
		server_sends(&open[n], ACK, 100);
	}
	for (uint32_t n = 0; n < FLOOD; n++) {
		struct conversation c = conversation(rig, stranger(crmg_test_below(&random, 1 << 24)),
						     (uint16_t)crmg_test_below(&random, 65536));

		if (n % 1000 == 0)
			crmg_rig_set_clock(rig, START_NS + FLOOD_NS / FLOOD * n);
		server_sends(&c, SYN | ACK, 0);
	}
	/* What they acknowledge now is still known: each is proven, also who was not before. */
	for (uint32_t n = 0; n < FLOWS; n++)
		client_sends(&open[n], ACK);
	/* Of a million answers one in a hundred times one has a flow's place and its hash. */
	assert_in_range(crmg_rig_host(rig, CRMG_HOST_PROVEN), FLOWS - 3, FLOWS);
}

/* Of handshakes that nobody completed the oldest goes first: a client's is still there. */
static void test_handshake_within_a_flood(void **state)
{
	enum { CLIENTS = 200, BETWEEN = 64 };
	struct crmg_test_random random = { 6 };
	uint64_t now = START_NS;

	(void)state;
	for (uint32_t n = 0; n < CLIENTS; n++) {
		struct conversation c = conversation(rig, stranger(n), (uint16_t)(20000 + n));

		/* A tick of a flow's age: what was sent before is older. */
		now += 9 * CRMG_NS_PER_SEC;
		crmg_rig_set_clock(rig, now);
		client_sends(&c, SYN);
		server_sends(&c, SYN | ACK, 0);
		for (int i = 0; i < BETWEEN; i++) {
			struct conversation forged = conversation(
				rig, stranger(1000 + crmg_test_below(&random, 1 << 20)), 7);

			server_sends(&forged, SYN | ACK, 0);
		}
		client_sends(&c, ACK);
	}
	print_message("# %lu of %u proven\n", crmg_rig_host(rig, CRMG_HOST_PROVEN), CLIENTS);
	assert_true(crmg_rig_host(rig, CRMG_HOST_PROVEN) > CLIENTS * 98 / 100);
}

/* A flow of which nothing left for two minutes gives way, one of a minute does not. */
static void test_idle_flows_give_way(void **state)
{
	static const struct { unsigned int seconds; bool kept; } rows_of_idle[] = {
		{ 60, true }, { 180, false },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows_of_idle); i++) {
		struct conversation old = conversation(rig, PEER4, 40000);
		uint64_t later = START_NS + rows_of_idle[i].seconds * CRMG_NS_PER_SEC;

		crmg_rig_forget(rig);
		crmg_rig_set_clock(rig, START_NS);
		server_sends(&old, ACK, 100);
		crmg_rig_set_clock(rig, later);
		/* More handshakes than there are places. */
		for (uint32_t n = 0; n < 8 * 1024; n++) {
			struct conversation c = conversation(rig, stranger(n), 1);

			handshake(&c);
		}
		/* A proven source finds room when another was idle for 4.3 to 8.6 s. */
		crmg_rig_set_clock(rig, later + 9 * CRMG_NS_PER_SEC);
		client_sends(&old, ACK);
		assert_int_equal(crmg_rig_state(rig, "api", PEER4) == CRMG_TAG_PROVEN,
				 rows_of_idle[i].kept);
	}
}

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(POLICY(1024));
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

static int set_up_many(void **state)
{
	(void)state;
	rig = crmg_rig_new(POLICY(65536));
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_who_is_proven, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_proof_is_of_one_source, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_proven_late, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_syn_flood_keeps_flows, set_up_many,
						tear_down),
		cmocka_unit_test_setup_teardown(test_handshake_within_a_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_idle_flows_give_way, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("flows", tests, NULL, NULL);
}
