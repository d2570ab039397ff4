/* SPDX-License-Identifier: GPL-2.0 */
/* diff_parts.h - what the files of the difference share. Returns are 0 or -ENOMEM. */
#ifndef CRMGATE_DIFF_PARTS_H
#define CRMGATE_DIFF_PARTS_H

#include "../base/addr.h"
#include "diff.h"

#define CRMG_DIFF_WHAT (2 * CRMG_NAME_LEN + 16)	/* "policy NAME of SERVICE" */

/* Notes a change; what, and from and to unless they are NULL, are copied. */
int crmg_diff_note(struct crmg_changes *changes, enum crmg_change_kind kind, const char *what,
		   const char *field, const char *from, const char *to);

/* Prefixes or ranges that one change names; of the others only the number is told. */
#define CRMG_DIFF_NAMED    3
#define CRMG_DIFF_NAME_LEN (2 * CRMG_ADDR_LEN)

struct crmg_diff_names {
	char name[CRMG_DIFF_NAMED][CRMG_DIFF_NAME_LEN];
	size_t count;
};

/* "a, b, c and 4 more"; buf is returned. */
#define CRMG_DIFF_NAMES_LEN ((CRMG_DIFF_NAMED + 1) * CRMG_DIFF_NAME_LEN)
char *crmg_diff_names_text(const struct crmg_diff_names *names, char buf[CRMG_DIFF_NAMES_LEN]);

/* Limits of one scope, as they were written. */
struct crmg_diff_limits {
	unsigned int mask;
	const struct crmg_terms *terms;
};

int crmg_diff_limits(struct crmg_changes *changes, const char *what, enum crmg_scope scope,
		     struct crmg_diff_limits before, struct crmg_diff_limits after);

/* What may be sent: "bytes_out" or "total bytes_out"; NULL: anything. */
int crmg_diff_quotas(struct crmg_changes *changes, const char *what, const char *field,
		     const struct crmg_quotas *before, const struct crmg_quotas *after);

/* What the policies of a service say: mode, limits, actions, bans. */
int crmg_diff_policies(struct crmg_changes *changes, const struct crmg_image *before,
		       const struct crmg_image *after);

/* Addresses that meet another policy, at services that both images have. */
int crmg_diff_moves(struct crmg_changes *changes, const struct crmg_image *before,
		    const struct crmg_image *after);

#endif
