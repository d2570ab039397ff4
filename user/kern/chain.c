// SPDX-License-Identifier: GPL-2.0
/*
 * chain.c - `attach --chain`: an extension (bpf/chain.bpf.c) in the dispatcher of libxdp. It is
 * loaded here, not by libxdp, which would leave out its flag for fragments; first it is run
 * in a dispatcher that is in no packet's way, so that what the kernel or that libxdp does
 * not allow is known before an interface is touched.
 */
#include "chain.h"

#include <fcntl.h>
#include <stdarg.h>
#include <string.h>

#include <linux/if_ether.h>
#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <xdp/libxdp.h>

#include "../base/util.h"
#include "chain.skel.h"

/* Of the dispatcher's own words the last line goes into the error. */
static char crmg_libxdp_line[256];

static int crmg_libxdp_print(enum libxdp_print_level level, const char *format, va_list args)
{
	if (level != LIBXDP_DEBUG)
		vsnprintf(crmg_libxdp_line, sizeof(crmg_libxdp_line), format, args);
	return 0;
}

/* What either library prints by itself is not for the operator. */
static void crmg_chain_quiet(void)
{
	libxdp_set_print(crmg_libxdp_print);
	libbpf_set_print(NULL);
	crmg_libxdp_line[0] = '\0';
}

static const char *crmg_libxdp_said(void)
{
	crmg_libxdp_line[strcspn(crmg_libxdp_line, "\n")] = '\0';
	return crmg_libxdp_line;
}

/* An extension on its way into a dispatcher. */
struct crmg_chaining {
	struct chain_bpf *base, *extension;
	struct xdp_program *program;
	int array;
};

static void crmg_chaining_done(struct crmg_chaining *c)
{
	xdp_program__close(c->program);
	chain_bpf__destroy(c->extension);
	chain_bpf__destroy(c->base);
}

/* The object, of which one of the two programs is to be loaded. */
static struct chain_bpf *crmg_chain_object(bool base)
{
	struct chain_bpf *skel = chain_bpf__open();

	if (!skel)
		return NULL;
	bpf_program__set_autoload(skel->progs.crmg_chain_base, base);
	bpf_program__set_autoload(skel->progs.crmg_chain, !base);
	bpf_map__set_autocreate(skel->maps.chain, !base);
	return skel;
}

/* True if the command itself names the interface, and so says how it is to be attached. */
static bool crmg_is_named(const struct crmg_attach_options *o, const char *name)
{
	for (size_t i = 0; i < o->iface_count; i++)
		if (strcmp(o->ifaces[i], name) == 0)
			return true;
	return false;
}

bool crmg_chain_wanted(const struct crmg_attaching *a)
{
	const struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_attach_options *o = a->options;

	if (o->chain)
		return true;
	for (size_t i = 0; i < o->wanted_count; i++)
		if (o->wanted[i].chained && !crmg_is_named(o, o->wanted[i].name))
			return true;
	for (size_t i = 0; ifaces && i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].chained)
			return true;
	return false;
}

/* Negative errno: this kernel has no extensions, or not for us. */
static int crmg_chain_load(struct crmg_chaining *c)
{
	int code;

	c->base = crmg_chain_object(true);
	c->extension = crmg_chain_object(false);
	if (!c->base || !c->extension)
		return -errno;
	code = chain_bpf__load(c->base);
	if (!code)
		code = bpf_program__set_attach_target(c->extension->progs.crmg_chain,
				bpf_program__fd(c->base->progs.crmg_chain_base),
				"crmg_chain_stub");
	if (!code)
		code = bpf_program__set_flags(c->extension->progs.crmg_chain, BPF_F_XDP_HAS_FRAGS);
	if (code)
		return code;
	/* Before it is loaded: from the object libxdp takes that it knows fragments. */
	c->program = xdp_program__from_bpf_obj(c->extension->obj, "freplace/crmg_chain_stub");
	code = (int)libxdp_get_error(c->program);
	if (code)
		c->program = NULL;
	else
		code = chain_bpf__load(c->extension);
	if (!code)
		c->array = bpf_map__fd(c->extension->maps.chain);
	return code;
}

/* One frame through it in a dispatcher of its own. The array is empty then: it passes. */
static int crmg_chain_try(struct crmg_chaining *c)
{
	__u8 frame[ETH_ZLEN] = { 0 };
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof(frame),
		    .repeat = 1);
	int code = xdp_program__test_run(c->program, &opts, 0);

	return code ? code : opts.retval == XDP_PASS ? 0 : -EIO;
}

/* Loaded, tried, and with the program in its array that is to judge. */
static int crmg_chain_ready(struct crmg_attaching *a, const struct crmg_iface *iface,
			    struct crmg_chaining *c)
{
	__u32 zero = 0;
	int code = crmg_chain_load(c);

	if (code)
		return crmg_err_set(a->err, code, "%s: this kernel takes no program into the "
				    "dispatcher of libxdp (freplace: %s); '--mode tc' judges beside "
				    "another XDP program", iface->name, strerror(-code));
	code = crmg_chain_try(c);
	if (code)
		return crmg_err_set(a->err, code, "%s: the dispatcher of this libxdp does not take "
				    "the program on this kernel (%s): one before June 2025 does not "
				    "from kernel 6.12 on; '--mode tc' judges beside another XDP "
				    "program", iface->name, strerror(-code));
	if (bpf_map_update_elem(c->array, &zero, &a->xdp_prog, 0))
		return crmg_err_set(a->err, -errno, "%s: this kernel lets the extension not call the "
				    "program that judges (%s); '--mode tc' judges beside another XDP "
				    "program", iface->name, strerror(errno));
	return 0;
}

static int crmg_chain_failed(struct crmg_attaching *a, const struct crmg_iface *iface, int code)
{
	if (code == -E2BIG)
		return crmg_err_set(a->err, code, "%s: the dispatcher of libxdp is full: 'xdp-loader "
				    "status %s' shows what is in it", iface->name, iface->name);
	return crmg_err_set(a->err, code, "%s: the dispatcher of libxdp could not be put on: %s (%s)",
			    iface->name, strerror(-code), crmg_libxdp_said());
}

/* Natively if that is possible; one that is there already stays what it is. */
static int crmg_chain_enter(struct crmg_attaching *a, struct crmg_iface *iface,
			    struct crmg_chaining *c)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);
	enum crmg_attach_mode mode = a->options->mode;
	bool there = !bpf_xdp_query((int)iface->ifindex, 0, &query) &&
		     query.attach_mode != XDP_ATTACHED_NONE;
	int code;

	if (there && query.attach_mode == XDP_ATTACHED_SKB && mode == CRMG_ATTACH_NATIVE)
		return crmg_err_set(a->err, -EBUSY, "%s: the dispatcher there runs in generic mode, "
				    "and stays: attach without '--mode native'", iface->name);
	if (there)
		mode = query.attach_mode == XDP_ATTACHED_SKB ? CRMG_ATTACH_GENERIC :
							       CRMG_ATTACH_NATIVE;
	crmg_libxdp_line[0] = '\0';
	if (mode != CRMG_ATTACH_GENERIC) {
		iface->xdp_mode = CRMG_XDP_NATIVE;
		code = xdp_program__attach(c->program, (int)iface->ifindex, XDP_MODE_NATIVE, 0);
		if (!code || mode == CRMG_ATTACH_NATIVE)
			return code ? crmg_chain_failed(a, iface, code) : 0;
		crmg_err_warn(a->err, CRMG_GENERIC_WARNING, iface->name, crmg_native_why(code));
	}
	iface->xdp_mode = CRMG_XDP_GENERIC;
	code = xdp_program__attach(c->program, (int)iface->ifindex, XDP_MODE_SKB, 0);
	return code ? crmg_chain_failed(a, iface, code) : 0;
}

/*
 * Takes extensions of ours out that call program `judge`, and those with an empty array: what
 * detach leaves, or a killed command.
 */
static void crmg_chain_sweep(unsigned int ifindex, __u32 judge)
{
	struct xdp_multiprog *dispatcher = xdp_multiprog__get_from_ifindex((int)ifindex);
	struct xdp_program *program = NULL;
	long calls;

	if (!dispatcher || libxdp_get_error(dispatcher))
		return;
	while ((program = xdp_multiprog__next_prog(program, dispatcher)))
		if (crmg_chain_is_ours(xdp_program__fd(program), &calls) &&
		    (!calls || calls == judge))
			xdp_program__detach(program, (int)ifindex,
					    xdp_multiprog__attach_mode(dispatcher), 0);
	xdp_multiprog__close(dispatcher);
}

int crmg_chain_attach(struct crmg_attaching *a, struct crmg_iface *iface)
{
	struct crmg_chaining c = { .array = -1 };
	int code, array = -1;

	/* libxdp opens those that are there by id; it would take a refusal for "none". */
	if (!crmg_chain_may())
		return crmg_err_set(a->err, -EPERM, "%s: only who has CAP_SYS_ADMIN can put a program "
				    "into the dispatcher of libxdp: 'crmgate attach %s --chain' as "
				    "root does it", iface->name, iface->name);
	crmg_chain_quiet();
	crmg_chain_remove(a->kern, iface);
	code = crmg_xdp_free(a, iface->name, crmg_xdp_id(iface->ifindex));
	if (!code)
		code = crmg_chain_ready(a, iface, &c);
	if (!code)
		code = crmg_chain_enter(a, iface, &c);
	if (!code) {
		array = fcntl(c.array, F_DUPFD_CLOEXEC, 0);
		code = array < 0 ? crmg_err_set(a->err, -errno, "cannot hold the array: %s",
						strerror(errno)) :
		       crmg_link_pin(a->kern, array, "xdp", iface->name, a->err);
	}
	/* Not pinned, it is empty from now on, and its extension is taken out with the rest. */
	crmg_chaining_done(&c);
	return code;
}

int crmg_chain_rehearse(struct crmg_attaching *a, const char *name)
{
	struct crmg_chaining c = { .array = -1 };
	struct crmg_iface iface = { 0 };
	int code;

	crmg_copy(iface.name, sizeof(iface.name), name);
	crmg_chain_quiet();
	code = crmg_chain_ready(a, &iface, &c);
	crmg_chaining_done(&c);
	return code;
}

int crmg_chain_renew(const struct crmg_attaching *a, const struct crmg_iface *iface)
{
	crmg_autoclose int array = crmg_link_open(a->kern, "xdp", iface->name);
	__u32 zero = 0;

	if (array < 0)
		return array;
	return bpf_map_update_elem(array, &zero, &a->xdp_prog, 0) ? -errno : 0;
}

void crmg_chain_remove(struct crmg_kern *kern, const struct crmg_iface *iface)
{
	crmg_autoclose int array = crmg_link_open(kern, "xdp", iface->name);
	__u32 zero = 0;

	if (array >= 0)
		bpf_map_delete_elem(array, &zero);
	/* A pin that is gone may have left an array that somebody else holds. */
	if (iface->netns == crmg_netns())
		crmg_chain_leave(iface->ifindex, iface->xdp_prog_id);
}

void crmg_chain_leave(unsigned int ifindex, __u32 judge)
{
	crmg_chain_quiet();
	crmg_chain_sweep(ifindex, judge);
	/* Pins of libxdp's that are left of an interface that is gone. */
	if (!crmg_xdp_id(ifindex))
		libxdp_clean_references((int)ifindex);
}

int crmg_chain_may_leave(const struct crmg_iface *iface, struct crmg_err *err)
{
	if (!crmg_chain_is_dispatcher(iface->ifindex, crmg_xdp_id(iface->ifindex)) ||
	    crmg_chain_may())
		return 0;
	return crmg_err_set(err, -EPERM, "%s: only who has CAP_SYS_ADMIN can take a program out of "
			    "the dispatcher of libxdp: run this command as root", iface->name);
}
