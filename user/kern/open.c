// SPDX-License-Identifier: GPL-2.0
/* open.c - opening and closing the pinned state of an instance. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "internal.h"
#include "takeover.h"

struct crmg_map_info {
	const char *name;
	size_t value_size;
	bool mappable;
	int since;
};

static const struct crmg_map_info crmg_map_info[] = {
#define CRMG_MAP_INFO(ID, field, pin, type, mappable, since) { pin, sizeof(type), mappable, since },
	CRMG_MAPS(CRMG_MAP_INFO)
};

unsigned int crmg_kern_group(const struct crmg_kern *kern)
{
	struct stat st;

	return fstat(kern->dir, &st) ? 0 : st.st_gid;
}

unsigned int crmg_kern_cpus(void)
{
	int cpus = libbpf_num_possible_cpus();

	return cpus > 0 ? cpus : 1;
}

int crmg_kern_unpinned(const char *instance, enum crmg_kern_access access,
		       struct crmg_kern **ret, struct crmg_err *err)
{
	struct crmg_kern *kern = calloc(1, sizeof(*kern));
	size_t i;

	if (!kern)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	crmg_copy(kern->instance, sizeof(kern->instance), instance);
	kern->dir = kern->lock = -1;
	kern->access = access;
	for (i = 0; i < CRMG_MAP_COUNT; i++)
		kern->map[i] = -1;
	for (i = 0; i < CRMG_ROW_CHUNKS_MAX; i++)
		kern->chunk[i].fd = -1;
	for (i = 0; i < CRMG_IFACES_MAX; i++)
		kern->links[i].xdp = kern->links[i].tc = -1;
	*ret = kern;
	return 0;
}

int crmg_kern_at(const char *instance, const char *folder, enum crmg_kern_access access, int lock,
		 struct crmg_kern **ret, struct crmg_err *err)
{
	char path[CRMG_PIN_LEN];
	struct crmg_kern *kern;
	int code = crmg_kern_unpinned(instance, access, &kern, err);

	if (code)
		goto fail;
	kern->dir = open(crmg_pin_folder(instance, folder, path, sizeof(path)),
			 O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (kern->dir < 0) {
		code = -errno;
		free(kern);
		if (code == -ENOENT)
			crmg_err_set(err, code, "nothing is attached for instance '%s': start with "
				     "'crmgate attach IFACE'", instance);
		else
			crmg_err_set(err, code, "cannot open %s: %s%s", path, strerror(-code),
				     crmg_advice(code));
		goto fail;
	}
	kern->lock = lock;
	*ret = kern;
	return 0;
fail:
	if (lock >= 0)
		close(lock);
	return code;
}

int crmg_kern_new(const char *instance, enum crmg_kern_access access, int lock,
		  struct crmg_kern **ret, struct crmg_err *err)
{
	char folder[CRMG_FOLDER_LEN];
	int code = crmg_other_check(instance, err);

	if (!code)
		return crmg_kern_at(instance, crmg_pin_abi(CRMG_ABI, folder), access, lock, ret, err);
	if (lock >= 0)
		close(lock);
	return code;
}

/* Entries of a map, from the map itself: they were fixed when it was made. */
static int crmg_map_entries(int fd, size_t value_size, size_t *ret)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	if (info.value_size != value_size)
		return -EPROTO;
	*ret = info.max_entries;
	return 0;
}

/* Readers have no use for these; "setup" holds the hash key, which only root may see. */
static bool crmg_map_skipped(const struct crmg_kern *kern, size_t id)
{
	return kern->access == CRMG_KERN_READ &&
	       (id == CRMG_MAP_SETUP || id == CRMG_MAP_PROVED || id == CRMG_MAP_ROWS ||
		id == CRMG_MAP_BANFILTER || id == CRMG_MAP_KEPT || id == CRMG_MAP_FLOWS ||
		id == CRMG_MAP_AGGREGATES || id == CRMG_MAP_SHARES ||
		id == CRMG_MAP_OWN);
}

int crmg_state_begun(const struct crmg_kern *kern, bool *ret, struct crmg_err *err)
{
	const char *pin = crmg_map_info[CRMG_MAP_FRONTS].name;
	__u32 place = CRMG_FRONT_NEW, id;
	crmg_autoclose int fronts = crmg_pin_open(kern, pin, true);
	int code = fronts < 0 ? fronts : bpf_map_lookup_elem(fronts, &place, &id);
	bool begun = crmg_pin_there(kern, CRMG_FRONT_PIN) || !code;

	if (!begun && code != -ENOENT)
		return crmg_err_set(err, code, "cannot open pin '%s': %s%s; what is in force stays", pin,
				    strerror(-code), crmg_advice(code));
	*ret = begun;
	return 0;
}

static int crmg_kern_open_map(struct crmg_kern *kern, size_t id, struct crmg_err *err)
{
	const struct crmg_map_info *info = &crmg_map_info[id];
	size_t entries = 0;
	int code;

	if (kern->map[id] < 0)
		kern->map[id] = crmg_pin_open(kern, info->name, kern->access != CRMG_KERN_READ ||
					      info->mappable);
	if (kern->map[id] == -ENOENT)
		return crmg_err_set(err, -ENOENT, "nothing is attached for instance '%s' (pin '%s' is "
				    "missing): start with 'crmgate attach IFACE'", kern->instance,
				    info->name);
	if (kern->map[id] < 0) {
		code = kern->map[id];
		kern->map[id] = -1;
		return crmg_err_set(err, code, "cannot open pin '%s': %s%s", info->name,
				    strerror(-code), crmg_advice(code));
	}
	code = crmg_map_entries(kern->map[id], info->value_size, &entries);
	if (code == -EPROTO)
		return crmg_err_set(err, code, "pin '%s' was made by another program: 'crmgate detach "
				    "--all --purge' removes it", info->name);
	if (!code && info->mappable && !kern->view[id].memory)
		code = crmg_view_open(&kern->view[id], kern->map[id], info->value_size, entries,
				      kern->access != CRMG_KERN_READ);
	if (code)
		return crmg_err_set(err, code, "cannot read pin '%s': %s%s", info->name,
				    strerror(-code), code == -EPERM ? crmg_missing_rights() : "");
	/* The memory stays without it, and a daemon may have few to spare. */
	if (kern->access == CRMG_KERN_READ && kern->view[id].mapped) {
		close(kern->map[id]);
		kern->map[id] = -1;
	}
	return 0;
}

int crmg_kern_open_maps(struct crmg_kern *kern, struct crmg_err *err)
{
	int code = 0;
	size_t i;

	for (i = 0; !code && i < CRMG_MAP_COUNT; i++)
		if (!crmg_map_skipped(kern, i))
			code = crmg_kern_open_map(kern, i, err);
	return code;
}

void crmg_kern_open_older(struct crmg_kern *kern, int abi)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	size_t i;

	for (i = 0; i < CRMG_MAP_COUNT; i++) {
		if (abi < crmg_map_info[i].since || !crmg_kern_open_map(kern, i, &ignored))
			continue;
		if (kern->map[i] >= 0)
			close(kern->map[i]);
		kern->map[i] = -1;
	}
	crmg_err_clear(&ignored);
}

/* The number of the generation in force, for who finds the instance busy. */
static uint32_t crmg_generation_now(const char *instance)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;
	struct crmg_kern *kern = NULL;
	uint32_t generation = 0;

	if (!crmg_kern_open(instance, CRMG_KERN_READ, &kern, &ignored) &&
	    !crmg_kern_image(kern, &image, &ignored))
		generation = crmg_image_head(image)->generation;
	crmg_kern_close(&kern);
	crmg_err_clear(&ignored);
	return generation;
}

int crmg_lock_or_say(const char *instance, struct crmg_err *err)
{
	int lock = crmg_lock(instance, err);

	if (lock == -EBUSY)
		crmg_err_set(err, lock, "busy: another command changes instance '%s', generation %u "
			     "is in force; try again", instance, crmg_generation_now(instance));
	return lock;
}

int crmg_kern_lock(struct crmg_kern *kern, struct crmg_err *err)
{
	int lock = kern->lock < 0 ? crmg_lock_or_say(kern->instance, err) : kern->lock;

	if (lock < 0)
		return lock;
	kern->lock = lock;
	return 0;
}

void crmg_kern_unlock(struct crmg_kern *kern)
{
	crmg_audit_end(kern);
	if (kern->lock >= 0)
		close(kern->lock);
	kern->lock = -1;
}

void crmg_kern_settle(struct crmg_kern *kern, struct crmg_err *err)
{
	crmg_audit_begin(kern);
	crmg_forget_settle(kern);
	crmg_takeover_settle(kern, err);
	(void)crmg_confirm_settle(kern, err);
	(void)crmg_bans_settle(kern, err);
}

int crmg_kern_open(const char *instance, enum crmg_kern_access access,
		   struct crmg_kern **ret, struct crmg_err *err)
{
	struct crmg_kern *kern = NULL;
	int code, lock = -1;

	if (access == CRMG_KERN_WRITE) {
		lock = crmg_lock_or_say(instance, err);
		if (lock < 0)
			return lock;
	}
	code = crmg_kern_new(instance, access, lock, &kern, err);
	if (!code && access == CRMG_KERN_WRITE)
		crmg_pin_sweep(kern);
	if (!code)
		code = crmg_kern_open_maps(kern, err);
	if (!code && access == CRMG_KERN_WRITE)
		crmg_kern_settle(kern, err);
	if (code) {
		crmg_kern_close(&kern);
		return code;
	}
	*ret = kern;
	return 0;
}


void crmg_kern_close(struct crmg_kern **ret)
{
	struct crmg_kern *kern = *ret;
	size_t i;

	if (!kern)
		return;
	crmg_audit_end(kern);
	for (i = 0; i < CRMG_MAP_COUNT; i++) {
		crmg_view_close(&kern->view[i]);
		if (kern->map[i] >= 0)
			close(kern->map[i]);
	}
	for (i = 0; i < CRMG_ROW_CHUNKS_MAX; i++)
		if (kern->chunk[i].fd >= 0)
			close(kern->chunk[i].fd);
	for (i = 0; i < CRMG_IFACES_MAX; i++) {
		if (kern->links[i].xdp >= 0)
			close(kern->links[i].xdp);
		if (kern->links[i].tc >= 0)
			close(kern->links[i].tc);
	}
	crmg_view_close(&kern->image_view);
	crmg_held_close(kern);
	free(kern->rows);
	free(kern->client_rows);
	free(kern->percpu);
	free(kern->bans);
	if (kern->dir >= 0)
		close(kern->dir);
	if (kern->lock >= 0)
		close(kern->lock);
	free(kern);
	*ret = NULL;
}
