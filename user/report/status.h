/* SPDX-License-Identifier: GPL-2.0 */
/* status.h - the whole state of an instance, for people and for programs. */
#ifndef CRMGATE_STATUS_H
#define CRMGATE_STATUS_H

#include <stdio.h>

#include <jansson.h>

#include "problems.h"
#include "snapshot.h"

/* A new document, or NULL when out of memory. */
json_t *crmg_status_json(const struct crmg_snapshot *snap, const char *instance,
			 const struct crmg_problems *problems);

/* The same as text: 0 or -ENOMEM. */
int crmg_status_text(const struct crmg_snapshot *snap, const char *instance,
		     const struct crmg_problems *problems, bool colour, FILE *out);

/* Of it, the interfaces alone. */
json_t *crmg_interfaces_json(const struct crmg_snapshot *snap);
int crmg_interfaces_text(const struct crmg_snapshot *snap, bool colour, FILE *out);

/* What is in force, and what the last proof came to: parts of the document; lines. */
json_t *crmg_policy_json(const struct crmg_snapshot *snap);
json_t *crmg_proof_json(const struct crmg_snapshot *snap, const struct crmg_problems *problems);
void crmg_policy_text(const struct crmg_snapshot *snap, FILE *out);
void crmg_proof_text(const struct crmg_snapshot *snap, FILE *out);

#endif
