// SPDX-License-Identifier: GPL-2.0
/*
 * confirm.c - an apply that can be taken back. Packets themselves go back to the image
 * before when control.confirm_until_ns has passed (bpf/front.h); what is done here can
 * come late, or never, and changes nothing for them:
 *
 *   arm       old image into CRMG_FRONT_OLD, then the deadline; then install.c switches
 *   confirm   no deadline any more
 *   rollback  the deadline is now
 *   settle    after the deadline: the old image into CRMG_FRONT_NEW, then no deadline
 *
 * CRMG_FRONT_OLD is not empty as long as a packet could have seen a deadline.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"
#include "internal.h"

static struct crmg_control *crmg_control(struct crmg_kern *kern)
{
	return kern->view[CRMG_MAP_CONTROL].memory;
}

static void crmg_deadline_set(struct crmg_kern *kern, uint64_t until_ns)
{
	__atomic_store_n(&crmg_control(kern)->confirm_until_ns, until_ns, __ATOMIC_SEQ_CST);
}

/* True if packets are, or were until the deadline, under an image that waits. */
static bool crmg_confirm_armed(struct crmg_kern *kern)
{
	__u32 new_place = CRMG_FRONT_NEW, old_place = CRMG_FRONT_OLD, new_id, old_id;

	return crmg_control(kern)->confirm_until_ns &&
	       !bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &new_place, &new_id) &&
	       !bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &old_place, &old_id) &&
	       new_id != old_id;
}

/* The map of one entry of "fronts" into the other. */
static int crmg_front_copy(struct crmg_kern *kern, enum crmg_front_place from,
			   enum crmg_front_place to, struct crmg_err *err)
{
	__u32 id;
	crmg_autoclose int fd = crmg_front_open(kern, from, &id);

	if (fd < 0)
		return crmg_err_set(err, fd, "cannot open the policy: %s", strerror(-fd));
	return crmg_front_put(kern, to, fd, err);
}

int crmg_confirm_arm(struct crmg_kern *kern, const struct crmg_image *image,
		     uint64_t confirm_ns, struct crmg_err *err)
{
	struct crmg_control *control = crmg_control(kern);
	__u32 id;
	crmg_autoclose int fd = crmg_front_open(kern, CRMG_FRONT_NEW, &id);
	int code;

	if (fd < 0)
		return crmg_err_set(err, fd, "cannot open the policy: %s", strerror(-fd));
	code = crmg_pin(kern, fd, CRMG_FRONT_PREVIOUS, err);
	if (!code)
		code = crmg_front_put(kern, CRMG_FRONT_OLD, fd, err);
	if (code)
		return code;
	control->confirm_previous = crmg_image_head(&kern->image)->generation;
	control->confirm_generation = crmg_image_head(image)->generation;
	crmg_deadline_set(kern, crmg_clock_ns(CLOCK_MONOTONIC) + confirm_ns);
	return 0;
}

void crmg_confirm_disarm(struct crmg_kern *kern)
{
	crmg_deadline_set(kern, 0);
}

void crmg_confirm_forget(struct crmg_kern *kern)
{
	__u32 place = CRMG_FRONT_OLD, id;

	/* The switch has waited for every packet that may have seen a deadline. */
	if (!bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &place, &id))
		bpf_map_delete_elem(kern->map[CRMG_MAP_FRONTS], &place);
	crmg_unpin(kern, CRMG_FRONT_PREVIOUS);
}

/* A service whose index goes to another one would lose its sources' state for good. */
static int crmg_indexes_kept(const struct crmg_image *old, const struct crmg_image *image,
			     struct crmg_err *err)
{
	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *was = crmg_image_service(old, i);
		const struct crmg_service *is = crmg_image_service(image, i);

		if (was && is && was->born != is->born)
			return crmg_err_set(err, -EBUSY, "the services of both policies are more "
					    "than %d, so '%s' would lose its state: apply in two "
					    "steps, or without --confirm", CRMG_SERVICES_MAX,
					    was->name);
	}
	return 0;
}

int crmg_confirm_check(struct crmg_kern *kern, const struct crmg_image *image,
		       uint64_t confirm_ns, struct crmg_err *err)
{
	const struct crmg_control *control = crmg_control(kern);
	char left[CRMG_SHORT_LEN];
	uint64_t now;
	int code = crmg_confirm_settle(kern, err);

	if (code)
		return crmg_err_set(err, code, "the policy in force stays");
	if (control->confirm_until_ns) {
		now = crmg_clock_ns(CLOCK_MONOTONIC);
		return crmg_err_set(err, -EBUSY, "generation %u waits to be confirmed (%s left): "
				    "'crmgate confirm' keeps it, 'crmgate rollback' takes it back; "
				    "then apply again", control->confirm_generation,
				    crmg_format_age(control->confirm_until_ns > now ?
						    control->confirm_until_ns - now : 0, left,
						    sizeof(left)));
	}
	return confirm_ns ? crmg_indexes_kept(&kern->image, image, err) : 0;
}

/* The front that is in force gets its pin again, which somebody removed. */
static void crmg_front_repin(struct crmg_kern *kern)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	__u32 id;
	crmg_autoclose int fd = crmg_front_open(kern, CRMG_FRONT_NEW, &id);

	if (fd >= 0)
		(void)crmg_pin(kern, fd, CRMG_FRONT_PIN, &ignored);
	crmg_err_clear(&ignored);
}

/* A pin that a command left which died while it switched. */
static void crmg_front_pins_settle(struct crmg_kern *kern)
{
	__u32 place = CRMG_FRONT_NEW, id = 0, found = 0, entries;
	crmg_autoclose int fd = crmg_pin_open(kern, CRMG_FRONT_NEXT, true);

	if (fd < 0) {
		if (!crmg_pin_there(kern, CRMG_FRONT_PIN))
			crmg_front_repin(kern);
		return;
	}
	if (!bpf_map_lookup_elem(kern->map[CRMG_MAP_FRONTS], &place, &id) &&
	    !crmg_part_info(fd, &found, &entries) && id == found)
		crmg_pin_rename(kern, CRMG_FRONT_NEXT, CRMG_FRONT_PIN);
	else
		crmg_unpin(kern, CRMG_FRONT_NEXT);
}

/* What holds after the deadline becomes what is simply in force. */
static int crmg_confirm_finish(struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;
	int code = crmg_front_copy(kern, CRMG_FRONT_OLD, CRMG_FRONT_NEW, err);

	if (code)
		return code;
	crmg_pin_rename(kern, CRMG_FRONT_PREVIOUS, CRMG_FRONT_PIN);
	crmg_confirm_disarm(kern);
	/* Bans of services that were only in the image that is gone. */
	if (!crmg_kern_image(kern, &image, &ignored))
		(void)crmg_bans_prune(kern, image, image, &ignored);
	crmg_err_clear(&ignored);
	return 0;
}

int crmg_confirm_settle(struct crmg_kern *kern, struct crmg_err *err)
{
	const struct crmg_control *control = crmg_control(kern);
	uint64_t until = control->confirm_until_ns, now = crmg_clock_ns(CLOCK_MONOTONIC);
	struct crmg_err ignored = CRMG_ERR_INIT;
	char at[CRMG_TIME_LEN];
	int code;

	crmg_front_pins_settle(kern);
	if (!until)
		return 0;
	if (!crmg_confirm_armed(kern)) {
		crmg_confirm_disarm(kern);
		return 0;
	}
	if (now < until)
		return 0;
	code = crmg_confirm_finish(kern, &ignored);
	crmg_err_clear(&ignored);
	if (code) {
		crmg_err_warn(err, "generation %u was not confirmed and is out of force, but its "
			      "parts cannot be removed: %s", control->confirm_generation,
			      strerror(-code));
		return code;
	}
	crmg_format_utc(crmg_clock_ns(CLOCK_REALTIME) - (now - until), false, at, sizeof(at));
	crmg_event_add(kern, CRMG_EVENT_ROLLBACK, NULL, "", "generation %u is back since %s, %u was "
		       "not confirmed; found", control->confirm_previous, at,
		       control->confirm_generation);
	crmg_err_warn(err, "generation %u was not confirmed; since %s generation %u is in force "
		      "again", control->confirm_generation, at, control->confirm_previous);
	return 0;
}

static int crmg_confirm_waiting(struct crmg_kern *kern, struct crmg_err *err)
{
	const struct crmg_image *image;
	int code = crmg_kern_image(kern, &image, err);

	/* An apply whose time is over waits no more, also where that could not be settled. */
	if (!code && (crmg_confirm_settle(kern, err) ||
		      crmg_front_place(kern) == CRMG_FRONT_OLD ||
		      !crmg_control(kern)->confirm_until_ns))
		code = crmg_err_set(err, -ENOENT, "no apply waits to be confirmed; generation %u is "
				    "in force", crmg_image_head(image)->generation);
	return code;
}

int crmg_kern_confirm(struct crmg_kern *kern, uint32_t *ret_generation, struct crmg_err *err)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	int code = crmg_confirm_waiting(kern, err);

	if (code)
		return code;
	crmg_confirm_disarm(kern);
	/* It is confirmed. A packet may still have seen the deadline: the entry stays. */
	if (!crmg_front_copy(kern, CRMG_FRONT_NEW, CRMG_FRONT_OLD, &ignored))
		crmg_unpin(kern, CRMG_FRONT_PREVIOUS);
	(void)crmg_bans_prune(kern, &kern->image, &kern->image, err);
	*ret_generation = crmg_image_head(&kern->image)->generation;
	crmg_trouble_set(kern, CRMG_TROUBLE_INCOMPLETE, false);
	crmg_event_add(kern, CRMG_EVENT_CONFIRM, NULL, "", "generation %u", *ret_generation);
	crmg_audit_flush(kern, err);
	crmg_err_clear(&ignored);
	return 0;
}

int crmg_kern_rollback(struct crmg_kern *kern, uint32_t *ret_generation, struct crmg_err *err)
{
	const struct crmg_control *control = crmg_control(kern);
	int code = crmg_confirm_waiting(kern, err);

	if (code)
		return code;
	crmg_deadline_set(kern, 1);
	*ret_generation = control->confirm_previous;
	crmg_event_add(kern, CRMG_EVENT_ROLLBACK, NULL, "", "generation %u is back, %u is out",
		       control->confirm_previous, control->confirm_generation);
	/* Packets are under the old image already; what fails now is done by the next command. */
	if (crmg_confirm_finish(kern, err))
		crmg_err_warn(err, "the old policy is in force, but not all was cleaned up; the next "
			      "command does it");
	crmg_audit_flush(kern, err);
	return 0;
}
