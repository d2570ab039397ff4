/* SPDX-License-Identifier: GPL-2.0 */
/*
 * work.h - what a CPU has at hand: what is known of the packet under XDP, its clock.
 * Not on the stack, of which 512 bytes have to do for all calls; and what the verifier
 * reads from a map is any value to it, so it does not follow each kind of packet through
 * all of the path. One look-up for all. Not pinned: nothing is lost with the program.
 */
#ifndef CRMGATE_BPF_WORK_H
#define CRMGATE_BPF_WORK_H

/* What is sent, the budgets of one scope, and what their windows said before (quota.h). */
struct crmg_out {
	__u32 set;		/* 1: the scope has any; valid in totals.h only, as are these: */
	__u32 at;		/* its entry in "windows" or "total_windows" */
	__u32 holds;		/* generation under which a cut of it holds; 0: it does not */
	__u32 plain;		/* 1: the packet stays within an eighth of each quota */
	__u64 bytes;
	__u64 now_ns;
	struct crmg_limit throttle;	/* the rate that it goes on at, of a scope in w->slows */
	struct crmg_quota quota[CRMG_WINDOWS_MAX];
	__u64 since[CRMG_WINDOWS_MAX];
	struct crmg_window_past past[CRMG_WINDOWS_MAX];
};

/* A packet for which a budget is used up, and its rate (throttle.h); times in 1/256 ns. */
struct crmg_throttling {
	__u64 now;
	__u64 cost;
	__u64 most;		/* overdrawn by this it still passes */
	__u64 least;		/* it is overdrawn by this at least */
	__u32 index;		/* of the slot */
	__u32 pad;
};

/* A wider prefix that has a budget of bytes that leave (wide.h). */
struct crmg_wide {
	__u64 check;
	struct crmg_addr addr;
	__u32 first;		/* entry of "total_windows" that its line begins with */
	__u32 at;		/* its entry; CRMG_WIDE_NONE: it has none */
	__u32 row;		/* of the binding; a probe has none of its own */
	__u32 len;		/* of the prefix */
};

/* What a segment says of its connection (segments.h). */
struct crmg_step {
	__u64 hash;		/* its bits of the tag */
	__u32 line;
	__u32 way;		/* that has its tag; CRMG_WAYS: it is not known */
	__u32 state;		/* 0, or CRMG_CONN_*: what it becomes, unless it is that or more */
	__u64 marks;		/* CRMG_CONN_FIN_IN and others that it gets, ... */
	__u64 clears;		/* ... and loses */
	__u32 begun;		/* 1: by this segment */
	__u32 was;		/* CRMG_CONN_*, of what leaves: before */
	__u32 last;		/* 1: a RST behind all that came */
	__u32 over;		/* 1: of one that was met in its begin the end begins with it */
};

/* The flow of a segment that leaves (flows.h). */
struct crmg_flow_place {
	__u64 word;		/* that was written, ... */
	__u64 was;		/* ... and what was there of it before; 0: nothing */
	__u32 at;		/* its entry, as in "greetings"; ~0: it has none */
	__u32 said;		/* bytes of the segment that were read before */
};

/* What may be answered in place of the server, and with what (answers.h). */
struct crmg_reply {
	__u32 can;		/* 1: the hook can send */
	__u32 answer;		/* enum crmg_answer */
	__u32 retry_s;
	__u32 pad;
};

/* How requests are judged, and what came of it (requests.h). */
struct crmg_asking {
	struct crmg_limit limit;	/* cost 0: any number of them */
	__u32 methods;		/* these, and what follows, as struct crmg_http_terms, but ~0: any */
	__u32 max_header;
	__u32 max_body;
	__u32 sanity;		/* enum crmg_sanity */
	__u32 how;		/* CRMG_ASKED_* */
	__u32 count;		/* of the segment, also if it was refused before */
	__u32 refused;		/* enum crmg_reason */
};

struct crmg_work {
	struct crmg_pkt pkt;
	struct crmg_source source;
	struct crmg_ask ask[CRMG_SCOPE_COUNT];
	struct crmg_out out[CRMG_SCOPE_COUNT];
	__u64 acts;		/* CRMG_OUT_OF(scope, CRMG_OUT_REFUSED): of what does not only tell */
	__u64 slows;		/* the same: of what throttles; in acts too until the rates let it */
	struct crmg_wide wide;
	struct crmg_throttling throttling;
	struct crmg_kept kept;	/* of who gives way (kept.h) */
	__u64 own;		/* enum crmg_reason: of a refusal by the source's limits; OK: theirs */
	__u64 exceeded;		/* 1: the source itself exceeds a limit (proved.h) */
	__u64 reason;		/* enum crmg_reason: see crmg_forget() */
	__u64 verdict;		/* enum crmg_verdict: the same */
	__u64 odd;		/* bit i: oddity i; 0 if the service does not look (odd.h) */
	__u64 from_own;		/* 1: from another address of this host (own.h) */
	__u32 ifindex;		/* by which it came or goes */
	__u32 half_max;		/* cap of HALF_OPEN; not 0 with a name, whose base may have one */
	__u64 ended;		/* 1: its connection ends with it, which is known already */
	__u32 spent;		/* 1: refused since what may be sent was: its connection ends */
	__u32 awaited;		/* with `ended`: sequence number that the server waits for */
	struct crmg_step step;
	struct crmg_walk walk;
	__u64 unasked;		/* code of an answer to what was not read (responses.h); 0: none */
	struct crmg_reply reply;
	struct crmg_asking asking;
	struct crmg_limit failures;	/* cost 0: none (failures.h) */
	struct crmg_limit handshakes;	/* the same, of those that end (handshake.h) */
	__u64 names;		/* 1: its port is of services that have names (names.h), ... */
	__u64 named;		/* ... and 1: it is of one of those */
	__u64 probe;		/* 1: the packet is a probe (probe.h) */
	__u64 sent;		/* CRMG_SENT_*: what is known of what leaves (flows.h) */
	struct crmg_flow_place flow;	/* of what leaves, unless that is a probe */
	struct crmg_clock clock;
	__u64 passed[CRMG_SERVICES_MAX + 1];	/* packets, by service index; only grows */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct crmg_work);
} work SEC(".maps");

static __always_inline struct crmg_work *crmg_work(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&work, &zero);
}

/*
 * The same reason, of which the verifier knows nothing any more: else it walks all that
 * follows once for each way that led here, and 6.1 runs out of its million steps.
 */
static __always_inline enum crmg_reason crmg_forget(struct crmg_work *w, enum crmg_reason reason)
{
	CRMG_WRITE_ONCE(w->reason, reason);
	return CRMG_READ_ONCE(w->reason);
}

static __always_inline enum crmg_verdict
crmg_forget_verdict(struct crmg_work *w, enum crmg_verdict verdict)
{
	CRMG_WRITE_ONCE(w->verdict, verdict);
	return CRMG_READ_ONCE(w->verdict);
}

#endif
