/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlsin.h - requests that the records of a TLS client begin: of HTTP/1 one a turn, of HTTP/2
 * one a record that can hold HEADERS, and more when the server answers more.
 */
#ifndef CRMGATE_BPF_TLSIN_H
#define CRMGATE_BPF_TLSIN_H

#include "tlswords.h"

/* True if an answer has begun since the request did, and the client has all that was sent. */
static __always_inline bool crmg_tls_answered(const struct crmg_walk *k)
{
	return k->stream.out.flags & CRMG_TLS_OUT_ANSWER &&
	       crmg_tls_before(k->stream.tls.turn, k->stream.out.answer) &&
	       !crmg_tls_before(k->ack, k->stream.out.answer);
}

/* Requests that a record of HTTP/1 begins: one, if the one before was answered. */
static __always_inline __u32
crmg_tls_http1(struct crmg_walk *k, __u32 header, __u32 plain)
{
	struct crmg_tls_in *in = &k->stream.tls;
	bool was_full = in->flags & CRMG_TLS_IN_FULL, full = plain >= CRMG_TLS_FULL;
	bool done, answered = crmg_tls_answered(k);
	__u32 n = 1;

	in->flags = full ? in->flags | CRMG_TLS_IN_FULL : in->flags & ~CRMG_TLS_IN_FULL;
	if (!(in->flags & CRMG_TLS_IN_OPEN)) {
		in->flags |= CRMG_TLS_IN_OPEN | (full ? CRMG_TLS_IN_PACKS : 0);
		in->turn = k->ack;
		/* Early data that was rejected comes again. */
		n = !(in->flags & CRMG_TLS_IN_SPARE);
		in->flags &= ~CRMG_TLS_IN_SPARE;
		return n;
	}
	/* True if the server had all that lies before this record when it answered. */
	done = answered && k->stream.out.answer_ack == header;
	if (in->flags & CRMG_TLS_IN_PENDING) {
		if (done) {
			/* What was undecided was a request, with its body in the same records. */
			in->flags |= CRMG_TLS_IN_PACKS;
			n = 2;
		} else if (was_full || full) {
			return 0;
		}
		in->flags &= ~CRMG_TLS_IN_PENDING;
		in->turn = k->ack;
		return n;
	}
	if (!answered || (was_full && !done))
		return 0;
	in->turn = k->ack;
	/* A request, or the body of one that was answered before the server had all of it. */
	if (full && !was_full && !(in->flags & CRMG_TLS_IN_PACKS)) {
		in->flags |= CRMG_TLS_IN_PENDING;
		return 0;
	}
	return n;
}

/*
 * The first record of an HTTP/2 client: the preface (24 bytes), SETTINGS (9 and 6 a setting)
 * and often a WINDOW_UPDATE (13), and if it is longer than that, HEADERS too.
 */
#define CRMG_TLS_PREFACE_MAX (24 + 9 + 6 * 6 + 13)

static __always_inline bool crmg_tls_preface(__u32 plain)
{
	return plain >= 24 + 9 && plain <= CRMG_TLS_PREFACE_MAX &&
	       (plain % 6 == (24 + 9) % 6 || plain % 6 == (24 + 9 + 13) % 6);
}

/*
 * What a record of so many bytes is that may hold control frames alone: SETTINGS ACK (9),
 * WINDOW_UPDATE and RST_STREAM (13), PING and GOAWAY (17), or some of them.
 */
enum crmg_tls_kind { CRMG_TLS_HEADERS, CRMG_TLS_CONTROL, CRMG_TLS_EITHER };

static __always_inline enum crmg_tls_kind
crmg_tls_kind(struct crmg_walk *k, __u32 plain)
{
	struct crmg_tls_in *in = &k->stream.tls;
	bool settled = in->flags & CRMG_TLS_IN_SETTLED;

	if (plain < CRMG_TLS_HEADERS_MIN - 1)
		return CRMG_TLS_CONTROL;
	switch (plain) {
	case 9:
		in->flags |= CRMG_TLS_IN_SETTLED;
		return CRMG_TLS_CONTROL;
	case 13:
		return CRMG_TLS_CONTROL;
	case 9 + 13:
		in->flags |= CRMG_TLS_IN_SETTLED;
		return settled ? CRMG_TLS_HEADERS : CRMG_TLS_CONTROL;
	case CRMG_TLS_PING:
		return CRMG_TLS_EITHER;
	case 2 * 13:
	case 3 * 13:
		/* Windows are only enlarged by who has received much. */
		if (k->ack - in->turn < CRMG_TLS_FULL)
			return CRMG_TLS_EITHER;
		in->turn = k->ack;
		return CRMG_TLS_CONTROL;
	}
	return CRMG_TLS_HEADERS;
}

/*
 * What the server sent since the last record: answers pay for requests that were counted as
 * they came, and beyond those for more that may have been in the same records. Returns
 * requests of before; *ret_body: the record is a body, for which the server made room.
 */
static __always_inline __u32 crmg_tls_settle(struct crmg_walk *k, bool *ret_body)
{
	const struct crmg_tls_out *out = &k->stream.out;
	struct crmg_tls_in *in = &k->stream.tls;
	__u16 answers = out->answers - in->paid, more;
	__u8 windows = out->windows - in->windows;

	in->paid += answers;
	in->windows += windows;
	*ret_body = windows && !answers && in->due;
	if (answers < in->due) {
		in->due -= answers;
		if (!answers)
			return 0;
		/* Counted as requests, but what the server made room for were bodies. */
		in->credit = windows < in->due ? windows : in->due;
		in->due -= in->credit;
		return 0;
	}
	more = answers - in->due;
	in->due = 0;
	if (more > in->more)
		more = in->more;
	in->more -= more;
	if (more)
		in->flags |= CRMG_TLS_IN_BATCH;
	if (more && in->last == CRMG_TLS_PING && in->last < in->unit)
		in->unit = in->last;	/* it was a request */
	return more;
}

/* One request of a record that may hold more of them, as long as it is. */
static __always_inline __u32 crmg_tls_headers(struct crmg_walk *k, __u32 plain)
{
	struct crmg_tls_in *in = &k->stream.tls;

	if (plain < CRMG_TLS_HEADERS_MIN)
		plain = CRMG_TLS_HEADERS_MIN;
	if (plain < in->unit)
		in->unit = plain;
	/* What is left of a batch may still be answered; while nothing of it is it comes to nothing. */
	if (!in->due && !(in->flags & CRMG_TLS_IN_BATCH))
		in->more -= (in->more + 7) / 8;
	in->flags &= ~CRMG_TLS_IN_BATCH;
	if (in->unit && in->more < CRMG_TLS_MORE_MAX)
		in->more += plain / in->unit - 1;
	if (in->due < CRMG_TLS_DUE_MAX)
		in->due++;
	in->turn = k->ack;
	in->asked = k->base + k->at;
	if (in->credit) {
		in->credit--;
		return 0;
	}
	return 1;
}

/* Requests that a record of HTTP/2 begins, and those of earlier ones that are known by now. */
static __always_inline __u32 crmg_tls_http2(struct crmg_walk *k, __u32 plain)
{
	struct crmg_tls_in *in = &k->stream.tls;
	bool full = plain >= CRMG_TLS_FULL, room;
	bool body = in->flags & CRMG_TLS_IN_FULL && !crmg_tls_answered(k);
	__u32 n;

	if (!(in->flags & CRMG_TLS_IN_OPEN)) {
		in->flags |= CRMG_TLS_IN_OPEN;
		in->paid = k->stream.out.answers;
		in->windows = k->stream.out.windows;
		in->unit = CRMG_TLS_UNIT;
		in->turn = k->ack;
		if (crmg_tls_preface(plain))
			return 0;
		return crmg_tls_headers(k, plain > CRMG_TLS_PREFACE ? plain - CRMG_TLS_PREFACE : plain);
	}
	n = crmg_tls_settle(k, &room);
	/* Of a body the full ones: the end of a DATA frame may be in a record of its own. */
	if (full || !body)
		in->last = plain;
	switch (crmg_tls_kind(k, plain)) {
	case CRMG_TLS_EITHER:
		in->more += in->more < CRMG_TLS_MORE_MAX;
		/* fall through */
	case CRMG_TLS_CONTROL:
		return n;
	case CRMG_TLS_HEADERS:
		break;
	}
	if (full) {
		in->flags |= CRMG_TLS_IN_FULL;
		if (!body)
			in->turn = k->ack;
		return n;
	}
	if (body)
		return n;
	in->flags &= ~CRMG_TLS_IN_FULL;
	return room ? n : n + crmg_tls_headers(k, plain);
}

/* A client of HTTP/2 that the server's length does not tell is told by its first records. */
static __always_inline bool crmg_tls_is_http2(struct crmg_walk *k, __u32 plain)
{
	if (k->stream.out.flags & CRMG_TLS_OUT_ALPN)
		return k->stream.out.flags & CRMG_TLS_OUT_H2;
	if (!(k->stream.tls.flags & CRMG_TLS_IN_OPEN) && crmg_tls_preface(plain))
		k->stream.tls.flags |= CRMG_TLS_IN_H2;
	return k->stream.tls.flags & CRMG_TLS_IN_H2;
}

/* TLS 1.3, before the client's Finished: early data, certificates, Finished itself. */
static __always_inline __u32 crmg_tls_unfinished(struct crmg_walk *k, __u32 len)
{
	struct crmg_tls_in *in = &k->stream.tls;

	if (!(k->stream.out.flags & CRMG_TLS_OUT_HELLO)) {
		if (in->flags & CRMG_TLS_IN_EARLY)
			return 0;
		in->flags |= CRMG_TLS_IN_EARLY;
		return 1;
	}
	if (in->flags & CRMG_TLS_IN_EARLY && len == CRMG_TLS_END_OF_EARLY) {
		in->flags |= CRMG_TLS_IN_EARLY_END;
	} else if (len == k->stream.out.finished) {
		in->flags |= CRMG_TLS_IN_FINISHED;
		if (in->flags & CRMG_TLS_IN_EARLY) {
			if (!(in->flags & CRMG_TLS_IN_EARLY_END))
				in->flags |= CRMG_TLS_IN_SPARE;
			else
				in->flags |= CRMG_TLS_IN_OPEN;
			in->turn = k->ack;
		}
	}
	return 0;
}

/* The end of a connection: what was undecided is a request if the server took it for one. */
static __always_inline __u32 crmg_tls_closes(struct crmg_walk *k, __u32 header)
{
	struct crmg_tls_in *in = &k->stream.tls;
	bool body;

	if (k->stream.out.flags & CRMG_TLS_OUT_H2 || in->flags & CRMG_TLS_IN_H2)
		return crmg_tls_settle(k, &body);
	if (!(in->flags & CRMG_TLS_IN_PENDING) || !crmg_tls_answered(k) ||
	    k->stream.out.answer_ack != header)
		return 0;
	in->flags &= ~CRMG_TLS_IN_PENDING;
	return 1;
}

/*
 * Requests in so many bytes of which it is not known where a record begins: one if they come
 * behind an answer, or first; and of HTTP/2 what was answered since.
 */
static __always_inline __u32 crmg_tls_opaque(struct crmg_walk *k, __u32 at, __u32 bytes)
{
	struct crmg_tls_in *in = &k->stream.tls;
	__u32 plain = bytes < CRMG_TLS_FULL ? bytes : CRMG_TLS_FULL - 1;

	in->flags &= ~(CRMG_TLS_IN_FULL | CRMG_TLS_IN_PENDING);
	in->flags |= CRMG_TLS_IN_FINISHED;
	if (!crmg_tls_is_http2(k, plain))
		return crmg_tls_http1(k, at, plain);
	if (in->flags & CRMG_TLS_IN_OPEN && !crmg_tls_answered(k))
		return 0;
	return crmg_tls_http2(k, plain);
}

/* Requests that a record begins, whose header has this sequence number. */
static __always_inline __u32
crmg_tls_came(struct crmg_walk *k, __u32 header, __u8 type, __u32 len)
{
	const struct crmg_tls_out *out = &k->stream.out;
	bool old = out->flags & CRMG_TLS_OUT_OLD;
	__u32 plain = len > out->overhead ? len - out->overhead : 0;

	if (type == CRMG_TLS_ALERT)
		return crmg_tls_closes(k, header);
	if (type != CRMG_TLS_DATA)
		return 0;
	if (out->flags & CRMG_TLS_OUT_HELLO && len != CRMG_TLS_OVERHEAD_13 + CRMG_TLS_NOTIFY)
		k->stream.tls.flags |= CRMG_TLS_IN_SECRET;
	if (!old && !(k->stream.tls.flags & CRMG_TLS_IN_FINISHED))
		return crmg_tls_unfinished(k, len);
	if (!old && plain == CRMG_TLS_KEY_UPDATE)
		return 0;
	if (!old && plain == CRMG_TLS_NOTIFY)
		return crmg_tls_closes(k, header);
	return crmg_tls_is_http2(k, plain) ? crmg_tls_http2(k, plain) :
					     crmg_tls_http1(k, header, plain);
}

#endif
