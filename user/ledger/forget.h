/* SPDX-License-Identifier: GPL-2.0 */
/* forget.h - takes a source out of the files of the ledger, and leaves their sums whole. */
#ifndef CRMGATE_LEDGER_FORGET_H
#define CRMGATE_LEDGER_FORGET_H

#include "files.h"

struct crmg_ledger_forgotten {
	size_t entries;		/* of the source, in records */
	size_t lines;		/* that were damaged: nobody can tell whom they name */
};

/*
 * What records have of a source, of a part of it and of what it is a part of, is from now on
 * of no source that is named; a pseudonym is found by the key of its day. Damaged lines go. A
 * file is replaced as a whole: after a crash some of them are done, and the next call does
 * the others. Takes CRMG_LEDGER_LOCK for the day that is written, and no longer. A record that
 * is added meanwhile must not name the source: it is out of the tables before.
 */
int crmg_ledger_forget(const struct crmg_state *state, const struct crmg_pfx *source,
		       struct crmg_ledger_forgotten *ret, struct crmg_err *err);

#endif
