/* SPDX-License-Identifier: GPL-2.0 */
/*
 * floor.h - which version of TLS a connection speaks, and what comes of it. What the server
 * says first is the truth: a client only offers, and is refused by what it says only if no
 * server can make anything else of it. The flow (flows.h) says what is first of a server,
 * the connection (conns.h) what is first of a client.
 */
#ifndef CRMGATE_BPF_FLOOR_H
#define CRMGATE_BPF_FLOOR_H

#include "greeting.h"
#include "tlsfirst.h"

#define CRMG_FIRST_STEPS 64	/* extensions; of a hello with more nothing is known */

/* Why a connection of which this is known is below the floor of the policy; OK: it is not. */
static __always_inline enum crmg_reason
crmg_below_floor(const struct crmg_binding *binding, __u32 version)
{
	if (version == CRMG_TLS_VERSION_PLAINTEXT)
		return binding->floor ? CRMG_REASON_PLAINTEXT : CRMG_REASON_OK;
	return version < binding->tls_minimum ? CRMG_REASON_TLS_VERSION : CRMG_REASON_OK;
}

/* ----------------------------------------------------------- what arrives */

/*
 * True if the first byte of a connection is in the segment, and nothing of it came before: then
 * the walk begins there. A function of its own, verified once.
 */
__noinline int crmg_first_at(struct crmg_work *w)
{
	const struct crmg_conn *conn;
	struct crmg_walk *k;
	__u32 before;
	__u64 tag;

	if (!w)
		return 0;
	k = &w->walk;
	k->at = w->pkt.l4 + w->pkt.tcp_header;
	k->end = w->pkt.ip_end;
	if (w->source.syn || k->at >= k->end)
		return 0;
	conn = crmg_conn_find(w, true, &tag);
	if (!conn || conn->client_next != conn->client_first)
		return 0;
	before = conn->client_first - crmg_ntohl(w->pkt.seq);
	if (before >= k->end - k->at)
		return 0;
	k->at += before;
	return 1;
}

/* What a client says first, enum crmg_tls_version; CRMG_TLS_VERSION_COUNT: that is not known. */
#define CRMG_FIRST_READER(name, type, load) \
static long name##_step(__u32 i, void *arg) \
{ \
	const struct crmg_walking *walking = arg; \
\
	(void)i; \
	return crmg_first_step(walking->walk, walking->ctx, load); \
} \
\
__noinline int name(type *ctx, struct crmg_work *w, __u32 minimum) \
{ \
	struct crmg_walking walking = { .ctx = ctx }; \
	enum crmg_tls_version told; \
\
	if (!w || !crmg_first_at(w)) \
		return CRMG_TLS_VERSION_COUNT; \
	told = crmg_first_open(&w->walk, ctx, load, minimum); \
	if (told != CRMG_TLS_VERSION_COUNT || !w->walk.ext_end) \
		return told; \
	walking.walk = &w->walk; \
	bpf_loop(CRMG_FIRST_STEPS, name##_step, &walking, 0); \
	return crmg_first_end(&w->walk); \
}
CRMG_FIRST_READER(crmg_first_xdp, struct xdp_md, bpf_xdp_load_bytes_of)
CRMG_FIRST_READER(crmg_first_skb, struct __sk_buff, bpf_skb_load_bytes_of)

/* Reads what is first in w->pkt, under the context that its frame is in. */
typedef int crmg_first_reader(void *ctx, struct crmg_work *w, __u32 minimum);

/*
 * What would pass is looked at by a policy that refuses: what one only observes is seen by what
 * the server answers, or it would be counted twice.
 */
static __always_inline enum crmg_reason
crmg_floored(struct crmg_work *w, const struct crmg_binding *binding, enum crmg_reason reason,
	     void *ctx, crmg_first_reader *first)
{
	enum crmg_reason below;

	if (reason >= CRMG_REASON_FIRST_REFUSAL || reason == CRMG_REASON_PANIC ||
	    binding->mode != CRMG_MODE_ENFORCE ||
	    !(binding->floor & CRMG_BINDING_FLOOR_REFUSES) || !crmg_has_conn(w, binding))
		return reason;
	below = crmg_below_floor(binding, first(ctx, w, binding->tls_minimum));
	return below != CRMG_REASON_OK && crmg_enforced(binding, below) ? below : reason;
}

/*
 * A connection is ended by the resets that answer its segment. in: 1 if that arrived; then the
 * server need not take the one that goes on, and until it was silent what comes is read.
 */
__noinline int crmg_conn_end(struct crmg_work *w, __u32 in)
{
	const struct crmg_conn *conn;
	__u64 tag;

	if (!w)
		return 0;
	conn = crmg_conn_find(w, in, &tag);
	if (!conn)
		return 0;
	if (in) {
		w->step.marks = CRMG_CONN_RESET;
		w->awaited = conn->client_next;
	}
	w->step.state = CRMG_CONN_CLOSED;
	return crmg_conn_move(w);
}

/* So is that of a segment that arrived, if its flow is known: else the client alone is told. */
static __always_inline void crmg_both_end(struct crmg_work *w)
{
	if (!crmg_flow_end(&w->pkt))
		return;
	CRMG_WRITE_ONCE(w->ended, 1);
	w->awaited = crmg_ntohl(w->pkt.seq);
	crmg_conn_end(w, 1);
}

/* ------------------------------------------------------------ what leaves */

/* True if what leaves is of what the server says first in its connection, or may be. */
static __always_inline bool crmg_says_first(const struct crmg_work *w)
{
	return CRMG_READ_ONCE(w->sent) & (CRMG_SENT_FIRST | CRMG_SENT_UNMET | CRMG_SENT_BEHIND);
}

static long crmg_greeting_step_skb(__u32 i, void *arg)
{
	const struct crmg_walking *walking = arg;
	struct crmg_walk *k = walking->walk;

	(void)i;
	if (k->at >= k->end)
		return 1;
	k->told = crmg_greeting_step(k, walking->ctx, bpf_skb_load_bytes_of);
	return k->told != CRMG_GREETING_MORE;
}

/* The entry of the flow that leaves, or NULL: it has none. */
static __always_inline struct crmg_greeting *crmg_greeting_of(const struct crmg_work *w)
{
	__u32 at = w->flow.at;

	return bpf_map_lookup_elem(&greetings, &at);
}

/*
 * What the server says first, enum crmg_tls_version; CRMG_TLS_VERSION_COUNT: that is not known,
 * or not yet. Of a flow that was not known only ServerHello tells something.
 */
__noinline int crmg_read_greeting(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = skb };
	struct crmg_greeting *entry;
	struct crmg_walk *k;
	bool met;

	if (!w)
		return CRMG_TLS_VERSION_COUNT;
	k = &w->walk;
	entry = crmg_greeting_of(w);
	if (w->sent & CRMG_SENT_BEHIND)
		return entry ? entry->refused : CRMG_TLS_VERSION_COUNT;
	k->greeting = (struct crmg_greeting){ 0 };
	if (w->sent & CRMG_SENT_ON && entry)
		k->greeting = *entry;
	k->at = w->pkt.l4 + w->pkt.tcp_header + w->flow.said;
	k->end = w->pkt.ip_end;
	k->told = CRMG_GREETING_MORE;
	walking.walk = k;
	bpf_loop(CRMG_GREETING_STEPS, crmg_greeting_step_skb, &walking, 0);
	met = w->sent & CRMG_SENT_FIRST || k->greeting.at > CRMG_GREETING_MESSAGE;
	if (k->told != CRMG_GREETING_MORE)
		return met ? k->told : CRMG_TLS_VERSION_COUNT;
	if (met && k->at >= k->end && entry) {
		*entry = k->greeting;
		crmg_flow_becomes(w, CRMG_FLOW_GREETS);
	}
	return CRMG_TLS_VERSION_COUNT;
}

/* What leaves is refused for what it told: what is behind it is, until it is sent again. */
static __always_inline void crmg_greeting_refused(const struct crmg_work *w, __u32 version)
{
	struct crmg_greeting *entry = crmg_greeting_of(w);

	if (!entry || w->sent & CRMG_SENT_BEHIND)
		return;
	if (!(w->sent & CRMG_SENT_ON))
		*entry = (struct crmg_greeting){ 0 };
	entry->refused = version;
	crmg_flow_becomes(w, CRMG_FLOW_SILENCED);
}

static __always_inline void crmg_version_count(struct crmg_row *row, __u32 version)
{
	if (version >= CRMG_TLS_VERSION_COUNT)
		return;
	/* The compiler knows it for small and would drop the mask; the verifier does not. */
	barrier_var(version);
	row->versions[version & (CRMG_ROW_VERSIONS - 1)]++;
}

#endif
