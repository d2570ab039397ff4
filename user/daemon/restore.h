/* SPDX-License-Identifier: GPL-2.0 */
/* restore.h - what was in force before a reboot, put back by the managing daemon. */
#ifndef CRMGATE_DAEMON_RESTORE_H
#define CRMGATE_DAEMON_RESTORE_H

#include "../base/err.h"

/*
 * If nothing is pinned for the instance, and something is saved: the policy as it was, bans
 * and budgets with the time that was left of them, and panic; interfaces are put down as wanted, for
 * crmg_kern_tend() to attach when they are there. What cannot be put back is a trouble of
 * the new state, and a warning in err. 0 also if there is nothing to do; a negative errno,
 * said in err: the state is not there.
 */
int crmg_restore(const char *instance, struct crmg_err *err);

#endif
