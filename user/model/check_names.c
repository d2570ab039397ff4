// SPDX-License-Identifier: GPL-2.0
/*
 * check_names.c - services that are told apart by server names. What comes before the name of a
 * connection is known belongs to the service without names at the same ports: there is exactly
 * one, and it has all of them.
 */
#include "check.h"

#include <string.h>

static bool addresses_meet(const struct crmg_model_service *a, const struct crmg_model_service *b)
{
	if (!a->address_count || !b->address_count)
		return true;
	for (size_t i = 0; i < a->address_count; i++)
		for (size_t k = 0; k < b->address_count; k++)
			if (crmg_prefixes_meet(&a->addresses[i], &b->addresses[k]))
				return true;
	return false;
}

/* The first port that both have; 0: none. */
static unsigned int common_port(const struct crmg_model_service *a,
				const struct crmg_model_service *b)
{
	for (size_t i = 0; i < a->port_count; i++) {
		for (size_t k = 0; k < b->port_count; k++) {
			const struct crmg_port_range *p = &a->ports[i], *q = &b->ports[k];

			if (p->first <= q->last && q->first <= p->last)
				return p->first > q->first ? p->first : q->first;
		}
	}
	return 0;
}

unsigned int crmg_model_shared_port(const struct crmg_model_service *a,
				    const struct crmg_model_service *b)
{
	return a->transport == b->transport && addresses_meet(a, b) ? common_port(a, b) : 0;
}

/* The first service without names from `from` on that shares a port with it; NULL: none. */
static const struct crmg_model_service *
base_from(const struct crmg_model *model, const struct crmg_model_service *service, size_t from)
{
	for (size_t i = from; i < model->service_count; i++)
		if (!model->services[i].names_place.line &&
		    crmg_model_shared_port(&model->services[i], service))
			return &model->services[i];
	return NULL;
}

const struct crmg_model_service *crmg_model_base(const struct crmg_model *model,
						 const struct crmg_model_service *service)
{
	return service->names_place.line ? base_from(model, service, 0) : NULL;
}

/* True if every port of a is one of b. No port stands twice in a list. */
static bool ports_within(const struct crmg_model_service *a, const struct crmg_model_service *b)
{
	for (size_t i = 0; i < a->port_count; i++) {
		unsigned int missing = a->ports[i].last - a->ports[i].first + 1u;

		for (size_t k = 0; k < b->port_count; k++) {
			const struct crmg_port_range *p = &a->ports[i], *q = &b->ports[k];
			unsigned int first = p->first > q->first ? p->first : q->first;
			unsigned int last = p->last < q->last ? p->last : q->last;

			missing -= first <= last ? last - first + 1 : 0;
		}
		if (missing)
			return false;
	}
	return true;
}

/* True if the lists have the same addresses. None stands twice. */
static bool same_addresses(const struct crmg_model_service *a, const struct crmg_model_service *b)
{
	size_t same = 0;

	for (size_t i = 0; i < a->address_count; i++)
		for (size_t k = 0; k < b->address_count; k++)
			same += a->addresses[i].len == b->addresses[k].len &&
				!crmg_addr_cmp(&a->addresses[i].addr, &b->addresses[k].addr);
	return same == a->address_count && same == b->address_count;
}

static void check_base(const struct crmg_model *model, const struct crmg_model_service *service,
		       struct crmg_err *err)
{
	const struct crmg_model_service *base = crmg_model_base(model, service), *second;

	if (!base) {
		crmg_check_error(model, err, service->names_place,
				 "service '%s' needs another one with the same ports and without "
				 "'server_names': what comes before the name of a connection is known "
				 "belongs to that", service->name);
		return;
	}
	second = base_from(model, service, (size_t)(base - model->services) + 1);
	if (second)
		crmg_check_error(model, err, service->names_place,
				 "service '%s' shares ports with '%s' and '%s', which both have no "
				 "'server_names'; give it the ports and 'addresses' of one of them",
				 service->name, base->name, second->name);
	else if (!ports_within(service, base) || !ports_within(base, service))
		crmg_check_error(model, err, service->place,
				 "service '%s' has 'server_names', so its ports are those of '%s' "
				 "(line %u), from which they tell it: give both the same", service->name,
				 base->name, base->place.line);
	else if (service->address_count && !same_addresses(service, base))
		crmg_check_error(model, err, service->place,
				 "service '%s' has 'server_names', so its addresses are those of '%s' "
				 "(line %u): give it the same, or none", service->name, base->name,
				 base->place.line);
	else if (base->protocol != CRMG_PROTOCOL_TLS)
		crmg_check_error(model, err, service->names_place,
				 "'server_names' of service '%s' needs protocol tls at service '%s' "
				 "too, which has its ports", service->name, base->name);
}

/* The name in a service before this one, or before it in this one; NULL: it is not there. */
static const struct crmg_model_server_name *
found_before(const struct crmg_model *model, size_t s, size_t n)
{
	const struct crmg_model_service *service = &model->services[s];
	const struct crmg_model_service *base = crmg_model_base(model, service);

	for (size_t i = 0; i <= s; i++) {
		const struct crmg_model_service *other = &model->services[i];
		size_t count = i == s ? n : other->name_count;

		if (!count || crmg_model_base(model, other) != base)
			continue;
		for (size_t k = 0; k < count; k++)
			if (!strcmp(other->names[k].text, service->names[n].text))
				return &other->names[k];
	}
	return NULL;
}

static void check_twice(const struct crmg_model *model, size_t s, struct crmg_err *err)
{
	const struct crmg_model_service *service = &model->services[s];

	for (size_t n = 0; n < service->name_count; n++) {
		const struct crmg_model_server_name *name = &service->names[n];
		const struct crmg_model_server_name *before = found_before(model, s, n);

		if (before)
			crmg_check_error(model, err, name->place,
					 "server name '%s%s' is in line %u already",
					 name->text[0] == '.' ? "*" : "", name->text,
					 before->place.line);
	}
}

/* A SYN has no name, so what is counted by SYNs never comes to a service with names. */
static void check_limit(const struct crmg_model *model, const struct crmg_model_service *service,
			const char *what, struct crmg_place place, struct crmg_err *err)
{
	const struct crmg_model_service *base = crmg_model_base(model, service);

	crmg_check_error(model, err, place,
			 "limit '%s' has no effect at service '%s', which has 'server_names': a SYN "
			 "has none; limit it at service '%s', where all connections begin", what,
			 service->name, base ? base->name : "without names");
}

static void check_policy(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 const struct crmg_model_service *service, struct crmg_err *err)
{
	const struct crmg_model_limit *const scopes[] = {
		policy->limits, policy->aggregate.limits, policy->total.limits,
	};

	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (scopes[i][CRMG_LIMIT_CONNECTIONS].set)
			check_limit(model, service, crmg_check_kinds[CRMG_LIMIT_CONNECTIONS],
				    scopes[i][CRMG_LIMIT_CONNECTIONS].place, err);
	for (size_t c = 0; c < CRMG_CAP_COUNT; c++)
		if (policy->caps[c].max)
			check_limit(model, service, crmg_check_caps[c], policy->caps[c].place, err);
}

void crmg_check_names(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t s = 0; s < model->service_count; s++) {
		const struct crmg_model_service *service = &model->services[s];
		const struct crmg_model_limit *total =
			&service->total.limits[CRMG_LIMIT_CONNECTIONS];

		if (!service->name_count)
			continue;
		if (service->protocol != CRMG_PROTOCOL_TLS)
			crmg_check_error(model, err, service->names_place,
					 "'server_names' needs protocol tls; service '%s' is %s",
					 service->name, crmg_check_protocols[service->protocol]);
		else
			check_base(model, service, err);
		check_twice(model, s, err);
		if (total->set)
			check_limit(model, service, crmg_check_kinds[CRMG_LIMIT_CONNECTIONS],
				    total->place, err);
	}
	for (size_t i = 0; i < model->policy_count; i++)
		for (size_t s = 0; s < model->policies[i].service_count; s++) {
			size_t at = model->policies[i].services[s];

			if (model->services[at].name_count)
				check_policy(model, &model->policies[i], &model->services[at], err);
		}
}
