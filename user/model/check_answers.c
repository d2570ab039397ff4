/* SPDX-License-Identifier: GPL-2.0 */
/* check_answers.c - what policies say of what is answered to requests: does it fit the protocol? */
#include "check.h"

const char *const crmg_check_protocols[] = {
#define X(ID, name, ...) [CRMG_PROTOCOL_##ID] = name,
	CRMG_PROTOCOLS(X)
#undef X
};

/* A request can be answered where it is read, and refused for itself. */
static void check_reject(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 struct crmg_err *err)
{
	if (policy->on_exceed != CRMG_ACTION_REJECT)
		return;
	for (size_t s = 0; s < policy->service_count; s++) {
		const struct crmg_model_service *service = &model->services[policy->services[s]];

		if (service->protocol != CRMG_PROTOCOL_HTTP)
			crmg_check_error(model, err, policy->place,
					 "'on_exceed: reject' answers requests of plain HTTP and needs "
					 "protocol http; service '%s' of policy '%s' is %s: say reset",
					 service->name, policy->name,
					 crmg_check_protocols[service->protocol]);
	}
	if (!policy->limits[CRMG_LIMIT_REQUESTS].set &&
	    !policy->limits[CRMG_LIMIT_AUTH_FAILURES].set)
		crmg_check_error(model, err, policy->place,
				 "'on_exceed: reject' answers requests that are too many, of which "
				 "policy '%s' has no limit: give it limit 'requests' or "
				 "'auth_failures', or say reset",
				 policy->name);
}

/* What the server answers is seen in plain text; handshakes are those of TLS. */
static void check_failures(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   enum crmg_limit_id limit, enum crmg_protocol protocol,
			   struct crmg_err *err)
{
	const struct crmg_model_limit *failures = &policy->limits[limit];

	if (!failures->set)
		return;
	for (size_t s = 0; s < policy->service_count; s++) {
		const struct crmg_model_service *service = &model->services[policy->services[s]];

		if (service->protocol != protocol)
			crmg_check_error(model, err, failures->place,
					 "limit '%s' needs protocol %s; service '%s' of policy "
					 "'%s' is %s", crmg_check_kinds[limit],
					 crmg_check_protocols[protocol], service->name,
					 policy->name,
					 crmg_check_protocols[service->protocol]);
	}
}

/* What a request asks for is seen in plain text, too. */
static void check_http(const struct crmg_model *model, const struct crmg_model_policy *policy,
		       struct crmg_err *err)
{
	if (!policy->http.set)
		return;
	for (size_t s = 0; s < policy->service_count; s++) {
		const struct crmg_model_service *service = &model->services[policy->services[s]];

		if (service->protocol != CRMG_PROTOCOL_HTTP)
			crmg_check_error(model, err, policy->http.place,
					 "'http' needs protocol http; service '%s' of policy '%s' is %s",
					 service->name, policy->name,
					 crmg_check_protocols[service->protocol]);
	}
	if (policy->deny)
		crmg_check_error(model, err, policy->http.place,
				 "policy '%s' has 'deny: true' and 'http'; one excludes the other",
				 policy->name);
}

void crmg_check_answers(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t i = 0; i < model->policy_count; i++) {
		check_reject(model, &model->policies[i], err);
		check_failures(model, &model->policies[i], CRMG_LIMIT_AUTH_FAILURES,
			       CRMG_PROTOCOL_HTTP, err);
		check_failures(model, &model->policies[i], CRMG_LIMIT_HANDSHAKE_FAILURES,
			       CRMG_PROTOCOL_TLS, err);
		check_http(model, &model->policies[i], err);
	}
}
