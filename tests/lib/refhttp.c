// SPDX-License-Identifier: GPL-2.0
/* refhttp.c - see refhttp.h. */
#include "refhttp.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

#include <crmgate/abi.h>

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

	if (!end) {
		r->result.open = r->at != r->end;
		return false;
	}
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

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static struct text trimmed(struct text text)
{
	for (; text.len && is_blank(text.at[text.len - 1]); text.len--)
		;
	for (; text.len && is_blank(*text.at); text.len--)
		text.at++;
	return text;
}

/* The bit of the first word of a line. */
static uint32_t method_of(struct text text)
{
#define X(ID, name) name,
	static const char *const methods[] = { CRMG_METHODS(X) };
#undef X
	uint32_t method = 0;
	size_t len = 0;

	while (len < text.len && !is_blank(text.at[len]))
		len++;
	while (method < CRMG_METHOD_COUNT &&
	       (strlen(methods[method]) != len || memcmp(methods[method], text.at, len)))
		method++;
	return 1U << method;
}

/* Digits with blanks around them, or nothing. */
static bool is_number(struct text text)
{
	uint64_t value = 0;

	text = trimmed(text);
	for (size_t i = 0; i < text.len; i++) {
		if (!isdigit((uint8_t)text.at[i]) || value >= LENGTH_MAX)
			return false;
		value = value * 10 + (uint64_t)(text.at[i] - '0');
	}
	return true;
}

/* The next of a list, which has no more if *ret_more. */
static struct text entry(struct text *list, bool *ret_more)
{
	const char *end = memchr(list->at, ',', list->len);
	struct text first = { list->at, end ? (size_t)(end - list->at) : list->len };

	*ret_more = end;
	list->at += first.len + *ret_more;
	list->len -= first.len + *ret_more;
	return first;
}

static bool are_numbers(struct text list)
{
	bool more;

	do {
		if (!is_number(entry(&list, &more)))
			return false;
	} while (more);
	return true;
}

/* Words of which none has a blank in it, and the last is `chunked`. */
static bool ends_in_chunked(struct text list)
{
	struct text word;
	bool more;

	if (memchr(list.at, 0, list.len))
		return false;
	do {
		word = trimmed(entry(&list, &more));
		for (size_t i = 0; i < word.len; i++)
			if (is_blank(word.at[i]))
				return false;
	} while (more);
	return word.len == 7 && !strncasecmp(word.at, "chunked", 7);
}

/* A length that was *ret_any before, or a list of it; false: of others. *ret_read: bytes read. */
static bool length(struct text text, uint64_t *ret, bool *ret_any, size_t *ret_read)
{
	uint64_t value = 0, listed = *ret;
	bool digits = false, any = *ret_any;

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
	*ret_any = any;
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

static void keep_longest(uint32_t *ret, uint64_t bytes)
{
	bytes = bytes < UINT32_MAX ? bytes : UINT32_MAX;
	if (bytes > *ret)
		*ret = (uint32_t)bytes;
}

static void header_ends(struct reader *r, const uint8_t *begin)
{
	keep_longest(&r->result.header, (uint64_t)(r->at - begin));
}

/* *ret_odd: something else begins behind it than an extension. */
static bool chunk_size(struct text text, uint64_t *ret, bool *ret_odd)
{
	bool digits = false;

	*ret = 0;
	for (size_t i = 0; i < text.len; i++) {
		static const char hex[] = "0123456789abcdef";
		const char *digit = strchr(hex, tolower((uint8_t)text.at[i]));

		if (text.at[i] == '\r')
			continue;
		if (!text.at[i] || !digit || *ret >= LENGTH_MAX) {
			*ret_odd = !text.at[i] || !strchr("; \t", text.at[i]);
			break;
		}
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
	const uint8_t *begin;
	bool ends = false;	/* the line of the part before has to */
	uint64_t size, all = 0;
	struct text text;

	for (;;) {
		bool odd = false, sized;

		if (!line(r, &text))
			goto end;
		sized = chunk_size(text, &size, &odd);
		r->result.smuggles |= odd || (ends ? !is_empty(text) : !sized);
		ends = false;
		if (!sized)
			continue;
		all += size < UINT32_MAX ? size : UINT32_MAX;
		keep_longest(&r->result.body, all);
		if (!size)
			break;
		skip(r, size);
		ends = true;
	}
	begin = r->at;
	while (line(r, &text))
		if (is_empty(text)) {
			header_ends(r, begin);
			return;
		}
	r->at = r->end;
	header_ends(r, begin);
end:
	r->at = r->end;
}

/* Looks like one of the headers that matter, or goes on with one, but for some servers only. */
static bool is_disguised(struct text text)
{
	return *text.at == ' ' || *text.at == '\t' || has_name(&text, "content-length ") ||
	       has_name(&text, "content-length\t") || has_name(&text, "transfer-encoding ") ||
	       has_name(&text, "transfer-encoding\t");
}

/* Headers and body; false: it is not known where the body ends. begin: of the header. */
static bool message(struct reader *r, const uint8_t *begin)
{
	uint64_t left = 0;
	bool chunked = false, sized = false;
	struct text text;
	size_t read;

	while (line(r, &text)) {
		const uint8_t *next = r->at;

		if (is_empty(text)) {
			header_ends(r, begin);
			r->result.smuggles |= chunked && sized;
			if (chunked) {
				chunks(r);
				return true;
			}
			keep_longest(&r->result.body, left);
			skip(r, left);
			return true;
		}
		while (*text.at == '\r') {
			text.at++;
			text.len--;
		}
		r->result.smuggles |= is_disguised(text);
		if (has_name(&text, "content-length:")) {
			bool same = length(text, &left, &sized, &read);

			r->result.smuggles |= !same || !sized || !are_numbers(text);
			if (same)
				continue;
			r->at = read <= text.len ? (const uint8_t *)text.at + read : next;
			return false;
		}
		if (has_name(&text, "transfer-encoding:")) {
			r->result.smuggles |= chunked || !ends_in_chunked(text);
			chunked |= is_chunked(text);
		}
	}
	r->at = r->end;
	header_ends(r, begin);
	return true;
}

struct crmg_ref_http crmg_ref_http(const uint8_t *data, size_t size)
{
	struct reader r = { .at = data, .end = data + size };
	const uint8_t *begin;
	bool lost = false;
	struct text text;

	for (;;) {
		while (!lost && r.at < r.end && (*r.at == '\r' || *r.at == '\n'))
			r.at++;
		begin = r.at;
		if (r.at == r.end || !line(&r, &text)) {
			r.at = r.end;
			if (!lost)
				header_ends(&r, begin);
			return r.result;
		}
		if (!has_version(text)) {
			r.result.requests += !lost;
			lost = true;
		} else {
			r.result.requests++;
			r.result.methods |= method_of(text);
			lost = !message(&r, lost ? r.at - 1 : begin);
		}
		r.result.lost |= lost;
	}
}
