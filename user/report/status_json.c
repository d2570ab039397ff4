// SPDX-License-Identifier: GPL-2.0
/*
 * status_json.c - status as a JSON document. Keys are a contract: they are only
 * added. What this version does not count yet is null, never 0.
 */
#include "clients.h"
#include "contracts.h"
#include "names.h"
#include "rows.h"
#include "sources.h"
#include "status.h"
#include "text.h"

/* json_pack() frees what it was given when one of the values is NULL. */

json_t *crmg_policy_json(const struct crmg_snapshot *snap)
{
	const struct crmg_head *head = crmg_image_head(snap->image);

	const struct crmg_pending *pending = &snap->pending;

	return json_pack("{s:o, s:o, s:o, s:b, s:o, s:o, s:s}",
			 "file", crmg_json_text(head->file, sizeof(head->file)),
			 "generation", crmg_json_count(head->generation),
			 "applied_at", crmg_json_time(head->applied_at_ns),
			 "pending_confirm", pending->generation != 0,
			 "confirm_until", crmg_json_time(pending->until_ns),
			 "previous_generation", pending->generation
				? crmg_json_count(pending->previous) : json_null(),
			 "mode", crmg_mode_name(head->mode));
}

/* The place in the dispatcher of libxdp; null: not in one. */
static json_t *chain_json(const struct crmg_iface_state *iface)
{
	if (!iface->wanted.chained)
		return json_null();
	return json_pack("{s:i, s:o, s:o}", "priority", CRMG_CHAIN_PRIORITY,
			 "position", iface->chain_at ? json_integer(iface->chain_at) : json_null(),
			 "programs", iface->chain_at ? json_integer(iface->chain_programs)
						     : json_null());
}

json_t *crmg_interfaces_json(const struct crmg_snapshot *snap)
{
	json_t *list = json_array();

	for (size_t i = 0; i < snap->iface_count; i++) {
		const struct crmg_iface_state *iface = &snap->ifaces[i];
		const struct crmg_iface *wanted = &iface->wanted;
		bool xdp = iface->present && iface->xdp_ours;
		bool tc = iface->present && iface->tc_ours;

		json_array_append_new(list, json_pack("{s:o, s:i, s:b, s:s, s:o, s:s, s:o}",
			"name", crmg_json_text(wanted->name, sizeof(wanted->name)),
			"ifindex", wanted->ifindex,
			"present", iface->present,
			"xdp_mode", crmg_xdp_mode_name(xdp ? wanted->xdp_mode : CRMG_XDP_NONE),
			"chain", xdp ? chain_json(iface) : json_null(),
			"tc", crmg_tc_kind_name(tc ? wanted->tc_kind : CRMG_TC_NONE),
			"attached_at", crmg_json_time(wanted->attached_at_ns)));
	}
	return list;
}

static json_t *services_json(const struct crmg_snapshot *snap,
			     const struct crmg_policy_rows *rows)
{
	json_t *list = json_array();

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(snap->image, s);
		uint64_t packets = 0, bytes = 0, connections = 0, bytes_out = 0, dropped = 0;
		uint64_t requests = 0;
		bool counted = false;

		if (!service)
			continue;
		for (size_t i = 0; i < rows->count; i++) {
			const struct crmg_row *row = rows->items[i].row;

			if (rows->items[i].binding->service != s)
				continue;
			packets += crmg_row_sum(row->packets);
			bytes += crmg_row_sum(row->bytes);
			connections += crmg_row_sum(row->connections);
			requests += crmg_row_sum(row->requests);
			counted |= crmg_counts_requests(rows->items[i].binding);
			bytes_out += row->bytes_out;
			dropped += crmg_row_dropped(row);
		}
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			"name", crmg_json_text(service->name, sizeof(service->name)),
			"packets", crmg_json_count(packets),
			"bytes", crmg_json_count(bytes),
			crmg_requests_key(service),
			counted ? crmg_json_count(requests) : json_null(),
			"connections", crmg_json_count(connections),
			"bytes_out", crmg_json_count(bytes_out),
			"dropped_packets", crmg_json_count(dropped)));
	}
	return list;
}

/* Refusals that the policy can give, from 0 on; of the other reasons, what was counted. */
static json_t *reasons_json(const struct crmg_policy_row *item, const __u64 *counts)
{
	json_t *object = json_object();

	for (unsigned int r = 0; r < CRMG_REASON_COUNT; r++)
		if (counts[r] || (r >= CRMG_REASON_FIRST_REFUSAL && crmg_row_can_give(item, r)))
			json_object_set_new(object, crmg_reason_name(r),
					    crmg_json_count(counts[r]));
	return object;
}

/* Connections of a service of TLS by version, from 0 on; of another one null. */
static json_t *versions_json(const struct crmg_policy_row *item)
{
	json_t *object;

	if (!item->service || !crmg_has_versions(item->service))
		return json_null();
	object = json_object();
	for (unsigned int v = 0; v < CRMG_TLS_VERSION_COUNT; v++)
		json_object_set_new(object, crmg_tls_version_name(v),
				    crmg_json_count(item->row->versions[v]));
	return object;
}

/* Answers of a policy that counts requests of plain HTTP, from 0 on; of another one null. */
static json_t *responses_json(const struct crmg_policy_row *item)
{
	json_t *object;

	if (!crmg_has_responses(item))
		return json_null();
	object = json_object();
	for (unsigned int c = 0; c < CRMG_CLASS_COUNT; c++)
		json_object_set_new(object, crmg_class_name(c),
				    crmg_json_count(item->row->responses[c]));
	return object;
}

static json_t *policies_json(const struct crmg_policy_rows *rows)
{
	json_t *list = json_array();

	for (size_t i = 0; i < rows->count; i++) {
		const struct crmg_policy_row *item = &rows->items[i];
		const struct crmg_label *label = item->label;
		const struct crmg_row *row = item->row;

		json_array_append_new(list, json_pack(
			"{s:o, s:o, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, "
			"s:o, s:o}",
			"name", crmg_json_text(label->policy, sizeof(label->policy)),
			"service", crmg_json_text(label->service, sizeof(label->service)),
			"client", crmg_json_text(item->clients, SIZE_MAX),
			"mode", crmg_mode_name(item->binding->mode),
			"shadow_since", crmg_json_time(label->shadow_since_ns),
			"passed_packets", crmg_json_count(row->packets[CRMG_VERDICT_PASS]),
			"dropped_packets", crmg_json_count(crmg_row_dropped(row)),
			"would_drop_packets", crmg_json_count(crmg_row_would_drop(row)),
			"bytes_out", crmg_json_count(row->bytes_out),
			"dropped_bytes_out", crmg_json_count(row->dropped_bytes_out),
			"budgets_notified", crmg_json_count(row->budgets_notified),
			"budgets_exceeded", crmg_json_count(row->budgets_exceeded),
			"responses", responses_json(item),
			"auth_failures", crmg_has_responses(item) ?
				crmg_json_count(row->failures) : json_null(),
			"handshake_failures", crmg_counts_handshakes(item) ?
				crmg_json_count(row->failures) : json_null(),
			"tls_connections", versions_json(item),
			"reasons", reasons_json(item, row->reasons),
			"would_drop_reasons", reasons_json(item, row->would_drop)));
	}
	return list;
}

static json_t *clients_json(const struct crmg_counted_clients *clients)
{
	json_t *list = json_array();

	for (size_t i = 0; i < clients->count; i++) {
		const struct crmg_counted_client *item = &clients->items[i];
		const struct crmg_client_row *row = item->row;

		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
			"name", crmg_json_text(item->client->name, sizeof(item->client->name)),
			"packets", crmg_json_count(crmg_row_sum(row->packets)),
			"bytes", crmg_json_count(crmg_row_sum(row->bytes)),
			crmg_asked_key(item->estimated),
			item->asks ? crmg_json_count(row->requests) : json_null(),
			"bytes_out", crmg_json_count(row->bytes_out),
			"dropped_packets", crmg_json_count(crmg_client_dropped(row))));
	}
	return list;
}

static json_t *contracts_json(const struct crmg_snapshot *snap)
{
	json_t *list = json_array();
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(snap->image, snap->real_ns, &at, &c);)
		json_array_append_new(list, json_pack("{s:o, s:o, s:o, s:o, s:b}",
			"client", crmg_json_text(c.client->name, sizeof(c.client->name)),
			"owner", crmg_owner_json(c.contract),
			"valid_until", crmg_until_json(c.contract),
			"hours", crmg_hours_json(c.contract),
			"holds", c.holds));
	return list;
}

static json_t *problems_json(const struct crmg_problems *problems)
{
	json_t *list = json_array();

	for (size_t i = 0; i < problems->count; i++) {
		const struct crmg_problem *problem = &problems->item[i];

		json_array_append_new(list, json_pack("{s:s, s:o, s:s}",
			"id", crmg_problem_name(problem->id),
			"since", crmg_json_time(problem->since_ns),
			"text", problem->text));
	}
	return list;
}

static json_t *odd_json(const struct crmg_snapshot *snap)
{
	json_t *object = json_object();

	for (unsigned int i = 0; i < CRMG_ODDITY_COUNT; i++)
		json_object_set_new(object, crmg_oddity_name(i),
				    crmg_json_count(snap->host.odd[i]));
	return object;
}

static json_t *sources_json(const struct crmg_snapshot *snap)
{
	const __u64 *host = snap->host.counter;
	json_t *object = json_pack("{s:o, s:o, s:o, s:o, s:o, s:o}",
		"tracked", crmg_json_count(snap->tracked),
		"capacity", crmg_json_count(snap->capacity),
		"evictions", crmg_json_count(host[CRMG_HOST_EVICTIONS]),
		"pressure_packets", crmg_json_count(host[CRMG_HOST_PRESSURE]),
		"aggregates_full_packets", crmg_json_count(host[CRMG_HOST_AGGREGATES_FULL]),
		"last_pressure", snap->pressure_ns
			? crmg_json_time(crmg_boot_to_real(snap, snap->pressure_ns))
			: json_null());

	for (unsigned int i = 0; i < CRMG_SOURCE_STATE_COUNT; i++)
		json_object_set_new(object, crmg_source_state_name(i),
				    crmg_json_count(snap->by_state[i]));
	return object;
}

json_t *crmg_proof_json(const struct crmg_snapshot *snap, const struct crmg_problems *problems)
{
	const struct crmg_proof *proof = &snap->proof;
	json_t *texts = json_array();

	for (int i = 0; i < CRMG_PROOF_TEXTS && proof->text[i][0]; i++)
		json_array_append_new(texts, crmg_json_text(proof->text[i], CRMG_PROOF_TEXT));
	return json_pack("{s:b, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
			 "enforced", crmg_is_enforced(snap, problems),
			 "proven_at", proof->boot_ns ? crmg_json_time(proof->real_ns) : json_null(),
			 "generation", crmg_json_count(proof->generation),
			 "packets", crmg_json_count(proof->probes),
			 "programs", crmg_json_count(proof->programs),
			 "failures", crmg_json_count(proof->failures),
			 "repeated_s", proof->period_s ? crmg_json_count(proof->period_s)
						       : json_null(),
			 "texts", texts);
}

json_t *crmg_status_json(const struct crmg_snapshot *snap, const char *instance,
			 const struct crmg_problems *problems)
{
	const __u64 *host = snap->host.counter;
	struct crmg_counted_clients clients;
	struct crmg_policy_rows rows;
	json_t *document;

	if (crmg_policy_rows(snap, &rows) < 0)
		return NULL;
	if (crmg_counted_clients(snap, &clients) < 0) {
		crmg_policy_rows_free(&rows);
		return NULL;
	}
	document = json_pack(
		"{s:i, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:b, s:o,"
		" s:{s:o, s:o, s:o}, s:o, s:o, s:o, s:o, s:o}",
		"schema", 1,
		"version", CRMG_VERSION,
		"instance", instance,
		"policy", crmg_policy_json(snap),
		"interfaces", crmg_interfaces_json(snap),
		"services", services_json(snap, &rows),
		"policies", policies_json(&rows),
		"clients", clients_json(&clients),
		"sources", sources_json(snap),
		"bans", crmg_json_count(snap->ban_count + snap->by_state[CRMG_SOURCE_BANNED]),
		"panic", snap->control.panic != 0,
		"proof", crmg_proof_json(snap, problems),
		"events",
			"written", crmg_json_count(host[CRMG_HOST_EVENTS]),
			"suppressed", crmg_json_count(host[CRMG_HOST_SUPPRESSED]),
			"capped", crmg_json_count(host[CRMG_HOST_CAPPED]),
		"other_packets", crmg_json_count(host[CRMG_HOST_OTHER]),
		"fragments", crmg_json_count(host[CRMG_HOST_FRAGMENTS]),
		"odd", odd_json(snap),
		"contracts", contracts_json(snap),
		"problems", problems_json(problems));
	crmg_counted_clients_free(&clients);
	crmg_policy_rows_free(&rows);
	return document;
}
