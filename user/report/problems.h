/* SPDX-License-Identifier: GPL-2.0 */
/* problems.h - what is not as the operator wants it, found in one snapshot. */
#ifndef CRMGATE_PROBLEMS_H
#define CRMGATE_PROBLEMS_H

#include <net/if.h>

#include "snapshot.h"

/*
 * X(ID, "name", unenforced): the closed list. unenforced: a packet may be
 * judged otherwise than the policy says, so `status --check` fails. Ids that
 * this version cannot find yet are here because the metric has a series for
 * each.
 */
#define CRMG_PROBLEMS(X) \
	X(GENERIC_MODE,      "generic_mode",      true) \
	X(INTERFACE_GONE,    "interface_gone",    true) \
	X(TC_MISSING,        "tc_missing",        true) \
	X(ONE_WAY_TRAFFIC,   "one_way_traffic",   true) \
	X(TABLE_PRESSURE,    "table_pressure",    true) \
	X(EVENTS_SUPPRESSED, "events_suppressed", false) \
	X(FEED_STALE,        "feed_stale",        false) \
	X(DAEMON_BEHIND,     "daemon_behind",     false) \
	X(FOREIGN_PROGRAM,   "foreign_program",   true) \
	X(PANIC,             "panic",             true) \
	X(TC_MODE,           "tc_mode",           false) \
	X(PROOF_FAILED,      "proof_failed",      true) \
	X(PROOF_STALE,       "proof_stale",       true) \
	X(AUDIT_LOG,         "audit_log",         false) \
	X(STATE_UNSAVED,     "state_unsaved",     false) \
	X(RESTORE_INCOMPLETE, "restore_incomplete", true) \
	X(LEDGER_UNSAVED,    "ledger_unsaved",    false) \
	X(TAKEOVER_UNFINISHED, "takeover_unfinished", true) \
	X(CONTRACT_ENDS,     "contract_ends",     false) \
	X(REJECT_RESETS,     "reject_resets",     false) \
	X(AGGREGATES_FULL,   "aggregates_full",   true)

#define CRMG_ENUM_PROBLEM(ID, ...) CRMG_PROBLEM_##ID,
enum crmg_problem_id { CRMG_PROBLEMS(CRMG_ENUM_PROBLEM) CRMG_PROBLEM_COUNT };

struct crmg_problem {
	enum crmg_problem_id id;
	uint64_t since_ns;	/* CLOCK_REALTIME; 0: not known */
	char iface[IFNAMSIZ];	/* that it is about; "": none */
	char text[192];		/* what it is and what to do */
};

struct crmg_problems {
	struct crmg_problem item[3 * CRMG_IFACES_MAX + CRMG_PROBLEM_COUNT];
	size_t count;
};

void crmg_problems_find(const struct crmg_snapshot *snap, struct crmg_problems *ret);

/*
 * True if programs are attached, the last proof found everything enforced and is no older
 * than who repeats it promises, and no problem is one of enforcement.
 */
bool crmg_is_enforced(const struct crmg_snapshot *snap, const struct crmg_problems *problems);

const char *crmg_problem_name(enum crmg_problem_id id);
bool crmg_problem_is_unenforced(enum crmg_problem_id id);

#endif
