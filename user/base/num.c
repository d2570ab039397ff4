/* SPDX-License-Identifier: GPL-2.0 */
/* num.c - numbers with units, from text and back. Tables say which units. */
#include "num.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "util.h"

struct unit {
	const char *name;
	uint64_t factor;
};

/* Of equally short forms crmg_format_* takes the first. */
static const struct unit count_units[] = {
	{ "", 1 }, { "k", 1000 }, { "M", 1000000 }, { "G", 1000000000 },
	{ "Ki", 1ULL << 10 }, { "Mi", 1ULL << 20 }, { "Gi", 1ULL << 30 }, { NULL, 0 },
};

static const struct unit byte_units[] = {
	{ "B", 1 }, { "kB", 1000 }, { "MB", 1000000 }, { "GB", 1000000000 },
	{ "KiB", 1ULL << 10 }, { "MiB", 1ULL << 20 }, { "GiB", 1ULL << 30 }, { NULL, 0 },
};

static const struct unit time_units[] = {
	{ "s", CRMG_NS_PER_SEC }, { "m", 60 * CRMG_NS_PER_SEC }, { "h", 3600 * CRMG_NS_PER_SEC },
	{ "d", 86400 * CRMG_NS_PER_SEC }, { "ms", 1000000 }, { "us", 1000 }, { "ns", 1 },
	{ NULL, 0 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* text[length] is digits and then exactly one of units. */
static int parse(const char *text, size_t length, const struct unit *units, uint64_t *ret)
{
	bool overflow = false;
	uint64_t value = 0;
	size_t digits = 0;

	for (; digits < length && is_digit(text[digits]); digits++) {
		overflow |= __builtin_mul_overflow(value, 10, &value);
		overflow |= __builtin_add_overflow(value, (uint64_t)(text[digits] - '0'), &value);
	}
	if (!digits || (digits > 1 && text[0] == '0'))
		return -EINVAL;

	for (; units->name; units++) {
		if (strlen(units->name) != length - digits ||
		    memcmp(units->name, text + digits, length - digits))
			continue;
		if (overflow || __builtin_mul_overflow(value, units->factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int crmg_parse_count(const char *text, uint64_t *ret)
{
	return parse(text, strlen(text), count_units, ret);
}

int crmg_parse_bytes(const char *text, uint64_t *ret)
{
	return parse(text, strlen(text), byte_units, ret);
}

int crmg_parse_hundredths(const char *text, uint64_t *ret)
{
	static const struct unit whole[] = { { "", 1 }, { NULL, 0 } };
	const char *point = strchrnul(text, '.');
	size_t decimals = strlen(point) ? strlen(point) - 1 : 0;
	uint64_t value, part = 0;
	int r;

	if (decimals > 2 || (*point && !decimals))
		return -EINVAL;
	for (size_t i = 1; i <= 2; i++) {
		if (i <= decimals && !is_digit(point[i]))
			return -EINVAL;
		part = 10 * part + (i <= decimals ? (uint64_t)(point[i] - '0') : 0);
	}
	r = parse(text, point - text, whole, &value);
	if (r < 0)
		return r;
	if (__builtin_mul_overflow(value, 100, &value) ||
	    __builtin_add_overflow(value, part, &value))
		return -ERANGE;
	*ret = value;
	return 0;
}

int crmg_parse_time(const char *text, uint64_t *ret_ns)
{
	return parse(text, strlen(text), time_units, ret_ns);
}

/* "s" is one second. A time of zero is no time to count in. */
static int parse_per(const char *text, uint64_t *ret_ns)
{
	uint64_t ns = 0;
	int r;

	for (const struct unit *unit = time_units; unit->name; unit++)
		if (!strcmp(unit->name, text))
			ns = unit->factor;
	r = ns ? 0 : crmg_parse_time(text, &ns);
	if (r < 0)
		return r;
	if (!ns)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}

static int parse_rate(const char *text, const struct unit *units, uint64_t *ret,
		      uint64_t *ret_per_ns)
{
	const char *slash = strchr(text, '/');
	uint64_t value, per_ns;
	int r, r_per;

	if (!slash)
		return -EINVAL;
	r = parse(text, slash - text, units, &value);
	r_per = parse_per(slash + 1, &per_ns);
	if (r == -EINVAL || r_per == -EINVAL)
		return -EINVAL;
	if (r < 0 || r_per < 0)
		return -ERANGE;
	*ret = value;
	*ret_per_ns = per_ns;
	return 0;
}

int crmg_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_per_ns)
{
	return parse_rate(text, count_units, ret_count, ret_per_ns);
}

int crmg_parse_byte_rate(const char *text, uint64_t *ret_bytes, uint64_t *ret_per_ns)
{
	return parse_rate(text, byte_units, ret_bytes, ret_per_ns);
}

static char *format(uint64_t value, const struct unit *units, char *buf, size_t size)
{
	char best[CRMG_NUM_LEN] = "", text[CRMG_NUM_LEN];

	for (; units->name; units++) {
		if (value % units->factor)
			continue;
		snprintf(text, sizeof(text), "%llu%s",
			 (unsigned long long)(value / units->factor), units->name);
		if (!best[0] || strlen(text) < strlen(best))
			crmg_copy(best, sizeof(best), text);
	}
	crmg_copy(buf, size, best);
	return buf;
}

char *crmg_format_count(uint64_t count, char *buf, size_t size)
{
	return format(count, count_units, buf, size);
}

char *crmg_format_bytes(uint64_t bytes, char *buf, size_t size)
{
	return format(bytes, byte_units, buf, size);
}

char *crmg_format_hundredths(uint64_t hundredths, char *buf, size_t size)
{
	unsigned int part = hundredths % 100;

	snprintf(buf, size, part % 10 ? "%llu.%02u" : part ? "%llu.%u" : "%llu",
		 (unsigned long long)(hundredths / 100), part % 10 ? part : part / 10);
	return buf;
}

char *crmg_format_time(uint64_t ns, char *buf, size_t size)
{
	return format(ns, time_units, buf, size);
}

static char *format_rate(uint64_t value, uint64_t per_ns, const struct unit *units, char *buf,
			 size_t size)
{
	char count[CRMG_NUM_LEN], per[CRMG_NUM_LEN];
	bool one;

	format(value, units, count, sizeof(count));
	format(per_ns, time_units, per, sizeof(per));
	one = per[0] == '1' && !is_digit(per[1]);
	snprintf(buf, size, "%s/%s", count, one ? per + 1 : per);
	return buf;
}

char *crmg_format_rate(uint64_t count, uint64_t per_ns, char *buf, size_t size)
{
	return format_rate(count, per_ns, count_units, buf, size);
}

char *crmg_format_byte_rate(uint64_t bytes, uint64_t per_ns, char *buf, size_t size)
{
	return format_rate(bytes, per_ns, byte_units, buf, size);
}
