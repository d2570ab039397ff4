/* SPDX-License-Identifier: GPL-2.0 */
/*
 * takeover.h - the state of a build of an older ABI goes on as one of this build's, without a
 * packet that nobody judges:
 *
 *   open     reads what has to go on; refuses what cannot
 *   (attach  makes a state of its own in a folder beside it, with the policy)
 *   commit   bans, panic, interfaces; then the folder gets its name, and the old one is out
 *   (attach  puts its programs under the links)
 *   finish   the old state goes
 *
 * Killed before the commit, the old state is in force, and what was made of the new one is
 * removed by the next attach; afterwards the next command that changes something, or the
 * managing daemon, does what is left.
 */
#ifndef CRMGATE_KERN_TAKEOVER_H
#define CRMGATE_KERN_TAKEOVER_H

#include "internal.h"
#include "saved.h"

struct crmg_takeover {
	struct crmg_kern *old;			/* NULL: there is nothing to take over */
	int abi;				/* of the old state */
	bool committed;
	struct crmg_saved saved;		/* interfaces as their entries are */
	struct crmg_attach_options options;	/* of the attach, for the new state */
};

/*
 * Looks for a state of an older build that has to be taken over, and reads it. -EBUSY, said in
 * err: there is one, and it cannot be. Needs the lock. Free with crmg_takeover_close().
 */
int crmg_takeover_open(const struct crmg_attach_options *o, struct crmg_takeover *ret,
		       struct crmg_err *err);
void crmg_takeover_close(struct crmg_takeover *t);

/* The sources of the old state. False: this build does not know their tables. */
bool crmg_takeover_sources(const struct crmg_takeover *t, struct crmg_snapshot *ret);

/* Adds to t->saved the bans that the kernel made by itself. The old policy must be open. */
int crmg_takeover_automatic(struct crmg_takeover *t);

/* What the new state has from the beginning: the key of its hashes, ... */
void crmg_takeover_setup(const struct crmg_takeover *t, struct crmg_setup *setup);

/* ... and, once it has its maps, what is counted on. */
void crmg_takeover_begin(const struct crmg_takeover *t, struct crmg_kern *kern);

/* A policy is in force in the new state. From now on it is the instance's. */
int crmg_takeover_commit(struct crmg_takeover *t, struct crmg_attaching *a);

/* What came after the commit failed: the old state is the instance's again, if that works. */
void crmg_takeover_undo(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err);

/* Its programs are under the links: removes the old state. */
void crmg_takeover_finish(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err);

/* Does what a command left that was killed after its commit. Needs the lock and the maps. */
void crmg_takeover_settle(struct crmg_kern *kern, struct crmg_err *err);

#endif
