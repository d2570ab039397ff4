// SPDX-License-Identifier: GPL-2.0
/*
 * other.c - which states an instance has, as folders: that of this build's ABI, one that is
 * only being made, and that of a build of another ABI, told by the name of its folder. That
 * of a newer build is neither read nor changed: what is in force there stays so. That of an
 * older one is taken over by an attach (takeover.c).
 */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/util.h"
#include "internal.h"

/* True if what made a state came to its end: its front is pinned last. */
static bool crmg_state_whole(int instance, const char *folder)
{
	char front[512];
	struct stat st;

	snprintf(front, sizeof(front), "%s/" CRMG_FRONT_PIN, folder);
	return !fstatat(instance, front, &st, AT_SYMLINK_NOFOLLOW);
}

bool crmg_state_there(const char *instance)
{
	char path[CRMG_PIN_LEN];

	return crmg_state_whole(AT_FDCWD, crmg_pin_dir(instance, path, sizeof(path)));
}

int crmg_state_name(const char *instance, const char *from, const char *to)
{
	char old[CRMG_PIN_LEN], new[CRMG_PIN_LEN];

	crmg_pin_folder(instance, from, old, sizeof(old));
	crmg_pin_folder(instance, to, new, sizeof(new));
	return rename(old, new) ? -errno : 0;
}

int crmg_state_commit(const char *instance, struct crmg_err *err)
{
	char folder[CRMG_FOLDER_LEN];
	int code;

	/* Of an attach that did not come to its end. */
	(void)crmg_pin_drop(instance, crmg_pin_abi(CRMG_ABI, folder));
	code = crmg_state_name(instance, CRMG_NEXT_FOLDER, folder);
	return code ? crmg_err_set(err, code, "cannot name the new state: %s%s", strerror(-code),
				   crmg_advice(code)) : 0;
}

/* The newest whole state of another ABI; 0: there is none; negative errno: too little to look. */
static int crmg_other_abi(const char *instance)
{
	char path[CRMG_PIN_LEN];
	struct dirent *entry;
	DIR *dir = opendir(crmg_pin_instance(instance, path, sizeof(path)));
	/* Whoever opens it says what else is wrong with it. */
	int newest = !dir && (errno == EMFILE || errno == ENFILE || errno == ENOMEM) ? -errno : 0;

	while (dir && (entry = readdir(dir))) {
		char rest;
		int abi;

		if (sscanf(entry->d_name, "v%d%c", &abi, &rest) != 1 ||
		    !crmg_state_whole(dirfd(dir), entry->d_name))
			continue;
		if (abi != CRMG_ABI && abi > newest)
			newest = abi;
	}
	if (dir)
		closedir(dir);
	return newest;
}

int crmg_older_abi(const char *instance)
{
	int abi = crmg_other_abi(instance);

	return abi > 0 && abi < CRMG_ABI ? abi : 0;
}

bool crmg_kern_older(const char *instance)
{
	return crmg_older_abi(instance) && !crmg_state_there(instance);
}

int crmg_other_check(const char *instance, struct crmg_err *err)
{
	int abi = crmg_other_abi(instance);
	char path[CRMG_PIN_LEN];

	if (!abi || (abi < CRMG_ABI && crmg_state_there(instance)))
		return 0;
	if (abi < 0)
		return crmg_err_set(err, abi, "cannot read %s: %s%s",
				    crmg_pin_instance(instance, path, sizeof(path)), strerror(-abi),
				    crmg_advice(abi));
	if (abi < CRMG_ABI)
		return crmg_err_set(err, -EBUSY, "instance '%s' was attached by an older build: its "
				    "state is of ABI %d, and that of this build (%s) of ABI %d; what "
				    "is in force stays. 'crmgate attach IFACE' of this build takes it "
				    "over, 'crmgate detach --all --purge' takes it off", instance,
				    abi, CRMG_VERSION, CRMG_ABI);
	return crmg_err_set(err, -EBUSY, "instance '%s' was attached by a newer build: its state is of "
			    "ABI %d, and this build (%s) only knows ABI %d; what is in force stays. "
			    "Use the build that made it, or take it off with 'crmgate detach --all "
			    "--purge' and attach with this one", instance, abi,
			    CRMG_VERSION, CRMG_ABI);
}

/*
 * -EEXIST, not said: there is a state of this ABI that an attach made, also one of which pins
 * were removed. *ret_left: there is none, but programs of one are pinned.
 */
static int crmg_state_look(const char *instance, bool *ret_left, struct crmg_err *err)
{
	struct crmg_err why = CRMG_ERR_INIT;
	struct crmg_kern *kern = NULL;
	char folder[CRMG_FOLDER_LEN];
	bool begun = false;
	int code = crmg_kern_at(instance, crmg_pin_abi(CRMG_ABI, folder), CRMG_KERN_READ, -1, &kern,
				&why);

	if (!code)
		code = crmg_state_begun(kern, &begun, &why);
	*ret_left = !code && !begun && crmg_pin_there(kern, CRMG_XDP_PIN);
	crmg_kern_close(&kern);
	/* Whatever else cannot be read may be a state in force. */
	if (code && code != -ENOENT)
		crmg_err_set(err, code, "%s", why.messages[0].text);
	crmg_err_clear(&why);
	return begun ? -EEXIST : code == -ENOENT ? 0 : code;
}

int crmg_state_none(const char *instance, struct crmg_err *err)
{
	bool left;

	return crmg_state_look(instance, &left, err);
}

int crmg_state_needed(const char *instance, struct crmg_err *err)
{
	bool left;
	int code = crmg_state_look(instance, &left, err);

	if (code)
		return code == -EEXIST ? 0 : code;
	if (left)
		return crmg_err_set(err, -ENOENT, "pins of the policy of instance '%s' were removed, and "
				    "what is attached goes on: a daemon that manages it puts them back; "
				    "without one 'crmgate attach IFACE --policy FILE' begins anew",
				    instance);
	return crmg_err_set(err, -ENOENT, "nothing is attached for instance '%s': name interfaces",
			    instance);
}
