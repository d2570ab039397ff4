/* SPDX-License-Identifier: GPL-2.0 */
/*
 * book.h - keeps the ledger: reads the counters of the kernel, and holds what has grown since
 * the last record until it is written. Knows no kernel and no clock but those of a snapshot.
 */
#ifndef CRMGATE_LEDGER_BOOK_H
#define CRMGATE_LEDGER_BOOK_H

#include "../report/snapshot.h"
#include "files.h"

struct crmg_ledger_book;

/*
 * Takes up the ledger where its last record ended, for the state in the kernel that snap is
 * of: what was counted since then is in the first reading. For a state that has no record
 * yet (control.ledger) all that it counted is. -EBADMSG, not said: that record is not there
 * any more, and what was counted since cannot be told; the book begins with what comes.
 * mark: for the kernel to keep before a record is written.
 */
int crmg_ledger_book_open(const struct crmg_state *state, const struct crmg_snapshot *snap,
			  struct crmg_ledger_book **ret, struct crmg_ledger_mark *mark,
			  struct crmg_err *err);
void crmg_ledger_book_close(struct crmg_ledger_book **book);

/*
 * Reads what sources did (a snapshot with CRMG_SNAP_SOURCES), then what policies counted: in
 * this order, and the second from a later snapshot, so that no source is ahead of its policy.
 * state: how far the policies were enforced since the reading before. Sources whose address
 * may be forged, and more than fit, are in what the policy counted of no source. 0, -ENOMEM.
 */
int crmg_ledger_book_sources(struct crmg_ledger_book *book, const struct crmg_snapshot *snap);
int crmg_ledger_book_policies(struct crmg_ledger_book *book, const struct crmg_snapshot *snap,
			      enum crmg_ledger_state state);

/*
 * Writes what was read as one record. On failure it is kept, and part of the next one, of
 * which the state is the weaker of both. mark: for the kernel to keep, once it is written.
 */
int crmg_ledger_book_write(struct crmg_ledger_book *book, const struct crmg_state *state,
			   struct crmg_ledger_mark *mark, struct crmg_err *err);

/*
 * Lets the names go of a record that could not be written: what they did is of others of their
 * policies. One of them was to be forgotten, and nobody tells here which.
 */
void crmg_ledger_book_unname(struct crmg_ledger_book *book);

/* When the record that is being kept begins (CLOCK_REALTIME). */
uint64_t crmg_ledger_book_from(const struct crmg_ledger_book *book);

#endif
