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
#include "../state/state.h"
#include "days.h"
#include "record.h"

/* The lock that a record is written under, and read from the kernel before. */
#define CRMG_LEDGER_LOCK "ledger"

/* No file is larger: from then on the records of a day name no sources. Bytes. */
#define CRMG_LEDGER_DAY_MAX (256u << 20)

/*
 * Adds a record to the file of its day (crmg_ledger_day()), with pseudonyms if it is to have
 * them: under the key of that day, made if there is none; returns when it is on the disk.
 * On failure the file is as it was. What a crash left at its end stays apart from it.
 */
int crmg_ledger_append(const struct crmg_state *state,
		       const struct crmg_ledger_interval *interval, struct crmg_err *err);

/* Called for each record, in the order of the files. Not 0: ends the reading with that code. */
typedef int crmg_ledger_visit(const struct crmg_ledger_interval *interval, void *context);

struct crmg_ledger_damage {
	size_t lines;		/* that are no records */
	char first[CRMG_DAY_FILE_LEN];	/* file of the first of them */
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

#endif
