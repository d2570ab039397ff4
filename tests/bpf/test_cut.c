// SPDX-License-Identifier: GPL-2.0
/*
 * test_cut.c - how the open connections of a source end that was cut: the RST in place of
 * what was to leave, and of what arrives. That both ends take them: tests/netns/budgets.sh.
 */
#include "conversation.h"
#include "rig.h"

#include <linux/pkt_cls.h>
#include <stdio.h>

#include "../lib/refparse.h"

static struct crmg_test_frame frame;
static struct crmg_rig_output output;
static bool at_tc;

static void apply(const char *quota)
{
	char text[512];

	snprintf(text, sizeof(text),
		 "version: 1\n"
		 "capacity: {sources: 1024}\n"
		 "services: {api: {transport: tcp, ports: [443]}}\n"
		 "policies:\n"
		 "  - {name: api, service: api, clients: any, on_budget: cut,\n"
		 "     limits: {bytes_out: [{quota: %s, per: 1m}]}}\n", quota);
	if (rig)
		crmg_rig_apply(rig, text);
	else
		rig = crmg_rig_new(text);
}

/* What the server sends next, which may be refused. */
static struct crmg_test_packet answer(const struct conversation *c, uint8_t flags)
{
	return (struct crmg_test_packet) {
		.src = c->client.hi ? SERVER6 : SERVER4, .dst = c->client,
		.protocol = IPPROTO_TCP, .sport = c->dport, .dport = c->sport,
		.seq = c->next, .ack = 1001, .tcp_flags = flags, .payload = 1000,
	};
}

static uint32_t leaves(const struct conversation *c, uint8_t flags)
{
	const struct crmg_test_packet p = answer(c, flags);

	crmg_test_build(&p, &frame);
	return crmg_rig_tc_output(rig, &frame, &output);
}

static uint32_t arrives(const struct conversation *c, uint8_t flags, uint32_t payload)
{
	struct crmg_test_packet p = client_segment(c, flags);

	p.payload = payload;
	crmg_test_build(&p, &frame);
	return crmg_rig_xdp(rig, &frame, &output);
}

/* A connection of a client whose budget, 80 kB, is used up by it. */
static struct conversation spent(struct crmg_addr client)
{
	struct conversation c;

	crmg_rig_forget(rig);
	c = conversation(rig, client, 40000);
	handshake(&c);
	for (int i = 0; i < 70; i++)
		server_sends(&c, ACK, 1000);
	while ((int)leaves(&c, ACK) == TC_ACT_UNSPEC)
		c.next += 1000;
	return c;
}

/* The output is a RST with this number, that goes where the frame came from, or on. */
static void check_reset(bool back, uint32_t seq)
{
	struct crmg_ref sent = crmg_ref_parse(frame.data, frame.len);
	struct crmg_ref ref = crmg_ref_parse(output.data, output.len);
	const uint8_t *tcp = output.data + 14 + (output.data[14] >> 4 == 4 ? 20 : 40);

	assert_int_equal(ref.class, CRMG_REF_L4);
	assert_int_equal(ref.tcp_flags, RST);
	assert_int_equal(crmg_test_get32(tcp + 4), seq);
	assert_memory_equal(&ref.src, back ? &sent.dst : &sent.src, sizeof(ref.src));
	assert_memory_equal(&ref.dst, back ? &sent.src : &sent.dst, sizeof(ref.dst));
	assert_int_equal(ref.sport, back ? sent.dport : sent.sport);
	assert_int_equal(ref.dport, back ? sent.sport : sent.dport);
	assert_memory_equal(output.data, frame.data + (back ? 6 : 0), 6);
	assert_memory_equal(output.data + 6, frame.data + (back ? 0 : 6), 6);
	assert_true(crmg_test_checksums_ok(output.data, output.len));
}

/* What was to leave goes to the client as a RST that has its number. */
static void test_leaving(void **state)
{
	static const struct crmg_addr clients[] = { PEER4, PEER6 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(clients); i++) {
		struct conversation c = spent(clients[i]);
		uint64_t sent = crmg_rig_host(rig, CRMG_HOST_RESETS);
		struct crmg_row was = crmg_rig_row(rig, "api", "api"), is;

		assert_int_equal(leaves(&c, ACK), TC_ACT_REDIRECT);
		check_reset(false, c.next);
		is = crmg_rig_row(rig, "api", "api");
		assert_int_equal(is.dropped_out - was.dropped_out, 1);
		assert_int_equal(is.bytes_out, was.bytes_out);
		/* It is sent again, so the server gets one too; of what is new it does not yet. */
		assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), sent + 2);
		c.next += 1000;
		assert_int_equal(leaves(&c, ACK), TC_ACT_REDIRECT);
		check_reset(false, c.next);
		assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), sent + 3);
		/* A RST leaves, or who was cut would never hear of it; a handshake has not begun. */
		assert_int_equal((int)leaves(&c, RST), TC_ACT_UNSPEC);
		assert_int_equal(leaves(&c, SYN | ACK), TC_ACT_SHOT);
	}
}

/* A request goes to the server as a RST; when it comes again the client is told. */
static void test_arriving(void **state)
{
	static const struct crmg_addr clients[] = { PEER4, PEER6 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(clients); i++) {
		struct conversation c = spent(clients[i]);

		assert_int_equal(arrives(&c, ACK, 100), XDP_PASS);
		check_reset(false, 1001);
		assert_int_equal(arrives(&c, ACK, 100), XDP_TX);
		check_reset(true, c.next);
		assert_int_equal(arrives(&c, SYN, 0), XDP_DROP);
		assert_int_equal(arrives(&c, RST, 0), XDP_PASS);
	}
}

/* Of who shows nothing of the connection no server hears. */
static void test_forged(void **state)
{
	struct conversation c = spent(PEER4);

	(void)state;
	c.next += 0x12345678;
	assert_int_equal(arrives(&c, ACK, 100), XDP_TX);
	c.next -= 0x12345678;
	assert_int_equal(arrives(&c, ACK, 100), XDP_PASS);
	check_reset(false, 1001);
}

/* At most 1 000 a second and host; the rest is dropped, as it would be without. */
static void test_capped(void **state)
{
	struct conversation c = spent(PEER4);
	unsigned int ended = 0;

	(void)state;
	for (int i = 0; i < 300; i++)
		ended += leaves(&c, ACK) == TC_ACT_REDIRECT;
	assert_in_range(ended, CRMG_RESETS_PER_SEC / 10 - 2, CRMG_RESETS_PER_SEC / 10);
}

/* Who is given a larger quota is let in at once. */
static void test_raised(void **state)
{
	struct conversation c = spent(PEER4);

	(void)state;
	assert_int_equal(arrives(&c, SYN, 0), XDP_DROP);
	apply("800kB");
	assert_int_equal(arrives(&c, SYN, 0), XDP_PASS);
	assert_int_equal((int)leaves(&c, ACK), TC_ACT_UNSPEC);
	apply("80kB");
}

static int set_up(void **state)
{
	(void)state;
	apply("80kB");
	crmg_rig_set_tc_ingress(rig, at_tc);
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leaving),
		cmocka_unit_test(test_arriving),
		cmocka_unit_test(test_forged),
		cmocka_unit_test(test_capped),
		cmocka_unit_test(test_raised),
	};
	int failed = cmocka_run_group_tests_name("cut", tests, set_up, tear_down);

	at_tc = true;
	return failed + cmocka_run_group_tests_name("cut at TC ingress", tests, set_up, tear_down);
}
