// SPDX-License-Identifier: GPL-2.0
/* diff_write.c - the difference as text and as JSON. */
#include "diff.h"

#include <string.h>

#include "../base/util.h"
#include "text.h"

#define NAME_OF(ID, name, sign) name,
static const char *const kind_names[] = { CRMG_CHANGES(NAME_OF) };

#define SIGN_OF(ID, name, sign) sign,
static const char kind_signs[] = { CRMG_CHANGES(SIGN_OF) };

/* Writes text made harmless; NULL: nothing. */
static void put(const char *before, const char *text, FILE *out)
{
	size_t size = text ? CRMG_ESCAPED(strlen(text)) : 0;
	crmg_autofree char *escaped = text ? malloc(size) : NULL;

	if (escaped)
		fprintf(out, "%s%s", before, crmg_escape(text, strlen(text), escaped, size));
}

static void change_text(const struct crmg_change *change, FILE *out)
{
	bool limit = change->kind == CRMG_CHANGE_RAISED || change->kind == CRMG_CHANGE_LOWERED;

	fputc(kind_signs[change->kind], out);
	put(" ", change->what, out);
	put(": ", change->field, out);
	put(" ", limit ? kind_names[change->kind] : NULL, out);
	put(" ", change->from, out);
	put(change->from ? " -> " : " ", change->to, out);
	fputc('\n', out);
}

/* The counters of a new policy may fit into memory that is there. */
static void memory_text(const struct crmg_changes *changes, FILE *out)
{
	const struct crmg_memory *before = &changes->before, *after = &changes->after;
	const double mib = 1 << 20;

	if (before->total != after->total)
		fprintf(out, "~ memory: %.2f MiB -> %.2f MiB (policy %+.2f, counters %+.2f)\n",
			before->total / mib, after->total / mib,
			((double)after->policy - before->policy) / mib,
			((double)after->counters - before->counters) / mib);
}

void crmg_changes_text(const struct crmg_changes *changes, size_t most, FILE *out)
{
	for (size_t i = 0; i < changes->count && i < most; i++)
		change_text(&changes->items[i], out);
	if (changes->count > most)
		fprintf(out, "... and %zu more changes; -j lists all\n", changes->count - most);
	memory_text(changes, out);
}

static json_t *text_or_null(const char *text)
{
	return text ? crmg_json_text(text, strlen(text)) : json_null();
}

json_t *crmg_changes_json(const struct crmg_changes *changes)
{
	json_t *list = json_array();

	for (size_t i = 0; i < changes->count; i++) {
		const struct crmg_change *change = &changes->items[i];

		json_array_append_new(list, json_pack("{s:s, s:o, s:o, s:o, s:o}",
			"change", kind_names[change->kind],
			"what", text_or_null(change->what),
			"field", text_or_null(change->field),
			"from", text_or_null(change->from),
			"to", text_or_null(change->to)));
	}
	return list;
}

json_t *crmg_changes_memory_json(const struct crmg_changes *changes)
{
	const struct crmg_memory *before = &changes->before, *after = &changes->after;

	return json_pack("{s:{s:o, s:o, s:o}, s:{s:o, s:o, s:o}}",
		"from", "policy", crmg_json_count(before->policy),
			"counters", crmg_json_count(before->counters),
			"total", crmg_json_count(before->total),
		"to", "policy", crmg_json_count(after->policy),
			"counters", crmg_json_count(after->counters),
			"total", crmg_json_count(after->total));
}
