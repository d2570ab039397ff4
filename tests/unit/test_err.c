/* SPDX-License-Identifier: GPL-2.0 */
/* test_err.c - messages: their form, their order, and what may not get through (A18). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "../../user/base/err.h"
#include "../../user/base/util.h"

static void assert_printed(const struct crmg_err *err, bool warnings, const char *expected)
{
	crmg_autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	crmg_err_print(err, out, warnings);
	fclose(out);
	assert_string_equal(text, expected);
}

static void test_form(void **state)
{
	struct crmg_err err = CRMG_ERR_INIT;

	(void)state;
	crmg_err_at(&err, CRMG_ERROR, "a.yaml", 7, 3, "unknown key '%s'", "rat");
	crmg_err_at(&err, CRMG_WARNING, "a.yaml", 8, 0, "odd");
	crmg_err_at(&err, CRMG_ERROR, "a.yaml", 0, 0, "too large");
	assert_int_equal(crmg_err_set(&err, -EBUSY, "busy, generation %d", 4), -EBUSY);
	crmg_err_warn(&err, "fell back");
	assert_int_equal(err.count, 5);
	assert_int_equal(err.errors, 3);
	assert_printed(&err, true, "a.yaml:7:3: unknown key 'rat'\n"
				   "a.yaml:8: warning: odd\n"
				   "a.yaml: too large\n"
				   "crmgate: busy, generation 4\n"
				   "crmgate: warning: fell back\n");
	assert_printed(&err, false, "a.yaml:7:3: unknown key 'rat'\n"
				    "a.yaml: too large\n"
				    "crmgate: busy, generation 4\n");
	crmg_err_clear(&err);
	assert_int_equal(err.count, 0);
	assert_int_equal(err.errors, 0);
	assert_printed(&err, true, "");
	crmg_err_set(&err, -EINVAL, "again");
	assert_printed(&err, true, "crmgate: again\n");
	crmg_err_clear(&err);
}

static void test_a18_escapes(void **state)
{
	static const struct {
		const char *text;
		const char *printed;
	} rows[] = {
		{ "\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m" },
		{ "\x1b]0;title\a", "\\x1b]0;title\\x07" },
		{ "two\nlines\r\n", "two\\x0alines\\x0d\\x0a" },
		{ "tab\there\x7f", "tab\\x09here\\x7f" },
		{ "\xc2\x9b" "31m", "\\xc2\\x9b31m" },		/* CSI of C1, in UTF-8 */
		{ "\x9b" "31m", "\\x9b31m" },			/* and as a byte */
		{ "a\xe2\x80\xae" "b", "a\\xe2\\x80\\xaeb" },	/* right-to-left override */
		{ "\xe2\x81\xa6", "\\xe2\\x81\\xa6" },
		{ "\xc0\x9b", "\\xc0\\x9b" },			/* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" },	/* beyond U+10FFFF */
		{ "cut \xe2\x82", "cut \\xe2\\x82" },
		{ "Zürich €20 \xf0\x9f\x98\x80", "Zürich €20 \xf0\x9f\x98\x80" },
		{ "100% 'quoted' \"too\"", "100% 'quoted' \"too\"" },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_err err = CRMG_ERR_INIT;
		char expected[128];

		crmg_err_at(&err, CRMG_ERROR, rows[i].text, 1, 2, "%s", rows[i].text);
		snprintf(expected, sizeof(expected), "%s:1:2: %s\n", rows[i].printed,
			 rows[i].printed);
		assert_printed(&err, true, expected);
		crmg_err_clear(&err);
	}
}

static void test_sort(void **state)
{
	struct crmg_err err = CRMG_ERR_INIT;

	(void)state;
	crmg_err_set(&err, -EIO, "came before");
	crmg_err_at(&err, CRMG_ERROR, "list", 1, 1, "in the list");
	crmg_err_set(&err, -EIO, "no place");
	crmg_err_at(&err, CRMG_ERROR, "z", 0, 0, "whole file");
	crmg_err_at(&err, CRMG_ERROR, "z", 2, 9, "b");
	crmg_err_at(&err, CRMG_WARNING, "z", 2, 9, "a");
	crmg_err_at(&err, CRMG_ERROR, "z", 10, 1, "last line");
	crmg_err_at(&err, CRMG_ERROR, "z", 2, 8, "first");
	crmg_err_sort(&err, 1, "z");
	assert_printed(&err, true, "crmgate: came before\n"
				   "z:2:8: first\n"
				   "z:2:9: warning: a\n"
				   "z:2:9: b\n"
				   "z:10:1: last line\n"
				   "z: whole file\n"
				   "list:1:1: in the list\n"
				   "crmgate: no place\n");
	crmg_err_clear(&err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_form),
		cmocka_unit_test(test_a18_escapes),
		cmocka_unit_test(test_sort),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
