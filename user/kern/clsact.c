// SPDX-License-Identifier: GPL-2.0
/* clsact.c - our filter at TC egress where there is no tcx, among those of somebody else. */
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "internal.h"

/* What is in a slot of handle and priority, ... */
static int crmg_clsact_query(const struct crmg_iface *iface, __u32 *ret_id)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE,
		    .priority = CRMG_CLSACT_PRIORITY);
	int code = bpf_tc_query(&hook, &opts);

	*ret_id = opts.prog_id;
	return code;
}

/* ... and a program that this interface's entry knows: the slot may be somebody else's. */
static bool crmg_clsact_ours(const struct crmg_iface *iface)
{
	__u32 id;

	return !crmg_clsact_query(iface, &id) && id &&
	       (id == iface->tc_prog_id || id == iface->tc_next_id);
}

int crmg_clsact_free(const struct crmg_iface *iface, struct crmg_err *err)
{
	__u32 id;

	if (crmg_clsact_query(iface, &id) || !id || crmg_clsact_ours(iface))
		return 0;
	return crmg_err_set(err, -EBUSY, "%s: another TC filter (priority %u, handle %u) is attached "
			    "and stays: 'tc filter show dev %s egress' shows it", iface->name,
			    CRMG_CLSACT_PRIORITY, CRMG_CLSACT_HANDLE, iface->name);
}

int crmg_clsact_attach(const struct crmg_iface *iface, int prog)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE,
		    .priority = CRMG_CLSACT_PRIORITY, .prog_fd = prog);
	int code = bpf_tc_hook_create(&hook);

	if (code && code != -EEXIST)
		return code;
	opts.flags = crmg_clsact_ours(iface) ? BPF_TC_F_REPLACE : 0;
	return bpf_tc_attach(&hook, &opts);
}

void crmg_clsact_detach(const struct crmg_iface *iface)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = iface->ifindex, .attach_point = BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE,
		    .priority = CRMG_CLSACT_PRIORITY);

	if (crmg_clsact_ours(iface))
		bpf_tc_detach(&hook, &opts);
}
