/* SPDX-License-Identifier: GPL-2.0 */
/* kept.h - the inside of the book: what it holds between two records. Of this folder alone. */
#ifndef CRMGATE_LEDGER_KEPT_H
#define CRMGATE_LEDGER_KEPT_H

#include "../compile/map.h"
#include "book.h"
#include "slots.h"

/* What is known of a policy beside the record that is being kept. */
struct crmg_ledger_tally {
	struct crmg_ledger_sums named;	/* of sources, since the last reading of the policy */
	struct crmg_ledger_sums over;	/* of them, more than the policy counted */
	enum crmg_ledger_state state;	/* of the policy, at the last reading */
	bool estimated;			/* so were its requests */
	bool present;			/* in force at that reading */
};

struct crmg_ledger_book {
	struct crmg_ledger_interval kept;
	struct crmg_map policy_index;	/* hash of both names -> index in kept.policies */
	struct crmg_map source_index;
	struct crmg_ledger_tally *tallies;	/* of kept.policies */
	size_t tally_count;
	struct crmg_ledger_base *bases;	/* capacity; pages of slots never used take no memory */
	uint32_t capacity;
	uint32_t generation;		/* at the last reading of the policies */
	struct crmg_label *labels;	/* of the bindings of that image, from 1; NULL: not known */
	uint32_t label_count;
	uint32_t seq;			/* of the last record */
	uint32_t first;			/* number of the first one of this state of the kernel */
	uint64_t known_ns;		/* sources first seen until then were counted in part */
	bool blind;			/* so were policies: what they counted is not known */
};

/* The place of a policy in kept.policies; -ENOMEM. */
int crmg_ledger_policy_at(struct crmg_ledger_book *book, const char *service, const char *name);

/* Takes over what a policy had counted at the last reading, which was in tally. 0, -ENOMEM. */
int crmg_ledger_go_on(struct crmg_ledger_book *book, const struct crmg_ledger_policy *policy,
		      const struct crmg_ledger_tally *tally);

/* Frees the record that is being kept, and what is known of its policies; the rest stays. */
void crmg_ledger_kept_free(struct crmg_ledger_book *book);

#endif
