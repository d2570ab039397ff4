/* SPDX-License-Identifier: GPL-2.0 */
/*
 * record.h - one record of the ledger: what passed in one interval of time, by policy and by
 * source, as a sealed line of JSON (state/sealed.h). What the record says is only what is
 * new in it, so that the records of a time can be added up.
 */
#ifndef CRMGATE_LEDGER_RECORD_H
#define CRMGATE_LEDGER_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <crmgate/abi.h>

#include "../base/addr.h"
#include "days.h"

/*
 * X(ID, "key", "TITLE"): what is counted, by the words of `top`. Requests under TLS are an
 * estimate, and never in one sum with others: a record has them as the requests of a policy
 * that is said to be estimated, and they go apart where records are added up.
 */
#define CRMG_LEDGER_COUNTS(X) \
	X(BYTES_OUT,   "bytes_out",       "BYTES OUT") \
	X(BYTES,       "bytes",           "BYTES IN") \
	X(PACKETS,     "packets",         "PACKETS") \
	X(CONNECTIONS, "connections",     "CONNS") \
	X(REQUESTS,    "requests",        "REQUESTS") \
	X(REQUESTS_ESTIMATED, "requests_estimated", "~REQUESTS") \
	X(DROPPED,     "dropped_packets", "DROPPED")

#define CRMG_ENUM_LEDGER(ID, ...) CRMG_LEDGER_##ID,
enum crmg_ledger_count { CRMG_LEDGER_COUNTS(CRMG_ENUM_LEDGER) CRMG_LEDGER_COUNT };

/*
 * X(ID, "name", "help"): how far the policy was enforced, the weakest last. Of an interval
 * and a policy the weaker one holds.
 */
#define CRMG_LEDGER_STATES(X) \
	X(ENFORCED,  "enforced",  "refused was what the policy refuses") \
	X(SHADOW,    "shadow",    "the policy, or all of them, in shadow: nothing was refused") \
	X(OFF,       "off",       "the policy in mode off: nothing was refused") \
	X(UNWATCHED, "unwatched", "counted by the kernel while the ledger was not kept") \
	X(PARTIAL,   "partial",   "a program was missing on an interface that is wanted") \
	X(DETACHED,  "detached",  "no program was on any interface") \
	X(PANIC,     "panic",     "everything passed, by command")

#define CRMG_ENUM_LEDGER_STATE(ID, ...) CRMG_LEDGER_STATE_##ID,
enum crmg_ledger_state { CRMG_LEDGER_STATES(CRMG_ENUM_LEDGER_STATE) CRMG_LEDGER_STATE_COUNT };

struct crmg_ledger_sums {
	uint64_t of[CRMG_LEDGER_COUNT];
};

struct crmg_ledger_policy {
	char service[CRMG_NAME_LEN];
	char policy[CRMG_NAME_LEN];	/* or none, allow */
	enum crmg_ledger_state state;	/* of the policy alone: enforced, shadow or off */
	bool estimated;			/* some of its requests are an estimate */
	struct crmg_ledger_sums other;	/* of no source that is named */
	struct crmg_ledger_sums counter;	/* of the kernel, where the record ends */
	uint32_t row;			/* where the kernel has that; 0: not known */
};

struct crmg_ledger_source {
	uint32_t policy;		/* index in the interval */
	char client[CRMG_NAME_LEN];
	struct crmg_pfx prefix;		/* as wide as it is told */
	uint32_t check;			/* 0; or prefix.addr is a pseudonym's (pseudonym.h) */
	struct crmg_ledger_sums sums;
	uint64_t first_ns;		/* CLOCK_REALTIME, of all that is in the sums */
	uint64_t last_ns;
};

struct crmg_ledger_interval {
	uint32_t seq;			/* from 1, without holes */
	uint32_t generation;		/* of the policies */
	uint64_t from_ns;		/* CLOCK_REALTIME; in the file whole seconds */
	uint64_t to_ns;
	enum crmg_ledger_state state;
	bool pseudonyms;		/* is to be written with them */
	struct crmg_ledger_policy *policies;	/* each (service, policy) once */
	size_t policy_count;
	struct crmg_ledger_source *sources;	/* each (policy, client, prefix) once */
	size_t source_count;
};

/*
 * First moment of the day that a record is of: on which it begins, unless it is longer than
 * one; then on which it ends, or it would be too old when it is written.
 */
uint64_t crmg_ledger_day(const struct crmg_ledger_interval *interval);

void crmg_ledger_interval_clear(struct crmg_ledger_interval *interval);

const char *crmg_ledger_state_name(enum crmg_ledger_state state);

/* The weaker of the two. */
static inline enum crmg_ledger_state crmg_ledger_weaker(enum crmg_ledger_state a,
							enum crmg_ledger_state b)
{
	return a > b ? a : b;
}

void crmg_ledger_add(struct crmg_ledger_sums *to, const struct crmg_ledger_sums *from);
bool crmg_ledger_is_zero(const struct crmg_ledger_sums *sums);

/* Adds the sums as members of an object, those that are not 0. */
void crmg_ledger_sums_json(json_t *object, const struct crmg_ledger_sums *sums);

/* A line with its newline, that the caller frees. NULL: out of memory. */
char *crmg_ledger_format(const struct crmg_ledger_interval *interval);

/*
 * The way back, of a line without newline: 0, -ENOMEM, or -EBADMSG: it is no record, or not
 * as it was written. Free with crmg_ledger_interval_clear().
 */
int crmg_ledger_parse(const char *text, size_t size, struct crmg_ledger_interval *ret);

#endif
