/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vitals.h - addresses that this host cannot do without: its own, its gateways and
 * resolvers, and the far end of the connection that a command is given over. A policy
 * or a ban that refuses one of them is most likely a mistake.
 */
#ifndef CRMGATE_VITALS_H
#define CRMGATE_VITALS_H

#include "addr.h"

enum crmg_vital_kind {
	CRMG_VITAL_OWN,
	CRMG_VITAL_GATEWAY,
	CRMG_VITAL_RESOLVER,
	CRMG_VITAL_PEER,
};

struct crmg_vital {
	struct crmg_addr addr;
	enum crmg_vital_kind kind;
	struct crmg_addr local;		/* of a peer: this end of the connection */
	uint16_t port;			/* the same, host order */
};

struct crmg_vitals {
	struct crmg_vital *items;	/* each (address, kind, local end) once */
	size_t count;
};

/* "an address of this host", "the default gateway", ... */
const char *crmg_vital_text(enum crmg_vital_kind kind);

/*
 * All of them. A file of /proc or /etc that is missing has none. Peers: SSH_CONNECTION
 * of this process and of those that started it, however far up (sudo clears it, the
 * shell above has it still), and the TCP connections that these hold open (sshd's own).
 * 0 or -ENOMEM.
 */
int crmg_vitals_collect(struct crmg_vitals *ret);

/* Only this host's own addresses. */
int crmg_vitals_own(struct crmg_vitals *ret);

void crmg_vitals_free(struct crmg_vitals *vitals);

/* --------------------------------------- from text; 0 or -ENOMEM, odd lines are left out */

int crmg_vitals_route4(struct crmg_vitals *vitals, const char *text);	/* /proc/net/route */
int crmg_vitals_route6(struct crmg_vitals *vitals, const char *text);	/* /proc/net/ipv6_route */
int crmg_vitals_resolv(struct crmg_vitals *vitals, const char *text);	/* /etc/resolv.conf */

/* SSH_CONNECTION of an environment block: strings that end with NUL, size bytes in all. */
int crmg_vitals_environ(struct crmg_vitals *vitals, const char *block, size_t size);

/* /proc/net/tcp and tcp6: the established connections whose inode is listed. */
int crmg_vitals_tcp(struct crmg_vitals *vitals, const char *text, const uint64_t *inodes,
		    size_t count);

#endif
