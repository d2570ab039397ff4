/* SPDX-License-Identifier: GPL-2.0 */
/* savedfile.h - the formats that save.c writes and saved.c reads. */
#ifndef CRMGATE_KERN_SAVEDFILE_H
#define CRMGATE_KERN_SAVEDFILE_H

#include "../state/sealed.h"
#include "saved.h"

#define CRMG_SAVED_VERSION 1	/* of the JSON files */

/* Before the cells of policy.image. */
struct crmg_saved_head {
	char magic[8];
	__u32 abi;
	__u32 layout;		/* crmg_saved_layout() of the build that wrote it */
	__u64 cells;
	__u8 sha256[CRMG_SHA256_SIZE];	/* of the cells */
};
CRMG_SIZE(struct crmg_saved_head, 56);

#define CRMG_SAVED_MAGIC "CRMGPOL1"

/* Changes with the size of anything in an image. */
__u32 crmg_saved_layout(void);

/*
 * budgets.json: {"version", "boot_id", "monotonic_ns", "sources": [{"source", "service",
 * "policy", "windows": [{"per_seconds", "eighth_bytes", "used_bytes", "left"}]}], "totals":
 * [{"service", "policy", "windows"}]}. A source that is wider than sources are is a prefix whose
 * sources have a budget together. policy: of such a prefix; of a source "" unless prefixes divide
 * it; of a total "" if it is that of the service. used_bytes: of the eighth of the quota that was begun;
 * left: how long the end of it and of those before still counts, in 2^-15 of the window, the
 * latest first (struct crmg_window_past).
 */

/* Who writes budgets.json, or changes it, holds it from the reading of what goes into it on. */
#define CRMG_SAVED_LOCK "saved"

/* Takes a document over, and writes it if it differs from `hash`, when that is not NULL. */
int crmg_save_json(const struct crmg_state *state, const char *name, json_t *document,
		   uint8_t *hash, struct crmg_err *err);

/*
 * What budgets.json says, and the document to be freed; NULL: there is none, or it was damaged
 * and put aside, as warnings in err say. 0 then too.
 */
int crmg_saved_budgets_read(const struct crmg_state *state, struct crmg_saved *saved,
			    json_t **ret, struct crmg_err *err);

/* Of a snapshot with CRMG_SNAP_SOURCES: a new document in *ret, or NULL: out of memory. */
int crmg_budgets_json(struct crmg_kern *kern, const struct crmg_snapshot *snap, json_t **ret,
		      struct crmg_err *err);

/* True if anything that was sent still counts in one of the windows. */
bool crmg_windows_count(const struct crmg_windows *windows, uint64_t mono_ns);

/* Takes out of map "kept" what does not count any more of a source. Snap: with sources. */
int crmg_kept_forget(struct crmg_kern *kern, const struct crmg_snapshot *snap,
		     const struct crmg_pfx *source, struct crmg_err *err);

/* What map "kept", and a slot, know a source by; share: see crmg_hash_of(). */
uint64_t crmg_check_of(const struct crmg_setup *setup, const struct crmg_addr *addr,
		       uint8_t service, uint16_t share);

/* The way back, to what still counts now: 0, -ENOMEM, or -EINVAL: it makes no sense. */
int crmg_budgets_read(const json_t *document, struct crmg_saved *saved);

#endif
