// SPDX-License-Identifier: GPL-2.0
/* state.c - files that are there, and whole, after a power cut. */
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "../base/util.h"
#include "state.h"

#define NAME_LEN 80
#define NEW_NAME ".%s.new"	/* of a file that is being written */

static const char *what_to_do(int code)
{
	switch (code) {
	case -ENOSPC:
	case -EDQUOT:
		return "; make room";
	case -EROFS:
		return "; mount it writable";
	case -EACCES:
	case -EPERM:
		return "; run as root";
	default:
		return "";
	}
}

static int said(struct crmg_err *err, int code, const char *doing,
		const struct crmg_state *state, const char *name)
{
	return crmg_err_set(err, code, "cannot %s %s/%s: %s%s", doing, state->path, name,
			    strerror(-code), what_to_do(code));
}

/* ------------------------------------------------------------------ folder */

/* Opens path, a folder below `at`, makes it if it is wanted. Negative errno, not said. */
static int open_folder(int at, const char *path, bool create)
{
	int fd, code;

	if (create && mkdirat(at, path, 0750) == 0) {
		fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		/* Without the group only its owner reads it: no reason not to write it. */
		if (fd >= 0 && fchown(fd, -1, crmg_group()) == 0)
			fchmod(fd, 0750);
		/* The folder, not only what is in it, has to survive. */
		if (fd >= 0)
			fsync(at == AT_FDCWD ? fd : at);
	} else {
		if (create && errno != EEXIST)
			return -errno;
		fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	code = -errno;
	return fd < 0 ? code : fd;
}

/* What is restored from here is put in force by root: nobody else may have written it. */
static int check_owner(int fd, const char *path, struct crmg_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return crmg_err_set(err, -errno, "%s: %s", path, strerror(errno));
	if (st.st_uid != 0 && st.st_uid != geteuid())
		return crmg_err_set(err, -EPERM, "%s belongs to user %u: 'chown root %s'", path,
				    st.st_uid, path);
	if (st.st_mode & 022)
		return crmg_err_set(err, -EPERM, "%s may be written by others: 'chmod go-w %s'",
				    path, path);
	return 0;
}

int crmg_state_open_below(const char *base, const char *instance, bool create,
			  struct crmg_state *ret, struct crmg_err *err)
{
	struct crmg_state state = CRMG_STATE_INIT;
	crmg_autoclose int above = open_folder(AT_FDCWD, base, create);
	int code;

	snprintf(state.path, sizeof(state.path), "%s/%s", base, instance);
	if (above >= 0)
		state.dir = open_folder(above, instance, create);
	code = above < 0 ? above : state.dir < 0 ? state.dir : 0;
	if (code == -ENOENT && !create)
		return code;
	if (code < 0)
		return crmg_err_set(err, code, "cannot open %s: %s%s", state.path,
				    strerror(-code), what_to_do(code));
	code = check_owner(above, base, err);
	if (!code)
		code = check_owner(state.dir, state.path, err);
	if (code < 0)
		crmg_state_close(&state);
	else
		*ret = state;
	return code;
}

int crmg_state_open(const char *instance, bool create, struct crmg_state *ret,
		    struct crmg_err *err)
{
	return crmg_state_open_below(CRMG_STATE_BASE, instance, create, ret, err);
}

void crmg_state_close(struct crmg_state *state)
{
	crmg_cleanup_close(&state->dir);
	state->dir = -1;
}

/* ------------------------------------------------------------------- files */

/* Reads up to *size bytes; *size is what there was. */
static int read_all(int fd, char *data, size_t *size)
{
	size_t room = *size;

	*size = 0;
	while (*size < room) {
		ssize_t length = read(fd, data + *size, room - *size);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		if (!length)
			return 0;
		*size += length;
	}
	return 0;
}

int crmg_state_file(const struct crmg_state *state, const char *name, size_t *ret_size,
		    struct crmg_err *err)
{
	/* Not blocking: a FIFO in this place must not hold the program up. */
	crmg_autoclose int fd = openat(state->dir, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW |
				       O_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0 && errno == ENOENT)
		return -ENOENT;
	if (fd < 0 || fstat(fd, &st) < 0)
		return said(err, -errno, "read", state, name);
	if (!S_ISREG(st.st_mode))
		return crmg_err_set(err, -EINVAL, "%s/%s: not a regular file", state->path, name);
	if (ret_size)
		*ret_size = st.st_size;
	ret = fd;
	fd = -1;
	return ret;
}

int crmg_state_read(const struct crmg_state *state, const char *name, size_t max,
		    char **ret, size_t *ret_size, struct crmg_err *err)
{
	size_t size;
	crmg_autoclose int fd = crmg_state_file(state, name, &size, err);
	crmg_autofree char *data = NULL;
	int code;

	if (fd < 0)
		return fd;
	if (size > max)
		return said(err, -EFBIG, "read", state, name);
	data = malloc(size + 1);	/* what is added meanwhile is not in it */
	if (!data)
		return -ENOMEM;
	code = read_all(fd, data, &size);
	if (code < 0)
		return said(err, code, "read", state, name);
	data[size] = '\0';
	*ret = data;
	data = NULL;
	*ret_size = size;
	return 0;
}

static int write_all(int fd, const char *data, size_t size)
{
	while (size) {
		ssize_t length = write(fd, data, size);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0)
			return -errno;
		data += length;
		size -= length;
	}
	return 0;
}

/* Makes a new file readable for the group of its folder. */
static int settle_mode(const struct crmg_state *state, int fd)
{
	struct stat st;

	if (fstat(state->dir, &st) < 0)
		return -errno;
	return fchown(fd, -1, st.st_gid) < 0 || fchmod(fd, 0640) < 0 ? -errno : 0;
}

static int write_new(const struct crmg_state *state, const char *name, const void *data,
		     size_t size, bool secret)
{
	crmg_autoclose int fd = openat(state->dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW |
				       O_CLOEXEC, 0600);
	int code;

	if (fd < 0)
		return -errno;
	code = secret ? 0 : settle_mode(state, fd);
	if (!code)
		code = write_all(fd, data, size);
	return code ? code : fsync(fd) < 0 ? -errno : 0;
}

static int replace(const struct crmg_state *state, const char *name, const void *data,
		   size_t size, bool secret, struct crmg_err *err)
{
	char temporary[NAME_LEN];
	int code;

	snprintf(temporary, sizeof(temporary), NEW_NAME, name);
	unlinkat(state->dir, temporary, 0);
	code = write_new(state, temporary, data, size, secret);
	if (!code && renameat(state->dir, temporary, state->dir, name) < 0)
		code = -errno;
	if (code < 0) {
		unlinkat(state->dir, temporary, 0);
		return said(err, code, "write", state, name);
	}
	return fsync(state->dir) < 0 ? said(err, -errno, "write", state, name) : 0;
}

int crmg_state_write(const struct crmg_state *state, const char *name, const void *data,
		     size_t size, struct crmg_err *err)
{
	return replace(state, name, data, size, false, err);
}

int crmg_state_write_secret(const struct crmg_state *state, const char *name, const void *data,
			    size_t size, struct crmg_err *err)
{
	return replace(state, name, data, size, true, err);
}

int crmg_state_append(const struct crmg_state *state, const char *name, const void *data,
		      size_t size, struct crmg_err *err)
{
	crmg_autoclose int fd = openat(state->dir, name, O_WRONLY | O_APPEND | O_CREAT |
				       O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;
	int code;

	if (fd < 0 || fstat(fd, &st) < 0)
		return said(err, -errno, "write", state, name);
	if (!S_ISREG(st.st_mode))
		return crmg_err_set(err, -EINVAL, "%s/%s: not a regular file", state->path, name);
	code = st.st_size ? 0 : settle_mode(state, fd);
	if (!code)
		code = write_all(fd, data, size);
	if (!code && fsync(fd) < 0)
		code = -errno;
	if (code < 0) {
		if (ftruncate(fd, st.st_size) == 0)
			fsync(fd);
		return said(err, code, "write", state, name);
	}
	return st.st_size || fsync(state->dir) == 0 ? 0 : said(err, -errno, "write", state, name);
}

int crmg_state_lock(const struct crmg_state *state, const char *name, struct crmg_err *err)
{
	char path[NAME_LEN];
	int fd, code;

	snprintf(path, sizeof(path), ".%s.lock", name);
	fd = openat(state->dir, path, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return said(err, -errno, "lock", state, name);
	while (flock(fd, LOCK_EX) < 0) {
		if (errno == EINTR)
			continue;
		code = -errno;
		close(fd);
		return said(err, code, "lock", state, name);
	}
	return fd;
}

int crmg_state_quarantine(const struct crmg_state *state, const char *name,
			  struct crmg_err *err)
{
	char bad[NAME_LEN];

	snprintf(bad, sizeof(bad), "%s" CRMG_STATE_BAD, name);
	/* A folder has no second name, nor has a file everywhere. */
	if (faccessat(state->dir, name, F_OK, AT_SYMLINK_NOFOLLOW) < 0 && errno == ENOENT)
		return -ENOENT;
	(void)unlinkat(state->dir, bad, 0);
	if (linkat(state->dir, name, state->dir, bad, 0) < 0 &&
	    renameat(state->dir, name, state->dir, bad) < 0)
		return said(err, -errno, "rename", state, name);
	fsync(state->dir);
	return 0;
}

void crmg_state_discard(const struct crmg_state *state, const char *name)
{
	char temporary[NAME_LEN];

	snprintf(temporary, sizeof(temporary), NEW_NAME, name);
	unlinkat(state->dir, temporary, 0);
}

int crmg_state_remove(const struct crmg_state *state, const char *name, struct crmg_err *err)
{
	crmg_state_discard(state, name);
	if (unlinkat(state->dir, name, 0) < 0 && errno != ENOENT)
		return said(err, -errno, "remove", state, name);
	fsync(state->dir);
	return 0;
}
