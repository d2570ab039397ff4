/* SPDX-License-Identifier: GPL-2.0 */
/*
 * entry.h - one entry of the audit log: a sealed line whose "prev" is the hash of the entry
 * before it.
 */
#ifndef CRMGATE_AUDIT_ENTRY_H
#define CRMGATE_AUDIT_ENTRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include <crmgate/abi.h>

#include "../base/addr.h"
#include "../state/sealed.h"

#define CRMG_AUDIT_HASH CRMG_SHA256_SIZE	/* bytes */
#define CRMG_AUDIT_HEX  CRMG_SHA256_HEX
#define CRMG_AUDIT_LINE 8192	/* no line is longer */

/*
 * X(ID, "word", skips): entries about the log itself, beside those about what was done.
 * skips: "missing" says for how many numbers it stands.
 */
#define CRMG_AUDIT_MARKS(X) \
	X(HOLE,   "hole",   true)	/* entries that could not be written when they were made */ \
	X(DAMAGE, "damage", true)	/* entries that were there and are not any more */ \
	X(TORN,   "torn",   false)	/* the line before it was only begun, by a process that died */ \
	X(KILLED, "killed", false)	/* a command died before it had written what it did */ \
	X(GAP,    "gap",    false)	/* nothing was in the kernel since the entry before */ \
	X(PURGE,  "purge",  false)	/* the state was removed from the kernel */

#define CRMG_ENUM_AUDIT_MARK(ID, ...) CRMG_AUDIT_##ID,
enum crmg_audit_mark_id { CRMG_AUDIT_MARKS(CRMG_ENUM_AUDIT_MARK) CRMG_AUDIT_MARK_COUNT };

const char *crmg_audit_word(enum crmg_audit_mark_id id);

/* What an entry says; texts may come from anywhere. */
struct crmg_audit_entry {
	uint64_t real_ns;	/* CLOCK_REALTIME */
	char what[16];
	char details[256];
	char service[CRMG_NAME_LEN];	/* "": none */
	struct crmg_pfx prefix;	/* of a ban; written as its /24 or /48 */
	bool has_prefix;
	uint32_t generation;	/* in force; 0: none */
	uint32_t missing;	/* of a mark that skips numbers */
};

/* Where a chain is: the last entry, all zero before the first. */
struct crmg_audit_head {
	uint32_t seq;
	uint8_t hash[CRMG_AUDIT_HASH];
};

/*
 * A line of the chain, with its newline, that the caller frees; head moves on to it. who:
 * members that are added (see who.h). NULL: out of memory.
 */
char *crmg_audit_format(const struct crmg_audit_entry *entry, const json_t *who,
			struct crmg_audit_head *head);

/* What was read from a line. */
struct crmg_audit_line {
	json_t *json;		/* the whole entry; the caller's */
	const char *what;	/* in json */
	struct crmg_audit_head head;
	uint8_t prev[CRMG_AUDIT_HASH];
	uint32_t missing;	/* numbers it stands for: at least 1 */
};

/*
 * Reads a line (without newline): 0, or -EBADMSG: it is no entry, or its hash does not fit.
 */
int crmg_audit_parse(const char *text, size_t size, struct crmg_audit_line *ret);

/* The half of a hash that fits into the kernel's mark. */
bool crmg_audit_mark_fits(const struct crmg_audit_mark *mark, const struct crmg_audit_head *head);
void crmg_audit_mark_set(struct crmg_audit_mark *mark, const struct crmg_audit_head *head);

#endif
