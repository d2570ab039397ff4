// SPDX-License-Identifier: GPL-2.0
/* stream.c - see stream.h. */
#include "stream.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../user/base/util.h"

#define AROUND_MAX 2048		/* bytes of a message, without what is in its body */
#define AHEAD_MAX  5000		/* bytes that are missing before a segment that is ahead */

struct text {
	uint8_t *at;
	size_t len;
};

static uint32_t below(struct crmg_test_random *random, uint32_t n)
{
	return crmg_test_below(random, n);
}

static uint32_t less(size_t a, size_t b)
{
	return (uint32_t)(a < b ? a : b);
}

#define PICK(random, array) ((array)[below((random), CRMG_ARRAY_SIZE(array))])

/* ---------------------------------------------------------------- messages */

__attribute__((format(printf, 2, 3))) static void add(struct text *t, const char *format, ...)
{
	char words[128];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(words, sizeof(words), format, args);
	va_end(args);
	memcpy(t->at + t->len, words, (size_t)n);
	t->len += (size_t)n;
}

static void end_line(struct crmg_test_random *random, struct text *t)
{
	add(t, "%s", below(random, 8) ? "\r\n" : "\n");
}

/* Looks like requests, like the end of a body, like headers, or like nothing. */
static void add_body(struct crmg_test_random *random, struct text *t, size_t len)
{
	static const char *const kinds[] = {
		"GET /v1/contacts HTTP/1.1\r\n\r\n",
		"\r\n0\r\n\r\nPOST / HTTP/1.1\r\nContent-Length: 7\r\n\r\n",
		"Transfer-Encoding: chunked\n\n5\n", "x",
	};
	const char *kind = PICK(random, kinds);

	for (size_t i = 0, n = strlen(kind); i < len; i++)
		t->at[t->len++] = (uint8_t)kind[i % n];
}

static void add_headers(struct crmg_test_random *random, struct text *t)
{
	static const char *const lines[] = {
		"Host: api.example.org", "X-Empty:", "Cookie: a=Content-Length: 5; b", "C: c",
		"Content-Lengths: 9", "Content-Type: application/json", "T: HTTP/1.1",
		"Transfer-Encodings: chunked", "TE: trailers", "Accept:\t*/*  ",
		"X-Forwarded-For: 192.0.2.1, 192.0.2.2",
	};

	for (uint32_t i = below(random, 4); i; i--) {
		add(t, "%s", PICK(random, lines));
		end_line(random, t);
	}
}

static void add_sized(struct crmg_test_random *random, struct text *t, size_t len)
{
	switch (below(random, 4)) {
	case 0:
		add(t, "content-length:%zu", len);
		break;
	case 1:
		add(t, "CONTENT-LENGTH: \t0%zu \t", len);
		break;
	case 2:
		add(t, "Content-Length: %zu, %zu", len, len);
		break;
	default:
		add(t, "Content-Length: %zu", len);
	}
	end_line(random, t);
	add_headers(random, t);
	end_line(random, t);
	add_body(random, t, len);
}

static void add_chunked(struct crmg_test_random *random, struct text *t, size_t len)
{
	static const char *const lines[] = {
		"Transfer-Encoding: chunked", "transfer-encoding:gzip, Chunked ",
		"Content-Length: 3\r\nTRANSFER-ENCODING:\tchunked",
	};

	add(t, "%s", PICK(random, lines));
	end_line(random, t);
	add_headers(random, t);
	end_line(random, t);
	for (uint32_t parts = 1 + below(random, 8); parts && len; parts--) {
		size_t part = parts == 1 ? len : 1 + below(random, (uint32_t)len);

		switch (below(random, 4)) {
		case 0:
			add(t, "00%zX", part);
			break;
		case 1:
			add(t, "%zx;a=\"1\"", part);
			break;
		case 2:
			add(t, "%zX \t; 5", part);
			break;
		default:
			add(t, "%zx", part);
		}
		end_line(random, t);
		add_body(random, t, part);
		end_line(random, t);
		len -= part;
	}
	add(t, "0");
	end_line(random, t);
	add_headers(random, t);
	end_line(random, t);
}

static void add_message(struct crmg_test_random *random, struct text *t, size_t room)
{
	static const char *const methods[] = { "GET", "POST", "DELETE", "OPTIONS", "X" };
	static const char *const paths[] = { "/", "/v1/contacts?page=2", "*", "http://a/HTTP/1.1" };
	static const char *const versions[] = { "1.1", "1.1", "1.0", "1.1 \t " };
	uint32_t kind = below(random, 5);
	size_t len = below(random, less(room, below(random, 4) ? 600 : room));

	if (!below(random, 4))
		end_line(random, t);
	add(t, "%s %s HTTP/%s", PICK(random, methods), PICK(random, paths), PICK(random, versions));
	end_line(random, t);
	add_headers(random, t);
	if (kind == 0)
		add_sized(random, t, len);
	else if (kind == 1)
		add_chunked(random, t, len);
	else
		end_line(random, t);
}

size_t crmg_test_http(struct crmg_test_random *random, uint8_t *ret, size_t max,
		      uint32_t *ret_requests)
{
	struct text t = { ret, 0 };

	*ret_requests = 0;
	while (max - t.len > AROUND_MAX && (*ret_requests == 0 || below(random, 40))) {
		add_message(random, &t, max - t.len - AROUND_MAX + 1);
		++*ret_requests;
	}
	return t.len;
}

/* -------------------------------------------------------------------- ways */

struct crmg_test_way crmg_test_way(const struct crmg_test_path *path, size_t len)
{
	struct crmg_test_way way = { *path, len, 0, calloc(1, len + 1) };

	if (!way.has)
		abort();
	return way;
}

void crmg_test_way_free(struct crmg_test_way *way)
{
	free(way->has);
	way->has = NULL;
}

bool crmg_test_sends(struct crmg_test_random *random, const struct crmg_test_way *way,
		     struct crmg_test_segment *ret)
{
	const struct crmg_test_path *path = &way->path;
	size_t at = way->acked, left = way->len - at;

	if (!left)
		return false;
	if (path->again && !below(random, path->again))
		at -= below(random, less(at, 2 * (size_t)path->largest) + 1);
	else if (path->ahead && !below(random, path->ahead))
		at += below(random, less(left, AHEAD_MAX));
	left = way->len - at;
	*ret = (struct crmg_test_segment){
		at, 1 + below(random, less(left, path->largest)),
	};
	return true;
}

void crmg_test_came(struct crmg_test_way *way, struct crmg_test_segment segment)
{
	memset(way->has + segment.at, 1, segment.len);
	while (way->acked < way->len && way->has[way->acked])
		way->acked++;
}
