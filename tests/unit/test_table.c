// SPDX-License-Identifier: GPL-2.0
/* test_table.c - columns stand under each other, and no line ends in a blank. */
#include "snapshot.h"
#include "../../user/report/text.h"

static const struct crmg_column columns[] = {
	{ "NAME", false }, { "N", true }, { "NOTE", false },
};

static char *print(struct crmg_table *table, bool colour)
{
	return TEXT_OF(crmg_table_print, table, colour);
}

static void test_aligned(void **state)
{
	struct crmg_table table = CRMG_TABLE(columns);
	char *text;

	(void)state;
	crmg_table_cell(&table, "%s", "a");
	crmg_table_cell(&table, "%d", 1234);
	crmg_table_cell(&table, "%s", "first note");
	crmg_table_cell(&table, "%s", "longer");
	crmg_table_cell(&table, "%d", 5);
	crmg_table_cell(&table, "%s", "");
	text = print(&table, false);
	assert_string_equal(text, "NAME       N  NOTE\n"
				  "a       1234  first note\n"
				  "longer     5\n");
	free(text);
	assert_int_equal(table.cell_count, 0);
}

static void test_empty(void **state)
{
	struct crmg_table table = CRMG_TABLE(columns);
	char *text = print(&table, true);

	(void)state;
	assert_string_equal(text, "\033[1mNAME  N  NOTE\n\033[0m");
	free(text);
}

static void test_no_memory(void **state)
{
	struct crmg_table table = CRMG_TABLE(columns);

	(void)state;
	crmg_table_cell(&table, "x");
	table.failed = true;
	assert_int_equal(crmg_table_print(&table, false, stdout), -ENOMEM);
	assert_null(table.cells);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_aligned),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_no_memory),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
