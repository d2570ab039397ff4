/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlsout.h - what the records of a TLS server tell: version and protocol, and when an answer
 * begins.
 */
#ifndef CRMGATE_BPF_TLSOUT_H
#define CRMGATE_BPF_TLSOUT_H

#include "tlswords.h"

/*
 * EncryptedExtensions hide the choice of ALPN, but not their length: 6 bytes of frame, 9 for
 * "h2" or 15 for "http/1.1", and 4 for each empty extension.
 */
static __always_inline void crmg_tls_extensions(struct crmg_tls_out *out, __u32 len)
{
	__u32 plain = len - CRMG_TLS_OVERHEAD_13;

	out->flags |= CRMG_TLS_OUT_EXTENSIONS;
	switch (plain) {
	case 6 + 9:
	case 6 + 9 + 4:
		out->flags |= CRMG_TLS_OUT_H2;
		/* fall through */
	case 6:
	case 6 + 4:
	case 6 + 15:
	case 6 + 15 + 4:
		out->flags |= CRMG_TLS_OUT_ALPN;
	}
}

/* A part of an answer, of so many bytes, which ends there. */
static __always_inline void crmg_tls_answer(struct crmg_walk *k, __u32 end, __u32 bytes)
{
	struct crmg_tls_out *out = &k->stream.out;

	k->answered += bytes;
	out->answer = end;
	out->answer_ack = k->ack;
	out->flags |= CRMG_TLS_OUT_ANSWER;
}

/*
 * True for a ticket of a session: after a full handshake OpenSSL sends two of one length,
 * after a resumed one a single one. The first of something is not decided on until the
 * end of the segment.
 */
static __always_inline bool crmg_tls_ticket(struct crmg_tls_out *out, __u32 len)
{
	if (out->flags & (CRMG_TLS_OUT_TICKETS | CRMG_TLS_OUT_OLD))
		return false;
	if (!out->ticket && len >= CRMG_TLS_TICKET_MIN && len <= CRMG_TLS_TICKET_MAX) {
		out->ticket = len;
		if (out->flags & CRMG_TLS_OUT_RESUMED)
			out->flags |= CRMG_TLS_OUT_TICKETS;
		return true;
	}
	out->flags |= CRMG_TLS_OUT_TICKETS;
	return len == out->ticket;
}

/* True if the server has had a request since what it sent last of an answer. */
static __always_inline bool crmg_tls_was_asked(const struct crmg_walk *k)
{
	const struct crmg_tls_out *out = &k->stream.out;

	return (__u16)(k->stream.tls.asked - out->answer_ack) < k->ack - out->answer_ack ||
	       !(out->flags & CRMG_TLS_OUT_ANSWER);
}

/*
 * True if a record begins an answer of HTTP/2: behind a request, or one as long as the record
 * before, or one that differs much from that if that did not, as a body differs from its header.
 * In a long body others differ, too: where the server had to wait for room.
 */
static __always_inline bool crmg_tls_is_new(struct crmg_walk *k, __u32 plain)
{
	struct crmg_tls_out *out = &k->stream.out;
	__u32 last = out->last, least = plain < last ? plain : last;
	bool alike = (plain + last - 2 * least) * 4 <= plain + last - least;
	bool within = out->flags & (CRMG_TLS_OUT_COUNTED | CRMG_TLS_OUT_LONG);
	bool is_long = plain >= CRMG_TLS_LONG;

	out->last = plain;
	if (crmg_tls_was_asked(k) || (!is_long && (alike || !within))) {
		out->flags &= ~CRMG_TLS_OUT_LONG;
		out->flags |= CRMG_TLS_OUT_COUNTED;
		return true;
	}
	out->flags &= ~CRMG_TLS_OUT_COUNTED;
	if (is_long)
		out->flags |= CRMG_TLS_OUT_LONG;
	return false;
}

/*
 * True for a record that a server sends only when it has taken the client's part of the handshake:
 * before TLS 1.3 its own ChangeCipherSpec (of a session that is resumed it comes first: that was
 * taken before), in 1.3 what follows on something of the client, unless it is as long as an alert.
 */
static __always_inline bool crmg_tls_agrees(const struct crmg_walk *k, __u8 type, __u32 len)
{
	if (k->stream.out.flags & CRMG_TLS_OUT_OLD)
		return type == CRMG_TLS_CCS || type == CRMG_TLS_DATA;
	return type == CRMG_TLS_DATA && k->stream.tls.flags & CRMG_TLS_IN_SECRET &&
	       len != CRMG_TLS_OVERHEAD_13 + CRMG_TLS_NOTIFY;
}

static __always_inline void
crmg_tls_left(struct crmg_walk *k, __u32 end, __u8 type, __u32 len)
{
	const struct crmg_tls_in *in = &k->stream.tls;
	struct crmg_tls_out *out = &k->stream.out;
	bool old = out->flags & CRMG_TLS_OUT_OLD;
	__u32 plain;

	if (crmg_tls_agrees(k, type, len))
		out->flags |= CRMG_TLS_OUT_AGREED;
	if (type != CRMG_TLS_DATA || len <= out->overhead)
		return;
	plain = len - out->overhead;
	if (!old && !(out->flags & CRMG_TLS_OUT_EXTENSIONS)) {
		crmg_tls_extensions(out, len);
		return;
	}
	if (!old && (!(in->flags & CRMG_TLS_IN_FINISHED) || plain == CRMG_TLS_KEY_UPDATE ||
		     plain == CRMG_TLS_NOTIFY || crmg_tls_ticket(out, len)))
		return;
	if (!(out->flags & CRMG_TLS_OUT_H2 || in->flags & CRMG_TLS_IN_H2)) {
		if (plain != CRMG_TLS_CONTINUE)
			crmg_tls_answer(k, end, plain);
		return;
	}
	if (plain == 9 || plain == CRMG_TLS_PING)
		return;
	/* WINDOW_UPDATE alone, one or more: many only after something long. */
	if ((plain % 13 == 0 || plain % 13 == 9) && (plain <= 3 * 13 || in->last / 4 > plain)) {
		out->windows += plain / 13;
		return;
	}
	if (crmg_tls_is_new(k, plain))
		out->answers++;
	crmg_tls_answer(k, end, plain);
}

/* Begins to read a ServerHello, behind whose header the walk is, if that is there. */
static __always_inline void crmg_tls_open(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	struct crmg_tls_out *out = &k->stream.out;
	__u8 *b = k->bytes + CRMG_TLS_SCRATCH;
	__u32 at = k->at, session, end;

	if (out->flags & (CRMG_TLS_OUT_OLD | CRMG_TLS_OUT_EXTENSIONS) || load(ctx, at, b, 6) ||
	    b[0] != CRMG_TLS_SERVER_HELLO || b[4] != 3)
		return;
	end = at + 4 + (b[2] << 8 | b[3]);
	if (load(ctx, at + 38, b, 1))
		return;
	session = b[0];
	if (session > 32 || load(ctx, at + 39 + session, b, 4))
		return;
	/* Of TLS 1.2, unless an extension says that it is 1.3. */
	out->flags |= CRMG_TLS_OUT_HELLO | CRMG_TLS_OUT_OLD;
	out->finished = b[0] == 0x13 && b[1] == 0x02 ? CRMG_TLS_FINISHED_384 : CRMG_TLS_FINISHED_256;
	out->overhead = b[0] == 0xcc ? CRMG_TLS_OVERHEAD_CHACHA : CRMG_TLS_OVERHEAD_GCM;
	k->ext = at + 39 + session + 3 + 2;
	k->ext_end = end < k->end ? end : k->end;
}

/* The same. Of a connection in which none could be read nothing shows that it failed. */
static __always_inline void crmg_tls_hello(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	crmg_tls_open(k, ctx, load);
	if (!(k->stream.out.flags & CRMG_TLS_OUT_HELLO))
		k->stream.out.flags |= CRMG_TLS_OUT_AGREED;
}

/* Reads an extension of the ServerHello. */
static __always_inline void
crmg_tls_extension(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	struct crmg_tls_out *out = &k->stream.out;
	__u8 *b = k->bytes + CRMG_TLS_SCRATCH;
	__u32 at = k->ext, type, len;

	if (k->ext + 4 > k->ext_end || load(ctx, at, b, 4)) {
		k->ext_end = 0;
		/* What TLS 1.2 does not name is HTTP/1. */
		if (out->flags & CRMG_TLS_OUT_OLD)
			out->flags |= CRMG_TLS_OUT_ALPN;
		return;
	}
	type = b[0] << 8 | b[1];
	len = b[2] << 8 | b[3];
	k->ext += 4 + len;
	if (type == CRMG_TLS_EXT_PSK)
		out->flags |= CRMG_TLS_OUT_RESUMED;
	if (type == CRMG_TLS_EXT_VERSIONS && len == 2 && !load(ctx, at + 4, b, 2) &&
	    b[0] == 3 && b[1] == 4) {
		out->flags &= ~CRMG_TLS_OUT_OLD;
		out->overhead = CRMG_TLS_OVERHEAD_13;
	}
	if (type == CRMG_TLS_EXT_ALPN && len == 5 && !load(ctx, at + 6, b, 4) &&
	    b[0] == 2 && b[1] == 'h' && b[2] == '2')
		out->flags |= CRMG_TLS_OUT_H2;
}

#endif
