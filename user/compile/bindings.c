// SPDX-License-Identifier: GPL-2.0
/*
 * bindings.c - which (service, client) pairs there are, and the arithmetic that
 * turns a rate and a burst into the limiter's cost and tolerance.
 */
#include "build.h"

#include <string.h>

#include "../base/num.h"
#include "../base/util.h"

typedef unsigned __int128 u128;

/* Times in a limiter stay below this, so that sums of two fit a signed word. */
#define UNITS_MAX (1ULL << 62)

#define SHIFT_OF(ID, name, unit, shift, help) [CRMG_LIMIT_##ID] = (shift),
static const uint8_t limit_shift[CRMG_LIMIT_COUNT] = { CRMG_LIMITS(SHIFT_OF) };

/* One more binding; its index is returned. binds has room (see count_binds). */
static uint16_t add_bind(struct crmg_build *b, struct crmg_bind bind)
{
	b->binds[b->bind_count] = bind;
	return b->bind_count++;
}

/* Those of the policies, and the built-in ones of each service. */
static size_t count_binds(const struct crmg_model *model)
{
	size_t count = (2 + model->gate_count) * model->service_count;

	for (size_t i = 0; i < model->policy_count; i++)
		count += model->policies[i].service_count * model->policies[i].client_count;
	return count;
}

/* An entry of the image's quotas; 0: there are none. */
static uint16_t add_quotas(struct crmg_build *b, const struct crmg_model_bytes_out *bytes_out)
{
	if (!bytes_out->count)
		return 0;
	b->quotas_count += b->quotas_count ? 1 : 2;
	return b->quotas_count - 1;
}

/* The same of what requests may be. */
static uint16_t add_http(struct crmg_build *b, const struct crmg_model_http *http)
{
	if (!http->set)
		return 0;
	b->http_count += b->http_count ? 1 : 2;
	return b->http_count - 1;
}

/* bind: what is the same for all clients. */
static void bind_policy(struct crmg_build *b, const struct crmg_model_policy *policy, size_t s,
			const struct crmg_bind *bind)
{
	uint8_t service = b->index_of[s];

	for (size_t i = 0; i < policy->client_count; i++) {
		size_t client = policy->clients[i];
		bool any = client == CRMG_CLIENT_ANY;
		uint16_t index = add_bind(b, (struct crmg_bind){
			.policy = policy,
			.at = &b->model->services[s],
			.policy_name = policy->name,
			.client_name = any ? "any" : b->model->clients[client].name,
			.owner = any ? CRMG_OWNER_NONE : client + 1,
			.kind = policy->deny ? CRMG_BINDING_DENY : CRMG_BINDING_POLICY,
			.service = service,
			.quotas = bind->quotas,
			.aggregate_quotas = bind->aggregate_quotas,
			.total_quotas = bind->total_quotas,
			.http = bind->http,
			.contract = !any && crmg_contract_may_end(&b->model->clients[client].contract)
				    ? b->contract_of[client] : 0,
		});

		if (any)
			b->none[service] = index;
	}
}

static void bind_built_in(struct crmg_build *b, size_t s)
{
	const struct crmg_model_service *at = &b->model->services[s];
	uint8_t service = b->index_of[s];

	if (!b->none[service])
		b->none[service] = add_bind(b, (struct crmg_bind){
			.at = at,
			.policy_name = "none",
			.client_name = "any",
			.owner = CRMG_OWNER_NONE,
			.kind = CRMG_BINDING_NO_POLICY,
			.service = service,
		});
	b->allow[service] = add_bind(b, (struct crmg_bind){
		.at = at,
		.policy_name = "allow",
		.client_name = "allow",
		.owner = CRMG_OWNER_ALLOW,
		.kind = CRMG_BINDING_ALLOW,
		.service = service,
	});
	for (size_t gate = 0; gate < b->model->gate_count; gate++)
		add_bind(b, (struct crmg_bind){
			.at = at,
			.policy_name = "allow",
			.client_name = b->gate_name[gate],
			.owner = CRMG_OWNER_GATE(b->model, gate),
			.kind = CRMG_BINDING_ALLOW,
			.gate = gate + 1,
			.service = service,
		});
}

int crmg_build_binds(struct crmg_build *b)
{
	const struct crmg_model *model = b->model;
	size_t count = count_binds(model);

	if (count >= CRMG_BINDINGS_MAX)
		return crmg_err_set(b->err, -E2BIG, "the policies name %zu pairs of service and "
				    "client, built-in ones included; at most %d fit",
				    count, CRMG_BINDINGS_MAX - 1);
	b->binds = calloc(count + 1, sizeof(*b->binds));
	if (!b->binds)
		return -ENOMEM;
	b->bind_count = 1;
	for (size_t p = 0; p < model->policy_count; p++) {
		const struct crmg_model_policy *policy = &model->policies[p];
		struct crmg_bind bind = { .quotas = add_quotas(b, &policy->bytes_out) };

		bind.aggregate_quotas = add_quotas(b, &policy->aggregate.bytes_out);
		bind.total_quotas = add_quotas(b, &policy->total.bytes_out);
		bind.http = add_http(b, &policy->http);
		for (size_t s = 0; s < policy->service_count; s++)
			bind_policy(b, policy, policy->services[s], &bind);
	}
	for (size_t s = 0; s < model->service_count; s++) {
		b->service_quotas[b->index_of[s]] = add_quotas(b, &model->services[s].total.bytes_out);
		bind_built_in(b, s);
	}
	return 0;
}

static uint64_t capped(u128 units)
{
	return units < UNITS_MAX ? units : UNITS_MAX;
}

struct crmg_limit crmg_limit_of(const struct crmg_terms *terms, unsigned int shift)
{
	u128 per = (u128)terms->per_ns << CRMG_UNITS_PER_NS_SHIFT;
	uint64_t cost = capped(((per << shift) + terms->count / 2) / terms->count);
	u128 tolerance, least, next;

	if (!cost)
		cost = 1;
	/* The cost is rounded: keep the burst, in whole units, what it was. */
	tolerance = per * terms->burst / terms->count;
	least = ((u128)cost * terms->burst) >> shift;
	next = ((u128)cost * terms->burst + cost) >> shift;
	if (tolerance >= next)
		tolerance = next - 1;
	if (tolerance < least)
		tolerance = least;
	return (struct crmg_limit){ .cost = cost, .tolerance = capped(tolerance) };
}

/* The burst is a second's: who lost his turn for less has lost no bytes by it. */
struct crmg_limit crmg_throttle_of(uint64_t per_s)
{
	const struct crmg_terms terms = { per_s, CRMG_NS_PER_SEC, per_s };

	return crmg_limit_of(&terms, limit_shift[CRMG_LIMIT_BYTES]);
}

uint8_t crmg_write_limits(const struct crmg_model_limit *limits, unsigned int count,
			  struct crmg_limit *ret, struct crmg_terms *ret_terms)
{
	uint8_t set = 0;

	for (unsigned int i = 0; i < count; i++) {
		if (!limits[i].set)
			continue;
		set |= 1 << i;
		ret[i] = crmg_limit_of(&limits[i].terms, limit_shift[i]);
		ret_terms[i] = limits[i].terms;
	}
	return set;
}

static unsigned int shorter(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * The prefix whose sources share an aggregate. It is set without one too: sources
 * for which there is no slot are judged by their wider prefix.
 */
static void write_widths(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 struct crmg_binding *binding)
{
	binding->v4_wide = 96 + (policy->v4_wide.bits ? policy->v4_wide.bits
						      : shorter(24, model->v4_prefix));
	binding->v6_wide = policy->v6_wide.bits ? policy->v6_wide.bits
						: shorter(48, model->v6_prefix);
}

/* Caps of each source; their numbers are all there is to them. */
static void write_caps(const struct crmg_model_cap *caps, struct crmg_binding *binding)
{
	for (size_t i = 0; i < CRMG_CAP_COUNT; i++)
		binding->cap[i] = caps[i].max;
}

static void write_floor(const struct crmg_model_floor *floor, struct crmg_binding *binding)
{
	if (!floor->set)
		return;
	binding->tls_minimum = floor->minimum;
	binding->floor = CRMG_BINDING_FLOOR;
	if (floor->minimum && floor->below == CRMG_FLOOR_REFUSE)
		binding->floor |= CRMG_BINDING_FLOOR_VERSION;
	if (floor->plaintext == CRMG_FLOOR_REFUSE)
		binding->floor |= CRMG_BINDING_FLOOR_PLAINTEXT;
}

uint8_t crmg_binding_asks(const struct crmg_binding *binding)
{
	for (size_t i = 0; i < CRMG_CAP_COUNT; i++)
		if (binding->cap[i])
			return CRMG_BINDING_CONNS;
	if (binding->reads || binding->limits & 1U << CRMG_LIMIT_HANDSHAKE_FAILURES)
		return CRMG_BINDING_CONNS;
	if (binding->mode == CRMG_MODE_ENFORCE && binding->floor & CRMG_BINDING_FLOOR_REFUSES)
		return CRMG_BINDING_CONNS;
	if ((binding->aggregate_quotas || binding->total_quotas) &&
	    binding->on_budget == CRMG_ON_BUDGET_CUT)
		return 0;
	return binding->flags & CRMG_BINDING_WIDER ? 0 : CRMG_BINDING_PLAIN;
}

/* All that a policy with limits says. */
static void write_policy(const struct crmg_build *b, const struct crmg_bind *bind,
			 struct crmg_binding *binding, struct crmg_label *label)
{
	const struct crmg_model_policy *policy = bind->policy;
	bool balancer = bind->owner != CRMG_OWNER_NONE &&
			b->model->clients[bind->owner - 1].balancer;

	binding->limits = crmg_write_limits(policy->limits, CRMG_LIMIT_COUNT, binding->limit,
					    label->terms);
	binding->aggregate_limits = crmg_write_limits(policy->aggregate.limits,
						      CRMG_BUCKET_LIMITS, binding->aggregate,
						      label->aggregate);
	binding->total_limits = crmg_write_limits(policy->total.limits, CRMG_BUCKET_LIMITS,
						  binding->total, label->total);
	write_caps(policy->caps, binding);
	write_floor(&policy->floor, binding);
	binding->http = bind->http;
	/* What is refused for what it is has to be read, too. */
	binding->reads = binding->limits & CRMG_LIMITS_ASKED || binding->http ||
			 (binding->protocol == CRMG_PROTOCOL_HTTP &&
			  binding->sanity == CRMG_SANITY_REFUSE);
	write_widths(b->model, policy, binding);
	binding->quotas = bind->quotas;
	binding->aggregate_quotas = bind->aggregate_quotas;
	binding->total_quotas = bind->total_quotas;
	binding->on_budget = policy->bytes_out.on_budget;
	if (binding->aggregate_limits)
		binding->flags |= CRMG_BINDING_AGGREGATE;
	if (binding->total_limits)
		binding->flags |= CRMG_BINDING_TOTAL;
	if (balancer)
		binding->flags |= CRMG_BINDING_BALANCER;
	binding->detect = policy->detect.what;
	if (!policy->ban.set || balancer)
		return;
	binding->flags |= CRMG_BINDING_BAN;
	binding->ban = policy->ban.terms;
	binding->strike_limits = binding->limits & CRMG_STRIKE_LIMITS &
				 (policy->ban.strike_limits ? policy->ban.strike_limits : ~0u);
}

/* True if a budget that it is under refuses what leaves. */
static bool may_cut(const struct crmg_bind *bind, const struct crmg_binding *binding)
{
	const struct crmg_model_bytes_out *service = &bind->at->total.bytes_out;

	return ((binding->quotas || binding->aggregate_quotas || binding->total_quotas) &&
		binding->on_budget == CRMG_ON_BUDGET_CUT) ||
	       (binding->flags & CRMG_BINDING_SERVICE && service->count &&
		service->on_budget == CRMG_ON_BUDGET_CUT);
}

void crmg_bind_write(const struct crmg_build *b, const struct crmg_bind *bind,
		     struct crmg_binding *binding, struct crmg_label *label)
{
	const struct crmg_model_policy *policy = bind->policy;

	binding->generation = b->generation;
	binding->row = bind->row;
	if (bind->owner != CRMG_OWNER_NONE && bind->owner != CRMG_OWNER_ALLOW && !bind->gate)
		binding->client_row = b->client_row[bind->owner - 1];
	binding->kind = bind->kind;
	binding->gate = bind->gate;
	binding->mode = b->mode;
	binding->service = bind->service;
	binding->sanity = bind->at->sanity;
	binding->protocol = bind->at->protocol;
	binding->contract = bind->contract;
	binding->fallback = bind->contract ? b->none[bind->service] : 0;
	crmg_copy(label->service, sizeof(label->service), bind->at->name);
	crmg_copy(label->policy, sizeof(label->policy), bind->policy_name);
	crmg_copy(label->client, sizeof(label->client), bind->client_name);
	if (policy && policy->mode < b->mode)
		binding->mode = policy->mode;
	if (policy)
		binding->on_exceed = policy->on_exceed;
	if (bind->kind == CRMG_BINDING_POLICY)
		write_policy(b, bind, binding, label);
	if (bind->at->total.set &&
	    (bind->kind == CRMG_BINDING_POLICY || bind->kind == CRMG_BINDING_NO_POLICY))
		binding->flags |= CRMG_BINDING_SERVICE;
	if (bind->kind == CRMG_BINDING_POLICY && binding->mode != CRMG_MODE_OFF)
		binding->flags |= crmg_binding_asks(binding);
	if (binding->mode != CRMG_MODE_OFF && may_cut(bind, binding))
		binding->flags |= CRMG_BINDING_CUTS;
}
