// SPDX-License-Identifier: GPL-2.0
/* show_json.c - parts of a compiled policy as JSON documents. */
#include <string.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "../base/util.h"
#include "contracts.h"
#include "names.h"
#include "patient.h"
#include "rows.h"
#include "show.h"
#include "text.h"

int crmg_show_from_name(const char *name, enum crmg_show *ret)
{
#define NAME(ID, word) word,
	static const char *const names[] = { CRMG_SHOWS(NAME) };

	for (unsigned int i = 0; i < CRMG_SHOW_COUNT; i++) {
		if (strcmp(names[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

char *crmg_rate_text(unsigned int limit, const struct crmg_terms *terms, char *buf)
{
	return limit == CRMG_LIMIT_BYTES
	       ? crmg_format_byte_rate(terms->count, terms->per_ns, buf, CRMG_NUM_LEN)
	       : crmg_format_rate(terms->count, terms->per_ns, buf, CRMG_NUM_LEN);
}

double crmg_rate_per_second(const struct crmg_terms *terms)
{
	return terms->per_ns ? (double)terms->count * CRMG_NS_PER_SEC / terms->per_ns : 0;
}

static size_t count_of(const struct crmg_image *image, enum crmg_section_id id)
{
	size_t count = 0;

	crmg_image_section(image, id, &count);
	return count;
}

json_t *crmg_privacy_json(const struct crmg_head *head)
{
	return json_pack("{s:s, s:o}", "addresses", crmg_addresses_name(head->addresses),
			 "keep_seconds", crmg_json_count(head->keep_s));
}

static json_t *policy_json(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);

	return json_pack("{s:o, s:o, s:o, s:s, s:{s:o, s:o}, s:{s:i, s:i}, s:o, s:o, s:o}",
		"file", crmg_json_text(head->file, sizeof(head->file)),
		"generation", crmg_json_count(head->generation),
		"applied_at", crmg_json_time(head->applied_at_ns),
		"mode", crmg_mode_name(head->mode),
		"capacity", "sources", crmg_json_count(head->capacity),
			"flows", crmg_json_count(head->flows),
		"sources", "ipv4_prefix", head->v4_prefix, "ipv6_prefix", head->v6_prefix,
		"privacy", crmg_privacy_json(head),
		"prefixes", crmg_json_count(count_of(image, CRMG_SECTION_PREFIXES)),
		"bindings", crmg_json_count(head->bindings));
}

/* "443" or "8443-8447", as the policy file has them. */
static json_t *ports_json(const struct crmg_image *image, const struct crmg_service *service)
{
	size_t count;
	const struct crmg_port_range *ports = crmg_image_section(image, CRMG_SECTION_PORTS,
								 &count);
	json_t *list = json_array();

	for (size_t i = service->first_port;
	     i < count && i < (size_t)service->first_port + service->port_count; i++)
		json_array_append_new(list, ports[i].first == ports[i].last
			? json_integer(ports[i].first)
			: json_sprintf("%u-%u", ports[i].first, ports[i].last));
	return list;
}

static json_t *locals_json(const struct crmg_image *image, const struct crmg_service *service)
{
	size_t count;
	const struct crmg_prefix *locals = crmg_image_section(image, CRMG_SECTION_LOCALS, &count);
	json_t *list = json_array();
	char text[CRMG_ADDR_LEN];

	for (size_t i = service->first_local;
	     i < count && i < (size_t)service->first_local + service->local_count; i++)
		json_array_append_new(list, json_string(crmg_format_prefix(&locals[i].addr,
						locals[i].len, text, sizeof(text))));
	return list;
}

json_t *crmg_terms_json(unsigned int mask, const struct crmg_terms *terms, enum crmg_scope scope)
{
	json_t *list = json_array();

	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++) {
		char rate[CRMG_NUM_LEN];

		if (mask >> l & 1)
			json_array_append_new(list, json_pack("{s:s, s:s, s:s, s:f, s:o, s:n}",
				"name", crmg_limit_name(l),
				"scope", crmg_scope_name(scope),
				"rate", crmg_rate_text(l, &terms[l], rate),
				"rate_per_second", crmg_rate_per_second(&terms[l]),
				"burst", crmg_json_count(terms[l].burst),
				"max"));
	}
	return list;
}

/* What each source may do: by rate, and at once. */
static json_t *own_json(const struct crmg_binding *binding, const struct crmg_label *label)
{
	json_t *list = crmg_terms_json(binding->limits, label->terms, CRMG_SCOPE_SOURCE);

	for (unsigned int c = 0; c < CRMG_CAP_COUNT; c++)
		if (binding->cap[c])
			json_array_append_new(list, json_pack("{s:s, s:s, s:n, s:n, s:n, s:o}",
				"name", crmg_cap_name(c),
				"scope", crmg_scope_name(CRMG_SCOPE_SOURCE),
				"rate",
				"rate_per_second",
				"burst",
				"max", crmg_json_count(binding->cap[c])));
	return list;
}

/* What all sources of a policy or a service may do together; null: anything. */
static json_t *total_json(unsigned int mask, const struct crmg_terms *terms, enum crmg_scope scope)
{
	return mask ? json_pack("{s:o}", "limits", crmg_terms_json(mask, terms, scope))
		    : json_null();
}

/* What may be sent to each source, or to all together; null: anything. */
static json_t *quotas_json(const struct crmg_quotas *quotas)
{
	char per[CRMG_NUM_LEN];
	json_t *list;

	if (!quotas)
		return json_null();
	list = json_array();
	for (size_t i = 0; i < CRMG_WINDOWS_MAX && quotas->quota[i].terms; i++)
		json_array_append_new(list, json_pack("{s:o, s:s}",
			"quota", crmg_json_count(quotas->quota[i].bytes),
			"per", crmg_quota_per(&quotas->quota[i], per, sizeof(per))));
	return json_pack("{s:o, s:i, s:s, s:s?}",
		"quotas", list,
		"notify_at_percent", quotas->notify_at,
		"on_budget", crmg_on_budget_name(quotas->on_budget),
		"throttle_to", crmg_throttle_text(quotas, per));
}

static json_t *services_json(const struct crmg_image *image)
{
	const struct crmg_budget *budgets = crmg_image_front(image)->budgets;
	json_t *list = json_array();

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);

		if (service)
			json_array_append_new(list, json_pack(
				"{s:o, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o}",
				"name", crmg_json_text(service->name, sizeof(service->name)),
				"transport", crmg_transport_name(service->transport),
				"protocol", crmg_protocol_name(service->protocol),
				"sanity", crmg_sanity_name(service->sanity),
				"ports", ports_json(image, service),
				"addresses", locals_json(image, service),
				"server_names", crmg_server_names_json(image, service),
				"total", total_json(budgets[i].limits, service->total,
						    CRMG_SCOPE_SERVICE),
				"total_bytes_out",
				quotas_json(crmg_image_quotas(image, budgets[i].quotas))));
	}
	return list;
}

/* Prefixes stand in the order of the clients. */
static json_t *prefixes_json(const struct crmg_prefix *prefixes, size_t count)
{
	json_t *list = json_array();
	char text[CRMG_ADDR_LEN];

	for (size_t i = 0; i < count; i++)
		json_array_append_new(list, json_string(crmg_format_prefix(&prefixes[i].addr,
						prefixes[i].len, text, sizeof(text))));
	return list;
}

static json_t *clients_json(const struct crmg_image *image)
{
	size_t client_count, prefix_count, at = 0;
	const struct crmg_client *clients = crmg_image_section(image, CRMG_SECTION_CLIENTS,
							       &client_count);
	const struct crmg_prefix *prefixes = crmg_image_section(image, CRMG_SECTION_PREFIXES,
								&prefix_count);
	json_t *list = json_array();

	for (size_t i = 0; i < client_count; i++) {
		const struct crmg_contract *contract =
			crmg_image_contract(image, clients[i].contract);
		size_t own = clients[i].prefix_count;

		if (own > prefix_count - at)
			own = prefix_count - at;
		json_array_append_new(list, json_pack(
			"{s:o, s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"name", crmg_json_text(clients[i].name, sizeof(clients[i].name)),
			"balancer", clients[i].balancer,
			"prefix_count", crmg_json_count(own),
			"file_count", crmg_json_count(clients[i].file_count),
			"files_written", crmg_json_time(clients[i].feed_ns),
			"max_age_s", clients[i].max_age_s ? crmg_json_count(clients[i].max_age_s)
							  : json_null(),
			"owner", crmg_owner_json(contract),
			"valid_until", crmg_until_json(contract),
			"hours", crmg_hours_json(contract),
			"prefixes", prefixes_json(prefixes + at, own)));
		at += own;
	}
	return list;
}

static json_t *aggregate_json(const struct crmg_image *image, const struct crmg_binding *binding,
			      const struct crmg_label *label)
{
	if (!crmg_has_aggregate(binding))
		return json_null();
	return json_pack("{s:i, s:i, s:o, s:o}",
		"ipv4", binding->v4_wide - 96,
		"ipv6", binding->v6_wide,
		"limits", crmg_terms_json(binding->aggregate_limits, label->aggregate,
					  CRMG_SCOPE_AGGREGATE),
		"bytes_out", quotas_json(crmg_image_quotas(image, binding->aggregate_quotas)));
}

static json_t *ban_json(const struct crmg_binding *binding)
{
	const struct crmg_ban_terms *ban = &binding->ban;
	char within[CRMG_NUM_LEN], first[CRMG_NUM_LEN], most[CRMG_NUM_LEN];
	json_t *on;

	if (!(binding->flags & CRMG_BINDING_BAN))
		return json_null();
	on = json_array();
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++)
		if (binding->strike_limits >> l & 1)
			json_array_append_new(on, json_string(crmg_limit_name(l)));
	return json_pack("{s:i, s:s, s:s, s:f, s:s, s:o}",
		"after", ban->after,
		"within", crmg_format_time(ban->within_ms * (CRMG_NS_PER_SEC / 1000), within,
					   sizeof(within)),
		"for", crmg_format_time(ban->for_s * CRMG_NS_PER_SEC, first, sizeof(first)),
		"factor", crmg_ban_factor(ban) / 100.0,
		"max", crmg_format_time(ban->max_s * CRMG_NS_PER_SEC, most, sizeof(most)),
		"on", on);
}

static json_t *limits_json(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);
	json_t *list = json_array();

	for (uint32_t i = 1; i <= head->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);

		json_array_append_new(list, json_pack(
			"{s:o, s:o, s:o, s:s, s:b, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"service", crmg_json_text(label->service, sizeof(label->service)),
			"policy", crmg_json_text(label->policy, sizeof(label->policy)),
			"client", crmg_json_text(label->client, sizeof(label->client)),
			"mode", crmg_mode_name(binding->mode),
			"deny", binding->kind == CRMG_BINDING_DENY,
			"on_exceed", crmg_action_name(binding->on_exceed),
			"limits", own_json(binding, label),
			"bytes_out", quotas_json(crmg_image_quotas(image, binding->quotas)),
			"aggregate", aggregate_json(image, binding, label),
			"total", total_json(binding->total_limits, label->total,
					    CRMG_SCOPE_POLICY),
			"total_bytes_out",
			quotas_json(crmg_image_quotas(image, binding->total_quotas)),
			"tls", crmg_floor_json(binding),
			"http", crmg_http_json(crmg_image_http(image, binding->http)),
			"ban", ban_json(binding),
			"detect", crmg_detect_json(binding)));
	}
	return list;
}

static const struct {
	const char *key;
	json_t *(*make)(const struct crmg_image *image);
} parts[CRMG_SHOW_COUNT] = {
	[CRMG_SHOW_POLICY]   = { "policy", policy_json },
	[CRMG_SHOW_SERVICES] = { "services", services_json },
	[CRMG_SHOW_CLIENTS]  = { "clients", clients_json },
	[CRMG_SHOW_LIMITS]   = { "policies", limits_json },
};

json_t *crmg_show_json(const struct crmg_image *image, enum crmg_show what)
{
	return json_pack("{s:i, s:o}", "schema", 1, parts[what].key, parts[what].make(image));
}

json_t *crmg_summary_json(const struct crmg_image *image, unsigned int cpus)
{
	struct crmg_memory memory;
	json_t *document = json_pack("{s:i}", "schema", 1);

	for (unsigned int i = 0; i < CRMG_SHOW_COUNT; i++)
		json_object_set_new(document, parts[i].key, parts[i].make(image));
	crmg_memory_of(image, cpus, &memory);
	json_object_set_new(document, "memory", json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"sources", crmg_json_count(memory.sources),
		"flows", crmg_json_count(memory.flows),
		"policy", crmg_json_count(memory.policy),
		"counters", crmg_json_count(memory.counters),
		"bans", crmg_json_count(memory.bans),
		"events", crmg_json_count(memory.events),
		"total", crmg_json_count(memory.total)));
	return document;
}
