// SPDX-License-Identifier: GPL-2.0
/*
 * repin.c - the pins of a state that is tended: each is held by a descriptor, and gets
 * its name back when that was removed.
 */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/util.h"
#include "tend.h"

static int crmg_held_open(struct crmg_kern *kern)
{
	static const char *const names[] = {
		CRMG_FRONT_PIN, CRMG_FRONT_PREVIOUS, "back_0", "back_1",
		CRMG_XDP_PIN, CRMG_TC_IN_PIN, CRMG_TC_PIN,
	};
	size_t i;

	if (kern->held)
		return 0;
	kern->held = calloc(1, sizeof(*kern->held));
	if (!kern->held)
		return -ENOMEM;
	for (i = 0; i < CRMG_ARRAY_SIZE(names); i++)
		kern->held->pin[i] = (struct crmg_held_pin){ names[i], -1 };
	return 0;
}

void crmg_held_close(struct crmg_kern *kern)
{
	size_t i;

	if (!kern->held)
		return;
	for (i = 0; i < CRMG_ARRAY_SIZE(kern->held->pin); i++)
		if (kern->held->pin[i].fd >= 0)
			close(kern->held->pin[i].fd);
	free(kern->held);
	kern->held = NULL;
}

/* Opens pins anew; one that is missing just now is held as it was. */
static void crmg_held_renew(struct crmg_kern *kern, size_t first, size_t last)
{
	size_t i;

	for (i = first; i <= last; i++) {
		struct crmg_held_pin *pin = &kern->held->pin[i];
		int fd = crmg_pin_open(kern, pin->name, true);

		/* Of an apply that waits; when none does it is gone for good. */
		if (fd < 0 && i != HELD_PREVIOUS)
			continue;
		if (pin->fd >= 0)
			close(pin->fd);
		pin->fd = fd;
	}
}

int crmg_tend_hold(struct crmg_tend *t)
{
	const struct crmg_iface *ifaces = t->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_image *image;
	struct crmg_holding *held;
	bool renew;
	size_t i;
	int code = crmg_held_open(t->kern);

	if (!code)
		code = crmg_kern_image(t->kern, &image, t->err);
	if (code)
		return code;
	held = t->kern->held;
	if (held->image_id != t->kern->image_id) {
		crmg_held_renew(t->kern, HELD_FRONT, HELD_BACK_1);
		crmg_rows_hold(t->kern);
		held->image_id = t->kern->image_id;
	}
	renew = held->pin[HELD_TC].fd < 0;
	for (i = 0; i < CRMG_IFACES_MAX && !renew; i++)
		renew = ifaces[i].name[0] && ifaces[i].tc_prog_id &&
			ifaces[i].tc_prog_id != crmg_prog_id(held->pin[HELD_TC].fd);
	if (renew)
		crmg_held_renew(t->kern, HELD_XDP, HELD_TC);
	return 0;
}

int crmg_tend_folder(struct crmg_tend *t)
{
	char path[CRMG_PIN_LEN], folder[CRMG_FOLDER_LEN];
	struct stat ours, there;
	int dir, code;

	crmg_pin_dir(t->kern->instance, path, sizeof(path));
	if (!stat(path, &there) && !fstat(t->kern->dir, &ours) && ours.st_ino == there.st_ino &&
	    ours.st_dev == there.st_dev)
		return 0;
	if (!crmg_tend_lock(t))
		return 0;
	code = crmg_pin_prepare(t->kern->instance, crmg_pin_abi(CRMG_ABI, folder), t->err);
	if (code)
		return code;
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	code = dup3(dir, t->kern->dir, O_CLOEXEC) < 0 ? -errno : 0;
	close(dir);
	t->restored = true;
	return code ? code : crmg_pin_there(t->kern, CRMG_FRONT_PIN) ? -ESTALE : 0;
}

int crmg_tend_pin(struct crmg_tend *t, const char *name, int fd, unsigned int *restored)
{
	int code;

	if (fd < 0 || t->busy || crmg_pin_there(t->kern, name))
		return 0;
	if (!crmg_tend_lock(t))
		return 0;
	/* Asked again under the lock: a command may have been about to pin it. */
	if (crmg_pin_there(t->kern, name))
		return 0;
	code = crmg_pin(t->kern, fd, name, t->err);
	*restored += !code;
	return code;
}

int crmg_tend_pins(struct crmg_tend *t)
{
	static const char *const maps[] = {
#define CRMG_MAP_PIN_NAME(ID, field, pin, ...) pin,
		CRMG_MAPS(CRMG_MAP_PIN_NAME)
	};
	struct crmg_kern *kern = t->kern;
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	unsigned int restored = 0;
	char name[32];
	int code = 0;
	size_t i;

	for (i = 0; !code && i < CRMG_MAP_COUNT; i++)
		code = crmg_tend_pin(t, maps[i], kern->map[i], &restored);
	for (i = 0; !code && i < CRMG_ROW_CHUNKS_MAX; i++) {
		snprintf(name, sizeof(name), "row_%zu", i);
		code = crmg_tend_pin(t, name, kern->chunk[i].fd, &restored);
	}
	/* The front last: with it the state is whole. */
	for (i = CRMG_ARRAY_SIZE(kern->held->pin); !code && i-- > 0;)
		code = i == HELD_PREVIOUS && !control->confirm_until_ns ? 0 :
		       crmg_tend_pin(t, kern->held->pin[i].name, kern->held->pin[i].fd, &restored);
	if (restored) {
		t->restored = true;
		crmg_tend_event(t, CRMG_EVENT_LOST, "%u pins were removed", restored);
		crmg_tend_event(t, CRMG_EVENT_RESTORED, "%u pins", restored);
	}
	return code;
}
