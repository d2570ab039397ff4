// SPDX-License-Identifier: GPL-2.0
/* zone.c - asks libc, which reads the zone database; knows no format of it. */
#include "zone.h"

#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "util.h"

#define ZONES "/usr/share/zoneinfo/"

/* Changes nearer to each other than that are not found; there are none. */
#define STEP_S (12 * 3600)
#define AHEAD_S (10 * 366 * 86400ULL)

bool crmg_zone_is_there(const char *name)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789_+-/";
	crmg_autofree char *path = NULL;
	crmg_autofclose FILE *file = NULL;
	char magic[4];
	struct stat st;

	if (strcmp(name, "UTC") == 0)
		return true;
	if (!*name || name[strspn(name, letters)] || name[0] == '/' ||
	    asprintf(&path, ZONES "%s", name) < 0)
		return false;
	/* Beside zones there are texts, which libc takes for UTC. */
	file = stat(path, &st) == 0 && S_ISREG(st.st_mode) ? fopen(path, "re") : NULL;
	return file && fread(magic, sizeof(magic), 1, file) == 1 &&
	       memcmp(magic, "TZif", sizeof(magic)) == 0;
}

static int32_t offset_at(uint64_t s)
{
	time_t t = (time_t)s;
	struct tm tm;

	return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The first second of (before, after] that has the distance of after. */
static uint64_t change_between(uint64_t before, uint64_t after)
{
	int32_t new_offset = offset_at(after);

	while (after - before > 1) {
		uint64_t middle = before + (after - before) / 2;

		if (offset_at(middle) == new_offset)
			after = middle;
		else
			before = middle;
	}
	return after;
}

static size_t find_shifts(uint64_t from_s, struct crmg_zone_shift *ret, size_t max)
{
	size_t count = 1;

	ret[0] = (struct crmg_zone_shift){ 0, offset_at(from_s) };
	for (uint64_t s = from_s; s < from_s + AHEAD_S && count < max; s += STEP_S) {
		int32_t offset = offset_at(s + STEP_S);

		if (offset != ret[count - 1].offset_s)
			ret[count++] = (struct crmg_zone_shift){ change_between(s, s + STEP_S),
								 offset };
	}
	return count;
}

size_t crmg_zone_shifts(const char *name, uint64_t from_s, struct crmg_zone_shift *ret, size_t max)
{
	const char *set = getenv("TZ");
	crmg_autofree char *before = set ? strdup(set) : NULL;
	char zone[64];
	size_t count;

	snprintf(zone, sizeof(zone), ":%s", name);
	setenv("TZ", zone, 1);
	tzset();
	count = find_shifts(from_s, ret, max);
	if (before)
		setenv("TZ", before, 1);
	else
		unsetenv("TZ");
	tzset();
	return count;
}
