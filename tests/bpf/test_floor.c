// SPDX-License-Identifier: GPL-2.0
/*
 * test_floor.c - a floor of TLS under what a server says, where no stack of this host sends it
 * again: in pieces, with parts that are missing, and behind what was refused.
 */
#include "conversation.h"
#include "rig.h"

#include <linux/pkt_cls.h>

#include "../lib/hello.h"

#define POLICY(tls) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services:\n" \
	"  api: {transport: tcp, ports: [443], protocol: tls}\n" \
	"policies: [{name: public, service: api, clients: any, tls: " tls "}]\n"

#define REFUSES POLICY("{minimum: \"1.2\", minimum_action: refuse, plaintext: refuse}")

static const char plain[] = REFUSES;
static const char observing[] = POLICY("{minimum: \"1.2\", minimum_action: observe}");

/* Bytes [from, to) of what the server says in a connection; true: they leave. */
static bool says(const struct conversation *c, const struct hello *h, uint32_t from, uint32_t to)
{
	const struct crmg_test_packet p = {
		.src = SERVER4, .dst = c->client, .protocol = IPPROTO_TCP, .sport = c->dport,
		.dport = c->sport, .seq = c->next + from, .ack = 1001, .tcp_flags = ACK,
		.payload = to - from,
	};
	static struct crmg_test_frame frame;

	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - p.payload, h->bytes + from, p.payload);
	return (int)crmg_rig_tc(rig, &frame, NULL) == TC_ACT_UNSPEC;
}

static struct conversation opened(uint16_t sport)
{
	struct conversation c = conversation(rig, PEER4, sport);

	handshake(&c);
	return c;
}

static void check_told(uint32_t version, uint64_t count)
{
	const struct crmg_row row = crmg_rig_row(rig, "api", "public");
	uint64_t all = 0;

	for (uint32_t v = 0; v < CRMG_TLS_VERSION_COUNT; v++)
		all += row.versions[v];
	assert_int_equal(row.versions[version], count);
	assert_int_equal(all, count);
}

static uint64_t refused(enum crmg_reason reason)
{
	return crmg_rig_row(rig, "api", "public").reasons[reason];
}

/* A forwarded server goes on after what was lost; nothing of it leaves, and it may try again. */
static void test_behind_refused(void **state)
{
	const struct hello h = hello_of(1, HELLO_OLD);
	struct conversation c = opened(40000);

	(void)state;
	for (int i = 0; i < 3; i++) {
		assert_false(says(&c, &h, 0, 90));
		assert_false(says(&c, &h, 90, 100));
		assert_false(says(&c, &h, 100, h.len));
		/* Sent again with a part of what was behind. */
		assert_false(says(&c, &h, 0, 95));
	}
	check_told(CRMG_TLS_VERSION_10, 1);
	assert_int_equal(refused(CRMG_REASON_TLS_VERSION), 12);
	assert_int_equal(refused(CRMG_REASON_PLAINTEXT), 0);
}

/* The other way round: what is behind comes first. */
static void test_gap(void **state)
{
	const struct hello old = hello_of(1, HELLO_OLD), fresh = hello_of(3, HELLO_13);
	struct conversation c = opened(40000);

	(void)state;
	assert_true(says(&c, &old, 50, old.len));
	check_told(CRMG_TLS_VERSION_10, 0);
	assert_false(says(&c, &old, 0, 50));
	assert_false(says(&c, &old, 50, old.len));
	check_told(CRMG_TLS_VERSION_10, 1);
	c = opened(40001);
	assert_true(says(&c, &fresh, 500, fresh.len));
	assert_true(says(&c, &fresh, 0, 500));
	assert_int_equal(crmg_rig_row(rig, "api", "public").versions[CRMG_TLS_VERSION_13], 1);
}

/* Says all of it, piece by piece, each twice; how much of it left. */
static uint32_t says_in_pieces(const struct conversation *c, const struct hello *h, uint32_t piece)
{
	uint32_t at, to;

	for (at = 0; at < h->len; at = to) {
		to = at + piece < h->len ? at + piece : h->len;
		if (!says(c, h, at, to))
			break;
		/* What has left changes nothing when it is sent again. */
		assert_true(says(c, h, at, to));
	}
	return at;
}

/* Cut anywhere, into pieces of any size: each version once, and refused if it is too old. */
static void test_pieces(void **state)
{
	static const uint32_t pieces[] = { 1, 3, 4, 7, 36, 536 };
	const uint64_t each = CRMG_ARRAY_SIZE(pieces);
	const struct hello old = hello_of(1, HELLO_OLD), others[] = {
		hello_of(3, HELLO_OLD), hello_of(3, HELLO_13_LAST)
	};
	struct conversation c;
	uint16_t sport = 30000;
	struct crmg_row row;

	(void)state;
	for (const uint32_t *piece = pieces; piece < pieces + each; piece++) {
		uint32_t left;

		for (size_t i = 0; i < CRMG_ARRAY_SIZE(others); i++) {
			c = opened(sport++);
			assert_int_equal(says_in_pieces(&c, &others[i], *piece), others[i].len);
		}
		c = opened(sport++);
		left = says_in_pieces(&c, &old, *piece);
		assert_true(left < 11);
		assert_false(says(&c, &old, left + *piece, old.len + 1000));
		assert_false(says(&c, &old, left, left + *piece));
		/* From the begin, in other pieces. */
		assert_false(says(&c, &old, 0, 60));
	}
	row = crmg_rig_row(rig, "api", "public");
	assert_int_equal(row.versions[CRMG_TLS_VERSION_10], each);
	assert_int_equal(row.versions[CRMG_TLS_VERSION_12], each);
	assert_int_equal(row.versions[CRMG_TLS_VERSION_13], each);
	assert_int_equal(row.versions[CRMG_TLS_VERSION_PLAINTEXT], 0);
	assert_int_equal(row.reasons[CRMG_REASON_PLAINTEXT], 0);
	assert_int_equal(row.reasons[CRMG_REASON_TLS_VERSION], 4 * each);
}

/* An answer in plain text is refused by its first byte, and so is what follows. */
static void test_plaintext(void **state)
{
	struct hello h = { .len = 30 };
	struct conversation c = opened(40000);

	(void)state;
	memcpy(h.bytes, "HTTP/1.1 400 Bad Request\r\n\r\n..", 30);
	assert_false(says(&c, &h, 0, 1));
	assert_false(says(&c, &h, 1, 30));
	assert_false(says(&c, &h, 0, 30));
	check_told(CRMG_TLS_VERSION_PLAINTEXT, 1);
	assert_int_equal(refused(CRMG_REASON_PLAINTEXT), 3);
}

/* In the middle of a stream nothing is the first, whatever the word of a handshake says. */
static void test_middle(void **state)
{
	static const int64_t away[] = { -1000, 1 << 23, 1 << 30, -(1 << 30) };
	struct hello h = { .len = 30 };

	(void)state;
	memcpy(h.bytes, "not the begin of a record at al", 30);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(away); i++) {
		struct conversation c = opened((uint16_t)(40000 + i));

		c.next += (uint32_t)away[i];
		assert_true(says(&c, &h, 0, 30));
		c.next += 30;
		assert_true(says(&c, &h, 0, 30));
	}
	check_told(CRMG_TLS_VERSION_PLAINTEXT, 0);
}

/* Another policy ends what was refused: it passes when it is sent again, and so does the rest. */
static void test_not_any_more(void **state)
{
	const struct hello h = hello_of(1, HELLO_OLD);
	struct conversation c = opened(40000);

	(void)state;
	assert_false(says(&c, &h, 0, 60));
	crmg_rig_apply(rig, POLICY("{minimum: \"1.2\", minimum_action: observe}"));
	assert_true(says(&c, &h, 60, h.len));
	assert_true(says(&c, &h, 0, 60));
	assert_true(says(&c, &h, 60, h.len));
	check_told(CRMG_TLS_VERSION_10, 1);
}

/* What is only observed passes, and is told once, in the piece that tells it. */
static void test_observed(void **state)
{
	const struct hello h = hello_of(2, HELLO_OLD);
	struct conversation c = opened(40000);

	(void)state;
	for (uint32_t at = 0; at < h.len; at++)
		assert_true(says(&c, &h, at, at + 1));
	check_told(CRMG_TLS_VERSION_11, 1);
	assert_int_equal(crmg_rig_row(rig, "api", "public").would_drop[CRMG_REASON_TLS_VERSION], 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_behind_refused, plain),
		TEST_UNDER(test_gap, plain),
		TEST_UNDER(test_pieces, plain),
		TEST_UNDER(test_plaintext, plain),
		TEST_UNDER(test_middle, plain),
		TEST_UNDER(test_not_any_more, plain),
		TEST_UNDER(test_observed, observing),
	};

	return cmocka_run_group_tests_name("floor", tests, NULL, NULL);
}
