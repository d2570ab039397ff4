/* SPDX-License-Identifier: GPL-2.0 */
/*
 * read.h - reads a segment, step by step: what is loaded and when, whose turn it is (http.h,
 * tls.h), and what is kept of it. Needs nothing of BPF but who loads, so tests read natively.
 */
#ifndef CRMGATE_BPF_READ_H
#define CRMGATE_BPF_READ_H

#include "httpmeet.h"
#include "once.h"
#include "tls.h"

/* A walk under a context: of XDP or of TC. */
struct crmg_walking {
	void *ctx;
	struct crmg_walk *walk;
};

/* How many bytes to load, or 0: they are there. */
static __always_inline __u32 crmg_walk_load(struct crmg_walk *k)
{
	__u32 left = k->end - k->at;

	if (crmg_walk_place(k) < CRMG_WALK_BYTES)
		return 0;
	k->from = k->at;
	k->have = left < CRMG_WALK_BYTES ? left : CRMG_WALK_BYTES;
	return k->have;
}

/* The rest of a segment that cannot be read is a gap. */
static __always_inline long crmg_walk_give_up(struct crmg_walk *k)
{
	k->end = k->at;
	return 1;
}

/* For the verifier: from 1 to CRMG_WALK_BYTES. */
#define CRMG_WALK_LENGTH(n) ((((n) - 1) & (CRMG_WALK_BYTES - 1)) + 1)

#define CRMG_WALK_STEP(name, load) \
static __always_inline long load##_of(void *ctx, __u32 at, void *to, __u32 n) \
{ \
	return load(ctx, at, to, n); \
} \
\
static long name(__u32 i, void *arg) \
{ \
	const struct crmg_walking *walking = arg; \
	struct crmg_walk *k = walking->walk; \
	__u32 bytes; \
\
	(void)i; \
	if (k->tls) \
		return crmg_tls_step(k, walking->ctx, load##_of); \
	if (k->at >= k->end) \
		return 1; \
	bytes = crmg_walk_load(k); \
	if (bytes && load(walking->ctx, k->from, k->bytes, CRMG_WALK_LENGTH(bytes))) \
		return crmg_walk_give_up(k); \
	crmg_http_step(k); \
	return 0; \
}

/* Steps that a payload of so many bytes takes at most. */
#define CRMG_WALK_STEPS(bytes) (2 * (bytes) + 2)

/* What the walk came to. */
static __always_inline void crmg_walk_end(struct crmg_walk *k)
{
	if (k->tls) {
		crmg_tls_end(k);
		return;
	}
	crmg_http_end(k);
	k->stream.next = k->base + k->end + k->beyond;
}

/* The segment goes on: what was read of it is known. */
static __always_inline void crmg_stream_keep(struct crmg_walk *k, struct crmg_stream *stream)
{
	if (k->aside)
		return;
	if (k->begun && !k->tls) {
		/* Whoever has all that was sent since he asked has all answers. */
		if (k->ack == k->sent && k->sent != k->stream.http.turn)
			CRMG_WRITE_ONCE(stream->answered, k->stream.count);
		k->stream.http.turn = k->sent;
	}
	stream->next = k->stream.next;
	stream->refused = 0;
	stream->marks = k->stream.marks & ~CRMG_STREAM_REFUSED;
	stream->count = k->stream.count + k->begun;
	__builtin_memcpy(stream->in, k->stream.in, sizeof(stream->in));
	__builtin_memcpy(stream->hole_held, k->stream.hole_held, sizeof(stream->hole_held));
}

#endif
