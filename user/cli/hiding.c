// SPDX-License-Identifier: GPL-2.0
/* hiding.c - what an event may tell where it is kept. */
#include "hiding.h"

#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../ledger/days.h"

int crmg_hiding_look(struct crmg_hiding *hiding, const char *instance, struct crmg_kern *kern,
		     struct crmg_err *err)
{
	const struct crmg_image *image;
	int code = crmg_kern_image(kern, &image, err);

	if (code)
		return code;
	hiding->how = crmg_image_head(image)->addresses;
	if (hiding->how != CRMG_ADDRESSES_PSEUDONYM || hiding->state.dir >= 0)
		return 0;
	return crmg_state_open(instance, true, &hiding->state, err);
}

/* -ENOENT: a day that is over and has no key; one that was destroyed is not made again. */
static int take_key(struct crmg_hiding *hiding, uint64_t real_ns, struct crmg_err *err)
{
	uint64_t day_ns = real_ns / CRMG_DAY_NS * CRMG_DAY_NS;

	if (hiding->key.day_ns == day_ns)
		return 0;
	return day_ns + CRMG_DAY_NS > crmg_clock_ns(CLOCK_REALTIME) ?
	       crmg_day_key_get(&hiding->state, day_ns, &hiding->key, err) :
	       crmg_day_key_read(&hiding->state, day_ns, &hiding->key, err);
}

int crmg_hide(struct crmg_hiding *hiding, struct crmg_event *event, uint64_t boot_to_real_ns,
	      char buf[CRMG_PSEUDONYM_LEN], const char **ret, struct crmg_err *err)
{
	const struct crmg_pfx whole = { event->addr, event->len };
	const struct crmg_pfx outline = crmg_addr_outline(&whole);
	struct crmg_pseudonym pseudonym;
	int code = -ENOENT;

	*ret = NULL;
	if (!event->len || hiding->how == CRMG_ADDRESSES_FULL)
		return 0;
	/* "origin: note by whom": the note of a ban may name people. */
	event->detail[strcspn(event->detail, ":")] = '\0';
	if (whole.len == outline.len)
		return 0;
	if (hiding->how == CRMG_ADDRESSES_PSEUDONYM)
		code = take_key(hiding, event->time_ns + boot_to_real_ns, err);
	if (code == -ENOENT) {
		event->addr = outline.addr;
		event->len = outline.len;
		return 0;
	}
	if (code)
		return code;
	pseudonym = crmg_pseudonym_of(&hiding->key, &whole.addr);
	*ret = crmg_format_pseudonym(hiding->key.day_ns, &pseudonym, buf);
	return 0;
}
