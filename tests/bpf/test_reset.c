// SPDX-License-Identifier: GPL-2.0
/*
 * test_reset.c - the RST that answers a refused segment, byte by byte against
 * RFC 9293, 3.5.2; and when there must be none. By XDP, and at TC ingress.
 */
#include "conversation.h"
#include "rig.h"

#include "../lib/refparse.h"

#define PSH CRMG_TEST_PSH

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  dns: {transport: udp, ports: [443]}\n"
	"policies:\n"
	"  - {name: api, service: api, clients: any, on_exceed: reset,\n"
	"     limits: {packets: {rate: 1/7d, burst: 1}}}\n"
	"  - {name: dns, service: dns, clients: any,\n"
	"     limits: {packets: {rate: 1/7d, burst: 1}}}\n";

static struct crmg_test_frame frame;
static struct crmg_rig_output answer;
static bool at_tc;

/* Proves the source, which uses up its one packet, so that the next is refused. */
static void exhaust(struct crmg_addr source)
{
	uint64_t proven = crmg_rig_host(rig, CRMG_HOST_PROVEN);

	crmg_rig_forget(rig);
	prove(rig, source, 443);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_PROVEN), proven + 1);
}

#define FROM4 .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, .sport = 40000, .dport = 443
#define FROM6 .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, .sport = 40000, .dport = 443

/* With an ACK the RST has its number; without, it acknowledges all that was sent. */
static const struct {
	const char *name;
	struct crmg_test_packet packet;
	uint8_t flags;
	uint32_t seq;
	uint32_t ack;
} rows[] = {
	{ "SYN", { FROM4, .seq = 1000, .tcp_flags = SYN }, RST | ACK, 0, 1001 },
	{ "SYN with options", { FROM4, .seq = 1000, .tcp_flags = SYN, .tcp_options = 40 },
	  RST | ACK, 0, 1001 },
	{ "SYN with data", { FROM4, .seq = 1000, .tcp_flags = SYN, .payload = 10 },
	  RST | ACK, 0, 1011 },
	{ "SYN at the end of the numbers", { FROM4, .seq = 0xffffffff, .tcp_flags = SYN },
	  RST | ACK, 0, 0 },
	{ "SYN over IPv6", { FROM6, .seq = 7, .tcp_flags = SYN }, RST | ACK, 0, 8 },
	{ "ACK", { FROM4, .seq = 5, .ack = 77, .tcp_flags = ACK }, RST, 77, 0 },
	{ "data", { FROM4, .seq = 5, .ack = 77, .tcp_flags = PSH | ACK, .payload = 1400 },
	  RST, 77, 0 },
	{ "data over IPv6", { FROM6, .seq = 5, .ack = 78, .tcp_flags = PSH | ACK, .payload = 99 },
	  RST, 78, 0 },
	{ "SYN and ACK", { FROM4, .seq = 5, .ack = 79, .tcp_flags = SYN | ACK }, RST, 79, 0 },
	{ "FIN", { FROM4, .seq = 5, .ack = 80, .tcp_flags = FIN | ACK }, RST, 80, 0 },
	{ "FIN without ACK", { FROM4, .seq = 5, .tcp_flags = FIN, .payload = 3 },
	  RST | ACK, 0, 9 },
	{ "no flag", { FROM4, .seq = 5, .payload = 3 }, RST | ACK, 0, 8 },
	{ "padding is no data", { FROM4, .seq = 5, .tcp_flags = SYN, .trailer = 6 },
	  RST | ACK, 0, 6 },
	{ "IPv4 options", { FROM4, .seq = 5, .tcp_flags = SYN, .ip_options = 40, .payload = 1 },
	  RST | ACK, 0, 7 },
	{ "extension headers", { FROM6, .seq = 5, .tcp_flags = SYN, .payload = 1,
	  .ext = { { 0, 8 }, { 60, 24 }, { 51, 20 } } }, RST | ACK, 0, 7 },
	{ "one tag", { FROM4, .seq = 5, .tcp_flags = SYN, .vlan = { CRMG_TEST_ETH_VLAN } },
	  RST | ACK, 0, 6 },
	{ "two tags", { FROM6, .seq = 5, .tcp_flags = SYN,
	  .vlan = { CRMG_TEST_ETH_QINQ, CRMG_TEST_ETH_VLAN } }, RST | ACK, 0, 6 },
};

/* Offset of TCP in the answer, which has neither options nor extension headers. */
static size_t answer_tcp(void)
{
	return frame.l3 + (answer.data[frame.l3] >> 4 == 4 ? 20 : 40);
}

static void check_answer(size_t i)
{
	const struct crmg_test_packet *p = &rows[i].packet;
	struct crmg_ref ref = crmg_ref_parse(answer.data, answer.len);
	const uint8_t *tcp = answer.data + answer_tcp();

	assert_int_equal(ref.class, CRMG_REF_L4);
	assert_false(ref.malformed);
	assert_memory_equal(&ref.src, &p->dst, sizeof(ref.src));
	assert_memory_equal(&ref.dst, &p->src, sizeof(ref.dst));
	assert_int_equal(ref.sport, p->dport);
	assert_int_equal(ref.dport, p->sport);
	assert_int_equal(ref.tcp_flags, rows[i].flags);
	assert_int_equal(crmg_test_get32(tcp + 4), rows[i].seq);
	assert_int_equal(crmg_test_get32(tcp + 8), rows[i].ack);
	assert_int_equal(tcp[12] >> 4, 5);
	assert_true(crmg_test_checksums_ok(answer.data, answer.len));
	/* Sent back where it came from, in the same VLAN. */
	assert_memory_equal(answer.data, frame.data + 6, 6);
	assert_memory_equal(answer.data + 6, frame.data, 6);
	assert_memory_equal(answer.data + 12, frame.data + 12, frame.l3 - 12);
	/* Nothing is carried back but the headers, and padding of the link. */
	assert_true(answer.len == answer_tcp() + 20 || answer.len == 60);
}

static void test_answers(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		exhaust(rows[i].packet.src);
		crmg_test_build(&rows[i].packet, &frame);
		if (crmg_rig_xdp(rig, &frame, &answer) != XDP_TX)
			fail_msg("%s: no answer", rows[i].name);
		check_answer(i);
	}
}

/* RFC 9293: a reset is never sent in response to a reset; and UDP has none. */
static void test_no_answer(void **state)
{
	const struct crmg_test_packet udp = {
		.src = PEER4, .dst = SERVER4, .protocol = IPPROTO_UDP, .sport = 9, .dport = 443,
	};

	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++) {
		struct crmg_test_packet p = tcp_packet(PEER4, 443, (uint8_t)flags);

		exhaust(p.src);
		assert_int_equal(crmg_rig_xdp_packet(rig, &p), flags & RST ? XDP_DROP : XDP_TX);
	}
	crmg_rig_forget(rig);
	assert_int_equal(crmg_rig_xdp_packet(rig, &udp), XDP_PASS);
	assert_int_equal(crmg_rig_xdp_packet(rig, &udp), XDP_DROP);
}

/* This host is no reflector: what may be forged gets no answer, and spends no reset. */
static void test_unproven_gets_none(void **state)
{
	uint64_t sent = crmg_rig_host(rig, CRMG_HOST_RESETS);
	uint64_t capped = crmg_rig_host(rig, CRMG_HOST_RESETS_CAPPED);

	(void)state;
	crmg_rig_forget(rig);
	prove(rig, PEER4, 443);
	sent++;		/* its handshake ends in one; the proof is nobody else's */
	for (unsigned int i = 0; i < 2560; i++) {
		struct crmg_test_packet p = tcp_packet(stranger(i % 10), 443, i / 10);

		p.ack = i;
		assert_int_not_equal(crmg_rig_xdp_packet(rig, &p), XDP_TX);
	}
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), sent);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS_CAPPED), capped);
}

/* A ban is answered as the policy says, under the same rule. */
static void test_banned(void **state)
{
	const struct crmg_test_packet p = tcp_packet(PEER4, 443, SYN);

	(void)state;
	exhaust(PEER4);
	crmg_rig_ban(rig, "203.0.113.7", NULL, CRMG_BAN_FOREVER);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_TX);
	crmg_rig_forget(rig);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	crmg_rig_unban(rig, "203.0.113.7");
}

/* At most 1 000 a second and host, whoever asks for them; the rest is dropped. */
static void test_resets_are_limited(void **state)
{
	unsigned int answered = 0, dropped = 0;
	struct crmg_row before, after;
	uint64_t sent, capped;

	(void)state;
	crmg_rig_forget(rig);
	for (unsigned int i = 0; i < 100; i++)
		prove(rig, stranger(i), 443);
	sent = crmg_rig_host(rig, CRMG_HOST_RESETS);
	capped = crmg_rig_host(rig, CRMG_HOST_RESETS_CAPPED);
	before = crmg_rig_row(rig, "api", "api");
	for (unsigned int i = 0; i < 20000; i++) {
		struct crmg_test_packet p = tcp_packet(stranger(i % 100), 443, SYN);
		uint32_t action;

		crmg_rig_set_clock(rig, START_NS + i * (CRMG_NS_PER_SEC / 10000));
		action = crmg_rig_xdp_packet(rig, &p);
		answered += action == XDP_TX;
		dropped += action == XDP_DROP;
	}
	/* Two seconds' worth: the proofs ended in as many resets as come in a burst. */
	assert_in_range(answered, 2 * CRMG_RESETS_PER_SEC - 1, 2 * CRMG_RESETS_PER_SEC + 1);
	after = crmg_rig_row(rig, "api", "api");
	assert_int_equal(after.packets[CRMG_VERDICT_RESET] - before.packets[CRMG_VERDICT_RESET],
			 answered);
	assert_int_equal(after.packets[CRMG_VERDICT_DROP] - before.packets[CRMG_VERDICT_DROP],
			 dropped);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS) - sent, answered);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS_CAPPED) - capped, dropped);
	crmg_rig_set_clock(rig, START_NS);
}

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(policy);
	crmg_rig_set_tc_ingress(rig, at_tc);
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_answers),
		cmocka_unit_test(test_no_answer),
		cmocka_unit_test(test_unproven_gets_none),
		cmocka_unit_test(test_banned),
		cmocka_unit_test(test_resets_are_limited),
	};

	int failed = cmocka_run_group_tests_name("reset", tests, set_up, tear_down);

	at_tc = true;
	return failed + cmocka_run_group_tests_name("reset at TC ingress", tests, set_up, tear_down);
}
