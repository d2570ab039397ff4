/* SPDX-License-Identifier: GPL-2.0 */
/*
 * httpmeet.h - where in a segment of plain HTTP/1 there is something to read (http.h): behind what
 * was read. Only what the server answers shows what it took; behind an answer to nothing that was
 * read, reading begins anew, where the server is, and as with another protocol.
 */
#ifndef CRMGATE_BPF_HTTPMEET_H
#define CRMGATE_BPF_HTTPMEET_H

#include "http.h"

/* The server answered what was not read: all that is known is how far it is. */
static __always_inline void crmg_http_caught(struct crmg_walk *k)
{
	k->stream.http.unasked = k->stream.unasked;
	k->stream.marks |= CRMG_STREAM_OTHER;
	k->stream.next = k->acked;
	crmg_http_lose(&k->stream);
}

/*
 * Where in the segment there is something to read; false: nowhere. What came ahead of its turn
 * is not read, as nobody can tell where in a message it is; once the server has what is
 * missing, that was not seen, and reading goes on without it.
 */
static __always_inline bool crmg_http_place(struct crmg_walk *k)
{
	__u32 seq = k->base + k->at, next = k->stream.next;
	struct crmg_http_stream *h = &k->stream.http;

	/* Of a body that is longer than what was left out at once: nothing is missed. */
	if (h->state == CRMG_HTTP_BODY && (__s32)(seq - next) > 0 && seq - next < h->left) {
		h->left -= seq - next;
		next = seq;
	}
	if ((__s32)(seq - next) > 0) {
		k->aside = k->acked && (__s32)(k->acked - next) <= 0;
		if (k->aside)
			return false;
		/* Of a line that was begun the end was not seen. */
		if ((h->state == CRMG_HTTP_METHOD || h->state == CRMG_HTTP_LINE) &&
		    !(k->stream.marks & CRMG_STREAM_LOST))
			crmg_walk_request(k);
		crmg_http_lose(&k->stream);
		return true;
	}
	if (next - seq >= k->end - k->at)
		return false;
	k->at += next - seq;
	return true;
}

/* The same; what is no HTTP/1 counts by its turn. */
static __always_inline bool crmg_http_meet(struct crmg_walk *k)
{
	k->turned = 0;
	if (k->stream.unasked != k->stream.http.unasked)
		crmg_http_caught(k);
	if (!crmg_http_place(k))
		return false;
	k->turned = k->stream.marks & CRMG_STREAM_OTHER && k->sent != k->stream.http.turn;
	if (k->turned)
		crmg_walk_request(k);
	return true;
}

#endif
