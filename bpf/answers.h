/* SPDX-License-Identifier: GPL-2.0 */
/*
 * answers.h - whether a request that is refused can be answered in place of the server
 * (`on_exceed: reject`). Such an answer is a part of what the server says, so all that
 * was asked before has to be answered, and the client has to have that. From then on the two
 * ends disagree about what was said: the server sees nothing more of the connection but its
 * end. reject.h has the frames.
 */
#ifndef CRMGATE_BPF_ANSWERS_H
#define CRMGATE_BPF_ANSWERS_H

enum crmg_answer {
	CRMG_ANSWER_NONE,	/* it cannot be: a RST, as of other refusals */
	CRMG_ANSWER_LATER,	/* not yet: it is dropped, and comes again */
	CRMG_ANSWER_TEXT,	/* it can */
	CRMG_ANSWER_ENDED,	/* of a connection of which a request was answered */
};

/* True if the packet is of a connection of which a request was answered, as was found out. */
static __always_inline bool crmg_answered(const struct crmg_work *w)
{
	return CRMG_READ_ONCE(w->reply.answer) == CRMG_ANSWER_ENDED;
}

/* The same, found out. The tag may be of a connection that has ended; its entry still holds. */
static __always_inline bool crmg_answer_given(const struct crmg_work *w)
{
	const struct crmg_stream *stream = crmg_stream_at(w->walk.entry);
	const struct crmg_conn *conn = crmg_conn_of(&w->step);

	return w->step.way < CRMG_WAYS && stream && conn &&
	       CRMG_READ_ONCE(conn->read) == CRMG_READ_HTTP &&
	       stream->rejected.state != CRMG_REJECTING_NOT;
}

/* A segment with a request was refused: finds out whether it can be answered. */
static __always_inline void
crmg_answer_ask(struct crmg_work *w, const struct crmg_stream *stream, __u32 retry_s)
{
	const __u32 ip = w->pkt.v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	const struct crmg_conn *conn = crmg_conn_of(&w->step);
	__u32 seq = crmg_ntohl(w->pkt.seq);

	/* It begins in this segment, or the server has only a part of its line. */
	if (!conn || stream->marks & CRMG_STREAM_LOST || stream->next != seq ||
	    stream->http.state > CRMG_HTTP_LINE || w->pkt.l4 - w->pkt.l3 != ip)
		return;
	w->reply.retry_s = retry_s;
	w->reply.answer = CRMG_ANSWER_LATER;
	if (seq == conn->server_acked && crmg_ntohl(w->pkt.ack) == conn->server_next &&
	    (!stream->count || conn->server_next != stream->http.turn))
		w->reply.answer = CRMG_ANSWER_TEXT;
}

#endif
