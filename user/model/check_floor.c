// SPDX-License-Identifier: GPL-2.0
/* check_floor.c - `tls` of policies: whether their services speak it, and what it refuses. */
#include "check.h"

static void check_protocol(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   struct crmg_err *err)
{
	for (size_t s = 0; s < policy->service_count; s++) {
		const struct crmg_model_service *service = &model->services[policy->services[s]];

		if (service->protocol != CRMG_PROTOCOL_TLS)
			crmg_check_error(model, err, policy->floor.place,
					 "'tls' needs protocol tls, which service '%s' of policy '%s' "
					 "has not", service->name, policy->name);
	}
}

void crmg_check_floor(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		if (!policy->floor.set)
			continue;
		check_protocol(model, policy, err);
		if (policy->deny)
			crmg_check_error(model, err, policy->floor.place,
					 "policy '%s' has 'deny: true' and 'tls'; one excludes the "
					 "other", policy->name);
	}
	for (size_t i = 0; i < model->policy_count && !err->errors; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		if (policy->floor.minimum_place.line)
			crmg_check_warn(model, err, policy->floor.minimum_place,
					"policy '%s' counts connections below its 'minimum', and "
					"refuses none: say 'minimum_action: refuse', or 'observe' if "
					"that is meant", policy->name);
	}
}
