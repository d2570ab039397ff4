/* SPDX-License-Identifier: GPL-2.0 */
/*
 * responses.h - what a server answers to requests of plain HTTP/1: the status code, where it
 * begins a segment and an answer is due. Read where it leaves; one that is sent again is not
 * counted again.
 */
#ifndef CRMGATE_BPF_RESPONSES_H
#define CRMGATE_BPF_RESPONSES_H

#define CRMG_STATUS_LEN 12	/* "HTTP/1.1 200" */

/* The code in a status line, or 0: it is none. */
static __always_inline __u32 crmg_status_code(const __u8 *line)
{
	const __u64 version = CRMG_BYTES('H', 'T', 'T', 'P', '/', '1', '.', 0), mask = ~0ULL >> 8;
	__u32 digit = line[9] - '0', tens = line[10] - '0', ones = line[11] - '0';

	if ((*(const __u64 *)line & mask) != version || line[7] - '0' >= 10U || line[8] != ' ' ||
	    digit - 1 >= CRMG_CLASS_COUNT || tens >= 10 || ones >= 10)
		return 0;
	return digit * 100 + tens * 10 + ones;
}

/*
 * An answer begins. 1: no request was read for it. Several that begin in one segment are one, so
 * there may be fewer answers than requests, but never more. 408 is what the server says to who
 * has asked for nothing.
 */
static __always_inline __u32 crmg_answer_unasked(struct crmg_stream *stream, __u32 code)
{
	__u32 answers = stream->answers + (code >= 200 && code != 408), unasked = stream->unasked;

	CRMG_WRITE_ONCE(stream->answers, answers);
	if ((__s32)(answers - CRMG_READ_ONCE(stream->count) - unasked) <= 0)
		return 0;
	CRMG_WRITE_ONCE(stream->unasked, unasked + 1);
	return 1;
}

/* The stream that a segment which leaves answers, after crmg_conn_left(); NULL: it is not read. */
static __always_inline struct crmg_stream *crmg_answered_stream(const struct crmg_work *w)
{
	const struct crmg_conn *conn;

	if (w->step.way >= CRMG_WAYS || CRMG_READ_ONCE(w->sent) & CRMG_SENT_AGAIN)
		return NULL;
	conn = crmg_conn_of(&w->step);
	if (!conn || CRMG_READ_ONCE(conn->read) != CRMG_READ_HTTP)
		return NULL;
	return crmg_stream_at(w->step.line * CRMG_WAYS + (w->step.way & (CRMG_WAYS - 1)));
}

/*
 * Where answers are not counted none is due any more: what connections are read for, their first
 * request alone, would become credit for requests that are hidden when a policy counts them.
 */
__noinline int crmg_skip_answers(struct crmg_work *w)
{
	struct crmg_stream *stream = w ? crmg_answered_stream(w) : NULL;

	if (!stream)
		return 0;
	CRMG_WRITE_ONCE(stream->answered, CRMG_READ_ONCE(stream->count));
	CRMG_WRITE_ONCE(stream->answers, stream->answered + stream->unasked);
	return 0;
}

/*
 * The code of the answer that a segment begins with, after crmg_conn_left(); 0: it begins with
 * none, or none is due. 100 is not the answer yet. That of an answer to what was not read is
 * in w->unasked instead (crmg_answer_unasked()).
 */
__noinline int crmg_read_status(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_stream *stream;
	__u32 at, code;

	if (!w)
		return 0;
	w->unasked = 0;
	stream = crmg_answered_stream(w);
	at = w->pkt.l4 + w->pkt.tcp_header;
	if (!stream || at + CRMG_STATUS_LEN > w->pkt.ip_end ||
	    bpf_skb_load_bytes(skb, at, w->walk.bytes, CRMG_STATUS_LEN))
		return 0;
	code = crmg_status_code(w->walk.bytes);
	if (code && crmg_answer_unasked(stream, code))
		w->unasked = code;
	if (w->unasked || stream->count == stream->answered)
		return 0;
	if (code >= 200)
		CRMG_WRITE_ONCE(stream->answered, stream->answered + 1);
	return code;
}

/* Counts the answer that a segment may begin with. True if it is a failure. */
static __always_inline bool
crmg_response(struct __sk_buff *skb, struct crmg_work *w, struct crmg_row *row)
{
	__u32 code = crmg_read_status(skb, w), class = code / 100 - 1;

	if (class >= CRMG_CLASS_COUNT)
		return false;
	row->responses[class & (CRMG_ROW_CLASSES - 1)]++;
	row->failures += crmg_is_failure(code);
	return crmg_is_failure(code);
}

#endif
