// SPDX-License-Identifier: GPL-2.0
/* pins.c - where the state of an instance is pinned, and who may reach it. */
#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>

#include <linux/magic.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"

#define CRMG_BPFFS    "/sys/fs/bpf"
#define CRMG_RUN_DIR  "/run/crmgate"

/* A lock that somebody has for long is not waited for. */
#define CRMG_LOCK_TRIES    100
#define CRMG_LOCK_PAUSE_NS 10000000

/* Name of a pin until it has its owner: whatever has it belongs to a command that is running. */
#define CRMG_PIN_NEW  "new"

static bool crmg_is_bpffs(const char *path)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == BPF_FS_MAGIC;
}

/*
 * Where bpffs is: in its place, or, where a mount namespace hides it as `ip netns exec`
 * does, in that of who called us, or of the first process.
 */
static const char *crmg_bpffs(void)
{
	static char path[64];
	pid_t others[] = { getppid(), 1 };
	size_t i;

	if (path[0])
		return path;
	crmg_copy(path, sizeof(path), CRMG_BPFFS);
	for (i = 0; i < CRMG_ARRAY_SIZE(others) && !crmg_is_bpffs(path); i++)
		snprintf(path, sizeof(path), "/proc/%d/root" CRMG_BPFFS, (int)others[i]);
	if (!crmg_is_bpffs(path))
		crmg_copy(path, sizeof(path), CRMG_BPFFS);
	return path;
}

int crmg_bpffs_look(void)
{
	struct statfs fs;

	if (!crmg_is_bpffs(crmg_bpffs()) || statfs(crmg_bpffs(), &fs))
		return -ENOENT;
	return fs.f_flags & ST_RDONLY ? -EROFS : 0;
}

char *crmg_pin_instance(const char *instance, char *buf, size_t size)
{
	snprintf(buf, size, "%s/crmgate/%s", crmg_bpffs(), instance);
	return buf;
}

char *crmg_pin_folder(const char *instance, const char *folder, char *buf, size_t size)
{
	snprintf(buf, size, "%s/crmgate/%s/%s", crmg_bpffs(), instance, folder);
	return buf;
}

char *crmg_pin_abi(int abi, char buf[CRMG_FOLDER_LEN])
{
	snprintf(buf, CRMG_FOLDER_LEN, "v%d", abi);
	return buf;
}

char *crmg_pin_dir(const char *instance, char *buf, size_t size)
{
	char folder[CRMG_FOLDER_LEN];

	return crmg_pin_folder(instance, crmg_pin_abi(CRMG_ABI, folder), buf, size);
}

char *crmg_pin_path(const struct crmg_kern *kern, const char *name, char *buf, size_t size)
{
	snprintf(buf, size, "/proc/self/fd/%d/%s", kern->dir, name);
	return buf;
}

char *crmg_pin_link(const char *hook, const char *iface, char *buf, size_t size)
{
	size_t at = snprintf(buf, size, "%s_", hook);

	for (; *iface && at + 4 < size; iface++)
		at += snprintf(buf + at, size - at, *iface == '.' || *iface == '%' ? "%%%02x" : "%c",
			       *iface);
	return buf;
}

const char *crmg_advice(int code)
{
	switch (code) {
	case -EROFS:
		return "; bpffs is mounted read-only: 'mount -o remount,rw " CRMG_BPFFS "'";
	case -EMFILE:
		return "; this process may open too few: 'ulimit -n 1024'";
	case -EPERM:
	case -EACCES:
		return "; run as root, or as a member of group crmgate";
	default:
		return "";
	}
}

static int crmg_bpffs_mount(struct crmg_err *err)
{
	int code;

	if (crmg_is_bpffs(crmg_bpffs()))
		return 0;
	if (mount("bpf", CRMG_BPFFS, "bpf", 0, "mode=0755")) {
		code = -errno;
		return crmg_err_set(err, code, "%s is no bpffs and cannot be mounted (%s): run "
				    "'mount -t bpf bpf %s' as root", CRMG_BPFFS, strerror(-code),
				    CRMG_BPFFS);
	}
	crmg_err_warn(err, "%s was not mounted; bpffs is now mounted there", CRMG_BPFFS);
	return 0;
}

static int crmg_pin_mkdir(const char *path, struct crmg_err *err)
{
	struct stat st;
	int code;

	if (mkdir(path, 0750) && errno != EEXIST) {
		code = -errno;
		return crmg_err_set(err, code, "cannot make %s: %s%s", path, strerror(-code),
				    code == -EROFS ? crmg_advice(code) : "");
	}
	if (lstat(path, &st) || !S_ISDIR(st.st_mode))
		return crmg_err_set(err, -ENOTDIR, "%s is in the way: it is no folder", path);
	if (st.st_uid != geteuid())
		return crmg_err_set(err, -EPERM, "%s belongs to user %u: remove it, or run as that "
				    "user", path, st.st_uid);
	if (chown(path, -1, crmg_group()) || chmod(path, 0750)) {
		code = -errno;
		return crmg_err_set(err, code, "cannot set the owner of %s: %s", path,
				    strerror(-code));
	}
	return 0;
}

int crmg_pin_prepare(const char *instance, const char *folder, struct crmg_err *err)
{
	char path[CRMG_PIN_LEN];
	int code = crmg_bpffs_mount(err);

	if (code)
		return code;
	snprintf(path, sizeof(path), "%s/crmgate", crmg_bpffs());
	code = crmg_pin_mkdir(path, err);
	if (code)
		return code;
	code = crmg_pin_mkdir(crmg_pin_instance(instance, path, sizeof(path)), err);
	if (code)
		return code;
	return crmg_pin_mkdir(crmg_pin_folder(instance, folder, path, sizeof(path)), err);
}

int crmg_pin(const struct crmg_kern *kern, int fd, const char *name, struct crmg_err *err)
{
	char temporary[CRMG_PIN_LEN], path[CRMG_PIN_LEN];
	bool secret = !strcmp(name, "setup");
	int code = 0;

	if (kern->dir < 0)
		return 0;
	crmg_pin_path(kern, name, path, sizeof(path));
	crmg_pin_path(kern, CRMG_PIN_NEW, temporary, sizeof(temporary));
	unlink(temporary);
	if (bpf_obj_pin(fd, temporary) || chown(temporary, -1, secret ? 0 : crmg_group()) ||
	    chmod(temporary, secret ? 0600 : 0640) || rename(temporary, path)) {
		code = -errno;
		unlink(temporary);
		return crmg_err_set(err, code, "cannot pin %s: %s%s", name, strerror(-code),
				    code == -EROFS ? crmg_advice(code) : "");
	}
	return 0;
}

/* Detached first: the kernel frees an unpinned link only a moment later. */
void crmg_pin_sweep(const struct crmg_kern *kern)
{
	char path[CRMG_PIN_LEN];
	crmg_autoclose int fd = bpf_obj_get(crmg_pin_path(kern, CRMG_PIN_NEW, path, sizeof(path)));

	if (fd >= 0)
		bpf_link_detach(fd);
	crmg_unpin(kern, CRMG_PIN_NEW);
}

int crmg_unpin(const struct crmg_kern *kern, const char *name)
{
	char path[CRMG_PIN_LEN];

	return unlink(crmg_pin_path(kern, name, path, sizeof(path))) ? -errno : 0;
}

bool crmg_pin_there(const struct crmg_kern *kern, const char *name)
{
	char path[CRMG_PIN_LEN];

	return !access(crmg_pin_path(kern, name, path, sizeof(path)), F_OK);
}

int crmg_pin_rename(const struct crmg_kern *kern, const char *from, const char *to)
{
	char old[CRMG_PIN_LEN], new[CRMG_PIN_LEN];

	crmg_pin_path(kern, from, old, sizeof(old));
	crmg_pin_path(kern, to, new, sizeof(new));
	return rename(old, new) ? -errno : 0;
}

int crmg_pin_move(const struct crmg_kern *from, const struct crmg_kern *to, const char *name)
{
	char old[CRMG_PIN_LEN], new[CRMG_PIN_LEN];

	crmg_pin_path(from, name, old, sizeof(old));
	crmg_pin_path(to, name, new, sizeof(new));
	return rename(old, new) ? -errno : 0;
}

int crmg_pin_open(const struct crmg_kern *kern, const char *name, bool writable)
{
	LIBBPF_OPTS(bpf_obj_get_opts, opts, .file_flags = BPF_F_RDONLY);
	char path[CRMG_PIN_LEN];
	int fd = -1;

	crmg_pin_path(kern, name, path, sizeof(path));
	if (writable)
		fd = bpf_obj_get(path);
	if (!writable || (fd < 0 && (errno == EACCES || errno == EPERM)))
		fd = bpf_obj_get_opts(path, &opts);
	return fd < 0 ? -errno : fd;
}

/*
 * Descriptors that a command which changes something may need: for maps, twice, programs,
 * links, and what libbpf does. Asked first, since it does not always say what it lacked.
 */
#define CRMG_DESCRIPTORS 96

static int crmg_descriptors_check(struct crmg_err *err)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= CRMG_DESCRIPTORS)
		return 0;
	return crmg_err_set(err, -EMFILE, "this needs %d file descriptors, and may have %llu: "
			    "'ulimit -n 1024', or LimitNOFILE=1024 of a service", CRMG_DESCRIPTORS,
			    (unsigned long long)limit.rlim_cur);
}

int crmg_lock(const char *instance, struct crmg_err *err)
{
	char path[CRMG_PIN_LEN];
	int fd, code;

	code = crmg_descriptors_check(err);
	if (code)
		return code;
	if (mkdir(CRMG_RUN_DIR, 0755) && errno != EEXIST) {
		code = -errno;
		return crmg_err_set(err, code, "cannot make %s: %s%s", CRMG_RUN_DIR,
				    strerror(-code), code == -EACCES ? "; run as root" : "");
	}
	snprintf(path, sizeof(path), CRMG_RUN_DIR "/%s.lock", instance);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		code = -errno;
		return crmg_err_set(err, code, "cannot open %s: %s%s", path, strerror(-code),
				    code == -EACCES ? "; run as root" : "");
	}
	if (!flock(fd, LOCK_EX | LOCK_NB))
		return fd;
	code = errno == EWOULDBLOCK ? -EBUSY : -errno;
	close(fd);
	if (code != -EBUSY)
		return crmg_err_set(err, code, "cannot lock %s: %s", path, strerror(-code));
	return code;
}

int crmg_lock_wait(const char *instance, struct crmg_err *err)
{
	const struct timespec pause = { .tv_nsec = CRMG_LOCK_PAUSE_NS };
	int lock = -EBUSY;

	for (int try = 0; lock == -EBUSY && try < CRMG_LOCK_TRIES; try++) {
		if (try)
			nanosleep(&pause, NULL);
		lock = crmg_lock(instance, err);
	}
	return lock;
}

/* Removes all pins of a folder, but for the one that is named. */
static int crmg_pin_empty(const char *path, const char *except)
{
	char child[CRMG_PIN_LEN * 4];
	struct dirent *entry;
	DIR *dir = opendir(path);
	int code = 0;

	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
		    !strcmp(entry->d_name, except))
			continue;
		snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
		if (unlink(child) && errno != ENOENT)
			code = -errno;
	}
	closedir(dir);
	return code;
}

void crmg_pin_clear(const struct crmg_kern *kern)
{
	char path[CRMG_PIN_LEN];

	(void)crmg_pin_empty(crmg_pin_path(kern, "", path, sizeof(path)), "");
}

int crmg_pin_drop(const char *instance, const char *folder)
{
	char path[CRMG_PIN_LEN];
	int code;

	crmg_pin_folder(instance, folder, path, sizeof(path));
	/* A state without its front is none: it goes when the rest is gone. */
	code = crmg_pin_empty(path, CRMG_FRONT_PIN);
	if (!code)
		code = crmg_pin_empty(path, "");
	return code ? code : rmdir(path) && errno != ENOENT ? -errno : 0;
}

int crmg_pin_purge(const char *instance)
{
	char path[CRMG_PIN_LEN];
	int code = crmg_pin_empty(crmg_pin_dir(instance, path, sizeof(path)), "");

	rmdir(path);
	(void)crmg_pin_drop(instance, CRMG_NEXT_FOLDER);
	rmdir(crmg_pin_instance(instance, path, sizeof(path)));
	snprintf(path, sizeof(path), "%s/crmgate", crmg_bpffs());
	rmdir(path);
	return code;
}

/* Bits of CapEff, so that no library is needed for three of them. */
const char *crmg_missing_rights(void)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} needed[] = { { 39, "CAP_BPF" }, { 12, "CAP_NET_ADMIN" }, { 38, "CAP_PERFMON" } };
	static char text[80];
	crmg_autofclose FILE *status = fopen("/proc/self/status", "re");
	unsigned long long effective = 0;
	char line[256];
	size_t i;

	while (status && fgets(line, sizeof(line), status))
		if (sscanf(line, "CapEff: %llx", &effective) == 1)
			break;
	if (effective >> 21 & 1)	/* CAP_SYS_ADMIN holds the three */
		return "";
	text[0] = '\0';
	for (i = 0; i < CRMG_ARRAY_SIZE(needed); i++)
		if (!(effective >> needed[i].bit & 1))
			snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
				 text[0] ? ", " : "; missing: ", needed[i].name);
	return text;
}
