// SPDX-License-Identifier: GPL-2.0
/*
 * rehearse.c - an attach that is only tried: this build's programs are loaded beside those
 * that are attached, and judge the packets of a proof. Nothing of it is left.
 */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "chain.h"
#include "prove.h"
#include "takeover.h"
#include "crmgate.skel.h"

/* The state in force; or none, where none came to its end, or it is an older build's (takeover). */
static int crmg_rehearsal_open(const char *instance, const struct crmg_takeover *takeover,
			       struct crmg_kern **ret, bool *ret_fresh, struct crmg_err *err)
{
	int code = takeover->old ? 0 : crmg_other_check(instance, err);

	*ret_fresh = !crmg_state_there(instance);
	if (!code)
		code = *ret_fresh ? crmg_kern_unpinned(instance, CRMG_KERN_WRITE, ret, err) :
				    crmg_kern_open(instance, CRMG_KERN_MANAGE, ret, err);
	return code;
}

/* What goes on of an older state, in tables that nobody sees. */
static int crmg_rehearse_takeover(struct crmg_kern *kern, const struct crmg_takeover *takeover,
				  struct crmg_err *err)
{
	size_t count, left_out;
	int code = crmg_image_restore(kern, &takeover->saved.image, err);

	return code ? code : crmg_saved_ban(kern, &takeover->saved, &count, &left_out, err);
}

/* The policy of the options: in force where nobody sees it, else only compiled. */
static int crmg_rehearse_policy(struct crmg_kern *kern, const struct crmg_attach_options *o,
				const struct crmg_model *model, bool fresh,
				const struct crmg_takeover *takeover, struct crmg_err *err)
{
	struct crmg_image image = { 0 };
	int code = takeover->old ? crmg_rehearse_takeover(kern, takeover, err) : 0;

	if (!code && fresh && !takeover->old)
		code = crmg_image_first(kern, model, o->mode_cap, err);
	else if (!code)
		code = o->model ? crmg_kern_compile(kern, model, o->mode_cap, &image, err) : 0;
	crmg_image_free(&image);
	crmg_audit_forget(kern);
	return code;
}

/* The packets of a proof, through the programs that were loaded. */
static int crmg_rehearse_proof(const struct crmg_attaching *a, struct crmg_proof *ret)
{
	const struct crmg_prog progs[] = {
		{ CRMG_PROG_XDP, a->xdp_prog, "this build's xdp" },
		{ CRMG_PROG_TC, a->tc_prog, "this build's tc" },
		{ CRMG_PROG_TC_IN, a->tc_in_prog, "this build's tc ingress" },
	};
	const struct crmg_proof none = { 0 };
	struct crmg_snapshot snap;
	struct crmg_prover p;
	int code = crmg_prover_init(&p, a->kern, ret, a->err);

	if (code)
		return code;
	p.rehearsed = progs;
	p.rehearsed_count = CRMG_ARRAY_SIZE(progs) - (a->tc_in_prog < 0);
	code = crmg_prove_settled(&p, &snap, &none, a->err);
	if (!code) {
		ret->generation = crmg_image_head(snap.image)->generation;
		ret->probes = p.probes;
	}
	crmg_prover_done(&p);
	return code;
}

static int crmg_rehearse_state(struct crmg_kern *kern, const struct crmg_takeover *takeover,
			       const struct crmg_model *model, bool fresh, struct crmg_proof *ret,
			       struct crmg_err *err)
{
	const struct crmg_attach_options *o = &takeover->options;
	crmg_autofree unsigned int *indexes = calloc(o->iface_count + 1, sizeof(*indexes));
	/* Where programs are attached: an older state knows that of its interfaces. */
	struct crmg_attaching a = { .kern = takeover->old ? takeover->old : kern, .options = o,
				    .indexes = indexes, .err = err };
	struct crmgate_bpf *skel = NULL;
	const struct crmg_image *image;
	struct crmg_setup setup;
	int code = indexes ? 0 : crmg_err_set(err, -ENOMEM, "out of memory");

	if (!code)
		code = crmg_ifaces_check(a.kern, o->ifaces, o->iface_count, indexes, err);
	if (!code)
		code = fresh ? crmg_setup_new(model, o->image, &setup) : crmg_setup_read(kern, &setup, err);
	if (!code)
		code = crmg_load(kern, &setup, &a, &skel, err);
	if (!code && !fresh)
		code = crmg_kern_image(kern, &image, err);
	if (!code)
		code = crmg_rehearse_policy(kern, o, model, fresh, takeover, err);
	if (!code) {
		a.xdp_prog = bpf_program__fd(skel->progs.crmg_xdp);
		a.tc_prog = bpf_program__fd(skel->progs.crmg_tc);
		a.tc_in_prog = bpf_program__fd(skel->progs.crmg_tc_in);
		code = crmg_attach_may(&a);
		if (!code && o->chain)
			code = crmg_chain_rehearse(&a, o->ifaces[0]);
	}
	a.kern = kern;
	if (!code)
		code = crmg_rehearse_proof(&a, ret);
	crmgate_bpf__destroy(skel);
	return code;
}

int crmg_kern_rehearse(const struct crmg_attach_options *o, struct crmg_proof *ret,
		       struct crmg_err *err)
{
	crmg_autofree struct crmg_takeover *takeover = calloc(1, sizeof(*takeover));
	crmg_autoclose int lock = crmg_prove_lock(o->instance, err);
	struct crmg_model *empty = NULL;
	struct crmg_kern *kern = NULL;
	bool fresh;
	int code;

	if (lock < 0)
		return lock;
	if (!takeover)
		return crmg_err_set(err, -ENOMEM, "out of memory");
	code = crmg_takeover_open(o, takeover, err);
	if (!code)
		code = crmg_rehearsal_open(o->instance, takeover, &kern, &fresh, err);
	if (!code)
		code = crmg_model_new(&empty);
	if (!code)
		code = crmg_rehearse_state(kern, takeover, o->model ? o->model : empty, fresh, ret, err);
	crmg_model_free(&empty);
	crmg_kern_close(&kern);
	crmg_takeover_close(takeover);
	return crmg_kern_code(code);
}
