/* SPDX-License-Identifier: GPL-2.0 */
/* told.h - what commands share that work on the files of a source, and tell the audit log so. */
#ifndef CRMGATE_TOLD_H
#define CRMGATE_TOLD_H

#include "../state/state.h"
#include "cli.h"

/* Opens the state folder, or the state in the kernel, to write; dir stays -1, or *ret NULL: there
 * is none. */
int crmg_cli_folder(const struct crmg_args *args, struct crmg_state *ret, struct crmg_err *err);
int crmg_cli_kern(const struct crmg_args *args, struct crmg_kern **ret, struct crmg_err *err);

/*
 * Tells the audit log what was done, and events where there are any, "TEXT: NOTE" (no note: "").
 * A failure is said in err, and means that the log has no such entry.
 */
int crmg_cli_tell(struct crmg_kern *kern, const struct crmg_state *state,
		  enum crmg_event_kind kind, const char *text, const char *note,
		  struct crmg_err *err);

#endif
