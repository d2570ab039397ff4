// SPDX-License-Identifier: GPL-2.0
/*
 * diff_policies.c - compares what policies say, by (service, policy): limits, mode,
 * answers, bans. For whom they are is told by the addresses that move.
 */
#include "diff_parts.h"

#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "names.h"
#include "patient.h"
#include "rows.h"
#include "show.h"

typedef unsigned __int128 u128;

/* [limit][scope]: "packets", "aggregate packets", "total packets" */
#define FIELDS(ID, name, ...) { \
	[CRMG_SCOPE_SOURCE] = name, [CRMG_SCOPE_AGGREGATE] = "aggregate " name, \
	[CRMG_SCOPE_POLICY] = "total " name, [CRMG_SCOPE_SERVICE] = "total " name },
static const char *const limit_field[CRMG_LIMIT_COUNT][CRMG_SCOPE_COUNT] = {
	CRMG_LIMITS(FIELDS)
};

static int sign(u128 before, u128 after)
{
	return (after > before) - (after < before);
}

/* Lower in rate and higher in burst is neither raised nor lowered. */
static enum crmg_change_kind kind_of(const struct crmg_terms *before,
				     const struct crmg_terms *after)
{
	int rate = sign((u128)before->count * after->per_ns, (u128)after->count * before->per_ns);
	int burst = sign(before->burst, after->burst);

	if (rate + burst > 0)
		return CRMG_CHANGE_RAISED;
	return rate + burst < 0 ? CRMG_CHANGE_LOWERED : CRMG_CHANGE_CHANGED;
}

#define TERM_LEN (2 * CRMG_NUM_LEN + sizeof(" burst "))

/* "20/s burst 40"; NULL if it is not set. */
static const char *term_text(unsigned int limit, const struct crmg_diff_limits *limits,
			     char buf[TERM_LEN])
{
	const struct crmg_terms *terms = &limits->terms[limit];
	char rate[CRMG_NUM_LEN], burst[CRMG_NUM_LEN];

	if (!(limits->mask >> limit & 1))
		return NULL;
	snprintf(buf, TERM_LEN, "%s burst %s", crmg_rate_text(limit, terms, rate),
		 limit == CRMG_LIMIT_BYTES ? crmg_format_bytes(terms->burst, burst, sizeof(burst))
					   : crmg_format_count(terms->burst, burst, sizeof(burst)));
	return buf;
}

int crmg_diff_limits(struct crmg_changes *changes, const char *what, enum crmg_scope scope,
		     struct crmg_diff_limits before, struct crmg_diff_limits after)
{
	int code = 0;

	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT && !code; l++) {
		char old[TERM_LEN], now[TERM_LEN];
		const char *from = term_text(l, &before, old), *to = term_text(l, &after, now);
		enum crmg_change_kind kind = !from ? CRMG_CHANGE_ADDED : CRMG_CHANGE_REMOVED;

		if (from && to) {
			if (memcmp(&before.terms[l], &after.terms[l], sizeof(*after.terms)) == 0)
				continue;
			kind = kind_of(&before.terms[l], &after.terms[l]);
		}
		if (from || to)
			code = crmg_diff_note(changes, kind, what, limit_field[l][scope], from, to);
	}
	return code;
}

/* A policy at a service, as one of its bindings has it. */
struct policy {
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	const struct crmg_quotas *quotas;	/* NULL: none */
	const struct crmg_quotas *aggregate_quotas;	/* the same */
	const struct crmg_quotas *total_quotas;
	const struct crmg_http_terms *http;		/* the same */
};

static int by_name(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;
	int order = strcmp(x->label->service, y->label->service);

	return order ? order : strcmp(x->label->policy, y->label->policy);
}

/* Bindings of balancers are last: they lack the ban. */
static int by_name_and_use(const void *a, const void *b)
{
	const struct policy *x = a, *y = b;
	int order = by_name(a, b);

	return order ? order : (x->binding->flags & CRMG_BINDING_BALANCER) -
			       (y->binding->flags & CRMG_BINDING_BALANCER);
}

/* The policies of an image, one entry for each (service, policy), by name. */
static struct policy *policies_of(const struct crmg_image *image, size_t *ret_count)
{
	const uint32_t bindings = crmg_image_head(image)->bindings;
	struct policy *list = calloc(bindings + 1, sizeof(*list));
	size_t count = 0, kept = 0;

	if (!list)
		return NULL;
	for (uint32_t i = 1; i <= bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);

		/* The built-in labels come and go with their service. */
		if (binding->kind == CRMG_BINDING_POLICY || binding->kind == CRMG_BINDING_DENY)
			list[count++] = (struct policy){
				binding, crmg_image_label(image, i),
				crmg_image_quotas(image, binding->quotas),
				crmg_image_quotas(image, binding->aggregate_quotas),
				crmg_image_quotas(image, binding->total_quotas),
				crmg_image_http(image, binding->http),
			};
	}
	qsort(list, count, sizeof(*list), by_name_and_use);
	for (size_t i = 0; i < count; i++)
		if (!kept || by_name(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	*ret_count = kept;
	return list;
}

#define BAN_LEN 256

/* "100 in 10s for 10m factor 2 max 1d, by packets, bytes"; NULL: no automatic bans. */
static const char *ban_text(const struct crmg_binding *binding, char buf[BAN_LEN])
{
	const struct crmg_ban_terms *ban = &binding->ban;
	char within[CRMG_NUM_LEN], first[CRMG_NUM_LEN], factor[CRMG_NUM_LEN], most[CRMG_NUM_LEN];
	size_t at;

	if (!(binding->flags & CRMG_BINDING_BAN))
		return NULL;
	at = (size_t)snprintf(buf, BAN_LEN, "after %u within %s for %s factor %s max %s", ban->after,
		crmg_format_time(ban->within_ms * (CRMG_NS_PER_SEC / 1000), within, sizeof(within)),
		crmg_format_time(ban->for_s * CRMG_NS_PER_SEC, first, sizeof(first)),
		crmg_format_hundredths(crmg_ban_factor(ban), factor, sizeof(factor)),
		crmg_format_time(ban->max_s * CRMG_NS_PER_SEC, most, sizeof(most)));
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT && at < BAN_LEN; l++)
		if (binding->strike_limits >> l & 1)
			at += (size_t)snprintf(buf + at, BAN_LEN - at, " on %s", crmg_limit_name(l));
	return buf;
}

static int note_words(struct crmg_changes *changes, const char *what, const char *field,
		      const char *from, const char *to)
{
	if (from == to || (from && to && strcmp(from, to) == 0))
		return 0;
	return crmg_diff_note(changes, !from ? CRMG_CHANGE_ADDED : !to ? CRMG_CHANGE_REMOVED
				       : CRMG_CHANGE_CHANGED, what, field, from, to);
}

/* "5MB per 1m, 50MB per 1h, notify at 80%, on budget cut"; NULL: no budgets. */
static const char *quotas_text(const struct crmg_quotas *quotas, char buf[BAN_LEN])
{
	char list[BAN_LEN - 64], then[CRMG_ON_BUDGET_LEN];

	if (!quotas)
		return NULL;
	snprintf(buf, BAN_LEN, "%s, notify at %u%%, on budget %s",
		 crmg_quotas_text(quotas, list, sizeof(list)), quotas->notify_at,
		 crmg_on_budget_text(quotas, then));
	return buf;
}

int crmg_diff_quotas(struct crmg_changes *changes, const char *what, const char *field,
		     const struct crmg_quotas *before, const struct crmg_quotas *after)
{
	char from[BAN_LEN], to[BAN_LEN];

	return note_words(changes, what, field, quotas_text(before, from), quotas_text(after, to));
}

#define WIDTHS_LEN 32
#define WORDS_LEN  CRMG_HTTP_LEN	/* the longest of them */
_Static_assert(WORDS_LEN >= BAN_LEN, "words of a policy do not fit");

/* "/24 /48"; NULL: no aggregate. */
static const char *widths_text(const struct crmg_binding *binding, char buf[WIDTHS_LEN])
{
	if (!crmg_has_aggregate(binding))
		return NULL;
	snprintf(buf, WIDTHS_LEN, "/%u /%u", binding->v4_wide - 96, binding->v6_wide);
	return buf;
}

/* The words of a policy. before->binding NULL: there was none. */
static int diff_words(struct crmg_changes *changes, const char *what, const struct policy *before,
		      const struct policy *after)
{
	static const struct crmg_binding nothing = { 0 };
	const struct crmg_binding *old = before->binding ? before->binding : &nothing;
	const struct crmg_binding *now = after->binding;
	const bool had = before->binding;
	char from[WORDS_LEN], to[WORDS_LEN];
	int code = note_words(changes, what, "mode", had ? crmg_mode_name(old->mode) : NULL,
			      crmg_mode_name(now->mode));

	if (!code)
		code = note_words(changes, what, "deny",
				  old->kind == CRMG_BINDING_DENY ? "true" : had ? "false" : NULL,
				  now->kind == CRMG_BINDING_DENY ? "true" : had ? "false" : NULL);
	if (!code)
		code = note_words(changes, what, "on_exceed",
				  had ? crmg_action_name(old->on_exceed) : NULL,
				  had || now->on_exceed ? crmg_action_name(now->on_exceed) : NULL);
	if (!code)
		code = note_words(changes, what, "aggregate width", widths_text(old, from),
				  widths_text(now, to));
	if (!code)
		code = crmg_diff_quotas(changes, what, "bytes_out", before->quotas, after->quotas);
	if (!code)
		code = crmg_diff_quotas(changes, what, "aggregate bytes_out",
					before->aggregate_quotas, after->aggregate_quotas);
	if (!code)
		code = crmg_diff_quotas(changes, what, "total bytes_out", before->total_quotas,
					after->total_quotas);
	if (!code)
		code = note_words(changes, what, "tls", crmg_floor_text(old, from),
				  crmg_floor_text(now, to));
	if (!code)
		code = note_words(changes, what, "detect", crmg_detect_text(old),
				  crmg_detect_text(now));
	if (!code)
		code = note_words(changes, what, "http", crmg_http_text(before->http, from),
				  crmg_http_text(after->http, to));
	return code ? code : note_words(changes, what, "ban", ban_text(old, from),
					ban_text(now, to));
}

static int diff_caps(struct crmg_changes *changes, const char *what,
		     const struct crmg_binding *before, const struct crmg_binding *after)
{
	int code = 0;

	for (unsigned int c = 0; c < CRMG_CAP_COUNT && !code; c++) {
		uint32_t from = before->cap[c], to = after->cap[c];
		enum crmg_change_kind kind = !from ? CRMG_CHANGE_ADDED : !to ? CRMG_CHANGE_REMOVED :
					     to > from ? CRMG_CHANGE_RAISED : CRMG_CHANGE_LOWERED;
		char old[CRMG_NUM_LEN], now[CRMG_NUM_LEN];

		snprintf(old, sizeof(old), "max %u", from);
		snprintf(now, sizeof(now), "max %u", to);
		if (from != to)
			code = crmg_diff_note(changes, kind, what, crmg_cap_name(c),
					      from ? old : NULL, to ? now : NULL);
	}
	return code;
}

static int diff_policy(struct crmg_changes *changes, const char *what, const struct policy *before,
		       const struct policy *after)
{
	static const struct crmg_binding nothing = { 0 };
	static const struct crmg_label no_label = { 0 };
	const struct crmg_binding *old = before->binding ? before->binding : &nothing;
	const struct crmg_binding *now = after->binding;
	const struct crmg_label *was = before->label ? before->label : &no_label;
	const struct crmg_label *is = after->label;
	int code = diff_words(changes, what, before, after);

	if (!code)
		code = diff_caps(changes, what, old, now);
	if (!code)
		code = crmg_diff_limits(changes, what, CRMG_SCOPE_SOURCE,
					(struct crmg_diff_limits){ old->limits, was->terms },
					(struct crmg_diff_limits){ now->limits, is->terms });
	if (!code)
		code = crmg_diff_limits(changes, what, CRMG_SCOPE_AGGREGATE,
			(struct crmg_diff_limits){ old->aggregate_limits, was->aggregate },
			(struct crmg_diff_limits){ now->aggregate_limits, is->aggregate });
	if (!code)
		code = crmg_diff_limits(changes, what, CRMG_SCOPE_POLICY,
			(struct crmg_diff_limits){ old->total_limits, was->total },
			(struct crmg_diff_limits){ now->total_limits, is->total });
	return code;
}

int crmg_diff_policies(struct crmg_changes *changes, const struct crmg_image *before,
		       const struct crmg_image *after)
{
	static const struct policy none = { 0 };
	size_t old_count = 0, new_count = 0, o = 0, n = 0;
	crmg_autofree struct policy *old = policies_of(before, &old_count);
	crmg_autofree struct policy *now = policies_of(after, &new_count);
	int code = old && now ? 0 : -ENOMEM;

	while (!code && (o < old_count || n < new_count)) {
		int order = o == old_count ? 1 : n == new_count ? -1 : by_name(&old[o], &now[n]);
		const struct crmg_label *label = order < 0 ? old[o].label : now[n].label;
		char what[CRMG_DIFF_WHAT];

		snprintf(what, sizeof(what), "policy %s of %s", label->policy, label->service);
		if (order < 0)
			code = crmg_diff_note(changes, CRMG_CHANGE_REMOVED, what, NULL, NULL, NULL);
		else if (order > 0)
			code = crmg_diff_note(changes, CRMG_CHANGE_ADDED, what, NULL, NULL, NULL);
		if (!code && order >= 0)
			code = diff_policy(changes, what, order ? &none : &old[o], &now[n]);
		o += order <= 0;
		n += order >= 0;
	}
	return code;
}
