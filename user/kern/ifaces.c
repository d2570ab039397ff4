// SPDX-License-Identifier: GPL-2.0
/*
 * ifaces.c - interfaces by name: do they exist, have they Ethernet frames, are they stacked
 * on one another, and what is attached to them now.
 */
#include <string.h>
#include <sys/stat.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "../report/doctor.h"
#include "chain.h"

__u64 crmg_netns(void)
{
	struct stat st;

	return stat("/proc/self/ns/net", &st) ? 0 : st.st_ino;
}

static int crmg_stack_check(const char *name, unsigned int index, const char *other,
			    unsigned int other_index, struct crmg_err *err)
{
	if (index == other_index || (!crmg_rtlink_stacked(index, other_index) &&
				     !crmg_rtlink_stacked(other_index, index)))
		return 0;
	return crmg_err_set(err, -EINVAL, "%s and %s are stacked: each packet would count twice; "
			    "attach one of them", name, other);
}

/* The programs read frames: of what begins with an IP header, nothing would be for a service. */
static int crmg_frames_check(const char *name, unsigned int index, struct crmg_err *err)
{
	struct crmg_rtlink link;

	if (crmg_rtlink_read(index, &link) || crmg_is_ethernet(link.type))
		return 0;
	return crmg_err_set(err, -EOPNOTSUPP, "%s (%s) has no Ethernet header: none of its packets "
			    "could be limited; 'crmgate doctor' looks for another one", name,
			    link.kind[0] ? link.kind : "no Ethernet device");
}

int crmg_ifaces_check(struct crmg_kern *kern, char *const *names, size_t count,
		      unsigned int *ret_indexes, struct crmg_err *err)
{
	const struct crmg_iface *wanted = kern->view[CRMG_MAP_IFACES].memory;
	int code = 0, found;
	size_t i, j;

	for (i = 0; i < count; i++) {
		ret_indexes[i] = if_nametoindex(names[i]);
		if (!ret_indexes[i])
			code = crmg_err_set(err, -ENODEV, "%s: no such interface; 'ip -br link' "
					    "lists them", names[i]);
	}
	for (i = 0; !code && i < count; i++) {
		found = crmg_frames_check(names[i], ret_indexes[i], err);
		code = code ? code : found;
	}
	for (i = 0; !code && i < count; i++) {
		for (j = 0; j < i; j++) {
			found = crmg_stack_check(names[i], ret_indexes[i], names[j],
						 ret_indexes[j], err);
			code = code ? code : found;
		}
		for (j = 0; wanted && j < CRMG_IFACES_MAX; j++) {
			if (!wanted[j].name[0] || wanted[j].netns != crmg_netns())
				continue;
			found = crmg_stack_check(names[i], ret_indexes[i], wanted[j].name,
						 wanted[j].ifindex, err);
			code = code ? code : found;
		}
	}
	return code;
}

/*
 * The links of an interface, opened once per attachment and kept, so that a daemon
 * has them after it gave up root.
 */
static void crmg_iface_links(struct crmg_kern *kern, const struct crmg_iface *iface,
			     struct crmg_iface_links *links)
{
	if (links->attached_at_ns && links->attached_at_ns == iface->attached_at_ns)
		return;
	if (links->xdp >= 0)
		close(links->xdp);
	if (links->tc >= 0)
		close(links->tc);
	links->xdp = crmg_link_open(kern, "xdp", iface->name);
	links->tc = crmg_link_open(kern, "tc", iface->name);
	links->attached_at_ns = iface->attached_at_ns;
}

void crmg_iface_let_go(struct crmg_kern *kern, const struct crmg_iface *iface)
{
	const struct crmg_iface *first = kern->view[CRMG_MAP_IFACES].memory;
	struct crmg_iface_links *links = &kern->links[iface - first];

	if (links->xdp >= 0)
		close(links->xdp);
	if (links->tc >= 0)
		close(links->tc);
	links->xdp = links->tc = -ENOENT;
}

#define CRMG_PROGRAM_UNKNOWN -1

/* Negative errno; *ret_ifindex 0: the interface is gone, or the link was taken off. */
static int crmg_link_read(int fd, struct bpf_link_info *ret, __u32 *ret_ifindex)
{
	__u32 size = sizeof(*ret);

	memset(ret, 0, sizeof(*ret));
	if (fd < 0)
		return fd;
	if (bpf_obj_get_info_by_fd(fd, ret, &size))
		return -errno;
	/* libbpf 1.1 knows no tcx; its part of the union begins with the ifindex too. */
	memcpy(ret_ifindex, &ret->xdp, sizeof(*ret_ifindex));
	return 0;
}

/* Id of the program under a link; 0: interface or link is gone. */
static long crmg_link_program(int fd)
{
	struct bpf_link_info info;
	__u32 ifindex = 0;
	int code = crmg_link_read(fd, &info, &ifindex);

	return code == -ENOENT ? 0 : code ? CRMG_PROGRAM_UNKNOWN : ifindex ? (long)info.prog_id : 0;
}

__u32 crmg_link_ifindex(int fd)
{
	struct bpf_link_info info;
	__u32 ifindex = 0;

	return crmg_link_read(fd, &info, &ifindex) ? 0 : ifindex;
}

/* Id of the XDP program of an interface of this namespace; 0: none. */
static long crmg_xdp_program(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query(ifindex, 0, &query))
		return CRMG_PROGRAM_UNKNOWN;
	return query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id :
	       query.skb_prog_id;
}

static long crmg_clsact_program(unsigned int ifindex, bool ingress)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex,
		    .attach_point = ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE,
		    .priority = ingress ? CRMG_CLSACT_FIRST : CRMG_CLSACT_PRIORITY);
	int code = bpf_tc_query(&hook, &opts);

	return code == -ENOENT || code == -EINVAL ? 0 : code ? CRMG_PROGRAM_UNKNOWN :
	       (long)opts.prog_id;
}

/* Id of the program that judges, as above. From another namespace only links can be asked. */
static long crmg_judge_program(const struct crmg_iface *iface, long link)
{
	bool here = iface->netns == crmg_netns();

	if (iface->xdp_mode != CRMG_XDP_TC)
		return here ? crmg_xdp_program(iface->ifindex) : link;
	if (iface->tc_kind == CRMG_TC_TCX)
		return link;
	return here ? crmg_clsact_program(iface->ifindex, true) : CRMG_PROGRAM_UNKNOWN;
}

/* The same of an array out of which an extension calls. */
static long crmg_chained_program(int array)
{
	long id = crmg_chain_program(array);

	return id < 0 ? CRMG_PROGRAM_UNKNOWN : id;
}

/* Id of the program that judges by way of the dispatcher, whose place in that goes to ret. */
static long crmg_chained_judge(struct crmg_iface_state *ret, int array, long link)
{
	long dispatcher;

	if (ret->wanted.netns != crmg_netns())
		return link;
	dispatcher = crmg_xdp_program(ret->wanted.ifindex);
	if (dispatcher <= 0)
		return dispatcher;
	/* Whoever may not see libxdp's pins has only the array to go by. */
	if (crmg_chain_find(&ret->wanted, (__u32)dispatcher, array, ret))
		return link;
	return ret->chain_at ? link : ret->chain_programs ? 0 : dispatcher;
}

/* `next` is in place instead of `settled` when an attach was killed. */
static bool crmg_program_known(long id, __u32 settled, __u32 next)
{
	return id == CRMG_PROGRAM_UNKNOWN || (id > 0 && (id == settled || id == next));
}

static void crmg_iface_state(struct crmg_kern *kern, size_t i, struct crmg_iface_state *ret)
{
	const struct crmg_iface *iface = &ret->wanted;
	struct crmg_iface_links *links = &kern->links[i];
	bool linked = iface->xdp_mode != CRMG_XDP_TC || iface->tc_kind == CRMG_TC_TCX;
	bool here = iface->netns == crmg_netns();
	long link, xdp, tc;
	bool known;

	crmg_iface_links(kern, iface, links);
	link = iface->chained ? crmg_chained_program(links->xdp) :
	       linked ? crmg_link_program(links->xdp) : CRMG_PROGRAM_UNKNOWN;
	/* ifindex 0: wanted, and not seen yet. */
	ret->present = here ? iface->ifindex && if_nametoindex(iface->name) == iface->ifindex :
		       link != 0;
	if (!ret->present)
		return;
	xdp = iface->chained ? crmg_chained_judge(ret, links->xdp, link) :
	      crmg_judge_program(iface, link);
	tc = iface->tc_kind == CRMG_TC_TCX ? crmg_link_program(links->tc) :
	     here ? crmg_clsact_program(iface->ifindex, false) : CRMG_PROGRAM_UNKNOWN;
	ret->xdp_id = xdp > 0 && (link > 0 || iface->xdp_mode == CRMG_XDP_TC) ? xdp : 0;
	ret->tc_id = tc > 0 ? tc : 0;
	known = crmg_program_known(xdp, iface->xdp_prog_id, iface->xdp_next_id);
	ret->xdp_ours = link != 0 && known;
	ret->xdp_foreign = iface->xdp_mode != CRMG_XDP_TC && xdp > 0 && !known;
	ret->tc_ours = crmg_program_known(tc, iface->tc_prog_id, iface->tc_next_id);
}

void crmg_iface_read(struct crmg_kern *kern, const struct crmg_iface *iface,
		     struct crmg_iface_state *ret)
{
	const struct crmg_iface *first = kern->view[CRMG_MAP_IFACES].memory;

	*ret = (struct crmg_iface_state){ .wanted = *iface };
	crmg_iface_state(kern, iface - first, ret);
}

bool crmg_iface_alive(struct crmg_kern *kern, const struct crmg_iface *iface)
{
	struct crmg_iface_state state;

	crmg_iface_read(kern, iface, &state);
	return state.present && state.xdp_ours && state.tc_ours;
}

size_t crmg_ifaces_read(struct crmg_kern *kern)
{
	const struct crmg_iface *wanted = kern->view[CRMG_MAP_IFACES].memory;
	size_t count = 0, i;

	crmg_view_refresh(&kern->view[CRMG_MAP_IFACES], kern->map[CRMG_MAP_IFACES],
			  sizeof(struct crmg_iface), CRMG_IFACES_MAX);
	for (i = 0; i < CRMG_IFACES_MAX; i++) {
		if (!wanted[i].name[0])
			continue;
		kern->ifaces[count] = (struct crmg_iface_state){ .wanted = wanted[i] };
		crmg_iface_state(kern, i, &kern->ifaces[count]);
		count++;
	}
	return count;
}

void crmg_kern_standing(struct crmg_kern *kern, struct crmg_standing *ret)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;
	size_t i;

	*ret = (struct crmg_standing){ .wanted = (uint32_t)crmg_ifaces_read(kern) };
	ret->panic = __atomic_load_n(&control->panic, __ATOMIC_RELAXED);
	for (i = 0; i < ret->wanted; i++)
		ret->whole += kern->ifaces[i].present && kern->ifaces[i].xdp_ours &&
			      kern->ifaces[i].tc_ours;
	if (!crmg_kern_image(kern, &image, &ignored))
		ret->generation = crmg_image_head(image)->generation;
	crmg_err_clear(&ignored);
}
