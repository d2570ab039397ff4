// SPDX-License-Identifier: GPL-2.0
/*
 * test_tls.c - bpf/tls.h, compiled natively, on conversations that are made up here, so that
 * it is known how many requests they hold: cut into segments anywhere, sent twice, out of order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/walker.h"

#define CONVERSATIONS 400
#define TURNS         30
#define STREAM_MAX    (4 << 20)

static uint64_t seed = 22;

static uint32_t below(uint32_t n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (uint32_t)((seed >> 32) * n >> 32);
}

/* What one side has sent, and how much of it was delivered. */
struct side {
	uint8_t bytes[STREAM_MAX];
	uint32_t len;
	uint32_t sent;
	uint32_t first;		/* sequence number of bytes[0] */
};

static struct side client, server;
static struct crmg_walker walker;
static bool held;	/* what comes ahead of its turn is dropped, and comes again */

/* A segment as the programs treat it. False: it is dropped. */
static bool segment(const struct side *side, uint32_t from, uint32_t len, uint32_t ack)
{
	bool came;

	walker.held = held;
	walker.acked = client.first + client.sent;
	came = crmg_walker_read(&walker, side == &server, side->first + from, side->bytes + from, len,
				ack);
	assert_false(walker.stuck);
	return came;
}

/* How a side's bytes are delivered: one in so many segments twice, or after the next. */
struct way {
	uint32_t largest;
	uint32_t twice;		/* 0: never */
	uint32_t swapped;
};

/* In order: segments up to some length, a few bytes or a super-packet; some sent twice, or none. */
static struct way any_way(void)
{
	return (struct way){ 1 + below(below(2) ? 10 : 60000), below(2) ? 5 : 0, 0 };
}

static void deliver(struct side *side, const struct way *way)
{
	const struct side *other = side == &client ? &server : &client;
	uint32_t ack = other->first + other->len;

	while (side->sent < side->len) {
		uint32_t left = side->len - side->sent;
		uint32_t len = 1 + below(left < way->largest ? left : way->largest), next = 0;

		if (side == &client && way->swapped && !below(way->swapped) && len < left) {
			next = 1 + below(left - len < way->largest ? left - len : way->largest);
			if (!segment(side, side->sent + len, next, ack))
				next = 0;
		}
		segment(side, side->sent, len, ack);
		side->sent += len + next;
		if (way->twice && !below(way->twice)) {
			uint32_t from = below(side->sent);

			segment(side, from, 1 + below(side->sent - from), ack);
		}
	}
}

/* ------------------------------------------------------------ conversations */

static void record(struct side *side, uint8_t type, uint32_t len)
{
	const uint8_t head[] = { type, 3, 3, (uint8_t)(len >> 8), (uint8_t)len };

	assert_true(side->len + sizeof(head) + len <= STREAM_MAX);
	memcpy(side->bytes + side->len, head, sizeof(head));
	side->len += sizeof(head);
	for (uint32_t i = 0; i < len; i++)
		side->bytes[side->len++] = (uint8_t)(0x80 | below(0x80));
}

struct kind {
	bool old;		/* TLS 1.2 */
	bool http2;
};

static uint32_t overhead(const struct kind *kind)
{
	return kind->old ? CRMG_TLS_OVERHEAD_GCM : CRMG_TLS_OVERHEAD_13;
}

static void data(struct side *side, const struct kind *kind, uint32_t plain)
{
	record(side, CRMG_TLS_DATA, plain + overhead(kind));
}

static void server_hello(const struct kind *kind)
{
	const uint8_t versions[] = { 0, 43, 0, 2, 3, 4 }, alpn[] = { 0, 16, 0, 5, 0, 3, 2, 'h', '2' };
	const uint8_t *extension = kind->old ? alpn : versions;
	const uint8_t size = !kind->old ? sizeof(versions) : kind->http2 ? sizeof(alpn) : 0;
	uint8_t *at = server.bytes + server.len + CRMG_TLS_HEADER;

	record(&server, CRMG_TLS_HANDSHAKE, 4 + 2 + 32 + 1 + 32 + 2 + 1 + 2 + size);
	at[0] = CRMG_TLS_SERVER_HELLO;
	at[1] = at[2] = 0;
	at[4] = at[5] = 3;
	at[3] = 2 + 32 + 1 + 32 + 2 + 1 + 2 + size;
	at[38] = 32;
	at[71] = kind->old ? 0xc0 : 0x13;
	at[72] = kind->old ? 0x2f : 0x01;
	at[74] = 0;
	at[75] = size;
	memcpy(at + 76, extension, size);
}

static void greet(const struct kind *kind, const struct way *way)
{
	record(&client, CRMG_TLS_HANDSHAKE, 300 + below(3000));
	deliver(&client, way);
	server_hello(kind);
	record(&server, CRMG_TLS_CCS, 1);
	if (!kind->old) {
		data(&server, kind, kind->http2 ? 6 + 9 : 6 + 15);
		data(&server, kind, 900 + below(3000));
		record(&server, CRMG_TLS_DATA, CRMG_TLS_FINISHED_256);
	}
	/* A ServerHello is looked at in the segment that it begins. */
	segment(&server, 0, server.len, client.first + client.len);
	server.sent = server.len;
	record(&client, CRMG_TLS_CCS, 1);
	record(&client, kind->old ? CRMG_TLS_HANDSHAKE : CRMG_TLS_DATA,
	       kind->old ? 40 : CRMG_TLS_FINISHED_256);
	deliver(&client, way);
	if (kind->old)
		return;
	record(&server, CRMG_TLS_DATA, 290);
	record(&server, CRMG_TLS_DATA, 290);
	segment(&server, server.sent, server.len - server.sent, client.first + client.len);
	server.sent = server.len;
}

/* A request with what belongs to it, and its answer. */
static void turn_http1(const struct kind *kind, const struct way *way)
{
	data(&client, kind, 30 + below(800));
	if (!below(4)) {
		/* It waits for the server to say that it may go on. */
		deliver(&client, way);
		data(&server, kind, CRMG_TLS_CONTINUE);
		deliver(&server, way);
	}
	if (!below(3))
		for (uint32_t i = below(4); i; i--)
			data(&client, kind, CRMG_TLS_FULL);
	if (!below(3))
		data(&client, kind, 6 + below(9000));
	if (!kind->old && !below(8))
		data(&client, kind, CRMG_TLS_KEY_UPDATE);
	deliver(&client, way);
	for (uint32_t i = 1 + below(4); i; i--)
		data(&server, kind, 30 + below(CRMG_TLS_FULL - 30));
	deliver(&server, way);
}

static void turn_http2(const struct kind *kind, const struct way *way)
{
	data(&client, kind, 28 + below(11));
	if (!below(3))
		data(&client, kind, 13);
	deliver(&client, way);
	data(&server, kind, 140 + below(9));
	if (!below(3))
		data(&server, kind, 1000 + below(CRMG_TLS_FULL - 1000));
	deliver(&server, way);
}

static void begin(const struct kind *kind, const struct way *way)
{
	client.len = client.sent = server.len = server.sent = 0;
	client.first = below(~0U);
	server.first = below(~0U);
	walker = crmg_walker(true, client.first);
	greet(kind, way);
	if (!kind->http2)
		return;
	data(&server, kind, 9 + 18 + 13);
	deliver(&server, way);
	data(&client, kind, 24 + 9 + 18 + 13);
	data(&client, kind, 9);
	deliver(&client, way);
}

/* One conversation; requests in it. */
static uint32_t converse(const struct way *way)
{
	const struct kind kind = { below(2), below(2) };

	begin(&kind, way);
	for (int i = 0; i < TURNS; i++) {
		if (kind.http2)
			turn_http2(&kind, way);
		else
			turn_http1(&kind, way);
	}
	/* close_notify: what was undecided is counted by then. */
	if (kind.old)
		record(&client, CRMG_TLS_ALERT, 2 + CRMG_TLS_OVERHEAD_GCM);
	else
		data(&client, &kind, CRMG_TLS_NOTIFY);
	deliver(&client, way);
	return TURNS;
}

/* Whatever segments are made of them, each request counts once. */
static void test_segments(void **state)
{
	(void)state;
	for (int i = 0; i < CONVERSATIONS; i++) {
		const struct way way = any_way();
		uint32_t requests;

		requests = converse(&way);
		if (walker.counted != requests)
			fail_msg("conversation %d, segments to %u bytes: %u requests counted of %u", i,
				 way.largest, walker.counted, requests);
	}
}

/* Ends a conversation of TLS 1.3. */
static void say_goodbye(const struct kind *kind, const struct way *way)
{
	data(&client, kind, CRMG_TLS_NOTIFY);
	deliver(&client, way);
}

/*
 * A client that keeps so many requests open: as soon as a few were answered it asks for as many
 * more, in one record. A quarter may be missed, since 16 bytes are fewer than a request is
 * taken to have at first; none is counted twice.
 */
static void test_batches(void **state)
{
	const struct way way = { 1448, 0, 0 };
	const struct kind kind = { .http2 = true };

	(void)state;
	for (int i = 0; i < CONVERSATIONS; i++) {
		uint32_t open = 20 + below(81), asked = open;

		begin(&kind, &way);
		data(&client, &kind, 16 * open);
		deliver(&client, &way);
		while (asked < 1000) {
			uint32_t n = 1 + below(below(4) ? 4 : open);

			for (uint32_t answer = 0; answer < n; answer++)
				data(&server, &kind, 81);
			deliver(&server, &way);
			data(&client, &kind, 16 * n);
			deliver(&client, &way);
			asked += n;
		}
		for (uint32_t answer = 0; answer < open; answer++)
			data(&server, &kind, 81);
		deliver(&server, &way);
		say_goodbye(&kind, &way);
		if (walker.counted < asked * 3 / 4 || walker.counted > asked)
			fail_msg("conversation %d, %u open: %u counted of %u", i, open,
				 walker.counted, asked);
	}
}

/*
 * A server that answers with two records, and sends bodies behind the headers of many answers: more
 * records look like answers than there are. What the client sends tells how many can be; that it
 * acknowledges SETTINGS late makes no requests smaller.
 */
static void test_answers_apart(void **state)
{
	const struct way way = { 1448, 0, 0 };
	const struct kind kind = { .http2 = true };

	(void)state;
	for (int i = 0; i < CONVERSATIONS; i++) {
		uint32_t asked = 0;

		begin(&kind, &way);
		while (asked < 300) {
			uint32_t n = 2 + below(4);

			data(&client, &kind, CRMG_TLS_UNIT * n);
			deliver(&client, &way);
			if (!asked)
				data(&client, &kind, 9);
			deliver(&client, &way);
			for (uint32_t record = 0; record < 2 * n; record++)
				data(&server, &kind, record < n ? 16 : 23);
			deliver(&server, &way);
			asked += n;
		}
		say_goodbye(&kind, &way);
		assert_in_range(walker.counted, asked * 3 / 4, asked);
	}
}

/*
 * Uploads to a server that makes room for them often, and so for much at once: none of that is an
 * answer. The end of each DATA frame has a record of its own.
 */
static void test_room(void **state)
{
	const struct way way = { 1448, 0, 0 };
	const struct kind kind = { .http2 = true };

	(void)state;
	for (int i = 0; i < CONVERSATIONS / 20; i++) {
		begin(&kind, &way);
		for (int turn = 0; turn < 10; turn++) {
			data(&client, &kind, turn ? 31 : 80);
			for (int part = 0; part < 10; part++) {
				data(&client, &kind, CRMG_TLS_FULL);
				data(&client, &kind, 9);
				deliver(&client, &way);
				data(&server, &kind, 13 * (1 + below(50)));
				deliver(&server, &way);
			}
			data(&client, &kind, 585);
			deliver(&client, &way);
			data(&server, &kind, 13 * (1 + below(50)));
			data(&server, &kind, 94);
			data(&server, &kind, 15);
			deliver(&server, &way);
		}
		say_goodbye(&kind, &way);
		assert_in_range(walker.counted, 9, 10);
	}
}

/*
 * Long answers, while the client makes room for more of them: a record that is short since the
 * server had to wait begins none.
 */
static void test_long_answers(void **state)
{
	const struct way way = { 1448, 0, 0 };
	const struct kind kind = { .http2 = true };

	(void)state;
	for (int i = 0; i < CONVERSATIONS / 4; i++) {
		begin(&kind, &way);
		for (int turn = 0; turn < 10; turn++) {
			data(&client, &kind, 40);
			deliver(&client, &way);
			for (int part = 0; part < 8; part++) {
				for (uint32_t full = 1 + below(3); full; full--)
					data(&server, &kind, CRMG_TLS_FULL);
				if (below(2))
					data(&server, &kind, 14 + below(900));
				deliver(&server, &way);
				if (below(2))
					data(&client, &kind, 13);
				deliver(&client, &way);
			}
		}
		say_goodbye(&kind, &way);
		assert_in_range(walker.counted, 10, 12);
	}
}

/*
 * Bytes of answers are those in the records that hold them, however they are cut and sent again:
 * no header of a record, nothing of the handshake, of tickets, or that controls.
 */
static void test_answered(void **state)
{
	(void)state;
	for (int i = 0; i < CONVERSATIONS / 4; i++) {
		const struct way way = any_way();
		const struct kind kind = { below(2), below(2) };
		uint64_t answered = kind.http2 ? 9 + 18 + 13 : 0;

		begin(&kind, &way);
		for (int turn = 0; turn < TURNS; turn++) {
			data(&client, &kind, 30);
			deliver(&client, &way);
			if (!kind.http2 && !below(4))
				data(&server, &kind, CRMG_TLS_CONTINUE);
			for (uint32_t n = 1 + below(3); n; n--) {
				uint32_t plain = 140 + below(CRMG_TLS_FULL - 140);

				data(&server, &kind, plain);
				answered += plain;
			}
			if (kind.http2)
				data(&server, &kind, 13);
			deliver(&server, &way);
		}
		assert_int_equal(walker.answered, answered);
	}
}

/* Out of order: never many more than there are, and few are lost. */
static void test_out_of_order(void **state)
{
	uint32_t requests = 0, all = 0;

	(void)state;
	for (int i = 0; i < CONVERSATIONS; i++) {
		const struct way way = { 1448, 10, 20 };
		uint32_t had;

		had = converse(&way);
		assert_true(walker.counted <= had + had / 4);
		requests += had;
		all += walker.counted;
	}
	print_message("out of order: %u requests counted of %u\n", all, requests);
	assert_in_range(all, requests * 95 / 100, requests * 105 / 100);
}

/* Where what is ahead has to wait every request counts once, in whatever order it comes. */
static void test_held(void **state)
{
	(void)state;
	held = true;
	for (int i = 0; i < CONVERSATIONS; i++) {
		const struct way way = { 1 + below(below(2) ? 10 : 3000), 10, 1 + below(5) };
		uint32_t requests;

		walker.counted = 0;
		requests = converse(&way);
		assert_false(walker.torn);
		if (walker.counted != requests)
			fail_msg("conversation %d, segments to %u bytes: %u requests counted of %u", i,
				 way.largest, walker.counted, requests);
	}
	held = false;
}

/*
 * A request whose header the client sent ahead of its turn, in a segment that begins with none:
 * it has to wait; or, where nothing is refused, what the server has counts one behind an answer.
 */
static void test_astray(void **state)
{
	const struct kind kind = { 0 };
	const struct way way = { 60000, 0, 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		begin(&kind, &way);
		walker.counted = 0;
		held = !i;
		for (uint32_t turn = 0; turn < TURNS; turn++) {
			uint32_t from = client.len;

			data(&client, &kind, 600);
			assert_int_equal(segment(&client, from + 4, client.len - from - 4,
						 server.first + server.len), i || turn);
			client.sent = client.len;
			data(&server, &kind, 500);
			deliver(&server, &way);
		}
		/* The first was dropped, as far as the server had not what is before it. */
		assert_in_range(walker.counted, TURNS - 1, TURNS);
	}
	held = false;
}

/* A body that looks like a header, sent ahead so that what is in it is not read. */
static void test_false_header(void **state)
{
	const struct kind kind = { 0 };
	const struct way way = { 60000, 0, 0 };

	(void)state;
	for (int i = 0; i < 2; i++) {
		uint32_t from;

		begin(&kind, &way);
		held = !i;
		from = client.len;
		data(&client, &kind, 600);
		memcpy(client.bytes + from + 100, "\x17\x03\x03\x40\x00", CRMG_TLS_HEADER);
		data(&client, &kind, 30);
		walker.counted = 0;
		assert_true(segment(&client, from + 100, client.len - from - 100, server.first));
		assert_int_equal(segment(&client, from, 100, server.first), !held);
		assert_int_equal(walker.torn, held);
		assert_int_equal(walker.counted, 1);
	}
	held = false;
}

/* Who sends two records far ahead of their turn does not hide what comes before them. */
static void test_ahead(void **state)
{
	enum { REQUESTS = 100, FIRST = 50, SECOND = 80 };
	const struct kind kind = { .http2 = true };

	(void)state;
	for (uint32_t largest = 1; largest < 1000; largest += 1 + largest / 3) {
		const struct way way = { largest, 0, 0 };
		uint32_t at[REQUESTS + 1];

		begin(&kind, &way);
		walker.counted = 0;
		for (uint32_t i = 0; i < REQUESTS; i++) {
			at[i] = client.len;
			data(&client, &kind, 30);
		}
		segment(&client, at[FIRST], at[FIRST + 1] - at[FIRST], 0);
		segment(&client, at[SECOND], at[SECOND + 1] - at[SECOND], 0);
		deliver(&client, &way);
		/* The second shows a request, and shows it again. */
		assert_in_range(walker.counted, REQUESTS, REQUESTS + 1);
	}
}

/* Whatever comes, the walk ends, and nothing is read where nothing is. */
static void test_garbage(void **state)
{
	(void)state;
	for (int i = 0; i < 20000; i++) {
		struct side *side = below(2) ? &client : &server;
		uint32_t len = 1 + below(3000), from = below(STREAM_MAX - len);

		if (i % 100 == 0)
			for (size_t b = 0; b < sizeof(walker.stream); b++)
				((uint8_t *)&walker.stream)[b] = (uint8_t)below(256);
		for (uint32_t at = from; at < from + len; at += 1 + below(200))
			memcpy(side->bytes + at, "\x17\x03\x03\x00\x20", from + len - at > 5 ? 5 : 1);
		if (below(2))
			walker.stream.next = walker.stream.out.next = side->first + from + below(10) - 5;
		segment(side, from, len, below(~0U));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_segments),
		cmocka_unit_test(test_batches),
		cmocka_unit_test(test_answers_apart),
		cmocka_unit_test(test_room),
		cmocka_unit_test(test_long_answers),
		cmocka_unit_test(test_answered),
		cmocka_unit_test(test_out_of_order),
		cmocka_unit_test(test_held),
		cmocka_unit_test(test_astray),
		cmocka_unit_test(test_false_header),
		cmocka_unit_test(test_ahead),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests_name("tls", tests, NULL, NULL);
}
