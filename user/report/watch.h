/* SPDX-License-Identifier: GPL-2.0 */
/*
 * watch.h - what there is to tell of contracts since the last look: for who looks again and
 * again. What holds is decided by the packet path; nothing depends on being told.
 */
#ifndef CRMGATE_WATCH_H
#define CRMGATE_WATCH_H

#include "snapshot.h"

struct crmg_watched;

struct crmg_contract_watch {
	struct crmg_watched *list;	/* clients as they were at the last look */
	size_t count;
};

/*
 * Compares the contracts of an image at real_ns with the last look and calls tell with a
 * line for each: that it ends within a fortnight (once for each end), that it ceased or began
 * to hold. What was so at the first look is no news, but an end that is near is. -ENOMEM.
 */
int crmg_contracts_watch(struct crmg_contract_watch *watch, const struct crmg_image *image,
			 uint64_t real_ns, void (*tell)(void *ctx, const char *text), void *ctx);
void crmg_contract_watch_free(struct crmg_contract_watch *watch);

#endif
