/* SPDX-License-Identifier: GPL-2.0 */
/* peers.h - whom this command comes from: its processes, their environment and sockets. */
#ifndef CRMGATE_PEERS_H
#define CRMGATE_PEERS_H

#include "vitals.h"

/* Adds the peers of this process and of all that started it. 0 or -ENOMEM. */
int crmg_peers_collect(struct crmg_vitals *ret);

/*
 * A file whose size is not known before, at most 4 MiB of it, with a NUL behind: free
 * *ret. Negative errno.
 */
int crmg_proc_read(const char *path, char **ret, size_t *ret_size);

#endif
