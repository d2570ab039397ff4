// SPDX-License-Identifier: GPL-2.0
/* rows.c - joins the bindings of the image with their counters. Prints nothing. */
#include "rows.h"

#include <stdio.h>
#include <string.h>

#include "../base/util.h"
#include "names.h"

#define ROWS_MAX (CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX)

static const struct crmg_row no_counts;

/* Appends ",name" to the list of a row. */
static int add_client(struct crmg_policy_row *row, const char *name)
{
	size_t old = row->clients ? strlen(row->clients) + 1 : 0;
	char *grown = realloc(row->clients, old + CRMG_NAME_LEN);

	if (!grown)
		return -ENOMEM;
	if (old)
		grown[old - 1] = ',';
	crmg_copy(grown + old, CRMG_NAME_LEN, name);
	row->clients = grown;
	return 0;
}

static int by_service(const void *a, const void *b)
{
	const struct crmg_policy_row *x = a, *y = b;

	if (x->binding->service != y->binding->service)
		return x->binding->service < y->binding->service ? -1 : 1;
	/* Bindings lie in one array, in the order of the file. */
	return x->binding < y->binding ? -1 : x->binding > y->binding;
}

int crmg_policy_rows(const struct crmg_snapshot *snap, struct crmg_policy_rows *ret)
{
	const struct crmg_head *head = crmg_image_head(snap->image);
	/* place[row]: 1 + its index in rows.items */
	crmg_autofree uint16_t *place = calloc(ROWS_MAX, sizeof(*place));
	struct crmg_policy_rows rows = { calloc(head->bindings + 1, sizeof(*rows.items)), 0 };

	if (!place || !rows.items)
		goto no_memory;
	for (uint32_t i = 1; i <= head->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(snap->image, i);
		const struct crmg_label *label = crmg_image_label(snap->image, i);
		struct crmg_policy_row *item;

		if (!binding || !label || binding->row >= ROWS_MAX)
			continue;
		if (!place[binding->row]) {
			item = &rows.items[rows.count++];
			place[binding->row] = (uint16_t)rows.count;
			item->label = label;
			item->binding = binding;
			item->service = crmg_image_service(snap->image, binding->service);
			item->row = binding->row < snap->row_count ? &snap->rows[binding->row]
								   : &no_counts;
		}
		item = &rows.items[place[binding->row] - 1];
		if (add_client(item, label->client) < 0)
			goto no_memory;
	}
	qsort(rows.items, rows.count, sizeof(*rows.items), by_service);
	*ret = rows;
	return 0;

no_memory:
	crmg_policy_rows_free(&rows);
	return -ENOMEM;
}

void crmg_policy_rows_free(struct crmg_policy_rows *rows)
{
	for (size_t i = 0; i < rows->count; i++)
		free(rows->items[i].clients);
	free(rows->items);
	rows->items = NULL;
	rows->count = 0;
}

bool crmg_row_can_give(const struct crmg_policy_row *row, enum crmg_reason reason)
{
	const struct crmg_binding *binding = row->binding;
	bool cuts = binding->flags & CRMG_BINDING_CUTS;
	bool slows = crmg_binding_throttles(binding);
	bool acts = slows || (cuts && binding->on_budget == CRMG_ON_BUDGET_CUT);
	bool total = binding->total_limits || binding->flags & CRMG_BINDING_SERVICE ||
		     (acts && binding->total_quotas);
	bool caps = binding->flags & CRMG_BINDING_CONNS;

	switch (reason) {
	case CRMG_REASON_MALFORMED:
		return true;
	case CRMG_REASON_BANNED:
		return binding->kind != CRMG_BINDING_ALLOW;
	case CRMG_REASON_DENIED:
		return binding->kind == CRMG_BINDING_DENY;
	case CRMG_REASON_AGGREGATE:
		return binding->aggregate_limits || (acts && binding->aggregate_quotas);
	case CRMG_REASON_TOTAL:
		return total;
	case CRMG_REASON_SANITY:
		return binding->sanity == CRMG_SANITY_REFUSE && binding->kind != CRMG_BINDING_ALLOW;
	case CRMG_REASON_BYTES_OUT:
		return acts && binding->quotas;
	case CRMG_REASON_EARLY:
	case CRMG_REASON_UNREADABLE:
		return crmg_counts_requests(binding);
	case CRMG_REASON_METHOD:
	case CRMG_REASON_MAX_HEADER:
	case CRMG_REASON_MAX_BODY:
		return binding->http;
	case CRMG_REASON_PLAINTEXT:
		return binding->floor;
	case CRMG_REASON_TLS_VERSION:
		return binding->tls_minimum;
	case CRMG_REASON_CONTENTION:
		return cuts || slows || binding->limits || binding->aggregate_limits || total ||
		       caps;
	case CRMG_REASON_PRESSURE:
		return binding->limits || binding->aggregate_limits || caps;
	default:
		for (unsigned int i = 0; i < CRMG_CAP_COUNT; i++)
			if (crmg_cap_reason(i) == reason)
				return binding->cap[i];
		for (unsigned int i = 0; i < CRMG_LIMIT_COUNT; i++)
			if (crmg_limit_reason(i) == reason)
				return binding->limits >> i & 1;
		return false;
	}
}

bool crmg_has_aggregate(const struct crmg_binding *binding)
{
	return binding->aggregate_limits || binding->aggregate_quotas;
}

bool crmg_counts_requests(const struct crmg_binding *binding)
{
	return binding->reads && binding->flags & CRMG_BINDING_CONNS;
}

const char *crmg_asked_key(bool estimated)
{
	return estimated ? "requests_estimated" : "requests";
}

const char *crmg_requests_key(const struct crmg_service *service)
{
	return crmg_asked_key(service->protocol == CRMG_PROTOCOL_TLS);
}

bool crmg_has_requests(const struct crmg_service *service)
{
	return service->protocol == CRMG_PROTOCOL_HTTP || service->protocol == CRMG_PROTOCOL_TLS;
}

bool crmg_counts_handshakes(const struct crmg_policy_row *item)
{
	return item->binding->limits >> CRMG_LIMIT_HANDSHAKE_FAILURES & 1 &&
	       item->binding->flags & CRMG_BINDING_CONNS;
}

bool crmg_has_responses(const struct crmg_policy_row *item)
{
	return item->service && item->service->protocol == CRMG_PROTOCOL_HTTP &&
	       (crmg_counts_requests(item->binding) || crmg_row_sum(item->row->requests));
}

char *crmg_asked_text(bool counted, bool estimated, uint64_t requests, char *buf, size_t size)
{
	if (counted)
		snprintf(buf, size, "%s%llu", estimated ? "~" : "", (unsigned long long)requests);
	else
		crmg_copy(buf, size, "-");
	return buf;
}

bool crmg_has_versions(const struct crmg_service *service)
{
	return service->protocol == CRMG_PROTOCOL_TLS;
}

char *crmg_requests_text(const struct crmg_service *service, const struct crmg_binding *binding,
			 uint64_t requests, char *buf, size_t size)
{
	return crmg_asked_text(binding && crmg_counts_requests(binding),
			       service->protocol == CRMG_PROTOCOL_TLS, requests, buf, size);
}

uint64_t crmg_row_dropped(const struct crmg_row *row)
{
	return crmg_row_sum(row->packets) - row->packets[CRMG_VERDICT_PASS] + row->dropped_out;
}

uint64_t crmg_row_would_drop(const struct crmg_row *row)
{
	uint64_t sum = 0;

	for (int i = CRMG_REASON_FIRST_REFUSAL; i < CRMG_REASON_COUNT; i++)
		sum += row->would_drop[i];
	return sum;
}

uint64_t crmg_row_sum(const __u64 by_verdict[CRMG_VERDICT_COUNT])
{
	uint64_t sum = 0;

	for (int i = 0; i < CRMG_VERDICT_COUNT; i++)
		sum += by_verdict[i];
	return sum;
}

unsigned int crmg_limit_reasons(void)
{
	unsigned int reasons = 1u << CRMG_REASON_AGGREGATE | 1u << CRMG_REASON_TOTAL |
			       1u << CRMG_REASON_BYTES_OUT;

	for (unsigned int i = 0; i < CRMG_LIMIT_COUNT; i++)
		reasons |= 1u << crmg_limit_reason(i);
	return reasons;
}

/* Appends ", name 5"; returns the length of all. */
static size_t append_count(char *buf, size_t size, size_t at, const char *name, uint64_t count)
{
	if (at < size)
		at += snprintf(buf + at, size - at, "%s%s %llu", at ? ", " : "", name,
			       (unsigned long long)count);
	return at;
}

uint64_t crmg_refusals(const struct crmg_row *row, unsigned int reasons)
{
	uint64_t sum = 0;

	for (unsigned int r = CRMG_REASON_FIRST_REFUSAL; r < CRMG_REASON_COUNT; r++)
		if (reasons >> r & 1)
			sum += row->reasons[r] + row->would_drop[r];
	return sum;
}

char *crmg_refusals_text(const struct crmg_row *row, unsigned int reasons, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned int r = CRMG_REASON_FIRST_REFUSAL; r < CRMG_REASON_COUNT; r++) {
		uint64_t count = row->reasons[r] + row->would_drop[r];

		if (count && reasons >> r & 1)
			at = append_count(buf, size, at, crmg_reason_name(r), count);
	}
	return buf;
}

uint64_t crmg_versions(const struct crmg_row *row, unsigned int versions)
{
	uint64_t sum = 0;

	for (unsigned int v = 0; v < CRMG_TLS_VERSION_COUNT; v++)
		if (versions >> v & 1)
			sum += row->versions[v];
	return sum;
}

char *crmg_versions_text(const struct crmg_row *row, unsigned int versions, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned int v = 0; v < CRMG_TLS_VERSION_COUNT; v++)
		if (row->versions[v] && versions >> v & 1)
			at = append_count(buf, size, at, crmg_tls_version_name(v), row->versions[v]);
	return buf;
}

const struct crmg_ban_entry *crmg_ban_of(const struct crmg_snapshot *snap,
					 const struct crmg_addr *addr, uint32_t service)
{
	const struct crmg_ban_entry *found = NULL;

	for (size_t i = 0; i < snap->ban_entries; i++) {
		const struct crmg_ban_entry *entry = &snap->bans[i];

		if (entry->key.service && entry->key.service != service)
			continue;
		/* Of several that cover it, the one that ends last is what matters. */
		if (crmg_prefix_contains(&entry->key.addr, entry->key.len, addr) &&
		    (!found || entry->ban.until_ns > found->ban.until_ns))
			found = entry;
	}
	return found;
}
