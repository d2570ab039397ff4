// SPDX-License-Identifier: GPL-2.0
/* calibrate_write.c - requests logged and counted, as a JSON document and as a table. */
#include "../base/addr.h"
#include "../base/num.h"
#include "calibrate.h"
#include "names.h"
#include "rows.h"
#include "sources.h"
#include "text.h"

#define PERCENT_LEN 24

/* Of what was logged. */
static double error_percent(uint64_t logged, uint64_t counted)
{
	return ((double)counted - (double)logged) * 100 / (double)logged;
}

static json_t *error_json(uint64_t logged, uint64_t counted)
{
	return logged ? json_real(error_percent(logged, counted)) : json_null();
}

static const char *error_text(uint64_t logged, uint64_t counted, char buf[PERCENT_LEN])
{
	if (!logged)
		return counted ? "not logged" : "-";
	if (logged == counted)
		return "0.00 %";
	snprintf(buf, PERCENT_LEN, "%+.2f %%", error_percent(logged, counted));
	return buf;
}

static const struct crmg_service *service_of(const struct crmg_snapshot *snap,
					     const struct crmg_calibration *cal)
{
	return crmg_image_service(snap->image, cal->service);
}

static json_t *sources_json(const struct crmg_snapshot *snap, const struct crmg_calibration *cal)
{
	const char *key = crmg_requests_key(service_of(snap, cal));
	json_t *list = json_array();

	for (size_t i = 0; i < cal->count; i++) {
		const struct crmg_calibrated *source = &cal->sources[i];
		uint64_t counted = crmg_calibrated_count(source);
		char address[CRMG_ADDR_LEN];

		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o}",
			"address", crmg_source_text(snap, &source->source, address,
						    sizeof(address)),
			"logged", crmg_json_count(source->logged),
			key, crmg_json_count(counted),
			"error_percent", error_json(source->logged, counted)));
	}
	return list;
}

json_t *crmg_calibrate_json(const struct crmg_snapshot *snap, const struct crmg_calibration *cal)
{
	const struct crmg_service *service = service_of(snap, cal);

	return json_pack("{s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:{s:o, s:o,"
			 " s:o, s:o}, s:o}",
		"schema", 1,
		"service", crmg_json_text(service->name, sizeof(service->name)),
		"protocol", crmg_protocol_name(service->protocol),
		"from", crmg_json_time(cal->from_s * CRMG_NS_PER_SEC),
		"to", crmg_json_time(cal->to_s * CRMG_NS_PER_SEC),
		"logged", crmg_json_count(cal->logged),
		crmg_requests_key(service), crmg_json_count(cal->passed),
		"error_percent", error_json(cal->logged, cal->passed),
		"apart_percent", cal->logged ? json_real((double)cal->apart * 100 /
							 (double)cal->logged) : json_null(),
		"unnamed", crmg_json_count(cal->unnamed),
		"refused", crmg_json_count(cal->refused),
		"lines_left_out",
			"outside", crmg_json_count(cal->outside),
			"no_request", crmg_json_count(cal->no_request),
			"uncounted", crmg_json_count(cal->uncounted),
			"unreadable", crmg_json_count(cal->unreadable),
		"sources", sources_json(snap, cal));
}

static int sources_text(const struct crmg_snapshot *snap, const struct crmg_calibration *cal,
			size_t max, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SOURCE", false }, { "LOGGED", true }, { "COUNTED", true }, { "ERROR", true },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	for (size_t i = 0; i < cal->count && i < max; i++) {
		const struct crmg_calibrated *source = &cal->sources[i];
		uint64_t counted = crmg_calibrated_count(source);
		char text[CRMG_ADDR_LEN], percent[PERCENT_LEN];

		crmg_table_cell(&table, "%s", crmg_source_text(snap, &source->source, text,
							       sizeof(text)));
		crmg_table_cell(&table, "%llu", (unsigned long long)source->logged);
		crmg_table_cell(&table, "%llu", (unsigned long long)counted);
		crmg_table_cell(&table, "%s", error_text(source->logged, counted, percent));
	}
	return crmg_table_print(&table, colour, out);
}

static void left_out(uint64_t lines, const char *why, FILE *out)
{
	if (lines)
		fprintf(out, "%llu line%s left out: %s\n", (unsigned long long)lines,
			lines == 1 ? "" : "s", why);
}

static void lines_text(const struct crmg_calibration *cal, FILE *out)
{
	char line[CRMG_ESCAPED(sizeof(cal->unreadable_line))];

	if (cal->unnamed)
		fprintf(out, "%llu of them of sources that the table forgot meanwhile\n",
			(unsigned long long)cal->unnamed);
	if (cal->refused)
		fprintf(out, "%llu more were refused, and so cannot be in the log\n",
			(unsigned long long)cal->refused);
	left_out(cal->outside, "of another time", out);
	left_out(cal->no_request, "the server read no request", out);
	left_out(cal->uncounted, "of sources whose policy has no requests read", out);
	left_out(cal->unreadable, cal->unreadable_why, out);
	if (cal->unreadable)
		fprintf(out, "    the first: %s\n",
			crmg_escape(cal->unreadable_line, sizeof(cal->unreadable_line), line,
				    sizeof(line)));
}

int crmg_calibrate_text(const struct crmg_snapshot *snap, const struct crmg_calibration *cal,
			size_t max, bool colour, FILE *out)
{
	const struct crmg_service *service = service_of(snap, cal);
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], from[CRMG_TIME_LEN], percent[PERCENT_LEN];
	uint64_t difference = cal->passed > cal->logged ? cal->passed - cal->logged
							: cal->logged - cal->passed;
	int code;

	fprintf(out, "%s: requests of %llu s from %s%s\n\n",
		crmg_escape(service->name, sizeof(service->name), name, sizeof(name)),
		(unsigned long long)(cal->to_s - cal->from_s),
		crmg_format_utc(cal->from_s * CRMG_NS_PER_SEC, false, from, sizeof(from)),
		service->protocol == CRMG_PROTOCOL_TLS ? "; counted is an estimate" : "");
	code = sources_text(snap, cal, max, colour, out);
	if (code)
		return code;
	if (cal->count > max)
		fprintf(out, "... and %zu more sources\n", cal->count - max);
	fprintf(out, "\nlogged %llu, counted %llu: error %s", (unsigned long long)cal->logged,
		(unsigned long long)cal->passed, error_text(cal->logged, cal->passed, percent));
	if (cal->logged && cal->apart != difference)
		fprintf(out, "; %.2f %% where more and less do not cancel",
			(double)cal->apart * 100 / (double)cal->logged);
	fputc('\n', out);
	lines_text(cal, out);
	return 0;
}
