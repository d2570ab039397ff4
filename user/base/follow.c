// SPDX-License-Identifier: GPL-2.0
/*
 * follow.c - a log that its writer rotates: by renaming it, after which the old file is
 * written for a while, or by truncating it.
 */
#include "follow.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util.h"

static void close_file(struct crmg_followed *file)
{
	if (file->fd >= 0)
		close(file->fd);
	file->fd = -1;
}

/* From its begin. Non-blocking: a FIFO without a writer must not stop us before fstat. */
static int open_file(const char *path, struct crmg_followed *ret, struct stat *st)
{
	crmg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0 || fstat(fd, st) < 0)
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -EINVAL;
	ret->fd = fd;
	ret->device = st->st_dev;
	ret->inode = st->st_ino;
	ret->at = 0;
	ret->skip = false;
	ret->length = 0;
	fd = -1;
	return 0;
}

int crmg_follow_open(const char *path, struct crmg_follow *ret, struct crmg_err *err)
{
	struct stat st;
	char last;
	int code;

	*ret = (struct crmg_follow){ .path = path, .now.fd = -1, .before.fd = -1 };
	code = open_file(path, &ret->now, &st);
	if (code == -EINVAL)
		return crmg_err_set(err, code, "%s: not a regular file; name the file that the "
				    "server writes", path);
	if (code)
		return crmg_err_set(err, code, "%s: cannot open: %s", path, strerror(-code));
	ret->now.at = st.st_size;
	ret->now.skip = st.st_size && (pread(ret->now.fd, &last, 1, st.st_size - 1) != 1 ||
				       last != '\n');
	return 0;
}

void crmg_follow_close(struct crmg_follow *follow)
{
	close_file(&follow->now);
	close_file(&follow->before);
}

static void take_bytes(struct crmg_followed *file, const char *text, size_t size,
		       void (*take)(void *context, const char *line), void *context)
{
	while (size) {
		const char *end = memchr(text, '\n', size);
		size_t length = end ? (size_t)(end - text) : size;
		size_t room = sizeof(file->line) - 1 - file->length;

		memcpy(file->line + file->length, text, length < room ? length : room);
		file->length += length < room ? length : room;
		if (!end)
			return;
		file->line[file->length] = '\0';
		if (!file->skip)
			take(context, file->line);
		file->skip = false;
		file->length = 0;
		text = end + 1;
		size -= length + 1;
	}
}

static int read_file(struct crmg_follow *follow, struct crmg_followed *file,
		     void (*take)(void *context, const char *line), void *context)
{
	char text[16384];
	struct stat st;

	if (file->fd < 0)
		return 0;
	if (fstat(file->fd, &st) < 0)
		return -errno;
	if ((uint64_t)st.st_size < file->at) {
		follow->truncated++;
		file->at = file->length = 0;
		file->skip = false;
	}
	/* Up to where its end was: a writer in a hurry cannot keep us here. */
	while (file->at < (uint64_t)st.st_size) {
		ssize_t n = pread(file->fd, text, sizeof(text), file->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			break;
		file->at += n;
		take_bytes(file, text, n, take, context);
	}
	return 0;
}

/* The name belongs to another file now: the one that had it is read beside it. */
static int look_for_rotation(struct crmg_follow *follow)
{
	struct stat st;
	int code;

	/* Between the old file and the new one there may be none. */
	if (stat(follow->path, &st) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (follow->now.fd >= 0 && st.st_dev == follow->now.device &&
	    st.st_ino == follow->now.inode)
		return 0;
	if (follow->now.fd >= 0) {
		close_file(&follow->before);
		follow->before = follow->now;
		follow->now.fd = -1;
		follow->rotated++;
	}
	code = open_file(follow->path, &follow->now, &st);
	return code == -ENOENT ? 0 : code;
}

int crmg_follow_read(struct crmg_follow *follow, void (*take)(void *context, const char *line),
		     void *context)
{
	unsigned int rotated = follow->rotated;
	int code = read_file(follow, &follow->before, take, context);

	if (!code)
		code = read_file(follow, &follow->now, take, context);
	if (!code)
		code = look_for_rotation(follow);
	/* What was added to it between the two: this may be the last call. */
	if (!code && follow->rotated != rotated)
		code = read_file(follow, &follow->before, take, context);
	if (!code && !follow->now.at)
		code = read_file(follow, &follow->now, take, context);
	return code;
}
