// SPDX-License-Identifier: GPL-2.0
/*
 * exhaust.c - the places that probes have in the tables (abi.h): making them new, and
 * using up one limit, which a burst of a million packets would take too long for.
 */
#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../report/names.h"
#include "prove.h"

/* By how much more than its burst a limit is used up: no run takes so long. */
#define CRMG_EXHAUST_NS 1000000000ULL

/* No backlog is larger (bpf/limit.h); what is farther ahead counts as past. */
#define CRMG_EXHAUST_MAX ((1ULL << 62) - 1)

/* Full for a second, so that a program with an older reading of the clock agrees. */
static __u64 crmg_tat_full(void)
{
	return (crmg_clock_ns(CLOCK_MONOTONIC) - CRMG_EXHAUST_NS) << CRMG_UNITS_PER_NS_SHIFT;
}

static __u32 crmg_probe_capacity(const struct crmg_prover *p)
{
	return crmg_image_head(p->snap->image)->capacity;
}

static struct crmg_tags *crmg_probe_tags(struct crmg_prover *p)
{
	struct crmg_tags *tags = p->kern->view[CRMG_MAP_TAGS].memory;

	return &tags[crmg_probe_capacity(p) / CRMG_WAYS];
}

static struct crmg_aggregates *crmg_probe_aggregates(struct crmg_prover *p)
{
	struct crmg_aggregates *lines = p->kern->view[CRMG_MAP_AGGREGATES].memory;

	return &lines[CRMG_AGGREGATE_LINES(crmg_probe_capacity(p))];
}

/* Of the policy, or of the service. */
static struct crmg_bucket *crmg_probe_total(struct crmg_prover *p, enum crmg_scope scope)
{
	struct crmg_bucket *totals = p->kern->view[CRMG_MAP_TOTALS].memory;

	return &totals[scope == CRMG_SCOPE_POLICY ? CRMG_PROBE_ROW :
		       CRMG_TOTAL_SERVICES + CRMG_PROBE_SERVICE];
}

void crmg_places_clear(struct crmg_prover *p)
{
	struct crmg_aggregates *aggregates = crmg_probe_aggregates(p);
	__u64 full = crmg_tat_full();
	const struct crmg_bucket bucket = { .tat = { full, full, full } };

	memset(crmg_probe_tags(p), 0, sizeof(struct crmg_tags));
	for (int i = 0; i < CRMG_AGGREGATE_WAYS; i++)
		aggregates->way[i] = bucket;
	*crmg_probe_total(p, CRMG_SCOPE_POLICY) = bucket;
	*crmg_probe_total(p, CRMG_SCOPE_SERVICE) = bucket;
}

/* Limits of a scope; which of them are set in *ret_set. */
static const struct crmg_limit *crmg_scope_limits(struct crmg_prover *p,
						  const struct crmg_probe *probe,
						  enum crmg_scope scope, __u32 *ret_set)
{
	const struct crmg_binding *b = crmg_image_binding(p->snap->image, probe->binding);
	const struct crmg_budget *budget =
		&crmg_image_front(p->snap->image)->budgets[probe->service];

	switch (scope) {
	case CRMG_SCOPE_SOURCE:
		*ret_set = b->limits;
		return b->limit;
	case CRMG_SCOPE_AGGREGATE:
		*ret_set = b->flags & CRMG_BINDING_AGGREGATE ? b->aggregate_limits : 0;
		return b->aggregate;
	case CRMG_SCOPE_POLICY:
		*ret_set = b->flags & CRMG_BINDING_TOTAL ? b->total_limits : 0;
		return b->total;
	default:
		*ret_set = b->flags & CRMG_BINDING_SERVICE ? budget->limits : 0;
		return budget->limit;
	}
}

/* Sets the level of a limit wherever a probe can have one. */
static void crmg_scope_set(struct crmg_prover *p, enum crmg_scope scope, __u32 limit, __u64 tat)
{
	struct crmg_slot *slots = p->kern->view[CRMG_MAP_SLOTS].memory;
	int i;

	switch (scope) {
	case CRMG_SCOPE_SOURCE:
		for (i = 0; i < CRMG_WAYS; i++)
			slots[crmg_probe_capacity(p) + i].tat[limit] = tat;
		break;
	case CRMG_SCOPE_AGGREGATE:
		for (i = 0; i < CRMG_AGGREGATE_WAYS; i++)
			crmg_probe_aggregates(p)->way[i].tat[limit] = tat;
		break;
	default:
		crmg_probe_total(p, scope)->tat[limit] = tat;
	}
}

/* All levels but this one are full: the probe before may have taken the last unit of one. */
static void crmg_scope_only(struct crmg_prover *p, const struct crmg_exhausting *e, __u64 tat)
{
	__u64 full = crmg_tat_full();

	for (int scope = 0; scope < CRMG_SCOPE_COUNT; scope++)
		for (__u32 limit = 0; limit < CRMG_BUCKET_LIMITS; limit++)
			crmg_scope_set(p, scope, limit,
				       scope == (int)e->scope && limit == e->limit ? tat : full);
}

static enum crmg_reason crmg_exhaust_reason(const struct crmg_exhausting *e)
{
	return e->scope == CRMG_SCOPE_SOURCE ? crmg_limit_reason(e->limit) :
	       e->scope == CRMG_SCOPE_AGGREGATE ? CRMG_REASON_AGGREGATE : CRMG_REASON_TOTAL;
}

static void crmg_exhaust_step(struct crmg_exhausting *e)
{
	if (++e->limit == CRMG_BUCKET_LIMITS) {
		e->limit = 0;
		e->scope++;
	}
}

bool crmg_exhaust_next(struct crmg_prover *p, const struct crmg_probe *probe,
		       struct crmg_exhausting *e, enum crmg_reason *ret)
{
	for (; e->scope < CRMG_SCOPE_COUNT; crmg_exhaust_step(e)) {
		__u32 set;
		const struct crmg_limit *limit = crmg_scope_limits(p, probe, e->scope, &set);
		__u64 ahead;

		if (!(set >> e->limit & 1))
			continue;
		ahead = limit[e->limit].tolerance + (CRMG_EXHAUST_NS << CRMG_UNITS_PER_NS_SHIFT);
		if (ahead > CRMG_EXHAUST_MAX)
			ahead = CRMG_EXHAUST_MAX;
		ahead += crmg_clock_ns(CLOCK_MONOTONIC) << CRMG_UNITS_PER_NS_SHIFT;
		crmg_scope_only(p, e, ahead);
		*ret = crmg_exhaust_reason(e);
		crmg_exhaust_step(e);
		return true;
	}
	return false;
}
