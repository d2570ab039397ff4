/* SPDX-License-Identifier: GPL-2.0 */
/* posture_parts.h - what the files that look for a posture share. */
#ifndef CRMGATE_POSTURE_PARTS_H
#define CRMGATE_POSTURE_PARTS_H

#include "posture.h"

/* A search at work. */
struct crmg_search {
	struct crmg_posture *ret;
	const struct crmg_snapshot *snap;
	bool failed;			/* out of memory */
};

/* Counts a finding, and keeps it if there is room; NULL: it is not kept. */
struct crmg_posture_item *crmg_found(struct crmg_search *s,
					   enum crmg_posture_id id,
					   const struct crmg_policy_row *row,
					   const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* posture_sources.c: sources near the end of a budget. */
void crmg_posture_sources(struct crmg_search *s);

#endif
