// SPDX-License-Identifier: GPL-2.0
/*
 * calibrate.c - joins what was logged with what was counted. Every line and every slot
 * is a row of its own at first, and rows of one source are folded together when there are
 * many: so it takes as much memory as there are sources, and no order of addresses that
 * somebody else chooses makes it slow.
 */
#include "calibrate.h"

#include <string.h>

#include "../base/addr.h"
#include "../base/util.h"
#include "accesslog.h"
#include "rows.h"
#include "sources.h"

/* Rows that are not folded yet, beside as many as there are sources. */
#define LOOSE 65536

uint64_t crmg_calibrated_count(const struct crmg_calibrated *source)
{
	/* Less than before: it was forgotten, and began again at 0. */
	return source->after < source->before ? source->after : source->after - source->before;
}

static uint64_t difference(const struct crmg_calibrated *source)
{
	uint64_t counted = crmg_calibrated_count(source);

	return counted < source->logged ? source->logged - counted : counted - source->logged;
}

static int by_source(const void *a, const void *b)
{
	const struct crmg_calibrated *x = a, *y = b;

	return crmg_addr_cmp(&x->source, &y->source);
}

static int by_use(const void *a, const void *b)
{
	const struct crmg_calibrated *x = a, *y = b;
	uint64_t of_x = crmg_calibrated_count(x), of_y = crmg_calibrated_count(y);

	of_x = x->logged > of_x ? x->logged : of_x;
	of_y = y->logged > of_y ? y->logged : of_y;
	return of_x != of_y ? (of_x < of_y ? 1 : -1) : by_source(a, b);
}

static void fold(struct crmg_calibration *cal)
{
	size_t kept = 0;

	if (cal->count)
		qsort(cal->sources, cal->count, sizeof(*cal->sources), by_source);
	for (size_t i = 0; i < cal->count; i++) {
		struct crmg_calibrated *from = &cal->sources[i], *to = &cal->sources[kept];

		if (kept && !by_source(from, to - 1)) {
			to[-1].logged += from->logged;
			to[-1].before += from->before;
			to[-1].after += from->after;
		} else {
			*to = *from;
			kept++;
		}
	}
	cal->count = cal->folded = kept;
}

static int add(struct crmg_calibration *cal, const struct crmg_calibrated *row)
{
	struct crmg_calibrated *added;

	if (cal->count >= 2 * cal->folded + LOOSE)
		fold(cal);
	added = crmg_grow(&cal->sources, &cal->count, sizeof(*added));
	if (!added)
		return -ENOMEM;
	*added = *row;
	return 0;
}

bool crmg_calibrate_counts(const struct crmg_snapshot *snap, uint32_t service)
{
	uint32_t count = crmg_image_head(snap->image)->bindings;

	for (uint32_t i = 1; i <= count; i++) {
		const struct crmg_binding *binding = crmg_image_binding(snap->image, i);

		if (binding && binding->service == service && crmg_counts_requests(binding))
			return true;
	}
	return false;
}

/* What the policies of the service have counted so far. */
static int policies_count(const struct crmg_calibration *cal, const struct crmg_snapshot *snap,
			  uint64_t *ret_passed, uint64_t *ret_refused)
{
	struct crmg_policy_rows rows;
	int code = crmg_policy_rows(snap, &rows);

	if (code)
		return code;
	*ret_passed = *ret_refused = 0;
	for (size_t i = 0; i < rows.count; i++) {
		const struct crmg_row *row = rows.items[i].row;

		if (rows.items[i].binding->service != cal->service)
			continue;
		*ret_passed += row->requests[CRMG_VERDICT_PASS];
		*ret_refused += crmg_row_sum(row->requests) - row->requests[CRMG_VERDICT_PASS];
	}
	crmg_policy_rows_free(&rows);
	return 0;
}

static int sources_count(struct crmg_calibration *cal, const struct crmg_snapshot *snap, bool after)
{
	for (uint32_t i = 0; i < snap->capacity; i++) {
		struct crmg_source_record source;
		struct crmg_calibrated row = { 0 };
		int code;

		if (!crmg_source_read(snap, i, &source) || !source.asked.requests ||
		    source.detail.service != cal->service)
			continue;
		row.source = source.detail.addr;
		*(after ? &row.after : &row.before) = source.asked.requests;
		code = add(cal, &row);
		if (code)
			return code;
	}
	return 0;
}

int crmg_calibrate_begin(struct crmg_calibration *cal, const struct crmg_snapshot *snap)
{
	int code = policies_count(cal, snap, &cal->passed, &cal->refused);

	cal->generation = crmg_image_head(snap->image)->generation;
	return code ? code : sources_count(cal, snap, false);
}

int crmg_calibrate_end(struct crmg_calibration *cal, const struct crmg_snapshot *snap)
{
	uint64_t passed, refused;
	int code;

	if (crmg_image_head(snap->image)->generation != cal->generation)
		return -ESTALE;
	code = policies_count(cal, snap, &passed, &refused);
	if (code)
		return code;
	cal->passed = passed - cal->passed;
	cal->refused = refused - cal->refused;
	return sources_count(cal, snap, true);
}

static void note_unreadable(struct crmg_calibration *cal, const char *line, const char *why)
{
	if (cal->unreadable++)
		return;
	crmg_copy(cal->unreadable_line, sizeof(cal->unreadable_line), line);
	cal->unreadable_why = why;
}

int crmg_calibrate_line(struct crmg_calibration *cal, const struct crmg_snapshot *snap,
			const char *line)
{
	const struct crmg_binding *binding;
	struct crmg_log_line read;
	const char *why;
	uint32_t index;

	if (crmg_log_parse(line, &read, &why) < 0) {
		note_unreadable(cal, line, why);
		return 0;
	}
	if (read.time_s < cal->from_s || read.time_s >= cal->to_s) {
		cal->outside++;
		return 0;
	}
	if (!read.request) {
		cal->no_request++;
		return 0;
	}
	index = crmg_image_resolve(snap->image, cal->service, &read.client);
	index = crmg_image_standing(snap->image, index, snap->real_ns);
	binding = crmg_image_binding(snap->image, index);
	if (!binding || !crmg_counts_requests(binding)) {
		cal->uncounted++;
		return 0;
	}
	return add(cal, &(struct crmg_calibrated){
		.source = crmg_addr_cut(read.client, crmg_source_len(snap, &read.client)),
		.logged = 1,
	});
}

void crmg_calibrate_reckon(struct crmg_calibration *cal)
{
	uint64_t named = 0;
	size_t kept = 0;

	fold(cal);
	cal->logged = cal->apart = 0;
	for (size_t i = 0; i < cal->count; i++) {
		const struct crmg_calibrated *source = &cal->sources[i];

		/* Counted before, and silent in this time. */
		if (!source->logged && !crmg_calibrated_count(source))
			continue;
		cal->logged += source->logged;
		cal->apart += difference(source);
		named += crmg_calibrated_count(source);
		cal->sources[kept++] = *source;
	}
	cal->count = cal->folded = kept;
	cal->unnamed = cal->passed > named ? cal->passed - named : 0;
	if (kept)
		qsort(cal->sources, kept, sizeof(*cal->sources), by_use);
}

void crmg_calibrate_free(struct crmg_calibration *cal)
{
	free(cal->sources);
	*cal = (struct crmg_calibration){ 0 };
}
