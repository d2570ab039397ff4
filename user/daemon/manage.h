/* SPDX-License-Identifier: GPL-2.0 */
/*
 * manage.h - the part of the daemon that keeps what was attached in force. It is a
 * process of its own: root with three capabilities, and nothing that a client can reach.
 */
#ifndef CRMGATE_DAEMON_MANAGE_H
#define CRMGATE_DAEMON_MANAGE_H

#include <signal.h>
#include <sys/types.h>

#include "daemon.h"

/* -EPERM, said in err, if this process could not manage. */
int crmg_manage_check(struct crmg_err *err);

/* The process that serves: it ends when its leash is closed, and writes to it once it serves. */
struct crmg_exporter {
	pid_t pid;		/* -1: it has ended */
	int leash;
};

/*
 * Gives up every capability but the three, and works until one of the signals, or until the
 * exporter ends; which it ends in any case. The signals are blocked. 0, or a negative errno,
 * said in err.
 */
int crmg_manage_run(const struct crmg_daemon_options *options, struct crmg_exporter *exporter,
		    const sigset_t *signals, struct crmg_err *err);

#endif
