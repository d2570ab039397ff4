// SPDX-License-Identifier: GPL-2.0
/*
 * text.c - harmless text, times and short numbers. Knows no policy and no
 * counter.
 */
#include "text.h"

#include <string.h>
#include <time.h>

#include "../base/num.h"
#include "../base/util.h"

char *crmg_escape(const char *text, size_t max, char *buf, size_t size)
{
	size_t left = strnlen(text, max), at = 0;

	while (left) {
		size_t length = crmg_plain_length(text, left);
		size_t room = length ? length : 4;

		if (at + room >= size)
			break;
		if (length)
			memcpy(buf + at, text, length);
		else
			snprintf(buf + at, size - at, "\\x%02x", (unsigned char)text[0]);
		at += room;
		text += length ? length : 1;
		left -= length ? length : 1;
	}
	buf[at] = '\0';
	return buf;
}

json_t *crmg_json_text(const char *text, size_t max)
{
	size_t length = strnlen(text, max);
	json_t *value = json_stringn(text, length);
	crmg_autofree char *escaped = NULL;

	if (value)
		return value;
	escaped = malloc(CRMG_ESCAPED(length));
	if (!escaped)
		return NULL;
	return json_string(crmg_escape(text, length, escaped, CRMG_ESCAPED(length)));
}

json_t *crmg_json_count(uint64_t value)
{
	return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

char *crmg_format_utc(uint64_t real_ns, bool millis, char *buf, size_t size)
{
	time_t seconds = real_ns / CRMG_NS_PER_SEC;
	struct tm tm;
	size_t at;

	gmtime_r(&seconds, &tm);
	at = strftime(buf, size, "%Y-%m-%dT%H:%M:%S", &tm);
	if (millis)
		snprintf(buf + at, size - at, ".%03uZ",
			 (unsigned int)(real_ns % CRMG_NS_PER_SEC / 1000000));
	else
		snprintf(buf + at, size - at, "Z");
	return buf;
}

int crmg_parse_utc(const char *text, uint64_t *ret_real_ns)
{
	struct tm tm = { 0 };
	const char *end = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
	time_t seconds;
	int day;

	if (!end || strcmp(end, "Z") != 0)
		return -EINVAL;
	/* timegm() makes a day in March of February 30. */
	day = tm.tm_mday;
	seconds = timegm(&tm);
	if (seconds < 0 || tm.tm_mday != day)
		return -EINVAL;
	/* Times that do not fit are centuries away: the end of what fits will do. */
	if ((uint64_t)seconds > UINT64_MAX / CRMG_NS_PER_SEC)
		*ret_real_ns = UINT64_MAX;
	else
		*ret_real_ns = (uint64_t)seconds * CRMG_NS_PER_SEC;
	return 0;
}

json_t *crmg_json_time(uint64_t real_ns)
{
	char text[CRMG_TIME_LEN];

	if (!real_ns)
		return json_null();
	return json_string(crmg_format_utc(real_ns, false, text, sizeof(text)));
}

json_t *crmg_json_until(const struct crmg_snapshot *snap, uint64_t boot_ns)
{
	if (boot_ns == CRMG_BAN_FOREVER)
		return json_string(CRMG_FOREVER_TEXT);
	return crmg_json_time(crmg_boot_to_real(snap, boot_ns));
}

uint64_t crmg_tick_to_real(const struct crmg_snapshot *snap, uint32_t tick)
{
	int32_t age = (int32_t)((uint32_t)(snap->mono_ns >> CRMG_SLOT_TICK_SHIFT) - tick);

	return age <= 0 ? snap->real_ns : snap->real_ns - ((uint64_t)age << CRMG_SLOT_TICK_SHIFT);
}

uint64_t crmg_boot_to_real(const struct crmg_snapshot *snap, uint64_t boot_ns)
{
	return snap->real_ns - snap->boot_ns + boot_ns;
}

char *crmg_format_age(uint64_t ns, char *buf, size_t size)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	uint64_t seconds = ns / CRMG_NS_PER_SEC;
	size_t i = 0;

	while (i + 1 < CRMG_ARRAY_SIZE(units) && seconds < units[i].seconds)
		i++;
	snprintf(buf, size, "%llu%c", (unsigned long long)(seconds / units[i].seconds),
		 units[i].unit);
	return buf;
}

char *crmg_format_short(uint64_t value, char *buf, size_t size)
{
	static const char units[] = "kMGTPE";
	double scaled = value;
	int unit = -1;

	if (value < 1000) {
		snprintf(buf, size, "%u", (unsigned int)value);
		return buf;
	}
	while (scaled >= 999.5) {
		scaled /= 1000;
		unit++;
	}
	snprintf(buf, size, "%.*f%c", scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0, scaled,
		 units[unit]);
	return buf;
}
