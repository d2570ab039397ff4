/* SPDX-License-Identifier: GPL-2.0 */
/* check_quotas.c - what policies say of bytes that leave: does it fit together, has it an effect? */
#include "check.h"

#include "../base/num.h"

static void check_throttle(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   struct crmg_err *err)
{
	const struct crmg_model_bytes_out *out = &policy->bytes_out;
	bool throttles = out->on_budget == CRMG_ON_BUDGET_THROTTLE;

	if (throttles && !out->throttle_to)
		crmg_check_error(model, err, out->on_budget_place, "'on_budget: throttle' of policy "
				 "'%s' needs 'throttle_to', the rate that it goes on at, as "
				 "64kB/s", policy->name);
	if (!throttles && out->throttle_place.line)
		crmg_check_error(model, err, out->throttle_place, "'throttle_to' of policy '%s' needs "
				 "'on_budget: throttle', or it has no effect", policy->name);
}

static void check_policy(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 struct crmg_err *err)
{
	const struct crmg_model_bytes_out *out = &policy->bytes_out;

	if (policy->deny && out->count)
		crmg_check_error(model, err, out->place, "policy '%s' has 'deny: true' and limit "
				 "'bytes_out'; one excludes the other", policy->name);
	if (out->count) {
		check_throttle(model, policy, err);
		return;
	}
	if (out->notify_at)
		crmg_check_error(model, err, out->notify_place, "'notify_at' of policy '%s' needs "
				 "limit 'bytes_out', of which it is a part", policy->name);
	if (out->on_budget_place.line)
		crmg_check_error(model, err, out->on_budget_place, "'on_budget' of policy '%s' "
				 "needs limit 'bytes_out', or there is no budget", policy->name);
	if (out->throttle_place.line)
		crmg_check_error(model, err, out->throttle_place, "'throttle_to' of policy '%s' needs "
				 "limit 'bytes_out', or there is no budget", policy->name);
}

/* Of two quotas, one that the other never lets a source reach. */
static void warn_policy(const struct crmg_model *model, const struct crmg_model_policy *policy,
			struct crmg_err *err)
{
	const struct crmg_model_bytes_out *out = &policy->bytes_out;

	for (size_t i = 1; i < out->count; i++) {
		const struct crmg_model_quota *fast = &out->quota[i - 1], *slow = &out->quota[i];
		uint64_t windows = (slow->per_s + fast->per_s - 1) / fast->per_s;
		bool slow_first = slow->bytes <= fast->bytes;
		const struct crmg_model_quota *idle = slow_first ? fast : slow;
		const struct crmg_model_quota *other = slow_first ? slow : fast;
		char bytes[2][CRMG_NUM_LEN], per[2][CRMG_NUM_LEN];

		if (!slow_first && (unsigned __int128)fast->bytes * windows > slow->bytes)
			continue;
		crmg_check_warn(model, err, idle->place, "quota %s per %s of policy '%s' has no "
				"effect beside %s per %s",
				crmg_format_bytes(idle->bytes, bytes[0], CRMG_NUM_LEN),
				crmg_format_time(idle->per_s * CRMG_NS_PER_SEC, per[0], CRMG_NUM_LEN),
				policy->name,
				crmg_format_bytes(other->bytes, bytes[1], CRMG_NUM_LEN),
				crmg_format_time(other->per_s * CRMG_NS_PER_SEC, per[1],
						 CRMG_NUM_LEN));
	}
}

void crmg_check_quotas(const struct crmg_model *model, struct crmg_err *err)
{
	bool was_read = !err->errors;

	/* A quota that could not be read would be missed wrongly. */
	for (size_t i = 0; was_read && i < model->policy_count; i++)
		check_policy(model, &model->policies[i], err);
	for (size_t i = 0; !err->errors && i < model->policy_count; i++)
		warn_policy(model, &model->policies[i], err);
}
