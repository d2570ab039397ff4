// SPDX-License-Identifier: GPL-2.0
/*
 * test_window.c - the arithmetic of window.h against every byte that passed, kept in a
 * list: never more than the quota in any interval, never refused below 7/8 of it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <crmgate/window.h>

#include "../../user/base/num.h"
#include "../../user/base/util.h"

#define DAY_S    86400ULL
#define STREAMS  3000
#define PACKETS  4000
#define START_NS (1000 * CRMG_NS_PER_SEC)

static uint64_t seed = 6;

static uint64_t below(uint64_t n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return n ? seed % n : 0;
}

/* What passed, in order: the model. */
struct passed {
	struct { uint64_t ns, bytes; } packet[PACKETS];
	size_t count, first;		/* packet[first] is the oldest that can matter */
	uint64_t sum;			/* from first on */
};

/* Bytes that passed in (now - ns, now]. */
static uint64_t passed_in(struct passed *p, uint64_t now, uint64_t ns)
{
	while (p->first < p->count && p->packet[p->first].ns + ns <= now)
		p->sum -= p->packet[p->first++].bytes;
	return p->sum;
}

static void note(struct passed *p, uint64_t now, uint64_t bytes)
{
	p->packet[p->count].ns = now;
	p->packet[p->count++].bytes = bytes;
	p->sum += bytes;
}

static bool offer(struct crmg_window *w, uint64_t bytes, uint64_t now)
{
	uint64_t since = crmg_window_since(w, now);

	if (!crmg_window_takes(w, bytes, since))
		return false;
	crmg_window_charge(w, bytes, since, now);
	return true;
}

/* How much longer than the window a stamp may count: see window.h. */
static uint64_t blur_ns(uint64_t window_ns)
{
	return window_ns / 4000 + 800000;
}

/* A packet through both; the promises, to the byte. */
static void offer_both(struct crmg_window *w, struct passed *exact, struct passed *blurred,
		       uint64_t bytes, uint64_t now)
{
	uint64_t quota = 8 * crmg_terms_eighth(w->terms);
	uint64_t window_ns = crmg_terms_per_s(w->terms) * CRMG_NS_PER_SEC;
	uint64_t longer = passed_in(blurred, now, window_ns + blur_ns(window_ns));
	bool pass = offer(w, bytes, now);

	if (pass) {
		note(exact, now, bytes);
		note(blurred, now, bytes);
	}
	assert_true(passed_in(exact, now, window_ns) <= quota);
	if (!pass)
		assert_true(longer + bytes > quota / 8 * 7);
	else
		assert_true(crmg_window_level(w, crmg_window_since(w, now)) >=
			    passed_in(exact, now, window_ns));
}

static uint64_t next_bytes(unsigned int kind, uint64_t quota)
{
	switch (kind) {
	case 0:
		return 66;
	case 1:
		return 1514;
	case 2:
		return 1 + below(68000);
	default:	/* eighths of the quota, and a byte beside */
		return quota / 8 * (1 + below(3)) + below(3) - 1;
	}
}

/* Mostly at once; sometimes what an attacker would wait for: a window, or a part of it. */
static uint64_t next_ns(uint64_t window_ns)
{
	switch (below(200)) {
	case 0:
		return window_ns / 8 * below(12);
	case 1:
		return window_ns + below(3) - 1;
	case 2:
		return below(window_ns * 20);
	default:
		return below(4) ? 0 : below(window_ns / 500);
	}
}

static void test_random_streams(void **state)
{
	static const uint64_t times[] = { 1, 2, 60, 3600, DAY_S, 7 * DAY_S, 31 * DAY_S };
	static struct passed exact, blurred;

	(void)state;
	for (unsigned int n = 0; n < STREAMS; n++) {
		uint64_t per = times[below(CRMG_ARRAY_SIZE(times))];
		uint64_t quota = CRMG_QUOTA_MIN + below(n % 3 ? 1 << 20 : 1 << 24);
		uint64_t now = START_NS + below(1ULL << 50);
		struct crmg_window w = { 0 };

		crmg_window_clear(&w, crmg_terms_of(quota, per), now);
		exact.count = exact.first = exact.sum = 0;
		blurred = exact;
		for (unsigned int i = 0; i < PACKETS; i++) {
			now += next_ns(per * CRMG_NS_PER_SEC);
			offer_both(&w, &exact, &blurred, next_bytes(below(4), quota), now);
		}
	}
}

/* A packet at a time, as fast as it goes: all of the quota, to the byte, and not one more. */
static void test_whole_quota(void **state)
{
	struct crmg_window w = { 0 };
	uint64_t passed = 0;

	(void)state;
	crmg_window_clear(&w, crmg_terms_of(8000000, 60), START_NS);
	for (int i = 0; i < 20000; i++)
		passed += offer(&w, 1000, START_NS + i) ? 1000 : 0;
	assert_int_equal(passed, 8000000);
	assert_false(offer(&w, 1, START_NS + 59 * CRMG_NS_PER_SEC));
	assert_true(offer(&w, 1, START_NS + 61 * CRMG_NS_PER_SEC));
}

/* Sleeps of any length, also those in which the clock of a window wraps: nothing is young again. */
static void test_long_sleep(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20000; n++) {
		uint64_t per = 1 + below(60), now = START_NS + below(1ULL << 55);
		struct crmg_window w = { 0 };

		crmg_window_clear(&w, crmg_terms_of(800000, per), now);
		while (offer(&w, 10000, now))
			;
		now += per * CRMG_NS_PER_SEC + blur_ns(per * CRMG_NS_PER_SEC) + below(1ULL << 55);
		assert_true(offer(&w, 10000, now));
	}
}

/* A clock that is a little behind does not make an eighth old. */
static void test_clock_back(void **state)
{
	struct crmg_window w = { 0 };

	(void)state;
	crmg_window_clear(&w, crmg_terms_of(800000, 60), START_NS);
	while (offer(&w, 10000, START_NS))
		;
	assert_false(offer(&w, 10000, START_NS - 5 * CRMG_NS_PER_SEC));
}

static struct crmg_quota quota(uint64_t bytes, uint32_t per_s)
{
	return (struct crmg_quota){ .terms = crmg_terms_of(bytes, per_s), .bytes = bytes };
}

static uint64_t left(const struct crmg_window *w, uint64_t now)
{
	return crmg_window_less(8 * crmg_terms_eighth(w->terms),
				crmg_window_level(w, crmg_window_since(w, now)));
}

/* Other quotas of the same time: what was sent stays sent, within an eighth, and ages as it did. */
static void test_adopt_quota(void **state)
{
	(void)state;
	for (unsigned int n = 0; n < 20000; n++) {
		uint64_t per = 60, now = START_NS, sent = 0, want, eighths;
		struct crmg_quota quotas[4] = { quota(CRMG_QUOTA_MIN + below(1 << 22), per) };
		struct crmg_windows w = { 0 };
		struct crmg_window_past past[CRMG_WINDOWS_MAX];

		crmg_windows_adopt(&w, quotas, past, now);
		while (below(100) && offer(&w.window[0], 1500, now))
			sent += 1500;
		eighths = quotas[0].bytes / 8;
		quotas[0] = quota(CRMG_QUOTA_MIN + below(1 << 22), per);
		eighths += quotas[0].bytes / 8;
		crmg_windows_adopt(&w, quotas, past, now + CRMG_NS_PER_SEC);
		want = quotas[0].bytes > sent ? quotas[0].bytes - sent : 0;
		assert_true(left(&w.window[0], now + CRMG_NS_PER_SEC) <= want);
		assert_true(left(&w.window[0], now + CRMG_NS_PER_SEC) + eighths >= want);
		assert_true(left(&w.window[0], now + 62 * CRMG_NS_PER_SEC) + quotas[0].bytes / 8 >=
			    quotas[0].bytes / 8 * 8);
	}
}

/* Windows of other times take from the next longer one; a time that stays keeps its own. */
static void test_adopt_times(void **state)
{
	struct crmg_quota quotas[4] = { quota(8000000, 60), quota(80000000, 3600) };
	struct crmg_window_past past[CRMG_WINDOWS_MAX];
	struct crmg_windows w = { 0 };
	uint64_t now = START_NS;

	(void)state;
	crmg_windows_adopt(&w, quotas, past, now);
	for (int i = 0; i < 4000; i++)
		for (int k = 0; k < 2; k++)
			assert_true(offer(&w.window[k], 1000, now));
	now += 1800 * CRMG_NS_PER_SEC;
	/* The minute is gone: the hour stays, a day begins with what the hour knows. */
	quotas[0] = quota(80000000, 3600);
	quotas[1] = quota(800000000, DAY_S);
	crmg_windows_adopt(&w, quotas, past, now);
	assert_int_equal(left(&w.window[0], now), 76000000);
	assert_true(left(&w.window[1], now) <= 796000000);
	/* Half an hour later the hour has forgotten it, the day has not. */
	now += 1900 * CRMG_NS_PER_SEC;
	assert_true(left(&w.window[0], now) >= 70000000);
	assert_true(left(&w.window[1], now) <= 796000000);
	/* Of an eighth that is not complete it is not known how old it is: a minute takes it for new. */
	quotas[0] = quota(8000000, 60);
	quotas[1] = (struct crmg_quota){ 0 };
	crmg_windows_adopt(&w, quotas, past, now);
	assert_int_equal(w.window[1].terms, 0);
	assert_int_equal(left(&w.window[0], now), 4000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_streams),
		cmocka_unit_test(test_whole_quota),
		cmocka_unit_test(test_long_sleep),
		cmocka_unit_test(test_clock_back),
		cmocka_unit_test(test_adopt_quota),
		cmocka_unit_test(test_adopt_times),
	};

	return cmocka_run_group_tests_name("window", tests, NULL, NULL);
}
