/* SPDX-License-Identifier: GPL-2.0 */
/* test_num.c - numbers with units: what is accepted, what is not, and the way back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../../user/base/num.h"
#include "../../user/base/util.h"

#define S CRMG_NS_PER_SEC
#define UNTOUCHED 0x5a5a5a5a5a5a5a5aULL

struct row {
	const char *text;
	int result;
	uint64_t value;
};

static void check_rows(const struct row *rows, size_t count,
		       int (*parse)(const char *text, uint64_t *ret))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED;
		int r = parse(rows[i].text, &value);

		if (r != rows[i].result || value != (r ? UNTOUCHED : rows[i].value))
			fail_msg("'%s': %d, %llu", rows[i].text, r, (unsigned long long)value);
	}
}

static void test_count(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 }, { "1", 0, 1 }, { "20", 0, 20 }, { "20k", 0, 20000 },
		{ "5M", 0, 5000000 }, { "1G", 0, 1000000000 }, { "1Ki", 0, 1024 },
		{ "16Mi", 0, 16 << 20 }, { "1Gi", 0, 1 << 30 }, { "0k", 0, 0 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "18446744073709551616", -ERANGE, 0 }, { "18446744073709551615k", -ERANGE, 0 },
		{ "99999999999999999999999999999999999999", -ERANGE, 0 },
		{ "99999999999999999999999999x", -EINVAL, 0 },
		{ "", -EINVAL, 0 }, { "k", -EINVAL, 0 }, { "-1", -EINVAL, 0 }, { "+1", -EINVAL, 0 },
		{ " 1", -EINVAL, 0 }, { "1 ", -EINVAL, 0 }, { "1 k", -EINVAL, 0 },
		{ "01", -EINVAL, 0 }, { "00", -EINVAL, 0 }, { "0x10", -EINVAL, 0 },
		{ "1e3", -EINVAL, 0 }, { "1e400", -EINVAL, 0 }, { "1.5k", -EINVAL, 0 },
		{ "1K", -EINVAL, 0 }, { "1m", -EINVAL, 0 }, { "1kk", -EINVAL, 0 },
		{ "1B", -EINVAL, 0 }, { "12abc", -EINVAL, 0 }, { "1,000", -EINVAL, 0 },
		{ "inf", -EINVAL, 0 }, { "nan", -EINVAL, 0 }, { "1\n", -EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, CRMG_ARRAY_SIZE(rows), crmg_parse_count);
}

static void test_hundredths(void **state)
{
	static const struct row rows[] = {
		{ "0", 0, 0 }, { "2", 0, 200 }, { "1.5", 0, 150 }, { "1.50", 0, 150 },
		{ "1.25", 0, 125 }, { "10.05", 0, 1005 }, { "0.01", 0, 1 },
		{ "184467440737095516.15", 0, UINT64_MAX },
		{ "184467440737095516.16", -ERANGE, 0 }, { "184467440737095517", -ERANGE, 0 },
		{ "", -EINVAL, 0 }, { ".", -EINVAL, 0 }, { ".5", -EINVAL, 0 }, { "1.", -EINVAL, 0 },
		{ "1.125", -EINVAL, 0 }, { "1.5.5", -EINVAL, 0 }, { "1.x", -EINVAL, 0 },
		{ "1.5x", -EINVAL, 0 }, { "1. ", -EINVAL, 0 }, { "1,5", -EINVAL, 0 },
		{ "-1.5", -EINVAL, 0 }, { "1.-5", -EINVAL, 0 }, { "01.5", -EINVAL, 0 },
		{ "2k", -EINVAL, 0 }, { "1e1", -EINVAL, 0 }, { "inf", -EINVAL, 0 },
	};
	char text[CRMG_NUM_LEN];

	(void)state;
	check_rows(rows, CRMG_ARRAY_SIZE(rows), crmg_parse_hundredths);
	assert_string_equal(crmg_format_hundredths(150, text, sizeof(text)), "1.5");
	for (uint64_t i = 0; i < 12000; i++) {
		uint64_t back;

		crmg_format_hundredths(i, text, sizeof(text));
		assert_int_equal(crmg_parse_hundredths(text, &back), 0);
		assert_int_equal(back, i);
	}
}

static void test_bytes(void **state)
{
	static const struct row rows[] = {
		{ "500B", 0, 500 }, { "10kB", 0, 10000 }, { "10MB", 0, 10000000 },
		{ "2GB", 0, 2000000000 }, { "64KiB", 0, 65536 }, { "10MiB", 0, 10 << 20 },
		{ "1GiB", 0, 1 << 30 }, { "0B", 0, 0 },
		{ "18446744073709551616B", -ERANGE, 0 }, { "18446744074GB", -ERANGE, 0 },
		{ "500", -EINVAL, 0 }, { "10k", -EINVAL, 0 }, { "10KB", -EINVAL, 0 },
		{ "10Mb", -EINVAL, 0 }, { "10MBs", -EINVAL, 0 }, { "B", -EINVAL, 0 },
		{ "-1B", -EINVAL, 0 }, { "1.5MB", -EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, CRMG_ARRAY_SIZE(rows), crmg_parse_bytes);
}

static void test_time(void **state)
{
	static const struct row rows[] = {
		{ "10s", 0, 10 * S }, { "1m", 0, 60 * S }, { "24h", 0, 86400 * S },
		{ "7d", 0, 7 * 86400 * S }, { "250ms", 0, S / 4 }, { "0s", 0, 0 },
		{ "213503d", 0, 213503ULL * 86400 * S }, { "213504d", -ERANGE, 0 },
		{ "s", -EINVAL, 0 }, { "10", -EINVAL, 0 }, { "1M", -EINVAL, 0 },
		{ "1h30m", -EINVAL, 0 }, { "-1s", -EINVAL, 0 }, { "1w", -EINVAL, 0 },
	};

	(void)state;
	check_rows(rows, CRMG_ARRAY_SIZE(rows), crmg_parse_time);
}

struct rate_row {
	const char *text;
	int result;
	uint64_t value, per_ns;
};

static void check_rates(const struct rate_row *rows, size_t count,
			int (*parse)(const char *text, uint64_t *ret, uint64_t *ret_per_ns))
{
	for (size_t i = 0; i < count; i++) {
		uint64_t value = UNTOUCHED, per_ns = UNTOUCHED;
		int r = parse(rows[i].text, &value, &per_ns);

		if (r != rows[i].result || value != (r ? UNTOUCHED : rows[i].value) ||
		    per_ns != (r ? UNTOUCHED : rows[i].per_ns))
			fail_msg("'%s': %d, %llu", rows[i].text, r, (unsigned long long)value);
	}
}

static void test_rate(void **state)
{
	static const struct rate_row rows[] = {
		{ "20/s", 0, 20, S }, { "20k/s", 0, 20000, S }, { "10/10m", 0, 10, 600 * S },
		{ "1/7d", 0, 1, 7 * 86400 * S }, { "1/250ms", 0, 1, S / 4 }, { "0/s", 0, 0, S },
		{ "5/m", 0, 5, 60 * S }, { "5/h", 0, 5, 3600 * S }, { "5/d", 0, 5, 86400 * S },
		{ "99999999999999999999/s", -ERANGE, 0, 0 }, { "1/999999d", -ERANGE, 0, 0 },
		{ "99999999999999999999/x", -EINVAL, 0, 0 },
		{ "20", -EINVAL, 0, 0 }, { "20/", -EINVAL, 0, 0 }, { "/s", -EINVAL, 0, 0 },
		{ "20/0s", -EINVAL, 0, 0 }, { "20/10", -EINVAL, 0, 0 }, { "20/s/s", -EINVAL, 0, 0 },
		{ "20 /s", -EINVAL, 0, 0 }, { "20/ s", -EINVAL, 0, 0 }, { "-20/s", -EINVAL, 0, 0 },
		{ "20/sec", -EINVAL, 0, 0 }, { "20/S", -EINVAL, 0, 0 }, { "20B/s", -EINVAL, 0, 0 },
		{ "1e400/s", -EINVAL, 0, 0 }, { "20/-1s", -EINVAL, 0, 0 }, { "", -EINVAL, 0, 0 },
	};
	static const struct rate_row byte_rows[] = {
		{ "10MB/s", 0, 10000000, S }, { "64KiB/10s", 0, 65536, 10 * S },
		{ "10M/s", -EINVAL, 0, 0 }, { "10/s", -EINVAL, 0, 0 }, { "10MB", -EINVAL, 0, 0 },
	};

	(void)state;
	check_rates(rows, CRMG_ARRAY_SIZE(rows), crmg_parse_rate);
	check_rates(byte_rows, CRMG_ARRAY_SIZE(byte_rows), crmg_parse_byte_rate);
}

static void test_shortest_form(void **state)
{
	char buf[CRMG_NUM_LEN];

	(void)state;
	assert_string_equal(crmg_format_count(0, buf, sizeof(buf)), "0");
	assert_string_equal(crmg_format_count(999, buf, sizeof(buf)), "999");
	assert_string_equal(crmg_format_count(1000, buf, sizeof(buf)), "1k");
	assert_string_equal(crmg_format_count(262144, buf, sizeof(buf)), "256Ki");
	assert_string_equal(crmg_format_count(UINT64_MAX, buf, sizeof(buf)),
			    "18446744073709551615");
	assert_string_equal(crmg_format_bytes(0, buf, sizeof(buf)), "0B");
	assert_string_equal(crmg_format_bytes(65536, buf, sizeof(buf)), "64KiB");
	assert_string_equal(crmg_format_bytes(10000000, buf, sizeof(buf)), "10MB");
	assert_string_equal(crmg_format_time(0, buf, sizeof(buf)), "0s");
	assert_string_equal(crmg_format_time(86400 * S, buf, sizeof(buf)), "1d");
	assert_string_equal(crmg_format_time(90 * S, buf, sizeof(buf)), "90s");
	assert_string_equal(crmg_format_time(1, buf, sizeof(buf)), "1ns");
	assert_string_equal(crmg_format_rate(20, S, buf, sizeof(buf)), "20/s");
	assert_string_equal(crmg_format_rate(10, 600 * S, buf, sizeof(buf)), "10/10m");
	assert_string_equal(crmg_format_rate(7, 100 * S, buf, sizeof(buf)), "7/100s");
	assert_string_equal(crmg_format_byte_rate(10000000, S, buf, sizeof(buf)), "10MB/s");
}

/* Values at and around powers and units: format, parse, the same again. */
static void test_round_trip(void **state)
{
	static const uint64_t factors[] = { 1, 3, 7, 60, 999, 1000, 1024, 3600, 86400, 1000000 };
	char buf[CRMG_NUM_LEN];
	const size_t size = sizeof(buf);

	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (size_t i = 0; i < CRMG_ARRAY_SIZE(factors); i++) {
			uint64_t value = (1ULL << shift) * factors[i] - (shift & 1);
			uint64_t back = 0, per = 0;

			crmg_format_count(value, buf, size);
			assert_int_equal(crmg_parse_count(buf, &back), 0);
			assert_true(back == value);
			crmg_format_bytes(value, buf, size);
			assert_int_equal(crmg_parse_bytes(buf, &back), 0);
			assert_true(back == value);
			crmg_format_time(value, buf, size);
			assert_int_equal(crmg_parse_time(buf, &back), 0);
			assert_true(back == value);
			crmg_format_rate(value, value | 1, buf, size);
			assert_int_equal(crmg_parse_rate(buf, &back, &per), 0);
			assert_true(back == value && per == (value | 1));
			crmg_format_byte_rate(value, value | 1, buf, size);
			assert_int_equal(crmg_parse_byte_rate(buf, &back, &per), 0);
			assert_true(back == value && per == (value | 1));
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_count),
		cmocka_unit_test(test_hundredths),
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_rate),
		cmocka_unit_test(test_shortest_form),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
