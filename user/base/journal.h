/* SPDX-License-Identifier: GPL-2.0 */
/* journal.h - the log of a daemon: lines on stderr, of which there are never many. */
#ifndef CRMGATE_BASE_JOURNAL_H
#define CRMGATE_BASE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "err.h"

struct crmg_journal {
	bool quiet;		/* errors only */
	uint64_t second;	/* that `lines` is of */
	unsigned int lines;
	unsigned int left_out;
};

/*
 * Prints the messages of err and empties it; at most 20 lines a second, and one that says how
 * many were left out. now_ns: any clock that only goes forward.
 */
void crmg_journal_write(struct crmg_journal *journal, struct crmg_err *err, uint64_t now_ns,
			FILE *out);

#endif
