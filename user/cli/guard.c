// SPDX-License-Identifier: GPL-2.0
/* guard.c - collects what the lock-out guard judges by, for apply and attach. */
#include <errno.h>

#include "../report/guard.h"
#include "cli.h"

int crmg_cli_guard(const struct crmg_image *next, struct crmg_kern *kern, bool forced,
		   const char *way_out, struct crmg_err *err)
{
	struct crmg_vitals vitals = { 0 };
	struct crmg_snapshot snap;
	struct crmg_guard guard = { .next = next, .vitals = &vitals, .forced = forced };
	int code;

	if (crmg_image_head(next)->mode != CRMG_MODE_ENFORCE)
		return 0;
	code = crmg_vitals_collect(&vitals);
	if (!code && kern)
		code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES, &snap, err);
	if (!code) {
		guard.snap = kern ? &snap : NULL;
		code = crmg_guard_check(&guard, err);
		if (code == -EBUSY)
			crmg_err_set(err, code, "nothing was changed: mend the policy, try it with "
				     "--shadow, or %s", way_out);
	}
	crmg_vitals_free(&vitals);
	return code;
}
