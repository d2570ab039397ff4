// SPDX-License-Identifier: GPL-2.0
/*
 * peers.c - goes up from this process to the first one. What a user's own processes say
 * is not proof of anything: it guards against a mistake, not against root.
 */
#include "peers.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "util.h"

#define READ_MAX  (4 << 20)
#define LEVELS_MAX 64

int crmg_proc_read(const char *path, char **ret, size_t *ret_size)
{
	crmg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	crmg_autofree char *text = NULL;
	size_t size = 0, room = 0;
	ssize_t got;

	if (fd < 0)
		return -errno;
	do {
		if (room - size < 2) {
			char *more = realloc(text, room += room + 4096);

			if (!more)
				return -ENOMEM;
			text = more;
		}
		got = read(fd, text + size, room - size - 1);
		if (got < 0)
			return -errno;
		size += got;
	} while (got && size < READ_MAX);
	text[size] = '\0';
	*ret = text;
	text = NULL;
	*ret_size = size;
	return 0;
}

struct sockets {
	uint64_t *inodes;
	size_t count;
};

/* The sockets that a process has open. */
static int add_sockets(struct sockets *sockets, pid_t pid)
{
	char path[32];
	struct dirent *entry;
	int code = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return 0;
	while (!code && (entry = readdir(dir))) {
		char target[64];
		unsigned long long inode;
		ssize_t length = readlinkat(dirfd(dir), entry->d_name, target,
					    sizeof(target) - 1);
		uint64_t *item;

		target[length < 0 ? 0 : length] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		item = crmg_grow(&sockets->inodes, &sockets->count, sizeof(*item));
		if (item)
			*item = inode;
		else
			code = -ENOMEM;
	}
	closedir(dir);
	return code;
}

/* 0: it has none, or is gone. */
static pid_t parent_of(pid_t pid)
{
	crmg_autofree char *text = NULL;
	char path[32], *end;
	size_t size;
	int parent = 0;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if (crmg_proc_read(path, &text, &size))
		return 0;
	end = strrchr(text, ')');	/* the name before it may hold anything */
	if (!end || sscanf(end + 1, " %*c %d", &parent) != 1)
		return 0;
	return parent;
}

static int add_environment(struct crmg_vitals *vitals, pid_t pid)
{
	crmg_autofree char *block = NULL;
	char path[32];
	size_t size;
	int code;

	snprintf(path, sizeof(path), "/proc/%d/environ", pid);
	code = crmg_proc_read(path, &block, &size);
	return code == -ENOMEM ? code : code ? 0 : crmg_vitals_environ(vitals, block, size);
}

int crmg_peers_collect(struct crmg_vitals *ret)
{
	static const char *const tables[] = { "/proc/net/tcp", "/proc/net/tcp6" };
	struct sockets sockets = { 0 };
	pid_t pid = getpid();
	int code = 0;

	for (int level = 0; !code && pid > 0 && level < LEVELS_MAX; level++) {
		code = add_environment(ret, pid);
		/* The first process holds the sockets of others, where it starts services. */
		if (!code && pid != 1)
			code = add_sockets(&sockets, pid);
		pid = parent_of(pid);
	}
	for (size_t i = 0; !code && sockets.count && i < CRMG_ARRAY_SIZE(tables); i++) {
		crmg_autofree char *text = NULL;
		size_t size;

		code = crmg_proc_read(tables[i], &text, &size);
		code = code == -ENOMEM ? code : code ? 0 :
		       crmg_vitals_tcp(ret, text, sockets.inodes, sockets.count);
	}
	free(sockets.inodes);
	return code;
}
