/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bans.h - lists of bans: written out of a snapshot, and read back. What
 * crmg_bans_json() writes, crmg_banlist_read() understands.
 */
#ifndef CRMGATE_BANS_H
#define CRMGATE_BANS_H

#include <stdio.h>

#include <jansson.h>

#include "../base/addr.h"
#include "../base/err.h"
#include "snapshot.h"

/*
 * Manual and automatic bans, of a snapshot with CRMG_SNAP_BANS: a new document, or
 * NULL; a table: 0 or -ENOMEM.
 */
json_t *crmg_bans_json(const struct crmg_snapshot *snap);
int crmg_bans_text(const struct crmg_snapshot *snap, bool colour, FILE *out);

#define CRMG_BANLIST_MAX_BYTES (64u << 20)
#define CRMG_BAN_NOTE_MAX      64

/* One ban as a list or a command line names it; what is not said is "" or 0. */
struct crmg_banlist_entry {
	struct crmg_pfx prefix;
	char service[CRMG_NAME_LEN];
	char origin[CRMG_NAME_LEN];
	char note[CRMG_BAN_NOTE_MAX + 1];
	uint64_t for_ns;		/* CRMG_BAN_FOREVER: until unban; 0: not said */
};

struct crmg_banlist {
	struct crmg_banlist_entry *entries;
	size_t count;
	size_t ended;			/* entries of a document left out: their end has passed */
};

/* Adds a prefix (or address) as text: 0, -ENOMEM, or -EINVAL and why. */
int crmg_banlist_add(struct crmg_banlist *list, const char *text, const char **ret_why);

/*
 * Reads a list: prefixes, one a line, the rest of a line after a blank, '#' or
 * ';' being comment; or the JSON document of `bans -j`. name is for messages;
 * real_ns: now, which ends are reckoned from. All errors go to err. Returns 0,
 * -ENOMEM, -EIO, -EFBIG, or -EINVAL.
 */
int crmg_banlist_read(struct crmg_banlist *list, FILE *in, const char *name, uint64_t real_ns,
		      struct crmg_err *err);

void crmg_banlist_free(struct crmg_banlist *list);

/* The rule for names of services, origins, instances: [A-Za-z0-9][A-Za-z0-9_-]{0,31}. */
bool crmg_is_name(const char *text);

/* At most CRMG_BAN_NOTE_MAX bytes, nothing that could move a cursor. */
bool crmg_is_note(const char *text);

#endif
