// SPDX-License-Identifier: GPL-2.0
/* takeover.c - takes over the state of a build of an older ABI (takeover.h). */
#include "takeover.h"

#include <string.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "savedfile.h"

static struct crmg_control *crmg_control_of_kern(const struct crmg_kern *kern)
{
	return kern->view[CRMG_MAP_CONTROL].memory;
}

/* -------------------------------------------------------------------- open */

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

/* The sources of the old state. False: this build does not know their tables. */
static bool crmg_takeover_sources(const struct crmg_takeover *t, struct crmg_snapshot *ret)
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
	};
	return ret->tags && ret->slots && ret->details;
}

/* Those of the sources themselves. */
static int crmg_takeover_automatic(struct crmg_takeover *t)
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
	const struct crmg_control *control = crmg_control_of_kern(t->old);
	const enum crmg_map_id needed[] = {
		CRMG_MAP_CONTROL, CRMG_MAP_IFACES, CRMG_MAP_BANS, CRMG_MAP_FRONTS, CRMG_MAP_BACKS,
	};
	size_t i;
	int code;

	for (i = 0; i < CRMG_ARRAY_SIZE(needed); i++)
		if (t->old->map[needed[i]] < 0)
			return crmg_takeover_refuse(t, err, "this one cannot read what it left: take "
						    "it off with 'crmgate detach --all --purge' of "
						    "that build, and attach with this one");
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

/* ------------------------------------------------------------------ commit */

/* Sources are the same to the hashes of both: what is kept by them is found again. */
void crmg_takeover_setup(const struct crmg_takeover *t, struct crmg_setup *setup)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	struct crmg_setup old;

	if (t->old && t->old->map[CRMG_MAP_SETUP] >= 0 && !crmg_setup_read(t->old, &old, &ignored))
		memcpy(setup->hash_key, old.hash_key, sizeof(setup->hash_key));
	crmg_err_clear(&ignored);
}

void crmg_takeover_begin(const struct crmg_takeover *t, struct crmg_kern *kern)
{
	struct crmg_control *control = crmg_control_of_kern(kern);
	const struct crmg_control *from;

	if (!t->old)
		return;
	from = crmg_control_of_kern(t->old);
	control->audit = from->audit;
	/* No number is given twice. */
	control->confirm_generation = from->confirm_generation;
	if (t->old->view[CRMG_MAP_ORIGINS].memory)
		memcpy(kern->view[CRMG_MAP_ORIGINS].memory, t->old->view[CRMG_MAP_ORIGINS].memory,
		       CRMG_ORIGINS_MAX * sizeof(struct crmg_origin));
}

/* What sources were sent under budgets of more than an hour, as it outlives a reboot. */
static int crmg_takeover_budgets(struct crmg_takeover *t, struct crmg_kern *kern,
				 struct crmg_err *err)
{
	const struct crmg_kern *old = t->old;
	size_t count, left_out;
	struct crmg_snapshot snap;
	json_t *document = NULL;
	int code;

	if (!crmg_takeover_sources(t, &snap) || !snap.windows || old->map[CRMG_MAP_KEPT] < 0 ||
	    old->map[CRMG_MAP_SETUP] < 0 || !old->view[CRMG_MAP_SCRATCH].memory)
		return 0;
	code = crmg_budgets_json(t->old, &snap, &document, err);
	if (!code)
		code = document ? crmg_budgets_read(document, &t->saved) : -ENOMEM;
	json_decref(document);
	return code ? code : crmg_saved_budgets(kern, &t->saved, &count, &left_out, err);
}

/* The pins of all links; those of an interface that has none are nothing to speak of. */
static void crmg_takeover_links(const struct crmg_kern *from, const struct crmg_kern *to,
				const struct crmg_iface *ifaces, size_t count)
{
	char pin[CRMG_PIN_LEN];

	for (size_t i = 0; i < count; i++) {
		if (!ifaces[i].name[0])
			continue;
		crmg_pin_move(from, to, crmg_pin_link("xdp", ifaces[i].name, pin, sizeof(pin)));
		crmg_pin_move(from, to, crmg_pin_link("tc", ifaces[i].name, pin, sizeof(pin)));
	}
}

int crmg_takeover_commit(struct crmg_takeover *t, struct crmg_attaching *a)
{
	struct crmg_kern *kern = a->kern;
	struct crmg_control *old = crmg_control_of_kern(t->old), *new = crmg_control_of_kern(kern);
	size_t count, left_out;
	int code = crmg_saved_ban(kern, &t->saved, &count, &left_out, a->err);

	if (!code)
		code = crmg_takeover_budgets(t, kern, a->err);
	if (!code && left_out)
		crmg_err_warn(a->err, "%zu bans were not taken over: there is no room for them",
			      left_out);
	memcpy(kern->view[CRMG_MAP_IFACES].memory, t->saved.ifaces, sizeof(t->saved.ifaces));
	if (!code)
		code = crmg_attach_pin(a);
	if (code)
		return code;
	new->panic_since_ns = old->panic_since_ns;
	new->panic = old->panic;
	/* Until this build's programs are under all links. */
	crmg_trouble_set(kern, CRMG_TROUBLE_UNFINISHED, true);
	code = crmg_state_commit(kern->instance, a->err);
	if (code)
		return code;
	t->committed = true;
	/* Who tends the old state lets go of it. */
	__atomic_store_n(&old->gone, CRMG_GONE_TAKEN, __ATOMIC_RELEASE);
	crmg_takeover_links(t->old, kern, t->saved.ifaces, t->saved.iface_count);
	crmg_event_add(kern, CRMG_EVENT_TAKEOVER, NULL, "", "from a build of ABI %d: generation %u, "
		       "%zu bans, %zu interfaces", t->abi,
		       crmg_image_head(&kern->image)->generation, count, t->saved.iface_count);
	return 0;
}

/* ---------------------------------------------------------------- and then */

/* An attach of the programs that are pinned in a state. */
static struct crmg_attaching crmg_takeover_programs(const struct crmg_kern *state,
						    struct crmg_kern *kern, struct crmg_err *err)
{
	static const struct crmg_attach_options none;
	struct crmg_attaching a = { .kern = kern, .options = &none, .err = err };

	a.xdp_prog = crmg_pin_open(state, CRMG_XDP_PIN, true);
	a.tc_in_prog = crmg_pin_open(state, CRMG_TC_IN_PIN, true);
	a.tc_prog = crmg_pin_open(state, CRMG_TC_PIN, true);
	a.xdp_id = crmg_prog_id(a.xdp_prog);
	a.tc_in_id = crmg_prog_id(a.tc_in_prog);
	a.tc_id = crmg_prog_id(a.tc_prog);
	return a;
}

static void crmg_takeover_programs_close(struct crmg_attaching *a)
{
	const int fds[] = { a->xdp_prog, a->tc_in_prog, a->tc_prog };

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

/* The entry of an interface of the old state, which may have another name now; or NULL. */
static struct crmg_iface *crmg_takeover_iface(struct crmg_kern *kern, const struct crmg_iface *was)
{
	struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;

	for (size_t i = 0; i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].ifindex == was->ifindex &&
		    ifaces[i].netns == was->netns)
			return &ifaces[i];
	return NULL;
}

/* The old programs where the new ones are. */
static int crmg_takeover_back(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_attaching a = crmg_takeover_programs(t->old, kern, err);
	struct crmg_iface *now;
	int code = 0;

	for (size_t i = 0; !code && i < t->saved.iface_count; i++) {
		const struct crmg_iface *was = &t->saved.ifaces[i];

		now = crmg_takeover_iface(kern, was);
		if (!now)
			continue;
		if (now->xdp_prog_id != was->xdp_prog_id || now->tc_prog_id != was->tc_prog_id)
			code = crmg_iface_update(&a, now);
		if (!code && strcmp(now->name, was->name))
			code = crmg_iface_rename(kern, now, was->name);
	}
	crmg_takeover_programs_close(&a);
	return code;
}

void crmg_takeover_undo(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err)
{
	char folder[CRMG_FOLDER_LEN];

	if (!t->committed)
		return;
	if (crmg_takeover_back(t, kern, err)) {
		crmg_err_warn(err, "the old state cannot be put back: this build's is in force, and "
			      "'crmgate attach' of it does what is left");
		return;
	}
	crmg_takeover_links(kern, t->old, t->saved.ifaces, t->saved.iface_count);
	__atomic_store_n(&crmg_control_of_kern(t->old)->gone, 0, __ATOMIC_RELEASE);
	if (!crmg_state_name(kern->instance, crmg_pin_abi(CRMG_ABI, folder), CRMG_NEXT_FOLDER))
		t->committed = false;
}

void crmg_takeover_finish(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err)
{
	const struct crmg_control *old = t->old ? crmg_control_of_kern(t->old) : NULL;
	char folder[CRMG_FOLDER_LEN];
	bool panic;
	int code;

	if (!t->old)
		return;
	/*
	 * Panic needs no lock: it may have come while this took its time. The table is not there
	 * where this is done again, after it was killed while it removed the old pins.
	 */
	panic = old ? old->panic : t->saved.panic;
	if (panic != t->saved.panic)
		crmg_kern_panic(kern, panic, "the state of the older build");
	crmg_trouble_set(kern, CRMG_TROUBLE_UNFINISHED, false);
	code = crmg_pin_drop(kern->instance, crmg_pin_abi(t->abi, folder));
	if (code)
		crmg_err_warn(err, "the state of the older build cannot be removed: %s; the next "
			      "command does it", strerror(-code));
}

void crmg_takeover_settle(struct crmg_kern *kern, struct crmg_err *err)
{
	struct crmg_takeover t = { .abi = crmg_older_abi(kern->instance) };
	struct crmg_control *old;
	char folder[CRMG_FOLDER_LEN];
	struct crmg_attaching a;
	int code;

	if (!t.abi || crmg_kern_at(kern->instance, crmg_pin_abi(t.abi, folder), CRMG_KERN_MANAGE, -1,
				   &t.old, err))
		return;
	crmg_kern_open_older(t.old, t.abi);
	old = crmg_control_of_kern(t.old);
	if (old)
		__atomic_store_n(&old->gone, CRMG_GONE_TAKEN, __ATOMIC_RELEASE);
	crmg_takeover_links(t.old, kern, kern->view[CRMG_MAP_IFACES].memory, CRMG_IFACES_MAX);
	/* Who looked for the links before has to look again. */
	for (size_t i = 0; i < CRMG_IFACES_MAX; i++)
		kern->links[i].attached_at_ns = 0;
	a = crmg_takeover_programs(kern, kern, err);
	code = a.tc_id ? crmg_attach_renew(&a) : -ENOENT;
	crmg_takeover_programs_close(&a);
	if (!code) {
		t.saved.panic = old ? old->panic : false;
		crmg_takeover_finish(&t, kern, err);
	}
	crmg_takeover_close(&t);
}
