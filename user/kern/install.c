// SPDX-License-Identifier: GPL-2.0
/*
 * install.c - puts a compiled policy in force: its parts as maps of their own, then one
 * pointer. Whatever fails, or is killed, leaves the old one or the new one, whole.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/num.h"
#include "../base/util.h"
#include "internal.h"

#define CRMG_FILL_BATCH 16384

/* In batches: a map that programs may only read cannot be mapped for writing. */
static int crmg_cells_fill(int fd, const struct crmg_cell *cells, size_t count)
{
	crmg_autofree __u32 *keys = calloc(CRMG_FILL_BATCH, sizeof(*keys));
	size_t done, i;

	if (!keys)
		return -ENOMEM;
	for (done = 0; done < count; done += CRMG_FILL_BATCH) {
		size_t left = count - done;
		__u32 batch = left < CRMG_FILL_BATCH ? left : CRMG_FILL_BATCH;

		for (i = 0; i < batch; i++)
			keys[i] = done + i;
		if (bpf_map_update_batch(fd, keys, &cells[done], &batch, NULL))
			return -errno;
	}
	return 0;
}

/* Nobody changes a policy in force, not even root. Returns fd, or closes it. */
static int crmg_frozen(int fd, int code)
{
	if (!code && bpf_map_freeze(fd))
		code = -errno;
	if (!code)
		return fd;
	close(fd);
	return code;
}

/* A frozen map of the front of an image: a descriptor, or negative errno. */
static int crmg_front_map(const struct crmg_image *image)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts, .map_flags = BPF_F_MMAPABLE | BPF_F_RDONLY_PROG);
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "crmg_front", sizeof(__u32),
				sizeof(struct crmg_front), 1, &opts);
	__u32 zero = 0;

	if (fd < 0)
		return -errno;
	return crmg_frozen(fd, bpf_map_update_elem(fd, &zero, image->cells, 0) ? -errno : 0);
}

/* The same of its back. */
static int crmg_back_map(const struct crmg_image *image)
{
	LIBBPF_OPTS(bpf_map_create_opts, opts,
		    .map_flags = BPF_F_MMAPABLE | BPF_F_INNER_MAP | BPF_F_RDONLY_PROG);
	size_t count = image->cell_count - CRMG_FRONT_CELLS;
	int fd = bpf_map_create(BPF_MAP_TYPE_ARRAY, "crmg_back", sizeof(__u32),
				sizeof(struct crmg_cell), count, &opts);

	if (fd < 0)
		return -errno;
	return crmg_frozen(fd, crmg_cells_fill(fd, image->cells + CRMG_FRONT_CELLS, count));
}

/* The back goes to the place that the image in force does not use. */
static int crmg_back_install(struct crmg_kern *kern, const struct crmg_image *image,
			     struct crmg_err *err)
{
	__u32 place = CRMG_BACK_PLACE(crmg_image_head(image));
	crmg_autoclose int fd = crmg_back_map(image);
	int code;

	if (fd < 0)
		return crmg_err_set(err, fd, "cannot load the policy (%zu KiB): %s",
				    image->cell_count * sizeof(*image->cells) / 1024,
				    strerror(-fd));
	code = crmg_pin(kern, fd, crmg_back_pin(place), err);
	if (!code && bpf_map_update_elem(kern->map[CRMG_MAP_BACKS], &place, &fd, 0))
		code = crmg_err_set(err, -errno, "cannot load the policy: %s", strerror(errno));
	return code;
}

int crmg_front_put(struct crmg_kern *kern, enum crmg_front_place place, int fd,
		   struct crmg_err *err)
{
	__u32 at = place;
	int code;

	if (!bpf_map_update_elem(kern->map[CRMG_MAP_FRONTS], &at, &fd, 0))
		return 0;
	code = -errno;
	if (code == -E2BIG)
		return crmg_err_set(err, code, "this instance was attached by a build that had no "
				    "--confirm: 'crmgate detach --all --purge' and 'attach' make "
				    "room for it");
	return crmg_err_set(err, code, "cannot switch the policy: %s", strerror(-code));
}

/*
 * Rows, back, front, and the switch; confirm_ns as for crmg_kern_install(). Fails only
 * with the old generation in force.
 */
static int crmg_image_switch(struct crmg_kern *kern, const struct crmg_image *image,
			     uint64_t confirm_ns, struct crmg_err *err)
{
	const struct crmg_image *old = kern->image.cells ? &kern->image : NULL;
	crmg_autoclose int fd = -1;
	int code = crmg_rows_prepare(kern, image, old, err);

	if (!code)
		code = crmg_back_install(kern, image, err);
	if (code)
		return code;
	crmg_totals_prepare(kern, image);
	fd = crmg_front_map(image);
	if (fd < 0)
		return crmg_err_set(err, fd, "cannot load the policy (%zu KiB): %s",
				    sizeof(struct crmg_front) / 1024, strerror(-fd));
	/* Its pin first, under another name: after the switch nothing may fail any more. */
	code = crmg_pin(kern, fd, CRMG_FRONT_NEXT, err);
	if (!code && confirm_ns)
		code = crmg_confirm_arm(kern, image, confirm_ns, err);
	/* The switch. It waits until no packet is under the old pointer any more. */
	if (!code)
		code = crmg_front_put(kern, CRMG_FRONT_NEW, fd, err);
	if (code) {
		crmg_confirm_disarm(kern);
		crmg_unpin(kern, CRMG_FRONT_NEXT);
		return code;
	}
	crmg_pin_rename(kern, CRMG_FRONT_NEXT, CRMG_FRONT_PIN);
	if (!confirm_ns)
		crmg_confirm_forget(kern);
	return 0;
}

/* The number after all that were ever given, also to one that was rolled back. */
static uint32_t crmg_generation_next(const struct crmg_kern *kern)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	uint32_t last = kern->image.cells ? crmg_image_head(&kern->image)->generation : 0;

	if (control->confirm_generation && (int32_t)(control->confirm_generation - last) > 0)
		last = control->confirm_generation;
	return last + 1 ? last + 1 : 1;		/* 0 is never in force */
}

/* Bit 1 of the setting: servers take the data of a SYN. Without the setting none does. */
static bool crmg_fast_open(void)
{
	return crmg_number_read("/proc/sys/net/ipv4/tcp_fastopen", 0) & 2;
}

/* 0 where nobody told the kernel of leap seconds, else 37 so far. */
static int32_t crmg_tai_s(void)
{
	uint64_t real = crmg_clock_ns(CLOCK_REALTIME), tai = crmg_clock_ns(CLOCK_TAI);

	return (int32_t)((tai - real + CRMG_NS_PER_SEC / 2) / CRMG_NS_PER_SEC);
}

/* The image after the one in force, if there is one. */
static int crmg_image_next(const struct crmg_kern *kern, const struct crmg_model *model,
			   enum crmg_mode mode_cap, struct crmg_image *ret, struct crmg_err *err)
{
	const struct crmg_image *old = kern->image.cells ? &kern->image : NULL;
	uint32_t generation = crmg_generation_next(kern);
	struct crmg_head *head;
	int code = crmg_compile(model, old, generation, mode_cap, ret, err);

	if (code)
		return code;
	head = (struct crmg_head *)ret->cells;
	head->fast_open = crmg_fast_open();
	head->tai_s = crmg_tai_s();
	if (old)
		head->back_shift = (generation + CRMG_BACK_PLACE(crmg_image_head(old)) + 1) % 2;
	return 0;
}

int crmg_kern_compile(struct crmg_kern *kern, const struct crmg_model *model,
		      enum crmg_mode mode_cap, struct crmg_image *ret, struct crmg_err *err)
{
	const struct crmg_image *image;
	const struct crmg_head *head;
	int code = crmg_kern_image(kern, &image, err);

	if (code)
		return code;
	head = crmg_image_head(image);
	if (model->capacity != head->capacity || model->flows != head->flows ||
	    model->v4_prefix != head->v4_prefix || model->v6_prefix != head->v6_prefix)
		return crmg_err_set(err, -EBUSY, "capacity.sources %u, capacity.flows %u, prefixes "
				    "/%u and /%u are in use, the file has %u, %u, /%u and /%u: these "
				    "are fixed at attach. 'crmgate detach --all --purge' and 'attach' "
				    "take them over, and lose all counters, bans and limiter levels",
				    head->capacity, head->flows, head->v4_prefix, head->v6_prefix,
				    model->capacity, model->flows, model->v4_prefix,
				    model->v6_prefix);
	return crmg_kern_code(crmg_image_next(kern, model, mode_cap, ret, err));
}

/* What an image in force needs beside itself; that it fails does not change what is in force. */
static void crmg_installed(struct crmg_kern *kern, const struct crmg_image *image,
			   uint64_t confirm_ns, struct crmg_err *err)
{
	const struct crmg_head *head = crmg_image_head(image);
	struct crmg_err after = CRMG_ERR_INIT;
	const struct crmg_image *now;
	char wait[96] = "", time[CRMG_NUM_LEN];

	/* An image that can come back needs the bans of its services. */
	if (!confirm_ns && kern->image.cells && crmg_bans_prune(kern, &kern->image, image, &after))
		crmg_err_warn(err, "bans of services that are gone may be left");
	if (crmg_kern_image(kern, &now, &after))
		crmg_err_warn(err, "generation %u is in force, but cannot be read back",
			      head->generation);
	if (confirm_ns)
		snprintf(wait, sizeof(wait), ", to be confirmed within %s",
			 crmg_format_time(confirm_ns, time, sizeof(time)));
	/* Whoever applies a policy has seen what was missing of the last one. */
	if (!confirm_ns)
		crmg_trouble_set(kern, CRMG_TROUBLE_INCOMPLETE, false);
	crmg_event_add(kern, CRMG_EVENT_APPLY, NULL, "", "generation %u%s from %.*s",
		       head->generation, wait, (int)sizeof(head->file),
		       head->file[0] ? head->file : "nothing");
	crmg_err_clear(&after);
}

int crmg_kern_install(struct crmg_kern *kern, struct crmg_image *image, uint64_t confirm_ns,
		      struct crmg_err *err)
{
	bool first = !kern->image.cells;
	int code = crmg_confirm_check(kern, image, confirm_ns, err);

	if (code)
		return code;
	crmg_image_stamp(image, first ? NULL : &kern->image, crmg_clock_ns(CLOCK_REALTIME));
	code = crmg_image_switch(kern, image, confirm_ns, err);
	if (!code)
		crmg_installed(kern, image, confirm_ns, err);
	/* The first one is part of an attach, which may fail yet. */
	if (!first)
		crmg_audit_flush(kern, err);
	return crmg_kern_code(code);
}

int crmg_image_restore(struct crmg_kern *kern, const struct crmg_image *image,
		       struct crmg_err *err)
{
	return crmg_kern_code(crmg_image_switch(kern, image, 0, err));
}

int crmg_image_first(struct crmg_kern *kern, const struct crmg_model *model,
		     enum crmg_mode mode_cap, struct crmg_err *err)
{
	struct crmg_image image = { 0 };
	int code = crmg_image_next(kern, model, mode_cap, &image, err);

	if (!code)
		code = crmg_kern_install(kern, &image, 0, err);
	crmg_image_free(&image);
	return code;
}

int crmg_kern_apply(struct crmg_kern *kern, const struct crmg_model *model,
		    enum crmg_mode mode_cap, struct crmg_err *err)
{
	struct crmg_image image = { 0 };
	int code = crmg_kern_compile(kern, model, mode_cap, &image, err);

	if (!code)
		code = crmg_kern_install(kern, &image, 0, err);
	crmg_image_free(&image);
	return code;
}
