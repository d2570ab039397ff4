// SPDX-License-Identifier: GPL-2.0
/* test_accesslog.c - lines as nginx and Apache write them, and what is none. */
#include "policy.h"
#include "../../user/report/accesslog.h"

#define TIME   "[30/Nov/2026:04:11:57 +0000]"
#define TIME_S 1796011917

static const struct {
	const char *line;
	const char *client;
	uint64_t time_s;
	bool request;
} good[] = {
	{ "203.0.113.10 - - " TIME " \"GET /api/contacts HTTP/1.1\" 200 71 \"-\" \"curl/7.88.1\"",
	  "203.0.113.10", TIME_S, true },
	/* Common format; another zone; IPv6. */
	{ "2001:db8:7::10 - - [30/Nov/2026:05:41:57 +0130] \"POST / HTTP/2.0\" 201 0",
	  "2001:db8:7::10", TIME_S, true },
	{ "10.0.0.1 - - [29/Nov/2026:23:11:57 -0500] \"GET / HTTP/1.1\" 200 0",
	  "10.0.0.1", TIME_S, true },
	{ "::ffff:192.0.2.7 - - " TIME " \"GET / HTTP/1.1\" 200 0", "192.0.2.7", TIME_S, true },
	{ "::FFFF:192.0.2.7 - - " TIME " \"GET / HTTP/1.1\" 200 0", "192.0.2.7", TIME_S, true },
	/* Users with blanks and brackets; one who would like to be from another time. */
	{ "10.0.0.1 - a [b] c " TIME " \"GET / HTTP/1.1\" 200 0", "10.0.0.1", TIME_S, true },
	{ "10.0.0.1 - x [01/Jan/2020:00:00:00 +0000] \\x22GET " TIME " \"GET / HTTP/1.1\" 200 0",
	  "10.0.0.1", TIME_S, true },
	/* Quotes and brackets in the request. */
	{ "10.0.0.1 - - " TIME " \"GET /a]%20\\x22 HTTP/1.1\" 404 0", "10.0.0.1", TIME_S, true },
	{ "10.0.0.1 - - " TIME " \"GET /] \"x\" HTTP/1.1\" 404 0", "10.0.0.1", TIME_S, true },
	{ "10.0.0.1 - - " TIME " \"M-SEARCH * HTTP/1.1\" 405 0", "10.0.0.1", TIME_S, true },
	/* No request came: a time-out, garbage, TLS on a port without it; cut short. */
	{ "10.0.0.1 - - " TIME " \"-\" 408 0", "10.0.0.1", TIME_S, false },
	{ "10.0.0.1 - - " TIME " \"\" 400 0", "10.0.0.1", TIME_S, false },
	{ "10.0.0.1 - - " TIME " \"\\x16\\x03\\x01\" 400 157", "10.0.0.1", TIME_S, false },
	{ "10.0.0.1 - - " TIME " \"GET", "10.0.0.1", TIME_S, false },
};

static const struct {
	const char *line;
	const char *why;
} bad[] = {
	{ "", "there is no address" },
	{ "crm.example - - " TIME " \"GET / HTTP/1.1\" 200 0", "this is not an address" },
	{ "crm.example:443 203.0.113.10 - - " TIME " \"GET / HTTP/1.1\" 200 0",
	  "this is not an address" },
	{ "unix: - - " TIME " \"GET / HTTP/1.1\" 200 0", "this is not an address" },
	{ "10.0.0.1", "there is no [time] with a \"request\" after it" },
	{ "10.0.0.1 - - " TIME " GET", "there is no [time] with a \"request\" after it" },
	{ "10.0.0.1 ] \"", "there is no time like [30/Nov/2026:04:11:57 +0000] before the request" },
	{ "10.0.0.1 - - 30/Nov/2026:04:11:57 +0000] \"GET / HTTP/1.1\" 200 0",
	  "there is no time like [30/Nov/2026:04:11:57 +0000] before the request" },
	{ "10.0.0.1 - - [2026-11-30T04:11:57+00:00] \"GET / HTTP/1.1\" 200 0",
	  "there is no time like [30/Nov/2026:04:11:57 +0000] before the request" },
	{ "10.0.0.1 - - [30/Foo/2026:04:11:57 +0000] \"GET / HTTP/1.1\" 200 0",
	  "there is no time like [30/Nov/2026:04:11:57 +0000] before the request" },
	{ "10.0.0.1 - - [31/Dec/1969:04:11:57 +0000] \"GET / HTTP/1.1\" 200 0",
	  "there is no time like [30/Nov/2026:04:11:57 +0000] before the request" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(good); i++) {
		struct crmg_addr wanted = addr(good[i].client);
		struct crmg_log_line line;
		const char *why;

		if (crmg_log_parse(good[i].line, &line, &why) < 0)
			fail_msg("%s: %s", good[i].line, why);
		if (crmg_addr_cmp(&line.client, &wanted) || line.time_s != good[i].time_s ||
		    line.request != good[i].request)
			fail_msg("%s: time %llu, request %d", good[i].line,
				 (unsigned long long)line.time_s, line.request);
	}
}

static void test_bad(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(bad); i++) {
		struct crmg_log_line line = { .time_s = 5 };
		const char *why = NULL;

		assert_int_equal(crmg_log_parse(bad[i].line, &line, &why), -EINVAL);
		assert_string_equal(why, bad[i].why);
		assert_int_equal(line.time_s, 5);
	}
}

/* Whatever of a line is there, nothing outside of it is read. */
static void test_cut(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(good); i++)
		for (size_t length = 0; length <= strlen(good[i].line); length++) {
			crmg_autofree char *cut = strndup(good[i].line, length);
			struct crmg_log_line line;
			const char *why;

			crmg_log_parse(cut, &line, &why);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
	};

	return cmocka_run_group_tests_name("accesslog", tests, NULL, NULL);
}
