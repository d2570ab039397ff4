/* SPDX-License-Identifier: GPL-2.0 */
/* tend.h - what the files of tending share: tend.c (interfaces), repin.c (pins). */
#ifndef CRMGATE_KERN_TEND_H
#define CRMGATE_KERN_TEND_H

#include "internal.h"

#define CRMG_TEND_TEXT 200

struct crmg_tend {
	struct crmg_kern *kern;
	struct crmg_err *err;
	bool restored;		/* something was put back */
	bool busy;		/* a command holds the lock: the next call goes on */
};

struct crmg_holding {
	/* The pins that are in no table of crmg_kern; -1: not there. */
	struct crmg_held_pin {
		const char *name;
		int fd;
	} pin[7];
	__u32 image_id;		/* of which the first four are */
	struct crmg_held_iface {
		char name[IF_NAMESIZE];		/* of the entry that the rest is about */
		bool lost;
		__u64 again_ns;			/* CLOCK_BOOTTIME: not tried before */
		char said[CRMG_TEND_TEXT];	/* the last complaint: not said twice */
	} iface[CRMG_IFACES_MAX];
};

enum { HELD_FRONT, HELD_PREVIOUS, HELD_BACK_0, HELD_BACK_1, HELD_XDP, HELD_TC_IN, HELD_TC };

/* ------------------------------------------------------------------ tend.c */

/* Nothing is put back while a command changes the instance: false, and the next call will. */
bool crmg_tend_lock(struct crmg_tend *t);

/* An event, and a line for the log. */
void crmg_tend_event(struct crmg_tend *t, enum crmg_event_kind kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* ----------------------------------------------------------------- repin.c */

/* Takes hold of what commands have put in place since the last call. Negative errno. */
int crmg_tend_hold(struct crmg_tend *t);

/*
 * The folder where the pins belong, if it is not the one we have: it was removed, and
 * another one is made. -ESTALE: somebody has made another state there.
 */
int crmg_tend_folder(struct crmg_tend *t);

/* Pins again whatever has lost its name, but for the links. Negative errno. */
int crmg_tend_pins(struct crmg_tend *t);

/* Pins fd again if its name is gone, and counts it. Negative errno, said. */
int crmg_tend_pin(struct crmg_tend *t, const char *name, int fd, unsigned int *restored);

#endif
