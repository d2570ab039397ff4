// SPDX-License-Identifier: GPL-2.0
/* takeover_read.c - reads what a build of an older ABI left (takeover.h). */
#include <string.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "takeover.h"

static int crmg_takeover_refuse(const struct crmg_takeover *t, struct crmg_err *err,
				const char *why)
{
	return crmg_err_set(err, -EBUSY, "instance '%s' was attached by an older build (ABI %d), and "
			    "%s; what is in force stays", t->old->instance, t->abi, why);
}

static int crmg_takeover_ban(struct crmg_takeover *t, const struct crmg_ban_entry *from,
			     uint64_t now_ns)
{
	struct crmg_banlist *bans = &t->saved.bans;
	struct crmg_banlist_entry *entry;

	/* Or of a service that went with a policy which nobody confirmed: it must not become one of all. */
	if (from->ban.until_ns <= now_ns ||
	    (from->key.service && !crmg_ban_service(t->old, from->key.service)[0]))
		return 0;
	entry = crmg_grow(&bans->entries, &bans->count, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	*entry = (struct crmg_banlist_entry){
		.prefix = { from->key.addr, from->key.len },
		.for_ns = from->ban.until_ns == CRMG_BAN_FOREVER ? CRMG_BAN_FOREVER :
			  from->ban.until_ns - now_ns,
	};
	crmg_copy(entry->service, sizeof(entry->service),
		  crmg_ban_service(t->old, from->key.service));
	crmg_copy(entry->origin, sizeof(entry->origin), from->ban.origin);
	crmg_copy(entry->note, sizeof(entry->note), from->ban.note);
	return 0;
}

bool crmg_takeover_sources(const struct crmg_takeover *t, struct crmg_snapshot *ret)
{
	const struct crmg_image *image = &t->old->image;

	*ret = (struct crmg_snapshot){
		.image = image,
		.capacity = crmg_image_head(image)->capacity,
		.boot_ns = crmg_clock_ns(CLOCK_BOOTTIME),
		.mono_ns = crmg_clock_ns(CLOCK_MONOTONIC),
		.tags = t->old->view[CRMG_MAP_TAGS].memory,
		.slots = t->old->view[CRMG_MAP_SLOTS].memory,
		.details = t->old->view[CRMG_MAP_DETAILS].memory,
		.windows = t->old->view[CRMG_MAP_WINDOWS].memory,
		.total_windows = t->old->view[CRMG_MAP_TOTAL_WINDOWS].memory,
	};
	return ret->tags && ret->slots && ret->details;
}

int crmg_takeover_automatic(struct crmg_takeover *t)
{
	struct crmg_source_record source;
	struct crmg_snapshot snap;
	uint32_t at = 0;
	int code = 0;

	if (!crmg_takeover_sources(t, &snap))
		return 0;
	while (!code && crmg_auto_ban_next(&snap, &at, &source)) {
		struct crmg_ban_entry entry = crmg_auto_ban_entry(&snap, &source);

		code = crmg_takeover_ban(t, &entry, snap.boot_ns);
	}
	return code;
}

static int crmg_takeover_bans(struct crmg_takeover *t, struct crmg_err *err)
{
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME);
	struct crmg_kern *old = t->old;
	const struct crmg_image *image;
	size_t i;
	int code;

	/* The names of their services are in the policy. */
	if (crmg_kern_image(old, &image, err))
		return -EIO;
	code = crmg_bans_read(old, err);
	for (i = 0; !code && i < old->ban_count; i++)
		code = crmg_takeover_ban(t, &old->bans[i], now);
	return code ? code : crmg_takeover_automatic(t);
}

/* A copy of the policy in force: its maps go with the old state. */
static int crmg_takeover_image(struct crmg_takeover *t, struct crmg_err *err)
{
	const struct crmg_image *image;
	int code = crmg_kern_image(t->old, &image, err);
	size_t size;

	if (code)
		return code;
	size = image->cell_count * sizeof(*image->cells);
	t->saved.image.cells = aligned_alloc(4096, (size + 4095) / 4096 * 4096);
	if (!t->saved.image.cells)
		return -ENOMEM;
	memcpy(t->saved.image.cells, image->cells, size);
	t->saved.image.cell_count = image->cell_count;
	((struct crmg_head *)t->saved.image.cells)->abi = CRMG_ABI;
	return 0;
}

static int crmg_takeover_ifaces(struct crmg_takeover *t, struct crmg_err *err)
{
	const struct crmg_iface *ifaces = t->old->view[CRMG_MAP_IFACES].memory;
	int code = 0;

	for (size_t i = 0; !code && i < CRMG_IFACES_MAX; i++) {
		if (!ifaces[i].name[0])
			continue;
		t->saved.ifaces[t->saved.iface_count++] = ifaces[i];
		code = crmg_iface_reachable(&ifaces[i], err);
	}
	return code;
}

static int crmg_takeover_read(struct crmg_takeover *t, struct crmg_err *err)
{
	const struct crmg_control *control = t->old->view[CRMG_MAP_CONTROL].memory;
	const enum crmg_map_id needed[] = {
		CRMG_MAP_CONTROL, CRMG_MAP_IFACES, CRMG_MAP_BANS, CRMG_MAP_FRONTS, CRMG_MAP_BACKS,
	};
	size_t i;
	int code;

	for (i = 0; i < CRMG_ARRAY_SIZE(needed); i++)
		if (t->old->map[needed[i]] < 0)
			return crmg_takeover_refuse(t, err, "this one cannot read what it left: take "
						    "it off with 'crmgate detach --all --purge', "
						    "and attach anew");
	if (control->confirm_until_ns > crmg_clock_ns(CLOCK_MONOTONIC))
		return crmg_takeover_refuse(t, err, "its policy waits to be confirmed: 'crmgate "
					    "confirm' or 'crmgate rollback' of that build first");
	t->saved.panic = control->panic;
	code = crmg_takeover_ifaces(t, err);
	if (!code)
		code = crmg_takeover_image(t, err);
	if (!code)
		code = crmg_takeover_bans(t, err);
	return code;
}

int crmg_takeover_open(const struct crmg_attach_options *o, struct crmg_takeover *ret,
		       struct crmg_err *err)
{
	struct crmg_takeover *t = ret;
	char folder[CRMG_FOLDER_LEN];
	int code;

	*t = (struct crmg_takeover){ .abi = crmg_older_abi(o->instance), .options = *o };
	if (!crmg_kern_older(o->instance))
		return 0;
	code = crmg_kern_at(o->instance, crmg_pin_abi(t->abi, folder), CRMG_KERN_MANAGE, -1, &t->old,
			    err);
	if (code)
		return code;
	crmg_kern_open_older(t->old, t->abi);
	code = crmg_takeover_read(t, err);
	t->options.image = &t->saved.image;
	t->options.wanted = t->saved.ifaces;
	t->options.wanted_count = t->saved.iface_count;
	return code;
}

void crmg_takeover_close(struct crmg_takeover *t)
{
	crmg_saved_free(&t->saved);
	crmg_kern_close(&t->old);
}
