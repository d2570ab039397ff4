/* SPDX-License-Identifier: GPL-2.0 */
/* top.h - the sources that use most, out of the live table. */
#ifndef CRMGATE_TOP_H
#define CRMGATE_TOP_H

#include <stdio.h>

#include <jansson.h>

#include "snapshot.h"

/*
 * X(ID, "name", 'key', field of struct crmg_slot, "title"): what can be ordered
 * by. Drops are ordered by refusals, which are those of shadow mode too.
 */
#define CRMG_TOPS(X) \
	X(PACKETS,     "packets",     'p', packets,     "PACKETS") \
	X(BYTES,       "bytes",       'b', bytes,       "BYTES") \
	X(CONNECTIONS, "connections", 'c', connections, "CONNS") \
	X(BYTES_OUT,   "bytes-out",   'o', bytes_out,   "BYTES OUT") \
	X(DROPS,       "drops",       'd', refusals,    "REFUSED")

#define CRMG_ENUM_TOP(ID, ...) CRMG_TOP_##ID,
enum crmg_top_by { CRMG_TOPS(CRMG_ENUM_TOP) CRMG_TOP_COUNT };

#define CRMG_TOP_MAX 1000

/* Word to id: 0 or -EINVAL. */
int crmg_top_from_name(const char *name, enum crmg_top_by *ret);
int crmg_top_from_key(int key, enum crmg_top_by *ret);
const char *crmg_top_title(enum crmg_top_by by);

struct crmg_top_row {
	struct crmg_slot slot;	/* a copy: the table goes on */
	uint64_t value;		/* of the column that was asked for */
	uint32_t index;		/* in the table */
};

uint64_t crmg_top_value(const struct crmg_slot *slot, enum crmg_top_by by);

/*
 * One scan over the table of snap (CRMG_SNAP_SOURCES): the at most max (1 ..
 * CRMG_TOP_MAX) sources that use most, the first first, into ret[max]. Returns
 * how many. Time and memory do not depend on how many sources there are to
 * choose from, but for the scan itself.
 */
size_t crmg_top_select(const struct crmg_snapshot *snap, enum crmg_top_by by,
		       struct crmg_top_row *ret, size_t max);

/*
 * Copies the slot behind a tag that is in use, of a service that exists, into
 * *ret. False: nothing there, or it changed hands meanwhile.
 */
bool crmg_slot_read(const struct crmg_snapshot *snap, uint32_t index, struct crmg_slot *ret);

/* A source as text: the address cut to the prefix of its family. buf is returned. */
char *crmg_source_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       char *buf, size_t size);

/* Prefix length of the source of addr, 0..128 (IPv4 + 96). */
uint8_t crmg_source_len(const struct crmg_snapshot *snap, const struct crmg_addr *addr);

/* Label that holds for a source at its service. */
const struct crmg_label *crmg_source_label(const struct crmg_snapshot *snap,
					   const struct crmg_slot *slot);

/* A new document, or NULL when out of memory; and a table: 0 or -ENOMEM. */
json_t *crmg_top_json(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		      size_t count);
int crmg_top_text(const struct crmg_snapshot *snap, const struct crmg_top_row *rows,
		  size_t count, bool colour, FILE *out);

#endif
