// SPDX-License-Identifier: GPL-2.0
/* test_calibrate.c - which lines and counts belong together, and what comes of them. */
#include "snapshot.h"
#include "../../user/report/calibrate.h"

#define FROM_S (REAL_NS / CRMG_NS_PER_SEC)	/* 2027-01-15T08:00:00Z */
#define FOR_S  60

static struct crmg_calibration cal;

/* The service "web"; "partners" counts requests, "public" does not. */
static void begin(void)
{
	fixture_init();
	crmg_calibrate_free(&cal);
	limit(&fx.policy.policies[0], CRMG_LIMIT_REQUESTS, 20, 40);
	crmg_image_free(&fx.image);
	compile_fixture();
	cal.service = crmg_image_service_find(&fx.image, "web");
	cal.from_s = FROM_S;
	cal.to_s = FROM_S + FOR_S;
}

/* A line of the log, so many seconds after the time began. */
static void line(const char *client, int second, const char *request)
{
	time_t seconds = (time_t)FROM_S + second;
	char text[256], stamp[40];
	struct tm tm;

	strftime(stamp, sizeof(stamp), "%d/%b/%Y:%H:%M:%S +0000", gmtime_r(&seconds, &tm));
	snprintf(text, sizeof(text), "%s - - [%s] \"%s\" 200 71 \"-\" \"curl\"", client, stamp,
		 request);
	assert_int_equal(crmg_calibrate_line(&cal, &fx.snap, text), 0);
}

static void lines(const char *client, unsigned int count)
{
	for (unsigned int i = 0; i < count; i++)
		line(client, (int)(i % FOR_S), "GET / HTTP/1.1");
}

static void assert_source(size_t at, const char *source, uint64_t logged, uint64_t counted)
{
	struct crmg_addr wanted = addr(source);

	assert_true(at < cal.count);
	assert_int_equal(crmg_addr_cmp(&cal.sources[at].source, &wanted), 0);
	assert_int_equal(cal.sources[at].logged, logged);
	assert_int_equal(crmg_calibrated_count(&cal.sources[at]), counted);
}

/* Only requests of the time, of sources whose requests are counted. */
static void test_lines(void **state)
{
	(void)state;
	begin();
	line("10.1.0.1", -1, "GET / HTTP/1.1");
	line("10.1.0.1", 0, "GET / HTTP/1.1");
	line("10.1.0.1", FOR_S - 1, "GET / HTTP/1.1");
	line("10.1.0.1", FOR_S, "GET / HTTP/1.1");
	line("10.1.0.1", 1, "-");
	line("10.2.0.1", 1, "GET / HTTP/1.1");
	line("192.0.2.10", 1, "GET / HTTP/1.1");
	line("10.66.0.1", 1, "GET / HTTP/1.1");
	line("crm.example", 1, "GET / HTTP/1.1");
	line("\033[2J", 1, "GET / HTTP/1.1");
	crmg_calibrate_reckon(&cal);
	assert_int_equal(cal.count, 1);
	assert_source(0, "10.1.0.1", 2, 0);
	assert_int_equal(cal.outside, 2);
	assert_int_equal(cal.no_request, 1);
	assert_int_equal(cal.uncounted, 3);
	assert_int_equal(cal.unreadable, 2);
	assert_memory_equal(cal.unreadable_line, "crm.example - - [", 17);
	assert_string_equal(cal.unreadable_why, "this is not an address");
}

/* A source is as wide as the policy says; a service without a limit of requests has none. */
static void test_sources(void **state)
{
	(void)state;
	begin();
	assert_true(crmg_calibrate_counts(&fx.snap, cal.service));
	assert_false(crmg_calibrate_counts(&fx.snap, crmg_image_service_find(&fx.image, "dns")));
	lines("2001:db8:7::1", 3);
	lines("2001:db8:7::2:1", 4);
	lines("2001:db8:7:1::1", 1);
	crmg_calibrate_reckon(&cal);
	assert_int_equal(cal.count, 2);
	assert_source(0, "2001:db8:7::", 7, 0);
	assert_source(1, "2001:db8:7:1::", 1, 0);
}

/* Another one in each row: the fold loses nothing, and keeps memory bounded. */
static void test_many(void **state)
{
	static const struct crmg_addr first = { 0, CRMG_V4_MAPPED_LO | 0x0a010000 };
	uint64_t seed = 1, sum = 0;
	size_t most = 0;

	(void)state;
	begin();
	for (unsigned int i = 0; i < 300000; i++) {
		char text[CRMG_ADDR_LEN], row[160];
		struct crmg_addr from = first;

		from.lo += draw_below(&seed, 1000);
		snprintf(row, sizeof(row), "%s - - [15/Jan/2027:08:00:07 +0000] \"GET / HTTP/1.1\"",
			 crmg_format_addr(&from, text, sizeof(text)));
		assert_int_equal(crmg_calibrate_line(&cal, &fx.snap, row), 0);
		most = cal.count > most ? cal.count : most;
	}
	crmg_calibrate_reckon(&cal);
	assert_int_equal(cal.count, 1000);
	for (size_t i = 0; i < cal.count; i++)
		sum += cal.sources[i].logged;
	assert_int_equal(sum, 300000);
	assert_in_range(most, 1000, 70000);
}

/* What a source has at both ends, and what policies have in all. */
static void test_counts(void **state)
{
	struct crmg_row *row;

	(void)state;
	begin();
	row = row_of("web", "partners");
	row->requests[CRMG_VERDICT_PASS] = 1000;
	row->requests[CRMG_VERDICT_DROP] = 50;
	add_requests(1, "10.1.0.1", 600);
	add_requests(2, "10.1.0.2", 100);
	add_requests(3, "10.1.0.3", 300);
	assert_int_equal(crmg_calibrate_begin(&cal, &fx.snap), 0);
	lines("10.1.0.1", 100);
	lines("10.1.0.3", 20);
	lines("10.1.0.4", 5);
	/* One more, one silent, one that was forgotten and came back, one gone for good. */
	row->requests[CRMG_VERDICT_PASS] += 130;
	row->requests[CRMG_VERDICT_RESET] += 7;
	add_requests(1, "10.1.0.1", 702);
	add_requests(3, "10.1.0.3", 15);
	assert_int_equal(crmg_calibrate_end(&cal, &fx.snap), 0);
	crmg_calibrate_reckon(&cal);
	assert_int_equal(cal.count, 3);
	assert_source(0, "10.1.0.1", 100, 102);
	assert_source(1, "10.1.0.3", 20, 15);
	assert_source(2, "10.1.0.4", 5, 0);
	assert_int_equal(cal.logged, 125);
	assert_int_equal(cal.passed, 130);
	assert_int_equal(cal.refused, 7);
	assert_int_equal(cal.apart, 2 + 5 + 5);
	assert_int_equal(cal.unnamed, 130 - 102 - 15);
}

static void test_apply(void **state)
{
	(void)state;
	begin();
	assert_int_equal(crmg_calibrate_begin(&cal, &fx.snap), 0);
	cal.generation--;
	assert_int_equal(crmg_calibrate_end(&cal, &fx.snap), -ESTALE);
}

static void measured(void)
{
	begin();
	assert_int_equal(crmg_calibrate_begin(&cal, &fx.snap), 0);
	lines("10.1.0.1", 200);
	lines("2001:db8:7::1", 8);
	line("10.1.0.1", -1, "GET / HTTP/1.1");
	line("\033[2J", 1, "GET / HTTP/1.1");
	add_requests(1, "10.1.0.1", 199);
	add_requests(2, "2001:db8:7::", 10);
	add_requests(3, "10.1.0.9", 1);
	row_of("web", "partners")->requests[CRMG_VERDICT_PASS] = 213;
	row_of("web", "partners")->requests[CRMG_VERDICT_DROP] = 5;
	assert_int_equal(crmg_calibrate_end(&cal, &fx.snap), 0);
	crmg_calibrate_reckon(&cal);
}

static void test_text(void **state)
{
	char *text;

	(void)state;
	measured();
	text = TEXT_OF(crmg_calibrate_text, &fx.snap, &cal, 3, false);
	assert_string_equal(text,
		"web: requests of 60 s from 2027-01-15T08:00:00Z; counted is an estimate\n"
		"\n"
		"SOURCE           LOGGED  COUNTED       ERROR\n"
		"10.1.0.1            200      199     -0.50 %\n"
		"2001:db8:7::/64       8       10    +25.00 %\n"
		"10.1.0.9              0        1  not logged\n"
		"\n"
		"logged 208, counted 213: error +2.40 %; 1.92 % where more and less do not cancel\n"
		"3 of them of sources that the table forgot meanwhile\n"
		"5 more were refused, and so cannot be in the log\n"
		"1 line left out: of another time\n"
		"1 line left out: this is not an address\n"
		"    the first: \\x1b[2J - - [15/Jan/2027:08:00:01 +0000] \"GET / HTTP/1.1\" 200 71 "
		"\"-\" \"curl\"\n");
	free(text);
	text = TEXT_OF(crmg_calibrate_text, &fx.snap, &cal, 1, false);
	assert_non_null(strstr(text, "-0.50 %\n... and 2 more sources\n\n"));
	free(text);
}

static void test_json(void **state)
{
	json_t *document, *source, *lines_left_out;

	(void)state;
	measured();
	document = crmg_calibrate_json(&fx.snap, &cal);
	assert_string_equal(json_string_value(json_object_get(document, "from")),
			    "2027-01-15T08:00:00Z");
	assert_string_equal(json_string_value(json_object_get(document, "to")),
			    "2027-01-15T08:01:00Z");
	assert_int_equal(json_integer_value(json_object_get(document, "logged")), 208);
	assert_int_equal(json_integer_value(json_object_get(document, "requests_estimated")), 213);
	assert_null(json_object_get(document, "requests"));
	lines_left_out = json_object_get(document, "lines_left_out");
	assert_int_equal(json_integer_value(json_object_get(lines_left_out, "outside")), 1);
	assert_int_equal(json_integer_value(json_object_get(lines_left_out, "unreadable")), 1);
	source = json_array_get(json_object_get(document, "sources"), 1);
	assert_string_equal(json_string_value(json_object_get(source, "address")),
			    "2001:db8:7::/64");
	assert_int_equal(json_integer_value(json_object_get(source, "logged")), 8);
	assert_int_equal(json_integer_value(json_object_get(source, "requests_estimated")), 10);
	assert_true(json_real_value(json_object_get(source, "error_percent")) == 25);
	source = json_array_get(json_object_get(document, "sources"), 2);
	assert_true(json_is_null(json_object_get(source, "error_percent")));
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_apply),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_json),
	};
	int failed = cmocka_run_group_tests_name("calibrate", tests, NULL, NULL);

	crmg_calibrate_free(&cal);
	crmg_image_free(&fx.image);
	return failed;
}
