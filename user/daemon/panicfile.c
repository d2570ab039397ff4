// SPDX-License-Identifier: GPL-2.0
/*
 * panicfile.c - watches for the file that means panic. In a thread of its own: it does not
 * wait for a proof, nor for a disk.
 */
#include "panicfile.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "../base/util.h"
#include "../kern/kern.h"
#include "parts.h"

#define FOLDER CRMG_RUN_DIR "/panic"

#define CHANGES (IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE_SELF | IN_ONLYDIR)

/* Where the kernel has told of nothing: the folder was removed, or there were no pins yet. */
#define AGAIN_MS 1000

struct crmg_panic_watch {
	const char *instance;
	char path[sizeof(FOLDER) + CRMG_NAME_LEN];
	bool there;		/* as it was acted on */
	int changes;		/* inotify */
	int end;		/* eventfd */
	pthread_t thread;
};

static char *path_of(const char *instance, char *buf, size_t size)
{
	snprintf(buf, size, FOLDER "/%s", instance);
	return buf;
}

/* Follows the folder, also one that was made anew; what is watched already stays so. */
static int follow(const struct crmg_panic_watch *watch)
{
	if (mkdir(FOLDER, 0755) < 0 && errno != EEXIST)
		return -errno;
	return inotify_add_watch(watch->changes, FOLDER, CHANGES | IN_DONT_FOLLOW) < 0 ? -errno : 0;
}

/* "file PATH of alice", or of no user that is known. */
static void describe(const struct crmg_panic_watch *watch, const struct stat *file, char *buf,
		     size_t size)
{
	struct passwd user, *found = NULL;
	char names[1024];

	if (getpwuid_r(file->st_uid, &user, names, sizeof(names), &found) || !found)
		snprintf(buf, size, "file %s of user %u", watch->path, file->st_uid);
	else
		snprintf(buf, size, "file %s of %s", watch->path, user.pw_name);
}

static void look(struct crmg_panic_watch *watch)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	struct stat file;
	bool there = !fstatat(AT_FDCWD, watch->path, &file, AT_SYMLINK_NOFOLLOW);
	char by[128];

	if (there == watch->there)
		return;
	if (there)
		describe(watch, &file, by, sizeof(by));
	else
		snprintf(by, sizeof(by), "the removal of file %s", watch->path);
	/* Opened for this alone: the state may be another one than a moment ago. */
	if (!crmg_panic(watch->instance, there, by, &ignored))
		watch->there = there;
	crmg_err_clear(&ignored);
}

static void *run(void *cls)
{
	struct crmg_panic_watch *watch = cls;
	struct pollfd sources[] = {
		{ .fd = watch->end, .events = POLLIN },
		{ .fd = watch->changes, .events = POLLIN },
	};
	char buf[4096];

	while (!sources[0].revents) {
		look(watch);
		poll(sources, CRMG_ARRAY_SIZE(sources), AGAIN_MS);
		while (read(watch->changes, buf, sizeof(buf)) > 0)
			;
		(void)follow(watch);
	}
	return NULL;
}

int crmg_panic_watch_start(const char *instance, struct crmg_panic_watch **ret,
			   struct crmg_err *err)
{
	struct crmg_panic_watch *watch = calloc(1, sizeof(*watch));
	int code;

	if (!watch)
		return -ENOMEM;
	watch->instance = instance;
	path_of(instance, watch->path, sizeof(watch->path));
	watch->end = eventfd(0, EFD_CLOEXEC);
	watch->changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	code = watch->end < 0 || watch->changes < 0 ? -EMFILE : follow(watch);
	if (!code)
		code = -pthread_create(&watch->thread, NULL, run, watch);
	if (!code) {
		*ret = watch;
		return 0;
	}
	crmg_cleanup_close(&watch->end);
	crmg_cleanup_close(&watch->changes);
	free(watch);
	return crmg_err_set(err, code, "%s cannot be watched: %s", FOLDER, strerror(-code));
}

void crmg_panic_watch_stop(struct crmg_panic_watch **watch)
{
	if (!*watch)
		return;
	eventfd_write((*watch)->end, 1);
	pthread_join((*watch)->thread, NULL);
	close((*watch)->end);
	close((*watch)->changes);
	free(*watch);
	*watch = NULL;
}

int crmg_panic_file_remove(const char *instance, struct crmg_err *err)
{
	char path[sizeof(FOLDER) + CRMG_NAME_LEN];

	if (unlink(path_of(instance, path, sizeof(path))) == 0 || errno == ENOENT)
		return 0;
	return crmg_err_set(err, -errno, "%s: %s; remove it", path, strerror(errno));
}
