/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walker.h - bpf/read.h on segments that a test makes up, as bpf/requests.h has it do.
 */
#ifndef CRMGATE_TEST_WALKER_H
#define CRMGATE_TEST_WALKER_H

#include <stdint.h>
#include <string.h>

#include "../../bpf/read.h"

#define CRMG_WALKER_HEADERS 54	/* bytes before the payload */

struct crmg_walker {
	struct crmg_stream stream;
	uint32_t acked;		/* what the server has acknowledged; 0: not known */
	uint32_t sent;		/* what it sends next */
	uint32_t counted;	/* requests so far */
	uint64_t answered;	/* bytes of answers so far */
	uint32_t header;	/* bytes of the longest, ... */
	uint32_t body;		/* ... and of the longest of these */
	uint32_t methods;
	uint32_t odd;
	bool tls;
	bool held;		/* a segment of which nothing can be told is refused */
	bool torn;		/* a gap did not end where it has to */
	bool stuck;		/* a walk had not ended after the steps that it may take */
};

/* A frame: its payload, behind headers that nobody reads. */
struct crmg_walker_frame {
	const uint8_t *payload;
	uint32_t len;
};

/* A connection whose client begins at this number. */
static inline struct crmg_walker crmg_walker(bool tls, uint32_t first)
{
	return (struct crmg_walker){
		.stream = { .next = first, .tls.flags = tls ? CRMG_TLS_IN_STARTED : 0 },
		.acked = first, .sent = 1, .tls = tls,
	};
}

static inline long crmg_walker_load(void *ctx, __u32 at, void *to, __u32 n)
{
	const struct crmg_walker_frame *frame = ctx;

	if (at < CRMG_WALKER_HEADERS || at - CRMG_WALKER_HEADERS > frame->len ||
	    n > frame->len - (at - CRMG_WALKER_HEADERS))
		return -1;
	memcpy(to, frame->payload + at - CRMG_WALKER_HEADERS, n);
	return 0;
}

CRMG_WALK_STEP(crmg_walker_step, crmg_walker_load)

static inline void crmg_walker_walk(struct crmg_walker *w, struct crmg_walk *k,
				    struct crmg_walker_frame *frame)
{
	const uint32_t steps = CRMG_WALK_STEPS(k->end - k->at);
	struct crmg_walking walking = { frame, k };
	uint32_t i;

	for (i = 0; i < steps; i++)
		if (crmg_walker_step(i, &walking))
			break;
	w->stuck |= i == steps && !crmg_walker_step(i, &walking);
	crmg_walk_end(k);
}

/* A segment that arrives, or leaves; false: it is refused, so the server does not get it. */
static inline bool crmg_walker_read(struct crmg_walker *w, bool leaves, uint32_t seq,
				    const uint8_t *bytes, uint32_t len, uint32_t ack)
{
	struct crmg_walker_frame frame = { bytes, len };
	struct crmg_walk k = {
		.stream = w->stream, .at = CRMG_WALKER_HEADERS, .start = CRMG_WALKER_HEADERS,
		.end = CRMG_WALKER_HEADERS + len, .base = seq - CRMG_WALKER_HEADERS, .ack = ack,
		.acked = w->acked, .sent = w->sent, .tls = w->tls, .leaves = leaves, .held = w->held,
	};
	bool read;

	if (!len)
		return true;
	read = w->tls ? crmg_tls_meet(&k) : crmg_http_meet(&k);
	if (read)
		crmg_walker_walk(w, &k, &frame);
	w->torn |= k.torn;
	if (!leaves && k.held && k.aside)
		return false;
	if (!read)
		return true;
	if (leaves) {
		w->stream.out = k.stream.out;
		w->answered += k.answered;
	} else {
		crmg_stream_keep(&k, &w->stream);
		w->counted += k.begun;
		w->header = k.header > w->header ? k.header : w->header;
		w->body = k.body > w->body ? k.body : w->body;
		w->methods |= k.methods;
		w->odd |= k.odd;
	}
	return true;
}

#endif
