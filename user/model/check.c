/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check.c - is the policy as a whole one that can be compiled and that means
 * one thing? Numbers of things first: what follows is only bounded by them.
 */
#include "check.h"

#include <errno.h>
#include <stdlib.h>

#include "../base/util.h"

static const char *const transport_names[] = {
#define X(ID, name, ...) [CRMG_TRANSPORT_##ID] = name,
	CRMG_TRANSPORTS(X)
#undef X
};

static void check_count(const struct crmg_model *model, const char *what, size_t needed,
			size_t most, struct crmg_err *err)
{
	if (needed > most)
		crmg_err_at(err, CRMG_ERROR, model->shown, 0, 0,
			    "the policy needs %zu %s, there are at most %zu", needed, what, most);
}

static size_t count_bindings(const struct crmg_model *model)
{
	size_t bindings = (2 + model->gate_count) * model->service_count;	/* none, allow, gates */

	for (size_t i = 0; i < model->policy_count; i++)
		bindings += model->policies[i].service_count * model->policies[i].client_count;
	return bindings;
}

static void check_counts(const struct crmg_model *model, struct crmg_err *err)
{
	size_t prefixes = model->allow_count;

	for (size_t i = 0; i < model->client_count; i++)
		prefixes += model->clients[i].prefix_count;
	for (size_t i = 0; i < model->gate_count; i++)
		prefixes += model->gates[i].prefix_count;
	check_count(model, "services", model->service_count, CRMG_SERVICES_MAX, err);
	check_count(model, "clients", model->client_count, CRMG_CLIENTS_MAX, err);
	check_count(model, "policies", model->policy_count, CRMG_POLICIES_MAX, err);
	check_count(model, "prefixes", prefixes, CRMG_PREFIXES_MAX, err);
	check_count(model, "bindings (services x clients of each policy, and two a service)",
		    count_bindings(model), CRMG_BINDINGS_MAX - 1, err);
}

static void check_services(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t i = 0; i < model->service_count; i++) {
		for (size_t k = 0; k < i; k++) {
			const struct crmg_model_service *a = &model->services[k];
			const struct crmg_model_service *b = &model->services[i];
			unsigned int port = crmg_model_shared_port(a, b);

			if (!port || a->names_place.line || b->names_place.line)
				continue;
			crmg_check_error(model, err, b->place,
					 "service '%s' overlaps service '%s' (line %u): both have "
					 "%s port %u; give them different ports, or addresses that "
					 "do not overlap", b->name, a->name, a->place.line,
					 transport_names[b->transport], port);
		}
	}
}

struct binding {
	size_t service;
	size_t client;
	size_t policy;
};

static int by_binding(const void *left, const void *right)
{
	const struct binding *a = left, *b = right;

	if (a->service != b->service)
		return a->service < b->service ? -1 : 1;
	if (a->client != b->client)
		return a->client < b->client ? -1 : 1;
	return (a->policy > b->policy) - (a->policy < b->policy);
}

/* Two policies for one (service, client). Bounded by CRMG_BINDINGS_MAX. */
static int check_bindings(const struct crmg_model *model, struct crmg_err *err)
{
	crmg_autofree struct binding *bindings = calloc(CRMG_BINDINGS_MAX, sizeof(*bindings));
	size_t count = 0;

	if (!bindings)
		return -ENOMEM;
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		for (size_t s = 0; s < policy->service_count; s++)
			for (size_t c = 0; c < policy->client_count; c++)
				bindings[count++] = (struct binding){
					policy->services[s], policy->clients[c], i
				};
	}
	qsort(bindings, count, sizeof(*bindings), by_binding);
	for (size_t i = 1; i < count; i++) {
		const struct binding *a = &bindings[i - 1], *b = &bindings[i];
		const struct crmg_model_policy *first = &model->policies[a->policy];
		const struct crmg_model_policy *second = &model->policies[b->policy];

		if (a->service != b->service || a->client != b->client)
			continue;
		crmg_check_error(model, err, second->place,
				 "policy '%s' and policy '%s' (line %u) are both for service '%s' "
				 "and client '%s'; one policy each", second->name, first->name,
				 first->place.line, model->services[b->service].name,
				 b->client == CRMG_CLIENT_ANY ? "any" :
				 model->clients[b->client].name);
	}
	return 0;
}

static void find_use(const struct crmg_model *model, struct crmg_check_use *use)
{
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];
		uint64_t services = 0;

		for (size_t s = 0; s < policy->service_count; s++)
			services |= 1ULL << policy->services[s];
		for (size_t c = 0; c < policy->client_count; c++) {
			if (policy->clients[c] == CRMG_CLIENT_ANY)
				continue;
			use[policy->clients[c]].services |= services;
			if (policy->deny)
				use[policy->clients[c]].denied |= services;
		}
	}
}

static int by_entry(const void *left, const void *right)
{
	const struct crmg_check_entry *a = left, *b = right;
	int order = crmg_addr_is_v4(&b->pfx.addr) - crmg_addr_is_v4(&a->pfx.addr);

	if (!order)
		order = crmg_addr_cmp(&a->pfx.addr, &b->pfx.addr);
	if (!order)
		order = (int)a->pfx.len - b->pfx.len;
	return order ? order : (a->client > b->client) - (a->client < b->client);
}

struct crmg_model_prefix *crmg_check_prefix(const struct crmg_model *model,
					    const struct crmg_check_entry *entry)
{
	return entry->client == CRMG_CHECK_ALLOW ? &model->allow[entry->index]
	       : &model->clients[entry->client].prefixes[entry->index];
}

const char *crmg_check_file(const struct crmg_model *model, const struct crmg_check_entry *entry)
{
	const struct crmg_model_prefix *prefix = crmg_check_prefix(model, entry);

	return prefix->from_file ? model->clients[entry->client].files[prefix->file]
				 : model->shown;
}

static void free_entries(struct crmg_check_entries *entries)
{
	free(entries->entry);
}

static int collect(const struct crmg_model *model, struct crmg_check_entries *ret)
{
	struct crmg_check_entry *entry;
	size_t count = model->allow_count;

	for (size_t c = 0; c < model->client_count; c++)
		count += model->clients[c].prefix_count;
	entry = reallocarray(ret->entry, count + 1, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*ret = (struct crmg_check_entries){ .entry = entry, .count = count };

	for (size_t c = 0; c < model->client_count; c++)
		for (size_t i = 0; i < model->clients[c].prefix_count; i++)
			*entry++ = (struct crmg_check_entry){
				model->clients[c].prefixes[i].pfx, c, i
			};
	for (size_t i = 0; i < model->allow_count; i++)
		*entry++ = (struct crmg_check_entry){ model->allow[i].pfx, CRMG_CHECK_ALLOW, i };
	qsort(ret->entry, count, sizeof(*entry), by_entry);
	while (ret->v4_count < count && crmg_addr_is_v4(&ret->entry[ret->v4_count].pfx.addr))
		ret->v4_count++;
	return 0;
}

/* Everything whose cost and bit masks rely on the numbers being in bounds. */
static int check_relations(struct crmg_model *model, struct crmg_err *err)
{
	crmg_autofree struct crmg_check_use *use = calloc(model->client_count + 1, sizeof(*use));
	__attribute__((cleanup(free_entries))) struct crmg_check_entries entries = { 0 };
	int r;

	if (!use)
		return -ENOMEM;
	check_services(model, err);
	crmg_check_names(model, err);
	r = check_bindings(model, err);
	if (r < 0)
		return r;
	r = collect(model, &entries);
	if (r < 0)
		return r;
	find_use(model, use);
	if (crmg_check_prefixes(model, use, &entries, err))
		r = collect(model, &entries);
	if (r < 0 || err->errors)
		return r;
	return crmg_check_reach(model, use, &entries, err);
}

int crmg_model_check(struct crmg_model *model, struct crmg_err *err)
{
	size_t before = err->errors;

	check_counts(model, err);
	if (err->errors == before) {
		int r = check_relations(model, err);

		if (r < 0)
			return crmg_err_set(err, r, "out of memory");
	}
	crmg_check_quotas(model, err);
	crmg_check_allow(model, err);
	crmg_check_floor(model, err);
	crmg_check_detect(model, err);
	crmg_check_limits(model, err);
	crmg_check_answers(model, err);
	return err->errors == before ? 0 : -EINVAL;
}
