// SPDX-License-Identifier: GPL-2.0
/*
 * why.c - finds a source and reckons what is left of its limits, as the packet
 * path would at the moment of the snapshot.
 */
#include "why.h"

#include "../base/addr.h"
#include "names.h"
#include "rows.h"
#include "wide.h"

/* One scan: the key of the table's hash is not ours to read. */
static void find_source(const struct crmg_snapshot *snap, struct crmg_why *why)
{
	struct crmg_addr source = crmg_addr_cut(why->address,
						crmg_source_len(snap, &why->address));
	uint8_t place[CRMG_SERVICES_MAX + 1] = { 0 };	/* 1 + index in services[] */

	for (size_t i = 0; i < why->count; i++)
		place[why->services[i].index] = i + 1;
	for (uint32_t i = 0; i < snap->capacity; i++) {
		const struct crmg_detail *there = &snap->details[i];
		struct crmg_why_service *service;
		struct crmg_source_record found;
		unsigned int state;

		if (__atomic_load_n(&there->addr.lo, __ATOMIC_RELAXED) != source.lo ||
		    __atomic_load_n(&there->addr.hi, __ATOMIC_RELAXED) != source.hi)
			continue;
		state = crmg_source_read(snap, i, &found);
		if (!state || crmg_addr_cmp(&found.detail.addr, &source) != 0 ||
		    !place[found.detail.service])
			continue;
		service = &why->services[place[found.detail.service] - 1];
		/* Of a source that prefixes divide, the part that this address is in. */
		if (service->seen && crmg_image_binding(snap->image,
				CRMG_SLOT_BINDING(found.slot.resolved)) != service->binding)
			continue;
		service->source = found;
		service->windows = snap->windows ? snap->windows[i] : (struct crmg_windows){ 0 };
		service->seen = true;
		service->proven = crmg_tag_is_proven(state);
	}
}

void crmg_why_find(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		   uint32_t service, struct crmg_why *ret)
{
	uint32_t first = service ? service : 1, last = service ? service : CRMG_SERVICES_MAX;

	ret->address = *addr;
	ret->count = 0;
	for (uint32_t s = first; s <= last; s++) {
		struct crmg_why_service *found = &ret->services[ret->count];
		uint32_t gate, found_at = crmg_image_resolve_at(snap->image, s, addr, &gate);
		uint32_t binding = crmg_image_standing(snap->image, found_at, snap->real_ns);

		if (!binding)
			continue;
		*found = (struct crmg_why_service){
			.index = s,
			.service = crmg_image_service(snap->image, s),
			.binding = crmg_image_binding(snap->image, binding),
			.label = crmg_image_label(snap->image, binding),
			.gate = crmg_image_label(snap->image, gate),
			.lapsed = binding != found_at ? crmg_image_label(snap->image, found_at)
						      : NULL,
			.ban = crmg_ban_of(snap, addr, s),
		};
		if (found->service && found->binding && found->label)
			ret->count++;
	}
	find_source(snap, ret);
}

/* The limits of one scope, and what was charged to them. */
struct budget {
	unsigned int limits;		/* bit i: limit[i] is set */
	const struct crmg_limit *limit;
	const struct crmg_terms *terms;
	bool known;			/* its bucket can be found */
	const __u64 *tat;		/* NULL: nothing was charged */
	const __u64 *cost;
	const struct crmg_asked *asked;	/* buckets of requests; NULL: the same */
	struct crmg_pfx sharers;
};

static struct crmg_pfx cut_to(const struct crmg_addr *addr, uint8_t len)
{
	return (struct crmg_pfx){ crmg_addr_cut(*addr, len), len };
}

static struct budget source_budget(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
				   const struct crmg_why_service *why)
{
	return (struct budget){
		.limits = why->binding->limits,
		.limit = why->binding->limit,
		.terms = why->label->terms,
		.known = true,
		.tat = why->seen ? why->source.slot.tat : NULL,
		.cost = why->source.detail.cost,
		.asked = why->seen ? &why->source.asked : NULL,
		.sharers = cut_to(addr, crmg_source_len(snap, addr)),
	};
}

static struct budget aggregate_budget(const struct crmg_addr *addr,
				      const struct crmg_why_service *why)
{
	const struct crmg_binding *binding = why->binding;

	return (struct budget){
		.limits = binding->aggregate_limits,
		.limit = binding->aggregate,
		.terms = why->label->aggregate,
		.sharers = cut_to(addr, crmg_wide_len(binding, addr)),
	};
}

/* What all sources of a policy were charged together. */
static struct budget policy_budget(const struct crmg_snapshot *snap,
				   const struct crmg_why_service *why)
{
	const struct crmg_bucket *bucket = snap->totals ? &snap->totals[why->binding->row] : NULL;

	return (struct budget){
		.limits = why->binding->total_limits,
		.limit = why->binding->total,
		.terms = why->label->total,
		.known = bucket,
		.tat = bucket ? bucket->tat : NULL,
		.cost = bucket ? bucket->cost : NULL,
	};
}

/* The same of a service; a source that is on the allow list is none of them. */
static struct budget service_budget(const struct crmg_snapshot *snap,
				    const struct crmg_why_service *why)
{
	const struct crmg_budget *total = &crmg_image_front(snap->image)->budgets[why->index];
	const struct crmg_bucket *bucket = snap->totals
					   ? &snap->totals[CRMG_TOTAL_SERVICES + why->index] : NULL;

	return (struct budget){
		.limits = why->binding->flags & CRMG_BINDING_SERVICE ? total->limits : 0,
		.limit = total->limit,
		.terms = why->service->total,
		.known = bucket,
		.tat = bucket ? bucket->tat : NULL,
		.cost = bucket ? bucket->cost : NULL,
	};
}

static struct budget budget_of(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			       const struct crmg_why_service *why, enum crmg_scope scope)
{
	switch (scope) {
	case CRMG_SCOPE_SOURCE:
		return source_budget(snap, addr, why);
	case CRMG_SCOPE_AGGREGATE:
		return aggregate_budget(addr, why);
	case CRMG_SCOPE_POLICY:
		return policy_budget(snap, why);
	default:
		return service_budget(snap, why);
	}
}

/* How far the bucket of a limit is ahead of now, in the time of a limit of this cost. */
static unsigned __int128 level_of(const struct crmg_snapshot *snap, const struct budget *budget,
				  unsigned int limit)
{
	uint64_t now = snap->mono_ns << CRMG_UNITS_PER_NS_SHIFT, tat = 0, cost = 0;

	if (limit == CRMG_LIMIT_REQUESTS && budget->asked) {
		tat = budget->asked->tat;
		cost = budget->asked->cost;
	} else if ((limit == CRMG_LIMIT_AUTH_FAILURES || limit == CRMG_LIMIT_HANDSHAKE_FAILURES) &&
		   budget->asked) {
		tat = budget->asked->failed_tat;
		cost = budget->asked->failed_cost;
	} else if (limit < CRMG_BUCKET_LIMITS && budget->tat) {
		tat = budget->tat[limit];
		cost = budget->cost[limit];
	}
	if (!cost || (int64_t)(tat - now) <= 0)
		return 0;
	return (unsigned __int128)(tat - now) * budget->limit[limit].cost / cost;
}

static uint64_t available(const struct crmg_snapshot *snap, const struct budget *budget,
			  unsigned int limit)
{
	const struct crmg_limit *terms = &budget->limit[limit];
	uint64_t burst = budget->terms[limit].burst;
	unsigned __int128 level = level_of(snap, budget, limit), left;

	if (!terms->cost || level >= terms->tolerance)
		return terms->cost ? 0 : burst;
	left = ((terms->tolerance - level) << crmg_limit_shift(limit)) / terms->cost;
	return left < burst ? (uint64_t)left : burst;
}

/* What was sent of that which is charged to the quotas of a scope; at: as of crmg_quotas_of(). */
static struct crmg_windows why_windows(const struct crmg_snapshot *snap,
				       const struct crmg_addr *addr,
				       const struct crmg_why_service *why, enum crmg_scope scope,
				       uint32_t at)
{
	struct crmg_windows nothing = { 0 };

	if (scope == CRMG_SCOPE_SOURCE)
		return why->windows;
	if (scope == CRMG_SCOPE_AGGREGATE)
		at = crmg_wide_find(snap, why->binding, addr);
	return at && snap->total_windows ? snap->total_windows[at].windows : nothing;
}

static struct crmg_pfx why_sharers(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
				   const struct crmg_why_service *why, enum crmg_scope scope)
{
	if (scope == CRMG_SCOPE_SOURCE)
		return cut_to(addr, crmg_source_len(snap, addr));
	if (scope == CRMG_SCOPE_AGGREGATE)
		return cut_to(addr, crmg_wide_len(why->binding, addr));
	return (struct crmg_pfx){ .len = 0 };
}

const struct crmg_quotas *crmg_why_throttled(const struct crmg_snapshot *snap,
					     const struct crmg_addr *addr,
					     const struct crmg_why_service *why,
					     enum crmg_scope *ret_scope)
{
	bool own = why->seen && CRMG_SLOT_FLAGS(why->source.slot.resolved) & CRMG_SLOT_CUT;
	bool enforced = why->binding->mode == CRMG_MODE_ENFORCE;
	const struct crmg_quotas *slowest = NULL;

	*ret_scope = CRMG_SCOPE_SOURCE;
	for (unsigned int s = 0; s < CRMG_SCOPE_COUNT && enforced; s++) {
		const struct crmg_quotas *quotas;
		struct crmg_windows windows;
		uint32_t at = 0;

		quotas = crmg_quotas_of(snap->image, why->binding, s, &at);
		if (!quotas || quotas->on_budget != CRMG_ON_BUDGET_THROTTLE ||
		    (slowest && slowest->throttle_to <= quotas->throttle_to))
			continue;
		windows = why_windows(snap, addr, why, s, at);
		if (!(s == CRMG_SCOPE_SOURCE ? own :
		      crmg_quotas_spent(quotas, &windows, snap->mono_ns)))
			continue;
		slowest = quotas;
		*ret_scope = s;
	}
	return slowest;
}

/* Of all scopes, each quota; those with the shortest time first. */
static size_t why_quotas(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			 const struct crmg_why_service *why, struct crmg_why_limit *ret)
{
	size_t count = 0;

	for (unsigned int s = 0; s < CRMG_SCOPE_COUNT; s++) {
		uint32_t at = 0;
		const struct crmg_quotas *quotas = crmg_quotas_of(snap->image, why->binding, s, &at);
		uint64_t left[CRMG_WINDOWS_MAX];
		struct crmg_windows windows;

		if (!quotas)
			continue;
		windows = why_windows(snap, addr, why, s, at);
		crmg_quotas_left(quotas, &windows, snap->mono_ns, left);
		for (size_t q = 0; q < CRMG_WINDOWS_MAX && quotas->quota[q].terms; q++)
			ret[count++] = (struct crmg_why_limit){
				.scope = s,
				.quota = &quotas->quota[q],
				.sharers = why_sharers(snap, addr, why, s),
				.known = s == CRMG_SCOPE_SOURCE || snap->total_windows,
				.available = left[q],
			};
	}
	return count;
}

bool crmg_why_cut(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		  const struct crmg_why_service *why, enum crmg_scope *ret_scope)
{
	*ret_scope = CRMG_SCOPE_SOURCE;
	if (!(why->binding->flags & CRMG_BINDING_CUTS))
		return false;
	if (why->seen && why->binding->on_budget == CRMG_ON_BUDGET_CUT &&
	    CRMG_SLOT_FLAGS(why->source.slot.resolved) & CRMG_SLOT_CUT)
		return true;
	for (unsigned int s = CRMG_SCOPE_AGGREGATE; s < CRMG_SCOPE_COUNT; s++) {
		uint32_t at;

		*ret_scope = s;
		if (!crmg_quotas_of(snap->image, why->binding, s, &at))
			continue;
		if (s == CRMG_SCOPE_AGGREGATE)
			at = crmg_wide_find(snap, why->binding, addr);
		if (crmg_total_cut(snap, why->binding, at))
			return true;
	}
	return false;
}

static size_t why_caps(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       const struct crmg_why_service *why, struct crmg_why_limit *ret)
{
	size_t count = 0;

	for (unsigned int c = 0; c < CRMG_CAP_COUNT; c++) {
		uint32_t max = why->binding->cap[c], has;

		if (!max)
			continue;
		has = why->seen ? crmg_source_has(snap, &why->source.slot, c) : 0;
		ret[count++] = (struct crmg_why_limit){
			.limit = c,
			.scope = CRMG_SCOPE_SOURCE,
			.max = max,
			.sharers = cut_to(addr, crmg_source_len(snap, addr)),
			.known = true,
			.available = has < max ? max - has : 0,
		};
	}
	return count;
}

size_t crmg_why_limits(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       const struct crmg_why_service *why, struct crmg_why_limit *ret)
{
	struct budget budgets[CRMG_SCOPE_COUNT];
	size_t count = why_caps(snap, addr, why, ret);

	for (unsigned int s = 0; s < CRMG_SCOPE_COUNT; s++)
		budgets[s] = budget_of(snap, addr, why, s);
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++) {
		for (unsigned int s = 0; s < CRMG_SCOPE_COUNT; s++) {
			const struct budget *budget = &budgets[s];

			if (!(budget->limits >> l & 1))
				continue;
			ret[count++] = (struct crmg_why_limit){
				.limit = l,
				.scope = s,
				.terms = &budget->terms[l],
				.sharers = budget->sharers,
				.known = budget->known,
				.available = budget->known ? available(snap, budget, l) : 0,
			};
		}
	}
	return count + why_quotas(snap, addr, why, ret + count);
}
