// SPDX-License-Identifier: GPL-2.0
/* attach.c - the command attach: what happens in which order. */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "internal.h"
#include "takeover.h"
#include "crmgate.skel.h"

/* May what is left of an interface be taken off, to attach it anew? What would refuse comes first. */
static int crmg_iface_renewable(struct crmg_attaching *a, size_t i, const struct crmg_iface *iface)
{
	enum crmg_tc_choice tc = a->options->tc;
	struct crmg_iface now = *iface;
	int code = crmg_iface_removable(iface, a->err);

	now.ifindex = a->indexes[i];
	if (code || tc == CRMG_TC_CHOICE_TCX ||
	    (tc == CRMG_TC_CHOICE_AUTO && iface->tc_kind != CRMG_TC_CLSACT))
		return code;
	return crmg_clsact_free(&now, a->err);
}

/* A name that is attached already: as what was asked for, or not? */
static int crmg_iface_known(struct crmg_attaching *a, size_t i, const struct crmg_iface *iface,
			    bool *ret_alive)
{
	enum crmg_attach_mode mode = a->options->mode;
	enum crmg_tc_choice tc = a->options->tc;

	*ret_alive = crmg_iface_alive(a->kern, iface);
	if (iface->netns != crmg_netns() && *ret_alive)
		return crmg_err_set(a->err, -EBUSY, "an interface %s of another network namespace is "
				    "attached: use another --instance here", iface->name);
	if (!*ret_alive)
		return crmg_iface_renewable(a, i, iface);
	if ((a->options->chain && !iface->chained) ||
	    (mode == CRMG_ATTACH_NATIVE && iface->xdp_mode != CRMG_XDP_NATIVE) ||
	    (mode == CRMG_ATTACH_GENERIC && iface->xdp_mode != CRMG_XDP_GENERIC) ||
	    (mode == CRMG_ATTACH_TC && iface->xdp_mode != CRMG_XDP_TC) ||
	    (tc == CRMG_TC_CHOICE_TCX && iface->tc_kind != CRMG_TC_TCX) ||
	    (tc == CRMG_TC_CHOICE_CLSACT && iface->tc_kind != CRMG_TC_CLSACT))
		return crmg_err_set(a->err, -EBUSY, "%s is attached in another mode: 'crmgate detach "
				    "%s' first", iface->name, iface->name);
	return 0;
}

/* Programs of the dispatcher and of links are loaded in different ways, and an instance has one. */
static int crmg_chain_apart(const struct crmg_attaching *a, const char *name)
{
	const struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;

	if (!ifaces || a->options->mode == CRMG_ATTACH_TC)
		return 0;
	for (size_t i = 0; i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].xdp_mode != CRMG_XDP_TC &&
		    !!ifaces[i].chained != a->options->chain)
			return crmg_err_set(a->err, -EBUSY, "%s is attached %s '--chain', and an "
					    "instance has all its interfaces so: use another --instance "
					    "for %s", ifaces[i].name,
					    ifaces[i].chained ? "with" : "without", name);
	return 0;
}

int crmg_attach_may(struct crmg_attaching *a)
{
	const struct crmg_attach_options *o = a->options;
	int code = 0;

	for (size_t i = 0; !code && i < o->iface_count; i++) {
		struct crmg_iface *iface = crmg_iface_find(a->kern, o->ifaces[i]);
		struct crmg_iface fresh = { .ifindex = a->indexes[i] };
		bool alive;

		if (iface) {
			code = crmg_iface_known(a, i, iface, &alive);
			continue;
		}
		crmg_copy(fresh.name, sizeof(fresh.name), o->ifaces[i]);
		code = crmg_chain_apart(a, fresh.name);
		if (!code)
			code = crmg_xdp_free(a, fresh.name, crmg_xdp_id(fresh.ifindex));
		if (!code)
			code = crmg_tcin_free(a, fresh.name, fresh.ifindex);
		if (!code && o->tc == CRMG_TC_CHOICE_CLSACT)
			code = crmg_clsact_free(&fresh, a->err);
	}
	return code;
}

/* Takes off again what this command has attached. */
static void crmg_attach_undo(struct crmg_attaching *a)
{
	size_t i;

	for (i = 0; i < a->options->iface_count; i++) {
		struct crmg_iface *iface = a->fresh[i] ?
			crmg_iface_find(a->kern, a->options->ifaces[i]) : NULL;

		if (iface)
			crmg_iface_remove(a->kern, iface);
	}
}

/* The entry that has another name but is this interface, under its name of now; or NULL. */
static struct crmg_iface *crmg_iface_renamed(struct crmg_attaching *a, size_t i)
{
	struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;
	size_t j;

	for (j = 0; j < CRMG_IFACES_MAX; j++)
		if (ifaces[j].name[0] && ifaces[j].ifindex == a->indexes[i] &&
		    ifaces[j].netns == crmg_netns())
			return crmg_iface_rename(a->kern, &ifaces[j], a->options->ifaces[i]) ?
			       NULL : &ifaces[j];
	return NULL;
}

/* Every interface that is named and not attached yet, or none of them. */
static int crmg_attach_new(struct crmg_attaching *a)
{
	const struct crmg_attach_options *o = a->options;
	int code = 0;
	size_t i;

	for (i = 0; !code && i < o->iface_count; i++) {
		struct crmg_iface *iface = crmg_iface_find(a->kern, o->ifaces[i]);
		bool alive = false;

		if (!iface)
			iface = crmg_iface_renamed(a, i);
		if (iface)
			code = crmg_iface_known(a, i, iface, &alive);
		if (code || alive)
			continue;
		if (iface)
			crmg_iface_remove(a->kern, iface);
		code = crmg_iface_attach(a, o->ifaces[i], a->indexes[i]);
		a->fresh[i] = !code;
	}
	if (code)
		crmg_attach_undo(a);
	return code;
}

int crmg_attach_renew(struct crmg_attaching *a)
{
	struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;
	int code = 0;
	size_t i;

	for (i = 0; i < CRMG_IFACES_MAX && !code; i++)
		code = ifaces[i].name[0] ? crmg_iface_can_update(a, &ifaces[i]) : 0;
	for (i = 0; i < CRMG_IFACES_MAX && !code; i++)
		/* The program at TC is renewed last. */
		code = !ifaces[i].name[0] || ifaces[i].tc_prog_id == a->tc_id ? 0 :
		       crmg_iface_update(a, &ifaces[i]);
	return code;
}

/* Interfaces that are wanted and may not be there yet: tending attaches them. */
static void crmg_attach_want(struct crmg_attaching *a)
{
	struct crmg_iface *entry;
	size_t i;

	for (i = 0; i < a->options->wanted_count; i++) {
		entry = crmg_iface_find(a->kern, "");
		if (entry && !crmg_iface_find(a->kern, a->options->wanted[i].name))
			*entry = a->options->wanted[i];
	}
}

int crmg_attach_pin(struct crmg_attaching *a)
{
	const struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;
	int code = crmg_pin(a->kern, a->xdp_prog, CRMG_XDP_PIN, a->err);

	if (!code)
		code = crmg_pin(a->kern, a->tc_prog, CRMG_TC_PIN, a->err);
	for (size_t i = 0; !code && i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].xdp_mode == CRMG_XDP_TC)
			return crmg_pin(a->kern, a->tc_in_prog, CRMG_TC_IN_PIN, a->err);
	return code;
}

/* A new state that nobody sees yet gets what else belongs to it, and is the instance's then. */
static int crmg_attach_complete(const struct crmg_attaching *a)
{
	int code = a->options->complete(a->kern, a->options->ctx, a->err);

	return code ? code : crmg_state_commit(a->kern->instance, a->err);
}

/* A state that is there already: the policy changes only if one was named. */
static int crmg_attach_policy(struct crmg_kern *kern, const struct crmg_attach_options *o,
			      const struct crmg_model *model, bool fresh, struct crmg_err *err)
{
	if (fresh && o->image)
		return crmg_image_restore(kern, o->image, err);
	if (!fresh)
		return o->model ? crmg_kern_apply(kern, model, o->mode_cap, err) : 0;
	return crmg_image_first(kern, model, o->mode_cap, err);
}

/* Those that were loaded, and their ids. */
static int crmg_attach_programs(struct crmg_attaching *a, const struct crmgate_bpf *skel)
{
	a->xdp_prog = bpf_program__fd(skel->progs.crmg_xdp);
	a->tc_in_prog = bpf_program__fd(skel->progs.crmg_tc_in);
	a->tc_prog = bpf_program__fd(skel->progs.crmg_tc);
	a->xdp_id = crmg_prog_id(a->xdp_prog);
	a->tc_id = crmg_prog_id(a->tc_prog);
	a->tc_in_id = crmg_prog_id(a->tc_in_prog);
	return a->xdp_id && a->tc_id && (a->tc_in_id || a->tc_in_prog < 0) ? 0 :
	       crmg_err_set(a->err, -EIO, "cannot ask the kernel which programs it loaded");
}

static int crmg_attach_locked(struct crmg_kern *kern, const struct crmg_attach_options *o,
			      const struct crmg_model *model, bool fresh,
			      struct crmg_takeover *takeover, struct crmg_err *err)
{
	crmg_autofree unsigned int *indexes = calloc(o->iface_count + 1, sizeof(*indexes));
	struct crmg_attaching a = { .kern = kern, .options = o, .indexes = indexes, .err = err };
	const struct crmg_image *image;
	size_t i;
	struct crmgate_bpf *skel = NULL;
	struct crmg_setup setup;
	int code;

	if (!indexes)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	if (o->iface_count > CRMG_IFACES_MAX)
		return crmg_err_set(err, -E2BIG, "at most %u interfaces", CRMG_IFACES_MAX);
	code = crmg_ifaces_check(takeover->old ? takeover->old : kern, o->ifaces, o->iface_count,
				 indexes, err);
	if (!code)
		code = !fresh ? crmg_setup_read(kern, &setup, err) :
		       crmg_setup_new(model, o->image, &setup);
	if (!code) {
		crmg_takeover_setup(takeover, &setup);
		code = crmg_load(kern, &setup, &a, &skel, err);
	}
	if (!code) {
		crmg_takeover_begin(takeover, kern);
		crmg_audit_begin(kern);
	}
	if (!code && !fresh)
		code = crmg_kern_image(kern, &image, err);
	/* A first policy comes before the first packet; a new one only if all else worked. */
	if (!code && fresh)
		code = crmg_attach_policy(kern, o, model, fresh, err);
	if (!code)
		code = crmg_attach_programs(&a, skel);
	if (!code && takeover->old)
		code = crmg_takeover_commit(takeover, &a);
	if (!code)
		code = crmg_attach_new(&a);
	if (!code && (!fresh || takeover->old)) {
		code = crmg_attach_policy(kern, o, model, false, err);
		if (code)
			crmg_attach_undo(&a);
	}
	if (!code)
		code = crmg_attach_renew(&a);
	if (!code && fresh && !takeover->old)
		crmg_attach_want(&a);
	if (!code)
		code = crmg_attach_pin(&a);
	if (!code && o->complete)
		code = crmg_attach_complete(&a);
	for (i = 0; !code && i < o->iface_count; i++)
		if (a.fresh[i])
			crmg_event_add(kern, CRMG_EVENT_ATTACH, NULL, "", "%s", o->ifaces[i]);
	if (code && takeover->committed) {
		crmg_attach_undo(&a);
		crmg_takeover_undo(takeover, kern, err);
	}
	crmgate_bpf__destroy(skel);
	return code;
}

/* The state in force, or the folder for a new one (*ret_fresh). The lock is closed on failure. */
static int crmg_attach_open(const struct crmg_attach_options *o, int lock,
			    const struct crmg_takeover *takeover, struct crmg_kern **ret,
			    bool *ret_fresh, struct crmg_err *err)
{
	char own[CRMG_FOLDER_LEN];
	const char *folder = takeover->old || o->complete ? CRMG_NEXT_FOLDER :
			     crmg_pin_abi(CRMG_ABI, own);
	int code = takeover->old ? 0 : crmg_other_check(o->instance, err);
	bool begun = false;

	if (!code && o->complete)
		code = crmg_state_none(o->instance, err);
	else if (!code && !o->iface_count && !takeover->old)
		code = crmg_state_needed(o->instance, err);
	if (!code)
		code = crmg_pin_prepare(o->instance, folder, err);
	if (code) {
		close(lock);
		return code;
	}
	code = crmg_kern_at(o->instance, folder, CRMG_KERN_WRITE, lock, ret, err);
	if (code)
		return code;
	crmg_pin_sweep(*ret);
	code = crmg_state_begun(*ret, &begun, err);
	*ret_fresh = !code && !begun;
	/* Of an attach that did not come to its end; what is left of it must not mix with ours. */
	if (*ret_fresh)
		crmg_pin_clear(*ret);
	return code;
}

/* Nothing is left of a state that was only being made. */
static void crmg_attach_forget(struct crmg_kern *kern, const struct crmg_takeover *takeover)
{
	crmg_audit_forget(kern);
	if (!takeover->old)
		crmg_pin_purge(kern->instance);
	else if (!takeover->committed)
		crmg_pin_drop(kern->instance, CRMG_NEXT_FOLDER);
}

int crmg_kern_attach(const struct crmg_attach_options *o, struct crmg_err *err)
{
	crmg_autofree struct crmg_takeover *takeover = calloc(1, sizeof(*takeover));
	struct crmg_model *empty = NULL;
	struct crmg_kern *kern = NULL;
	bool fresh = false;
	int code, lock;

	if (!takeover)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	lock = crmg_lock_or_say(o->instance, err);
	if (lock < 0)
		return lock;
	/* What a takeover left that was killed before its commit. */
	(void)crmg_pin_drop(o->instance, CRMG_NEXT_FOLDER);
	code = crmg_takeover_open(o, takeover, err);
	if (code)
		close(lock);
	else
		code = crmg_attach_open(o, lock, takeover, &kern, &fresh, err);
	if (code)
		goto done;
	code = fresh ? 0 : crmg_kern_open_maps(kern, err);
	if (!code && !fresh)
		crmg_kern_settle(kern, err);
	if (!code)
		code = crmg_model_new(&empty);
	if (!code)
		code = crmg_attach_locked(kern, &takeover->options, o->model ? o->model : empty,
					  fresh, takeover, err);
	if (code && fresh)
		crmg_attach_forget(kern, takeover);
	if (!code)
		crmg_takeover_finish(takeover, kern, err);
	crmg_audit_flush(kern, err);
done:
	crmg_model_free(&empty);
	crmg_kern_close(&kern);
	crmg_takeover_close(takeover);
	return crmg_kern_code(code);
}
