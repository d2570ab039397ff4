/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - refusals as events: the first of a source, then one a second with
 * the number since, at most CRMG_EVENTS_PER_SEC for the host. Nothing here
 * changes a verdict.
 */
#ifndef CRMGATE_BPF_REPORT_H
#define CRMGATE_BPF_REPORT_H

#define CRMG_EVENT_COST ((CRMG_NS_PER_SEC << CRMG_UNITS_PER_NS_SHIFT) / CRMG_EVENTS_PER_SEC)
#define CRMG_TICKS_PER_SEC (CRMG_NS_PER_SEC >> CRMG_SLOT_TICK_SHIFT)

/* Number of refusals that an event of this source has to tell now; 0: no event. */
static __always_inline __u32 crmg_event_due(struct crmg_detail *detail, __u32 refusals, __u32 tick)
{
	__u32 last = CRMG_READ_ONCE(detail->last_event);
	__u32 told = CRMG_READ_ONCE(detail->event_refusals);

	if (told && tick - last <= CRMG_TICKS_PER_SEC)
		return 0;
	/* Of CPUs that come here at once, one writes. */
	if (__sync_val_compare_and_swap(&detail->last_event, last, tick) != last)
		return 0;
	if (told != CRMG_READ_ONCE(detail->event_refusals))
		return 0;
	CRMG_WRITE_ONCE(detail->event_refusals, refusals);
	return (__s32)(refusals - told) > 0 ? refusals - told : 1;
}

/* What an event tells. */
struct crmg_telling {
	const struct crmg_addr *addr;	/* of the source or prefix; NULL: it is of no single one */
	const struct crmg_standing *standing;
	enum crmg_event_kind kind;
	enum crmg_reason reason;
	enum crmg_verdict verdict;
	__u32 count;
	__u8 len;
};

static __noinline void
crmg_event_write(const struct crmg_front *front, struct crmg_scratch *shared,
		 const struct crmg_telling *telling)
{
	const struct crmg_label *label;
	struct crmg_event *e;
	__u64 seq;
	__u32 at;

	label = crmg_entry(front, front->head.section[CRMG_SECTION_LABELS].cell,
			   telling->standing->index * CRMG_LABEL_CELLS, CRMG_CELL_SHIFT);
	if (!label)
		return;
	seq = __sync_fetch_and_add(&shared->event_seq, 1) + 1;
	at = seq % CRMG_EVENT_RING;
	e = bpf_map_lookup_elem(&events, &at);
	if (!e)
		return;
	__sync_lock_test_and_set(&e->seq, 0);
	e->time_ns = crmg_boot_ns();
	e->count = telling->count;
	e->len = 0;
	if (telling->addr) {
		e->addr = *telling->addr;
		e->len = telling->len;
	}
	e->kind = telling->kind;
	e->reason = telling->reason;
	e->verdict = telling->verdict;
	e->generation = front->head.generation;
	__builtin_memcpy(e->service, label->service, sizeof(e->service));
	__builtin_memcpy(e->policy, label->policy, sizeof(e->policy));
	e->detail[0] = '\0';
	__sync_lock_test_and_set(&e->seq, seq);
	crmg_count_host(CRMG_HOST_EVENTS);
}

/* True if the host has had so many events that it gets none now. */
static __always_inline bool crmg_events_spent(__u64 now_ns)
{
	const struct crmg_scratch *shared = crmg_scratch();

	return shared && crmg_backlog(CRMG_READ_ONCE(shared->event_tat),
				      now_ns << CRMG_UNITS_PER_NS_SHIFT) >
			 CRMG_EVENT_COST * (CRMG_EVENTS_BURST - 1);
}

/* Writes an event if the host may have another one now; true if it may. */
static __always_inline bool
crmg_event_offer(const struct crmg_front *front, const struct crmg_telling *telling, __u64 now_ns)
{
	struct crmg_scratch *shared = crmg_scratch();

	if (shared &&
	    crmg_charge(&shared->event_tat, now_ns << CRMG_UNITS_PER_NS_SHIFT, CRMG_EVENT_COST,
			CRMG_EVENT_COST * CRMG_EVENTS_BURST) == CRMG_CHARGED) {
		crmg_event_write(front, shared, telling);
		return true;
	}
	crmg_count_host(CRMG_HOST_CAPPED);
	return false;
}

/* A refusal of a source with a slot of its own, its `refusals`-th. */
static __always_inline void
crmg_report(const struct crmg_front *front, struct crmg_detail *detail,
	    struct crmg_telling *telling, __u32 refusals, __u64 now_ns)
{
	telling->count = crmg_event_due(detail, refusals, now_ns >> CRMG_SLOT_TICK_SHIFT);
	if (!telling->count || !crmg_event_offer(front, telling, now_ns))
		crmg_count_host(CRMG_HOST_SUPPRESSED);
}

/* What the strikes of a source have led to: rare, and never left out. */
static __always_inline void
crmg_report_strike(const struct crmg_front *front, struct crmg_telling *telling,
		   enum crmg_strike strike)
{
	struct crmg_scratch *shared = crmg_scratch();

	if (strike == CRMG_STRIKE_NONE || !shared)
		return;
	telling->kind = strike == CRMG_STRIKE_BAN ? CRMG_EVENT_BAN : CRMG_EVENT_SHARE;
	telling->count = 0;
	crmg_event_write(front, shared, telling);
}

#endif
