/* SPDX-License-Identifier: GPL-2.0 */
/*
 * file.c - reads a file that somebody else may be changing, or may have put a
 * FIFO, a device or a directory in the place of.
 */
#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/num.h"
#include "../base/util.h"

static const char *kind_of(mode_t mode)
{
	switch (mode & S_IFMT) {
	case S_IFDIR: return "a directory";
	case S_IFIFO: return "a FIFO";
	case S_IFSOCK: return "a socket";
	default: return "a device";
	}
}

static int check_stat(const struct stat *st, size_t max, bool strict_owner, char *why,
		      size_t size)
{
	char most[CRMG_NUM_LEN];

	if (!S_ISREG(st->st_mode)) {
		snprintf(why, size, "this is %s; a regular file is needed", kind_of(st->st_mode));
		return -EINVAL;
	}
	if (strict_owner && st->st_mode & (S_IWGRP | S_IWOTH)) {
		snprintf(why, size, "group or others may write this file (mode %04o); "
			 "chmod go-w it", st->st_mode & 07777);
		return -EPERM;
	}
	if (strict_owner && st->st_uid && st->st_uid != geteuid()) {
		snprintf(why, size, "this file belongs to uid %u; chown it to root",
			 st->st_uid);
		return -EPERM;
	}
	if ((uintmax_t)st->st_size > max) {
		snprintf(why, size, "the file has %lld bytes, at most %s are accepted",
			 (long long)st->st_size, crmg_format_bytes(max, most, sizeof(most)));
		return -EFBIG;
	}
	return 0;
}

/* Up to size bytes; fewer only at the end of the file. */
static ssize_t read_full(int fd, char *buf, size_t size)
{
	size_t have = 0;

	while (have < size) {
		ssize_t n = read(fd, buf + have, size - have);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		have += n;
	}
	return have;
}

int crmg_file_read(const char *path, size_t max, bool strict_owner, char **ret,
		   size_t *ret_size, uint64_t *ret_written_ns, char *why, size_t size)
{
	crmg_autofree char *text = NULL;
	crmg_autoclose int fd = -1;
	struct stat st;
	ssize_t n;
	int r;

	/* Non-blocking: a FIFO without a writer must not stop us before fstat. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0) {
		r = -errno;
		snprintf(why, size, "cannot open: %s", strerror(-r));
		return r;
	}
	r = check_stat(&st, max, strict_owner, why, size);
	if (r < 0)
		return r;

	text = malloc(st.st_size + 1);
	n = text ? read_full(fd, text, st.st_size + 1) : -ENOMEM;
	if (n < 0) {
		snprintf(why, size, "cannot read: %s", strerror(-n));
		return n;
	}
	if (n != st.st_size) {
		snprintf(why, size, "the file changed while it was read; try again");
		return -EAGAIN;
	}
	text[n] = 0;
	*ret = text;
	*ret_size = n;
	if (ret_written_ns)
		*ret_written_ns = st.st_mtim.tv_sec * CRMG_NS_PER_SEC + st.st_mtim.tv_nsec;
	text = NULL;
	return 0;
}
