// SPDX-License-Identifier: GPL-2.0
/* drop.c - gives up root and every capability, so that they cannot come back. */
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../base/util.h"
#include "daemon.h"
#include "parts.h"

static int find_user(const char *user, const struct passwd **ret, struct crmg_err *err)
{
	*ret = getpwnam(user ? user : CRMG_DAEMON_USER);
	if (*ret)
		return 0;
	if (user)
		return crmg_err_set(err, -ENOENT, "there is no user \"%s\"", user);
	*ret = getpwnam("nobody");
	if (!*ret)
		return crmg_err_set(err, -ENOENT, "there is no user %s; useradd -r %s",
				    CRMG_DAEMON_USER, CRMG_DAEMON_USER);
	crmg_err_warn(err, "there is no user %s, running as nobody; useradd -r %s",
		      CRMG_DAEMON_USER, CRMG_DAEMON_USER);
	return 0;
}

static int become(const char *user, gid_t pins, struct crmg_err *err)
{
	const struct passwd *who = NULL;
	int code = find_user(user, &who, err);

	if (code < 0)
		return code;
	/* Groups first: afterwards it may not any more. The one of the pins is all it needs. */
	if (setgroups(1, &pins) < 0 ||
	    setresgid(who->pw_gid, who->pw_gid, who->pw_gid) < 0 ||
	    setresuid(who->pw_uid, who->pw_uid, who->pw_uid) < 0)
		return crmg_err_set(err, -errno, "cannot become %s: %s", who->pw_name,
				    strerror(errno));
	if (who->pw_uid != 0 && setuid(0) == 0)
		return crmg_err_set(err, -EPERM, "root could be taken back; this is not safe");
	return 0;
}

/* For good: not by a set-uid program either. */
static int limit_to(const struct __user_cap_data_struct *caps, struct crmg_err *err)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };

	/* Dumpable again: pins are opened through /proc/self/fd, which else stays root's. */
	if (syscall(SYS_capset, &header, caps) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) < 0)
		return crmg_err_set(err, -errno, "capabilities cannot be given up: %s",
				    strerror(errno));
	return 0;
}

int crmg_daemon_drop(const char *user, gid_t pins, struct crmg_err *err)
{
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	int code = geteuid() == 0 ? become(user, pins, err) : 0;

	return code < 0 ? code : limit_to(none, err);
}

int crmg_daemon_keep(struct crmg_err *err)
{
	static const unsigned int kept[] = { CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON };
	struct __user_cap_data_struct caps[_LINUX_CAPABILITY_U32S_3] = { { 0 } };
	gid_t pins = crmg_group();

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(kept); i++) {
		caps[CAP_TO_INDEX(kept[i])].effective |= CAP_TO_MASK(kept[i]);
		caps[CAP_TO_INDEX(kept[i])].permitted |= CAP_TO_MASK(kept[i]);
	}
	/* A member may give a file of its own to the group. */
	if (setgroups(1, &pins) < 0)
		return crmg_err_set(err, -errno, "groups cannot be given up: %s", strerror(errno));
	return limit_to(caps, err);
}
