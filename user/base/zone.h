/* SPDX-License-Identifier: GPL-2.0 */
/*
 * zone.h - what libc knows of time zones (tzdata): is there one of a name, and when its
 * distance from UTC changes. Not for threads: it sets TZ for a while.
 */
#ifndef CRMGATE_ZONE_H
#define CRMGATE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* True for UTC, and for a name of the zone database of this host, as "Europe/Paris". */
bool crmg_zone_is_there(const char *name);

struct crmg_zone_shift {
	uint64_t from_s;	/* seconds since 1970; of the first: 0 */
	int32_t offset_s;	/* local time - UTC, from then on */
};

/*
 * The distance at from_s, and the changes of the years after it, of which ret[max] takes as
 * many as it can. Returns how many; at least one.
 */
size_t crmg_zone_shifts(const char *name, uint64_t from_s, struct crmg_zone_shift *ret, size_t max);

#endif
