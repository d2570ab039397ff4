/* SPDX-License-Identifier: GPL-2.0 */
/* hiding.h - events as they may be kept: addresses as the policy's `privacy` has them in files. */
#ifndef CRMGATE_HIDING_H
#define CRMGATE_HIDING_H

#include "../ledger/pseudonym.h"
#include "cli.h"

struct crmg_hiding {
	enum crmg_addresses how;
	struct crmg_state state;	/* open if there are pseudonyms */
	struct crmg_day_key key;	/* of no day until one was read */
};

#define CRMG_HIDING_INIT { .how = CRMG_ADDRESSES_FULL, .state = CRMG_STATE_INIT, .key.day_ns = UINT64_MAX }

/* What the policy in force wants; to be asked again, since another one may come. */
int crmg_hiding_look(struct crmg_hiding *hiding, const char *instance, struct crmg_kern *kern,
		     struct crmg_err *err);

/*
 * Takes out of an event what is not to be kept. buf: room for the pseudonym that stands for its
 * address, which *ret is then; NULL: what the event has now may be told.
 */
int crmg_hide(struct crmg_hiding *hiding, struct crmg_event *event, uint64_t boot_to_real_ns,
	      char buf[CRMG_PSEUDONYM_LEN], const char **ret, struct crmg_err *err);

static inline void crmg_hiding_end(struct crmg_hiding *hiding)
{
	crmg_state_close(&hiding->state);
}

/* One that ends when it goes out of scope. */
#define crmg_autohiding __attribute__((cleanup(crmg_hiding_end)))

#endif
