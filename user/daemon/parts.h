/* SPDX-License-Identifier: GPL-2.0 */
/* parts.h - what the files of this folder offer each other. */
#ifndef CRMGATE_DAEMON_PARTS_H
#define CRMGATE_DAEMON_PARTS_H

#include "../kern/kern.h"

#define CRMG_RUN_DIR "/run/crmgate"

/* Takes the lock "one daemon an instance"; held as long as *ret_fd is open. -EBUSY. */
int crmg_daemon_lock(const char *instance, int *ret_fd, struct crmg_err *err);

/*
 * Becomes user (NULL: the default) if it is root, and gives up every capability
 * for good in any case. Descriptors stay open.
 */
int crmg_daemon_drop(const char *user, gid_t pins, struct crmg_err *err);

/*
 * Stays root, who owns pins and state, in the group that may read them, and keeps only
 * what it takes to attach: CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON.
 */
int crmg_daemon_keep(struct crmg_err *err);

/* "READY=1", ... to $NOTIFY_SOCKET, if there is one; by the process that systemd started. */
void crmg_notify(const char *state);

/* A listening TCP socket for "ADDR:PORT" or "[ADDR]:PORT". */
int crmg_listen(const char *text, int *ret_fd, struct crmg_err *err);

/* "127.0.0.1:9750" of a bound socket, port 0 already chosen. buf is returned. */
char *crmg_listen_text(int fd, char *buf, size_t size);

#define CRMG_LISTEN_LEN 80

struct crmg_http;

/*
 * Serves on the sockets (taken over, also on failure) in threads of its own,
 * with at most `connections` at once on each. kern is used under a lock of the
 * server's, which replaces it when the state was made anew; nobody else may use it
 * until crmg_http_stop().
 */
int crmg_http_start(const int *sockets, size_t count, unsigned int connections,
		    const char *instance, struct crmg_kern **kern, struct crmg_http **ret);
void crmg_http_stop(struct crmg_http **http);

#endif
