/* SPDX-License-Identifier: GPL-2.0 */
/*
 * panicfile.h - panic for who has a shell, and neither root nor this program: a file
 * /run/crmgate/panic/INSTANCE. Made, everything passes; removed, the policy holds again.
 * The last act counts, also between the file and the commands.
 */
#ifndef CRMGATE_DAEMON_PANICFILE_H
#define CRMGATE_DAEMON_PANICFILE_H

#include "../base/err.h"

struct crmg_panic_watch;

/*
 * Makes the folder if there is none, for root only; whoever is let write into it by its
 * mode may panic. Then a thread watches it. A file that is there already means panic; that
 * one went while nobody watched means nothing. instance is kept.
 */
int crmg_panic_watch_start(const char *instance, struct crmg_panic_watch **ret,
			   struct crmg_err *err);
void crmg_panic_watch_stop(struct crmg_panic_watch **watch);

/* Removes the file, if there is one: `resume` must not leave it behind. */
int crmg_panic_file_remove(const char *instance, struct crmg_err *err);

#endif
