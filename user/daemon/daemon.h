/* SPDX-License-Identifier: GPL-2.0 */
/*
 * daemon.h - serves /metrics and /healthz; on request a second process puts back what
 * was attached and is missing. Stopping it changes nothing in the kernel.
 */
#ifndef CRMGATE_DAEMON_H
#define CRMGATE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/err.h"

#define CRMG_LISTEN_DEFAULT "127.0.0.1:9750"
#define CRMG_LISTEN_MAX     8
#define CRMG_DAEMON_USER    "crmgate"

struct crmg_daemon_options {
	const char *instance;
	const char *listen[CRMG_LISTEN_MAX];	/* "127.0.0.1:9750", "[::1]:9750" */
	size_t listen_count;
	const char *user;			/* NULL: CRMG_DAEMON_USER, or nobody */
	bool quiet;				/* no warnings */
	bool manage;				/* keep in force what was attached, too */
	uint64_t ledger_every_ns;		/* with manage: a record of the ledger */
};

/*
 * Runs in the foreground until SIGTERM or SIGINT; prints one line on stdout when
 * it serves, and warnings of err before. 0, or a negative errno with an error in
 * err: -EBUSY: another one runs; -ENOENT: nothing is attached.
 */
int crmg_daemon_run(const struct crmg_daemon_options *options, struct crmg_err *err);

#endif
