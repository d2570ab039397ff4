// SPDX-License-Identifier: GPL-2.0
/*
 * image.c - reads the compiled policy in force out of the kernel, and says which of two
 * that is while an apply waits to be confirmed.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"

#define CRMG_IMAGE_TRIES 8

const char *crmg_back_pin(__u32 place)
{
	return place ? "back_1" : "back_0";
}

int crmg_part_info(int fd, __u32 *ret_id, __u32 *ret_entries)
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
	code = crmg_part_info(fd, &found, ret_entries);
	if (!code && found == id)
		return fd;
	close(fd);
	return code ? code : -ESTALE;
}

/*
 * The map that the packets use, entry `place` of an array of maps: by one of the pins
 * (NULL ends them) that it may have. By its id when none is right: a command died in
 * between (root only).
 */
static int crmg_part_open(struct crmg_kern *kern, enum crmg_map_id outer, __u32 place,
			  const char *const *pins, __u32 *ret_id, __u32 *ret_entries)
{
	__u32 id, found;
	int fd = -1, code;

	if (bpf_map_lookup_elem(kern->map[outer], &place, &id))
		return -errno;
	*ret_id = id;
	for (; *pins && fd < 0 && fd != -EMFILE; pins++)
		fd = crmg_pinned_part(kern, *pins, id, ret_entries);
	if (fd >= 0 || fd == -EMFILE)
		return fd;
	fd = bpf_map_get_fd_by_id(id);
	if (fd < 0)
		return errno == EMFILE ? -errno : -ESTALE;
	code = crmg_part_info(fd, &found, ret_entries);
	if (!code)
		return fd;
	close(fd);
	return code;
}

int crmg_front_open(struct crmg_kern *kern, enum crmg_front_place place, __u32 *ret_id)
{
	/* Next: while the kernel waits for packets under the one before. */
	static const char *const pins[] = {
		CRMG_FRONT_PIN, CRMG_FRONT_NEXT, CRMG_FRONT_PREVIOUS, NULL,
	};
	__u32 entries;

	return crmg_part_open(kern, CRMG_MAP_FRONTS, place, pins, ret_id, &entries);
}

enum crmg_front_place crmg_front_place(struct crmg_kern *kern)
{
	const struct crmg_view *view = &kern->view[CRMG_MAP_CONTROL];
	const struct crmg_control *control = view->memory;
	uint64_t until;

	/* What cannot be read again is as it was: no worse than a moment ago. */
	(void)crmg_view_refresh(&kern->view[CRMG_MAP_CONTROL], kern->map[CRMG_MAP_CONTROL],
				sizeof(*control), 1);
	until = __atomic_load_n(&control->confirm_until_ns, __ATOMIC_ACQUIRE);
	return until && crmg_clock_ns(CLOCK_MONOTONIC) >= until ? CRMG_FRONT_OLD : CRMG_FRONT_NEW;
}

/* Place of the back that belongs to a front. */
static int crmg_front_back(int fd, __u32 *ret)
{
	struct crmg_view view = { 0 };
	int code = crmg_view_open(&view, fd, sizeof(struct crmg_front), 1, false);

	if (code)
		return code;
	*ret = CRMG_BACK_PLACE(&((const struct crmg_front *)view.memory)->head);
	crmg_view_close(&view);
	return 0;
}

/*
 * Front and back of the generation in force, one behind the other. Another one may come
 * while they are opened: they belong together if the front is still the same afterwards.
 */
static int crmg_image_open(struct crmg_kern *kern, __u32 place, struct crmg_view *ret,
			   __u32 *ret_id, __u32 *ret_cells)
{
	const char *back_pins[] = { NULL, NULL };
	crmg_autoclose int front = -1, back = -1;
	__u32 id, again, entries, back_place;
	struct crmg_view_part parts[2];
	int code;

	front = crmg_front_open(kern, place, &id);
	if (front < 0)
		return front;
	code = crmg_front_back(front, &back_place);
	if (code)
		return code;
	back_pins[0] = crmg_back_pin(back_place);
	back = crmg_part_open(kern, CRMG_MAP_BACKS, back_place, back_pins, &again, &entries);
	if (back < 0)
		return back;
	if (bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &place, &again) || again != id)
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
	__u32 place = crmg_front_place(kern), id = 0, cells = 0;
	struct crmg_view view = { 0 };
	struct crmg_image image;
	int code = -ESTALE, tries;

	if (bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &place, &id)) {
		code = -errno;
		return crmg_err_set(err, code, code == -ENOENT ? "no policy is in force" :
				    "cannot read the policy: %s", strerror(-code));
	}
	if (id == kern->image_id)
		goto done;
	for (tries = 0; tries < CRMG_IMAGE_TRIES && code == -ESTALE; tries++)
		code = crmg_image_open(kern, place, &view, &id, &cells);
	if (code)
		return crmg_err_set(err, code, "cannot open the policy in force: %s%s", strerror(-code),
				    code == -ESTALE ? "; run any changing command as root to repair "
				    "its pin" : crmg_advice(code));
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
