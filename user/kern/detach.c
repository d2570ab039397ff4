// SPDX-License-Identifier: GPL-2.0
/* detach.c - the command detach. */
#include <string.h>

#include "../base/util.h"
#include "internal.h"
#include "saved.h"

/* Takes off the interfaces that are named, or all. */
static int crmg_detach_named(struct crmg_kern *kern, char *const *names, size_t count,
			     struct crmg_err *err)
{
	struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	int code = 0;
	size_t i, j;

	for (i = 0; i < count; i++)
		if (!crmg_iface_find(kern, names[i]))
			code = crmg_err_set(err, -ENOENT, "%s is not attached; 'crmgate status' "
					    "lists what is", names[i]);
	for (i = 0; !code && i < CRMG_IFACES_MAX; i++) {
		struct crmg_iface *iface = &ifaces[i];

		for (j = 0; j < count && strcmp(names[j], iface->name); j++)
			;
		if (!iface->name[0] || (count && j == count))
			continue;
		code = crmg_iface_reachable(iface, err);
		if (code)
			return code;
		crmg_event_add(kern, CRMG_EVENT_DETACH, NULL, "", "%s", iface->name);
		crmg_iface_remove(kern, iface);
	}
	return code;
}

/* The pins of a state from which all interfaces have been taken off, or that nobody understands. */
static int crmg_detach_purge(struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	char folder[CRMG_FOLDER_LEN];
	int code, abi;

	crmg_audit_add(kern, crmg_audit_word(CRMG_AUDIT_PURGE), NULL, "",
		       "policy, bans and counters removed");
	/* Who still holds the maps, as a managing daemon does, must not pin them again. */
	if (control)
		control->gone = CRMG_GONE_PURGED;
	/* Also what is left of an older build's, or the next attach would take it over. */
	while ((abi = crmg_older_abi(kern->instance)) &&
	       !crmg_pin_drop(kern->instance, crmg_pin_abi(abi, folder)))
		;
	code = crmg_pin_purge(kern->instance);
	return code ? crmg_err_set(err, code, "cannot remove the state: %s%s", strerror(-code),
				   crmg_advice(code)) : 0;
}

int crmg_kern_detach(const char *instance, char *const *names, size_t count, bool purge,
		     struct crmg_err *err)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	struct crmg_kern *kern = NULL;
	int lock = crmg_lock_or_say(instance, err), code;

	if (lock < 0)
		return lock;
	code = crmg_kern_new(instance, CRMG_KERN_WRITE, lock, &kern, err);
	if (code)
		return code;
	crmg_pin_sweep(kern);
	/*
	 * What cannot be understood can still be removed: with their pins the links go. One whose
	 * pin cannot go would be dead and stay.
	 */
	code = crmg_bpffs_look() == -EROFS ? -EROFS :
	       crmg_kern_open_maps(kern, purge ? &ignored : err);
	if (!code)
		crmg_kern_settle(kern, err);
	if (!code)
		code = crmg_detach_named(kern, names, count, err);
	else if (code == -EROFS)
		crmg_err_set(err, code, "nothing was changed: %s%s", strerror(-code),
			     crmg_advice(code));
	else if (purge)
		code = 0;
	if (!code && purge)
		code = crmg_detach_purge(kern, err);
	if (!code && purge)
		(void)crmg_saved_remove(instance, err);
	crmg_audit_flush(kern, err);
	crmg_err_clear(&ignored);
	crmg_kern_close(&kern);
	return code;
}
