// SPDX-License-Identifier: GPL-2.0
/* check_detect.c - `detect` of policies: whether they count what it is told by. */
#include "check.h"

void crmg_check_detect(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		if (!policy->detect.what)
			continue;
		if (policy->deny)
			crmg_check_error(model, err, policy->detect.place,
					 "policy '%s' has 'deny: true' and 'detect'; one "
					 "excludes the other", policy->name);
		else if (!policy->limits[CRMG_LIMIT_REQUESTS].set)
			crmg_check_error(model, err, policy->detect.place,
					 "'detect' of policy '%s' needs a limit of requests, or "
					 "they are not counted: 'limits: {requests: {rate: ..}}', "
					 "of protocol http or tls", policy->name);
	}
}
