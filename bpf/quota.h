/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quota.h - budgets of bytes that leave (bytes_out), at TC egress. Of a source that has a
 * slot its windows are charged before the verdict: all of them, or, when one does not take
 * the whole packet, none. Of those that sources share: totals.h, wide.h. The arithmetic, and why it
 * is right: window.h.
 *
 * One CPU at a time: the windows of a source belong together, so one bit in the first of
 * them is taken by compare-and-swap for the few loads and stores that a packet needs.
 */
#ifndef CRMGATE_BPF_QUOTA_H
#define CRMGATE_BPF_QUOTA_H

#define CRMG_BUSY_TRIES 256	/* as often is a busy window read again */

/* What came of a packet. */
#define CRMG_OUT_REFUSED   1
#define CRMG_OUT_EXCEEDED  2	/* the first refusal since an eighth came free */
#define CRMG_OUT_NOTIFY    4	/* a budget came to notify_at */
#define CRMG_OUT_CONTENDED 8	/* refused: another CPU did not get done in time */

/* What came of it in each scope, in one word. */
#define CRMG_OUT_OF(scope, bits) ((bits) << (scope) * 8)
#define CRMG_OUT_ANY(bits)       ((bits) * 0x01010101)
#define CRMG_OUT_ALL(bits)       ((bits) * 0x01010000)	/* policy and service */
#define CRMG_OUT_SHARED(result)  (((result) >> 8 | (result) >> 16 | (result) >> 24) & 0xff)

static __always_inline const struct crmg_quotas *
crmg_quotas(const struct crmg_front *front, __u16 index)
{
	return crmg_entry(front, front->head.section[CRMG_SECTION_QUOTAS].cell, index,
			  CRMG_QUOTAS_SHIFT);
}

static __always_inline bool crmg_windows_take(struct crmg_windows *there)
{
	__u64 terms = CRMG_READ_ONCE(there->window[0].terms);

	return !(terms & CRMG_WINDOW_BUSY) &&
	       __sync_val_compare_and_swap(&there->window[0].terms, terms,
					   terms | CRMG_WINDOW_BUSY) == terms;
}

/* When another CPU was faster. A function of its own, verified once. */
__noinline int crmg_windows_wait(struct crmg_windows *there)
{
	int try;

	if (!there)
		return 0;
	for (try = 0; try < CRMG_BUSY_TRIES; try++)
		if (crmg_windows_take(there))
			return 1;
	return 0;
}

static __always_inline bool crmg_windows_hold(struct crmg_windows *there)
{
	return !there || crmg_windows_take(there) || crmg_windows_wait(there);
}

/*
 * Where the slot changed hands meanwhile there is nothing to let go of; in the nanosecond between
 * load and store that is not seen, and its new owner begins with terms of the old. x86 stores in
 * order, so that what was charged is seen before; elsewhere an atomic operation is the only
 * barrier that 6.1 knows, and the two of a hold are most of what four budgets add.
 */
static __always_inline void crmg_windows_let_go(struct crmg_windows *there)
{
	__u64 terms = CRMG_READ_ONCE(there->window[0].terms);

#ifdef __TARGET_ARCH_x86
	barrier();
	if (terms & CRMG_WINDOW_BUSY)
		CRMG_WRITE_ONCE(there->window[0].terms, terms & ~CRMG_WINDOW_BUSY);
#else
	__sync_val_compare_and_swap(&there->window[0].terms, terms, terms & ~CRMG_WINDOW_BUSY);
#endif
}

static __always_inline void crmg_windows_leave(struct crmg_windows *there)
{
	if (there)
		crmg_windows_let_go(there);
}

/* True if the packet stays within an eighth of every quota. */
static __always_inline bool
crmg_windows_plain(const struct crmg_windows *there, const struct crmg_quota *quota, __u64 bytes)
{
	__u64 terms, used;
	int i;

#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		terms = quota[i].terms;
		used = there->window[i].used & CRMG_WINDOW_USED_MASK;
		if ((there->window[i].terms ^ terms) & (i ? ~0ULL : ~CRMG_WINDOW_BUSY))
			return false;
		if (terms && (!used || used + bytes >= terms >> CRMG_TERMS_SHIFT))
			return false;
	}
	return true;
}

/* Charges such a packet. */
static __always_inline void
crmg_windows_add(struct crmg_windows *there, const struct crmg_quota *quota, __u64 bytes)
{
	int i;

#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		if (quota[i].terms)
			there->window[i].used += bytes;
}

/*
 * Charges a window that takes the packet; 1 if that came to the bytes that are told of, else
 * 0. A function of its own, verified once.
 */
__noinline int crmg_window_pass(struct crmg_window *w, const struct crmg_quota *quota,
				__u64 bytes, __u64 since, __u64 now_ns)
{
	__u64 before, level, rest;
	bool entered;

	if (!w || !quota)
		return 0;
	before = crmg_window_level(w, since);
	entered = !crmg_window_used(w) ||
		  crmg_window_used(w) + bytes > crmg_terms_eighth(w->terms);
	crmg_window_charge(w, bytes, since, now_ns);
	level = crmg_window_level(w, crmg_window_since(w, now_ns));
	rest = crmg_terms_eighth(w->terms) - crmg_window_used(w);
	w->terms &= ~(CRMG_WINDOW_ARMED | (entered ? CRMG_WINDOW_OVER : 0));
	if (level + rest >= quota->notify)
		w->terms |= CRMG_WINDOW_ARMED;
	return before < quota->notify && level >= quota->notify;
}

__noinline int crmg_window_room(const struct crmg_window *w, __u64 bytes, __u64 since)
{
	return w && crmg_window_takes(w, bytes, since);
}

/*
 * A policy may have been changed: goes on from what they say under its quotas. A function of
 * its own, verified once.
 */
__noinline int crmg_windows_renew(struct crmg_windows *there, struct crmg_out *out)
{
	__u64 changed = 0;
	int i;

	if (!there || !out)
		return 0;
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		changed |= (there->window[i].terms & ~CRMG_WINDOW_FLAGS) ^ out->quota[i].terms;
	if (changed)
		crmg_windows_adopt(there, out->quota, out->past, out->now_ns);
	return 0;
}

/*
 * Asks windows that are held, and up to date, whether they take out->bytes at out->now_ns: 0,
 * or CRMG_OUT_REFUSED and more. NULL: there are none. A function of its own, verified once.
 * Unrolled: 6.1 takes no loop that goes back behind a call.
 */
__noinline int crmg_windows_ask(struct crmg_windows *there, struct crmg_out *out)
{
	int i, result = 0;

	if (!there || !out)
		return 0;
	out->plain = crmg_windows_plain(there, out->quota, out->bytes);
	if (out->plain)
		return 0;
#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		struct crmg_window *w = &there->window[i];

		out->since[i] = crmg_window_since(w, out->now_ns);
		if (!out->quota[i].terms || crmg_window_room(w, out->bytes, out->since[i]))
			continue;
		result |= w->terms & CRMG_WINDOW_OVER ? CRMG_OUT_REFUSED :
							CRMG_OUT_REFUSED | CRMG_OUT_EXCEEDED;
		w->terms |= CRMG_WINDOW_OVER;
	}
	return result;
}

/* Charges them with what they take: 0 or CRMG_OUT_NOTIFY. The same. */
__noinline int crmg_windows_pass(struct crmg_windows *there, struct crmg_out *out)
{
	int i, result = 0;

	if (!there || !out)
		return 0;
	if (out->plain) {
		crmg_windows_add(there, out->quota, out->bytes);
		return 0;
	}
#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		if (out->quota[i].terms &&
		    crmg_window_pass(&there->window[i], &out->quota[i], out->bytes, out->since[i],
				     out->now_ns))
			result |= CRMG_OUT_NOTIFY;
	return result;
}

/* By value, since a policy is read-only. */
static __always_inline void
crmg_out_set(struct crmg_out *out, const struct crmg_quotas *quotas, __u64 bytes)
{
	int i;

	out->bytes = bytes;
#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		out->quota[i] = quotas->quota[i];
}

/*
 * Charges bytes that leave to the budgets of a source with a slot, and counts them unless they
 * are dropped: drops says whether what is refused is. Returns CRMG_OUT_*.
 */
static __always_inline int
crmg_quotas_charge(struct crmg_work *w, const struct crmg_quotas *quotas,
		   struct crmg_detail *detail, __u32 index, __u64 bytes, bool drops)
{
	struct crmg_windows *there = crmg_windows_at(index);
	struct crmg_out *out = &w->out[CRMG_SCOPE_SOURCE];
	int result = 0;

	if (!there)
		return 0;
	if (!crmg_windows_hold(there)) {
		if (!drops)
			__sync_fetch_and_add(&detail->bytes_out, bytes);
		return CRMG_OUT_REFUSED | CRMG_OUT_CONTENDED;
	}
	if (crmg_windows_plain(there, quotas->quota, bytes)) {
		crmg_windows_add(there, quotas->quota, bytes);
	} else {
		out->now_ns = crmg_exact_ns();
		crmg_out_set(out, quotas, bytes);
		crmg_windows_renew(there, out);
		result = crmg_windows_ask(there, out);
		if (!result)
			result = crmg_windows_pass(there, out);
	}
	/* Nobody else adds to it now: whoever sends to the source holds its windows. */
	if (!drops || !(result & CRMG_OUT_REFUSED))
		detail->bytes_out += bytes;
	crmg_windows_let_go(there);
	return result;
}

/*
 * crmg_window_shut(). Read while TC writes: at worst one request comes too early or too late.
 * A function of its own, verified once.
 */
__noinline int crmg_window_closed(const struct crmg_window *w, __u64 now_ns)
{
	return w && crmg_window_shut(w, crmg_window_since(w, now_ns));
}

/* True while a source that was cut is not let in again. */
static __always_inline bool crmg_windows_closed(const struct crmg_windows *there, __u64 now_ns)
{
	int i, closed = 0;

	if (!there)
		return false;
#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		closed |= crmg_window_closed(&there->window[i], now_ns);
	return closed;
}

/* A source that was cut is let in again if it is time. */
static __always_inline void crmg_cut_review(struct crmg_slot *slot, __u32 index, __u64 now_ns)
{
	__u64 resolved = CRMG_READ_ONCE(slot->resolved);

	if (CRMG_SLOT_FLAGS(resolved) & CRMG_SLOT_CUT &&
	    !crmg_windows_closed(crmg_windows_at(index), now_ns))
		__sync_val_compare_and_swap(&slot->resolved, resolved,
					    resolved & ~((__u64)CRMG_SLOT_CUT << 48));
}

static __always_inline bool crmg_is_cut(const struct crmg_slot *slot)
{
	return CRMG_SLOT_FLAGS(CRMG_READ_ONCE(slot->resolved)) & CRMG_SLOT_CUT;
}

/*
 * True if a packet asks for something: is more than an acknowledgement or an end. Calculated,
 * not branched, for the verifier.
 */
static __always_inline __u64 crmg_asks(const struct crmg_pkt *pkt)
{
	__u64 syn = pkt->tcp_flags >> 1 & ~(pkt->tcp_flags >> 4) & 1;

	return (pkt->transport ^ CRMG_TRANSPORT_TCP) | syn |
	       crmg_above(pkt->ip_end, pkt->l4 + (__u32)pkt->tcp_header);
}

/* From now on requests of the source are refused, until crmg_cut_review() finds that it may again. */
static __always_inline void crmg_cut_begin(struct crmg_slot *slot)
{
	__u64 resolved = CRMG_READ_ONCE(slot->resolved);

	if (!(CRMG_SLOT_FLAGS(resolved) & CRMG_SLOT_CUT))
		__sync_val_compare_and_swap(&slot->resolved, resolved,
					    resolved | (__u64)CRMG_SLOT_CUT << 48);
}

#endif
