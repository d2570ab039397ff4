// SPDX-License-Identifier: GPL-2.0
/*
 * posture.c - goes through a snapshot for what is open. Counters have no days: what is
 * said of use is an average since a policy's counters began.
 */
#include <stdarg.h>
#include <stdlib.h>

#include "../base/num.h"
#include "../base/util.h"
#include "contracts.h"
#include "names.h"
#include "posture_parts.h"
#include "show.h"
#include "text.h"

struct crmg_posture_item *crmg_found(struct crmg_search *s,
					  enum crmg_posture_id id,
					  const struct crmg_policy_row *row, const char *format, ...)
{
	struct crmg_posture_item *finding;
	va_list args;

	if (s->ret->found[id]++ >= CRMG_POSTURE_KEPT)
		return NULL;
	finding = crmg_grow(&s->ret->items, &s->ret->count, sizeof(*finding));
	if (!finding) {
		s->failed = true;
		return NULL;
	}
	finding->id = id;
	finding->row = row;
	va_start(args, format);
	vsnprintf(finding->text, sizeof(finding->text), format, args);
	va_end(args);
	return finding;
}

static uint64_t age_of(const struct crmg_snapshot *snap, uint64_t since_ns)
{
	return snap->real_ns > since_ns ? snap->real_ns - since_ns : 0;
}

/* "enforced" is what the last proof says, if it is of this policy and of today. */
static void judge_proof(struct crmg_search *s)
{
	const struct crmg_proof *proof = &s->snap->proof;
	uint32_t generation = crmg_image_head(s->snap->image)->generation;
	char age[CRMG_SHORT_LEN];

	if (!s->snap->iface_count)
		crmg_found(s, CRMG_POSTURE_NOT_ENFORCED, NULL, "no interface is attached");
	if (!proof->boot_ns)
		crmg_found(s, CRMG_POSTURE_UNPROVEN, NULL, "no proof was made yet: crmgate prove");
	else if (proof->generation != generation)
		crmg_found(s, CRMG_POSTURE_UNPROVEN, NULL, "generation %u was proven, %u is in force: "
		      "crmgate prove", proof->generation, generation);
	else if (s->snap->boot_ns > proof->boot_ns + 86400 * CRMG_NS_PER_SEC)
		crmg_found(s, CRMG_POSTURE_UNPROVEN, NULL, "the last proof is %s old: crmgate prove",
		      crmg_format_age(s->snap->boot_ns - proof->boot_ns, age, sizeof(age)));
	if (proof->boot_ns && !proof->period_s)
		crmg_found(s, CRMG_POSTURE_UNPROVEN, NULL, "nobody repeats the proof: crmgate daemon "
		      "--manage does, each minute");
}

/* Of cut addresses nothing more is known; what `privacy` has no say in is on every page. */
static void judge_privacy(struct crmg_search *s)
{
	const struct crmg_head *head = crmg_image_head(s->snap->image);
	char keep[CRMG_NUM_LEN];

	crmg_format_time(head->keep_s * CRMG_NS_PER_SEC, keep, sizeof(keep));
	if (head->addresses == CRMG_ADDRESSES_FULL)
		crmg_found(s, CRMG_POSTURE_PRIVACY, NULL, "addresses: full: the ledger, for %s, and "
			   "events that are kept have whole addresses", keep);
	if (head->addresses == CRMG_ADDRESSES_PSEUDONYM)
		crmg_found(s, CRMG_POSTURE_PRIVACY, NULL, "addresses: pseudonym: root can tell whose a "
			   "pseudonym is (reveal, which the audit log has) until its key is destroyed, "
			   "after %s", keep);
}

static void judge_contracts(struct crmg_search *s)
{
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], owner[CRMG_ESCAPED(CRMG_OWNER_MAX)];
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(s->snap->image, s->snap->real_ns, &at, &c);) {
		struct crmg_posture_item *finding;
		char until[CRMG_TIME_LEN];

		if (!c.ended && (!c.ends_in_s || c.ends_in_s > CRMG_POSTURE_ENDS_S))
			continue;
		crmg_escape(c.contract->owner, CRMG_OWNER_MAX, owner, sizeof(owner));
		finding = crmg_found(s, CRMG_POSTURE_CONTRACT_ENDS, NULL, "%s%s%s%s: %s at %s",
			crmg_escape(c.client->name, CRMG_NAME_LEN, name, sizeof(name)),
			*owner ? " (" : "", owner, *owner ? ")" : "", c.ended ? "ended" : "ends",
			crmg_format_utc(c.contract->until_s * CRMG_NS_PER_SEC, false, until,
					sizeof(until)));
		if (finding)
			finding->since_ns = c.contract->until_s * CRMG_NS_PER_SEC;
	}
}

static void judge_problems(struct crmg_search *s)
{
	for (size_t i = 0; i < s->ret->problems->count; i++) {
		const struct crmg_problem *problem = &s->ret->problems->item[i];
		struct crmg_posture_item *finding =
			crmg_found(s, crmg_problem_is_unenforced(problem->id)
			      ? CRMG_POSTURE_NOT_ENFORCED : CRMG_POSTURE_TROUBLE, NULL, "%s: %s",
			      crmg_problem_name(problem->id), problem->text);

		if (finding)
			finding->since_ns = problem->since_ns;
	}
}

static void judge_mode(struct crmg_search *s, const struct crmg_policy_row *row)
{
	uint64_t since = row->label->shadow_since_ns, age = age_of(s->snap, since);
	struct crmg_posture_item *finding;
	char text[CRMG_SHORT_LEN];

	if (row->binding->mode == CRMG_MODE_OFF)
		crmg_found(s, CRMG_POSTURE_NOT_REFUSING, row, "off: it only counts");
	if (row->binding->mode != CRMG_MODE_SHADOW)
		return;
	finding = crmg_found(s, CRMG_POSTURE_NOT_REFUSING, row, "in shadow for %s%s; it would have "
			"refused %llu packets", crmg_format_age(age, text, sizeof(text)),
			age >= CRMG_POSTURE_SHADOW_S * CRMG_NS_PER_SEC
			? ", which is long: enforce it, or say why not" : "",
			(unsigned long long)crmg_row_would_drop(row->row));
	if (finding)
		finding->since_ns = since;
}

static bool has_limit(const struct crmg_binding *binding)
{
	for (unsigned int i = 0; i < CRMG_CAP_COUNT; i++)
		if (binding->cap[i])
			return true;
	return binding->limits;
}

static void judge_limits(struct crmg_search *s, const struct crmg_policy_row *row)
{
	const struct crmg_binding *binding = row->binding;

	if (binding->kind == CRMG_BINDING_NO_POLICY)
		crmg_found(s, CRMG_POSTURE_NO_LIMIT, row, "whoever is no named client passes: "
		      "the service has no policy for any");
	else if (!has_limit(binding))
		crmg_found(s, CRMG_POSTURE_NO_LIMIT, row, "it has no limits%s",
		      binding->flags & CRMG_BINDING_WIDER ? " but shared ones" : "");
	if (binding->kind == CRMG_BINDING_POLICY && row->service &&
	    crmg_has_requests(row->service) && !(binding->limits >> CRMG_LIMIT_REQUESTS & 1))
		crmg_found(s, CRMG_POSTURE_NO_REQUESTS, row, "no limit of requests%s",
			   crmg_counts_requests(binding) ? "" :
			   ", so they are not counted either");
	if (binding->kind == CRMG_BINDING_POLICY && !binding->ban.after)
		crmg_found(s, CRMG_POSTURE_NO_BAN, row, "who exceeds a limit is never banned for it%s",
		      binding->flags & CRMG_BINDING_BALANCER ? " (a balancer)" : "");
}

static void judge_budget(struct crmg_search *s, const struct crmg_policy_row *row)
{
	const struct crmg_image *image = s->snap->image;
	const struct crmg_quotas *quotas = crmg_image_quotas(image, row->binding->quotas);
	const struct crmg_quotas *wide = crmg_image_quotas(image, row->binding->aggregate_quotas);
	const struct crmg_quotas *total = crmg_image_quotas(image, row->binding->total_quotas);
	char text[8 * CRMG_NUM_LEN], sent[CRMG_SHORT_LEN];

	if (!quotas)
		crmg_found(s, CRMG_POSTURE_NO_BUDGET, row, "%s bytes were sent so far%s%s",
			   crmg_format_short(row->row->bytes_out, sent, sizeof(sent)),
			   wide ? "; each wider prefix may be sent " :
			   total ? "; all sources together may be sent " : "",
			   wide || total ? crmg_quotas_text(wide ? wide : total, text,
							    sizeof(text)) : "");
	/* All have the same word. */
	if (!quotas)
		quotas = wide ? wide : total;
	if (quotas && quotas->on_budget == CRMG_ON_BUDGET_ALERT)
		crmg_found(s, CRMG_POSTURE_BUDGET_ALERTS, row, "%s%s; used up %llu times so far",
			   crmg_quotas_text(quotas, text, sizeof(text)),
			   quotas == total ? " to all sources together" : "",
			   (unsigned long long)row->row->budgets_exceeded);
}

/* Units of a limit that passed, of all sources; false: this version cannot tell. */
static bool used_of(const struct crmg_row *row, unsigned int limit, uint64_t *ret)
{
	switch (limit) {
	case CRMG_LIMIT_CONNECTIONS:
		*ret = row->connections[CRMG_VERDICT_PASS];
		return true;
	case CRMG_LIMIT_PACKETS:
		*ret = row->packets[CRMG_VERDICT_PASS];
		return true;
	case CRMG_LIMIT_BYTES:
		*ret = row->bytes[CRMG_VERDICT_PASS];
		return true;
	case CRMG_LIMIT_REQUESTS:
		*ret = row->requests[CRMG_VERDICT_PASS];
		return true;
	default:
		return false;
	}
}

/* Counters do not outlive a reboot, whatever the image says that came back after it. */
static uint64_t counted_since(const struct crmg_snapshot *snap, const struct crmg_policy_row *row)
{
	uint64_t since = row->label->counted_since_ns, boot = crmg_boot_to_real(snap, 0);

	return since > boot ? since : boot;
}

static void judge_use(struct crmg_search *s, const struct crmg_policy_row *row)
{
	uint64_t since = counted_since(s->snap, row), age = age_of(s->snap, since), used, refused;
	double days = (double)age / (86400.0 * CRMG_NS_PER_SEC);
	bool shadow = row->binding->mode == CRMG_MODE_SHADOW;
	unsigned int reasons = crmg_limit_reasons();
	char text[128], rate[CRMG_NUM_LEN];
	struct crmg_posture_item *finding;

	if (age < CRMG_POSTURE_COUNTED_S * CRMG_NS_PER_SEC)
		return;
	refused = crmg_refusals(row->row, reasons);
	if (refused >= days) {
		finding = crmg_found(s, CRMG_POSTURE_LIMIT_HIT, row,
				"%s %llu packets in %.1f days, %.0f a day: %s",
				shadow ? "would have refused" : "refused",
				(unsigned long long)refused, days, refused / days,
				crmg_refusals_text(row->row, reasons, text, sizeof(text)));
		if (finding)
			finding->since_ns = since;
	}
	for (unsigned int i = 0; i < CRMG_LIMIT_COUNT; i++) {
		const struct crmg_terms *terms = &row->label->terms[i];

		if (!(row->binding->limits >> i & 1) || !used_of(row->row, i, &used))
			continue;
		if (10.0 * used >= crmg_rate_per_second(terms) * age / CRMG_NS_PER_SEC)
			continue;
		finding = crmg_found(s, CRMG_POSTURE_LIMIT_UNUSED, row,
				"%s %s for each source; %llu in %.1f days of all sources together",
				crmg_limit_name(i), crmg_rate_text(i, terms, rate),
				(unsigned long long)used, days);
		if (finding)
			finding->since_ns = since;
	}
}

static void judge_allow(struct crmg_search *s, const struct crmg_policy_row *row)
{
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(s->snap->image, CRMG_SECTION_CLIENTS, &count);
	if (count && clients[0].prefix_count)
		crmg_found(s, CRMG_POSTURE_ALLOWED, row,
		      "prefixes: %u; packets of them that passed: %llu",
		      clients[0].prefix_count,
		      (unsigned long long)row->row->packets[CRMG_VERDICT_PASS]);
}

/* What is no longer held to be secure (RFC 8996), and what never was. */
static void judge_versions(struct crmg_search *s, const struct crmg_policy_row *row)
{
	const unsigned int old = 1u << CRMG_TLS_VERSION_SSL3 | 1u << CRMG_TLS_VERSION_10 |
				 1u << CRMG_TLS_VERSION_11 | 1u << CRMG_TLS_VERSION_PLAINTEXT;
	char text[128];

	if (crmg_versions(row->row, old))
		crmg_found(s, CRMG_POSTURE_OLD_TLS, row, "%s of %llu so far",
			   crmg_versions_text(row->row, old, text, sizeof(text)),
			   (unsigned long long)crmg_versions(row->row, ~0u));
}

/* What a policy would let pass, whether anybody speaks it or not. */
static void judge_floor(struct crmg_search *s, const struct crmg_policy_row *row)
{
	const struct crmg_binding *binding = row->binding;
	bool plaintext = binding->floor & CRMG_BINDING_FLOOR_PLAINTEXT;
	bool old = binding->tls_minimum < CRMG_TLS_VERSION_12 ||
		   !(binding->floor & CRMG_BINDING_FLOOR_VERSION);
	char text[CRMG_FLOOR_LEN];

	if (binding->kind == CRMG_BINDING_POLICY && row->service &&
	    crmg_has_versions(row->service) && (old || !plaintext))
		crmg_found(s, CRMG_POSTURE_TLS_FLOOR, row, "it refuses %s: %s",
			   plaintext ? "no version below 1.2" : old ? "neither plaintext nor a "
			   "version below 1.2" : "no plaintext",
			   binding->floor ? crmg_floor_text(binding, text) : "it says nothing of tls");
}

static void judge_row(struct crmg_search *s, const struct crmg_policy_row *row)
{
	judge_versions(s, row);
	switch (row->binding->kind) {
	case CRMG_BINDING_ALLOW:
		judge_allow(s, row);
		return;
	case CRMG_BINDING_DENY:
		judge_mode(s, row);
		return;
	default:
		judge_mode(s, row);
		judge_floor(s, row);
		judge_limits(s, row);
		judge_budget(s, row);
		judge_use(s, row);
	}
}

int crmg_posture_find(const struct crmg_snapshot *snap, const struct crmg_problems *problems,
		      struct crmg_posture *ret)
{
	struct crmg_search s = { .ret = ret, .snap = snap };

	*ret = (struct crmg_posture){ .snap = snap, .problems = problems };
	if (crmg_policy_rows(snap, &ret->rows) < 0)
		return -ENOMEM;
	judge_proof(&s);
	judge_problems(&s);
	judge_privacy(&s);
	judge_contracts(&s);
	for (size_t i = 0; i < ret->rows.count; i++)
		judge_row(&s, &ret->rows.items[i]);
	crmg_posture_sources(&s);
	if (!s.failed)
		return 0;
	crmg_posture_free(ret);
	return -ENOMEM;
}

void crmg_posture_free(struct crmg_posture *posture)
{
	crmg_policy_rows_free(&posture->rows);
	free(posture->items);
	posture->items = NULL;
	posture->count = 0;
}
