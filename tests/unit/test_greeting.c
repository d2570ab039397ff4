// SPDX-License-Identifier: GPL-2.0
/*
 * test_greeting.c - what a server says first, cut into pieces of any size: each version is told
 * as soon as it can be, and never another one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/greeting.h"
#include "../lib/hello.h"

struct frame {
	const uint8_t *bytes;
	uint32_t len;
};

static long load(void *ctx, __u32 at, void *to, __u32 n)
{
	const struct frame *frame = ctx;

	if (at > frame->len || n > frame->len - at)
		return -1;
	memcpy(to, frame->bytes + at, n);
	return 0;
}

/* What is told when the first `first` bytes came at once, and the others `piece` by `piece`. */
static uint32_t told(const struct hello *h, uint32_t first, uint32_t piece, uint32_t *ret_came)
{
	static struct crmg_walk k;
	uint32_t came = 0, n = first;

	memset(&k, 0, sizeof(k));
	k.told = CRMG_GREETING_MORE;
	while (k.told == CRMG_GREETING_MORE && came < h->len) {
		struct frame frame = { h->bytes + came, n < h->len - came ? n : h->len - came };
		uint32_t steps = 0;

		k.at = 0;
		k.end = frame.len;
		while (k.at < k.end && k.told == CRMG_GREETING_MORE) {
			assert_true(steps++ < CRMG_GREETING_STEPS);
			k.told = crmg_greeting_step(&k, &frame, load);
			assert_true(k.at <= k.end);
		}
		came += frame.len;
		n = piece;
	}
	*ret_came = came;
	return k.told;
}

static const struct row {
	uint8_t minor;
	int extensions;
	uint32_t version;
} rows[] = {
	{ 0, HELLO_BARE, CRMG_TLS_VERSION_SSL3 }, { 1, HELLO_BARE, CRMG_TLS_VERSION_10 },
	{ 1, HELLO_OLD, CRMG_TLS_VERSION_10 },    { 2, HELLO_OLD, CRMG_TLS_VERSION_11 },
	{ 3, HELLO_BARE, CRMG_TLS_VERSION_12 },   { 3, HELLO_OLD, CRMG_TLS_VERSION_12 },
	{ 3, HELLO_13, CRMG_TLS_VERSION_13 },     { 3, HELLO_13_LAST, CRMG_TLS_VERSION_13 },
	{ 4, HELLO_OLD, CRMG_TLS_VERSION_COUNT },
};

static void test_pieces(void **state)
{
	uint32_t came, whole;

	(void)state;
	for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++) {
		struct hello h = hello_of(row->minor, row->extensions);

		assert_int_equal(told(&h, h.len, 1, &came), row->version);
		for (uint32_t first = 1; first < h.len; first++)
			for (uint32_t piece = 1; piece <= 40; piece += 13)
				assert_int_equal(told(&h, first, piece, &came), row->version);
		/* What cannot be beyond the 11th byte is told by then, ... */
		assert_int_equal(told(&h, 1, 1, &whole), row->version);
		if (row->version < CRMG_TLS_VERSION_12)
			assert_int_equal(whole, 11);
		/* ... and nothing of a part that does not say it. */
		for (h.len = 1; h.len < whole; h.len++)
			assert_int_equal(told(&h, h.len, 1, &came), CRMG_GREETING_MORE);
	}
}

static void test_others(void **state)
{
	static const struct {
		const char *text;
		uint32_t len;
		uint32_t version;
	} others[] = {
		{ "HTTP/1.1 400 Bad", 16, CRMG_TLS_VERSION_PLAINTEXT },
		{ "S", 1, CRMG_TLS_VERSION_PLAINTEXT },
		{ "\x16\2", 2, CRMG_TLS_VERSION_PLAINTEXT },
		{ "\x16\3\5", 3, CRMG_TLS_VERSION_PLAINTEXT },
		{ "\x16\3\3\x41\1", 5, CRMG_TLS_VERSION_PLAINTEXT },
		{ "\x15\3\3\0\2\2\x28", 7, CRMG_TLS_VERSION_FAILED },
		{ "\x17\3\3\0\2\2\x28", 7, CRMG_TLS_VERSION_COUNT },
		{ "\x16\3\3\0\4\0\0\0\0", 9, CRMG_TLS_VERSION_COUNT },
		{ "\x16\3\3\0\4\2\1\0\0", 9, CRMG_TLS_VERSION_COUNT },
		{ "\x16\3\3\0\4\2\0\0\0\x16", 10, CRMG_TLS_VERSION_COUNT },
	};
	struct hello h = { .len = 0 };
	uint32_t came;

	(void)state;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		memcpy(h.bytes, others[i].text, others[i].len);
		h.len = others[i].len;
		assert_int_equal(told(&h, 1, 1, &came), others[i].version);
		assert_int_equal(told(&h, h.len, 1, &came), others[i].version);
	}
}

/* Of a hello in several records the first one may tell something; its end does not. */
static void test_records(void **state)
{
	uint32_t came, len = 60;
	struct hello h;

	(void)state;
	h = hello_of(3, HELLO_OLD);
	h.bytes[4] = (uint8_t)len;
	assert_int_equal(told(&h, h.len, 1, &came), CRMG_TLS_VERSION_COUNT);
	h = hello_of(1, HELLO_OLD);
	h.bytes[4] = (uint8_t)len;
	assert_int_equal(told(&h, h.len, 1, &came), CRMG_TLS_VERSION_10);
	h = hello_of(3, HELLO_13);
	h.bytes[3] = 0;
	h.bytes[4] = 100;
	assert_int_equal(told(&h, h.len, 1, &came), CRMG_TLS_VERSION_13);
}

/* Whatever the lengths say: the same is told of the whole and of pieces. */
static void test_damaged(void **state)
{
	uint32_t came;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		const struct row *row = &rows[rand() % 8];
		struct hello h = hello_of(row->minor, row->extensions);
		uint32_t version;

		for (int n = rand() % 4; n >= 0; n--)
			h.bytes[3 + (uint32_t)rand() % 120] = (uint8_t)rand();
		version = told(&h, h.len, 1, &came);
		assert_int_equal(told(&h, 1 + (uint32_t)rand() % h.len, 1 + (uint32_t)rand() % 99, &came),
				 version);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_records),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("greeting", tests, NULL, NULL);
}
