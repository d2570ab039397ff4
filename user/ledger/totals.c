// SPDX-License-Identifier: GPL-2.0
/* totals.c - adds records up. */
#include "totals.h"

#include <errno.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "pseudonym.h"

bool crmg_ledger_is_named(const struct crmg_ledger_row *row)
{
	return row->key.client[0];
}

const char *crmg_ledger_gap_name(const struct crmg_ledger_gap *gap)
{
	return gap->state == CRMG_LEDGER_STATE_COUNT ? "unknown"
						     : crmg_ledger_state_name(gap->state);
}

/* ---------------------------------------------------------------------- gaps */

/* Adds a time to the gaps, or makes the last one longer. */
static int add_gap(struct crmg_ledger_totals *totals, uint64_t from_ns, uint64_t to_ns,
		   enum crmg_ledger_state state)
{
	struct crmg_ledger_gap *gap = totals->gap_count ? &totals->gaps[totals->gap_count - 1]
							: NULL;

	if (gap && gap->state == state && gap->to_ns == from_ns) {
		gap->to_ns = to_ns;
		return 0;
	}
	gap = crmg_grow(&totals->gaps, &totals->gap_count, sizeof(*gap));
	if (!gap)
		return -ENOMEM;
	*gap = (struct crmg_ledger_gap){ .from_ns = from_ns, .to_ns = to_ns, .state = state };
	return 0;
}

static int take_time(struct crmg_ledger_totals *totals,
		     const struct crmg_ledger_interval *interval)
{
	int code = 0;

	if (totals->records++ && interval->from_ns > totals->to_ns)
		code = add_gap(totals, totals->to_ns, interval->from_ns, CRMG_LEDGER_STATE_COUNT);
	if (!code && interval->state != CRMG_LEDGER_STATE_ENFORCED)
		code = add_gap(totals, interval->from_ns, interval->to_ns, interval->state);
	if (totals->records == 1)
		totals->from_ns = interval->from_ns;
	totals->to_ns = interval->to_ns;
	return code;
}

/* ---------------------------------------------------------------------- rows */

static struct crmg_ledger_row *row_of(struct crmg_ledger_totals *totals,
				      const struct crmg_ledger_key *key)
{
	uint64_t hash = crmg_hash(key, sizeof(*key), 0);
	uint32_t at = crmg_map_find(&totals->index, hash);
	struct crmg_ledger_row *row;

	if (at != CRMG_MAP_NONE && !memcmp(&totals->rows[at].key, key, sizeof(*key)))
		return &totals->rows[at];
	row = crmg_grow(&totals->rows, &totals->row_count, sizeof(*row));
	if (!row || (at == CRMG_MAP_NONE &&
		     crmg_map_put(&totals->index, hash, totals->row_count - 1)))
		return NULL;
	row->key = *key;
	return row;
}

static int add_row(struct crmg_ledger_totals *totals,
		   const struct crmg_ledger_interval *interval,
		   const struct crmg_ledger_policy *policy,
		   const struct crmg_ledger_source *source, const struct crmg_ledger_sums *sums)
{
	uint64_t first = source ? source->first_ns : interval->from_ns;
	uint64_t last = source ? source->last_ns : interval->to_ns;
	struct crmg_ledger_key key = {
		.day_ns = crmg_ledger_day(interval),
		.state = crmg_ledger_weaker(interval->state, policy->state),
	};
	struct crmg_ledger_sums told = *sums;
	struct crmg_ledger_row *row;

	if (policy->estimated) {
		told.of[CRMG_LEDGER_REQUESTS_ESTIMATED] = told.of[CRMG_LEDGER_REQUESTS];
		told.of[CRMG_LEDGER_REQUESTS] = 0;
	}
	crmg_copy(key.service, sizeof(key.service), policy->service);
	crmg_copy(key.policy, sizeof(key.policy), policy->policy);
	if (source) {
		crmg_copy(key.client, sizeof(key.client), source->client);
		key.addr = source->prefix.addr;
		key.len = source->prefix.len;
		key.check = source->check;
	}
	row = row_of(totals, &key);
	if (!row)
		return -ENOMEM;
	crmg_ledger_add(&row->sums, &told);
	crmg_ledger_add(&totals->sum, &told);
	row->first_ns = row->first_ns && row->first_ns < first ? row->first_ns : first;
	row->last_ns = row->last_ns > last ? row->last_ns : last;
	return 0;
}

static bool is_wanted(struct crmg_ledger_totals *totals, const char *client,
		      struct crmg_pfx source, uint32_t check)
{
	const struct crmg_ledger_filter *filter = totals->filter;

	if (filter->client && strcmp(filter->client, client) != 0)
		return false;
	if (!filter->source)
		return true;
	if (filter->check != check) {
		totals->hidden += !filter->check;
		return false;
	}
	return check ? !crmg_addr_cmp(&filter->source->addr, &source.addr)
		     : crmg_prefixes_meet(filter->source, &source);
}

static int add_interval(const struct crmg_ledger_interval *interval, void *context)
{
	struct crmg_ledger_totals *totals = context;
	const struct crmg_ledger_filter *filter = totals->filter;
	int code = take_time(totals, interval);

	for (size_t i = 0; !code && i < interval->source_count; i++) {
		const struct crmg_ledger_source *source = &interval->sources[i];

		if (is_wanted(totals, source->client, source->prefix, source->check))
			code = add_row(totals, interval, &interval->policies[source->policy],
				       source, &source->sums);
	}
	for (size_t i = 0; !code && !filter->source && !filter->client &&
			   i < interval->policy_count; i++) {
		const struct crmg_ledger_policy *policy = &interval->policies[i];

		if (!crmg_ledger_is_zero(&policy->other))
			code = add_row(totals, interval, policy, NULL, &policy->other);
	}
	return code;
}

static int in_order(const void *a, const void *b)
{
	const struct crmg_ledger_row *x = a, *y = b;
	uint64_t more = x->sums.of[CRMG_LEDGER_BYTES_OUT], less = y->sums.of[CRMG_LEDGER_BYTES_OUT];

	if (x->key.day_ns != y->key.day_ns)
		return x->key.day_ns < y->key.day_ns ? -1 : 1;
	return more != less ? (more > less ? -1 : 1) : memcmp(&x->key, &y->key, sizeof(x->key));
}

int crmg_ledger_totals(const struct crmg_state *state, const struct crmg_ledger_filter *filter,
		       struct crmg_ledger_totals *ret, struct crmg_err *err)
{
	int code;

	*ret = (struct crmg_ledger_totals){ .filter = filter };
	code = crmg_ledger_read(state, filter->from_ns, filter->to_ns, add_interval, ret,
				&ret->damage, err);
	if (!code && ret->row_count)
		qsort(ret->rows, ret->row_count, sizeof(*ret->rows), in_order);
	return code;
}

static struct crmg_pfx prefix_of(const struct crmg_ledger_row *row)
{
	return (struct crmg_pfx){ .addr = row->key.addr, .len = (uint8_t)row->key.len };
}

void crmg_ledger_totals_narrow(struct crmg_ledger_totals *totals,
			       const struct crmg_ledger_filter *filter)
{
	size_t count = 0;

	totals->filter = filter;
	totals->sum = (struct crmg_ledger_sums){ 0 };
	for (size_t i = 0; i < totals->row_count; i++) {
		const struct crmg_ledger_row *row = &totals->rows[i];

		if (!crmg_ledger_is_named(row) ||
		    !is_wanted(totals, row->key.client, prefix_of(row), row->key.check))
			continue;
		crmg_ledger_add(&totals->sum, &row->sums);
		totals->rows[count++] = *row;
	}
	totals->row_count = count;
}

static char *source_text(uint64_t day_ns, const struct crmg_pfx *source, uint32_t check,
			 char buf[CRMG_ADDR_LEN])
{
	const struct crmg_pseudonym pseudonym = { source->addr, check };

	_Static_assert(CRMG_PSEUDONYM_LEN <= CRMG_ADDR_LEN, "one buffer for both");
	return check ? crmg_format_pseudonym(day_ns, &pseudonym, buf)
		     : crmg_format_prefix(&source->addr, source->len, buf, CRMG_ADDR_LEN);
}

char *crmg_ledger_source_text(const struct crmg_ledger_row *row, char buf[CRMG_ADDR_LEN])
{
	const struct crmg_pfx source = prefix_of(row);

	return source_text(row->key.day_ns, &source, row->key.check, buf);
}

char *crmg_ledger_wanted_text(const struct crmg_ledger_filter *filter, char buf[CRMG_ADDR_LEN])
{
	return source_text(filter->day_ns, filter->source, filter->check, buf);
}

uint64_t crmg_ledger_unnamed(const struct crmg_ledger_totals *totals)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < totals->row_count; i++)
		if (!crmg_ledger_is_named(&totals->rows[i]))
			bytes += totals->rows[i].sums.of[CRMG_LEDGER_BYTES_OUT];
	return bytes;
}

void crmg_ledger_totals_free(struct crmg_ledger_totals *totals)
{
	free(totals->rows);
	free(totals->gaps);
	crmg_map_free(&totals->index);
	*totals = (struct crmg_ledger_totals){ 0 };
}
