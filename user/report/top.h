/* SPDX-License-Identifier: GPL-2.0 */
/* top.h - the sources that use most, out of the live table. */
#ifndef CRMGATE_TOP_H
#define CRMGATE_TOP_H

#include <stdio.h>

#include <jansson.h>

#include "sources.h"

/*
 * X(ID, "name", 'key', value of entry `index` of `snap`, with copies `slot` and `detail`,
 * "title"): what can be ordered by. Drops are ordered by refusals, which are those of shadow
 * mode too.
 */
#define CRMG_TOPS(X) \
	X(PACKETS,     "packets",     'p', crmg_source_packets(slot, detail),  "PACKETS") \
	X(BYTES,       "bytes",       'b', crmg_source_bytes(slot, detail),    "BYTES") \
	X(REQUESTS,    "requests",    'r', crmg_source_requests(snap, index, slot), "REQUESTS") \
	X(CONNECTIONS, "connections", 'c', detail->connections,                "CONNS") \
	X(BYTES_OUT,   "bytes-out",   'o', detail->bytes_out,                  "BYTES OUT") \
	X(OUT_PER_REQUEST, "out-per-request", 'a', \
	  crmg_top_each(detail->bytes_out, crmg_source_requests(snap, index, slot)), "OUT/REQ") \
	X(DROPS,       "drops",       'd', crmg_source_refusals(slot, detail), "REFUSED")

#define CRMG_ENUM_TOP(ID, ...) CRMG_TOP_##ID,
enum crmg_top_by { CRMG_TOPS(CRMG_ENUM_TOP) CRMG_TOP_COUNT };

#define CRMG_TOP_MAX 1000

/* Word to id: 0 or -EINVAL. */
int crmg_top_from_name(const char *name, enum crmg_top_by *ret);
int crmg_top_from_key(int key, enum crmg_top_by *ret);
const char *crmg_top_title(enum crmg_top_by by);

struct crmg_top_row {
	struct crmg_source_record source;
	uint64_t value;		/* of the column that was asked for */
	uint32_t index;		/* in the table */
	bool proven;		/* the source completed a TCP handshake */
};

/* An average; of nothing it is 0. */
static inline uint64_t crmg_top_each(uint64_t sum, uint64_t count)
{
	return count ? sum / count : 0;
}

uint64_t crmg_top_value(const struct crmg_snapshot *snap, uint32_t index,
			const struct crmg_slot *slot, const struct crmg_detail *detail,
			enum crmg_top_by by);

/*
 * One scan over the table of snap (CRMG_SNAP_SOURCES): the at most max (1 ..
 * CRMG_TOP_MAX) sources that use most, the first first, into ret[max]. Returns
 * how many. Time and memory do not depend on how many sources there are to
 * choose from, but for the scan itself.
 */
size_t crmg_top_select(const struct crmg_snapshot *snap, enum crmg_top_by by,
		       struct crmg_top_row *ret, size_t max);

/* End of the ban of any kind that lasts longest (CLOCK_BOOTTIME); 0: none. */
uint64_t crmg_top_banned_until(const struct crmg_snapshot *snap,
			       const struct crmg_source_record *source);

/* A new document, or NULL when out of memory; and a table: 0 or -ENOMEM. */
json_t *crmg_top_json(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		      size_t count);
int crmg_top_text(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		  size_t count, bool colour, FILE *out);

#endif
