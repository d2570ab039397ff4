/* SPDX-License-Identifier: GPL-2.0 */
/* clients.h - the clients of the policy in force with their counters. */
#ifndef CRMGATE_CLIENTS_H
#define CRMGATE_CLIENTS_H

#include "snapshot.h"

struct crmg_counted_client {
	const struct crmg_client *client;
	const struct crmg_client_row *row;	/* never NULL */
	bool asks;		/* requests are counted, at one of its services at least, ... */
	bool estimated;		/* ... or are they an estimate, at one of them */
};

struct crmg_counted_clients {
	struct crmg_counted_client *items;	/* in the order of the file */
	size_t count;
};

/* All of them; free with crmg_counted_clients_free(). 0 or -ENOMEM. */
int crmg_counted_clients(const struct crmg_snapshot *snap, struct crmg_counted_clients *ret);
void crmg_counted_clients_free(struct crmg_counted_clients *clients);

/* Packets refused, of those that arrived. */
uint64_t crmg_client_dropped(const struct crmg_client_row *row);

#endif
