// SPDX-License-Identifier: GPL-2.0
/*
 * forget.c - takes what is known of a source out of the tables. What still limits it stays
 * until it has run out: bans, buckets that are not full, windows in which something counts.
 *
 * The table belongs to the packet path, which is met here as CPUs meet one another: a slot is
 * written under a tag that says busy, and a counter that is in use is set by one store.
 */
#include <string.h>
#include <time.h>

#include <bpf/bpf.h>
#include <crmgate/window.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "../report/wide.h"
#include "internal.h"
#include "savedfile.h"

struct crmg_forgetting {
	struct crmg_kern *kern;
	struct crmg_pfx source;
	struct crmg_snapshot snap;	/* tables that may be written: tags to windows */
	size_t sources;
};

bool crmg_windows_count(const struct crmg_windows *windows, uint64_t mono_ns)
{
	uint64_t counts = 0;
	size_t i;
	int back;

	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		const struct crmg_window *w = &windows->window[i];
		uint64_t since = crmg_window_since(w, mono_ns);

		for (back = 0; back <= CRMG_WINDOW_STAMPS && crmg_terms_eighth(w->terms); back++)
			counts |= crmg_window_counts(w, back, since);
	}
	return counts;
}

static bool crmg_forget_meets(const struct crmg_forgetting *forgetting,
			      const struct crmg_addr *addr)
{
	const struct crmg_pfx pfx = { *addr, crmg_source_len(&forgetting->snap, addr) };

	return (addr->hi || addr->lo) && crmg_prefixes_meet(&pfx, &forgetting->source);
}

/* Requests, or failures. */
static bool crmg_asked_holds(const struct crmg_asked *asked, uint64_t now)
{
	return asked->tat > now || (asked->failed_cost && asked->failed_tat > now);
}

/* Something of it still limits the source. */
static bool crmg_forget_holds(const struct crmg_forgetting *forgetting, uint32_t index)
{
	const struct crmg_snapshot *snap = &forgetting->snap;
	struct crmg_source_record source = {
		.slot = snap->slots[index], .detail = snap->details[index],
	};
	int i;

	for (i = 0; i < CRMG_BUCKET_LIMITS; i++)
		if (source.slot.tat[i] > snap->mono_ns << CRMG_UNITS_PER_NS_SHIFT)
			return true;
	return crmg_auto_ban_end(snap, &source) ||
	       (snap->asked[index].check == source.slot.check &&
		crmg_asked_holds(&snap->asked[index], snap->mono_ns << CRMG_UNITS_PER_NS_SHIFT)) ||
	       crmg_windows_count(&snap->windows[index], snap->mono_ns);
}

/* How it asked: of the source of a slot, as long as that has its check. */
static void crmg_forget_patience(struct crmg_kern *kern, uint32_t index)
{
	const struct crmg_slot *slot = (struct crmg_slot *)kern->view[CRMG_MAP_SLOTS].memory + index;
	struct crmg_patience *p = (struct crmg_patience *)kern->view[CRMG_MAP_PATIENCE].memory +
				  slot->check % CRMG_PATIENTS;

	if (slot->check && p->check == slot->check)
		memset(p, 0, sizeof(*p));
}

/* What it did, but for what still limits it; from now on it was first seen now. */
static void crmg_forget_counters(const struct crmg_forgetting *forgetting, uint32_t index,
				 struct crmg_slot *slot, struct crmg_detail *detail)
{
	struct crmg_asked *asked = (struct crmg_asked *)
		forgetting->kern->view[CRMG_MAP_ASKED].memory + index;
	__u64 *const counters[] = {
		&asked->requests, &asked->refused,
		&slot->traffic, &detail->carried_packets, &detail->carried_bytes,
		&detail->connections, &detail->bytes_out, &detail->shadow_refusals,
	};
	size_t i;

	for (i = 0; i < CRMG_ARRAY_SIZE(counters); i++)
		__atomic_store_n(counters[i], 0, __ATOMIC_RELAXED);
	crmg_forget_patience(forgetting->kern, index);
	__atomic_store_n(&slot->refusals, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&detail->carried_refusals, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&detail->event_refusals, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&detail->packets_refused, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&detail->last_reason, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&detail->first_seen,
			 (__u32)(forgetting->snap.mono_ns >> CRMG_SLOT_TICK_SHIFT), __ATOMIC_RELAXED);
}

/* The tag of a slot, as the packet path and this meet at it. */
static __u32 *crmg_forget_tag(struct crmg_kern *kern, uint32_t index)
{
	struct crmg_tags *lines = kern->view[CRMG_MAP_TAGS].memory;

	return &lines[index / CRMG_WAYS].tag[index % CRMG_WAYS];
}

static void crmg_forget_clear(struct crmg_kern *kern, uint32_t index)
{
	crmg_forget_patience(kern, index);
	memset((struct crmg_asked *)kern->view[CRMG_MAP_ASKED].memory + index, 0,
	       sizeof(struct crmg_asked));
	memset((struct crmg_slot *)kern->view[CRMG_MAP_SLOTS].memory + index, 0,
	       sizeof(struct crmg_slot));
	memset((struct crmg_detail *)kern->view[CRMG_MAP_DETAILS].memory + index, 0,
	       sizeof(struct crmg_detail));
	memset((struct crmg_windows *)kern->view[CRMG_MAP_WINDOWS].memory + index, 0,
	       sizeof(struct crmg_windows));
}

static bool crmg_forget_is_busy(__u32 tag)
{
	return (tag >> CRMG_TAG_STATE_SHIFT & CRMG_TAG_STATE_MASK) == CRMG_TAG_BUSY;
}

/* The longest that a packet can take to write a slot, by far; ns. */
#define CRMG_FORGET_WAIT_NS 20000000

void crmg_forget_settle(struct crmg_kern *kern)
{
	const struct timespec wait = { .tv_nsec = CRMG_FORGET_WAIT_NS };
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	uint32_t index = control->forgetting - 1;
	__u32 *tag, busy;

	if (!control->forgetting)
		return;
	if (index < kern->view[CRMG_MAP_SLOTS].size / sizeof(struct crmg_slot)) {
		tag = crmg_forget_tag(kern, index);
		busy = __atomic_load_n(tag, __ATOMIC_ACQUIRE);
		/* Not ours yet, or not any more, if a packet writes it just now. */
		if (crmg_forget_is_busy(busy))
			nanosleep(&wait, NULL);
		if (crmg_forget_is_busy(busy) && busy == __atomic_load_n(tag, __ATOMIC_ACQUIRE)) {
			crmg_forget_clear(kern, index);
			__atomic_store_n(tag, 0, __ATOMIC_SEQ_CST);
		}
	}
	control->forgetting = 0;
}

/* A slot that nothing is left of, or that was left behind under a tag that needs none. */
static void crmg_forget_slot(struct crmg_forgetting *forgetting, uint32_t index)
{
	struct crmg_kern *kern = forgetting->kern;
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_slot *slot = (struct crmg_slot *)kern->view[CRMG_MAP_SLOTS].memory + index;
	struct crmg_detail *detail = (struct crmg_detail *)kern->view[CRMG_MAP_DETAILS].memory + index;
	__u32 *tag = crmg_forget_tag(kern, index);
	__u32 old = __atomic_load_n(tag, __ATOMIC_ACQUIRE);
	unsigned int state = crmg_tag_state_of(&forgetting->snap, index);
	bool used = crmg_tag_in_use(state);
	__u32 busy = (old & CRMG_TAG_HASH_MASK) | CRMG_TAG_BUSY << CRMG_TAG_STATE_SHIFT;

	if (!crmg_forget_meets(forgetting, &detail->addr) || state == CRMG_TAG_BUSY)
		return;
	forgetting->sources += used;
	if (used && crmg_forget_holds(forgetting, index)) {
		crmg_forget_counters(forgetting, index, slot, detail);
		return;
	}
	/* Who is killed from here on leaves a tag that says busy: crmg_forget_settle(). */
	__atomic_store_n(&control->forgetting, index + 1, __ATOMIC_SEQ_CST);
	/* In use by a packet just now, or another source's by now: that one is new. */
	if (__atomic_compare_exchange_n(tag, &old, busy, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
		crmg_forget_clear(kern, index);
		__atomic_store_n(tag, used ? 0 : old, __ATOMIC_SEQ_CST);
	} else {
		crmg_forget_counters(forgetting, index, slot, detail);
	}
	__atomic_store_n(&control->forgetting, 0, __ATOMIC_SEQ_CST);
}

/* An event stays in its place, and tells no more than its kind, when it was, and its policy. */
static void crmg_forget_event(const struct crmg_forgetting *forgetting, struct crmg_event *event)
{
	__u64 seq = __atomic_load_n(&event->seq, __ATOMIC_ACQUIRE), none = 0;
	const struct crmg_pfx pfx = { event->addr, event->len };

	if (!seq || !event->len || !crmg_prefixes_meet(&pfx, &forgetting->source) ||
	    !__atomic_compare_exchange_n(&event->seq, &seq, 0, false, __ATOMIC_SEQ_CST,
					 __ATOMIC_SEQ_CST))
		return;
	event->addr = (struct crmg_addr){ 0, 0 };
	event->len = 0;
	memset(event->detail, 0, sizeof(event->detail));
	/* Unless a new one was written here meanwhile. */
	__atomic_compare_exchange_n(&event->seq, &none, seq, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

/*
 * No lock: who was killed with one would stop the packet path. A packet that has the entry finds
 * that it is nobody's, and who gets it next clears it.
 */
void crmg_wide_erase(struct crmg_total_windows *entry, __u64 check)
{
	struct crmg_addr addr = entry->addr;

	if (check && !__atomic_compare_exchange_n(&entry->check, &check, 0, false, __ATOMIC_SEQ_CST,
						  __ATOMIC_SEQ_CST))
		return;
	/* Unless another's was written here meanwhile. */
	__atomic_compare_exchange_n(&entry->addr.hi, &addr.hi, 0, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
	__atomic_compare_exchange_n(&entry->addr.lo, &addr.lo, 0, false, __ATOMIC_SEQ_CST,
				    __ATOMIC_SEQ_CST);
}

/*
 * Of wider prefixes that the source is in, or that are in it. One that is nobody's was left by
 * who gave way, or was killed here.
 */
static void crmg_forget_wides(const struct crmg_forgetting *forgetting)
{
	struct crmg_total_windows *wides = (struct crmg_total_windows *)
		forgetting->kern->view[CRMG_MAP_TOTAL_WINDOWS].memory + CRMG_TOTALS;
	uint32_t i;

	for (i = 0; i < crmg_wides_count(&forgetting->snap); i++) {
		struct crmg_total_windows *entry = &wides[i];
		__u64 check = __atomic_load_n(&entry->check, __ATOMIC_ACQUIRE);
		const struct crmg_pfx pfx = { entry->addr, entry->len };

		if (pfx.len && crmg_prefixes_meet(&pfx, &forgetting->source) &&
		    (!check || !crmg_windows_count(&entry->windows, forgetting->snap.mono_ns)))
			crmg_wide_erase(entry, check);
	}
}

int crmg_kern_forget(struct crmg_kern *kern, const struct crmg_pfx *source, size_t *ret_sources,
		     struct crmg_err *err)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_event *events = kern->view[CRMG_MAP_EVENTS].memory;
	struct crmg_forgetting forgetting = { .kern = kern, .source = *source };
	uint32_t i;
	int code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES, &forgetting.snap, err);

	if (code)
		return code;
	for (i = 0; i < forgetting.snap.capacity; i++)
		crmg_forget_slot(&forgetting, i);
	crmg_forget_wides(&forgetting);
	for (i = 0; i < CRMG_EVENT_RING; i++)
		crmg_forget_event(&forgetting, &events[i]);
	code = crmg_kept_forget(kern, &forgetting.snap, source, err);
	__atomic_add_fetch(&control->forgotten, 1, __ATOMIC_SEQ_CST);
	*ret_sources = forgetting.sources;
	return code;
}
