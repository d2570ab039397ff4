// SPDX-License-Identifier: GPL-2.0
/*
 * hooks.c - the two hooks of one interface: attach, renew, take off. Links are pinned,
 * so they stay when the command ends; an update puts another program under a link
 * without a gap.
 */
#include <string.h>

#include <linux/if_link.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "chain.h"

/* libbpf 1.1 has no name for it (kernel 6.6). */
#define CRMG_BPF_TCX_EGRESS 47

__u32 crmg_prog_id(int fd)
{
	struct bpf_prog_info info = { 0 };
	__u32 size = sizeof(info);

	return bpf_obj_get_info_by_fd(fd, &info, &size) ? 0 : info.id;
}

struct crmg_iface *crmg_iface_find(struct crmg_kern *kern, const char *name)
{
	struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;
	size_t i;

	for (i = 0; i < CRMG_IFACES_MAX; i++)
		if (!strcmp(ifaces[i].name, name))
			return &ifaces[i];
	return NULL;
}

int crmg_link_pin(struct crmg_kern *kern, int link, const char *hook, const char *iface,
		  struct crmg_err *err)
{
	char pin[CRMG_PIN_LEN];
	int code = crmg_pin(kern, link, crmg_pin_link(hook, iface, pin, sizeof(pin)), err);

	close(link);
	return code;
}

int crmg_link_open(struct crmg_kern *kern, const char *hook, const char *iface)
{
	char pin[CRMG_PIN_LEN], path[CRMG_PIN_LEN];
	int fd;

	crmg_pin_link(hook, iface, pin, sizeof(pin));
	fd = bpf_obj_get(crmg_pin_path(kern, pin, path, sizeof(path)));
	return fd < 0 ? -errno : fd;
}

/*
 * Takes a link off and removes its pin. Without the detach it would go a moment later,
 * when the kernel gets to free the pin.
 */
static void crmg_link_remove(struct crmg_kern *kern, const char *hook, const char *iface)
{
	crmg_autoclose int fd = crmg_link_open(kern, hook, iface);
	char pin[CRMG_PIN_LEN];

	if (fd >= 0)
		bpf_link_detach(fd);
	crmg_unpin(kern, crmg_pin_link(hook, iface, pin, sizeof(pin)));
}

__u32 crmg_xdp_id(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_xdp_query_opts, query);

	if (bpf_xdp_query(ifindex, 0, &query))
		return 0;
	return query.prog_id ? query.prog_id : query.drv_prog_id ? query.drv_prog_id :
	       query.skb_prog_id;
}

/*
 * True if a program is crmgate's, or calls it, though of another instance: judged twice is no
 * fallback.
 */
static bool crmg_xdp_is_crmgate(unsigned int ifindex, __u32 id)
{
	crmg_autoclose int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	__u32 len = sizeof(info);

	return crmg_chain_judges(ifindex, id) ||
	       (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &len) &&
		!strcmp(info.name, "crmg_xdp"));
}

int crmg_xdp_free(const struct crmg_attaching *a, const char *name, __u32 id)
{
	unsigned int ifindex = if_nametoindex(name);
	bool dispatcher;

	if (!id)
		return 0;
	if (crmg_xdp_is_crmgate(ifindex, id))
		return crmg_err_set(a->err, -EBUSY, "%s: another instance of crmgate is attached "
				    "(XDP program %u) and stays: its packets would count twice",
				    name, id);
	if (a->options->mode == CRMG_ATTACH_TC ||
	    (a->options->mode == CRMG_ATTACH_AUTO && a->tc_in_prog >= 0 && !a->options->chain))
		return 0;
	dispatcher = crmg_chain_is_dispatcher(ifindex, id);
	if (a->options->chain && dispatcher)
		return 0;
	return crmg_err_set(a->err, -EBUSY, "%s: another XDP program (id %u) is attached%s and "
			    "stays: 'bpftool net show dev %s' shows it; %s'--mode tc' works beside it",
			    name, id, a->options->chain ? ", not in a dispatcher of libxdp," : "",
			    name, dispatcher ? "'--chain' or " : "");
}

/* XDP would not have ours. If it belongs to somebody else, TC ingress is what auto takes. */
static int crmg_xdp_refused(struct crmg_attaching *a, struct crmg_iface *iface, int code)
{
	__u32 id = crmg_xdp_id(iface->ifindex);

	if (crmg_xdp_free(a, iface->name, id))
		return -EBUSY;
	if (id) {
		crmg_err_warn(a->err, "%s: another XDP program (id %u) is attached and stays: what "
			      "arrives is judged at TC ingress, after it", iface->name, id);
		iface->fell_back = 1;
		return crmg_tcin_attach(a, iface);
	}
	return crmg_err_set(a->err, code, "%s: XDP refused: %s%s", iface->name, strerror(-code),
			    code == -EPERM ? crmg_missing_rights() : "");
}

const char *crmg_native_why(int code)
{
	switch (code) {
	case -EOPNOTSUPP:
		return "the driver has no XDP";
	case -ERANGE:
		return "the MTU is too large for the driver";
	case -EINVAL:
		return "the driver refused it (LRO, queue count or MTU)";
	default:
		return strerror(-code);
	}
}

static int crmg_xdp_attach(struct crmg_attaching *a, struct crmg_iface *iface)
{
	LIBBPF_OPTS(bpf_link_create_opts, native, .flags = XDP_FLAGS_DRV_MODE);
	LIBBPF_OPTS(bpf_link_create_opts, generic, .flags = XDP_FLAGS_SKB_MODE);
	enum crmg_attach_mode mode = a->options->mode;
	int link = -EINVAL, code;

	if (iface->chained)
		return crmg_chain_attach(a, iface);
	if (mode == CRMG_ATTACH_TC)
		return crmg_tcin_attach(a, iface);
	if (mode != CRMG_ATTACH_GENERIC) {
		link = bpf_link_create(a->xdp_prog, iface->ifindex, BPF_XDP, &native);
		code = link < 0 ? -errno : 0;
		iface->xdp_mode = CRMG_XDP_NATIVE;
		if (code == -EBUSY || code == -EEXIST || code == -EPERM)
			return crmg_xdp_refused(a, iface, code);
		if (code && mode == CRMG_ATTACH_NATIVE)
			return crmg_err_set(a->err, code, "%s: native XDP is not possible: %s; "
					    "'--mode generic' works, but runs after GRO", iface->name,
					    crmg_native_why(code));
		if (code)
			crmg_err_warn(a->err, CRMG_GENERIC_WARNING, iface->name,
				      crmg_native_why(code));
	}
	if (link < 0) {
		link = bpf_link_create(a->xdp_prog, iface->ifindex, BPF_XDP, &generic);
		if (link < 0)
			return crmg_xdp_refused(a, iface, -errno);
		iface->xdp_mode = CRMG_XDP_GENERIC;
	}
	return crmg_link_pin(a->kern, link, "xdp", iface->name, a->err);
}

static int crmg_tc_attach(struct crmg_attaching *a, struct crmg_iface *iface)
{
	int link, code = -EINVAL;

	if (a->options->tc != CRMG_TC_CHOICE_CLSACT) {
		link = bpf_link_create(a->tc_prog, iface->ifindex, CRMG_BPF_TCX_EGRESS, NULL);
		code = link < 0 ? -errno : 0;
		iface->tc_kind = CRMG_TC_TCX;
		if (!code)
			return crmg_link_pin(a->kern, link, "tc", iface->name, a->err);
		if (a->options->tc == CRMG_TC_CHOICE_TCX)
			return crmg_err_set(a->err, code, "%s: tcx is not possible: %s (it needs "
					    "kernel 6.6)", iface->name, strerror(-code));
	}
	iface->tc_kind = CRMG_TC_CLSACT;
	code = crmg_clsact_free(iface, a->err);
	if (code)
		return code;
	code = crmg_clsact_attach(iface, a->tc_prog);
	if (code)
		return crmg_err_set(a->err, code, "%s: cannot attach at TC egress: %s", iface->name,
				    strerror(-code));
	return 0;
}

void crmg_iface_remove(struct crmg_kern *kern, struct crmg_iface *iface)
{
	if (iface->chained)
		crmg_chain_remove(kern, iface);
	crmg_link_remove(kern, "xdp", iface->name);
	crmg_link_remove(kern, "tc", iface->name);
	if (iface->tc_kind == CRMG_TC_CLSACT) {
		crmg_clsact_detach(iface);
		if (iface->xdp_mode == CRMG_XDP_TC)
			crmg_tcin_remove(iface);
	}
	memset(iface, 0, sizeof(*iface));
}

void crmg_iface_unlink(struct crmg_kern *kern, const struct crmg_iface *iface)
{
	if (iface->chained)
		crmg_chain_remove(kern, iface);
	crmg_link_remove(kern, "xdp", iface->name);
	crmg_link_remove(kern, "tc", iface->name);
}

/* The name goes last: killed in between, the same command finds the pins under either name. */
int crmg_iface_rename(struct crmg_kern *kern, struct crmg_iface *iface, const char *name)
{
	static const char *const hooks[] = { "xdp", "tc" };
	char from[CRMG_PIN_LEN], to[CRMG_PIN_LEN];
	size_t i;
	int code = 0, one;

	for (i = 0; i < CRMG_ARRAY_SIZE(hooks); i++) {
		one = crmg_pin_rename(kern, crmg_pin_link(hooks[i], iface->name, from, sizeof(from)),
				      crmg_pin_link(hooks[i], name, to, sizeof(to)));
		/* With clsact there is no link at TC. */
		code = one && one != -ENOENT ? one : code;
	}
	if (!code)
		crmg_copy(iface->name, sizeof(iface->name), name);
	return code;
}

/* Pinned links can be reached from any network namespace, a filter or a dispatcher from its own. */
int crmg_iface_reachable(const struct crmg_iface *iface, struct crmg_err *err)
{
	if ((iface->tc_kind != CRMG_TC_CLSACT && !iface->chained) || iface->netns == crmg_netns())
		return 0;
	return crmg_err_set(err, -EXDEV, "%s is in another network namespace: run this command "
			    "there, its %s cannot be removed from here", iface->name,
			    iface->chained ? "place in the dispatcher" : "clsact filter");
}

/*
 * Both hooks of one interface, both or none. The kernel removes a link when its pin
 * goes and no process holds it: nothing is left of an attachment that failed.
 */
int crmg_iface_attach(struct crmg_attaching *a, const char *name, unsigned int ifindex)
{
	struct crmg_iface *entry = crmg_iface_find(a->kern, "");
	int code;

	if (!entry)
		return crmg_err_set(a->err, -ENOSPC, "%s: %u interfaces are attached already, and no "
				    "more fit", name, CRMG_IFACES_MAX);
	code = crmg_xdp_free(a, name, crmg_xdp_id(ifindex));
	if (!code)
		code = crmg_tcin_free(a, name, ifindex);
	if (code)
		return code;
	/*
	 * Written in place, each part before what it tells of: what a killed command leaves
	 * is known then, and can be removed.
	 */
	entry->ifindex = ifindex;
	entry->netns = crmg_netns();
	entry->chained = a->options->chain;
	entry->xdp_next_id = a->xdp_id;
	entry->tc_next_id = a->tc_id;
	crmg_copy(entry->name, sizeof(entry->name), name);
	code = crmg_xdp_attach(a, entry);
	if (!code)
		code = crmg_tc_attach(a, entry);
	if (code) {
		crmg_iface_remove(a->kern, entry);
		return code;
	}
	entry->xdp_prog_id = entry->xdp_next_id;
	entry->tc_prog_id = entry->tc_next_id;
	entry->attached_at_ns = crmg_clock_ns(CLOCK_REALTIME);
	return 0;
}

static int crmg_link_renew(struct crmg_attaching *a, const char *hook, const char *iface, int prog)
{
	crmg_autoclose int link = crmg_link_open(a->kern, hook, iface);

	if (link < 0)
		return link;
	return bpf_link_update(link, prog, NULL) ? -errno : 0;
}

static int crmg_judge_renew(struct crmg_attaching *a, const struct crmg_iface *iface)
{
	if (iface->chained)
		return crmg_chain_renew(a, iface);
	if (iface->xdp_mode != CRMG_XDP_TC)
		return crmg_link_renew(a, "xdp", iface->name, a->xdp_prog);
	return iface->tc_kind == CRMG_TC_CLSACT ? crmg_tcin_replace(iface, a->tc_in_prog) :
	       crmg_link_renew(a, "xdp", iface->name, a->tc_in_prog);
}

/* An interface that is gone, or a link that was taken off: nothing to renew. */
static bool crmg_renew_gone(int code)
{
	return code == -ENOLINK || code == -ENOENT || code == -ENODEV;
}

int crmg_iface_can_update(struct crmg_attaching *a, const struct crmg_iface *iface)
{
	int code;

	if (iface->tc_kind != CRMG_TC_CLSACT)
		return 0;
	code = crmg_iface_reachable(iface, a->err);
	return code ? code : crmg_clsact_free(iface, a->err);
}

int crmg_iface_update(struct crmg_attaching *a, struct crmg_iface *iface)
{
	bool clsact = iface->tc_kind == CRMG_TC_CLSACT, judge_gone;
	int code = crmg_iface_can_update(a, iface);

	if (code)
		return code;
	iface->xdp_next_id = iface->xdp_mode == CRMG_XDP_TC ? a->tc_in_id : a->xdp_id;
	iface->tc_next_id = a->tc_id;
	code = crmg_judge_renew(a, iface);
	judge_gone = crmg_renew_gone(code);
	if (code && !judge_gone)
		return crmg_err_set(a->err, code, "%s: cannot put the new program in place: %s; the "
				    "old one goes on", iface->name, strerror(-code));
	if (!judge_gone)
		iface->xdp_prog_id = iface->xdp_next_id;
	code = clsact ? crmg_clsact_attach(iface, a->tc_prog) :
			crmg_link_renew(a, "tc", iface->name, a->tc_prog);
	if (judge_gone && crmg_renew_gone(code)) {
		crmg_err_warn(a->err, "%s is gone; its programs were not renewed", iface->name);
		return 0;
	}
	if (judge_gone)
		crmg_err_warn(a->err, "%s: the program that judges was taken off; 'crmgate attach %s' "
			      "puts one there", iface->name, iface->name);
	if (code)
		return crmg_err_set(a->err, code, "%s: %s: %s", iface->name, judge_gone ?
				    "cannot put the new program at TC egress in place" :
				    "the new program for what arrives is in place, the one at TC "
				    "egress is not", strerror(-code));
	iface->tc_prog_id = iface->tc_next_id;
	return 0;
}

int crmg_iface_mend(struct crmg_attaching *a, struct crmg_iface *entry, bool xdp, bool tc)
{
	const struct crmg_iface before = *entry;
	int code = 0, tc_code;

	/* In place, as in an attach: what is left when this is killed is known. */
	entry->tc_next_id = a->tc_id;
	if (xdp) {
		entry->fell_back = 0;
		entry->xdp_next_id = a->xdp_id;
		code = crmg_xdp_attach(a, entry);
	}
	if (code) {
		entry->xdp_mode = before.xdp_mode;
		entry->tc_kind = before.tc_kind;
		entry->fell_back = before.fell_back;
	}
	/* Also what one that was killed did not come to write. */
	if (xdp ? !code : !entry->xdp_prog_id)
		entry->xdp_prog_id = entry->xdp_next_id;
	tc_code = tc ? crmg_tc_attach(a, entry) : 0;
	if (tc && !tc_code)
		entry->tc_prog_id = a->tc_id;
	/* One hook alone is better than none. */
	entry->attached_at_ns = crmg_clock_ns(CLOCK_REALTIME);
	return code ? code : tc_code;
}
