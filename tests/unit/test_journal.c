/* SPDX-License-Identifier: GPL-2.0 */
/* test_journal.c - D14: however much there is to say, few lines come out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../user/base/journal.h"
#include "../../user/base/util.h"

#define SECOND_NS 1000000000ULL

/* What is written at second `at` of `warnings` warnings and `errors` errors; to be freed. */
static char *written(struct crmg_journal *journal, uint64_t at, int warnings, int errors)
{
	struct crmg_err err = CRMG_ERR_INIT;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	for (int i = 0; i < warnings; i++)
		crmg_err_warn(&err, "warning %d", i);
	for (int i = 0; i < errors; i++)
		crmg_err_set(&err, -1, "error %d", i);
	crmg_journal_write(journal, &err, at * SECOND_NS, out);
	assert_int_equal(err.count, 0);
	fclose(out);
	return text;
}

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static void test_all_of_few(void **state)
{
	struct crmg_journal journal = { 0 };
	crmg_autofree char *text = written(&journal, 1, 2, 1);

	(void)state;
	assert_string_equal(text, "crmgate: warning: warning 0\ncrmgate: warning: warning 1\n"
			    "crmgate: error 0\n");
}

static void test_few_of_many(void **state)
{
	struct crmg_journal journal = { 0 };
	size_t lines = 0;

	(void)state;
	for (int i = 0; i < 100; i++) {
		crmg_autofree char *text = written(&journal, 7, 10, 0);

		lines += lines_of(text);
	}
	assert_int_equal(lines, 20);
	crmg_autofree char *next = written(&journal, 8, 0, 1);

	assert_string_equal(next, "crmgate: warning: 980 more lines were left out; 'crmgate events' "
			    "has them\ncrmgate: error 0\n");
	crmg_autofree char *last = written(&journal, 9, 1, 0);

	assert_string_equal(last, "crmgate: warning: warning 0\n");
}

static void test_quiet(void **state)
{
	struct crmg_journal journal = { .quiet = true };
	crmg_autofree char *text = written(&journal, 1, 30, 2);

	(void)state;
	assert_string_equal(text, "crmgate: error 0\ncrmgate: error 1\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_of_few),
		cmocka_unit_test(test_few_of_many),
		cmocka_unit_test(test_quiet),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
