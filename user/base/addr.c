/* SPDX-License-Identifier: GPL-2.0 */
/*
 * addr.c - addresses from text and back. Lists of a million prefixes go through
 * here, hence a scanner of its own; strict, since inet_pton and inet_aton differ
 * in what they let through (octal, zones, mapped forms).
 */
#include "addr.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* A decimal number of at most max in *ret; moves *text behind it. NULL, or why not. */
static const char *scan_number(const char **text, unsigned int max, const char *why,
			       unsigned int *ret)
{
	const char *p = *text;
	unsigned int value = 0;

	if (!is_digit(*p))
		return why;
	if (*p == '0' && is_digit(p[1]))
		return "leading zeros are not accepted";
	for (; is_digit(*p); p++) {
		value = value * 10 + (*p - '0');
		if (value > max)
			return why;
	}
	*text = p;
	*ret = value;
	return NULL;
}

static const char *scan_v4(const char **text, uint32_t *ret)
{
	static const char form[] = "an IPv4 address has four numbers from 0 to 255";
	const char *p = *text, *why;
	uint32_t value = 0;

	for (int i = 0; i < 4; i++) {
		unsigned int byte;

		if (i && *p++ != '.')
			return form;
		why = scan_number(&p, 255, form, &byte);
		if (why)
			return why;
		value = value << 8 | byte;
	}
	if (*p == '.')
		return form;
	*text = p;
	*ret = value;
	return NULL;
}

struct groups {
	uint16_t value[8];
	int count;
	int gap;		/* groups before "::"; -1: no "::" */
	bool dotted;		/* the last two came as IPv4, so nothing follows */
};

/* One group of up to four hex digits, or the IPv4 form of the last two. */
static const char *scan_group(const char **text, struct groups *groups)
{
	static const char form[] = "a group of an IPv6 address has one to four hex digits";
	const char *p = *text;
	unsigned int value = 0;

	for (; hex_value(*p) >= 0; p++) {
		if (p - *text == 4)
			return form;
		value = value << 4 | hex_value(*p);
	}
	if (p == *text)
		return form;
	if (*p == '.' && groups->count <= 6) {
		uint32_t v4;
		const char *why = scan_v4(text, &v4);

		if (why)
			return why;
		groups->value[groups->count++] = v4 >> 16;
		groups->value[groups->count++] = v4;
		groups->dotted = true;
		return NULL;
	}
	groups->value[groups->count++] = value;
	*text = p;
	return NULL;
}

static const char *scan_v6(const char **text, struct crmg_addr *ret)
{
	static const char form[] = "an IPv6 address has eight groups, or fewer and one \"::\"";
	struct groups groups = { .gap = -1 };
	uint16_t full[8] = { 0 };
	const char *p = *text;

	if (p[0] == ':' && p[1] == ':') {
		groups.gap = 0;
		p += 2;
	}
	/* Right after "::" the address may end; after a ":" it may not. */
	while (groups.count < 8 && (groups.gap != groups.count || hex_value(*p) >= 0)) {
		const char *why = scan_group(&p, &groups);

		if (why)
			return why;
		if (*p != ':' || groups.count == 8 || groups.dotted)
			break;
		p++;
		if (*p == ':') {
			if (groups.gap >= 0)
				return form;
			groups.gap = groups.count;
			p++;
		}
	}
	if (*p == ':' || (groups.gap < 0) != (groups.count == 8))
		return form;

	for (int i = 0; i < groups.count; i++) {
		bool before_gap = groups.gap < 0 || i < groups.gap;

		full[before_gap ? i : 8 - groups.count + i] = groups.value[i];
	}
	ret->hi = ret->lo = 0;
	for (int i = 0; i < 4; i++) {
		ret->hi = ret->hi << 16 | full[i];
		ret->lo = ret->lo << 16 | full[4 + i];
	}
	*text = p;
	return NULL;
}

static const char *scan_addr(const char **text, struct crmg_addr *ret, bool *ret_v4)
{
	size_t hex = strspn(*text, "0123456789abcdefABCDEF");
	const char *why;
	uint32_t v4;

	if (!**text)
		return "there is no address";
	if ((*text)[hex] == ':') {
		*ret_v4 = false;
		why = scan_v6(text, ret);
		return !why && crmg_addr_is_v4(ret) ?
		       "an IPv4-mapped address must be written as IPv4" : why;
	}
	if (!is_digit(**text))
		return "this is not an address";
	*ret_v4 = true;
	why = scan_v4(text, &v4);
	if (!why)
		*ret = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | v4 };
	return why;
}

static const char *bad_rest(const char *text)
{
	return *text == '%' ? "a zone (%) is not accepted" :
	       "there is something behind the address";
}

static const char *scan_prefix(const char *text, struct crmg_pfx *ret)
{
	struct crmg_addr addr, cut;
	unsigned int length = 128;
	const char *why;
	bool v4;

	why = scan_addr(&text, &addr, &v4);
	if (why)
		return why;
	if (*text == '/') {
		text++;
		why = v4 ? "the length of an IPv4 prefix is 0 to 32" :
			   "the length of an IPv6 prefix is 0 to 128";
		why = scan_number(&text, v4 ? 32 : 128, why, &length);
		if (why)
			return why;
		length += v4 ? 96 : 0;
		if (*text)
			return "there is something behind the prefix length";
	}
	if (*text)
		return bad_rest(text);
	cut = crmg_addr_cut(addr, length);
	if (crmg_addr_cmp(&cut, &addr))
		return "host bits behind the prefix length are set";
	*ret = (struct crmg_pfx){ addr, length };
	return NULL;
}

int crmg_parse_prefix(const char *text, struct crmg_pfx *ret, const char **ret_why)
{
	const char *why = scan_prefix(text, ret);

	if (!why)
		return 0;
	*ret_why = why;
	return -EINVAL;
}

int crmg_parse_addr(const char *text, struct crmg_addr *ret, const char **ret_why)
{
	struct crmg_addr addr;
	const char *why;
	bool v4;

	why = scan_addr(&text, &addr, &v4);
	if (!why && *text)
		why = *text == '/' ? "a prefix is not accepted here" : bad_rest(text);
	if (why) {
		*ret_why = why;
		return -EINVAL;
	}
	*ret = addr;
	return 0;
}

static bool is_v4_prefix(const struct crmg_addr *addr, uint8_t len)
{
	return len >= 96 && crmg_addr_is_v4(addr);
}

char *crmg_format_prefix(const struct crmg_addr *addr, uint8_t len, char *buf, size_t size)
{
	char text[INET6_ADDRSTRLEN];
	bool v4 = is_v4_prefix(addr, len);
	uint64_t words[2] = { htobe64(addr->hi), htobe64(addr->lo) };

	if (v4)
		inet_ntop(AF_INET, (const char *)words + 12, text, sizeof(text));
	else
		inet_ntop(AF_INET6, words, text, sizeof(text));
	if (len == 128)
		snprintf(buf, size, "%s", text);
	else
		snprintf(buf, size, "%s/%u", text, v4 ? len - 96u : len);
	return buf;
}

char *crmg_format_addr(const struct crmg_addr *addr, char *buf, size_t size)
{
	return crmg_format_prefix(addr, 128, buf, size);
}

struct crmg_addr crmg_addr_cut(struct crmg_addr addr, uint8_t len)
{
	if (len < 64)
		addr.hi &= len ? ~0ULL << (64 - len) : 0;
	if (len <= 64)
		addr.lo = 0;
	else if (len < 128)
		addr.lo &= ~0ULL << (128 - len);
	return addr;
}

struct crmg_pfx crmg_addr_outline(const struct crmg_pfx *prefix)
{
	uint8_t most = crmg_addr_is_v4(&prefix->addr) ? 96 + 24 : 48;
	uint8_t len = prefix->len < most ? prefix->len : most;

	return (struct crmg_pfx){ .addr = crmg_addr_cut(prefix->addr, len), .len = len };
}

/* ::/0 holds no IPv4, although IPv4 is stored inside of it. */
bool crmg_prefix_contains(const struct crmg_addr *pfx, uint8_t len, const struct crmg_addr *addr)
{
	struct crmg_addr cut = crmg_addr_cut(*addr, len);

	return is_v4_prefix(pfx, len) == crmg_addr_is_v4(addr) && !crmg_addr_cmp(&cut, pfx);
}

bool crmg_prefixes_meet(const struct crmg_pfx *a, const struct crmg_pfx *b)
{
	return crmg_prefix_contains(&a->addr, a->len, &b->addr) ||
	       crmg_prefix_contains(&b->addr, b->len, &a->addr);
}

struct crmg_addr crmg_addr_from_bytes(const void *bytes, bool v4)
{
	struct crmg_addr addr = { 0, 0 };
	__be32 word;

	if (v4) {
		memcpy(&word, bytes, sizeof(word));
		addr.lo = CRMG_V4_MAPPED_LO | ntohl(word);
	} else {
		memcpy(&addr, bytes, sizeof(addr));
		addr.hi = be64toh(addr.hi);
		addr.lo = be64toh(addr.lo);
	}
	return addr;
}

int crmg_addr_cmp(const struct crmg_addr *a, const struct crmg_addr *b)
{
	if (a->hi != b->hi)
		return a->hi < b->hi ? -1 : 1;
	return (a->lo > b->lo) - (a->lo < b->lo);
}
