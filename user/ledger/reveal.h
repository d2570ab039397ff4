/* SPDX-License-Identifier: GPL-2.0 */
/* reveal.h - from pseudonyms to addresses and back, as long as there are the keys of their days. */
#ifndef CRMGATE_LEDGER_REVEAL_H
#define CRMGATE_LEDGER_REVEAL_H

#include "../base/addr.h"
#include "pseudonym.h"

/* Who it is. -ENOENT: the key of that day is not there; -EINVAL: it is not of that key. */
int crmg_reveal_address(const struct crmg_state *state, uint64_t day_ns,
			const struct crmg_pseudonym *pseudonym, struct crmg_addr *ret,
			struct crmg_err *err);

struct crmg_revealed {
	struct crmg_revealed_item {
		char text[CRMG_PSEUDONYM_LEN];
	} *items;			/* the caller's */
	size_t count;
};

/* The pseudonyms in the ledger of a source, of its parts and of what it is a part of, each once. */
int crmg_reveal_pseudonyms(const struct crmg_state *state, const struct crmg_pfx *source,
			   struct crmg_revealed *ret, struct crmg_err *err);

#endif
