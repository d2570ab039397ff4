// SPDX-License-Identifier: GPL-2.0
/* image.c - compiled policies in the kernel: reading the one in force, switching. */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"

#define CRMG_IMAGE_TRIES 8
#define CRMG_FRONT_NEXT  "front_next"

#define CRMG_FILL_BATCH 16384

/* The back of a generation stays while the next one is in force: see struct crmg_front. */
static const char *crmg_back_pin(uint32_t generation)
{
	return generation % 2 ? "back_1" : "back_0";
}

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

/* One chunk of counter rows: made, put into the outer map and pinned if it is missing. */
static int crmg_rows_chunk(struct crmg_kern *kern, __u32 chunk, bool make, struct crmg_err *err)
{
	char name[32];
	int fd, code;

	if (kern->chunk[chunk].fd >= 0)
		return 0;
	snprintf(name, sizeof(name), "row_%u", chunk);
	fd = crmg_pin_open(kern, name, kern->access == CRMG_KERN_WRITE);
	if (fd >= 0) {
		kern->chunk[chunk].fd = fd;
		return 0;
	}
	if (fd != -ENOENT || !make)
		return fd;
	fd = bpf_map_create(BPF_MAP_TYPE_PERCPU_ARRAY, "crmg_rows", sizeof(__u32),
			    sizeof(struct crmg_row), CRMG_ROW_CHUNK, NULL);
	if (fd < 0) {
		code = -errno;
		return crmg_err_set(err, code, "cannot make counters (%zu KiB): %s",
				    CRMG_ROW_CHUNK * sizeof(struct crmg_row) *
				    crmg_kern_cpus() / 1024, strerror(-code));
	}
	/* Pinned first: a chunk that only the kernel knows could not be found again. */
	code = crmg_pin(kern, fd, name, err);
	if (!code && bpf_map_update_elem(kern->map[CRMG_MAP_ROWS], &chunk, &fd, 0)) {
		code = crmg_err_set(err, -errno, "cannot add counters: %s", strerror(errno));
		crmg_unpin(kern, name);
	}
	if (code) {
		close(fd);
		return code;
	}
	kern->chunk[chunk].fd = fd;
	return 0;
}

/* A budget that nothing was taken from: a TAT of 0 would lie ahead after 625 days of uptime. */
static struct crmg_bucket crmg_bucket_full(void)
{
	__u64 now = crmg_clock_ns(CLOCK_MONOTONIC) << CRMG_UNITS_PER_NS_SHIFT;

	return (struct crmg_bucket){ .tat = { now, now, now } };
}

/* Rows that get a new name start at 0. The image in force does not use them. */
static int crmg_rows_prepare(struct crmg_kern *kern, const struct crmg_image *image,
			     const struct crmg_image *old, struct crmg_err *err)
{
	crmg_autofree uint64_t *fresh = calloc(CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX / 64, 8);
	crmg_autofree void *zeros = calloc(crmg_kern_cpus(), sizeof(struct crmg_row));
	struct crmg_bucket *totals = kern->view[CRMG_MAP_TOTALS].memory;
	uint32_t last, row;

	if (!fresh || !zeros)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	last = crmg_image_new_rows(image, old, fresh);
	for (row = 0; row <= last; row++) {
		__u32 chunk = row / CRMG_ROW_CHUNK, i = row % CRMG_ROW_CHUNK;
		int code = crmg_rows_chunk(kern, chunk, true, err);

		if (code)
			return code;
		if (!(fresh[row / 64] >> (row % 64) & 1))
			continue;
		totals[row] = crmg_bucket_full();
		if (bpf_map_update_elem(kern->chunk[chunk].fd, &i, zeros, 0))
			return crmg_err_set(err, -errno, "cannot clear counters: %s",
					    strerror(errno));
	}
	return 0;
}

/* The same for the totals of services that are new: another may have had the index before. */
static void crmg_totals_prepare(struct crmg_kern *kern, const struct crmg_image *image)
{
	struct crmg_bucket *totals = kern->view[CRMG_MAP_TOTALS].memory;
	uint32_t generation = crmg_image_head(image)->generation, i;

	for (i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);

		if (service && service->born == generation)
			totals[CRMG_TOTAL_SERVICES + i] = crmg_bucket_full();
	}
}

/*
 * The back goes to the place that only the generation before the one in force used;
 * no packet is under that one any more.
 */
static int crmg_back_install(struct crmg_kern *kern, const struct crmg_image *image,
			     struct crmg_err *err)
{
	uint32_t generation = crmg_image_head(image)->generation;
	crmg_autoclose int fd = crmg_back_map(image);
	__u32 place = generation % 2;
	int code;

	if (fd < 0)
		return crmg_err_set(err, fd, "cannot load the policy (%zu KiB): %s",
				    image->cell_count * sizeof(*image->cells) / 1024,
				    strerror(-fd));
	code = crmg_pin(kern, fd, crmg_back_pin(generation), err);
	if (!code && bpf_map_update_elem(kern->map[CRMG_MAP_BACKS], &place, &fd, 0))
		code = crmg_err_set(err, -errno, "cannot load the policy: %s", strerror(errno));
	return code;
}

int crmg_image_install(struct crmg_kern *kern, const struct crmg_image *image,
		       struct crmg_err *err)
{
	const struct crmg_image *old = kern->image.cells ? &kern->image : NULL;
	crmg_autoclose int fd = -1;
	__u32 zero = 0;
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
	if (code)
		return code;
	/* The switch. It waits until no packet is under the old pointer any more. */
	if (bpf_map_update_elem(kern->map[CRMG_MAP_FRONTS], &zero, &fd, 0)) {
		code = crmg_err_set(err, -errno, "cannot switch the policy: %s", strerror(errno));
		crmg_unpin(kern, CRMG_FRONT_NEXT);
		return code;
	}
	crmg_pin_rename(kern, CRMG_FRONT_NEXT, CRMG_FRONT_PIN);
	return 0;
}

static int crmg_map_info(int fd, __u32 *ret_id, __u32 *ret_entries)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);

	if (bpf_obj_get_info_by_fd(fd, &info, &size))
		return -errno;
	*ret_id = info.id;
	*ret_entries = info.max_entries;
	return 0;
}

/* The map of that pin, if it has this id. */
static int crmg_pinned_part(struct crmg_kern *kern, const char *pin, __u32 id, __u32 *ret_entries)
{
	__u32 found = 0;
	int fd = crmg_pin_open(kern, pin, true), code;

	if (fd < 0)
		return fd;
	code = crmg_map_info(fd, &found, ret_entries);
	if (!code && found == id)
		return fd;
	close(fd);
	return code ? code : -ESTALE;
}

/*
 * The map that the packets use, entry `place` of an array of maps: by its pin, or by that
 * (`next`, or NULL) which it has while the kernel waits for packets under the old one.
 * By its id when no pin is right: a command died in between (root only).
 */
static int crmg_part_open(struct crmg_kern *kern, enum crmg_map_id outer, __u32 place,
			  const char *pin, const char *next, __u32 *ret_id,
			  __u32 *ret_entries)
{
	__u32 id, found;
	int fd, code;

	if (bpf_map_lookup_elem(kern->map[outer], &place, &id))
		return -errno;
	*ret_id = id;
	fd = crmg_pinned_part(kern, pin, id, ret_entries);
	if (fd < 0 && next)
		fd = crmg_pinned_part(kern, next, id, ret_entries);
	if (fd >= 0)
		return fd;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return -ESTALE;
	code = crmg_map_info(fd, &found, ret_entries);
	if (!code)
		return fd;
	close(fd);
	return code;
}

/* Generation of a front. */
static int crmg_front_generation(int fd, uint32_t *ret)
{
	struct crmg_view view = { 0 };
	int code = crmg_view_open(&view, fd, sizeof(struct crmg_front), 1, false);

	if (code)
		return code;
	*ret = ((const struct crmg_front *)view.memory)->head.generation;
	crmg_view_close(&view);
	return 0;
}

/*
 * Front and back of the generation in force, one behind the other. Another one may come
 * while they are opened: they belong together if the front is still the same afterwards.
 */
static int crmg_image_open(struct crmg_kern *kern, struct crmg_view *ret, __u32 *ret_id,
			   __u32 *ret_cells)
{
	crmg_autoclose int front = -1, back = -1;
	__u32 zero = 0, id, again, entries;
	struct crmg_view_part parts[2];
	uint32_t generation;
	int code;

	front = crmg_part_open(kern, CRMG_MAP_FRONTS, 0, CRMG_FRONT_PIN, CRMG_FRONT_NEXT, &id,
			       &entries);
	if (front < 0)
		return front;
	code = crmg_front_generation(front, &generation);
	if (code)
		return code;
	back = crmg_part_open(kern, CRMG_MAP_BACKS, generation % 2, crmg_back_pin(generation),
			      NULL, &again, &entries);
	if (back < 0)
		return back;
	if (bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &zero, &again) || again != id)
		return -ESTALE;
	parts[0] = (struct crmg_view_part){ front, sizeof(struct crmg_front), 1 };
	parts[1] = (struct crmg_view_part){ back, sizeof(struct crmg_cell), entries };
	code = crmg_view_open_pair(ret, parts);
	*ret_id = id;
	*ret_cells = CRMG_FRONT_CELLS + entries;
	return code;
}

int crmg_kern_image(struct crmg_kern *kern, const struct crmg_image **ret,
		    struct crmg_err *err)
{
	__u32 zero = 0, id = 0, cells = 0;
	struct crmg_view view = { 0 };
	struct crmg_image image;
	int code = -ESTALE, tries;

	if (bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &zero, &id)) {
		code = -errno;
		return crmg_err_set(err, code, code == -ENOENT ? "no policy is in force" :
				    "cannot read the policy: %s", strerror(-code));
	}
	if (id == kern->image_id)
		goto done;
	for (tries = 0; tries < CRMG_IMAGE_TRIES && code == -ESTALE; tries++)
		code = crmg_image_open(kern, &view, &id, &cells);
	if (code)
		return crmg_err_set(err, code, "cannot open the policy in force: %s; run any "
				    "changing command as root to repair its pin", strerror(-code));
	image = (struct crmg_image){ view.memory, cells };
	if (crmg_image_validate(&image)) {
		crmg_view_close(&view);
		return crmg_err_set(err, -EPROTO, "the policy in force was made by another "
				    "version; apply it again with this one");
	}
	crmg_view_close(&kern->image_view);
	kern->image_view = view;
	kern->image = image;
	kern->image_id = id;
done:
	*ret = &kern->image;
	return 0;
}

int crmg_image_apply(struct crmg_kern *kern, const struct crmg_model *model,
		     enum crmg_mode mode_cap, uint32_t *ret_generation, struct crmg_err *err)
{
	struct crmg_err after = CRMG_ERR_INIT;
	const struct crmg_image *old = kern->image.cells ? &kern->image : NULL, *now;
	uint32_t generation = old ? crmg_image_head(old)->generation + 1 : 1;
	struct crmg_image image = { 0 };
	int code;

	if (!generation)	/* wrapped: 0 is never in force, and the last one was odd */
		generation = 2;
	code = crmg_compile(model, old, generation, mode_cap, &image, err);
	if (code)
		return code;
	((struct crmg_head *)image.cells)->applied_at_ns =
		crmg_clock_ns(CLOCK_REALTIME);
	code = crmg_image_install(kern, &image, err);
	if (!code) {
		/* It is in force; what goes wrong from here on does not change that. */
		if (old && crmg_bans_prune(kern, old, &image, &after))
			crmg_err_warn(err, "bans of services that are gone may be left");
		if (crmg_kern_image(kern, &now, &after))
			crmg_err_warn(err, "generation %u is in force, but cannot be read back",
				      generation);
		crmg_event_add(kern, CRMG_EVENT_APPLY, NULL, "", "generation %u from %s",
			       generation, model->file ? model->file : "nothing");
		crmg_err_clear(&after);
		*ret_generation = generation;
	}
	crmg_image_free(&image);
	return code;
}

int crmg_kern_apply(struct crmg_kern *kern, const struct crmg_model *model,
		    enum crmg_mode mode_cap, uint32_t *ret_generation, struct crmg_err *err)
{
	const struct crmg_image *image;
	struct crmg_setup setup;
	int code = crmg_setup_read(kern, &setup, err);

	if (!code)
		code = crmg_kern_image(kern, &image, err);
	if (code)
		return code;
	if (model->capacity != setup.capacity || model->flows != setup.flows ||
	    model->v4_prefix != setup.v4_prefix || model->v6_prefix != setup.v6_prefix)
		return crmg_err_set(err, -EBUSY, "capacity.sources %u, capacity.flows %u, prefixes "
				    "/%u and /%u are in use, the file has %u, %u, /%u and /%u: these "
				    "are fixed at attach. 'crmgate detach --all --purge' and 'attach' "
				    "take them over, and lose all counters, bans and limiter levels",
				    setup.capacity, setup.flows, setup.v4_prefix, setup.v6_prefix,
				    model->capacity, model->flows, model->v4_prefix,
				    model->v6_prefix);
	return crmg_kern_code(crmg_image_apply(kern, model, mode_cap, ret_generation, err));
}
