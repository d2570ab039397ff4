/* SPDX-License-Identifier: GPL-2.0 */
/*
 * requests.h - requests of sources: what a segment of a known connection shows of them is
 * read (read.h), and charged to the source. A request that is refused is dropped with
 * its segment, which is judged again when it is sent again. Layout: abi.h, "streams", "asked".
 */
#ifndef CRMGATE_BPF_REQUESTS_H
#define CRMGATE_BPF_REQUESTS_H

/* True if the requests of the connection that the packet is of are counted. */
static __always_inline bool
crmg_counts_requests(const struct crmg_work *w, const struct crmg_binding *binding)
{
	return binding->reads && crmg_has_conn(w, binding);
}

static __always_inline bool crmg_limits_handshakes(const struct crmg_binding *binding)
{
	return binding->limits & 1 << CRMG_LIMIT_HANDSHAKE_FAILURES;
}

/* True if the reason is that a request is too much. */
static __always_inline bool crmg_is_asked(enum crmg_reason reason)
{
	return reason == CRMG_REASON_REQUESTS || reason == CRMG_REASON_AUTH_FAILURES;
}

/*
 * True if it is read: for its requests, for whether the first one is complete (segments.h), or for
 * whether a handshake fails (handshake.h).
 */
static __always_inline bool
crmg_reads(const struct crmg_work *w, const struct crmg_binding *binding)
{
	bool first = binding->cap[CRMG_CAP_HALF_OPEN] &&
		     (binding->protocol == CRMG_PROTOCOL_TLS ||
		      binding->protocol == CRMG_PROTOCOL_HTTP);

	/* Of one with a name the base has the cap. */
	if (CRMG_READ_ONCE(w->named))
		return crmg_tracks(w, binding);
	return (first || binding->reads || crmg_limits_handshakes(binding)) &&
	       crmg_has_conn(w, binding);
}

/*
 * What requests may be, as the image says in this entry of section HTTP; 0: anything. Not inline:
 * where 6.1 spills the place of the entry it does not know any more what was asked of it.
 */
static __noinline int
crmg_asking_set(struct crmg_asking *asking, const struct crmg_front *front, __u16 index)
{
	const struct crmg_http_terms *http = NULL;

	if (index)
		http = crmg_entry(front, front->head.section[CRMG_SECTION_HTTP].cell, index,
				  CRMG_HTTP_TERMS_SHIFT);
	asking->methods = http && http->methods ? http->methods : ~0U;
	asking->max_header = http && http->max_header ? http->max_header : ~0U;
	asking->max_body = http && http->max_body ? http->max_body : ~0U;
	return 0;
}

/*
 * True if the server may read something else than what the segment shows. Of a fragment the rest
 * comes later, and has no ports. A byte that is urgent is taken out of what the server reads
 * (RFC 6093), and a segment without data can say which: Linux takes the pointer of a bare ACK.
 */
static __always_inline bool crmg_unreadable(const struct crmg_pkt *pkt)
{
	return pkt->fragment | (pkt->tcp_flags & CRMG_TCP_URG);
}

/*
 * The stream of a connection; of one that was not read before, or as something else, from where
 * it is: met in its handshake it begins with a message, else that is not known.
 */
static __always_inline struct crmg_stream *
crmg_stream_of(struct crmg_conn *conn, __u32 entry, bool tls)
{
	const __u32 read = tls ? CRMG_READ_TLS : CRMG_READ_HTTP;
	bool begins = conn->client_next == conn->client_first;
	struct crmg_stream *stream = crmg_stream_at(entry);

	if (!stream || CRMG_READ_ONCE(conn->read) == read)
		return stream;
	__builtin_memset(stream, 0, sizeof(*stream));
	stream->next = conn->client_next;
	if (tls) {
		stream->tls.flags = begins ? CRMG_TLS_IN_STARTED : 0;
		/* What was said before it was read is not known: no handshake of it fails. */
		stream->out.flags = begins ? 0 : CRMG_TLS_OUT_AGREED;
	} else if (!begins)
		crmg_http_lose(stream);
	CRMG_WRITE_ONCE(conn->read, read);
	return stream;
}

/*
 * Gets the walk over the payload of a segment ready. 1: there is something to read. Nothing
 * is known of a segment of no known connection, so nothing is counted; nor is of one that the
 * server cannot take. One that a RST ended is read: who sends on has reasons to.
 */
__noinline int crmg_stream_open(struct crmg_work *w)
{
	const struct crmg_stream *stream;
	struct crmg_conn *conn;
	struct crmg_walk *k;
	__u64 tag;

	if (!w)
		return 0;
	k = &w->walk;
	k->aside = 0;
	k->at = w->pkt.l4 + w->pkt.tcp_header;
	k->end = w->pkt.ip_end;
	if (w->source.syn || (k->at >= k->end && !w->reply.can))
		return 0;
	conn = crmg_conn_find(w, true, &tag);
	k->entry = w->step.line * CRMG_WAYS + (w->step.way & (CRMG_WAYS - 1));
	if (w->reply.can && crmg_answer_given(w))
		w->reply.answer = CRMG_ANSWER_ENDED;
	if (k->at >= k->end || crmg_answered(w))
		return 0;
	if (!conn && crmg_conn_doubtful(tag))
		conn = crmg_conn_of(&w->step);
	if (!conn)
		return 0;
	if (!crmg_conn_takes(conn, tag, &w->pkt)) {
		k->aside = crmg_conn_lags(conn, tag, &w->pkt);
		return 0;
	}
	stream = crmg_stream_of(conn, k->entry, k->tls);
	if (!stream)
		return 0;
	k->stream = *stream;
	k->base = crmg_ntohl(w->pkt.seq) - k->at;
	k->have = 0;
	k->from = 0;
	k->beyond = 0;
	k->methods = 0;
	k->header = 0;
	k->body = 0;
	k->odd = 0;
	k->leaves = 0;
	k->start = k->at;
	k->first = k->base + k->at;
	k->ack = crmg_ntohl(w->pkt.ack);
	k->acked = conn->server_acked;
	k->sent = conn->server_next;
	return k->tls ? crmg_tls_meet(k) : crmg_http_meet(k);
}

/* The same of what leaves, after crmg_conn_left(): only if something has arrived is it read. */
__noinline int crmg_stream_leaves(struct crmg_work *w)
{
	const struct crmg_stream *stream;
	const struct crmg_conn *conn;
	struct crmg_walk *k;

	if (!w)
		return 0;
	k = &w->walk;
	k->at = w->pkt.l4 + w->pkt.tcp_header;
	k->end = w->pkt.ip_end;
	if (w->step.way >= CRMG_WAYS || k->at >= k->end)
		return 0;
	conn = crmg_conn_of(&w->step);
	k->entry = w->step.line * CRMG_WAYS + (w->step.way & (CRMG_WAYS - 1));
	stream = crmg_stream_at(k->entry);
	if (!conn || !stream || CRMG_READ_ONCE(conn->read) != CRMG_READ_TLS)
		return 0;
	k->stream = *stream;
	k->base = crmg_ntohl(w->pkt.seq) - k->at;
	k->have = 0;
	k->aside = 0;
	k->tls = 1;
	k->leaves = 1;
	k->answered = 0;
	k->start = k->at;
	k->ack = crmg_ntohl(w->pkt.ack);
	return crmg_tls_meet(k);
}

CRMG_WALK_STEP(crmg_walk_step_xdp, bpf_xdp_load_bytes)
CRMG_WALK_STEP(crmg_walk_step_skb, bpf_skb_load_bytes)

/* Reads what there is to read of a segment, in w->pkt. 1: something was. */
__noinline int crmg_read_xdp(struct xdp_md *ctx, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = ctx };

	if (!w || !crmg_stream_open(w))
		return 0;
	walking.walk = &w->walk;
	bpf_loop(CRMG_WALK_STEPS(w->walk.end - w->walk.at), crmg_walk_step_xdp, &walking, 0);
	crmg_walk_end(&w->walk);
	return 1;
}

__noinline int crmg_read_skb(struct __sk_buff *ctx, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = ctx };

	if (!w || !crmg_stream_open(w))
		return 0;
	walking.walk = &w->walk;
	bpf_loop(CRMG_WALK_STEPS(w->walk.end - w->walk.at), crmg_walk_step_skb, &walking, 0);
	crmg_walk_end(&w->walk);
	return 1;
}

/* So many bytes of answers to the source leave. */
static __always_inline void crmg_asked_answered(const struct crmg_work *w, __u32 bytes)
{
	struct crmg_asked *asked = bytes ? crmg_asked_of(w) : NULL;

	if (asked)
		__sync_fetch_and_add(&asked->answered, bytes);
}

/*
 * Reads what leaves under TLS: it tells what the client's records are. Written word by word,
 * beside what XDP writes.
 */
__noinline int crmg_read_leaves(struct __sk_buff *ctx, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = ctx };
	struct crmg_stream *stream;

	if (!w || !crmg_stream_leaves(w))
		return 0;
	walking.walk = &w->walk;
	bpf_loop(CRMG_WALK_STEPS(w->walk.end - w->walk.at), crmg_walk_step_skb, &walking, 0);
	crmg_tls_end(&w->walk);
	stream = crmg_stream_at(w->walk.entry);
	if (stream)
		stream->out = w->walk.stream.out;
	crmg_asked_answered(w, w->walk.answered);
	if (!(w->walk.stream.out.flags & CRMG_TLS_OUT_ANSWER) || !w->walk.stream.count ||
	    w->step.was == CRMG_CONN_ASKED)
		return 0;
	w->step.state = CRMG_CONN_ASKED;
	return crmg_conn_move(w);
}

/* ------------------------------------------------------------------ buckets */

#define CRMG_ASKED_KNOWN    1	/* the source has a slot, so it has a bucket */
#define CRMG_ASKED_JUDGED   2	/* no: the segment passes in any case */
#define CRMG_ASKED_ENFORCED 4	/* one with a request that is refused is dropped */

/* As buckets have it. */
static __always_inline __u64 crmg_asked_now(const struct crmg_work *w)
{
	return w->source.now_ns << CRMG_UNITS_PER_NS_SHIFT;
}

/* The bucket of the source in w, for a limit of this cost; a new one is full. */
static __always_inline struct crmg_asked *crmg_asked_at(const struct crmg_work *w, __u64 cost)
{
	__u32 at = w->source.index;
	struct crmg_asked *asked = bpf_map_lookup_elem(&asked_map, &at);

	if (!asked)
		return NULL;
	if (CRMG_READ_ONCE(asked->check) != w->source.hash.check) {
		asked->tat = crmg_asked_now(w);
		asked->cost = cost;
		asked->requests = 0;
		asked->refused = 0;
		asked->answered = 0;
		asked->failed_cost = 0;
		CRMG_WRITE_ONCE(asked->check, w->source.hash.check);
	}
	return asked;
}

/*
 * Charges the requests of a segment as one; cost 0: they are only counted. If that is more than
 * the burst they are not refused for ever: a bucket that is full lets them pass, and is empty for
 * as long as they are worth.
 */
static __always_inline enum crmg_charge
crmg_asked_charge(const struct crmg_work *w, struct crmg_asked *asked)
{
	const struct crmg_limit *limit = &w->asking.limit;
	__u64 old = CRMG_READ_ONCE(asked->tat), now = crmg_asked_now(w), all, backlog;

	if (!limit->cost)
		return CRMG_CHARGED;
	backlog = crmg_backlog_as(old, now, asked->cost, limit->cost, limit->tolerance);
	all = crmg_limit_cost(limit, CRMG_LIMIT_REQUESTS, w->asking.count);
	if (backlog + (all < limit->tolerance ? all : limit->tolerance) > limit->tolerance)
		return CRMG_REFUSED;
	if (all > CRMG_BACKLOG_MAX / 2)
		all = CRMG_BACKLOG_MAX / 2;
	if (__sync_val_compare_and_swap(&asked->tat, old, now + backlog + all) != old)
		return CRMG_CONTENDED;
	asked->cost = limit->cost;
	return CRMG_CHARGED;
}

/*
 * Charges a request that has passed unread, as its answer shows, whatever is left: who hides some
 * pays with those that come. A function of its own, verified once.
 */
__noinline int crmg_asked_owe(struct crmg_work *w, __u64 cost, __u64 tolerance)
{
	const struct crmg_limit limit = { cost, tolerance };
	struct crmg_asked *asked = w ? crmg_asked_at(w, cost) : NULL;
	__u64 now, old, backlog;
	__u32 try;

	if (!asked)
		return 0;
	now = crmg_asked_now(w);
	for (try = 0; cost && try < CRMG_CAS_TRIES; try++) {
		old = CRMG_READ_ONCE(asked->tat);
		backlog = crmg_backlog_as(old, now, asked->cost, cost, tolerance) +
			  crmg_limit_cost(&limit, CRMG_LIMIT_REQUESTS, 1);
		if (backlog > CRMG_BACKLOG_MAX / 2)
			backlog = CRMG_BACKLOG_MAX / 2;
		if (__sync_val_compare_and_swap(&asked->tat, old, now + backlog) == old)
			break;
	}
	if (cost)
		asked->cost = cost;
	__sync_fetch_and_add(&asked->requests, 1);
	return 0;
}

/* Seconds until they would not be refused, by the limit that refused them. */
static __always_inline __u32
crmg_asked_wait(const struct crmg_work *w, const struct crmg_asked *asked)
{
	const struct crmg_limit *limit = &w->asking.limit;
	__u64 now = crmg_asked_now(w);

	if (w->asking.refused == CRMG_REASON_AUTH_FAILURES)
		return crmg_wait_s(crmg_failures_backlog(w, asked, now), w->failures.cost,
				   w->failures.tolerance);
	return crmg_wait_s(crmg_backlog_as(CRMG_READ_ONCE(asked->tat), now, asked->cost,
					   limit->cost, limit->tolerance),
			   crmg_limit_cost(limit, CRMG_LIMIT_REQUESTS, w->asking.count),
			   limit->tolerance);
}

/* Counts what is odd about what was read. */
static __always_inline void crmg_asked_odd(const struct crmg_work *w)
{
	bool looks = w->walk.odd && w->asking.sanity != CRMG_SANITY_OFF;
	struct crmg_host *h = looks ? crmg_host() : NULL;

	if (h)
		h->odd[CRMG_ODDITY_SMUGGLING] += w->source.packets;
}

/* What is wrong with one of them, whatever their number. */
static __always_inline enum crmg_reason crmg_asked_form(const struct crmg_work *w)
{
	const struct crmg_asking *asking = &w->asking;
	const struct crmg_walk *k = &w->walk;

	if (k->methods & ~asking->methods)
		return CRMG_REASON_METHOD;
	if (k->header > asking->max_header)
		return CRMG_REASON_MAX_HEADER;
	if (k->body > asking->max_body)
		return CRMG_REASON_MAX_BODY;
	return k->odd && asking->sanity == CRMG_SANITY_REFUSE ? CRMG_REASON_SANITY :
								CRMG_REASON_OK;
}

/* Why they are refused; OK: they are not. The source has no bucket if asked is NULL. */
static __always_inline enum crmg_reason
crmg_asked_refused(const struct crmg_work *w, struct crmg_asked *asked)
{
	enum crmg_charge charge = CRMG_CHARGED;
	enum crmg_reason form;
	__u32 try;

	if (!(w->asking.how & CRMG_ASKED_JUDGED))
		return CRMG_REASON_OK;
	form = crmg_asked_form(w);
	if (form != CRMG_REASON_OK || !asked)
		return form;
	if (crmg_failures_full(w, asked, crmg_asked_now(w)))
		return CRMG_REASON_AUTH_FAILURES;
	for (try = 0; try < CRMG_CAS_TRIES; try++) {
		charge = crmg_asked_charge(w, asked);
		if (charge == CRMG_CHARGED)
			return CRMG_REASON_OK;
		if (charge == CRMG_REFUSED)
			return CRMG_REASON_REQUESTS;
	}
	return CRMG_REASON_CONTENTION;
}

/* Counts them, and keeps what was read of them if the segment goes on. */
static __always_inline void
crmg_asked_count(struct crmg_work *w, struct crmg_stream *stream, struct crmg_asked *asked)
{
	struct crmg_walk *k = &w->walk;

	if (w->asking.refused == CRMG_REASON_OK || !(w->asking.how & CRMG_ASKED_ENFORCED)) {
		crmg_stream_keep(k, stream);
		if (asked)
			__sync_fetch_and_add(&asked->requests, k->begun);
	} else if (stream->marks & CRMG_STREAM_REFUSED && stream->refused == k->first) {
		k->begun = 0;
	} else {
		stream->refused = k->first;
		stream->marks |= CRMG_STREAM_REFUSED;
		if (asked)
			__sync_fetch_and_add(&asked->refused, k->begun);
	}
}

/*
 * What was read is judged, as w->asking says. The reason. Of a request that was refused
 * before, k->begun is taken back, as it is counted once.
 */
__noinline int crmg_requests(struct crmg_work *w)
{
	struct crmg_stream *stream;
	struct crmg_asked *asked;

	if (!w)
		return CRMG_REASON_OK;
	stream = crmg_stream_at(w->walk.entry);
	if (!stream)
		return CRMG_REASON_OK;
	crmg_asked_odd(w);
	w->asking.count = w->walk.begun;
	asked = w->asking.count && w->asking.how & CRMG_ASKED_KNOWN ?
		crmg_asked_at(w, w->asking.limit.cost) : NULL;
	CRMG_WRITE_ONCE(w->asking.refused, crmg_asked_refused(w, asked));
	crmg_asked_count(w, stream, asked);
	if (!crmg_is_asked(w->asking.refused))
		return w->asking.refused;
	if (asked && w->asking.how & CRMG_ASKED_ENFORCED && w->reply.can)
		crmg_answer_ask(w, stream, crmg_asked_wait(w, asked));
	/* It is the source's own: who only forges its address has no connection. */
	w->exceeded = w->asking.refused == CRMG_REASON_AUTH_FAILURES;
	return w->asking.refused;
}

/* The slot slept so long that its buckets have wrapped. */
static __always_inline void crmg_asked_fill(__u32 index, __u64 now_ns)
{
	struct crmg_asked *asked = bpf_map_lookup_elem(&asked_map, &index);

	if (asked) {
		CRMG_WRITE_ONCE(asked->tat, now_ns << CRMG_UNITS_PER_NS_SHIFT);
		CRMG_WRITE_ONCE(asked->failed_cost, 0);
	}
}

#endif
