/* SPDX-License-Identifier: GPL-2.0 */
/*
 * follow.h - the lines that somebody else adds to a file, over its rotation. Reads
 * what is there and never waits.
 */
#ifndef CRMGATE_FOLLOW_H
#define CRMGATE_FOLLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "err.h"

/* Of a longer line only the beginning is handed over. */
#define CRMG_FOLLOW_LINE 16384

struct crmg_followed {
	int fd;			/* -1: none */
	dev_t device;
	ino_t inode;
	uint64_t at;		/* bytes read */
	bool skip;		/* what comes first is the rest of a line that was begun before */
	size_t length;		/* of the line that has no end yet */
	char line[CRMG_FOLLOW_LINE];
};

struct crmg_follow {
	const char *path;
	struct crmg_followed now;	/* the file that has the name, ... */
	struct crmg_followed before;	/* and the one that had it: its writer may go on with it */
	unsigned int rotated;		/* times that another file got the name */
	unsigned int truncated;		/* times that one became shorter: lines may be lost */
};

/*
 * Begins at the present end of the file; path must outlive it. 0, or -errno and an error
 * that says what is accepted. Release with crmg_follow_close().
 */
int crmg_follow_open(const char *path, struct crmg_follow *ret, struct crmg_err *err);
void crmg_follow_close(struct crmg_follow *follow);

/*
 * Hands over each line that has its end since the last call, without it; a NUL byte ends
 * it early. What was written without an end waits for it. 0, or -errno.
 */
int crmg_follow_read(struct crmg_follow *follow, void (*take)(void *context, const char *line),
		     void *context);

#endif
