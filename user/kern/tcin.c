// SPDX-License-Identifier: GPL-2.0
/*
 * tcin.c - TC ingress, where what arrives is judged while XDP belongs to somebody else:
 * by tcx at the head of the list, or by a clsact filter of the first priority. Whatever
 * else is there stays, and runs for what passes.
 */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "internal.h"

/* libbpf 1.1 has no names for them (kernel 6.6). */
#define CRMG_BPF_TCX_INGRESS 46
#define CRMG_BPF_F_BEFORE    (1U << 3)

#define CRMG_TCIN_PROGRAM "crmg_tc_in"
#define CRMG_TCX_MAX      64	/* programs in a list: what the kernel allows (BPF_MPROG_MAX) */

bool crmg_tcin_wanted(const struct crmg_attaching *a)
{
	const struct crmg_iface *ifaces = a->kern->view[CRMG_MAP_IFACES].memory;
	const struct crmg_attach_options *o = a->options;
	size_t i;

	if (o->mode == CRMG_ATTACH_TC)
		return true;
	for (i = 0; i < o->wanted_count; i++)
		if (o->wanted[i].xdp_mode == CRMG_XDP_TC)
			return true;
	/* A state that is only being made has no map yet. */
	for (i = 0; ifaces && i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && ifaces[i].xdp_mode == CRMG_XDP_TC)
			return true;
	for (i = 0; o->mode == CRMG_ATTACH_AUTO && !o->chain && i < o->iface_count; i++) {
		const struct crmg_iface *known = ifaces ? crmg_iface_find(a->kern, o->ifaces[i])
							: NULL;
		__u32 id = crmg_xdp_id(a->indexes[i]);

		if (id && (!known || (!known->chained && known->xdp_prog_id != id)))
			return true;
	}
	return false;
}

static int crmg_tcin_filter(const struct crmg_iface *iface, int prog, __u32 flags)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE, .priority = CRMG_CLSACT_FIRST,
		    .prog_fd = prog, .flags = flags);

	return bpf_tc_attach(&hook, &opts);
}

/* True if a program judges at TC ingress, of this instance or of another one. */
static bool crmg_tcin_is_crmgate(__u32 id)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);
	crmg_autoclose int fd = bpf_prog_get_fd_by_id(id);

	return fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &size) &&
	       !strcmp(info.name, CRMG_TCIN_PROGRAM);
}

/* Such a program in our place among the filters; 0: there is none. */
static __u32 crmg_tcin_filter_id(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE, .priority = CRMG_CLSACT_FIRST);

	return !bpf_tc_query(&hook, &opts) && crmg_tcin_is_crmgate(opts.prog_id) ? opts.prog_id : 0;
}

/* The same in the list of tcx; before 6.6 there is none. */
static __u32 crmg_tcin_tcx_id(unsigned int ifindex)
{
	__u32 ids[CRMG_TCX_MAX], count = CRMG_ARRAY_SIZE(ids), i;

	if (bpf_prog_query((int)ifindex, CRMG_BPF_TCX_INGRESS, 0, NULL, ids, &count))
		return 0;
	for (i = 0; i < count; i++)
		if (crmg_tcin_is_crmgate(ids[i]))
			return ids[i];
	return 0;
}

int crmg_tcin_free(const struct crmg_attaching *a, const char *name, unsigned int ifindex)
{
	__u32 id = crmg_tcin_tcx_id(ifindex);

	if (!id)
		id = crmg_tcin_filter_id(ifindex);
	return id ? crmg_err_set(a->err, -EBUSY, "%s: another instance of crmgate is attached (TC "
				 "ingress, program %u) and stays: its packets would count twice",
				 name, id) : 0;
}

/* True if the filter in our place is ours, left by a command that was killed. */
static bool crmg_tcin_is_ours(const struct crmg_iface *iface)
{
	return crmg_tcin_filter_id(iface->ifindex);
}

int crmg_tcin_replace(const struct crmg_iface *iface, int prog)
{
	return crmg_tcin_is_ours(iface) ? crmg_tcin_filter(iface, prog, BPF_TC_F_REPLACE) : -ENOENT;
}

void crmg_tcin_remove(const struct crmg_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE, .priority = CRMG_CLSACT_FIRST);

	if (crmg_tcin_is_ours(iface))
		bpf_tc_detach(&hook, &opts);
}

void crmg_tcin_detach(const struct crmg_iface *iface)
{
	if (iface->xdp_prog_id && crmg_tcin_filter_id(iface->ifindex) == iface->xdp_prog_id)
		crmg_tcin_remove(iface);
}

/* Before the pin, or the filter, so that what a command leaves that is killed then is known. */
static void
crmg_tcin_begin(const struct crmg_attaching *a, struct crmg_iface *iface, enum crmg_tc_kind kind)
{
	iface->tc_kind = kind;
	iface->xdp_mode = CRMG_XDP_TC;
	iface->xdp_next_id = a->tc_in_id;
}

static int crmg_tcin_clsact(struct crmg_attaching *a, struct crmg_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_INGRESS);
	int code = bpf_tc_hook_create(&hook);

	crmg_tcin_begin(a, iface, CRMG_TC_CLSACT);
	if (!code || code == -EEXIST)
		code = crmg_tcin_filter(iface, a->tc_in_prog, 0);
	if (code == -EEXIST && crmg_tcin_is_ours(iface))
		code = crmg_tcin_filter(iface, a->tc_in_prog, BPF_TC_F_REPLACE);
	if (code == -EEXIST || code == -EINVAL)
		return crmg_err_set(a->err, -EBUSY, "%s: another filter has the first priority of "
				    "TC ingress and stays: 'tc filter show dev %s ingress' shows it",
				    iface->name, iface->name);
	if (code)
		return crmg_err_set(a->err, code, "%s: cannot attach at TC ingress: %s%s",
				    iface->name, strerror(-code),
				    code == -EPERM ? crmg_missing_rights() : "");
	return 0;
}

int crmg_tcin_attach(struct crmg_attaching *a, struct crmg_iface *iface)
{
	LIBBPF_OPTS(bpf_link_create_opts, first, .flags = CRMG_BPF_F_BEFORE);
	int link, code;

	if (a->options->tc == CRMG_TC_CHOICE_CLSACT)
		return crmg_tcin_clsact(a, iface);
	link = bpf_link_create(a->tc_in_prog, iface->ifindex, CRMG_BPF_TCX_INGRESS, &first);
	if (link >= 0) {
		crmg_tcin_begin(a, iface, CRMG_TC_TCX);
		return crmg_link_pin(a->kern, link, "xdp", iface->name, a->err);
	}
	code = -errno;
	if (a->options->tc == CRMG_TC_CHOICE_TCX)
		return crmg_err_set(a->err, code, "%s: tcx is not possible: %s (it needs kernel 6.6)",
				    iface->name, strerror(-code));
	return crmg_tcin_clsact(a, iface);
}
