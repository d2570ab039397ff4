// SPDX-License-Identifier: GPL-2.0
/* show.c - what was added up, as JSON and as a table. */
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"
#include "totals.h"

/* What stands for sources that have no row of their own. */
#define OTHERS "(others)"

/* --------------------------------------------------------------------- JSON */

static void add_sums(json_t *object, const struct crmg_ledger_sums *sums)
{
#define ZERO(ID, key, title) json_object_set_new(object, key, json_integer(0));
	CRMG_LEDGER_COUNTS(ZERO)
	crmg_ledger_sums_json(object, sums);
}

static json_t *row_json(const struct crmg_ledger_row *row)
{
	bool named = crmg_ledger_is_named(row);
	char date[CRMG_DATE_LEN], prefix[CRMG_ADDR_LEN];
	json_t *object = json_pack("{s:s, s:o, s:o, s:o, s:o, s:s}",
		"day", crmg_format_date(row->key.day_ns, date),
		"service", crmg_json_text(row->key.service, CRMG_NAME_LEN),
		"policy", crmg_json_text(row->key.policy, CRMG_NAME_LEN),
		"client", named ? crmg_json_text(row->key.client, CRMG_NAME_LEN) : json_null(),
		"source", named ? json_string(crmg_ledger_source_text(row, prefix))
				: json_null(),
		"state", crmg_ledger_state_name(row->key.state));

	add_sums(object, &row->sums);
	json_object_set_new(object, "first_seen", crmg_json_time(row->first_ns));
	json_object_set_new(object, "last_seen", crmg_json_time(row->last_ns));
	return object;
}

json_t *crmg_ledger_json(const struct crmg_ledger_totals *totals)
{
	json_t *rows = json_array(), *gaps = json_array(), *sum = json_object();

	for (size_t i = 0; i < totals->row_count; i++)
		json_array_append_new(rows, row_json(&totals->rows[i]));
	for (size_t i = 0; i < totals->gap_count; i++) {
		const struct crmg_ledger_gap *gap = &totals->gaps[i];

		json_array_append_new(gaps, json_pack("{s:o, s:o, s:s}",
			"from", crmg_json_time(gap->from_ns), "to", crmg_json_time(gap->to_ns),
			"state", crmg_ledger_gap_name(gap)));
	}
	add_sums(sum, &totals->sum);
	return json_pack("{s:i, s:o, s:o, s:I, s:I, s:o, s:o, s:o}", "schema", 1,
			 "from", crmg_json_time(totals->from_ns),
			 "to", crmg_json_time(totals->to_ns),
			 "records", (json_int_t)totals->records,
			 "damaged_lines", (json_int_t)totals->damage.lines,
			 "rows", rows, "total", sum, "gaps", gaps);
}

/* --------------------------------------------------------------------- text */

static void row_text(struct crmg_table *table, const struct crmg_ledger_row *row)
{
	char date[CRMG_DATE_LEN], prefix[CRMG_ADDR_LEN], time[CRMG_TIME_LEN];
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], number[CRMG_SHORT_LEN];
	bool named = crmg_ledger_is_named(row);
	const char *const names[] = { row->key.service, row->key.policy, row->key.client };

	crmg_table_cell(table, "%s", crmg_format_date(row->key.day_ns, date));
	crmg_table_cell(table, "%s", named ? crmg_ledger_source_text(row, prefix) : OTHERS);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(names); i++)
		crmg_table_cell(table, "%s", i == 2 && !named ? "-" :
				crmg_escape(names[i], CRMG_NAME_LEN, name, sizeof(name)));
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		crmg_table_cell(table, "%s", crmg_format_short(row->sums.of[i], number,
							       sizeof(number)));
	crmg_table_cell(table, "%s", crmg_ledger_state_name(row->key.state));
	crmg_table_cell(table, "%s", crmg_format_utc(row->last_ns, false, time, sizeof(time)));
}

int crmg_ledger_text(const struct crmg_ledger_totals *totals, bool colour, FILE *out)
{
#define COLUMN(ID, key, title) { title, true },
	static const struct crmg_column columns[] = {
		{ "DAY", false }, { "SOURCE", false }, { "SERVICE", false }, { "POLICY", false },
		{ "CLIENT", false }, CRMG_LEDGER_COUNTS(COLUMN)
		{ "STATE", false }, { "LAST SEEN", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char from[CRMG_TIME_LEN], to[CRMG_TIME_LEN];
	int code;

	for (size_t i = 0; i < totals->row_count; i++)
		row_text(&table, &totals->rows[i]);
	code = crmg_table_print(&table, colour, out);
	for (size_t i = 0; i < totals->gap_count; i++)
		fprintf(out, "%s%s: %s to %s\n", i ? "" : "\n",
			crmg_ledger_gap_name(&totals->gaps[i]),
			crmg_format_utc(totals->gaps[i].from_ns, false, from, sizeof(from)),
			crmg_format_utc(totals->gaps[i].to_ns, false, to, sizeof(to)));
	return code;
}
