// SPDX-License-Identifier: GPL-2.0
/* mend.c - what the managing daemon does again and again, done once by a command. */
#include "tend.h"

/* Negative errno, said in err: an interface that is there has not all of its programs. */
static int crmg_mended(struct crmg_kern *kern, struct crmg_err *err)
{
	const struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	int code = 0;

	for (size_t i = 0; i < CRMG_IFACES_MAX; i++) {
		if (!ifaces[i].name[0])
			continue;
		if (ifaces[i].netns != crmg_netns())
			crmg_err_warn(err, "%s is in another network namespace: nothing was done to it",
				      ifaces[i].name);
		else if (!if_nametoindex(ifaces[i].name))
			crmg_err_warn(err, "%s is not there: its programs are put back when it is",
				      ifaces[i].name);
		else if (!crmg_iface_alive(kern, &ifaces[i]))
			code = crmg_err_set(err, -ENOLINK, "%s: not all of its programs are back",
					    ifaces[i].name);
	}
	return code;
}

int crmg_kern_mend(const char *instance, struct crmg_err *err)
{
	int lock = crmg_lock_wait(instance, err), code;
	struct crmg_kern *kern = NULL;
	bool restored;

	if (lock == -EBUSY)
		lock = crmg_lock_or_say(instance, err);
	if (lock < 0)
		return lock;
	code = crmg_kern_new(instance, CRMG_KERN_WRITE, lock, &kern, err);
	if (!code)
		code = crmg_kern_open_maps(kern, err);
	if (!code) {
		crmg_kern_settle(kern, err);
		code = crmg_kern_tend(kern, &restored, err);
	}
	if (!code)
		code = crmg_mended(kern, err);
	crmg_kern_close(&kern);
	return crmg_kern_code(code);
}
