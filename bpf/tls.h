/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tls.h - the requests of a TLS connection, estimated from what is in clear: the ServerHello,
 * and type and length of each record. Goes from header to header by sequence numbers. Needs
 * nothing of BPF: recorded conversations and random segments are put to it natively too.
 *
 * What arrives writes one half of the state, what leaves the other: they may be at work on
 * different CPUs, and each only reads what the other has written.
 */
#ifndef CRMGATE_BPF_TLS_H
#define CRMGATE_BPF_TLS_H

#include "tlsin.h"
#include "tlsout.h"

static __always_inline bool crmg_tls_plausible(const __u8 *head)
{
	return head[0] >= CRMG_TLS_CCS && head[0] <= CRMG_TLS_DATA && head[1] == 3 &&
	       head[2] <= 4 && (head[3] << 8 | head[4]) <= CRMG_TLS_MAX;
}

/* True if the server waits for something that would tell where the next header is. */
static __always_inline bool crmg_tls_missing(const struct crmg_walk *k)
{
	return k->stream.tls.flags & CRMG_TLS_IN_STARTED &&
	       !crmg_tls_before(k->stream.next + k->stream.tls.have, k->acked);
}

/*
 * Goes on at a segment that begins with a header, where others are missing; of what arrives
 * they may still come, so the hole is kept. There is one at a time: what comes behind another
 * has to wait, or is read for what it shows alone where nothing is refused, or whoever makes two
 * would hide what is in the first. The first segment of a connection that was met in its middle
 * begins like this too. False: it does not.
 */
static __always_inline bool crmg_tls_resync(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	struct crmg_tls_in *in = &k->stream.tls;
	struct crmg_tls_out *out = &k->stream.out;

	if (k->end - k->at < CRMG_TLS_HEADER || load(ctx, k->at, k->bytes, CRMG_TLS_HEADER) ||
	    !crmg_tls_plausible(k->bytes))
		return false;
	k->have = 0;
	if (k->leaves) {
		if (!(out->flags & CRMG_TLS_OUT_STARTED) && k->bytes[0] != CRMG_TLS_HANDSHAKE)
			out->flags |= CRMG_TLS_OUT_EXTENSIONS | CRMG_TLS_OUT_TICKETS;
		out->flags |= CRMG_TLS_OUT_STARTED;
		return true;
	}
	if (in->flags & CRMG_TLS_IN_STARTED) {
		k->aside = in->hole != in->hole_end && crmg_tls_before(k->acked, in->hole_end);
		in->hole = k->stream.next;
		in->hole_end = k->base + k->at;
		in->hole_have = in->have;
		__builtin_memcpy(k->stream.hole_held, in->held, 4);
		in->flags &= ~(CRMG_TLS_IN_FULL | CRMG_TLS_IN_PENDING);
	} else if (k->bytes[0] != CRMG_TLS_HANDSHAKE) {
		in->flags |= CRMG_TLS_IN_FINISHED;
	}
	in->flags |= CRMG_TLS_IN_STARTED;
	return true;
}

/* Where the segment goes on with what was read before it; false: not in this segment. */
static __always_inline bool crmg_tls_goes_on(struct crmg_walk *k)
{
	__u32 next = k->leaves ? k->stream.out.next : k->stream.next, place;

	k->have = k->leaves ? k->stream.out.have : k->stream.tls.have;
	place = next + k->have - k->base;
	__builtin_memcpy(k->bytes, k->leaves ? k->stream.out.held : k->stream.tls.held, 4);
	if (place - k->at >= k->end - k->at)
		return false;
	k->at = place;
	return true;
}

/*
 * True if the segment begins within the hole, and the server waits for what is next in it. It
 * would take headers with it, as one that comes ahead of all.
 */
static __always_inline bool crmg_tls_within(const struct crmg_walk *k, __u32 next)
{
	__u32 seq = k->base + k->at;

	return crmg_tls_before(next, seq) && crmg_tls_before(seq, k->stream.tls.hole_end) &&
	       !crmg_tls_before(next, k->acked);
}

/* Finds where in the segment there may be something to read; false: nowhere. */
static __always_inline bool crmg_tls_meet(struct crmg_walk *k)
{
	struct crmg_tls_in *in = &k->stream.tls;
	struct crmg_tls_out *out = &k->stream.out;
	bool started = k->leaves ? out->flags & CRMG_TLS_OUT_STARTED :
				   in->flags & CRMG_TLS_IN_STARTED;
	__u32 next = k->leaves ? out->next + out->have : k->stream.next + in->have;
	__u32 hole = in->hole + in->hole_have - k->base;

	k->ext_end = 0;
	k->late = 0;
	k->lost = 0;
	k->astray = 0;
	if (!out->overhead)
		out->overhead = CRMG_TLS_OVERHEAD_13;
	if (!started || (__s32)(next - k->base - k->at) < 0) {
		k->lost = 1;
		return true;
	}
	if (k->leaves || in->hole == in->hole_end)
		return crmg_tls_goes_on(k);
	if (hole - k->at >= k->end - k->at) {
		k->aside = k->held && crmg_tls_within(k, k->base + hole);
		return !k->aside && crmg_tls_goes_on(k);
	}
	k->late = 1;
	k->have = in->hole_have;
	__builtin_memcpy(k->bytes, k->stream.hole_held, 4);
	k->at = hole;
	return true;
}

/*
 * It is not known where in the segment a header is. What leaves is part of an answer. What
 * arrives ahead of what is missing has to wait: it would take the next header with it, and all
 * that comes behind. What the server has is not waited for, so a segment is as good as a record.
 */
static __always_inline void crmg_tls_astray(struct crmg_walk *k)
{
	if (k->leaves && k->stream.tls.flags & CRMG_TLS_IN_FINISHED)
		crmg_tls_answer(k, k->base + k->end, k->end - k->at);
	k->aside = k->leaves || crmg_tls_missing(k);
	if (k->aside)
		return;
	k->astray = 1;
	k->begun = crmg_tls_opaque(k, k->base + k->at, k->end - k->at);
	k->first = k->base + k->at;
}

/*
 * A hole is read to its end. There the header was that made it one; if it is not, something only
 * looked like a header, by chance or to have it read instead. Where nothing is refused the headers
 * before it are believed. Else the segment is not taken, and is none the better when it comes
 * again; what is behind it went on, so the connection has to end. 1: there is no more to read.
 */
static __always_inline long crmg_tls_filled(struct crmg_walk *k)
{
	struct crmg_tls_in *in = &k->stream.tls;
	bool fits = k->base + k->at == in->hole_end && !k->have;

	in->hole = in->hole_end = 0;
	if (fits) {
		k->at = k->start;
		k->late = !crmg_tls_goes_on(k);
		return k->late;
	}
	k->late = 0;
	if (!k->held)
		return 0;
	k->aside = k->torn = 1;
	k->begun = 0;
	return 1;
}

/* A header, in bytes[]; false: it is none. */
static __always_inline bool crmg_tls_record(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	__u32 header = k->base + k->at - CRMG_TLS_HEADER;
	__u32 len = k->bytes[3] << 8 | k->bytes[4], n;
	__u8 type = k->bytes[0];

	if (!crmg_tls_plausible(k->bytes)) {
		k->at = k->end;
		return false;
	}
	if (k->leaves) {
		if (type == CRMG_TLS_HANDSHAKE)
			crmg_tls_hello(k, ctx, load);
		else
			crmg_tls_left(k, header + CRMG_TLS_HEADER + len, type, len);
	} else {
		n = crmg_tls_came(k, header, type, len);
		if (n && !k->begun)
			k->first = header;
		k->begun += n;
	}
	k->at += len;
	return true;
}

/* Reads one header, or one byte of one that lies over two segments; 1: there is no more. */
static __always_inline long crmg_tls_step(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	struct crmg_tls_in *in = &k->stream.tls;

	if (k->lost) {
		k->lost = 0;
		if (crmg_tls_resync(k, ctx, load))
			return k->aside && k->held;
		crmg_tls_astray(k);
		return 1;
	}
	if (k->ext_end) {
		crmg_tls_extension(k, ctx, load);
		return 0;
	}
	if (k->late && !crmg_tls_before(k->base + k->at, in->hole_end))
		return crmg_tls_filled(k);
	if (k->at >= k->end)
		return 1;
	if (!k->have && k->at + CRMG_TLS_HEADER <= k->end) {
		if (load(ctx, k->at, k->bytes, CRMG_TLS_HEADER))
			return 1;
		k->at += CRMG_TLS_HEADER;
		return !crmg_tls_record(k, ctx, load);
	}
	if (load(ctx, k->at, &k->bytes[k->have & 7], 1))
		return 1;
	k->at++;
	if (++k->have < CRMG_TLS_HEADER)
		return 0;
	k->have = 0;
	return !crmg_tls_record(k, ctx, load);
}

/* Puts down how far the walk came. */
static __always_inline void crmg_tls_end(struct crmg_walk *k)
{
	struct crmg_tls_out *out = &k->stream.out;
	struct crmg_tls_in *in = &k->stream.tls;
	__u32 next = k->base + k->at - k->have;

	if (k->aside)
		return;
	if (k->astray) {
		/* As far behind as signed sequence numbers hold, lest it seem ahead. */
		if (k->first - k->stream.next > CRMG_WALK_HOP)
			k->stream.next = k->first - CRMG_WALK_HOP;
		return;
	}
	if (k->leaves) {
		out->next = next;
		out->have = k->have;
		__builtin_memcpy(out->held, k->bytes, 4);
		/* One that was alone was no ticket. */
		if (out->ticket && !(out->flags & CRMG_TLS_OUT_TICKETS)) {
			out->flags |= CRMG_TLS_OUT_TICKETS;
			crmg_tls_answer(k, next, out->ticket - out->overhead);
		}
	} else if (k->late) {
		if (in->hole == in->hole_end)
			return;
		in->hole = next;
		in->hole_have = k->have;
		__builtin_memcpy(k->stream.hole_held, k->bytes, 4);
	} else {
		k->stream.next = next;
		in->have = k->have;
		__builtin_memcpy(in->held, k->bytes, 4);
	}
}

#endif
