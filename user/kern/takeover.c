// SPDX-License-Identifier: GPL-2.0
/* takeover.c - takes over the state of a build of an older ABI (takeover.h). */
#include "takeover.h"

#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "savedfile.h"

static struct crmg_control *crmg_control_of_kern(const struct crmg_kern *kern)
{
	return kern->view[CRMG_MAP_CONTROL].memory;
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

/* What was sent under budgets of more than an hour, as it outlives a reboot. */
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

/* Panic needs no lock: it may have come to the old state while this took its time. */
static void crmg_takeover_panic(struct crmg_takeover *t, struct crmg_kern *kern)
{
	/* Not there where this is done again, after it was killed while it removed the old pins. */
	const struct crmg_control *old = crmg_control_of_kern(t->old);
	bool panic = old ? __atomic_load_n(&old->panic, __ATOMIC_SEQ_CST) : t->saved.panic;

	if (panic == t->saved.panic)
		return;
	t->saved.panic = panic;
	crmg_kern_panic(kern, panic, "the state of the older build");
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
	t->saved.panic = old->panic;
	new->panic = t->saved.panic;
	/* Until this build's programs are under all links. */
	crmg_trouble_set(kern, CRMG_TROUBLE_UNFINISHED, true);
	code = crmg_state_commit(kern->instance, a->err);
	if (code)
		return code;
	t->committed = true;
	crmg_takeover_panic(t, kern);
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

/* True if a ban is in force that ends no earlier. */
static bool crmg_takeover_banned(const struct crmg_kern *kern,
				 const struct crmg_banlist_entry *entry)
{
	const struct crmg_ban_key key = {
		.addr = entry->prefix.addr, .len = entry->prefix.len,
		.service = entry->service[0] ?
			   (__u8)crmg_image_service_find(&kern->image, entry->service) : 0,
	};
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME);
	struct crmg_ban ban;

	return !bpf_map_lookup_elem(kern->map[CRMG_MAP_BANS], &key, &ban) &&
	       (ban.until_ns == CRMG_BAN_FOREVER ||
		(ban.until_ns > now && ban.until_ns - now >= entry->for_ns));
}

/* The bans that the old programs have made by themselves since theirs were read. */
static void crmg_takeover_later(struct crmg_takeover *t, struct crmg_kern *kern,
				struct crmg_err *err)
{
	struct crmg_banlist *bans = &t->saved.bans;
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;
	size_t count = 0, left_out, i;
	int code;

	crmg_banlist_free(bans);
	/* Without its policy the rest of the state is not there either. */
	code = t->old->map[CRMG_MAP_FRONTS] < 0 || t->old->map[CRMG_MAP_BACKS] < 0 ||
	       crmg_kern_image(t->old, &image, &ignored);
	crmg_err_clear(&ignored);
	if (code)
		return;
	code = crmg_takeover_automatic(t);
	if (!code)
		code = crmg_kern_image(kern, &image, err);
	for (i = 0; !code && i < bans->count; i++)
		if (!crmg_takeover_banned(kern, &bans->entries[i]))
			bans->entries[count++] = bans->entries[i];
	bans->count = count;
	if (!code && count)
		code = crmg_saved_ban(kern, &t->saved, &count, &left_out, err);
	if (code)
		crmg_err_warn(err, "bans that sources got in the meantime are not taken over");
}

void crmg_takeover_finish(struct crmg_takeover *t, struct crmg_kern *kern, struct crmg_err *err)
{
	char folder[CRMG_FOLDER_LEN];
	int code;

	if (!t->old)
		return;
	crmg_takeover_panic(t, kern);
	crmg_takeover_later(t, kern, err);
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
