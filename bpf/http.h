/* SPDX-License-Identifier: GPL-2.0 */
/*
 * http.h - counts requests of plain HTTP/1: a request is a line where a message begins. Which
 * bytes are bodies the headers say, so bodies are left out, unread. Lines may be split
 * anywhere. Where it is not known where a message begins, as behind a gap, the next line that
 * ends in a version of HTTP/1 is taken for a request. A line that does not, where one has to, is
 * one; but what follows it is something else: another protocol, after an upgrade. Of that a
 * segment behind something that the server has sent is a request.
 *
 * What is read need not be what the server reads: it throws away what has a wrong checksum, an old
 * timestamp, no room. What it answers it was asked for (responses.h, httpmeet.h).
 */
#ifndef CRMGATE_BPF_HTTP_H
#define CRMGATE_BPF_HTTP_H

#include "httpends.h"

#define CRMG_EACH_BYTE(c) ((c) * 0x0101010101010101ULL)

/*
 * True if a line ends in HTTP/1.0, HTTP/1.1 or the like, as far as `tail` has it: nginx takes
 * any number of zeros before the last digits.
 */
static __always_inline bool crmg_http_is_request(__u64 tail)
{
	const __u64 version = CRMG_BYTES(0, 'H', 'T', 'T', 'P', '/', '1', '.');
	__u32 digits;

	for (digits = 0; digits < 8 && (tail >> 56) - '0' < 10; digits++)
		tail <<= 8;
	return digits == 8 || (digits && !((tail ^ version) >> digits * 8));
}

/*
 * Goes on with the tail of a line by as many bytes as are the high ones of `word`, one at least.
 * Blanks at their end are left out, as a line may end in any number of them; if it does not end
 * there, one stands for them.
 */
static __always_inline void crmg_http_tail(struct crmg_http_stream *h, __u64 word, __u32 bytes)
{
	__u32 i;

	for (i = 0; i < 8 && bytes && crmg_http_blank(word >> 56); i++) {
		word <<= 8;
		bytes--;
	}
	if (bytes && h->marks & CRMG_HTTP_BLANKS) {
		h->tail = h->tail >> 8 | (__u64)' ' << 56;
		h->marks &= ~CRMG_HTTP_BLANKS;
	}
	if (i)
		h->marks |= CRMG_HTTP_BLANKS;
	h->tail = bytes < 8 ? h->tail >> bytes * 8 | word : word;
}

/*
 * True if a line like that of a request is one, where nothing is known. A body may have such
 * lines, but while it comes the server sends nothing; so where segments pass in any order one
 * counts only if the server has sent something since the last request.
 */
static __always_inline bool
crmg_http_is_found(const struct crmg_walk *k, const struct crmg_http_stream *h)
{
	return k->held || k->turned || (!k->begun && k->sent != h->turn);
}

/* A line begins that may be that of a request. */
static __always_inline void crmg_http_begin(struct crmg_walk *k, struct crmg_http_stream *h)
{
	h->header = k->base + k->at;
	h->state = CRMG_HTTP_METHOD;
	h->tail = 0;
	h->left = 0;
	h->at = 0;
}

/* In the first word of a line; false: the byte is not read. */
static __always_inline bool crmg_http_method(struct crmg_http_stream *h, __u32 c)
{
	bool ends = c == '\n' || crmg_http_blank(c);

	if (ends || c > 0x7f || h->at == CRMG_METHOD_MAX) {
		/* None is another one, too; 0 is one whose beginning was not seen. */
		if (!ends || !h->at)
			h->at = CRMG_METHOD_MAX + 1;
		h->state = CRMG_HTTP_LINE;
		return false;
	}
	h->tail = h->tail >> 8 | (__u64)c << 56;
	h->left = h->left << 7 | c;
	h->at++;
	return true;
}

/* The end of the request line. */
static __always_inline void crmg_http_request(struct crmg_walk *k, struct crmg_http_stream *h)
{
	const __u32 doubts = CRMG_STREAM_LOST | CRMG_STREAM_GUESSED | CRMG_STREAM_OTHER;
	__u32 marks = k->stream.marks;
	bool sure = !(marks & doubts);
	bool is = crmg_http_is_request(h->tail) && (sure || crmg_http_is_found(k, h));
	/* Behind a gap the line may begin with the end of a body. Without a branch, for the verifier. */
	__u32 behind = marks / CRMG_STREAM_LOST & ~(marks / CRMG_STREAM_OTHER) & 1;

	if ((is || sure) && !k->turned)
		crmg_walk_request(k);
	if (is || sure)
		k->methods |= crmg_method_bit(h->left, h->at) &
			      ~(behind << CRMG_METHOD_COUNT);
	if (!is) {
		crmg_http_lose(&k->stream);
		k->stream.marks |= sure ? CRMG_STREAM_OTHER : 0;
		crmg_http_begin(k, h);
		h->header++;	/* behind the end of this line, which is read next */
		return;
	}
	/* Where it began was not seen, or the line may begin with the end of a body. */
	if (marks & CRMG_STREAM_LOST && !(marks & CRMG_STREAM_OTHER && h->at))
		h->header = k->base + k->at;
	k->turned = 0;
	k->stream.marks &= ~doubts;
	if (marks & CRMG_STREAM_LOST && !k->held)
		k->stream.marks |= CRMG_STREAM_GUESSED;
	h->state = CRMG_HTTP_NAME;
	h->marks = 0;
	h->left = 0;
	h->at = 0;
}

static __always_inline void crmg_http_line_end(struct crmg_walk *k, struct crmg_http_stream *h)
{
	switch (h->state) {
	case CRMG_HTTP_LINE:
		crmg_http_request(k, h);
		break;
	case CRMG_HTTP_FIELD:
		h->state = CRMG_HTTP_NAME;
		h->at = 0;
		break;
	case CRMG_HTTP_EXTENSION:
		crmg_http_sized(k, h);
		break;
	default:
		h->state = CRMG_HTTP_TRAILER;
	}
}

/* Reads on to the end of the line, eight bytes at most. */
static __always_inline void crmg_http_skip(struct crmg_walk *k, struct crmg_http_stream *h)
{
	__u32 count, bytes;
	__u64 word = crmg_walk_word(k, &count), ends = word ^ CRMG_EACH_BYTE('\n');

	/* The lowest bit that is set is that of the first end of a line. */
	ends = (ends - CRMG_EACH_BYTE(0x01)) & ~ends & CRMG_EACH_BYTE(0x80);
	bytes = ends ? ((ends & (0 - ends)) >> 7) * 0x0001020304050607ULL >> 56 : 8;
	if (bytes > count)
		bytes = count;
	if (bytes && h->state == CRMG_HTTP_LINE)
		crmg_http_tail(h, word << (64 - bytes * 8), bytes);
	k->at += bytes;
	if (bytes == count)
		return;
	crmg_http_line_end(k, h);
	k->at++;
}

/*
 * In the name of a header; false: the byte is not read. A line that begins with a blank goes on
 * with the one before, for some; and a name with a blank behind it is none, for some.
 */
static __always_inline bool
crmg_http_name(struct crmg_walk *k, struct crmg_http_stream *h, __u32 c)
{
	__u32 expected;

	if (!h->at && c == '\r')
		return true;
	if (!h->at && c == '\n') {
		crmg_http_headed(k, h);
		return true;
	}
	c = crmg_http_lower(c);
	if (!h->at)
		h->name = c == 'c' ? CRMG_HTTP_CONTENT_LENGTH : CRMG_HTTP_TRANSFER_ENCODING;
	expected = crmg_http_name_byte(h->name, h->at);
	if (!expected && c == ':') {
		crmg_http_named(k, h);
		return true;
	}
	if (!expected || c != expected) {
		if ((!expected || !h->at) && (c == ' ' || c == '\t'))
			crmg_http_doubt(k);
		h->state = CRMG_HTTP_FIELD;
		return false;
	}
	h->at++;
	return true;
}

/* Reads a byte; false: it is left to the state that it led to. */
static __always_inline bool
crmg_http_byte(struct crmg_walk *k, struct crmg_http_stream *h, __u32 c)
{
	bool end = c == '\n' || c == '\r';

	switch (h->state) {
	case CRMG_HTTP_BOUNDARY:
		if (!end)
			crmg_http_begin(k, h);
		return end;
	case CRMG_HTTP_METHOD:
		return crmg_http_method(h, c);
	case CRMG_HTTP_NAME:
		return crmg_http_name(k, h, c);
	case CRMG_HTTP_LENGTH:
		crmg_http_length(k, h, c);
		return true;
	case CRMG_HTTP_CODING:
		crmg_http_coding(k, h, c);
		return true;
	case CRMG_HTTP_SIZE:
		crmg_http_size(k, h, c);
		return true;
	case CRMG_HTTP_TRAILER:
		if (c == '\n') {
			crmg_http_measure(k, h, k->at + 1);
			h->state = CRMG_HTTP_BOUNDARY;
		} else if (c != '\r') {
			h->state = CRMG_HTTP_TRAILER_LINE;
		}
		return true;
	}
	return true;
}

/* One step; something is loaded. Each goes on by a byte at least, or into another state. */
static __always_inline void crmg_http_step(struct crmg_walk *k)
{
	struct crmg_http_stream *h = &k->stream.http;
	__u32 count;

	if (CRMG_HTTP_SKIPS >> h->state & 1)
		crmg_http_skip(k, h);
	else if (h->state != CRMG_HTTP_BODY &&
		 crmg_http_byte(k, h, crmg_walk_word(k, &count) & 0xff))
		k->at++;
	if (h->state != CRMG_HTTP_BODY)
		return;
	crmg_walk_hop(k, &h->left);
	if (!h->left)
		crmg_http_passed(h);
}

#endif
