// SPDX-License-Identifier: GPL-2.0
/*
 * lock.c - one daemon an instance: an flock, so that a crash leaves nothing
 * behind. The file has the pid for the message, never for a decision.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/util.h"
#include "parts.h"

static int already_running(int fd, struct crmg_err *err)
{
	char pid[16] = "";
	ssize_t length = pread(fd, pid, sizeof(pid) - 1, 0);

	if (length > 0)
		pid[strspn(pid, "0123456789")] = '\0';
	return crmg_err_set(err, -EBUSY, "the daemon is already running%s%s",
			    length > 0 ? ", pid " : "", length > 0 ? pid : "");
}

int crmg_daemon_lock(const char *instance, int *ret_fd, struct crmg_err *err)
{
	crmg_autoclose int fd = -1;
	char path[128];

	if (mkdir(CRMG_RUN_DIR, 0755) < 0 && errno != EEXIST)
		return crmg_err_set(err, -errno, "%s cannot be made: %s; start as root, or with "
				    "RuntimeDirectory=crmgate", CRMG_RUN_DIR, strerror(errno));
	snprintf(path, sizeof(path), CRMG_RUN_DIR "/%s.daemon.lock", instance);
	/* Not readable by others: who can open it can hold it. */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return crmg_err_set(err, -errno, "%s cannot be opened: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK
		       ? already_running(fd, err)
		       : crmg_err_set(err, -errno, "%s cannot be locked: %s", path,
				      strerror(errno));
	if (ftruncate(fd, 0) == 0)
		dprintf(fd, "%d\n", (int)getpid());
	*ret_fd = fd;
	fd = -1;
	return 0;
}
