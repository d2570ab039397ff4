/* SPDX-License-Identifier: GPL-2.0 */
/*
 * httpends.h - where a request of plain HTTP/1 ends (http.h): how long its header is, and its body,
 * and whether servers may disagree about that.
 */
#ifndef CRMGATE_BPF_HTTPENDS_H
#define CRMGATE_BPF_HTTPENDS_H

#include "httpwords.h"
#include "walk.h"

enum crmg_http_state {
	CRMG_HTTP_BOUNDARY,	/* between messages; empty lines are nothing */
	CRMG_HTTP_METHOD,	/* in the first word of the request line */
	CRMG_HTTP_LINE,		/* in what is left of it, or somewhere in it */
	CRMG_HTTP_NAME,		/* in the name of a header, as far as it matters */
	CRMG_HTTP_FIELD,	/* in what is left of a header that does not */
	CRMG_HTTP_LENGTH,	/* in the value of Content-Length */
	CRMG_HTTP_CODING,	/* in the value of Transfer-Encoding */
	CRMG_HTTP_BODY,		/* `left` bytes of body, or of one of its parts */
	CRMG_HTTP_SIZE,		/* in the size of a part, or before it */
	CRMG_HTTP_EXTENSION,	/* behind it */
	CRMG_HTTP_TRAILER,	/* where a line behind the last part begins */
	CRMG_HTTP_TRAILER_LINE,	/* in such a line */
};

/* States in a header or trailer. */
#define CRMG_HTTP_HEADERS (1 << CRMG_HTTP_METHOD | 1 << CRMG_HTTP_LINE | 1 << CRMG_HTTP_NAME | \
			   1 << CRMG_HTTP_FIELD | 1 << CRMG_HTTP_LENGTH | 1 << CRMG_HTTP_CODING | \
			   1 << CRMG_HTTP_TRAILER | 1 << CRMG_HTTP_TRAILER_LINE)

/* States that wait for the end of a line. */
#define CRMG_HTTP_SKIPS (1 << CRMG_HTTP_LINE | 1 << CRMG_HTTP_FIELD | \
			 1 << CRMG_HTTP_EXTENSION | 1 << CRMG_HTTP_TRAILER_LINE)

#define CRMG_HTTP_CHUNKED 1	/* the body is in parts, each with its size */
#define CRMG_HTTP_DIGITS  2	/* of which, or of a length, one digit was read */
#define CRMG_HTTP_LISTED  4	/* `tail` is a length that was read before this one */
#define CRMG_HTTP_BLANKS  8	/* of a line or value: it goes on behind the tail with blanks; ... */
				/* ... of a size: first the line of the part before has to end */
#define CRMG_HTTP_SIZED   16	/* `left` is a length that a header said */

#define CRMG_HTTP_LENGTH_MAX (1ULL << 56)	/* bytes; beyond it no more digits are read */

static __always_inline __u32 crmg_http_lower(__u32 c)
{
	return c - 'A' < 26 ? c | 0x20 : c;
}

static __always_inline bool crmg_http_blank(__u32 c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Nothing is known of what comes next. */
static __always_inline void crmg_http_lose(struct crmg_stream *stream)
{
	stream->marks |= CRMG_STREAM_LOST;
	stream->http.state = CRMG_HTTP_LINE;
	stream->http.marks = 0;
	stream->http.tail = 0;
	stream->http.at = 0;
}

/* Servers may read something else than what is read here, and so did who sent it. */
static __always_inline void crmg_http_doubt(struct crmg_walk *k)
{
	k->odd |= 1 << CRMG_ODDITY_SMUGGLING;
}

/* A header, or trailer, was read as far as this offset of the frame. */
static __always_inline void
crmg_http_measure(struct crmg_walk *k, const struct crmg_http_stream *h, __u32 at)
{
	__u32 bytes = k->base + at - h->header;

	if (bytes > k->header)
		k->header = bytes;
}

/* The segment ends, and a header may go on in the next one. */
static __always_inline void crmg_http_end(struct crmg_walk *k)
{
	const struct crmg_http_stream *h = &k->stream.http;

	if (CRMG_HTTP_HEADERS >> h->state & 1 && !(k->stream.marks & CRMG_STREAM_LOST))
		crmg_http_measure(k, h, k->end);
}

/* A body, or one more part of it, has so many bytes. */
static __always_inline void crmg_http_weigh(struct crmg_walk *k, __u64 bytes)
{
	__u64 all = k->stream.body + bytes;

	k->stream.body = all < ~0U ? all : ~0U;
	if (k->stream.body > k->body)
		k->body = k->stream.body;
}

/* The size of the next part is known, or it was only the end of the part before. */
static __always_inline void crmg_http_sized(struct crmg_walk *k, struct crmg_http_stream *h)
{
	__u32 marks = h->marks;

	h->state = CRMG_HTTP_SIZE;
	h->marks &= ~(CRMG_HTTP_DIGITS | CRMG_HTTP_BLANKS);
	if (!(marks & (CRMG_HTTP_DIGITS | CRMG_HTTP_BLANKS)))
		crmg_http_doubt(k);
	if (!(marks & CRMG_HTTP_DIGITS))
		return;
	crmg_http_weigh(k, h->left);
	h->state = h->left ? CRMG_HTTP_BODY : CRMG_HTTP_TRAILER;
	h->header = k->base + k->at + 1;
}

/* The headers end. */
static __always_inline void crmg_http_headed(struct crmg_walk *k, struct crmg_http_stream *h)
{
	crmg_http_measure(k, h, k->at + 1);
	k->stream.body = 0;
	if (h->marks & CRMG_HTTP_CHUNKED) {
		if (h->marks & CRMG_HTTP_SIZED)
			crmg_http_doubt(k);
		h->state = CRMG_HTTP_SIZE;
		h->left = 0;
	} else {
		crmg_http_weigh(k, h->left);
		h->state = h->left ? CRMG_HTTP_BODY : CRMG_HTTP_BOUNDARY;
	}
}

/* The body, or a part of it, ends. */
static __always_inline void crmg_http_passed(struct crmg_http_stream *h)
{
	h->state = CRMG_HTTP_BOUNDARY;
	if (!(h->marks & CRMG_HTTP_CHUNKED))
		return;
	h->state = CRMG_HTTP_SIZE;
	h->marks |= CRMG_HTTP_BLANKS;
}

/* Behind the name of a header; of two of a kind both have to say the same. */
static __always_inline void crmg_http_named(struct crmg_walk *k, struct crmg_http_stream *h)
{
	h->tail = 0;
	if (h->name == CRMG_HTTP_TRANSFER_ENCODING) {
		h->state = CRMG_HTTP_CODING;
		if (h->marks & CRMG_HTTP_CHUNKED)
			crmg_http_doubt(k);
		return;
	}
	h->state = CRMG_HTTP_LENGTH;
	if (h->marks & CRMG_HTTP_SIZED) {
		h->tail = h->left;
		h->marks |= CRMG_HTTP_LISTED;
	}
	h->left = 0;
}

/*
 * In the length of a body. A list of it is valid if all are the same (RFC 9110, 8.6); of others
 * who knows which the server takes.
 */
static __always_inline void
crmg_http_length(struct crmg_walk *k, struct crmg_http_stream *h, __u32 c)
{
	if (c - '0' < 10 && h->left < CRMG_HTTP_LENGTH_MAX) {
		if (h->marks & CRMG_HTTP_BLANKS)
			crmg_http_doubt(k);
		h->left = h->left * 10 + (c - '0');
		h->marks |= CRMG_HTTP_DIGITS;
	} else if (crmg_http_blank(c)) {
		h->marks |= h->marks & CRMG_HTTP_DIGITS ? CRMG_HTTP_BLANKS : 0;
	} else if (c != ',' && c != '\n') {
		crmg_http_doubt(k);
	}
	if (c != ',' && c != '\n')
		return;
	if (h->marks & CRMG_HTTP_DIGITS) {
		if (h->marks & CRMG_HTTP_LISTED && h->tail != h->left) {
			crmg_http_doubt(k);
			crmg_http_lose(&k->stream);
			return;
		}
		h->tail = h->left;
		h->marks |= CRMG_HTTP_LISTED;
	}
	h->marks &= ~(CRMG_HTTP_DIGITS | CRMG_HTTP_BLANKS);
	h->left = 0;
	if (c == ',')
		return;
	h->left = h->tail;
	if (h->marks & CRMG_HTTP_LISTED)
		h->marks |= CRMG_HTTP_SIZED;
	else
		crmg_http_doubt(k);
	h->marks &= ~CRMG_HTTP_LISTED;
	h->state = CRMG_HTTP_NAME;
	h->at = 0;
}

/*
 * The last of several codings says how long the body is. Of a request it has to be `chunked` (RFC
 * 9112, 6.3), and no other word that ends so.
 */
static __always_inline void
crmg_http_coding(struct crmg_walk *k, struct crmg_http_stream *h, __u32 c)
{
	bool chunked = h->tail >> 8 == CRMG_BYTES('c', 'h', 'u', 'n', 'k', 'e', 'd', 0);

	if (c == '\n') {
		h->marks |= chunked ? CRMG_HTTP_CHUNKED : 0;
		if (!chunked || (h->tail & 0xff && (h->tail & 0xff) != ','))
			crmg_http_doubt(k);
		h->marks &= ~CRMG_HTTP_BLANKS;
		h->state = CRMG_HTTP_NAME;
		h->at = 0;
	} else if (crmg_http_blank(c)) {
		h->marks |= h->tail ? CRMG_HTTP_BLANKS : 0;
	} else {
		if (!c || (h->marks & CRMG_HTTP_BLANKS && c != ',' && h->tail >> 56 != ','))
			crmg_http_doubt(k);
		h->marks &= ~CRMG_HTTP_BLANKS;
		h->tail = h->tail >> 8 | (__u64)crmg_http_lower(c) << 56;
	}
}

static __always_inline void
crmg_http_size(struct crmg_walk *k, struct crmg_http_stream *h, __u32 c)
{
	__u32 letter = crmg_http_lower(c) - 'a';
	__u32 digit = c - '0' < 10 ? c - '0' : letter < 6 ? letter + 10 : 16;

	if (h->marks & CRMG_HTTP_BLANKS && c != '\r' && c != '\n')
		crmg_http_doubt(k);
	if (digit < 16 && h->left < CRMG_HTTP_LENGTH_MAX) {
		h->left = h->left << 4 | digit;
		h->marks |= CRMG_HTTP_DIGITS;
	} else if (c == '\n') {
		crmg_http_sized(k, h);
	} else if (c != '\r') {
		if (c != ';' && c != ' ' && c != '\t')
			crmg_http_doubt(k);
		h->state = CRMG_HTTP_EXTENSION;
	}
}

#endif
