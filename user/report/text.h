/* SPDX-License-Identifier: GPL-2.0 */
/*
 * text.h - what every writer needs: text from maps made harmless, times as
 * RFC 3339, counts for people, and a table of aligned columns.
 */
#ifndef CRMGATE_TEXT_H
#define CRMGATE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "snapshot.h"

/*
 * Copies at most max bytes of text (or up to its NUL) into buf, with everything
 * that could move a cursor or is no UTF-8 as \xNN; cut to size. buf is returned.
 */
char *crmg_escape(const char *text, size_t max, char *buf, size_t size);

/* Worst case of crmg_escape() for a text of n bytes. */
#define CRMG_ESCAPED(n) (4 * (n) + 1)

/* A new JSON string of a fixed-size field; bytes that are no UTF-8 escaped. */
json_t *crmg_json_text(const char *text, size_t max);

/* A new JSON integer; JSON numbers are signed, larger values stay at the top. */
json_t *crmg_json_count(uint64_t value);

#define CRMG_TIME_LEN 32

/* What a ban without end has as its end; a time, so that every reader can parse it. */
#define CRMG_FOREVER_TEXT "9999-12-31T23:59:59Z"

/* CLOCK_REALTIME as "2026-01-31T12:00:00Z"; millis: with ".123". buf is returned. */
char *crmg_format_utc(uint64_t real_ns, bool millis, char *buf, size_t size);

/* The way back, without fraction: 0 or -EINVAL. */
int crmg_parse_utc(const char *text, uint64_t *ret_real_ns);

/* A new JSON time, or null for 0. */
json_t *crmg_json_time(uint64_t real_ns);

/* The same of a CLOCK_BOOTTIME, CRMG_BAN_FOREVER included. */
json_t *crmg_json_until(const struct crmg_snapshot *snap, uint64_t boot_ns);

/* A slot's tick (abi.h) as CLOCK_REALTIME; a tick of the future is now. */
uint64_t crmg_tick_to_real(const struct crmg_snapshot *snap, uint32_t tick);

/* CLOCK_BOOTTIME as CLOCK_REALTIME. */
uint64_t crmg_boot_to_real(const struct crmg_snapshot *snap, uint64_t boot_ns);

/* "12s", "5m", "3h", "4d": for people, rounded down. buf is returned. */
char *crmg_format_age(uint64_t ns, char *buf, size_t size);

/* "999", "12.3k", "4.56M": three digits, for people. buf is returned. */
char *crmg_format_short(uint64_t value, char *buf, size_t size);

#define CRMG_SHORT_LEN 24

/* A column: a title, and numbers stand at its right edge. */
struct crmg_column {
	const char *title;
	bool right;
};

struct crmg_table {
	const struct crmg_column *columns;
	size_t column_count;
	char **cells;		/* row by row */
	size_t cell_count;
	bool failed;		/* out of memory: reported by print */
};

#define CRMG_TABLE(columns) { (columns), sizeof(columns) / sizeof((columns)[0]), NULL, 0, false }

/* Adds the next cell. */
void crmg_table_cell(struct crmg_table *table, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints the titles (bold with colour) and the rows, and frees the cells: 0 or -ENOMEM. */
int crmg_table_print(struct crmg_table *table, bool colour, FILE *out);

#endif
