/* SPDX-License-Identifier: GPL-2.0 */
/*
 * window.h - the arithmetic of a quota of bytes in a window that slides: what the packet
 * path does to struct crmg_window, and what reports read in it. No map, no clock, no lock.
 *
 * Bytes are counted from the first one on; E is an eighth of the quota Q, W the window. Of
 * T(j), the moment at which j * E bytes had passed, the last eight are kept: T(k) when the
 * present eighth was begun, and T(k-1) to T(k-7). A byte of eighth j, that is one between
 * j * E and (j + 1) * E, passes if T(j-7) is W ago or more.
 *
 * Never more than Q: when it passes, at most (j + 1) * E bytes have, and at least
 * (j - 7) * E of them more than W ago; the difference is 8 * E. An interval of W ends at
 * some byte, or holds no more than one that does.
 * Never refused below 7/8 of Q: if it is refused, all between (j - 7) * E and the byte
 * itself passed less than W ago. Of a packet of n bytes that is asked for as a whole, that
 * is 7 * E less n.
 * An eighth that was begun stays open, as T(j-7) only grows older: so a packet within it
 * costs one addition, and the rest is done eight times per quota.
 *
 * Rounding is always to the side of the quota: a stamp counts for up to 1/4000 of the
 * window longer (1 s: 1/1000), never shorter.
 */
#ifndef CRMGATE_WINDOW_H
#define CRMGATE_WINDOW_H

#include <stdbool.h>

#include <crmgate/abi.h>

#define CRMG_WINDOW_FULL       32768	/* units of a window */
#define CRMG_WINDOW_USED_BITS  40
#define CRMG_WINDOW_USED_MASK  ((1ULL << CRMG_WINDOW_USED_BITS) - 1)
#define CRMG_WINDOW_TICK_SHIFT 16	/* ns of a tick of `begun` */
#define CRMG_WINDOW_TICK_NS    (1ULL << CRMG_WINDOW_TICK_SHIFT)
#define CRMG_WINDOW_TICK_MASK  ((1ULL << 40) - 1)
#define CRMG_WINDOW_LONG_NS    (2 * CRMG_QUOTA_PER_MAX * 1000000000ULL)	/* older than any window */
#define CRMG_WINDOW_BACK       (1ULL << 20)	/* ticks: the clock of another CPU, and no sleep */

#define CRMG_WINDOW_FN static inline __attribute__((always_inline))

/* 6.1 takes no loop into whose head a branch of its body falls through. */
#ifdef __bpf__
#define CRMG_WINDOW_UNROLL _Pragma("unroll")
#else
#define CRMG_WINDOW_UNROLL
#endif

CRMG_WINDOW_FN __u64 crmg_terms_of(__u64 bytes, __u32 per_s)
{
	return bytes >> 3 << CRMG_TERMS_SHIFT | per_s;
}

CRMG_WINDOW_FN __u64 crmg_terms_eighth(__u64 terms)
{
	return (terms & ~CRMG_WINDOW_FLAGS) >> CRMG_TERMS_SHIFT;
}

CRMG_WINDOW_FN __u64 crmg_terms_per_s(__u64 terms)
{
	return terms & ((1 << CRMG_TERMS_SHIFT) - 1);
}

/* ns of a unit, of which CRMG_WINDOW_FULL are the window or a little more. */
CRMG_WINDOW_FN __u64 crmg_terms_unit_ns(__u64 terms)
{
	return (crmg_terms_per_s(terms) * 1000000000 >> 15) + 1;
}

CRMG_WINDOW_FN __u64 crmg_window_used(const struct crmg_window *w)
{
	return w->used & CRMG_WINDOW_USED_MASK;
}

CRMG_WINDOW_FN void crmg_window_set(struct crmg_window *w, __u64 begun, __u64 used)
{
	w->used = begun >> 16 << CRMG_WINDOW_USED_BITS | used;
	w->begun = begun;
}

CRMG_WINDOW_FN __u64 crmg_window_begun(const struct crmg_window *w)
{
	return w->used >> CRMG_WINDOW_USED_BITS << 16 | w->begun;
}

/*
 * a - b, but not below 0, for both below 2^63. Calculated, not branched, for the verifier;
 * and so that the compiler does not make a branch of it.
 */
CRMG_WINDOW_FN __u64 crmg_window_less(__u64 a, __u64 b)
{
	__u64 less = a - b, below = less >> 63;

	__asm__("" : "+r"(below));
	return less & (below - 1);
}

/* Units since the present eighth was begun; more than a window is one window. */
CRMG_WINDOW_FN __u64 crmg_window_since(const struct crmg_window *w, __u64 now_ns)
{
	__u64 ticks = (now_ns >> CRMG_WINDOW_TICK_SHIFT) - crmg_window_begun(w);
	__u64 units;

	ticks &= CRMG_WINDOW_TICK_MASK;
	/* The clock of another CPU is behind: no time has passed. */
	ticks &= ((ticks + CRMG_WINDOW_BACK) >> 40) - 1;
	units = (ticks << CRMG_WINDOW_TICK_SHIFT) / crmg_terms_unit_ns(w->terms);
	return units - crmg_window_less(units, CRMG_WINDOW_FULL);
}

/* True if so many more bytes (at least one) may pass; since: crmg_window_since(). */
CRMG_WINDOW_FN bool crmg_window_takes(const struct crmg_window *w, __u64 bytes, __u64 since)
{
	__u64 eighth = crmg_terms_eighth(w->terms), used = crmg_window_used(w);
	__u64 total = used + bytes, ahead;

	if (total > 8 * eighth)
		return false;
	if (used && total <= eighth)
		return true;
	ahead = (total - 1) / eighth;
	if (ahead >= CRMG_WINDOW_STAMPS)
		return since >= CRMG_WINDOW_FULL;
	return since >= w->left[(CRMG_WINDOW_STAMPS - 1 - ahead) & 7];
}

#define CRMG_WINDOW_AT_ONCE 65536	/* bytes that may leave as one packet */

/* True while a window that has terms does not take another eighth, or as much as that. */
CRMG_WINDOW_FN bool crmg_window_shut(const struct crmg_window *w, __u64 since)
{
	__u64 eighth = crmg_terms_eighth(w->terms);

	return eighth && !crmg_window_takes(w, eighth < CRMG_WINDOW_AT_ONCE ? eighth
					       : CRMG_WINDOW_AT_ONCE, since);
}

/* The present eighth ends, `since` units after it was begun; the next begins. */
CRMG_WINDOW_FN void crmg_window_complete(struct crmg_window *w, __u64 since)
{
	int i;

	for (i = CRMG_WINDOW_STAMPS - 1; i > 0; i--)
		w->left[i] = crmg_window_less(w->left[i - 1], since);
	w->left[0] = crmg_window_less(CRMG_WINDOW_FULL, since);
}

/* Charges what crmg_window_takes(). */
CRMG_WINDOW_FN void
crmg_window_charge(struct crmg_window *w, __u64 bytes, __u64 since, __u64 now_ns)
{
	__u64 eighth = crmg_terms_eighth(w->terms), total = crmg_window_used(w) + bytes;
	__u64 begun = crmg_window_begun(w);
	int i;

	for (i = 0; i < 8 && total >= eighth; i++) {
		crmg_window_complete(w, i ? 0 : since);
		begun = (now_ns >> CRMG_WINDOW_TICK_SHIFT) + 1;
		total -= eighth;
	}
	crmg_window_set(w, begun & CRMG_WINDOW_TICK_MASK, total);
}

/* How long the end of the eighth `back` before the present one still counts, in units. */
CRMG_WINDOW_FN __u64 crmg_window_counts(const struct crmg_window *w, __u32 back, __u64 since)
{
	return crmg_window_less(back ? w->left[(back - 1) & 7] : CRMG_WINDOW_FULL, since);
}

/* Bytes that count against the quota: what passed in the window, rounded up to an eighth. */
CRMG_WINDOW_FN __u64 crmg_window_level(const struct crmg_window *w, __u64 since)
{
	__u64 eighths = 0;
	__u32 back;

	for (back = 0; back <= CRMG_WINDOW_STAMPS; back++)
		eighths += (0 - crmg_window_counts(w, back, since)) >> 63;
	return crmg_window_used(w) + eighths * crmg_terms_eighth(w->terms);
}

/* Who holds the windows holds them all the time: without the bit, for a moment, another CPU would. */
CRMG_WINDOW_FN void crmg_window_put_terms(struct crmg_window *w, __u64 terms)
{
	w->terms = terms | (w->terms & CRMG_WINDOW_BUSY);
}

/* A window that nothing was counted in. */
CRMG_WINDOW_FN void crmg_window_clear(struct crmg_window *w, __u64 terms, __u64 now_ns)
{
	__u64 begun = now_ns - CRMG_WINDOW_LONG_NS;
	int i;

	crmg_window_put_terms(w, terms);
	crmg_window_set(w, begun >> CRMG_WINDOW_TICK_SHIFT & CRMG_WINDOW_TICK_MASK, 0);
	for (i = 0; i < CRMG_WINDOW_STAMPS; i++)
		w->left[i] = 0;
}

/* What a window knows of the past, in its own terms: see crmg_window_counts(). */
struct crmg_window_past {
	__u64 terms;
	__u64 used;
	__u64 counts[CRMG_WINDOW_STAMPS + 1];
};

CRMG_WINDOW_FN void
crmg_window_past(const struct crmg_window *w, __u64 now_ns, struct crmg_window_past *ret)
{
	__u64 since = crmg_window_since(w, now_ns);
	__u32 back;

	ret->terms = w->terms & ~CRMG_WINDOW_FLAGS;
	ret->used = crmg_window_used(w);
	for (back = 0; back <= CRMG_WINDOW_STAMPS; back++)
		ret->counts[back] = crmg_window_counts(w, back, since);
}

/*
 * How long a moment still counts, `behind` bytes before now, in units of other terms. What
 * passed within an old eighth counts as if it had when that ended. A window that is
 * longer than the old one knows no more than that did.
 */
CRMG_WINDOW_FN __u64
crmg_window_recounts(const struct crmg_window_past *past, __u64 behind, __u64 terms)
{
	__u64 back, counts, age_ns;

	if (behind < past->used)
		return CRMG_WINDOW_FULL;
	back = (behind - past->used) / crmg_terms_eighth(past->terms);
	if (back > CRMG_WINDOW_STAMPS)
		return 0;
	counts = past->counts[back & 7];
	if (!counts)
		return 0;
	age_ns = crmg_window_less(CRMG_WINDOW_FULL, counts) * crmg_terms_unit_ns(past->terms);
	return crmg_window_less(CRMG_WINDOW_FULL, age_ns / crmg_terms_unit_ns(terms));
}

/* Goes on under other terms from what the past knows, which was written under some. */
CRMG_WINDOW_FN void
crmg_window_adopt(struct crmg_window *w, const struct crmg_window_past *past, __u64 terms,
		  __u64 now_ns)
{
	__u64 eighth = crmg_terms_eighth(terms), used = past->used % eighth;
	__u64 last = crmg_window_recounts(past, used, terms), counts, since;
	__u64 begun = now_ns - CRMG_WINDOW_LONG_NS;
	__u32 back;

	since = crmg_window_less(CRMG_WINDOW_FULL, last);
	if (last)
		begun = now_ns - since * crmg_terms_unit_ns(terms) + CRMG_WINDOW_TICK_NS;
	crmg_window_put_terms(w, terms);
	crmg_window_set(w, begun >> CRMG_WINDOW_TICK_SHIFT & CRMG_WINDOW_TICK_MASK, used);
	CRMG_WINDOW_UNROLL
	for (back = 1; back <= CRMG_WINDOW_STAMPS; back++) {
		counts = crmg_window_recounts(past, used + back * eighth, terms);
		w->left[back - 1] = counts ? counts + since : 0;
	}
}

/* The old window that a new one goes on from: of its time, or the next longer, or the longest. */
CRMG_WINDOW_FN __u32 crmg_window_from(const struct crmg_window_past *past, __u64 terms)
{
	__u32 from = 0, i;

	CRMG_WINDOW_UNROLL
	for (i = 0; i + 1 < CRMG_WINDOWS_MAX; i++)
		from += past[i + 1].terms &&
			crmg_terms_per_s(past[i].terms) < crmg_terms_per_s(terms);
	return from;
}

/* Windows of another policy go on under this one. past: room to work with. */
CRMG_WINDOW_FN void
crmg_windows_adopt(struct crmg_windows *there, const struct crmg_quota *quota,
		   struct crmg_window_past *past, __u64 now_ns)
{
	__u64 known = 0, terms;
	__u32 i;

	CRMG_WINDOW_UNROLL
	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		crmg_window_past(&there->window[i], now_ns, &past[i]);
		known |= past[i].terms;
	}
	CRMG_WINDOW_UNROLL
	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		terms = quota[i].terms;
		if (terms && known)
			crmg_window_adopt(&there->window[i],
					  &past[crmg_window_from(past, terms) & 3], terms, now_ns);
		else
			crmg_window_clear(&there->window[i], terms, now_ns);
		if (terms)
			there->window[i].terms |= CRMG_WINDOW_ARMED;
	}
}

#endif
