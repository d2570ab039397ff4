/* SPDX-License-Identifier: GPL-2.0 */
/* days.h - days (UTC), and the files in the state folder of an instance that there are of each. */
#ifndef CRMGATE_LEDGER_DAYS_H
#define CRMGATE_LEDGER_DAYS_H

#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"
#include "../base/num.h"
#include "../state/state.h"

#define CRMG_DAY_NS      (86400 * CRMG_NS_PER_SEC)
#define CRMG_DATE_LEN    11	/* "2026-11-30", with NUL */

/* "2026-11-30": the first moment of that day (UTC), or -EINVAL. */
int crmg_parse_date(const char *text, uint64_t *ret_real_ns);
char *crmg_format_date(uint64_t real_ns, char buf[CRMG_DATE_LEN]);

/* X(ID, "end"): ledger-2026-11-30 and this is the name of a file. */
#define CRMG_DAY_FILES(X) \
	X(RECORDS, ".jsonl")	/* see files.h */ \
	X(KEY,     ".key")	/* see pseudonym.h */

#define CRMG_ENUM_DAY_FILE(ID, ...) CRMG_DAY_##ID,
enum crmg_day_file { CRMG_DAY_FILES(CRMG_ENUM_DAY_FILE) CRMG_DAY_FILE_COUNT };

#define CRMG_DAY_FILE_LEN sizeof("ledger-YYYY-MM-DD.jsonl")

/* Name of a file of a day; buf is returned. */
char *crmg_day_file(enum crmg_day_file kind, uint64_t day_ns, char buf[CRMG_DAY_FILE_LEN]);

/* The first moments of the days of which there are files, in order; the array is the caller's. */
int crmg_days(const struct crmg_state *state, enum crmg_day_file kind, uint64_t **ret,
	      size_t *ret_count, struct crmg_err *err);

/*
 * Removes the keys and records of days that ended at or before now - keep; the number of days of
 * records. None of them as long as there are records of less than two whole days of the week
 * before now: until then now may be that of a clock that jumped. keep_ns < now_ns.
 */
size_t crmg_days_expire(const struct crmg_state *state, uint64_t now_ns, uint64_t keep_ns,
			struct crmg_err *err);

#endif
