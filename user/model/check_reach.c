/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check_reach.c - what can never apply: a client that no policy names, a policy
 * whose client has all its addresses taken by `allow` or by longer prefixes of
 * other clients. Warnings only. Sets of services are bit masks.
 */
#include "check.h"

#include <errno.h>

#include "../base/util.h"

struct reach {
	const struct crmg_model *model;
	const struct crmg_check_use *use;
	struct finding {
		uint64_t services;			/* in which the client's policy applies */
		const struct crmg_check_entry *taker;	/* who has its addresses instead */
	} *client;
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

/*
 * [entry, end) are all entries inside one prefix of length len. Returns the
 * services for which all of that prefix is taken by entries. allow: the entry of
 * `allow` around it, if any. Entries of length len stand first. At most one call
 * for each bit of an address is nested.
 */
static uint64_t sweep(struct reach *reach, const struct crmg_check_entry *entry,
		      const struct crmg_check_entry *end, unsigned int len,
		      const struct crmg_check_entry *allow)
{
	const struct crmg_check_entry *own = NULL;
	uint64_t taken = 0;

	for (; entry < end && entry->pfx.len == len; entry++) {
		if (entry->client == CRMG_CHECK_ALLOW)
			allow = entry;
		else
			own = entry;
	}
	if (entry < end) {
		unsigned int next = common_bits(&entry->pfx.addr, &end[-1].pfx.addr);

		if (next > entry->pfx.len)
			next = entry->pfx.len;
		if (next > len) {
			sweep(reach, entry, end, next, allow);
		} else {
			const struct crmg_check_entry *middle = split(entry, end, len);
			uint64_t low = sweep(reach, entry, middle, len + 1, allow);

			taken = low & sweep(reach, middle, end, len + 1, allow);
		}
	}
	if (allow)
		taken = ~0ULL;
	if (own) {
		uint64_t services = reach->use[own->client].services;

		reach->client[own->client].services |= services & ~taken;
		if (services & taken)
			reach->client[own->client].taker = allow ? allow : entry;
		taken |= services;
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

static void warn_client(const struct reach *reach, const struct crmg_model_policy *policy,
			size_t client, struct crmg_err *err)
{
	const struct crmg_model *model = reach->model;
	const struct crmg_model_client *c = &model->clients[client];
	const struct crmg_check_entry *taker = reach->client[client].taker;

	if (!taker)		/* no prefix: an empty list */
		return;
	if (taker->client == CRMG_CHECK_ALLOW)
		crmg_check_warn(model, err, policy->place,
				"policy '%s' never applies to client '%s' (line %u): all its "
				"addresses are in 'allow' (line %u)", policy->name, c->name,
				c->place.line, model->allow[taker->index].place.line);
	else
		crmg_check_warn(model, err, policy->place,
				"policy '%s' never applies to client '%s' (line %u): all its "
				"addresses are in longer prefixes of others, such as client '%s' "
				"(line %u)", policy->name, c->name, c->place.line,
				model->clients[taker->client].name,
				model->clients[taker->client].place.line);
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

			if (client == CRMG_CLIENT_ANY) {
				if (!(services & ~taken_from_any))
					crmg_check_warn(model, err, policy->place,
							"policy '%s' never applies to 'any': "
							"other clients of its services have all "
							"addresses", policy->name);
			} else if (!(services & reach->client[client].services)) {
				warn_client(reach, policy, client, err);
			}
		}
	}
}

int crmg_check_reach(const struct crmg_model *model, const struct crmg_check_use *use,
		     const struct crmg_check_entries *entries, struct crmg_err *err)
{
	crmg_autofree struct finding *client = calloc(model->client_count + 1, sizeof(*client));
	struct reach reach = { model, use, client };
	const struct crmg_check_entry *v6 = entries->entry + entries->v4_count;
	uint64_t taken;

	if (!client)
		return -ENOMEM;
	taken = sweep(&reach, entries->entry, v6, 96, NULL);
	taken &= sweep(&reach, v6, entries->entry + entries->count, 0, NULL);
	warn_unused(model, use, err);
	warn_policies(&reach, taken, err);
	return 0;
}
