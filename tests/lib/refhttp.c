// SPDX-License-Identifier: GPL-2.0
/* refhttp.c - see refhttp.h. */
#include "refhttp.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#define LENGTH_MAX (1ULL << 56)

struct reader {
	const uint8_t *at;
	const uint8_t *end;
	struct crmg_ref_http result;
};

struct text {
	const char *at;
	size_t len;
};

/* The next line without its end; false: its end is not there. */
static bool line(struct reader *r, struct text *ret)
{
	const uint8_t *end = memchr(r->at, '\n', (size_t)(r->end - r->at));

	if (!end)
		return false;
	*ret = (struct text){ (const char *)r->at, (size_t)(end - r->at) };
	r->at = end + 1;
	return true;
}

/* Of the last eight bytes, blanks at the end not counted: digits, and of "HTTP/1." what is left. */
static bool has_version(struct text text)
{
	static const char version[] = "HTTP/1.";
	size_t digits = 0, rest;

	while (text.len && strchr(" \t\r", text.at[text.len - 1]) && text.at[text.len - 1])
		text.len--;
	while (digits < 8 && digits < text.len && isdigit((uint8_t)text.at[text.len - digits - 1]))
		digits++;
	rest = 8 - digits;
	return digits == 8 || (digits && text.len >= 8 &&
			       !memcmp(text.at + text.len - 8, version + 7 - rest, rest));
}

static bool has_name(struct text *text, const char *name)
{
	size_t len = strlen(name);

	if (text->len < len || strncasecmp(text->at, name, len))
		return false;
	text->at += len;
	text->len -= len;
	return true;
}

/* A length, or a list of one and the same; false: of others. *ret_read: how much was read. */
static bool length(struct text text, uint64_t *ret, size_t *ret_read)
{
	uint64_t value = 0, listed = 0;
	bool digits = false, any = false;

	for (size_t i = 0; i <= text.len; i++) {
		char c = i < text.len ? text.at[i] : ',';

		*ret_read = i + 1;
		if (c != ',') {
			if (!isdigit((uint8_t)c) || value >= LENGTH_MAX)
				continue;
			value = value * 10 + (uint64_t)(c - '0');
			digits = true;
			continue;
		}
		if (digits && any && value != listed)
			return false;
		if (digits) {
			listed = value;
			any = true;
		}
		digits = false;
		value = 0;
	}
	*ret = listed;
	return true;
}

static bool is_chunked(struct text text)
{
	char last[8] = "";

	for (size_t i = 0; i < text.len; i++) {
		if (strchr(" \t\r", text.at[i]) && text.at[i])
			continue;
		memmove(last, last + 1, 6);
		last[6] = text.at[i];
	}
	return !strncasecmp(last, "chunked", 7);
}

static void skip(struct reader *r, uint64_t bytes)
{
	size_t room = (size_t)(r->end - r->at);

	r->at += bytes < room ? bytes : room;
}

static bool chunk_size(struct text text, uint64_t *ret)
{
	bool digits = false;

	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = strchr(hex, tolower((uint8_t)text.at[i]));

		if (text.at[i] == '\r')
			continue;
		if (!text.at[i] || !digit || *ret >= LENGTH_MAX)
			break;
		*ret = *ret * 16 + (uint64_t)(digit - hex);
		digits = true;
	}
	return digits;
}

static bool is_empty(struct text text)
{
	while (text.len && *text.at == '\r') {
		text.at++;
		text.len--;
	}
	return !text.len;
}

static void chunks(struct reader *r)
{
	struct text text;
	uint64_t size;

	for (;;) {
		if (!line(r, &text))
			goto end;
		if (!chunk_size(text, &size))
			continue;
		if (!size)
			break;
		skip(r, size);
	}
	while (line(r, &text))
		if (is_empty(text))
			return;
end:
	r->at = r->end;
}

/* Headers and body; false: it is not known where the body ends. */
static bool message(struct reader *r)
{
	uint64_t left = 0;
	bool chunked = false;
	struct text text;
	size_t read;

	while (line(r, &text)) {
		const uint8_t *next = r->at;

		if (is_empty(text)) {
			if (chunked)
				chunks(r);
			else
				skip(r, left);
			return true;
		}
		while (*text.at == '\r') {
			text.at++;
			text.len--;
		}
		if (has_name(&text, "content-length:")) {
			if (length(text, &left, &read))
				continue;
			r->at = read <= text.len ? (const uint8_t *)text.at + read : next;
			return false;
		}
		if (has_name(&text, "transfer-encoding:"))
			chunked |= is_chunked(text);
	}
	r->at = r->end;
	return true;
}

struct crmg_ref_http crmg_ref_http(const uint8_t *data, size_t size)
{
	struct reader r = { .at = data, .end = data + size };
	bool lost = false;
	struct text text;

	for (;;) {
		while (!lost && r.at < r.end && (*r.at == '\r' || *r.at == '\n'))
			r.at++;
		if (r.at == r.end || !line(&r, &text))
			return r.result;
		if (!has_version(text)) {
			r.result.requests += !lost;
			lost = true;
		} else {
			r.result.requests++;
			lost = !message(&r);
		}
		r.result.lost |= lost;
	}
}
