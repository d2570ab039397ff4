// SPDX-License-Identifier: GPL-2.0
/* told.c - what was done to the files of a source is in the audit log. */
#include "told.h"

#include <string.h>

#include "../audit/log.h"
#include "../base/util.h"
#include "../report/names.h"

int crmg_cli_folder(const struct crmg_args *args, struct crmg_state *ret, struct crmg_err *err)
{
	int code = crmg_state_open(args->instance, false, ret, err);

	return code == -ENOENT ? 0 : code;
}

int crmg_cli_kern(const struct crmg_args *args, struct crmg_kern **ret, struct crmg_err *err)
{
	struct crmg_err absent = CRMG_ERR_INIT;
	int code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, ret, &absent);

	if (code && code != -ENOENT)
		crmg_err_set(err, code, "%s", absent.count ? absent.messages[0].text : strerror(-code));
	crmg_err_clear(&absent);
	return code == -ENOENT ? 0 : code;
}

/* Where nothing is in the kernel the log has no mark to compare itself with. */
static int tell_log(const struct crmg_state *state, enum crmg_event_kind kind, const char *text,
		    const char *note, struct crmg_err *err)
{
	struct crmg_audit_entry entry = {
		.real_ns = crmg_clock_ns(CLOCK_REALTIME),
	};

	if (state->dir < 0)
		return 0;
	crmg_copy(entry.what, sizeof(entry.what), crmg_event_name(kind));
	snprintf(entry.details, sizeof(entry.details), "%s%s%s", text, *note ? ": " : "", note);
	return crmg_audit_append(state, &entry, 1, NULL, err);
}

int crmg_cli_tell(struct crmg_kern *kern, const struct crmg_state *state,
		  enum crmg_event_kind kind, const char *text, const char *note,
		  struct crmg_err *err)
{
	return kern ? crmg_kern_tell(kern, kind, text, note, err)
		    : tell_log(state, kind, text, note, err);
}
