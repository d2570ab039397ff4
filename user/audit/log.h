/* SPDX-License-Identifier: GPL-2.0 */
/*
 * log.h - the audit log of an instance, audit.log in its state folder: adding to it, and
 * finding out whether it is what was written.
 *
 * There is no key: who is root can write another chain of his own. What he cannot do is
 * make it end in a hash that was copied elsewhere before. See verify's `known`.
 */
#ifndef CRMGATE_AUDIT_LOG_H
#define CRMGATE_AUDIT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "../base/err.h"
#include "../state/state.h"
#include "entry.h"

#define CRMG_AUDIT_FILE "audit.log"

/*
 * Adds entries, and before them what has to be said about the log: that it was cut or
 * changed since the mark was set, a torn last line, entries lost to a full disk. Moves the
 * mark on; mark NULL: the kernel's state cannot be read. Waits for others that add. On
 * failure nothing was written, and the caller counts what is lost in mark->lost.
 */
int crmg_audit_append(const struct crmg_state *state, const struct crmg_audit_entry *entries,
		      size_t count, struct crmg_audit_mark *mark, struct crmg_err *err);

enum crmg_audit_severity { CRMG_AUDIT_NOTE, CRMG_AUDIT_BROKEN };

/* line: of the file, from 1; 0: about all of it. */
typedef void crmg_audit_finding(enum crmg_audit_severity severity, size_t line, const char *text,
				void *context);

struct crmg_audit_verdict {
	size_t lines;
	size_t broken;		/* findings of that severity */
	struct crmg_audit_head head;	/* of the last entry that is whole */
	bool known;		/* `known` was found in it */
};

/*
 * Reads a whole log. mark: the kernel's (NULL: none); known: a head that was copied
 * elsewhere (NULL: none). Findings come in the order of the file. 0, -ENOMEM, -EIO.
 */
int crmg_audit_verify(FILE *log, const struct crmg_audit_mark *mark,
		      const struct crmg_audit_head *known, crmg_audit_finding *finding,
		      void *context, struct crmg_audit_verdict *ret);

#endif
