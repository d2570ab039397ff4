// SPDX-License-Identifier: GPL-2.0
/*
 * test_read.c - bpf/read.h, compiled natively, against naive readers that have all of a
 * connection at hand: whatever segments are made of it, and in whatever order they come.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../lib/records.h"
#include "../lib/refhttp.h"
#include "../lib/stream.h"

#define SEED        20261130
#define CONNECTIONS 1000
#define STREAM_MAX  300000
#define RECORDS     60		/* of a connection */
#define SEGMENT     60000

static struct crmg_test_random rng = { SEED };
static uint8_t stream[STREAM_MAX];

static uint32_t below(uint32_t n)
{
	return crmg_test_below(&rng, n);
}

static struct crmg_test_path random_path(bool ahead)
{
	return (struct crmg_test_path){
		.largest = 1 + below(below(2) ? 40 : below(2) ? 1448 : 60000),
		.again = below(2) ? 1 + below(20) : 0,
		.ahead = ahead && below(4) ? 1 + below(20) : 0,
	};
}

/* All of the stream comes on this path; requests that were counted. */
static uint32_t read_http(const struct crmg_test_path *path, size_t len, bool held)
{
	const uint32_t first = (uint32_t)crmg_test_random(&rng);
	struct crmg_walker walker = crmg_walker(false, first);
	struct crmg_test_way way = crmg_test_way(path, len);
	struct crmg_test_segment s;

	walker.held = held;
	while (crmg_test_sends(&rng, &way, &s)) {
		/* What the server acknowledged is not always told at once. */
		if (below(2))
			walker.acked = first + (uint32_t)way.acked;
		if (crmg_walker_read(&walker, false, first + (uint32_t)s.at, stream + s.at, s.len,
				     1))
			crmg_test_came(&way, s);
		assert_false(walker.stuck);
	}
	crmg_test_way_free(&way);
	return walker.counted;
}

/* A made-up connection; how many requests are in it, by who made it up and by who reads it. */
static size_t make_http(uint32_t *ret_requests)
{
	size_t max = 3000 + below(below(8) ? 20000 : STREAM_MAX - 3000);
	size_t len = crmg_test_http(&rng, stream, max, ret_requests);
	const struct crmg_ref_http ref = crmg_ref_http(stream, len);

	assert_false(ref.lost);
	assert_int_equal(ref.requests, *ret_requests);
	return len;
}

static void fail_path(const char *what, const struct crmg_test_path *path, uint32_t is,
		      uint32_t expected)
{
	fail_msg("%s, segments to %u bytes, again %u, ahead %u: %u of %u", what, path->largest,
		 path->again, path->ahead, is, expected);
}

/* Each request counts once, on paths on which segments come ahead of their turn, or not. */
static void check_http(bool ahead)
{
	for (int i = 0; i < CONNECTIONS; i++) {
		const struct crmg_test_path path = random_path(ahead);
		uint32_t requests, counted;
		size_t len = make_http(&requests);

		counted = read_http(&path, len, ahead);
		if (counted != requests)
			fail_path("requests", &path, counted, requests);
	}
}

/* Where a segment that comes too early is refused, ... */
static void test_http_enforced(void **state)
{
	(void)state;
	check_http(true);
}

/* ... and where none comes too early. */
static void test_http_in_order(void **state)
{
	(void)state;
	check_http(false);
}

/* A body over several turns of the sequence numbers, of which a segment comes now and then. */
static void test_http_long_body(void **state)
{
	static const char head[] = "PUT / HTTP/1.1\r\nContent-Length: 20000000000\r\n\r\n";
	static const char next[] = "x\nGET / HTTP/1.1\r\n\r\n";
	const uint64_t begin = strlen(head), end = begin + 20000000000;
	struct crmg_walker walker = crmg_walker(false, 7);

	(void)state;
	for (size_t i = 0; i < SEGMENT; i++)
		stream[i] = (uint8_t)next[i % strlen(next)];
	walker.held = true;
	assert_true(crmg_walker_read(&walker, false, 7, (const uint8_t *)head, (uint32_t)begin, 1));
	for (uint64_t at = begin; at < end - SEGMENT; at += 1 + below(CRMG_WALK_HOP / 2)) {
		walker.acked = 7 + (uint32_t)at;
		assert_true(crmg_walker_read(&walker, false, walker.acked, stream, SEGMENT, 1));
	}
	assert_int_equal(walker.counted, 1);
	assert_true(crmg_walker_read(&walker, false, 7 + (uint32_t)(end - 2), (const uint8_t *)next,
				     (uint32_t)strlen(next), 1));
	assert_int_equal(walker.counted, 2);
}

/* ------------------------------------------------------------------ records */

/* Nothing in a record looks like the beginning of one. */
static size_t make_records(void)
{
	size_t at = 0;

	for (int i = 0; i < RECORDS; i++) {
		uint32_t len = below(below(4) ? 200 : CRMG_TLS_FULL) * 3 / 4;

		stream[at++] = (uint8_t)(CRMG_TLS_CCS + below(4));
		stream[at++] = 3;
		stream[at++] = (uint8_t)(1 + below(3));
		stream[at++] = (uint8_t)(len >> 8);
		stream[at++] = (uint8_t)len;
		for (; len; len--)
			stream[at++] = (uint8_t)(0x80 | below(0x80));
	}
	return at;
}

/* All of the records come on this path, to the server or from it; what was found of them. */
static const struct crmg_records *read_records(const struct crmg_test_path *path, size_t len,
					       uint32_t first, bool leaves, bool held)
{
	struct crmg_walker walker = crmg_walker(true, first);
	struct crmg_test_way way = crmg_test_way(path, len);
	struct crmg_records *found = &crmg_found[leaves];
	struct crmg_test_segment s;

	/* A server is followed from a segment on that holds all of a header. */
	walker.stream.out.next = first;
	walker.stream.out.flags = CRMG_TLS_OUT_STARTED;
	walker.held = held;
	found->count = 0;
	while (crmg_test_sends(&rng, &way, &s)) {
		walker.acked = first + (uint32_t)way.acked;
		if (crmg_walker_read(&walker, leaves, first + (uint32_t)s.at, stream + s.at, s.len,
				     1))
			crmg_test_came(&way, s);
		assert_false(walker.stuck);
	}
	crmg_test_way_free(&way);
	return found;
}

static bool same(const struct crmg_record *a, const struct crmg_record *b)
{
	return a->seq == b->seq && a->type == b->type && a->len == b->len;
}

/* How often each record was found; what is none is a failure. */
static void count_records(const struct crmg_test_path *path, const struct crmg_records *found,
			  size_t len, uint32_t first, uint32_t ret_times[RECORDS])
{
	static struct crmg_records is;

	crmg_ref_records(stream, len, first, &is);
	assert_int_equal(is.count, RECORDS);
	memset(ret_times, 0, RECORDS * sizeof(*ret_times));
	for (uint32_t i = 0; i < found->count; i++) {
		uint32_t n = 0;

		while (n < RECORDS && !same(&is.record[n], &found->record[i]))
			n++;
		if (n == RECORDS)
			fail_path("what is no record", path, i, found->count);
		ret_times[n]++;
	}
}

/* Each record is found once: all that come in order, and where a client's have to. */
static void test_records(void **state)
{
	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		const bool leaves = i % 3 == 0, held = i % 3 == 1;
		const struct crmg_test_path path = random_path(held);
		const uint32_t first = (uint32_t)crmg_test_random(&rng);
		size_t len = make_records();
		const struct crmg_records *found = read_records(&path, len, first, leaves, held);
		uint32_t times[RECORDS];

		count_records(&path, found, len, first, times);
		for (uint32_t n = 0; n < RECORDS; n++)
			if (times[n] != 1)
				fail_path("a record's times", &path, times[n], 1);
	}
}

/* Where they come in any order, few are not found, or once more. */
static void test_records_ahead(void **state)
{
	static const struct crmg_test_path path = { .largest = 1448, .again = 50, .ahead = 20 };
	uint32_t missed = 0, extra = 0;

	(void)state;
	for (int i = 0; i < CONNECTIONS; i++) {
		const uint32_t first = (uint32_t)crmg_test_random(&rng);
		size_t len = make_records();
		const struct crmg_records *found = read_records(&path, len, first, i % 2, false);
		uint32_t times[RECORDS];

		count_records(&path, found, len, first, times);
		for (uint32_t n = 0; n < RECORDS; n++) {
			missed += !times[n];
			extra += times[n] > 1 ? times[n] - 1 : 0;
		}
	}
	print_message("ahead of their turn: of %u records %u missed, %u once more\n",
		      CONNECTIONS * RECORDS, missed, extra);
	assert_true(missed <= CONNECTIONS * RECORDS / 10);
	assert_true(extra <= CONNECTIONS * RECORDS / 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_http_enforced),
		cmocka_unit_test(test_http_in_order),
		cmocka_unit_test(test_http_long_body),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_records_ahead),
	};

	return cmocka_run_group_tests_name("read", tests, NULL, NULL);
}
