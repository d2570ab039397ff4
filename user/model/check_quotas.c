/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_quotas.c - what policies and services say of bytes that leave: does it fit together, has
 * it an effect?
 */
#include "check.h"

#include <stdio.h>

#include "../base/num.h"
#include "../base/util.h"

#define WHOSE_LEN (CRMG_NAME_LEN + 32)

/* What is said of budgets where there is none. */
static void check_needed(const struct crmg_model *model, const struct crmg_model_bytes_out *out,
			 const char *whose, struct crmg_err *err)
{
	if (out->notify_at)
		crmg_check_error(model, err, out->notify_place, "'notify_at' of %s needs limit "
				 "'bytes_out', of which it is a part", whose);
	if (out->on_budget_place.line)
		crmg_check_error(model, err, out->on_budget_place, "'on_budget' of %s needs limit "
				 "'bytes_out', or there is no budget", whose);
}

/* Each budget that throttles has a rate of its own. ladder: says whether it does. */
static void check_throttle(const struct crmg_model *model, const struct crmg_model_bytes_out *out,
			   const struct crmg_model_bytes_out *ladder, const char *whose,
			   struct crmg_err *err)
{
	bool throttles = ladder->on_budget == CRMG_ON_BUDGET_THROTTLE;

	if (!out->count && out->throttle_place.line)
		crmg_check_error(model, err, out->throttle_place, "'throttle_to' of %s needs limit "
				 "'bytes_out' there, or there is no budget", whose);
	else if (!throttles && out->throttle_place.line)
		crmg_check_error(model, err, out->throttle_place, "'throttle_to' of %s needs "
				 "'on_budget: throttle', or it has no effect", whose);
	else if (out->count && throttles && !out->throttle_to)
		crmg_check_error(model, err, ladder->on_budget_place, "'on_budget: throttle' needs "
				 "'throttle_to' in %s, the rate that it goes on at, as 64kB/s",
				 whose);
}

static void check_rates(const struct crmg_model *model, const struct crmg_model_policy *policy,
			struct crmg_err *err)
{
	const struct crmg_model_bytes_out *ladder = &policy->bytes_out;
	char whose[WHOSE_LEN];

	snprintf(whose, sizeof(whose), "policy '%s'", policy->name);
	check_throttle(model, ladder, ladder, whose, err);
	snprintf(whose, sizeof(whose), "the aggregate of policy '%s'", policy->name);
	check_throttle(model, &policy->aggregate.bytes_out, ladder, whose, err);
	snprintf(whose, sizeof(whose), "the total of policy '%s'", policy->name);
	check_throttle(model, &policy->total.bytes_out, ladder, whose, err);
}

static void check_policy(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 struct crmg_err *err)
{
	const struct crmg_model_bytes_out *out = &policy->bytes_out;
	char whose[WHOSE_LEN];

	if (policy->deny && out->count)
		crmg_check_error(model, err, out->place, "policy '%s' has 'deny: true' and limit "
				 "'bytes_out'; one excludes the other", policy->name);
	check_rates(model, policy, err);
	snprintf(whose, sizeof(whose), "policy '%s'", policy->name);
	if (!out->count && !policy->aggregate.bytes_out.count && !policy->total.bytes_out.count)
		check_needed(model, out, whose, err);
}

static void check_service(const struct crmg_model *model, const struct crmg_model_service *service,
			  struct crmg_err *err)
{
	const struct crmg_model_bytes_out *out = &service->total.bytes_out;
	char whose[WHOSE_LEN], per[CRMG_NUM_LEN];

	snprintf(whose, sizeof(whose), "the total of service '%s'", service->name);
	if (!out->count)
		check_needed(model, out, whose, err);
	check_throttle(model, out, out, whose, err);
	for (size_t i = 0; i < out->count; i++)
		if (out->quota[i].per_s < CRMG_QUOTA_PER_MIN_SERVICE)
			crmg_check_error(model, err, out->quota[i].place, "a quota per %s is too short "
					 "for %s; accepted is 1m to 31d",
					 crmg_format_time(out->quota[i].per_s * CRMG_NS_PER_SEC, per,
							  sizeof(per)), whose);
}

/* One that another never lets anybody reach. */
static void warn_idle(const struct crmg_model *model, const struct crmg_model_quota *idle,
		      const char *whose, const struct crmg_model_quota *other, const char *where,
		      struct crmg_err *err)
{
	char bytes[2][CRMG_NUM_LEN], per[2][CRMG_NUM_LEN];

	crmg_check_warn(model, err, idle->place, "quota %s per %s of %s has no effect beside %s per "
			"%s%s",
			crmg_format_bytes(idle->bytes, bytes[0], CRMG_NUM_LEN),
			crmg_format_time(idle->per_s * CRMG_NS_PER_SEC, per[0], CRMG_NUM_LEN), whose,
			crmg_format_bytes(other->bytes, bytes[1], CRMG_NUM_LEN),
			crmg_format_time(other->per_s * CRMG_NS_PER_SEC, per[1], CRMG_NUM_LEN),
			where);
}

/* Of two quotas of one budget. */
static void warn_quotas(const struct crmg_model *model, const struct crmg_model_bytes_out *out,
			const char *whose, struct crmg_err *err)
{
	for (size_t i = 1; i < out->count; i++) {
		const struct crmg_model_quota *fast = &out->quota[i - 1], *slow = &out->quota[i];
		uint64_t windows = (slow->per_s + fast->per_s - 1) / fast->per_s;

		if (slow->bytes <= fast->bytes)
			warn_idle(model, fast, whose, slow, "", err);
		else if ((unsigned __int128)fast->bytes * windows <= slow->bytes)
			warn_idle(model, slow, whose, fast, "", err);
	}
}

/* Of a source, a wider prefix or a policy, beside one that more of them share. */
static void warn_below(const struct crmg_model *model, const struct crmg_model_bytes_out *own,
		       const char *whose, const struct crmg_model_bytes_out *shared,
		       const char *where, struct crmg_err *err)
{
	for (size_t i = 0; i < own->count; i++)
		for (size_t j = 0; j < shared->count; j++)
			if (shared->quota[j].bytes <= own->quota[i].bytes &&
			    shared->quota[j].per_s >= own->quota[i].per_s) {
				warn_idle(model, &own->quota[i], whose, &shared->quota[j], where,
					  err);
				break;
			}
}

/*
 * Of a rate that lets a whole quota out each second: it holds up nobody whom the quota does.
 * Above the quota over its time it may well be: who used that up at once is slowed down.
 */
static void warn_throttle(const struct crmg_model *model, const struct crmg_model_bytes_out *out,
			  const struct crmg_model_bytes_out *ladder, const char *whose,
			  struct crmg_err *err)
{
	const struct crmg_model_quota *least = &out->quota[0];
	char rate[CRMG_NUM_LEN], bytes[CRMG_NUM_LEN], per[CRMG_NUM_LEN];

	for (size_t i = 1; i < out->count; i++)
		if (out->quota[i].bytes < least->bytes)
			least = &out->quota[i];
	if (!out->count || ladder->on_budget != CRMG_ON_BUDGET_THROTTLE ||
	    out->throttle_to < least->bytes)
		return;
	crmg_check_warn(model, err, out->throttle_place.line ? out->throttle_place : least->place,
			"'throttle_to' of %s, %s, hardly slows: at it the whole quota %s per %s "
			"leaves in a second", whose,
			crmg_format_byte_rate(out->throttle_to, CRMG_NS_PER_SEC, rate, sizeof(rate)),
			crmg_format_bytes(least->bytes, bytes, sizeof(bytes)),
			crmg_format_time(least->per_s * CRMG_NS_PER_SEC, per, sizeof(per)));
}

static void warn_policy(const struct crmg_model *model, const struct crmg_model_policy *policy,
			struct crmg_err *err)
{
	const struct crmg_model_bytes_out *aggregate = &policy->aggregate.bytes_out;
	const struct crmg_model_bytes_out *total = &policy->total.bytes_out;
	char whose[WHOSE_LEN], wide[WHOSE_LEN], together[WHOSE_LEN];

	snprintf(whose, sizeof(whose), "policy '%s'", policy->name);
	snprintf(wide, sizeof(wide), "the aggregate of policy '%s'", policy->name);
	snprintf(together, sizeof(together), "the total of policy '%s'", policy->name);
	warn_quotas(model, &policy->bytes_out, whose, err);
	warn_quotas(model, aggregate, wide, err);
	warn_quotas(model, total, together, err);
	warn_throttle(model, &policy->bytes_out, &policy->bytes_out, whose, err);
	warn_throttle(model, aggregate, &policy->bytes_out, wide, err);
	warn_throttle(model, total, &policy->bytes_out, together, err);
	warn_below(model, &policy->bytes_out, whose, aggregate, " of its aggregate", err);
	warn_below(model, &policy->bytes_out, whose, total, " of its total", err);
	warn_below(model, aggregate, wide, total, " of its total", err);
	for (size_t i = 0; i < policy->service_count; i++) {
		const struct crmg_model_service *service = &model->services[policy->services[i]];
		const struct crmg_model_bytes_out *wider = &service->total.bytes_out;

		warn_below(model, &policy->bytes_out, whose, wider, " of the service", err);
		warn_below(model, aggregate, wide, wider, " of the service", err);
		warn_below(model, total, together, wider, " of the service", err);
	}
}

/* Its windows are kept by prefix: of one as long as a source's they would be those of the source. */
static void check_default_width(const struct crmg_model *model,
				const struct crmg_model_policy *policy, struct crmg_err *err)
{
	const struct { const char *family; unsigned int bits, usual, source; } width[] = {
		{ "ipv4", policy->v4_wide.bits, 24, model->v4_prefix },
		{ "ipv6", policy->v6_wide.bits, 48, model->v6_prefix },
	};

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(width); i++)
		if (policy->aggregate.bytes_out.count && !width[i].bits &&
		    width[i].usual >= width[i].source)
			crmg_check_error(model, err, policy->place,
					 "the aggregate of policy '%s' is of %s /%u, which is not wider "
					 "than a source, which is /%u (sources.%s_prefix): say '%s:', 1 "
					 "to %u, in it", policy->name, width[i].family, width[i].usual,
					 width[i].source, width[i].family, width[i].family,
					 width[i].source - 1);
}

void crmg_check_quotas(const struct crmg_model *model, struct crmg_err *err)
{
	bool was_read = !err->errors;
	char whose[WHOSE_LEN];

	/* A quota that could not be read would be missed wrongly. */
	for (size_t i = 0; was_read && i < model->service_count; i++)
		check_service(model, &model->services[i], err);
	for (size_t i = 0; was_read && i < model->policy_count; i++) {
		check_policy(model, &model->policies[i], err);
		check_default_width(model, &model->policies[i], err);
	}
	for (size_t i = 0; !err->errors && i < model->service_count; i++) {
		const struct crmg_model_bytes_out *out = &model->services[i].total.bytes_out;

		snprintf(whose, sizeof(whose), "the total of service '%s'", model->services[i].name);
		warn_quotas(model, out, whose, err);
		warn_throttle(model, out, out, whose, err);
	}
	for (size_t i = 0; !err->errors && i < model->policy_count; i++)
		warn_policy(model, &model->policies[i], err);
}
