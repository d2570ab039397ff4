/* SPDX-License-Identifier: GPL-2.0 */
/* told.h - what commands share that work on the files of a source, and tell the audit log so. */
#ifndef CRMGATE_TOLD_H
#define CRMGATE_TOLD_H

#include "../state/state.h"
#include "cli.h"

/*
 * Opens the state in the kernel and the state folder, those that are there: *ret_kern is NULL, or
 * ret_state->dir -1, if not.
 */
int crmg_cli_open(const struct crmg_args *args, struct crmg_kern **ret_kern,
		  struct crmg_state *ret_state, struct crmg_err *err);

/*
 * Tells the audit log what was done, and events where there are any, "TEXT: NOTE" (no note: "").
 * A failure is said in err, and means that the log has no such entry.
 */
int crmg_cli_tell(struct crmg_kern *kern, const struct crmg_state *state,
		  enum crmg_event_kind kind, const char *text, const char *note,
		  struct crmg_err *err);

#endif
