// SPDX-License-Identifier: GPL-2.0
/* detach.c - the command detach. */
#include <string.h>

#include "../base/util.h"
#include "chain.h"
#include "saved.h"

int crmg_iface_removable(const struct crmg_iface *iface, struct crmg_err *err)
{
	int code = crmg_iface_reachable(iface, err);

	return code || !iface->chained ? code : crmg_chain_may_leave(iface, err);
}

/* True for an entry that is one of those that are named, or of all if none is. */
static bool crmg_detach_is_named(const struct crmg_iface *iface, char *const *names, size_t count)
{
	if (!iface->name[0] || !count)
		return iface->name[0];
	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], iface->name))
			return true;
	return false;
}

/* Takes off the interfaces that are named, or all: each of them, or none. */
static int crmg_detach_named(struct crmg_kern *kern, char *const *names, size_t count,
			     struct crmg_err *err)
{
	struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	int code = 0;
	size_t i;

	for (i = 0; i < count; i++)
		if (!crmg_iface_find(kern, names[i]))
			code = crmg_err_set(err, -ENOENT, "%s is not attached; 'crmgate status' "
					    "lists what is", names[i]);
	for (i = 0; !code && i < CRMG_IFACES_MAX; i++)
		if (crmg_detach_is_named(&ifaces[i], names, count))
			code = crmg_iface_removable(&ifaces[i], err);
	for (i = 0; !code && i < CRMG_IFACES_MAX; i++)
		if (crmg_detach_is_named(&ifaces[i], names, count)) {
			crmg_event_add(kern, CRMG_EVENT_DETACH, NULL, "", "%s", ifaces[i].name);
			crmg_iface_remove(kern, &ifaces[i]);
		}
	return code;
}

/* The pins of a state from which all interfaces have been taken off. */
static int crmg_detach_purge(struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	char folder[CRMG_FOLDER_LEN];
	int code, abi;

	crmg_audit_add(kern, crmg_audit_word(CRMG_AUDIT_PURGE), NULL, "",
		       "policy, bans and counters removed");
	/* Who still holds the maps, as a managing daemon does, must not pin them again. */
	control->gone = CRMG_GONE_PURGED;
	/* Also what is left of an older build's, or the next attach would take it over. */
	while ((abi = crmg_older_abi(kern->instance)) &&
	       !crmg_pin_drop(kern->instance, crmg_pin_abi(abi, folder)))
		;
	code = crmg_pin_purge(kern->instance);
	return code ? crmg_err_set(err, code, "cannot remove the state: %s%s", strerror(-code),
				   crmg_advice(code)) : 0;
}

/* The state of this build's ABI, with all that it says. */
static int crmg_detach_known(struct crmg_kern *kern, char *const *names, size_t count, bool purge,
			     struct crmg_err *err)
{
	int code = 0;

	crmg_kern_settle(kern, err);
	code = crmg_detach_named(kern, names, count, err);
	if (!code && purge)
		code = crmg_detach_purge(kern, err);
	crmg_audit_flush(kern, err);
	return code;
}

/* True if it says what this process lacks: with that a state may well be read. */
static bool crmg_detach_lacks(int code)
{
	return code == -EPERM || code == -EACCES || code == -EMFILE || code == -ENFILE ||
	       code == -ENOMEM;
}

int crmg_kern_detach(const char *instance, char *const *names, size_t count, bool purge,
		     struct crmg_err *err)
{
	int lock = crmg_lock_or_say(instance, err), code;
	struct crmg_err why = CRMG_ERR_INIT;
	struct crmg_kern *kern = NULL;
	char folder[CRMG_FOLDER_LEN];

	if (lock < 0)
		return lock;
	code = crmg_other_check(instance, &why);
	if (!code)
		code = crmg_kern_at(instance, crmg_pin_abi(CRMG_ABI, folder), CRMG_KERN_WRITE, -1,
				    &kern, &why);
	if (!code) {
		kern->lock = lock;
		crmg_pin_sweep(kern);
		code = crmg_kern_open_maps(kern, &why);
	}
	/* A link whose pin cannot go would be dead and stay. */
	if (crmg_bpffs_look() == -EROFS)
		code = crmg_err_set(err, -EROFS, "nothing was changed: %s%s", strerror(EROFS),
				    crmg_advice(-EROFS));
	else if (!code)
		code = crmg_detach_known(kern, names, count, purge, err);
	else if (!purge || crmg_detach_lacks(code) ||
		 (code = crmg_purge_all(instance, err)) == -ENOENT)
		crmg_err_set(err, code, "%s", why.messages[0].text);
	if (!code && purge)
		(void)crmg_saved_remove(instance, err);
	crmg_err_clear(&why);
	if (kern)
		crmg_kern_close(&kern);
	else
		close(lock);
	return code;
}
