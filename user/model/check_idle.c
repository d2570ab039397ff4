/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_idle.c - prefixes that might as well not be there: written twice, or others
 * have all their addresses. Warnings only. Of list files only what others take from
 * them: how a feed is made up is not the operator's to mend.
 */
#include "check.h"

#include <stdio.h>

#include "../base/util.h"

#define WHOSE_LEN (CRMG_NAME_LEN + 16)

struct telling {
	const struct crmg_model *model;
	struct crmg_err *err;
	size_t count;
};

/* "client 'office'", "'allow'" */
static const char *whose(const struct crmg_model *model, const struct crmg_check_entry *entry,
			 char buf[WHOSE_LEN])
{
	if (entry->client == CRMG_CHECK_ALLOW)
		return "'allow'";
	snprintf(buf, WHOSE_LEN, "client '%s'", model->clients[entry->client].name);
	return buf;
}

static const char *prefix_text(const struct crmg_check_entry *entry, char buf[CRMG_ADDR_LEN])
{
	return crmg_format_prefix(&entry->pfx.addr, entry->pfx.len, buf, CRMG_ADDR_LEN);
}

static void tell_twice(struct telling *t, const struct crmg_check_entry *entry)
{
	const struct crmg_model_prefix *prefix = crmg_check_prefix(t->model, entry);
	char text[CRMG_ADDR_LEN], name[WHOSE_LEN];

	if (++t->count <= CRMG_CHECK_MESSAGES_MAX)
		crmg_check_warn(t->model, t->err, prefix->again, "%s is in %s already (line %u)",
				prefix_text(entry, text), whose(t->model, entry, name),
				prefix->place.line);
}

static void tell_taken(struct telling *t, const struct crmg_check_entry *entry,
		       const struct crmg_check_entry *taker)
{
	const struct crmg_place *at = &crmg_check_prefix(t->model, entry)->place;
	char text[2][CRMG_ADDR_LEN], name[2][WHOSE_LEN];

	if (++t->count <= CRMG_CHECK_MESSAGES_MAX)
		crmg_err_at(t->err, CRMG_WARNING, crmg_check_file(t->model, entry), at->line,
			    at->column, taker->pfx.len > entry->pfx.len
			    ? "%s of %s has no effect: longer prefixes have all of it, such as %s "
			      "of %s (%s:%u)"
			    : "%s of %s has no effect: %s of %s (%s:%u) has it",
			    prefix_text(entry, text[0]), whose(t->model, entry, name[0]),
			    prefix_text(taker, text[1]), whose(t->model, taker, name[1]),
			    crmg_check_file(t->model, taker),
			    crmg_check_prefix(t->model, taker)->place.line);
}

static bool is_of_a_feed(const struct crmg_model *model, const struct crmg_check_entry *entry,
			 const struct crmg_check_entry *taker)
{
	return entry->client == taker->client && (crmg_check_prefix(model, entry)->from_file ||
						  crmg_check_prefix(model, taker)->from_file);
}

void crmg_check_idle(const struct crmg_model *model, const struct crmg_check_entries *entries,
		     const struct crmg_check_entry *const *taker, struct crmg_err *err)
{
	struct telling t = { .model = model, .err = err };

	for (size_t i = 0; i < entries->count; i++) {
		const struct crmg_check_entry *entry = &entries->entry[i];

		if (crmg_check_prefix(model, entry)->again.line)
			tell_twice(&t, entry);
		if (taker[i] && !is_of_a_feed(model, entry, taker[i]))
			tell_taken(&t, entry, taker[i]);
	}
	if (t.count > CRMG_CHECK_MESSAGES_MAX)
		crmg_err_at(err, CRMG_WARNING, model->shown, 0, 0,
			    "... and %zu more prefixes without effect",
			    t.count - CRMG_CHECK_MESSAGES_MAX);
}
