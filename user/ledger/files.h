/* SPDX-License-Identifier: GPL-2.0 */
/*
 * files.h - the files of the ledger in the state folder of an instance, one a day (UTC):
 * ledger-2026-11-30.jsonl, a record a line. They are only added to; a line that a crash or a
 * bad disk left behind is left out, and the records around it are not touched by it.
 */
#ifndef CRMGATE_LEDGER_FILES_H
#define CRMGATE_LEDGER_FILES_H

#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"
#include "../base/num.h"
#include "../state/state.h"
#include "record.h"

#define CRMG_LEDGER_NAME "ledger-YYYY-MM-DD.jsonl"
#define CRMG_DAY_NS      (86400 * CRMG_NS_PER_SEC)
#define CRMG_DATE_LEN    11	/* "2026-11-30", with NUL */

/* "2026-11-30": the first moment of that day (UTC), or -EINVAL. */
int crmg_parse_date(const char *text, uint64_t *ret_real_ns);
char *crmg_format_date(uint64_t real_ns, char buf[CRMG_DATE_LEN]);

/* Name of the file of a day; buf is returned. */
char *crmg_ledger_file(uint64_t day_ns, char buf[sizeof(CRMG_LEDGER_NAME)]);

/* The first moments of the days of which there are files, in order; the array is the caller's. */
int crmg_ledger_days(const struct crmg_state *state, uint64_t **ret, size_t *ret_count,
		     struct crmg_err *err);

/* The lock that a record is written under, and read from the kernel before. */
#define CRMG_LEDGER_LOCK "ledger"

/* No file is larger: from then on the records of a day name no sources. Bytes. */
#define CRMG_LEDGER_DAY_MAX (256u << 20)

/*
 * Adds a record to the file of its day (crmg_ledger_day()); returns when it is on the disk.
 * On failure the file is as it was. What a crash left at its end stays apart from it.
 */
int crmg_ledger_append(const struct crmg_state *state,
		       const struct crmg_ledger_interval *interval, struct crmg_err *err);

/*
 * First moment of the day that a record is of: on which it begins, unless it is longer than
 * one; then on which it ends, or it would be too old when it is written.
 */
uint64_t crmg_ledger_day(const struct crmg_ledger_interval *interval);

/* Called for each record, in the order of the files. Not 0: ends the reading with that code. */
typedef int crmg_ledger_visit(const struct crmg_ledger_interval *interval, void *context);

struct crmg_ledger_damage {
	size_t lines;		/* that are no records */
	char first[sizeof(CRMG_LEDGER_NAME)];	/* file of the first of them */
	size_t line;		/* from 1 */
};

/*
 * Reads the days from..to (any moment of each). What is damaged is told in *ret, and is no
 * error. -ENOMEM, -EIO, or what visit returned.
 */
int crmg_ledger_read(const struct crmg_state *state, uint64_t from_ns, uint64_t to_ns,
		     crmg_ledger_visit *visit, void *context, struct crmg_ledger_damage *ret,
		     struct crmg_err *err);

/*
 * The last record of all, by its number, of which it is known that it is seq at least: a clock
 * that was wrong for a while leaves later records in files of earlier days. now_ns:
 * CLOCK_REALTIME. -ENOENT, not said: there is none.
 */
int crmg_ledger_last(const struct crmg_state *state, uint64_t now_ns, uint32_t seq,
		     struct crmg_ledger_interval *ret, struct crmg_err *err);

/*
 * Removes the files of days that ended at or before now - keep; the number of them. None of
 * them as long as there are files of less than two whole days of the week before now: until then
 * now may be that of a clock that jumped.
 */
size_t crmg_ledger_expire(const struct crmg_state *state, uint64_t now_ns, uint64_t keep_ns,
			  struct crmg_err *err);

#endif
