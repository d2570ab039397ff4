/* SPDX-License-Identifier: GPL-2.0 */
/* diff.h - what an apply changed: services, clients and policies of two images. */
#ifndef CRMGATE_DIFF_H
#define CRMGATE_DIFF_H

#include "../compile/compile.h"

#define CRMG_DIFF_NAME (3 * CRMG_NAME_LEN + 32)

/* One thing of a policy, and a fingerprint of all that it says. */
struct crmg_diff_item {
	char name[CRMG_DIFF_NAME];	/* "service crm-api" */
	uint64_t fingerprint;
};

struct crmg_diff_items {
	struct crmg_diff_item *items;	/* by name */
	size_t count;
};

/*
 * Notes what image says, so that it can be compared after it is gone. 0 or
 * -ENOMEM. Free with crmg_diff_items_free().
 */
int crmg_diff_items(const struct crmg_image *image, struct crmg_diff_items *ret);
void crmg_diff_items_free(struct crmg_diff_items *items);

/* Calls change('+', '-' or '~', name) for each difference, in the order of the names. */
void crmg_diff(const struct crmg_diff_items *before, const struct crmg_diff_items *after,
	       void (*change)(char sign, const char *name, void *context), void *context);

#endif
