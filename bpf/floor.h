/* SPDX-License-Identifier: GPL-2.0 */
/*
 * floor.h - which version of TLS a connection speaks, and what comes of it. What the server
 * says first is the truth: a client only offers, and is refused by what it says only if no
 * server can make anything else of it. The flow (flows.h) says what is first of a server,
 * the connection (conns.h) what is first of a client.
 */
#ifndef CRMGATE_BPF_FLOOR_H
#define CRMGATE_BPF_FLOOR_H

#include "tlsfirst.h"

#define CRMG_FIRST_STEPS    64	/* extensions; of a hello with more nothing is known */
#define CRMG_GREETING_STEPS 40	/* records and extensions; ServerHello is in the first record */

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

/* A connection is ended by the resets that answer its segment. in: 1 if that arrived. */
__noinline int crmg_conn_end(struct crmg_work *w, __u32 in)
{
	__u64 tag;

	if (!w || !crmg_conn_find(w, in, &tag))
		return 0;
	w->step.state = CRMG_CONN_CLOSED;
	return crmg_conn_move(w);
}

/* So is one whose first segment is answered, if its flow is known: else the client alone is told. */
static __always_inline void crmg_first_ends(struct crmg_work *w)
{
	if (!crmg_flow_end(&w->pkt))
		return;
	CRMG_WRITE_ONCE(w->ended, 1);
	crmg_conn_end(w, 1);
}

/* ------------------------------------------------------------ what leaves */

/* True if what leaves may be what the server says first in its connection. */
static __always_inline bool crmg_says_first(const struct crmg_work *w)
{
	return CRMG_READ_ONCE(w->sent) & (CRMG_SENT_FIRST | CRMG_SENT_UNMET);
}

/*
 * Makes the walk over what leaves ready, as that of a connection of which nothing is known. The
 * version that is told by the first record; CRMG_TLS_VERSION_COUNT: it is for ServerHello.
 */
static __always_inline enum crmg_tls_version
crmg_greeting_open(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_walk *k = &w->walk;

	k->start = k->at = w->pkt.l4 + w->pkt.tcp_header;
	k->end = w->pkt.ip_end;
	k->base = crmg_ntohl(w->pkt.seq) - k->at;
	k->ack = 0;
	k->have = 0;
	k->ext_end = 0;
	k->aside = k->lost = k->late = k->astray = 0;
	k->tls = k->leaves = 1;
	k->version = CRMG_WALK_NO_VERSION;
	__builtin_memset(&k->stream, 0, sizeof(k->stream));
	if (k->at + CRMG_TLS_HEADER > k->end ||
	    bpf_skb_load_bytes(skb, k->at, k->bytes, CRMG_TLS_HEADER) ||
	    !crmg_tls_plausible(k->bytes))
		return CRMG_TLS_VERSION_PLAINTEXT;
	return k->bytes[0] == CRMG_TLS_ALERT ? CRMG_TLS_VERSION_FAILED : CRMG_TLS_VERSION_COUNT;
}

/*
 * What the server says first, enum crmg_tls_version; CRMG_TLS_VERSION_COUNT: that is not known.
 * Of a flow that was not known only ServerHello tells something.
 */
__noinline int crmg_read_greeting(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = skb };
	enum crmg_tls_version told;

	if (!w)
		return CRMG_TLS_VERSION_COUNT;
	told = crmg_greeting_open(skb, w);
	if (told != CRMG_TLS_VERSION_COUNT)
		return w->sent & CRMG_SENT_FIRST ? told : CRMG_TLS_VERSION_COUNT;
	walking.walk = &w->walk;
	bpf_loop(CRMG_GREETING_STEPS, crmg_walk_step_skb, &walking, 0);
	return w->walk.version < CRMG_TLS_VERSION_PLAINTEXT ? w->walk.version :
							      CRMG_TLS_VERSION_COUNT;
}

static __always_inline void crmg_version_count(struct crmg_row *row, __u32 version)
{
	if (version < CRMG_TLS_VERSION_COUNT)
		row->versions[version & (CRMG_ROW_VERSIONS - 1)]++;
}

#endif
