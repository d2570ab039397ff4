// SPDX-License-Identifier: GPL-2.0
/* test_text.c - text made harmless, times, ages, short numbers, tables. */
#include "snapshot.h"
#include "../../user/report/text.h"

static void test_escape(void **state)
{
	static const struct {
		const char *text;
		const char *wanted;
	} rows[] = {
		{ "", "" },
		{ "plain text", "plain text" },
		{ "\033[2Jx", "\\x1b[2Jx" },
		{ "a\tb\nc\r", "a\\x09b\\x0ac\\x0d" },
		{ "\x7f", "\\x7f" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },		/* C1 CSI */
		{ "\xe2\x80\xae" "x", "\\xe2\\x80\\xaex" },	/* right-to-left override */
		{ "\xff\xfe", "\\xff\\xfe" },
		{ "\xc0\xaf", "\\xc0\\xaf" },			/* overlong */
		{ "\xe2\x82", "\\xe2\\x82" },			/* cut off */
	};
	char buf[64];

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		crmg_escape(rows[i].text, SIZE_MAX, buf, sizeof(buf));
		assert_string_equal(buf, rows[i].wanted);
		assert_int_equal(crmg_is_plain(rows[i].text),
				 strcmp(rows[i].text, rows[i].wanted) == 0);
	}
}

/* A field without NUL ends at its size; a result that does not fit is cut between characters. */
static void test_escape_bounds(void **state)
{
	const char field[4] = { 'a', 'b', '\033', 'd' };
	char buf[CRMG_ESCAPED(4)], tight[6];

	(void)state;
	assert_string_equal(crmg_escape(field, sizeof(field), buf, sizeof(buf)), "ab\\x1bd");
	assert_string_equal(crmg_escape("\033\033\033\033", SIZE_MAX, buf, sizeof(buf)),
			    "\\x1b\\x1b\\x1b\\x1b");
	assert_string_equal(crmg_escape("ab\033d", SIZE_MAX, tight, sizeof(tight)), "ab");
}

static void test_json_text(void **state)
{
	json_t *good = crmg_json_text("x\033", 2), *bad = crmg_json_text("x\xff", 8);

	(void)state;
	assert_string_equal(json_string_value(good), "x\033");
	assert_string_equal(json_string_value(bad), "x\\xff");
	json_decref(good);
	json_decref(bad);
}

static void test_json_count(void **state)
{
	json_t *most = crmg_json_count(UINT64_MAX);

	(void)state;
	assert_true(json_integer_value(most) == INT64_MAX);
	json_decref(most);
}

static void test_times(void **state)
{
	char buf[CRMG_TIME_LEN];
	uint64_t ns = 1;

	(void)state;
	crmg_format_utc(REAL_NS + 123456789, false, buf, sizeof(buf));
	assert_string_equal(buf, "2027-01-15T08:00:00Z");
	assert_int_equal(crmg_parse_utc(buf, &ns), 0);
	assert_true(ns == REAL_NS);
	crmg_format_utc(REAL_NS + 123456789, true, buf, sizeof(buf));
	assert_string_equal(buf, "2027-01-15T08:00:00.123Z");
	ns = 1;
	assert_int_equal(crmg_parse_utc("2027-01-15T08:00:00", &ns), -EINVAL);
	assert_int_equal(crmg_parse_utc("2027-01-15T08:00:00+01:00", &ns), -EINVAL);
	assert_int_equal(crmg_parse_utc("1969-12-31T23:59:59Z", &ns), -EINVAL);
	assert_int_equal(crmg_parse_utc("tomorrow", &ns), -EINVAL);
	assert_int_equal(crmg_parse_utc("2027-02-29T08:00:00Z", &ns), -EINVAL);
	assert_true(ns == 1);
	assert_int_equal(crmg_parse_utc(CRMG_FOREVER_TEXT, &ns), 0);
	assert_true(ns == UINT64_MAX);
	assert_int_equal(crmg_parse_utc("2028-02-29T08:00:00Z", &ns), 0);
}

/* B20: ticks wrap; one that is ahead of the clock is now. */
static void test_ticks(void **state)
{
	struct crmg_snapshot snap = {
		.real_ns = REAL_NS, .mono_ns = ((1ULL << 32) + 5) << CRMG_SLOT_TICK_SHIFT,
	};

	(void)state;
	assert_true(crmg_tick_to_real(&snap, 5) == REAL_NS);
	assert_true(crmg_tick_to_real(&snap, 6) == REAL_NS);
	assert_true(crmg_tick_to_real(&snap, 4) == REAL_NS - (1ULL << CRMG_SLOT_TICK_SHIFT));
	assert_true(crmg_tick_to_real(&snap, UINT32_MAX) ==
		    REAL_NS - (6ULL << CRMG_SLOT_TICK_SHIFT));
}

static void test_age(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *wanted;
	} rows[] = {
		{ 0, "0s" }, { 59, "59s" }, { 60, "1m" }, { 3599, "59m" }, { 3600, "1h" },
		{ 86399, "23h" }, { 86400, "1d" }, { 86400 * 400, "400d" },
	};
	char buf[CRMG_SHORT_LEN];

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		assert_string_equal(crmg_format_age(rows[i].seconds * CRMG_NS_PER_SEC, buf,
						    sizeof(buf)), rows[i].wanted);
}

static void test_short(void **state)
{
	static const struct {
		uint64_t value;
		const char *wanted;
	} rows[] = {
		{ 0, "0" }, { 999, "999" }, { 1000, "1.00k" }, { 9994, "9.99k" },
		{ 9996, "10.0k" }, { 99960, "100k" }, { 999499, "999k" }, { 999500, "1.00M" },
		{ UINT64_MAX, "18.4E" },
	};
	char buf[CRMG_SHORT_LEN];

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		assert_string_equal(crmg_format_short(rows[i].value, buf, sizeof(buf)),
				    rows[i].wanted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_escape),
		cmocka_unit_test(test_escape_bounds),
		cmocka_unit_test(test_json_text),
		cmocka_unit_test(test_json_count),
		cmocka_unit_test(test_times),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_age),
		cmocka_unit_test(test_short),
	};

	return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
