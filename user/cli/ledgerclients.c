// SPDX-License-Identifier: GPL-2.0
/* ledgerclients.c - why the ledger has nothing of a client: is there one of that name at all? */
#include <string.h>

#include "../base/util.h"
#include "../report/text.h"
#include "ledgerargs.h"

/* So many are named; who has more sees what their names look like. */
#define NAMED_MAX 20

/* Clients of the policy in force and of all records, each once; `any` first. */
struct names {
	struct {
		char text[CRMG_NAME_LEN];
	} *items;
	size_t count;
};

static bool is_among(const struct names *names, const char *name)
{
	for (size_t i = 0; i < names->count; i++)
		if (strcmp(names->items[i].text, name) == 0)
			return true;
	return false;
}

static void add(struct names *names, const char *name)
{
	if (is_among(names, name) ||
	    !crmg_grow(&names->items, &names->count, sizeof(*names->items)))
		return;
	crmg_copy(names->items[names->count - 1].text, CRMG_NAME_LEN, name);
}

/* Nothing may be attached, and who reads the ledger may be nobody who reads pins. */
static void add_of_policy(const struct crmg_args *args, struct names *names)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	const struct crmg_image *image;
	const struct crmg_client *clients;
	size_t count;

	if (!crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &ignored) &&
	    !crmg_kern_image(kern, &image, &ignored)) {
		clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
		for (size_t i = 0; i < count; i++)
			add(names, clients[i].name);
	}
	crmg_err_clear(&ignored);
}

static void add_of_records(const struct crmg_args *args, struct names *names)
{
	static const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	struct crmg_err ignored = CRMG_ERR_INIT;
	struct crmg_ledger_totals totals = { 0 };

	if (!crmg_state_open(args->instance, false, &state, &ignored) &&
	    !crmg_ledger_totals(&state, &all, &totals, &ignored))
		for (size_t i = 0; i < totals.row_count; i++)
			if (crmg_ledger_is_named(&totals.rows[i]))
				add(names, totals.rows[i].key.client);
	crmg_ledger_totals_free(&totals);
	crmg_err_clear(&ignored);
}

static void note_unknown(const struct crmg_args *args, const struct names *names,
			 const char *client)
{
	char list[NAMED_MAX * (CRMG_ESCAPED(CRMG_NAME_LEN) + 2) + 32], name[CRMG_ESCAPED(CRMG_NAME_LEN)];
	size_t named = names->count < NAMED_MAX ? names->count : NAMED_MAX;
	int at = 0;

	list[0] = '\0';
	for (size_t i = 0; i < named; i++)
		at += snprintf(list + at, sizeof(list) - (size_t)at, "%s%s", i ? ", " : "",
			       crmg_escape(names->items[i].text, CRMG_NAME_LEN, name,
					   sizeof(name)));
	if (named < names->count)
		snprintf(list + at, sizeof(list) - (size_t)at, " and %zu more",
			 names->count - named);
	crmg_cli_note(args, "no client '%s' is in the policy in force or in a record; there are %s",
		      client, list);
}

void crmg_ledger_note_client(const struct crmg_args *args, const struct crmg_ledger_totals *totals)
{
	const struct crmg_ledger_filter *filter = totals->filter;
	struct names names = { 0 };

	/* That there is no record at all has been said. */
	if (!filter->client || !totals->records || totals->row_count)
		return;
	add(&names, "any");
	add_of_policy(args, &names);
	add_of_records(args, &names);
	if (is_among(&names, filter->client))
		crmg_cli_note(args, "no record of these days is of client '%s'%s", filter->client,
			      filter->source ? " and of this source" : "");
	else
		note_unknown(args, &names, filter->client);
	free(names.items);
}
