/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_reach.c - what can never apply: a client that no policy names, a policy
 * whose client has all its addresses taken by `allow` or by longer prefixes of
 * other clients, a prefix of which the same is true. Warnings only. Sets of services
 * are bit masks.
 */
#include "check.h"

#include <errno.h>
#include <stdio.h>

#include "../base/util.h"

struct reach {
	const struct crmg_model *model;
	const struct crmg_check_use *use;
	const struct crmg_check_entries *entries;
	const struct crmg_check_entry **taker;	/* see crmg_check_idle() */
	struct finding {
		uint64_t services;	/* in which the client's policy applies */
		const struct crmg_check_entry *taker[CRMG_SERVICES_MAX];	/* in the others */
	} *client;
};

/* The innermost entries around a prefix; NULL: none. */
struct around {
	const struct crmg_check_entry *allow;
	const struct crmg_check_entry *client;	/* one that some policy names */
};

static bool bit(const struct crmg_addr *addr, unsigned int i)
{
	return i < 64 ? addr->hi >> (63 - i) & 1 : addr->lo >> (127 - i) & 1;
}

static unsigned int common_bits(const struct crmg_addr *a, const struct crmg_addr *b)
{
	if (a->hi != b->hi)
		return __builtin_clzll(a->hi ^ b->hi);
	return a->lo != b->lo ? 64 + __builtin_clzll(a->lo ^ b->lo) : 128;
}

/* The first of entries whose bit i is 1; they are sorted and equal before it. */
static const struct crmg_check_entry *split(const struct crmg_check_entry *entry,
					    const struct crmg_check_entry *end, unsigned int i)
{
	while (entry < end) {
		const struct crmg_check_entry *middle = entry + (end - entry) / 2;

		if (bit(&middle->pfx.addr, i))
			end = middle;
		else
			entry = middle + 1;
	}
	return entry;
}

/* The first of entries, but for those of a client, that takes addresses in some service. */
static const struct crmg_check_entry *find_taker(const struct reach *reach,
						 const struct crmg_check_entry *entry,
						 const struct crmg_check_entry *end,
						 size_t except, uint64_t services)
{
	for (; entry < end; entry++)
		if (entry->client == CRMG_CHECK_ALLOW ||
		    (entry->client != except && reach->use[entry->client].services & services))
			return entry;
	return NULL;
}

/*
 * own: an entry whose addresses are taken in the services of `taken`, by
 * around->allow or by [longer, end).
 */
static void judge(struct reach *reach, const struct crmg_check_entry *own,
		  const struct around *around, const struct crmg_check_entry *longer,
		  const struct crmg_check_entry *end, uint64_t taken)
{
	struct finding *finding = &reach->client[own->client];
	uint64_t services = reach->use[own->client].services, lost = services & taken;
	const struct crmg_check_entry **taker = &reach->taker[own - reach->entries->entry];

	finding->services |= services & ~taken;
	for (size_t s = 0; s < CRMG_SERVICES_MAX && lost >> s; s++)
		if (lost >> s & 1)
			finding->taker[s] = around->allow ? around->allow :
				find_taker(reach, longer, end, own->client, 1ULL << s);
	if (services && lost == services)
		*taker = around->allow ? around->allow :
			 find_taker(reach, longer, end, own->client, lost) ?:
			 find_taker(reach, longer, end, CRMG_CLIENT_ANY, lost);
	else if (services && around->client && around->client->client == own->client)
		*taker = around->client;
}

/*
 * [entry, end) are all entries inside one prefix of length len. Returns the
 * services for which all of that prefix is taken by entries. around: those around
 * it. Entries of length len stand first. At most one call for each bit of an address
 * is nested.
 */
static uint64_t sweep(struct reach *reach, const struct crmg_check_entry *entry,
		      const struct crmg_check_entry *end, unsigned int len,
		      struct around around)
{
	const struct crmg_check_entry *own = NULL;
	struct around inside = around;
	uint64_t taken = 0;

	for (; entry < end && entry->pfx.len == len; entry++) {
		if (entry->client != CRMG_CHECK_ALLOW) {
			own = entry;
			if (reach->use[own->client].services)
				inside.client = own;
			continue;
		}
		reach->taker[entry - reach->entries->entry] = around.allow;
		inside.allow = around.allow = entry;
	}
	if (entry < end) {
		unsigned int next = common_bits(&entry->pfx.addr, &end[-1].pfx.addr);

		if (next > entry->pfx.len)
			next = entry->pfx.len;
		if (next > len) {
			sweep(reach, entry, end, next, inside);
		} else {
			const struct crmg_check_entry *middle = split(entry, end, len);
			uint64_t low = sweep(reach, entry, middle, len + 1, inside);

			taken = low & sweep(reach, middle, end, len + 1, inside);
		}
	}
	if (around.allow)
		taken = ~0ULL;
	if (own) {
		judge(reach, own, &around, entry, end, taken);
		taken |= reach->use[own->client].services;
	}
	return taken;
}

static void warn_unused(const struct crmg_model *model, const struct crmg_check_use *use,
			struct crmg_err *err)
{
	for (size_t c = 0; c < model->client_count; c++)
		if (!use[c].services)
			crmg_check_warn(model, err, model->clients[c].place,
					"client '%s' has no effect: no policy names it",
					model->clients[c].name);
}

/* Services that have a policy for any. */
static uint64_t any_services(const struct crmg_model *model)
{
	uint64_t services = 0;

	for (size_t p = 0; p < model->policy_count; p++) {
		const struct crmg_model_policy *policy = &model->policies[p];

		if (!policy->client_count || policy->clients[policy->client_count - 1] != CRMG_CLIENT_ANY)
			continue;
		for (size_t s = 0; s < policy->service_count; s++)
			services |= 1ULL << policy->services[s];
	}
	return services;
}

/* Who is no client for a time counts as any, and where any has no policy nothing is limited. */
static void warn_unlimited(const struct crmg_model *model, const struct crmg_check_use *use,
			   struct crmg_err *err)
{
	uint64_t any = any_services(model);

	for (size_t c = 0; c < model->client_count; c++) {
		const struct crmg_model_client *client = &model->clients[c];
		uint64_t open = use[c].services & ~any;

		if (open && (client->contract.until_s || client->contract.days))
			crmg_check_warn(model, err, client->place, "client '%s' counts as any outside "
					"of its contract, and service '%s' has no policy for any: "
					"no policy limits it then", client->name,
					model->services[__builtin_ctzll(open)].name);
	}
}

#define WHO_LEN (CRMG_NAME_LEN + 32)

/* "client 'office' (line 7)", "'any'" */
static const char *who(const struct crmg_model *model, size_t client, char buf[WHO_LEN])
{
	if (client == CRMG_CLIENT_ANY)
		return "'any'";
	snprintf(buf, WHO_LEN, "client '%s' (line %u)", model->clients[client].name,
		 model->clients[client].place.line);
	return buf;
}

/* where: in which of its services, if not in all. */
static void warn_never(const struct reach *reach, const struct crmg_model_policy *policy,
		       size_t client, const struct crmg_check_entry *taker, const char *where,
		       struct crmg_err *err)
{
	const struct crmg_model *model = reach->model;
	bool any = client == CRMG_CLIENT_ANY, allow;
	char whom[WHO_LEN], whose[WHO_LEN];

	if (!taker)		/* no prefix: an empty list */
		return;
	allow = taker->client == CRMG_CHECK_ALLOW;
	if (allow)
		snprintf(whose, sizeof(whose), "'allow' (line %u)",
			 model->allow[taker->index].place.line);
	crmg_check_warn(model, err, policy->place, "policy '%s' never applies to %s%s: %s %s",
			policy->name, who(model, client, whom), where,
			any ? "others have all addresses, such as" :
			allow ? "all its addresses are in" :
			"all its addresses are in longer prefixes of others, such as",
			allow ? whose : who(model, taker->client, whose));
}

/* lost: the services of the policy where others have all addresses of the client. */
static void warn_lost(const struct reach *reach, const struct crmg_model_policy *policy,
		      size_t client, uint64_t lost, bool all, struct crmg_err *err)
{
	const struct crmg_check_entries *e = reach->entries;
	char where[CRMG_NAME_LEN + 16] = "";

	for (size_t s = 0; s < CRMG_SERVICES_MAX && lost >> s; s++) {
		if (!(lost >> s & 1))
			continue;
		if (!all)
			snprintf(where, sizeof(where), " at service '%s'",
				 reach->model->services[s].name);
		warn_never(reach, policy, client, client == CRMG_CLIENT_ANY
			   ? find_taker(reach, e->entry, e->entry + e->count, client, 1ULL << s)
			   : reach->client[client].taker[s], where, err);
		if (all)
			return;
	}
}

static void warn_policies(const struct reach *reach, uint64_t taken_from_any,
			  struct crmg_err *err)
{
	const struct crmg_model *model = reach->model;

	for (size_t i = 0; i < model->policy_count; i++) {
		const struct crmg_model_policy *policy = &model->policies[i];
		uint64_t services = 0;

		for (size_t s = 0; s < policy->service_count; s++)
			services |= 1ULL << policy->services[s];
		for (size_t c = 0; c < policy->client_count; c++) {
			size_t client = policy->clients[c];
			uint64_t lost = services & (client == CRMG_CLIENT_ANY ? taken_from_any :
						    ~reach->client[client].services);

			warn_lost(reach, policy, client, lost, lost == services, err);
		}
	}
}

/* Where a client has nothing left, that is told of the client, not of each prefix. */
static void spare_lost_clients(const struct reach *reach)
{
	for (size_t i = 0; i < reach->entries->count; i++) {
		uint32_t client = reach->entries->entry[i].client;

		if (client != CRMG_CHECK_ALLOW && !reach->client[client].services)
			reach->taker[i] = NULL;
	}
}

int crmg_check_reach(const struct crmg_model *model, const struct crmg_check_use *use,
		     const struct crmg_check_entries *entries, struct crmg_err *err)
{
	crmg_autofree struct finding *client = calloc(model->client_count + 1, sizeof(*client));
	crmg_autofree const struct crmg_check_entry **taker = calloc(entries->count + 1,
								     sizeof(*taker));
	struct reach reach = { model, use, entries, taker, client };
	const struct crmg_check_entry *v6 = entries->entry + entries->v4_count;
	uint64_t taken;

	if (!client || !taker)
		return -ENOMEM;
	taken = sweep(&reach, entries->entry, v6, 96, (struct around){ 0 });
	taken &= sweep(&reach, v6, entries->entry + entries->count, 0, (struct around){ 0 });
	warn_unused(model, use, err);
	warn_unlimited(model, use, err);
	warn_policies(&reach, taken, err);
	spare_lost_clients(&reach);
	crmg_check_idle(model, entries, taker, err);
	return 0;
}
