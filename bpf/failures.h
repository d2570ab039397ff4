/* SPDX-License-Identifier: GPL-2.0 */
/*
 * failures.h - requests that a server answered 401 or 403, which is what guessing looks
 * like, and handshakes that failed (handshake.h). They fill a bucket of their source where they
 * end; while it is full, requests of the source are refused, or the first segments of its
 * connections. So it gets no more than burst + rate * t of them. Layout: abi.h, "asked".
 */
#ifndef CRMGATE_BPF_FAILURES_H
#define CRMGATE_BPF_FAILURES_H

static __always_inline bool crmg_is_failure(__u32 code)
{
	return code == 401 || code == 403;
}

/* The entry of the source in w; NULL: it has none. */
static __always_inline struct crmg_asked *crmg_asked_of(const struct crmg_work *w)
{
	__u32 at = w->source.index;
	struct crmg_asked *asked = bpf_map_lookup_elem(&asked_map, &at);

	return asked && CRMG_READ_ONCE(asked->check) == w->source.hash.check ? asked : NULL;
}

static __always_inline __u64
crmg_failures_backlog(const struct crmg_work *w, const struct crmg_asked *asked, __u64 now)
{
	return crmg_backlog_as(CRMG_READ_ONCE(asked->failed_tat), now,
			       CRMG_READ_ONCE(asked->failed_cost), w->failures.cost,
			       w->failures.tolerance);
}

/*
 * True if one more failure would be too many, under the limit in w->failures; cost 0: none. What
 * is paid for is forgotten: 625 days later it would lie ahead.
 */
static __always_inline bool
crmg_failures_full(const struct crmg_work *w, struct crmg_asked *asked, __u64 now)
{
	if (!w->failures.cost || !CRMG_READ_ONCE(asked->failed_cost))
		return false;
	if (!crmg_backlog(CRMG_READ_ONCE(asked->failed_tat), now)) {
		CRMG_WRITE_ONCE(asked->failed_cost, 0);
		return false;
	}
	return crmg_failures_backlog(w, asked, now) + w->failures.cost > w->failures.tolerance;
}

/*
 * Charges a failure, also if it does not conform: what was asked for at once is all answered, and
 * paid back before anything is asked again. The source has an entry, or lost it since: what was
 * asked was charged before, or the entry was made for this. Of CPUs that come at once one may not
 * count: that is in favour of the source. A function of its own, verified once.
 */
__noinline int crmg_failed(struct crmg_work *w)
{
	struct crmg_asked *asked;
	__u64 now, backlog;

	if (!w || !w->failures.cost)
		return 0;
	asked = crmg_asked_of(w);
	if (!asked)
		return 0;
	now = w->source.now_ns << CRMG_UNITS_PER_NS_SHIFT;
	backlog = CRMG_READ_ONCE(asked->failed_cost) ? crmg_failures_backlog(w, asked, now) : 0;
	if (backlog > CRMG_BACKLOG_MAX / 2)
		backlog = CRMG_BACKLOG_MAX / 2;
	CRMG_WRITE_ONCE(asked->failed_tat, now + backlog + w->failures.cost);
	CRMG_WRITE_ONCE(asked->failed_cost, w->failures.cost);
	return 0;
}

#endif
