/* SPDX-License-Identifier: GPL-2.0 */
/*
 * posture.h - what the policy in force leaves open, in the words of an audit. Made of one
 * snapshot; judges what is there, and never what an operator should want.
 */
#ifndef CRMGATE_POSTURE_H
#define CRMGATE_POSTURE_H

#include <stdio.h>

#include <jansson.h>

#include "problems.h"
#include "rows.h"

/* X(ID, "name", "title"): what is looked for, the gravest first; names never change. */
#define CRMG_POSTURES(X) \
	X(NOT_ENFORCED,  "not_enforced",  "Not enforced as the policy says") \
	X(UNPROVEN,      "unproven",      "Enforcement that is not proven") \
	X(TROUBLE,       "trouble",       "Other problems that status shows") \
	X(NOT_REFUSING,  "not_refusing",  "Policies that refuse nothing (shadow, off)") \
	X(NO_LIMIT,      "no_limit",      "Sources that no limit of their own holds") \
	X(NO_REQUESTS,   "no_requests",   "API services whose sources may ask any number of requests") \
	X(TLS_FLOOR,     "tls_floor",     "Policies that accept old TLS, or connections without it") \
	X(OLD_TLS,       "old_tls",       "Connections below TLS 1.2, or without TLS") \
	X(NO_BUDGET,     "no_budget",     "Sources that may be sent any amount (no bytes_out)") \
	X(BUDGET_ALERTS, "budget_alerts", "Budgets that only tell (on_budget: alert)") \
	X(NO_BAN,        "no_ban",        "Policies without automatic bans") \
	X(PRIVACY,       "privacy",       "Files that tell who a source was (privacy)") \
	X(ALLOWED,       "allowed",       "Prefixes that are never refused (allow)") \
	X(CONTRACT_ENDS, "contract_ends", "Contracts of clients that end within a quarter, or ended") \
	X(NEAR_BUDGET,   "near_budget",   "Budgets near their end") \
	X(LIMIT_HIT,     "limit_hit",     "Limits that refuse every day") \
	X(LIMIT_UNUSED,  "limit_unused",  "Limits of which not a tenth was used")

#define CRMG_ENUM_POSTURE(ID, ...) CRMG_POSTURE_##ID,
enum crmg_posture_id { CRMG_POSTURES(CRMG_ENUM_POSTURE) CRMG_POSTURE_COUNT };

/* Of each kind so many findings are kept; more are only counted. Sources: the nearest. */
#define CRMG_POSTURE_KEPT 1000

/* From then on a policy in shadow is called one that was forgotten there. */
#define CRMG_POSTURE_SHADOW_S (7 * 86400)

/* A contract that ends within a quarter is told. */
#define CRMG_POSTURE_ENDS_S (92 * 86400)

/* Counters are judged by averages, from this time on. */
#define CRMG_POSTURE_COUNTED_S 86400

struct crmg_posture_item {
	enum crmg_posture_id id;
	const struct crmg_policy_row *row;	/* that it is about; NULL: the whole */
	struct crmg_pfx source;			/* len 0: none */
	uint64_t since_ns;			/* CLOCK_REALTIME; 0: not known, or no time */
	char text[256];
};

struct crmg_posture {
	const struct crmg_snapshot *snap;
	const struct crmg_problems *problems;
	struct crmg_policy_rows rows;
	struct crmg_posture_item *items;	/* in the order in which they were found */
	size_t count;
	size_t found[CRMG_POSTURE_COUNT];
};

/*
 * Of a snapshot with CRMG_SNAP_SOURCES; both must outlive ret. 0 or -ENOMEM. Free with
 * crmg_posture_free().
 */
int crmg_posture_find(const struct crmg_snapshot *snap, const struct crmg_problems *problems,
		      struct crmg_posture *ret);
void crmg_posture_free(struct crmg_posture *posture);

/* A new document, or NULL when out of memory; and a page. */
json_t *crmg_posture_json(const struct crmg_posture *posture, const char *instance);
void crmg_posture_text(const struct crmg_posture *posture, const char *instance, bool colour,
		       FILE *out);

#endif
