// SPDX-License-Identifier: GPL-2.0
/*
 * panic.c - the commands panic and resume: on whatever judges packets now, also before a newer
 * build has taken over, and while it does.
 */
#include "../base/util.h"
#include "internal.h"

bool crmg_kern_panic(struct crmg_kern *kern, bool on, const char *by)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	if (__atomic_exchange_n(&control->panic, on, __ATOMIC_SEQ_CST) == on)
		return false;
	control->panic_since_ns = on ? crmg_clock_ns(CLOCK_REALTIME) : 0;
	kern->actor = by;
	crmg_event_add(kern, on ? CRMG_EVENT_PANIC : CRMG_EVENT_RESUME, NULL, "", "%s",
		       on ? "everything passes" : "the policy holds again");
	kern->actor = NULL;
	return true;
}

/* In an older state: with an event, unless there is a newer one that gets it. */
static int crmg_panic_turn(struct crmg_kern *older, bool on, const char *by)
{
	struct crmg_control *control = older->view[CRMG_MAP_CONTROL].memory;
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;

	if (!control)
		return -EPROTO;
	if (!crmg_kern_older(older->instance) || !older->view[CRMG_MAP_EVENTS].memory ||
	    !older->view[CRMG_MAP_SCRATCH].memory) {
		__atomic_store_n(&control->panic, on, __ATOMIC_SEQ_CST);
		return 0;
	}
	(void)crmg_kern_image(older, &image, &ignored);
	crmg_err_clear(&ignored);
	crmg_kern_panic(older, on, by);
	return 0;
}

/* The state that an older build left, while its programs may still run: 1, or 0: there is none. */
static int crmg_panic_older(const char *instance, bool on, const char *by)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	int abi = crmg_older_abi(instance);
	struct crmg_kern *older = NULL;
	char folder[CRMG_FOLDER_LEN];
	int code;

	if (!abi)
		return 0;
	code = crmg_kern_at(instance, crmg_pin_abi(abi, folder), CRMG_KERN_MANAGE, -1, &older,
			    &ignored);
	if (!code) {
		crmg_kern_open_older(older, abi);
		code = crmg_panic_turn(older, on, by);
	}
	crmg_kern_close(&older);
	crmg_err_clear(&ignored);
	return code ? code : 1;
}

int crmg_panic(const char *instance, bool on, const char *by, struct crmg_err *err)
{
	struct crmg_kern *kern = NULL;
	const struct crmg_image *image;
	/* This one first: a takeover looks at it again when the newer state is there. */
	int code = crmg_panic_older(instance, on, by);

	if (code > 0 && crmg_kern_older(instance))
		return 0;
	code = crmg_kern_open(instance, CRMG_KERN_MANAGE, &kern, err);
	if (code)
		return code;
	(void)crmg_kern_image(kern, &image, err);
	crmg_kern_panic(kern, on, by);
	crmg_kern_close(&kern);
	return 0;
}
