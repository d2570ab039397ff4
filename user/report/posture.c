// SPDX-License-Identifier: GPL-2.0
/*
 * posture.c - goes through a snapshot for what is open. Counters have no days: what is
 * said of use is an average since a policy's counters began.
 */
#include "posture.h"

#include <stdarg.h>
#include <stdlib.h>

#include "../base/num.h"
#include "../base/util.h"
#include "names.h"
#include "show.h"
#include "sources.h"
#include "text.h"
#include "why.h"

/* A search at work. */
struct search {
	struct crmg_posture *ret;
	const struct crmg_snapshot *snap;
	bool failed;			/* out of memory */
};

/* Counts a finding, and keeps it if there is room; NULL: it is not kept. */
static struct crmg_finding *found(struct search *s, enum crmg_posture_id id,
				  const struct crmg_policy_row *row, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

static struct crmg_finding *found(struct search *s, enum crmg_posture_id id,
				  const struct crmg_policy_row *row, const char *format, ...)
{
	struct crmg_finding *finding;
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
static void judge_proof(struct search *s)
{
	const struct crmg_proof *proof = &s->snap->proof;
	uint32_t generation = crmg_image_head(s->snap->image)->generation;
	char age[CRMG_SHORT_LEN];

	if (!s->snap->iface_count)
		found(s, CRMG_POSTURE_NOT_ENFORCED, NULL, "no interface is attached");
	if (!proof->boot_ns)
		found(s, CRMG_POSTURE_UNPROVEN, NULL, "no proof was made yet: crmgate prove");
	else if (proof->generation != generation)
		found(s, CRMG_POSTURE_UNPROVEN, NULL, "generation %u was proven, %u is in force: "
		      "crmgate prove", proof->generation, generation);
	else if (s->snap->boot_ns > proof->boot_ns + 86400 * CRMG_NS_PER_SEC)
		found(s, CRMG_POSTURE_UNPROVEN, NULL, "the last proof is %s old: crmgate prove",
		      crmg_format_age(s->snap->boot_ns - proof->boot_ns, age, sizeof(age)));
	if (proof->boot_ns && !proof->period_s)
		found(s, CRMG_POSTURE_UNPROVEN, NULL, "nobody repeats the proof: crmgate daemon "
		      "--manage does, each minute");
}

static void judge_problems(struct search *s)
{
	for (size_t i = 0; i < s->ret->problems->count; i++) {
		const struct crmg_problem *problem = &s->ret->problems->item[i];
		struct crmg_finding *finding =
			found(s, crmg_problem_is_unenforced(problem->id)
			      ? CRMG_POSTURE_NOT_ENFORCED : CRMG_POSTURE_TROUBLE, NULL, "%s: %s",
			      crmg_problem_name(problem->id), problem->text);

		if (finding)
			finding->since_ns = problem->since_ns;
	}
}

static void judge_mode(struct search *s, const struct crmg_policy_row *row)
{
	uint64_t since = row->label->shadow_since_ns, age = age_of(s->snap, since);
	struct crmg_finding *finding;
	char text[CRMG_SHORT_LEN];

	if (row->binding->mode == CRMG_MODE_OFF)
		found(s, CRMG_POSTURE_NOT_REFUSING, row, "off: it only counts");
	if (row->binding->mode != CRMG_MODE_SHADOW)
		return;
	finding = found(s, CRMG_POSTURE_NOT_REFUSING, row, "in shadow for %s%s; it would have "
			"refused %llu packets", crmg_format_age(age, text, sizeof(text)),
			age >= CRMG_POSTURE_SHADOW_S * CRMG_NS_PER_SEC
			? ", which is long: enforce it, or say why not" : "",
			(unsigned long long)crmg_row_would_drop(row->row));
	if (finding)
		finding->since_ns = since;
}

static void judge_limits(struct search *s, const struct crmg_policy_row *row)
{
	const struct crmg_binding *binding = row->binding;

	if (binding->kind == CRMG_BINDING_NO_POLICY)
		found(s, CRMG_POSTURE_NO_LIMIT, row, "whoever is no named client passes: "
		      "the service has no policy for any");
	else if (!binding->limits)
		found(s, CRMG_POSTURE_NO_LIMIT, row, "it has no limits%s",
		      binding->flags & CRMG_BINDING_WIDER ? " but shared ones" : "");
	if (binding->kind == CRMG_BINDING_POLICY && !binding->ban.after)
		found(s, CRMG_POSTURE_NO_BAN, row, "who exceeds a limit is never banned for it%s",
		      binding->flags & CRMG_BINDING_BALANCER ? " (a balancer)" : "");
}

static void judge_budget(struct search *s, const struct crmg_policy_row *row)
{
	const struct crmg_quotas *quotas = crmg_image_quotas(s->snap->image, row->binding);
	char text[4 * CRMG_NUM_LEN];

	if (!quotas)
		found(s, CRMG_POSTURE_NO_BUDGET, row, "%s bytes were sent so far",
		      crmg_format_short(row->row->bytes_out, text, sizeof(text)));
	else if (quotas->on_budget == CRMG_ON_BUDGET_ALERT)
		found(s, CRMG_POSTURE_BUDGET_ALERTS, row, "%s; used up %llu times so far",
		      crmg_quotas_text(quotas, text, sizeof(text)),
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

static void judge_use(struct search *s, const struct crmg_policy_row *row)
{
	uint64_t since = counted_since(s->snap, row), age = age_of(s->snap, since), used, refused;
	double days = (double)age / (86400.0 * CRMG_NS_PER_SEC);
	bool shadow = row->binding->mode == CRMG_MODE_SHADOW;
	unsigned int reasons = crmg_limit_reasons();
	char text[128], rate[CRMG_NUM_LEN];
	struct crmg_finding *finding;

	if (age < CRMG_POSTURE_COUNTED_S * CRMG_NS_PER_SEC)
		return;
	refused = crmg_refusals(row->row, reasons);
	if (refused >= days) {
		finding = found(s, CRMG_POSTURE_LIMIT_HIT, row,
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
		finding = found(s, CRMG_POSTURE_LIMIT_UNUSED, row,
				"%s %s for each source; %llu in %.1f days of all sources together",
				crmg_limit_name(i), crmg_rate_text(i, terms, rate),
				(unsigned long long)used, days);
		if (finding)
			finding->since_ns = since;
	}
}

static void judge_allow(struct search *s, const struct crmg_policy_row *row)
{
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(s->snap->image, CRMG_SECTION_CLIENTS, &count);
	if (count && clients[0].prefix_count)
		found(s, CRMG_POSTURE_ALLOWED, row,
		      "prefixes: %u; packets of them that passed: %llu",
		      clients[0].prefix_count,
		      (unsigned long long)row->row->packets[CRMG_VERDICT_PASS]);
}

/* A source, and the budget of it that has least left. */
struct near {
	uint32_t index;
	uint32_t row;			/* in ret->rows */
	unsigned int quota;
	uint64_t left;
	double share;			/* used, 0..1 */
};

/* The binding of a source, as its next packet finds it. */
static const struct crmg_binding *binding_of(const struct crmg_snapshot *snap,
					     const struct crmg_source_record *source)
{
	uint64_t resolved = source->slot.resolved;
	uint32_t index = CRMG_SLOT_BINDING(resolved);

	if (CRMG_SLOT_GENERATION(resolved) != crmg_image_head(snap->image)->generation)
		index = crmg_image_resolve(snap->image, source->detail.service,
					   &source->detail.addr);
	return crmg_image_binding(snap->image, index);
}

/* False: it is not near the end of a budget, or has none. */
static bool is_near(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
		    uint32_t index, struct near *ret)
{
	const struct crmg_quotas *quotas = crmg_image_quotas(snap->image, binding);
	uint64_t left[CRMG_WINDOWS_MAX];

	if (!quotas)
		return false;
	*ret = (struct near){ .index = index };
	crmg_quotas_left(quotas, &snap->windows[index], snap->mono_ns, left);
	for (unsigned int q = 0; q < CRMG_WINDOWS_MAX && quotas->quota[q].terms; q++) {
		double bytes = quotas->quota[q].bytes;
		double share = left[q] < bytes ? 1 - left[q] / bytes : 0;

		if (share > ret->share) {
			ret->share = share;
			ret->quota = q;
			ret->left = left[q];
		}
	}
	return ret->share * 100 >= quotas->notify_at && ret->share > 0;
}

static int by_share(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->share != y->share)
		return x->share > y->share ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static const struct crmg_policy_row *row_of(const struct search *s, uint16_t row)
{
	for (size_t i = 0; i < s->ret->rows.count; i++)
		if (s->ret->rows.items[i].binding->row == row)
			return &s->ret->rows.items[i];
	return NULL;
}

static void tell_near(struct search *s, const struct near *near)
{
	const struct crmg_snapshot *snap = s->snap;
	const struct crmg_binding *binding;
	const struct crmg_quota *quota;
	struct crmg_source_record source;
	struct crmg_finding *finding;
	char left[CRMG_SHORT_LEN], bytes[CRMG_NUM_LEN], per[CRMG_NUM_LEN];

	/* The table goes on: it may be gone since it was found. */
	if (!crmg_source_read(snap, near->index, &source))
		return;
	binding = binding_of(snap, &source);
	if (!binding || !crmg_image_quotas(snap->image, binding))
		return;
	quota = &crmg_image_quotas(snap->image, binding)->quota[near->quota];
	finding = found(s, CRMG_POSTURE_NEAR_BUDGET, row_of(s, binding->row),
			"%.0f %% of %s per %s used, %s bytes left", near->share * 100,
			crmg_format_bytes(quota->bytes, bytes, sizeof(bytes)),
			crmg_quota_per(quota, per, sizeof(per)),
			crmg_format_short(near->left, left, sizeof(left)));
	if (!finding)
		return;
	finding->source.addr = source.detail.addr;
	finding->source.len = crmg_source_len(snap, &source.detail.addr);
}

static void judge_sources(struct search *s)
{
	const struct crmg_snapshot *snap = s->snap;
	crmg_autofree struct near *list = NULL;
	size_t count = 0;

	for (uint32_t i = 0; snap->windows && i < snap->capacity; i++) {
		struct crmg_source_record source;
		const struct crmg_binding *binding;
		struct near *place, near;

		if (!snap->windows[i].window[0].terms || !crmg_source_read(snap, i, &source))
			continue;
		binding = binding_of(snap, &source);
		if (!binding || !is_near(snap, binding, i, &near))
			continue;
		place = crmg_grow(&list, &count, sizeof(*list));
		if (!place) {
			s->failed = true;
			return;
		}
		*place = near;
	}
	if (count)
		qsort(list, count, sizeof(*list), by_share);
	for (size_t i = 0; i < count; i++)
		tell_near(s, &list[i]);
}

static void judge_row(struct search *s, const struct crmg_policy_row *row)
{
	switch (row->binding->kind) {
	case CRMG_BINDING_ALLOW:
		judge_allow(s, row);
		return;
	case CRMG_BINDING_DENY:
		judge_mode(s, row);
		return;
	default:
		judge_mode(s, row);
		judge_limits(s, row);
		judge_budget(s, row);
		judge_use(s, row);
	}
}

int crmg_posture_find(const struct crmg_snapshot *snap, const struct crmg_problems *problems,
		      struct crmg_posture *ret)
{
	struct search s = { .ret = ret, .snap = snap };

	*ret = (struct crmg_posture){ .snap = snap, .problems = problems };
	if (crmg_policy_rows(snap, &ret->rows) < 0)
		return -ENOMEM;
	judge_proof(&s);
	judge_problems(&s);
	for (size_t i = 0; i < ret->rows.count; i++)
		judge_row(&s, &ret->rows.items[i]);
	judge_sources(&s);
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
