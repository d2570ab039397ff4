/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_limits.c - what a policy and a service limit: whether the transport has
 * it, whether its parts exclude each other, whether it can have an effect.
 */
#include "check.h"

#include "../base/num.h"
#include "../base/util.h"

const char *const crmg_check_kinds[] = {
#define X(ID, name, ...) [CRMG_LIMIT_##ID] = name,
	CRMG_LIMITS(X)
#undef X
};

const char *const crmg_check_caps[] = {
#define X(ID, name, ...) [CRMG_CAP_##ID] = name,
	CRMG_CAPS(X)
#undef X
};

static const char *const transport_names[] = {
#define X(ID, name, ...) [CRMG_TRANSPORT_##ID] = name,
	CRMG_TRANSPORTS(X)
#undef X
};

static const char *const action_names[] = {
#define X(ID, name, ...) [CRMG_ACTION_##ID] = name,
	CRMG_ACTIONS(X)
#undef X
};

/* The last service of the policy that is not TCP; NULL: all are. */
static const struct crmg_model_service *udp_service(const struct crmg_model *model,
						    const struct crmg_model_policy *policy)
{
	const struct crmg_model_service *udp = NULL;

	for (size_t s = 0; s < policy->service_count; s++)
		if (model->services[policy->services[s]].transport != CRMG_TRANSPORT_TCP)
			udp = &model->services[policy->services[s]];
	return udp;
}

/* What only TCP has. */
static void check_transport(const struct crmg_model *model, const struct crmg_model_policy *policy,
			    struct crmg_err *err)
{
	const struct crmg_model_service *udp = udp_service(model, policy);
	const struct crmg_model_limit *const scopes[] = {
		policy->limits, policy->aggregate.limits, policy->total.limits,
	};

	if (!udp)
		return;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(scopes); i++)
		if (scopes[i][CRMG_LIMIT_CONNECTIONS].set)
			crmg_check_error(model, err, scopes[i][CRMG_LIMIT_CONNECTIONS].place,
					 "limit '%s' needs transport tcp; service '%s' of policy "
					 "'%s' is %s", crmg_check_kinds[CRMG_LIMIT_CONNECTIONS],
					 udp->name, policy->name, transport_names[udp->transport]);
	for (size_t c = 0; c < CRMG_CAP_COUNT; c++)
		if (policy->caps[c].max)
			crmg_check_error(model, err, policy->caps[c].place,
					 "limit '%s' needs transport tcp; service '%s' of policy "
					 "'%s' is %s", crmg_check_caps[c], udp->name, policy->name,
					 transport_names[udp->transport]);
	if (policy->on_exceed != CRMG_ACTION_DROP)
		crmg_check_error(model, err, policy->place,
				 "'on_exceed: %s' needs transport tcp; service '%s' of "
				 "policy '%s' is %s", action_names[policy->on_exceed], udp->name,
				 policy->name, transport_names[udp->transport]);
	if (policy->ban.set)
		crmg_check_error(model, err, policy->ban.place,
				 "'ban' needs transport tcp, since only a handshake proves who a "
				 "source is; service '%s' of policy '%s' is %s", udp->name,
				 policy->name, transport_names[udp->transport]);
}

/* Requests are counted where it is known what they look like. */
static void check_protocol(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   struct crmg_err *err)
{
	const struct crmg_model_limit *requests = &policy->limits[CRMG_LIMIT_REQUESTS];

	for (size_t s = 0; requests->set && s < policy->service_count; s++) {
		const struct crmg_model_service *service = &model->services[policy->services[s]];

		if (service->protocol != CRMG_PROTOCOL_HTTP &&
		    service->protocol != CRMG_PROTOCOL_TLS)
			crmg_check_error(model, err, requests->place,
					 "limit '%s' needs protocol http or tls; service '%s' of "
					 "policy '%s' is %s", crmg_check_kinds[CRMG_LIMIT_REQUESTS],
					 service->name, policy->name,
					 crmg_check_protocols[service->protocol]);
	}
}

static void check_deny(const struct crmg_model *model, const struct crmg_model_policy *policy,
		       struct crmg_err *err)
{
	const struct {
		const char *name;
		bool set;
		struct crmg_place place;
	} others[] = {
		{ "aggregate", policy->aggregate.set, policy->aggregate.place },
		{ "total", policy->total.set, policy->total.place },
		{ "ban", policy->ban.set, policy->ban.place },
	};

	if (!policy->deny)
		return;
	for (size_t l = 0; l < CRMG_LIMIT_COUNT; l++)
		if (policy->limits[l].set)
			crmg_check_error(model, err, policy->limits[l].place,
					 "policy '%s' has 'deny: true' and limit '%s'; one "
					 "excludes the other", policy->name, crmg_check_kinds[l]);
	for (size_t c = 0; c < CRMG_CAP_COUNT; c++)
		if (policy->caps[c].max)
			crmg_check_error(model, err, policy->caps[c].place,
					 "policy '%s' has 'deny: true' and limit '%s'; one "
					 "excludes the other", policy->name, crmg_check_caps[c]);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(others); i++)
		if (others[i].set)
			crmg_check_error(model, err, others[i].place,
					 "policy '%s' has 'deny: true' and '%s'; one excludes the "
					 "other", policy->name, others[i].name);
}

static void check_width(const struct crmg_model *model, const struct crmg_model_width *width,
			const char *family, unsigned int source, struct crmg_err *err)
{
	if (width->bits >= source)
		crmg_check_error(model, err, width->place,
				 "an aggregate of %s /%u is not wider than a source, which is /%u "
				 "(sources.%s_prefix); accepted is 1 to %u", family, width->bits,
				 source, family, source - 1);
}

static void check_service_total(const struct crmg_model *model,
				const struct crmg_model_service *service, struct crmg_err *err)
{
	const struct crmg_model_limit *connections = &service->total.limits[CRMG_LIMIT_CONNECTIONS];

	if (connections->set && service->transport != CRMG_TRANSPORT_TCP)
		crmg_check_error(model, err, connections->place,
				 "limit '%s' needs transport tcp; service '%s' is %s",
				 crmg_check_kinds[CRMG_LIMIT_CONNECTIONS], service->name,
				 transport_names[service->transport]);
}

/* Bit i: the policy limits each source in kind i. */
static uint32_t own_limits(const struct crmg_model_policy *policy)
{
	uint32_t limits = 0;

	for (size_t l = 0; l < CRMG_LIMIT_COUNT; l++)
		limits |= (uint32_t)policy->limits[l].set << l;
	return limits;
}

/*
 * Only refusals by a source's own limits are strikes: nobody is banned for his neighbours.
 * And not by all of them: see CRMG_STRIKE_LIMITS.
 */
static void check_strikes(const struct crmg_model *model, const struct crmg_model_policy *policy,
			  struct crmg_err *err)
{
	uint32_t own = own_limits(policy), on = policy->ban.strike_limits;
	uint32_t can = own & CRMG_STRIKE_LIMITS;

	if (!policy->ban.set || policy->deny || can & (on ? on : can))
		return;
	crmg_check_error(model, err, policy->ban.place,
			 "'ban' of policy '%s' has nothing to count: a strike is a refusal by one "
			 "of 'limits', and %s", policy->name,
			 can ? "none of those is named in 'on'" :
			 own >> CRMG_LIMIT_REQUESTS & 1 ? "those by 'requests' are none yet; add "
			       "'packets' or 'bytes'" :
			 own ? "those by 'connections' are none, since a SYN can be forged; add "
			       "'packets' or 'bytes'" : "there is none");
}

/* What is half open is open, too. */
static void warn_caps(const struct crmg_model *model, const struct crmg_model_policy *policy,
		      struct crmg_err *err)
{
	const struct crmg_model_cap *open = &policy->caps[CRMG_CAP_OPEN_CONNECTIONS];
	const struct crmg_model_cap *half = &policy->caps[CRMG_CAP_HALF_OPEN];

	if (open->max && half->max >= open->max)
		crmg_check_warn(model, err, half->place,
				"'half_open' of policy '%s' has no effect: 'open_connections' "
				"counts handshakes too, and refuses from %u on", policy->name,
				open->max);
}

static void warn_strikes(const struct crmg_model *model, const struct crmg_model_policy *policy,
			 struct crmg_err *err)
{
	uint32_t missing = policy->ban.strike_limits & ~own_limits(policy);

	for (size_t l = 0; l < CRMG_LIMIT_COUNT; l++)
		if (missing >> l & 1)
			crmg_check_warn(model, err, policy->ban.place,
					"'ban' of policy '%s' is 'on' limit '%s', which is not "
					"among its 'limits'", policy->name, crmg_check_kinds[l]);
}

/* a is the slower rate. */
static bool is_slower(const struct crmg_terms *a, const struct crmg_terms *b)
{
	return (unsigned __int128)a->count * b->per_ns < (unsigned __int128)b->count * a->per_ns;
}

static char *rate_text(size_t limit, const struct crmg_terms *terms, char buf[CRMG_NUM_LEN])
{
	return limit == CRMG_LIMIT_BYTES
	       ? crmg_format_byte_rate(terms->count, terms->per_ns, buf, CRMG_NUM_LEN)
	       : crmg_format_rate(terms->count, terms->per_ns, buf, CRMG_NUM_LEN);
}

/* Who keeps to limits of a policy, and shares wider ones with others. */
struct sharer {
	const struct crmg_model_limit *limits;
	const char *whose;	/* these limits are */
	const char *loser;	/* if a shared one is below */
};

/* From the narrowest to the widest. */
#define SHARERS(policy) { \
	{ (policy)->limits, "each source in", "no source can" }, \
	{ (policy)->aggregate.limits, "each aggregate in", "no aggregate can" }, \
	{ (policy)->total.limits, "the total of", "it cannot" }, \
}

/*
 * One of the `count` narrowest sharers may do more alone than all may who share the
 * budget. Returns the limits that were told of; those in `told` are passed over.
 */
static uint32_t warn_below(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   size_t count, const struct crmg_model_budget *budget,
			   const char *whose, uint32_t told, struct crmg_err *err)
{
	const struct sharer sharers[] = SHARERS(policy);

	for (size_t i = 0; budget->set && i < count * CRMG_LIMIT_COUNT; i++) {
		const struct sharer *sharer = &sharers[i / CRMG_LIMIT_COUNT];
		size_t l = i % CRMG_LIMIT_COUNT;
		const struct crmg_model_limit *shared = &budget->limits[l];
		const struct crmg_model_limit *own = &sharer->limits[l];
		char all[CRMG_NUM_LEN], one[CRMG_NUM_LEN];

		if (!shared->set || !own->set || told >> l & 1 ||
		    !is_slower(&shared->terms, &own->terms))
			continue;
		told |= 1u << l;
		crmg_check_warn(model, err, shared->place,
				"limit '%s' of %s, %s, is below that of %s policy '%s' (line %u), "
				"%s, which %s reach then", crmg_check_kinds[l], whose,
				rate_text(l, &shared->terms, all), sharer->whose, policy->name,
				own->place.line, rate_text(l, &own->terms, one), sharer->loser);
	}
	return told;
}

/* At most one warning for each limit of a service. */
static void warn_service_total(const struct crmg_model *model, size_t service,
			       struct crmg_err *err)
{
	const struct crmg_model_budget *total = &model->services[service].total;
	uint32_t told = 0;

	for (size_t i = 0; total->set && i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		for (size_t s = 0; s < policy->service_count; s++)
			if (policy->services[s] == service)
				told = warn_below(model, policy, 3, total,
						  "the total of the service", told, err);
	}
}

/* Each connection begins with a packet: who may send fewer of those never opens as many. */
static void warn_connections(const struct crmg_model *model, const struct crmg_model_policy *policy,
			     struct crmg_err *err)
{
	const struct sharer sharers[] = SHARERS(policy);

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(sharers); i++) {
		const struct crmg_model_limit *packets = &sharers[i].limits[CRMG_LIMIT_PACKETS];
		const struct crmg_model_limit *opened = &sharers[i].limits[CRMG_LIMIT_CONNECTIONS];

		if (packets->set && opened->set && is_slower(&packets->terms, &opened->terms) &&
		    packets->terms.burst <= opened->terms.burst)
			crmg_check_warn(model, err, opened->place,
					"limit 'connections' of %s policy '%s' has no effect: "
					"'packets' (line %u) allows fewer", sharers[i].whose,
					policy->name, packets->place.line);
	}
}

static void warn_balancers(const struct crmg_model *model, const struct crmg_model_policy *policy,
			   struct crmg_err *err)
{
	for (size_t c = 0; policy->ban.set && c < policy->client_count; c++) {
		const struct crmg_model_client *client = policy->clients[c] == CRMG_CLIENT_ANY ?
			NULL : &model->clients[policy->clients[c]];

		if (client && client->balancer)
			crmg_check_warn(model, err, policy->ban.place,
					"'ban' of policy '%s' never applies to client '%s' (line "
					"%u): it is a balancer", policy->name, client->name,
					client->place.line);
	}
}

/* Bit s: some policy of service s names the client. */
static uint64_t services_of(const struct crmg_model *model, size_t client)
{
	uint64_t services = 0;

	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		for (size_t c = 0; c < policy->client_count; c++)
			for (size_t s = 0; policy->clients[c] == client &&
			     s < policy->service_count; s++)
				services |= 1ULL << policy->services[s];
	}
	return services;
}

/* Where no policy names a balancer it is a source like others, and others' bans hold. */
static void warn_unnamed_balancer(const struct crmg_model *model, size_t client,
				  struct crmg_err *err)
{
	const struct crmg_model_client *balancer = &model->clients[client];
	uint64_t named = services_of(model, client);

	/* That no policy at all names a client is told of each client. */
	for (size_t i = 0; named && i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		for (size_t s = 0; policy->ban.set && s < policy->service_count; s++) {
			if (named >> policy->services[s] & 1)
				continue;
			crmg_check_warn(model, err, balancer->place,
					"balancer '%s' has no policy for service '%s', where policy "
					"'%s' (line %u) can ban it; name it in one",
					balancer->name,
					model->services[policy->services[s]].name, policy->name,
					policy->place.line);
			return;
		}
	}
}

void crmg_check_limits(const struct crmg_model *model, struct crmg_err *err)
{
	bool was_read = !err->errors;

	for (size_t i = 0; i < model->service_count; i++)
		check_service_total(model, &model->services[i], err);
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		check_transport(model, policy, err);
		check_protocol(model, policy, err);
		check_deny(model, policy, err);
		check_width(model, &policy->v4_wide, "ipv4", model->v4_prefix, err);
		check_width(model, &policy->v6_wide, "ipv6", model->v6_prefix, err);
		/* A limit that could not be read would be missed wrongly. */
		if (was_read)
			check_strikes(model, policy, err);
	}
	if (err->errors)
		return;
	for (size_t i = 0; i < model->service_count; i++)
		warn_service_total(model, i, err);
	for (size_t c = 0; c < model->client_count; c++)
		if (model->clients[c].balancer)
			warn_unnamed_balancer(model, c, err);
	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];

		warn_below(model, policy, 1, &policy->aggregate, "the aggregate", 0, err);
		warn_below(model, policy, 2, &policy->total, "the total", 0, err);
		warn_connections(model, policy, err);
		warn_strikes(model, policy, err);
		warn_caps(model, policy, err);
		warn_balancers(model, policy, err);
	}
}
