/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_prefixes.c - one prefix in two clients. Nested prefixes are fine, equal
 * ones contradict each other, except that a feed (a list file of a client that
 * is only denied) gives way: what others publish must not break an apply.
 */
#include "check.h"

#include "../base/util.h"

struct finding {
	struct crmg_model *model;
	const struct crmg_check_use *use;
	struct crmg_err *err;
	size_t found[2];	/* by severity */
};

static bool is_deny_feed(const struct finding *f, const struct crmg_check_entry *entry)
{
	const struct crmg_check_use *use = &f->use[entry->client];

	return crmg_check_prefix(f->model, entry)->from_file && use->services &&
	       use->services == use->denied;
}

static void tell(struct finding *f, enum crmg_severity severity,
		 const struct crmg_check_entry *kept, const struct crmg_check_entry *other)
{
	const struct crmg_place *at = &crmg_check_prefix(f->model, other)->place;
	const struct crmg_place *kept_at = &crmg_check_prefix(f->model, kept)->place;
	const char *file = crmg_check_file(f->model, other);
	const char *kept_file = crmg_check_file(f->model, kept);
	const char *names[2] = {
		f->model->clients[other->client].name, f->model->clients[kept->client].name
	};
	char text[CRMG_ADDR_LEN];

	if (++f->found[severity] > CRMG_CHECK_MESSAGES_MAX)
		return;
	crmg_format_prefix(&other->pfx.addr, other->pfx.len, text, sizeof(text));
	if (severity == CRMG_ERROR)
		crmg_err_at(f->err, severity, file, at->line, at->column,
			    "%s of client '%s' is in client '%s' too (%s:%u); a prefix has one "
			    "client", text, names[0], names[1], kept_file, kept_at->line);
	else
		crmg_err_at(f->err, severity, file, at->line, at->column,
			    "%s of the denied list of client '%s' is left out, client '%s' has it "
			    "(%s:%u)", text, names[0], names[1], kept_file, kept_at->line);
}

/*
 * group[count]: equal prefixes of different clients. Who gives way is marked in
 * the model by a length of UINT8_MAX.
 */
static void settle(struct finding *f, const struct crmg_check_entry *group, size_t count)
{
	const struct crmg_check_entry *kept = group;

	for (size_t i = 0; i < count; i++) {
		if (!is_deny_feed(f, &group[i])) {
			kept = &group[i];
			break;
		}
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t more = f->use[group[i].client].denied & ~f->use[kept->client].denied;
		bool gives_way = is_deny_feed(f, &group[i]);

		if (&group[i] == kept)
			continue;
		/* Of two feeds one may go only if the other denies all that it denies. */
		if (is_deny_feed(f, kept) && more)
			gives_way = false;
		tell(f, gives_way ? CRMG_WARNING : CRMG_ERROR, kept, &group[i]);
		if (gives_way)
			crmg_check_prefix(f->model, &group[i])->pfx.len = UINT8_MAX;
	}
}

static void drop_marked(struct crmg_model_client *client)
{
	size_t kept = 0;

	for (size_t i = 0; i < client->prefix_count; i++)
		if (client->prefixes[i].pfx.len != UINT8_MAX)
			client->prefixes[kept++] = client->prefixes[i];
	client->prefix_count = kept;
}

static void tell_rest(const struct finding *f, enum crmg_severity severity, const char *what)
{
	if (f->found[severity] > CRMG_CHECK_MESSAGES_MAX)
		crmg_err_at(f->err, severity, f->model->shown, 0, 0, "... and %zu more %s",
			    f->found[severity] - CRMG_CHECK_MESSAGES_MAX, what);
}

bool crmg_check_prefixes(struct crmg_model *model, const struct crmg_check_use *use,
			 const struct crmg_check_entries *entries, struct crmg_err *err)
{
	struct finding f = { .model = model, .use = use, .err = err };
	const struct crmg_check_entry *entry = entries->entry;

	for (size_t i = 0, end; i < entries->count; i = end) {
		for (end = i + 1; end < entries->count; end++)
			if (entry[end].client == CRMG_CHECK_ALLOW ||
			    entry[end].pfx.len != entry[i].pfx.len ||
			    crmg_addr_cmp(&entry[end].pfx.addr, &entry[i].pfx.addr))
				break;
		if (end - i > 1)
			settle(&f, entry + i, end - i);
	}
	tell_rest(&f, CRMG_ERROR, "prefixes that two clients have");
	tell_rest(&f, CRMG_WARNING, "prefixes of denied lists that were left out");
	for (size_t c = 0; f.found[CRMG_WARNING] && c < model->client_count; c++)
		drop_marked(&model->clients[c]);
	return f.found[CRMG_WARNING] > 0;
}
