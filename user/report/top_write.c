// SPDX-License-Identifier: GPL-2.0
/* top_write.c - chosen sources as a JSON document and as a table. */
#include "../base/addr.h"
#include "names.h"
#include "rows.h"
#include "text.h"
#include "top.h"

static const struct crmg_label no_label;

static const struct crmg_binding *binding_of(const struct crmg_snapshot *snap,
					     const struct crmg_top_row *row)
{
	return crmg_image_binding(snap->image, crmg_source_binding(snap, &row->source));
}

/* True if there are requests of it, among which the bytes that it was sent can be divided. */
static bool has_each(const struct crmg_binding *binding, const struct crmg_top_row *row)
{
	return binding && crmg_counts_requests(binding) && row->source.asked.requests;
}

static uint64_t each_of(const struct crmg_top_row *row)
{
	return crmg_top_each(row->source.detail.bytes_out, row->source.asked.requests);
}

static json_t *source_json(const struct crmg_snapshot *snap, const struct crmg_top_row *row)
{
	const struct crmg_detail *detail = &row->source.detail;
	const struct crmg_slot *slot = &row->source.slot;
	const struct crmg_service *service = crmg_image_service(snap->image, detail->service);
	const struct crmg_binding *binding = binding_of(snap, row);
	const struct crmg_label *label = crmg_source_label(snap, &row->source);
	bool counted = binding && crmg_counts_requests(binding);
	uint64_t until = crmg_top_banned_until(snap, &row->source);
	uint64_t dropped = crmg_source_dropped(slot, detail);
	char address[CRMG_ADDR_LEN];

	if (!label)
		label = &no_label;
	return json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o,"
			 " s:o, s:b}",
		"address", crmg_source_text(snap, &detail->addr, address, sizeof(address)),
		"service", crmg_json_text(service->name, sizeof(service->name)),
		"policy", crmg_json_text(label->policy, sizeof(label->policy)),
		"packets", crmg_json_count(crmg_source_packets(slot, detail)),
		"bytes", crmg_json_count(crmg_source_bytes(slot, detail)),
		crmg_requests_key(service), counted ? crmg_json_count(row->source.asked.requests) : json_null(),
		"connections", crmg_json_count(detail->connections),
		crmg_cap_name(CRMG_CAP_OPEN_CONNECTIONS),
		crmg_json_count(crmg_source_has(snap, slot, CRMG_CAP_OPEN_CONNECTIONS)),
		"bytes_out", crmg_json_count(detail->bytes_out),
		"out_per_request", has_each(binding, row) ? crmg_json_count(each_of(row))
							  : json_null(),
		"dropped_packets", crmg_json_count(dropped),
		"would_drop_packets", crmg_json_count(detail->shadow_refusals),
		"first_seen", crmg_json_time(crmg_tick_to_real(snap, detail->first_seen)),
		"last_seen", crmg_json_time(crmg_tick_to_real(snap, slot->last_seen)),
		"banned_until", until ? crmg_json_until(snap, until) : json_null(),
		"proven", row->proven);
}

json_t *crmg_top_json(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		      size_t count)
{
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, source_json(snap, &rows[i]));
	return json_pack("{s:i, s:o}", "schema", 1, "sources", list);
}

int crmg_top_text(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		  size_t count, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SOURCE", false }, { "SERVICE", false }, { "POLICY", false },
		{ "PACKETS", true }, { "BYTES", true }, { "REQUESTS", true }, { "CONNS", true },
		{ "BYTES OUT", true }, { "OUT/REQ", true }, { "DROPPED", true },
		{ "REFUSED", true }, { "SEEN", true }, { "BAN", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	for (size_t i = 0; i < count; i++) {
		const struct crmg_detail *detail = &rows[i].source.detail;
		const struct crmg_slot *slot = &rows[i].source.slot;
		const struct crmg_service *service = crmg_image_service(snap->image,
									detail->service);
		const struct crmg_binding *binding = binding_of(snap, &rows[i]);
		const struct crmg_label *label = crmg_source_label(snap, &rows[i].source);
		char name[CRMG_ESCAPED(CRMG_NAME_LEN)], text[CRMG_ADDR_LEN];

		crmg_table_cell(&table, "%s", crmg_source_text(snap, &detail->addr, text,
							       sizeof(text)));
		crmg_table_cell(&table, "%s", crmg_escape(service->name, sizeof(service->name),
							  name, sizeof(name)));
		crmg_table_cell(&table, "%s", crmg_escape(label ? label->policy : "",
							  CRMG_NAME_LEN, name, sizeof(name)));
		crmg_table_cell(&table, "%llu", (unsigned long long)crmg_source_packets(slot, detail));
		crmg_table_cell(&table, "%s", crmg_format_short(crmg_source_bytes(slot, detail), text,
								sizeof(text)));
		crmg_table_cell(&table, "%s", crmg_requests_text(service, binding,
				rows[i].source.asked.requests, text, sizeof(text)));
		crmg_table_cell(&table, "%llu", detail->connections);
		crmg_table_cell(&table, "%s", crmg_format_short(detail->bytes_out, text,
								sizeof(text)));
		crmg_table_cell(&table, "%s", has_each(binding, &rows[i]) ?
				crmg_format_short(each_of(&rows[i]), text, sizeof(text)) : "-");
		crmg_table_cell(&table, "%llu", (unsigned long long)crmg_source_dropped(slot, detail));
		crmg_table_cell(&table, "%llu",
				(unsigned long long)crmg_source_refusals(slot, detail));
		crmg_table_cell(&table, "%s", crmg_format_age(snap->real_ns -
				crmg_tick_to_real(snap, slot->last_seen), text, sizeof(text)));
		crmg_table_cell(&table, "%s",
				crmg_top_banned_until(snap, &rows[i].source) ? "banned" : "");
	}
	return crmg_table_print(&table, colour, out);
}
