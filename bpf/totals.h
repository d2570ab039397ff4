/* SPDX-License-Identifier: GPL-2.0 */
/*
 * totals.h - budgets of bytes that leave (quota.h) which all sources of a wider prefix (wide.h),
 * of a policy, or of a service share. What leaves is charged to all its budgets; what is to be
 * dropped, since one that cuts refuses it, to none. So all are held before one is asked, and
 * always in the same order: nobody waits for somebody who waits for him. A budget that only tells
 * and is used up holds up no other, nor does one that throttles, as long as its rate lets the
 * packet leave.
 *
 * Open connections end as those of a source that was cut do. Left alone they would not go on:
 * TCP gives up after 15 tries half a second apart when the host itself drops what it sends, and
 * the client would never hear of it.
 */
#ifndef CRMGATE_BPF_TOTALS_H
#define CRMGATE_BPF_TOTALS_H

/*
 * 1 while a budget that was used up under that generation does not let anything through; ends
 * it when it is time. A function of its own, verified once.
 */
__noinline int crmg_total_is_cut(__u32 at, __u32 generation, __u64 now_ns)
{
	struct crmg_total_windows *total = crmg_total_windows_at(at);

	if (!total || !generation || CRMG_READ_ONCE(total->cut) != generation)
		return 0;
	if (crmg_windows_closed(&total->windows, now_ns))
		return 1;
	__sync_val_compare_and_swap(&total->cut, generation, 0);
	return 0;
}

/* The barriers have addresses reckoned anew: there is no room on the stack to keep them. */
static __always_inline int
crmg_out_ask(struct crmg_work *w, enum crmg_scope scope, struct crmg_windows *there)
{
	barrier_var(w);
	crmg_windows_renew(there, &w->out[scope]);
	barrier_var(w);
	return CRMG_OUT_OF(scope, crmg_windows_ask(there, &w->out[scope]));
}

/* result: what all were asked. Those that refuse, and only tell, are charged nothing. */
static __always_inline int
crmg_out_pass(struct crmg_work *w, enum crmg_scope scope, struct crmg_windows *there, int result)
{
	if (result & CRMG_OUT_OF(scope, CRMG_OUT_REFUSED))
		return 0;
	barrier_var(w);
	return CRMG_OUT_OF(scope, crmg_windows_pass(there, &w->out[scope]));
}

static __always_inline struct crmg_windows *crmg_total_at(const struct crmg_out *out)
{
	struct crmg_total_windows *total = out->set ? crmg_total_windows_at(out->at) : NULL;

	return total ? &total->windows : NULL;
}

/*
 * Holds the windows of a scope. False: other CPUs were always faster, and the budget refuses.
 * One that only tells is left out then, so that those that refuse are asked all the same.
 */
static __always_inline bool
crmg_out_hold(const struct crmg_work *w, enum crmg_scope scope, struct crmg_windows **there)
{
	if (crmg_windows_hold(*there))
		return true;
	*there = NULL;
	return !(w->acts & CRMG_OUT_OF(scope, CRMG_OUT_REFUSED));
}

/*
 * Charges what w->out says to the budgets of all scopes. Returns CRMG_OUT_OF(scope, CRMG_OUT_*)
 * of each. A function of its own, verified once.
 */
__noinline int crmg_totals_charge(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_windows *source, *aggregate, *policy, *service;
	int result = 0;

	if (!skb || !w)
		return 0;
	source = w->out[CRMG_SCOPE_SOURCE].set ?
		 crmg_windows_at(w->out[CRMG_SCOPE_SOURCE].at) : NULL;
	aggregate = crmg_total_at(&w->out[CRMG_SCOPE_AGGREGATE]);
	policy = crmg_total_at(&w->out[CRMG_SCOPE_POLICY]);
	service = crmg_total_at(&w->out[CRMG_SCOPE_SERVICE]);
	if (!crmg_out_hold(w, CRMG_SCOPE_SOURCE, &source))
		return CRMG_OUT_OF(CRMG_SCOPE_SOURCE, CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED);
	if (!crmg_out_hold(w, CRMG_SCOPE_AGGREGATE, &aggregate)) {
		result = CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED);
		goto source;
	}
	if (aggregate && !crmg_wide_is(aggregate, w)) {
		crmg_windows_leave(aggregate);
		aggregate = NULL;
	}
	if (!crmg_out_hold(w, CRMG_SCOPE_POLICY, &policy)) {
		result = CRMG_OUT_OF(CRMG_SCOPE_POLICY, CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED);
		goto aggregate;
	}
	if (!crmg_out_hold(w, CRMG_SCOPE_SERVICE, &service)) {
		result = CRMG_OUT_OF(CRMG_SCOPE_SERVICE, CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED);
		goto policy;
	}
	result = crmg_out_ask(w, CRMG_SCOPE_SOURCE, source);
	result |= crmg_out_ask(w, CRMG_SCOPE_AGGREGATE, aggregate);
	result |= crmg_out_ask(w, CRMG_SCOPE_POLICY, policy);
	result |= crmg_out_ask(w, CRMG_SCOPE_SERVICE, service);
	/* Where one cuts no rate is asked, and none is paid for. */
	if (result & w->slows)
		w->acts &= ~w->slows | (result & w->acts & ~w->slows ? 0 :
					crmg_throttle_refused(skb, w, result));
	if (!(result & w->acts)) {
		result |= crmg_out_pass(w, CRMG_SCOPE_SOURCE, source, result);
		result |= crmg_out_pass(w, CRMG_SCOPE_AGGREGATE, aggregate, result);
		result |= crmg_out_pass(w, CRMG_SCOPE_POLICY, policy, result);
		result |= crmg_out_pass(w, CRMG_SCOPE_SERVICE, service, result);
	}
	crmg_windows_leave(service);
policy:
	crmg_windows_leave(policy);
aggregate:
	crmg_windows_leave(aggregate);
source:
	crmg_windows_leave(source);
	return result;
}

/* The budgets of a scope, if it has any: index of its quotas, and where its windows are. */
static __always_inline void
crmg_out_scope(struct crmg_work *w, const struct crmg_front *front, enum crmg_scope scope,
	       __u16 index, __u32 at, __u64 bytes)
{
	const struct crmg_quotas *quotas = index ? crmg_quotas(front, index) : NULL;
	struct crmg_out *out = &w->out[scope];

	out->set = 0;
	if (!quotas)
		return;
	out->set = 1;
	out->at = at;
	out->holds = 0;
	out->now_ns = w->source.now_ns;
	crmg_out_set(out, quotas, bytes);
	if (quotas->on_budget == CRMG_ON_BUDGET_CUT) {
		out->holds = front->head.generation;
		w->acts |= CRMG_OUT_OF(scope, (__u64)CRMG_OUT_REFUSED);
	} else if (quotas->on_budget == CRMG_ON_BUDGET_THROTTLE) {
		out->throttle = quotas->throttle;
		w->slows |= CRMG_OUT_OF(scope, (__u64)CRMG_OUT_REFUSED);
		w->acts |= CRMG_OUT_OF(scope, (__u64)CRMG_OUT_REFUSED);
	}
}

/* Index of the quotas of a service that hold under a binding; 0: none do. */
static __always_inline __u16
crmg_service_quotas(const struct crmg_front *front, const struct crmg_binding *binding)
{
	return binding->flags & CRMG_BINDING_SERVICE && binding->service <= CRMG_SERVICES_MAX ?
	       front->budgets[binding->service].quotas : 0;
}

/* True if sources under the binding share a budget of what leaves. */
static __always_inline bool
crmg_shares_out(const struct crmg_front *front, const struct crmg_binding *binding)
{
	return binding->aggregate_quotas | binding->total_quotas |
	       crmg_service_quotas(front, binding);
}

/*
 * What crmg_totals_charge() is to charge: the budgets of the source, of its wider prefix, of
 * its policy and of the service; and w->acts, w->slows: which of them do more than tell. Returns
 * what of it is refused already: while one is cut nothing is sent, however small.
 */
static __noinline int crmg_totals_ready(const struct crmg_case *c, __u64 bytes)
{
	const struct crmg_binding *binding = c->standing.binding;
	struct crmg_work *w = c->work;
	struct crmg_out *aggregate = &w->out[CRMG_SCOPE_AGGREGATE];
	struct crmg_out *policy = &w->out[CRMG_SCOPE_POLICY];
	struct crmg_out *service = &w->out[CRMG_SCOPE_SERVICE];

	w->acts = w->slows = 0;
	w->source.now_ns = crmg_exact_ns();
	crmg_out_scope(w, c->front, CRMG_SCOPE_SOURCE, c->slot ? binding->quotas : 0,
		       w->source.index, bytes);
	crmg_wide_find(w, binding, true);
	crmg_out_scope(w, c->front, CRMG_SCOPE_AGGREGATE,
		       w->wide.at != CRMG_WIDE_NONE ? binding->aggregate_quotas : 0, w->wide.at, bytes);
	crmg_out_scope(w, c->front, CRMG_SCOPE_POLICY, binding->total_quotas, binding->row, bytes);
	crmg_out_scope(w, c->front, CRMG_SCOPE_SERVICE, crmg_service_quotas(c->front, binding),
		       CRMG_TOTAL_SERVICES + binding->service, bytes);
	if (binding->mode != CRMG_MODE_ENFORCE)
		return 0;
	/* As where other CPUs hold its windows; one that only tells is left out. */
	if (w->wide.at == CRMG_WIDE_AGAIN &&
	    w->acts & CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED))
		return CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED);
	if (aggregate->set &&
	    crmg_total_is_cut(aggregate->at, aggregate->holds, w->source.now_ns))
		return CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED);
	if (policy->set && crmg_total_is_cut(policy->at, policy->holds, w->source.now_ns))
		return CRMG_OUT_OF(CRMG_SCOPE_POLICY, CRMG_OUT_REFUSED);
	if (service->set && crmg_total_is_cut(service->at, service->holds, w->source.now_ns))
		return CRMG_OUT_OF(CRMG_SCOPE_SERVICE, CRMG_OUT_REFUSED);
	return 0;
}

/* It refused something: true if it is used up, and not only a large packet was too much. */
static __always_inline bool crmg_total_refused(const struct crmg_out *out)
{
	struct crmg_total_windows *total = crmg_total_windows_at(out->at);

	if (!total || !out->holds || !crmg_windows_closed(&total->windows, out->now_ns))
		return false;
	CRMG_WRITE_ONCE(total->cut, out->holds);
	return true;
}

/*
 * Cuts those that refused, as crmg_totals_charge() says; 1 if one of them is used up. A
 * function of its own, verified once.
 */
__noinline int crmg_totals_refused(struct crmg_work *w, int result)
{
	int closed = 0;

	if (!w)
		return 0;
	if (result & CRMG_OUT_OF(CRMG_SCOPE_AGGREGATE, CRMG_OUT_REFUSED))
		closed |= crmg_total_refused(&w->out[CRMG_SCOPE_AGGREGATE]);
	if (result & CRMG_OUT_OF(CRMG_SCOPE_POLICY, CRMG_OUT_REFUSED))
		closed |= crmg_total_refused(&w->out[CRMG_SCOPE_POLICY]);
	if (result & CRMG_OUT_OF(CRMG_SCOPE_SERVICE, CRMG_OUT_REFUSED))
		closed |= crmg_total_refused(&w->out[CRMG_SCOPE_SERVICE]);
	return closed;
}

/*
 * What of budgets is used up for a packet that asks for something: enum crmg_reason. own: 1 if
 * one of the source is; policy, service, and w->wide.at: of their windows, or CRMG_WIDE_NONE if
 * they have none. A function of its own, verified once: the programs know nothing of what it
 * says.
 */
__noinline int
crmg_spent_by(struct crmg_work *w, __u32 own, __u32 policy, __u32 service, __u32 generation)
{
	int reason = CRMG_REASON_OK;

	if (!w)
		return CRMG_REASON_OK;
	if (own)
		reason = CRMG_REASON_BYTES_OUT;
	else if (crmg_total_is_cut(w->wide.at, generation, w->source.now_ns))
		reason = CRMG_REASON_AGGREGATE;
	else if (crmg_total_is_cut(policy, generation, w->source.now_ns) ||
		 crmg_total_is_cut(service, generation, w->source.now_ns))
		reason = CRMG_REASON_TOTAL;
	w->spent = reason != CRMG_REASON_OK;
	return reason;
}

/* What of a budget of what leaves is used up: then nothing more is asked for. */
static __always_inline enum crmg_reason crmg_spent(const struct crmg_case *c)
{
	const struct crmg_binding *binding = c->standing.binding;
	struct crmg_work *w = c->work;
	__u32 policy = CRMG_WIDE_NONE, service = CRMG_WIDE_NONE;

	if (!(binding->flags & CRMG_BINDING_CUTS) || !crmg_asks(&w->pkt))
		return CRMG_REASON_OK;
	crmg_wide_find(w, binding, false);
	if (binding->total_quotas)
		policy = crmg_place_row(w, binding);
	if (crmg_service_quotas(c->front, binding))
		service = CRMG_TOTAL_SERVICES +
			  crmg_place(w, binding->service, CRMG_PROBE_SERVICE);
	/* The flag of the slot means another thing where the source is only slowed down. */
	return crmg_spent_by(w, binding->on_budget == CRMG_ON_BUDGET_CUT && c->slot &&
				crmg_is_cut(c->slot), policy, service, binding->generation);
}

#endif
