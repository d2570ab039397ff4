/* SPDX-License-Identifier: GPL-2.0 */
/*
 * guard.h - would a policy lock out those that must not be? Pure: the addresses and the
 * traffic are given.
 */
#ifndef CRMGATE_GUARD_H
#define CRMGATE_GUARD_H

#include "../base/err.h"
#include "../base/vitals.h"
#include "snapshot.h"

/* How a policy is judged. */
struct crmg_guard {
	const struct crmg_image *next;		/* that is to come into force */
	const struct crmg_vitals *vitals;
	const struct crmg_snapshot *snap;	/* with sources; NULL: there is no traffic yet */
	bool forced;				/* what is found is only warned of */
};

/*
 * Only `deny` in enforce is a certain refusal; bans come and go by themselves, and in
 * shadow nothing is refused. A peer is looked at where a service covers its port, the
 * other addresses at every service. A service closed to `any` refuses gateways, resolvers
 * and own addresses without naming them: that is how a closed service is written, so it
 * is a warning for them, and a refusal for the peer and for traffic. A limit far below
 * what the heaviest source uses is a warning. 0, or -EBUSY with every finding in err.
 */
int crmg_guard_check(const struct crmg_guard *guard, struct crmg_err *err);

#endif
