/* SPDX-License-Identifier: GPL-2.0 */
/*
 * handshake.h - handshakes of TLS that fail, which is what guessing certificates looks like. One
 * that ends before the server agreed to it (tlsout.h) fills the bucket of failures of its source
 * (failures.h); while that is full, the first segments of the source's connections are refused.
 */
#ifndef CRMGATE_BPF_HANDSHAKE_H
#define CRMGATE_BPF_HANDSHAKE_H

/* The bucket that failures of the packet's source fill; a source without a slot has none. */
static __always_inline void
crmg_handshake_limit(struct crmg_work *w, const struct crmg_binding *binding, bool known)
{
	w->handshakes = binding->limit[CRMG_LIMIT_HANDSHAKE_FAILURES];
	if (!known)
		w->handshakes.cost = 0;
}

/*
 * What the segment in w did to its connection, of a policy that counts in this row: if it ends
 * with it, was met in its begin, the client said something, and the server never agreed, it
 * failed. It ends once, so it is charged once. Verified once.
 */
__noinline int crmg_handshake_ends(struct crmg_work *w, __u32 index)
{
	const struct crmg_stream *stream;
	struct crmg_conn *conn;
	struct crmg_row *row;

	if (!w || !w->step.over || w->step.way >= CRMG_WAYS)
		return 0;
	conn = crmg_conn_of(&w->step);
	stream = crmg_stream_at(w->step.line * CRMG_WAYS + (w->step.way & (CRMG_WAYS - 1)));
	row = crmg_row(index);
	if (!conn || !stream || !row || CRMG_READ_ONCE(conn->read) != CRMG_READ_TLS ||
	    stream->out.flags & (CRMG_TLS_OUT_AGREED | CRMG_TLS_OUT_ANSWER))
		return 0;
	/* If it goes on all the same, it is met in its middle. */
	CRMG_WRITE_ONCE(conn->read, CRMG_READ_NOT);
	row->failures++;
	w->failures = w->handshakes;
	/* It makes the entry that a failure is charged to. */
	if (w->failures.cost && crmg_asked_at(w, 0))
		crmg_failed(w);
	return 0;
}

/*
 * The reason, if nothing else refuses the segment: it begins what the client says in a connection,
 * of a source that had too many failures. It acknowledges what the server has sent, so it can be
 * a strike. Verified once.
 */
__noinline int crmg_handshake_asks(struct crmg_work *w, __u32 reason)
{
	const struct crmg_contags *line;
	const struct crmg_conn *conn;
	struct crmg_asked *asked;
	__u64 tag;

	if (!w || reason >= CRMG_REASON_FIRST_REFUSAL || reason == CRMG_REASON_PANIC || w->probe)
		return reason;
	w->failures = w->handshakes;
	asked = crmg_asked_of(w);
	if (!asked || !crmg_failures_full(w, asked, crmg_asked_now(w)) || !crmg_first_at(w))
		return reason;
	line = crmg_conn_line(w->step.line);
	conn = crmg_conn_of(&w->step);
	if (!line || !conn)
		return reason;
	tag = CRMG_READ_ONCE(line->tag[w->step.way & (CRMG_WAYS - 1)]);
	if (!crmg_conn_takes(conn, tag, &w->pkt))
		return reason;
	w->exceeded = 1;
	return CRMG_REASON_HANDSHAKE_FAILURES;
}

static __always_inline enum crmg_reason
crmg_handshakes(const struct crmg_case *c, enum crmg_reason reason)
{
	const struct crmg_binding *binding = c->standing.binding;

	if (!crmg_limits_handshakes(binding))
		return reason;
	crmg_handshake_limit(c->work, binding, c->slot);
	return crmg_handshake_asks(c->work, reason);
}

#endif
