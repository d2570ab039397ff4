// SPDX-License-Identifier: GPL-2.0
/* bans.c - the bans of a snapshot as a JSON document and as a table. */
#include "bans.h"

#include "../base/num.h"
#include "sources.h"
#include "text.h"

static json_t *ban_json(const struct crmg_snapshot *snap, const struct crmg_ban_entry *entry)
{
	const struct crmg_ban *ban = &entry->ban;
	const struct crmg_service *service = crmg_image_service(snap->image, entry->key.service);
	bool forever = ban->until_ns == CRMG_BAN_FOREVER;
	uint64_t left = ban->until_ns > snap->boot_ns ? ban->until_ns - snap->boot_ns : 0;
	char prefix[CRMG_ADDR_LEN];

	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o}",
		"prefix", crmg_format_prefix(&entry->key.addr, entry->key.len, prefix,
					     sizeof(prefix)),
		"service", service ? crmg_json_text(service->name, sizeof(service->name))
				   : json_null(),
		"until", crmg_json_until(snap, ban->until_ns),
		"remaining_seconds", forever ? json_null()
		: crmg_json_count((left + CRMG_NS_PER_SEC - 1) / CRMG_NS_PER_SEC),
		"origin", crmg_json_text(ban->origin, sizeof(ban->origin)),
		"note", crmg_json_text(ban->note, sizeof(ban->note)),
		"added_at", ban->added_ns
			? crmg_json_time(crmg_boot_to_real(snap, ban->added_ns)) : json_null());
}

/* A ban of a service that the policy no longer has holds for nothing. */
static bool is_orphan(const struct crmg_snapshot *snap, const struct crmg_ban_entry *entry)
{
	return entry->key.service && !crmg_image_service(snap->image, entry->key.service);
}

/* Goes through the bans: the manual ones, then the automatic ones. */
struct walk {
	size_t entry;
	uint32_t source;
};

static bool next_ban(const struct crmg_snapshot *snap, struct walk *walk,
		     struct crmg_ban_entry *ret)
{
	struct crmg_source_record source;

	while (walk->entry < snap->ban_entries) {
		*ret = snap->bans[walk->entry++];
		if (!is_orphan(snap, ret))
			return true;
	}
	if (!crmg_auto_ban_next(snap, &walk->source, &source))
		return false;
	*ret = crmg_auto_ban_entry(snap, &source);
	return true;
}

json_t *crmg_bans_json(const struct crmg_snapshot *snap)
{
	json_t *list = json_array();
	struct crmg_ban_entry entry;
	struct walk walk = { 0 };

	while (next_ban(snap, &walk, &entry))
		json_array_append_new(list, ban_json(snap, &entry));
	return json_pack("{s:i, s:o}", "schema", 1, "bans", list);
}

static void ban_row(const struct crmg_snapshot *snap, const struct crmg_ban_entry *entry,
		    struct crmg_table *table)
{
	const struct crmg_ban *ban = &entry->ban;
	const struct crmg_service *service = crmg_image_service(snap->image, entry->key.service);
	bool forever = ban->until_ns == CRMG_BAN_FOREVER;
	char text[CRMG_ADDR_LEN], note[CRMG_ESCAPED(sizeof(ban->note))];

	crmg_table_cell(table, "%s", crmg_format_prefix(&entry->key.addr, entry->key.len, text,
							sizeof(text)));
	crmg_table_cell(table, "%s", service ? crmg_escape(service->name, CRMG_NAME_LEN, note,
							   sizeof(note)) : "all");
	crmg_table_cell(table, "%s", forever ? "unban"
			: crmg_format_utc(crmg_boot_to_real(snap, ban->until_ns), false, text,
					  sizeof(text)));
	crmg_table_cell(table, "%s", forever || ban->until_ns < snap->boot_ns ? ""
			: crmg_format_age(ban->until_ns - snap->boot_ns, text, sizeof(text)));
	crmg_table_cell(table, "%s", crmg_escape(ban->origin, sizeof(ban->origin), note,
						 sizeof(note)));
	crmg_table_cell(table, "%s", crmg_escape(ban->note, sizeof(ban->note), note,
						 sizeof(note)));
}

int crmg_bans_text(const struct crmg_snapshot *snap, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "PREFIX", false }, { "SERVICE", false }, { "UNTIL", false }, { "LEFT", true },
		{ "ORIGIN", false }, { "NOTE", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	struct crmg_ban_entry entry;
	struct walk walk = { 0 };

	while (next_ban(snap, &walk, &entry))
		ban_row(snap, &entry, &table);
	return crmg_table_print(&table, colour, out);
}
