/* SPDX-License-Identifier: GPL-2.0 */
/*
 * diff.h - what an apply changes, in the words of the policy file: two images
 * become a list of changes, and the list text or JSON. Pure.
 */
#ifndef CRMGATE_DIFF_H
#define CRMGATE_DIFF_H

#include <stdio.h>

#include <jansson.h>

#include "../compile/compile.h"

/* X(ID, "name", sign): raised and lowered are limits; moved are addresses. */
#define CRMG_CHANGES(X) \
	X(ADDED,   "added",   '+') \
	X(REMOVED, "removed", '-') \
	X(CHANGED, "changed", '~') \
	X(RAISED,  "raised",  '~') \
	X(LOWERED, "lowered", '~') \
	X(MOVED,   "moved",   '>')

#define CRMG_ENUM_CHANGE(ID, ...) CRMG_CHANGE_##ID,
enum crmg_change_kind { CRMG_CHANGES(CRMG_ENUM_CHANGE) };

struct crmg_change {
	enum crmg_change_kind kind;
	char *what;		/* "policy public of api" */
	const char *field;	/* of it: "packets", "total bytes"; NULL: the whole of it */
	char *from;		/* as the policy file writes it; NULL: nothing was there ... */
	char *to;		/* ... or is there now */
};

struct crmg_changes {
	struct crmg_change *items;	/* services, clients, policies, addresses that move */
	size_t count;
	struct crmg_memory before;	/* of kernel, at the peak of an apply */
	struct crmg_memory after;
};

/*
 * All that differs between two images; cpus: for the memory of counters. What an apply
 * moves without changing its meaning (generation, rows, indexes) is no difference. 0 or
 * -ENOMEM. Free with crmg_changes_free().
 */
int crmg_diff(const struct crmg_image *before, const struct crmg_image *after,
	      unsigned int cpus, struct crmg_changes *ret);
void crmg_changes_free(struct crmg_changes *changes);

/* One line a change, at most `most` of them and then their number; and memory. */
void crmg_changes_text(const struct crmg_changes *changes, size_t most, FILE *out);

/* New documents, or NULL when out of memory: the list; bytes of memory, before and after. */
json_t *crmg_changes_json(const struct crmg_changes *changes);
json_t *crmg_changes_memory_json(const struct crmg_changes *changes);

#endif
