// SPDX-License-Identifier: GPL-2.0
/*
 * table.c - aligned columns, without blanks at the ends of lines. Knows nothing of
 * what stands in them.
 */
#include <stdarg.h>
#include <string.h>

#include "../base/util.h"
#include "text.h"

void crmg_table_cell(struct crmg_table *table, const char *format, ...)
{
	char **cell = crmg_grow(&table->cells, &table->cell_count, sizeof(*cell));
	va_list args;

	if (!cell) {
		table->failed = true;
		return;
	}
	va_start(args, format);
	if (vasprintf(cell, format, args) < 0) {
		*cell = NULL;
		table->failed = true;
	}
	va_end(args);
}

static size_t width_of(const struct crmg_table *table, size_t column)
{
	size_t width = strlen(table->columns[column].title);

	for (size_t i = column; i < table->cell_count; i += table->column_count) {
		size_t length = strlen(table->cells[i]);

		if (length > width)
			width = length;
	}
	return width;
}

/* One line; a cell that nothing follows is not padded. */
static void print_line(const struct crmg_table *table, const int *widths,
		       const char *const *cells, FILE *out)
{
	size_t used = table->column_count;

	while (used > 1 && !*cells[used - 1])
		used--;
	for (size_t i = 0; i < used; i++) {
		bool right = table->columns[i].right, last = i + 1 == used;

		fprintf(out, "%*s%s", right ? widths[i] : last ? 0 : -widths[i], cells[i],
			last ? "\n" : "  ");
	}
}

static void print_rows(const struct crmg_table *table, bool colour, FILE *out)
{
	const char *titles[table->column_count];
	int widths[table->column_count];

	for (size_t i = 0; i < table->column_count; i++) {
		titles[i] = table->columns[i].title;
		widths[i] = (int)width_of(table, i);
	}
	fputs(colour ? "\033[1m" : "", out);
	print_line(table, widths, titles, out);
	fputs(colour ? "\033[0m" : "", out);
	for (size_t i = 0; i + table->column_count <= table->cell_count; i += table->column_count)
		print_line(table, widths, (const char *const *)&table->cells[i], out);
}

int crmg_table_print(struct crmg_table *table, bool colour, FILE *out)
{
	int code = table->failed ? -ENOMEM : 0;

	if (!code)
		print_rows(table, colour, out);
	for (size_t i = 0; i < table->cell_count; i++)
		free(table->cells[i]);
	free(table->cells);
	table->cells = NULL;
	table->cell_count = 0;
	return code;
}
