// SPDX-License-Identifier: GPL-2.0
/* why_write.c - what holds for an address, as a JSON document and as text. */
#include <string.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "names.h"
#include "show.h"
#include "text.h"
#include "top.h"
#include "why.h"

static json_t *limits_json(const struct crmg_snapshot *snap, const struct crmg_why_service *why)
{
	json_t *list = json_array();

	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++) {
		const struct crmg_terms *terms = &why->label->terms[l];
		char rate[CRMG_NUM_LEN];

		if (!(why->binding->limits >> l & 1))
			continue;
		json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:o, s:n, s:n, s:o}",
			"name", crmg_limit_name(l),
			"scope", "source",
			"rate", crmg_rate_text(l, terms, rate),
			"rate_per_second", crmg_rate_per_second(terms),
			"burst", crmg_json_count(terms->burst),
			"quota",
			"per",
			"available", crmg_json_count(crmg_why_available(snap, why, l))));
	}
	return list;
}

static json_t *service_json(const struct crmg_snapshot *snap, const struct crmg_why_service *why)
{
	const struct crmg_slot *slot = &why->slot;
	bool refused = why->seen && slot->last_reason;

	return json_pack("{s:o, s:o, s:o, s:s, s:b, s:b, s:o, s:o, s:o, s:o, s:o, s:o}",
		"service", crmg_json_text(why->service->name, sizeof(why->service->name)),
		"client", crmg_json_text(why->label->client, sizeof(why->label->client)),
		"policy", crmg_json_text(why->label->policy, sizeof(why->label->policy)),
		"mode", crmg_mode_name(why->binding->mode),
		"deny", why->binding->kind == CRMG_BINDING_DENY,
		"seen", why->seen,
		"limits", limits_json(snap, why),
		"banned_until", why->ban ? crmg_json_until(snap, why->ban->ban.until_ns)
					 : json_null(),
		"last_reason", refused ? json_string(crmg_reason_name(slot->last_reason))
				       : json_null(),
		"last_refused", refused
			? crmg_json_time(crmg_tick_to_real(snap, slot->last_refused))
			: json_null(),
		"packets", crmg_json_count(why->seen ? slot->packets : 0),
		"dropped_packets", crmg_json_count(why->seen ? slot->dropped_packets : 0));
}

json_t *crmg_why_json(const struct crmg_snapshot *snap, const struct crmg_why *why)
{
	char address[CRMG_ADDR_LEN], source[CRMG_ADDR_LEN];
	json_t *services = json_array();

	for (size_t i = 0; i < why->count; i++)
		json_array_append_new(services, service_json(snap, &why->services[i]));
	return json_pack("{s:i, s:s, s:s, s:b, s:o}",
		"schema", 1,
		"address", crmg_format_addr(&why->address, address, sizeof(address)),
		"source", crmg_source_text(snap, &why->address, source, sizeof(source)),
		"panic", snap->control.panic != 0,
		"services", services);
}

static void ban_text(const struct crmg_snapshot *snap, const struct crmg_ban_entry *entry,
		     FILE *out)
{
	char prefix[CRMG_ADDR_LEN], until[CRMG_TIME_LEN];
	char note[CRMG_ESCAPED(sizeof(entry->ban.note))];

	crmg_escape(entry->ban.note, sizeof(entry->ban.note), note, sizeof(note));
	fprintf(out, "  banned:  %s until %s%s%s\n",
		crmg_format_prefix(&entry->key.addr, entry->key.len, prefix, sizeof(prefix)),
		entry->ban.until_ns == CRMG_BAN_FOREVER ? "unban"
		: crmg_format_utc(crmg_boot_to_real(snap, entry->ban.until_ns), false, until,
				  sizeof(until)),
		*note ? ": " : "", note);
}

static void service_text(const struct crmg_snapshot *snap, const struct crmg_why_service *why,
			 bool colour, FILE *out)
{
	char service[CRMG_ESCAPED(CRMG_NAME_LEN)], policy[CRMG_ESCAPED(CRMG_NAME_LEN)];
	char client[CRMG_ESCAPED(CRMG_NAME_LEN)], text[CRMG_NUM_LEN];

	fprintf(out, "\n%s%s%s: policy %s (client %s), mode %s%s\n", colour ? "\033[1m" : "",
		crmg_escape(why->service->name, CRMG_NAME_LEN, service, sizeof(service)),
		colour ? "\033[0m" : "",
		crmg_escape(why->label->policy, CRMG_NAME_LEN, policy, sizeof(policy)),
		crmg_escape(why->label->client, CRMG_NAME_LEN, client, sizeof(client)),
		crmg_mode_name(why->binding->mode),
		why->binding->kind == CRMG_BINDING_DENY ? ", everything is refused" : "");
	if (why->ban)
		ban_text(snap, why->ban, out);
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++) {
		const struct crmg_terms *terms = &why->label->terms[l];

		if (why->binding->limits >> l & 1)
			fprintf(out, "  limit:   %s %s, burst %llu, available %llu\n",
				crmg_limit_name(l), crmg_rate_text(l, terms, text),
				terms->burst,
				(unsigned long long)crmg_why_available(snap, why, l));
	}
	if (!why->seen) {
		fputs("  seen:    not in the table\n", out);
		return;
	}
	fprintf(out, "  seen:    %llu packets, %llu refused\n", why->slot.packets,
		why->slot.refusals);
	if (why->slot.last_reason)
		fprintf(out, "  refused: last at %s: %s\n",
			crmg_format_utc(crmg_tick_to_real(snap, why->slot.last_refused), false,
					text, sizeof(text)),
			crmg_reason_name(why->slot.last_reason));
}

void crmg_why_text(const struct crmg_snapshot *snap, const struct crmg_why *why, bool colour,
		   FILE *out)
{
	char address[CRMG_ADDR_LEN], source[CRMG_ADDR_LEN];

	crmg_format_addr(&why->address, address, sizeof(address));
	crmg_source_text(snap, &why->address, source, sizeof(source));
	fprintf(out, "%s", address);
	if (strcmp(address, source) != 0)
		fprintf(out, ", counted as %s", source);
	fputs(snap->control.panic ? "; panic is on: everything passes\n" : "\n", out);
	if (!why->count)
		fputs("no service is protected\n", out);
	for (size_t i = 0; i < why->count; i++)
		service_text(snap, &why->services[i], colour, out);
}
