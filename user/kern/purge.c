// SPDX-License-Identifier: GPL-2.0
/*
 * purge.c - removes states that this build does not understand: of builds of another ABI, or
 * of which pins are gone. What their tables do not tell, their pins do: the links are there,
 * and the programs, of which the filters in a clsact qdisc are.
 */
#include <dirent.h>
#include <net/if.h>
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "chain.h"

/* Detached first: the kernel frees an unpinned link only a moment later. */
static void crmg_purge_links(const struct crmg_kern *kern)
{
	char path[CRMG_PIN_LEN];
	struct dirent *entry;
	DIR *dir = opendir(crmg_pin_path(kern, "", path, sizeof(path)));
	__u32 zero = 0;

	while (dir && (entry = readdir(dir))) {
		crmg_autoclose int link = -1;

		if (strncmp(entry->d_name, "xdp_", 4) && strncmp(entry->d_name, "tc_", 3))
			continue;
		link = crmg_pin_open(kern, entry->d_name, true);
		/* An interface in a dispatcher has an array instead, which is emptied. */
		if (link >= 0 && bpf_link_detach(link))
			bpf_map_delete_elem(link, &zero);
	}
	if (dir)
		closedir(dir);
}

/* The filters on any interface of this network namespace, and what is in its dispatcher. */
static void crmg_purge_filters(const struct crmg_kern *kern)
{
	crmg_autoclose int xdp = crmg_pin_open(kern, CRMG_XDP_PIN, true);
	crmg_autoclose int out = crmg_pin_open(kern, CRMG_TC_PIN, true);
	crmg_autoclose int in = crmg_pin_open(kern, CRMG_TC_IN_PIN, true);
	struct if_nameindex *ifaces = if_nameindex();

	for (size_t i = 0; ifaces && ifaces[i].if_index; i++) {
		const struct crmg_iface iface = {
			.ifindex = ifaces[i].if_index,
			.tc_prog_id = out < 0 ? 0 : crmg_prog_id(out),
			.xdp_prog_id = in < 0 ? 0 : crmg_prog_id(in),
		};

		crmg_clsact_detach(&iface);
		crmg_tcin_detach(&iface);
		if (crmg_chain_is_dispatcher(iface.ifindex, crmg_xdp_id(iface.ifindex)))
			crmg_chain_leave(iface.ifindex, xdp < 0 ? 0 : crmg_prog_id(xdp));
	}
	if (ifaces)
		if_freenameindex(ifaces);
}

/* As its own build would: all interfaces, or none where one cannot be reached from here. */
static int crmg_purge_ifaces(struct crmg_kern *kern, struct crmg_iface *ifaces,
			     struct crmg_err *err)
{
	int code = 0;
	size_t i;

	for (i = 0; !code && i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0])
			code = crmg_iface_removable(&ifaces[i], err);
	for (i = 0; !code && i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0])
			crmg_iface_remove(kern, &ifaces[i]);
	return code;
}

/* Any dispatcher of this network namespace may have what is not known to be ours. */
static int crmg_purge_may(struct crmg_err *err)
{
	struct if_nameindex *ifaces = if_nameindex();
	int code = 0;

	for (size_t i = 0; !code && ifaces && ifaces[i].if_index; i++) {
		struct crmg_iface iface = { .ifindex = ifaces[i].if_index };

		crmg_copy(iface.name, sizeof(iface.name), ifaces[i].if_name);
		code = crmg_chain_may_leave(&iface, err);
	}
	if (ifaces)
		if_freenameindex(ifaces);
	return code;
}

static int crmg_purge_unread(const struct crmg_kern *kern, const char *folder,
			     struct crmg_err *err)
{
	int code = crmg_purge_may(err);

	if (code)
		return code;
	crmg_err_warn(err, "what '%s/%s' had attached cannot be read: what is pinned there was taken "
		      "off. In another network namespace a filter of it may be left ('tc filter show "
		      "dev IFACE egress' shows it), and a daemon of its build that still runs puts it "
		      "back", kern->instance, folder);
	crmg_purge_links(kern);
	crmg_purge_filters(kern);
	return 0;
}

static int crmg_purged(int code, struct crmg_err *err)
{
	return code ? crmg_err_set(err, code, "cannot remove the state: %s%s", strerror(-code),
				   crmg_advice(code)) : 0;
}

static int crmg_purge_state(const char *instance, const char *folder, struct crmg_err *err)
{
	struct crmg_control *control;
	struct crmg_kern *kern = NULL;
	struct crmg_iface *ifaces;
	char text[64];
	int abi = 0, code;

	code = crmg_kern_at(instance, folder, CRMG_KERN_MANAGE, -1, &kern, err);
	if (code)
		return code;
	if (sscanf(folder, "v%d", &abi) == 1 && abi <= CRMG_ABI)
		crmg_kern_open_older(kern, abi);
	ifaces = kern->view[CRMG_MAP_IFACES].memory;
	code = ifaces ? crmg_purge_ifaces(kern, ifaces, err) : 0;
	/* Only what is in force has a front. */
	if (!ifaces && crmg_pin_there(kern, CRMG_FRONT_PIN))
		code = crmg_purge_unread(kern, folder, err);
	else if (!ifaces)
		crmg_purge_links(kern);
	if (!code) {
		snprintf(text, sizeof(text), "the state of ABI %d removed", abi);
		crmg_audit_add(kern, crmg_audit_word(CRMG_AUDIT_PURGE), NULL, "", text);
		/* Who tends it must not pin it again. */
		control = kern->view[CRMG_MAP_CONTROL].memory;
		if (control)
			control->gone = CRMG_GONE_PURGED;
		code = crmg_purged(crmg_pin_drop(instance, folder), err);
	}
	crmg_kern_close(&kern);
	return code;
}

int crmg_purge_all(const char *instance, struct crmg_err *err)
{
	char path[CRMG_PIN_LEN];
	struct dirent *entry;
	DIR *dir = opendir(crmg_pin_instance(instance, path, sizeof(path)));
	int code = 0, abi;

	if (!dir)
		return errno == ENOENT ? -ENOENT : crmg_purged(-errno, err);
	while (!code && (entry = readdir(dir)))
		if (sscanf(entry->d_name, "v%d", &abi) == 1)
			code = crmg_purge_state(instance, entry->d_name, err);
	closedir(dir);
	return code ? code : crmg_purged(crmg_pin_purge(instance), err);
}
