/* SPDX-License-Identifier: GPL-2.0 */
/*
 * report.h - refusals as events: the first of a source, then one a second with
 * the number since, at most CRMG_EVENTS_PER_SEC for the host. Nothing here
 * changes a verdict.
 */
#ifndef CRMGATE_BPF_REPORT_H
#define CRMGATE_BPF_REPORT_H

#define CRMG_NS_PER_SEC 1000000000ULL
#define CRMG_EVENT_COST ((CRMG_NS_PER_SEC << CRMG_UNITS_PER_NS_SHIFT) / CRMG_EVENTS_PER_SEC)
#define CRMG_TICKS_PER_SEC (CRMG_NS_PER_SEC >> CRMG_SLOT_TICK_SHIFT)

static __always_inline struct crmg_scratch *crmg_scratch(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&scratch, &zero);
}

/* Number of refusals that an event of this source has to tell now; 0: no event. */
static __always_inline __u64 crmg_event_due(struct crmg_slot *slot, __u64 refusals, __u32 tick)
{
	__u32 last = CRMG_READ_ONCE(slot->last_event);
	__u64 told = CRMG_READ_ONCE(slot->event_refusals);

	if (told && tick - last <= CRMG_TICKS_PER_SEC)
		return 0;
	/* Of CPUs that come here at once, one writes. */
	if (__sync_val_compare_and_swap(&slot->last_event, last, tick) != last)
		return 0;
	if (told != CRMG_READ_ONCE(slot->event_refusals))
		return 0;
	CRMG_WRITE_ONCE(slot->event_refusals, refusals);
	return refusals > told ? refusals - told : 1;
}

static __always_inline void
crmg_event_write(void *image, struct crmg_scratch *shared, const struct crmg_slot *slot,
		 const struct crmg_binding *binding, __u32 index, enum crmg_reason reason,
		 enum crmg_verdict verdict, bool v4, __u64 count)
{
	struct crmg_section labels;
	const struct crmg_label *label;
	struct crmg_event *e;
	__u64 seq;
	__u32 at;

	if (!crmg_section(image, CRMG_SECTION_LABELS, &labels))
		return;
	label = crmg_entry(image, labels.cell, index * 2, CRMG_CELL_SHIFT);
	if (!label)
		return;
	seq = __sync_fetch_and_add(&shared->event_seq, 1) + 1;
	at = seq % CRMG_EVENT_RING;
	e = bpf_map_lookup_elem(&events, &at);
	if (!e)
		return;
	__sync_lock_test_and_set(&e->seq, 0);
	e->time_ns = crmg_boot_ns();
	e->count = count;
	e->addr = slot->addr;
	e->kind = reason >= CRMG_REASON_CONNECTIONS ? CRMG_EVENT_EXCEEDED : CRMG_EVENT_REFUSED;
	e->reason = reason;
	e->verdict = verdict;
	e->len = v4 ? crmg_knobs.v4_len : crmg_knobs.v6_len;
	e->generation = binding->generation;
	__builtin_memcpy(e->service, label->service, sizeof(e->service));
	__builtin_memcpy(e->policy, label->policy, sizeof(e->policy));
	e->detail[0] = '\0';
	__sync_lock_test_and_set(&e->seq, seq);
}

/* A refusal of a source with a slot of its own; slot->refusals was `refusals` after it. */
static __always_inline void
crmg_report(void *image, struct crmg_slot *slot, const struct crmg_binding *binding,
	    __u32 index, enum crmg_reason reason, enum crmg_verdict verdict, bool v4,
	    __u64 refusals, __u64 now_ns)
{
	struct crmg_scratch *shared = crmg_scratch();
	__u64 count = crmg_event_due(slot, refusals, now_ns >> CRMG_SLOT_TICK_SHIFT);

	if (count && shared &&
	    crmg_charge(&shared->event_tat, now_ns << CRMG_UNITS_PER_NS_SHIFT, CRMG_EVENT_COST,
			CRMG_EVENT_COST * CRMG_EVENTS_BURST) == CRMG_CHARGED) {
		crmg_event_write(image, shared, slot, binding, index, reason, verdict, v4, count);
		crmg_count_host(CRMG_HOST_EVENTS);
		return;
	}
	if (count)
		crmg_count_host(CRMG_HOST_CAPPED);
	crmg_count_host(CRMG_HOST_SUPPRESSED);
}

#endif
