/* SPDX-License-Identifier: GPL-2.0 */
/*
 * state.h - the folder /var/lib/crmgate/INSTANCE: what has to be there after a reboot.
 * The folders are 0750 root:crmgate, files in them 0640, keys 0600. A file has one writer at a
 * time: who writes holds the lock of the instance, or a lock of its own.
 */
#ifndef CRMGATE_STATE_H
#define CRMGATE_STATE_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/err.h"

#define CRMG_STATE_BASE "/var/lib/crmgate"

struct crmg_state {
	int dir;		/* -1: not open */
	char path[128];		/* for messages */
};

#define CRMG_STATE_INIT { .dir = -1 }

/*
 * Opens the folder of an instance, with `create` makes it. -ENOENT, not said: there is
 * none. -EPERM: it belongs to somebody else, or others may write it. Outputs are
 * untouched on failure.
 */
int crmg_state_open(const char *instance, bool create, struct crmg_state *ret,
		    struct crmg_err *err);

/* The same below another base (tests without root); its parent has to be there. */
int crmg_state_open_below(const char *base, const char *instance, bool create,
			  struct crmg_state *ret, struct crmg_err *err);

void crmg_state_close(struct crmg_state *state);

/* A state that is closed when it goes out of scope. */
#define crmg_autostate __attribute__((cleanup(crmg_state_close)))

/*
 * Opens a file to read it: a descriptor, and its size in *ret_size (may be NULL). -ENOENT,
 * not said: there is none. -EINVAL: no regular file.
 */
int crmg_state_file(const struct crmg_state *state, const char *name, size_t *ret_size,
		    struct crmg_err *err);

/*
 * Reads a whole file of at most max bytes, into memory that the caller frees; a NUL
 * follows it. Errors as crmg_state_file(), and -EFBIG: it is larger than max.
 */
int crmg_state_read(const struct crmg_state *state, const char *name, size_t max,
		    char **ret, size_t *ret_size, struct crmg_err *err);

/*
 * Replaces a file, or makes it: after a crash, or a failure of any kind, it is the old
 * one or the new one, whole. Returns only when it is on the disk.
 */
int crmg_state_write(const struct crmg_state *state, const char *name, const void *data,
		     size_t size, struct crmg_err *err);

/* The same, for the owner's eyes only: mode 0600. */
int crmg_state_write_secret(const struct crmg_state *state, const char *name, const void *data,
			    size_t size, struct crmg_err *err);

/*
 * Adds to the end of a file, or makes it. Returns only when it is on the disk. After a
 * failure the file is as it was; after a crash the end of it may be a part of data.
 */
int crmg_state_append(const struct crmg_state *state, const char *name, const void *data,
		      size_t size, struct crmg_err *err);

/*
 * Waits for the lock of a file, and takes it: a descriptor to close. Only the owner of the
 * folder can hold it, and so nobody who only reads.
 */
int crmg_state_lock(const struct crmg_state *state, const char *name, struct crmg_err *err);

#define CRMG_STATE_BAD ".bad"

/*
 * Keeps a file that is not to be used as NAME.bad, to be looked at, in the place of an older
 * one. Under its own name it stays until it is written anew, so that who was killed before
 * that finds it again, and not nothing; what is no file is renamed. -ENOENT, not said: there
 * is none.
 */
int crmg_state_quarantine(const struct crmg_state *state, const char *name,
			  struct crmg_err *err);

/* Removes what a crash left of a file that was being replaced. */
void crmg_state_discard(const struct crmg_state *state, const char *name);

/* Removes a file, and what a crash left of another in its place, durably; that there is none
 * is no error. */
int crmg_state_remove(const struct crmg_state *state, const char *name, struct crmg_err *err);

#endif
