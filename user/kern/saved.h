/* SPDX-License-Identifier: GPL-2.0 */
/*
 * saved.h - what outlives a reboot, in the state folder of an instance: policy.image, the
 * compiled policy in force; interfaces.json, what is attached, panic, and the size of tables;
 * bans.json, as `bans -j` prints them; budgets.json, what sources were sent under budgets of
 * more than an hour. The managing daemon writes them, and reads them when nothing is pinned.
 * `detach --purge` removes them.
 */
#ifndef CRMGATE_KERN_SAVED_H
#define CRMGATE_KERN_SAVED_H

#include <crmgate/window.h>

#include "../report/bans.h"
#include "../state/state.h"
#include "kern.h"

#define CRMG_SAVED_POLICY     "policy.image"
#define CRMG_SAVED_INTERFACES "interfaces.json"
#define CRMG_SAVED_BANS       "bans.json"
#define CRMG_SAVED_BUDGETS    "budgets.json"

/* What the files are of; all 0: nothing was saved yet. */
struct crmg_save_marks {
	uint32_t image_id;	/* map of the policy */
	uint8_t interfaces[32];	/* hash of the file */
	uint32_t ban_epoch;
	uint64_t bans_ns;	/* CLOCK_BOOTTIME */
	uint64_t budgets_ns;	/* the same */
	uint32_t forgotten;	/* times that a source was, when budgets were written */
};

/*
 * Writes those files whose content changed since marks, and once a minute bans and budgets,
 * for the time that is left of them; budgets also when a source was erased; all: these now. A
 * policy that waits to be confirmed is not saved. A failure leaves the files as they were, and is
 * said in err. For CRMG_KERN_MANAGE.
 */
int crmg_kern_save(struct crmg_kern *kern, bool all, struct crmg_save_marks *marks,
		   struct crmg_err *err);

/* What a source was sent; or all under a policy, or of a service. */
struct crmg_saved_budget {
	struct crmg_pfx source;		/* not of all together */
	char service[CRMG_NAME_LEN];
	char policy[CRMG_NAME_LEN];	/* of a source: of the part that is meant, if prefixes ... */
					/* ... divide it, else ""; of all: "" is the service's; ... */
					/* ... of a wider prefix: whose budget it is */
	struct crmg_window_past past[CRMG_WINDOWS_MAX];	/* terms 0: none */
};

/* Half of what map "kept" takes: the rest is for sources that give way from now on. */
#define CRMG_SAVED_BUDGETS_MAX (CRMG_KEPT_MAX / 2)

struct crmg_saved {
	struct crmg_image image;	/* no cells: there is none, or none that can be used */
	char file[512];			/* that the policy was read from; "": none */
	enum crmg_mode mode_cap;
	uint32_t capacity, flows;	/* sizes of the tables; 0: not known */
	uint8_t v4_prefix, v6_prefix;	/* width of a source */
	bool panic;
	bool incomplete;		/* something could not be used; said in err */
	struct crmg_iface ifaces[CRMG_IFACES_MAX];	/* name and modes */
	size_t iface_count;
	struct crmg_banlist bans;	/* for_ns: what is left now */
	struct crmg_saved_budget *budgets;	/* what still counts now */
	size_t budget_count;
	struct crmg_saved_budget *totals;	/* the same of all together */
	size_t total_count;
};

/*
 * Reads the files. One that is damaged is kept as NAME.bad, and the rest is used; a
 * policy of another layout is left out, for its file can be read again. What was found is
 * told as warnings in err. -ENOENT, not said: nothing is saved. Free with crmg_saved_free().
 */
int crmg_saved_read(const char *instance, struct crmg_saved *ret, struct crmg_err *err);
void crmg_saved_free(struct crmg_saved *saved);

/*
 * Puts saved bans in force on a state that was attached anew, without an event for each.
 * Those that cannot be (their service is gone, an own address) are left out and counted.
 */
int crmg_saved_ban(struct crmg_kern *kern, const struct crmg_saved *saved, size_t *ret_count,
		   size_t *ret_left_out, struct crmg_err *err);

/*
 * The same of budgets: each source finds them with its first packet. Left out are those whose
 * service is gone, or whose prefix is no source any more. Only sources are counted: a total
 * that is not among the policies any more has nothing to come back to. Needs the lock.
 */
int crmg_saved_budgets(struct crmg_kern *kern, const struct crmg_saved *saved,
		       size_t *ret_count, size_t *ret_left_out, struct crmg_err *err);

/* Keeps a file as NAME.bad, since what is in it did not come back: the next save is another one. */
void crmg_saved_keep(const char *instance, const char *name, struct crmg_err *err);

/*
 * Takes out of budgets.json what does not count any more of a source; how many budgets that were.
 * A file that is damaged is put aside.
 */
int crmg_saved_forget(const struct crmg_state *state, const struct crmg_pfx *source,
		      size_t *ret_count, struct crmg_err *err);

/* Removes those files that were put aside and can have addresses; how many there were. */
int crmg_saved_drop_bad(const struct crmg_state *state, size_t *ret_count, struct crmg_err *err);

/* Removes the files, and what was put aside; that there are none is no error. */
int crmg_saved_remove(const char *instance, struct crmg_err *err);

#endif
