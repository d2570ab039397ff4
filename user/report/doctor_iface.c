// SPDX-License-Identifier: GPL-2.0
/* doctor_iface.c - checks of one interface: can its packets be judged, and where. */
#include "checks.h"

#include <string.h>

/* What fits beside XDP's headroom and the skb's end in a page of 4 KiB, where there are no frags. */
#define ONE_PAGE_MTU 3498

static bool has_name(const char *name)
{
	return name[0] != '\0';
}

static void judge_link(struct crmg_checking *c)
{
	if (!c->iface->index) {
		crmg_advise(c, CRMG_GRADE_FAIL, "no such interface");
		crmg_mend(c, "ip -br link");
	} else if (!c->iface->up) {
		crmg_advise(c, CRMG_GRADE_WARNING, "the interface is down");
		crmg_mend(c, "ip link set dev %s up", c->iface->name);
	} else {
		crmg_advise(c, CRMG_GRADE_OK, "%s%sMTU %u, up", has_name(c->iface->driver) ?
			    c->iface->driver : c->iface->kind, has_name(c->iface->driver) ||
			    has_name(c->iface->kind) ? ", " : "", c->iface->mtu);
	}
}

static void judge_frames(struct crmg_checking *c)
{
	if (!c->iface->index)
		return;
	if (crmg_is_ethernet(c->iface->type)) {
		crmg_advise(c, CRMG_GRADE_OK, "Ethernet frames");
		return;
	}
	crmg_advise(c, CRMG_GRADE_FAIL, "%s has no Ethernet header (%s): every packet would count as "
		    "other, and none would be limited", c->iface->name, has_name(c->iface->kind) ?
		    c->iface->kind : "no Ethernet device");
	if (c->state)
		crmg_mend(c, "crmgate detach %s", c->iface->name);
	else
		crmg_mend(c, "ip -o link show up | grep link/ether  # choose one of these");
}

static bool is_bond(const char *kind)
{
	return !strcmp(kind, "bond") || !strcmp(kind, "team");
}

static void judge_stack(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;
	const char *other = has_name(iface->master) ? iface->master : iface->parent;

	if (!iface->index)
		return;
	if (!c->state && has_name(iface->judged_at)) {
		crmg_advise(c, CRMG_GRADE_FAIL, "its packets are judged at %s already: attach would "
			    "refuse it, they would count twice", iface->judged_at);
		crmg_mend(c, "crmgate detach %s  # or leave it: it is enough", iface->judged_at);
	} else if (!has_name(other)) {
		crmg_advise(c, CRMG_GRADE_OK, "on top of no other interface, and port of none");
	} else if (other == iface->master && is_bond(iface->master_kind)) {
		crmg_advise(c, CRMG_GRADE_FAIL, "a member of %s: what arrives by the other members is "
			    "not seen", other);
		crmg_mend(c, "%s%s%scrmgate attach %s", c->state ? "crmgate detach " : "",
			  c->state ? iface->name : "", c->state ? "; " : "", other);
	} else if (other == iface->master) {
		crmg_advise(c, CRMG_GRADE_NOTE, "a port of %s (%s): what arrives by its other ports is "
			    "not seen", other, iface->master_kind);
	} else {
		crmg_advise(c, CRMG_GRADE_NOTE, "on top of %s: native XDP is more likely there, and "
			    "VLAN tags are read", other);
		crmg_mend(c, "crmgate attach %s", other);
	}
}

/* --------------------------------------------------------------------- XDP */

static bool is_crmgate(const struct crmg_iface_facts *iface)
{
	return !strcmp(iface->xdp_name, "crmg_xdp");
}

static bool tc_mode(const struct crmg_checking *c)
{
	return c->state && c->state->wanted.xdp_mode == CRMG_XDP_TC;
}

/* True if the program at XDP is not this instance's. */
static bool foreign(const struct crmg_checking *c)
{
	return c->iface->xdp_id && !(c->state && c->state->xdp_ours && !tc_mode(c));
}

static void judge_xdp_owner(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;

	if (!iface->index)
		return;
	if (!foreign(c)) {
		crmg_advise(c, CRMG_GRADE_OK, !iface->xdp_id ? "XDP is free" : iface->xdp_chain ?
			    "XDP has libxdp's dispatcher, and in it the program of this instance" :
			    "XDP has the program of this instance");
	} else if (is_crmgate(iface)) {
		crmg_advise(c, CRMG_GRADE_FAIL, "another instance of crmgate is attached (program %u)",
			    iface->xdp_id);
		crmg_mend(c, "crmgate detach %s --instance OTHER  # one of /sys/fs/bpf/crmgate",
			  iface->name);
	} else if (tc_mode(c)) {
		crmg_advise(c, c->state->wanted.fell_back ? CRMG_GRADE_WARNING : CRMG_GRADE_NOTE,
			    "XDP belongs to program %u (%s): what it passes is judged at TC ingress",
			    iface->xdp_id, iface->xdp_name);
		if (c->state->wanted.fell_back)
			crmg_mend(c, "crmgate attach %s --mode tc  # accepts it", iface->name);
	} else if (c->state && iface->xdp_chain) {
		crmg_advise(c, CRMG_GRADE_FAIL, "the program of this instance is not in the dispatcher of "
			    "libxdp (program %u)", iface->xdp_id);
		crmg_mend(c, "crmgate attach %s --chain", iface->name);
	} else if (c->state) {
		crmg_advise(c, CRMG_GRADE_FAIL, "program %u (%s) took the place of crmgate's at XDP",
			    iface->xdp_id, iface->xdp_name);
		crmg_mend(c, "crmgate detach %s; crmgate attach %s --mode tc", iface->name,
			  iface->name);
	} else if (iface->xdp_chain) {
		crmg_advise(c, CRMG_GRADE_WARNING, "XDP has the dispatcher of libxdp (program %u), with "
			    "programs that stay: crmgate takes a place before them, where the kernel "
			    "allows it", iface->xdp_id);
		crmg_mend(c, "crmgate attach %s --chain  # or --mode tc", iface->name);
	} else {
		crmg_advise(c, CRMG_GRADE_WARNING, "XDP belongs to program %u (%s), which stays: only "
			    "what it passes can be judged, at TC ingress", iface->xdp_id,
			    iface->xdp_name);
		crmg_mend(c, "crmgate attach %s --mode tc", iface->name);
	}
}

/* The commands that get an interface judged at TC ingress, where segments count one by one. */
static void mend_by_tc(struct crmg_checking *c)
{
	crmg_mend(c, "%s%s%scrmgate attach %s --mode tc", c->state ? "crmgate detach " : "",
		  c->state ? c->iface->name : "", c->state ? "; " : "", c->iface->name);
}

static const char *no_native_why(const struct crmg_iface_facts *iface)
{
	return strcmp(iface->kind, "veth") ? "the driver has no native XDP" :
	       "its other end has more TX queues than it has RX queues, or is down";
}

static void judge_native(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;
	bool generic = c->state && c->state->wanted.xdp_mode == CRMG_XDP_GENERIC;

	if (!iface->index || tc_mode(c) || (foreign(c) && !c->state) || !crmg_is_ethernet(iface->type))
		return;
	if (c->state && c->state->wanted.xdp_mode == CRMG_XDP_NATIVE) {
		crmg_advise(c, CRMG_GRADE_OK, "attached natively");
	} else if (iface->features_known && !(iface->features & CRMG_XDP_FEATURE_BASIC)) {
		crmg_advise(c, CRMG_GRADE_FAIL, "native XDP is not possible: %s; generic XDP runs after "
			    "GRO, and limits of packets may be 40 times as lenient",
			    no_native_why(iface));
		mend_by_tc(c);
	} else if (generic) {
		crmg_advise(c, CRMG_GRADE_FAIL, "attached with generic XDP, which runs after GRO: limits "
			    "of packets may be 40 times as lenient");
		crmg_mend(c, "crmgate detach %s; crmgate attach %s --mode native", iface->name,
			  iface->name);
	} else if (iface->features_known) {
		crmg_advise(c, CRMG_GRADE_OK, "the driver has native XDP%s",
			    iface->features & CRMG_XDP_FEATURE_SG ? ", also for large frames" : "");
	} else {
		crmg_advise(c, CRMG_GRADE_NOTE, "before kernel 6.3 a driver does not say whether it has "
			    "native XDP: attach tries it, and this says why not");
		crmg_mend(c, "crmgate attach %s --mode native", iface->name);
	}
}

static void judge_mtu(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;

	if (!iface->index || tc_mode(c) || !(iface->features & CRMG_XDP_FEATURE_BASIC))
		return;
	if (iface->features & CRMG_XDP_FEATURE_SG || iface->mtu <= ONE_PAGE_MTU) {
		crmg_advise(c, CRMG_GRADE_OK, "MTU %u suits native XDP", iface->mtu);
		return;
	}
	crmg_advise(c, CRMG_GRADE_FAIL, "MTU %u: this driver has XDP only for frames of one page, "
		    "so generic XDP would be used, which runs after GRO", iface->mtu);
	crmg_mend(c, "ip link set dev %s mtu %u", iface->name, ONE_PAGE_MTU);
}

/* What joins segments in the NIC. Other drivers than mlx5's end gro_hw by themselves for XDP. */
static void judge_lro(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;

	if (!iface->index)
		return;
	if (iface->lro) {
		crmg_advise(c, CRMG_GRADE_WARNING, "LRO is on: many drivers then refuse native XDP, and "
			    "segments that the NIC joined count as one packet");
		crmg_mend(c, "ethtool -K %s lro off", iface->name);
	} else if (iface->gro_hw && !strcmp(iface->driver, "mlx5_core")) {
		crmg_advise(c, CRMG_GRADE_WARNING, "GRO by the NIC is on: %s then refuses native XDP",
			    iface->driver);
		crmg_mend(c, "ethtool -K %s rx-gro-hw off", iface->name);
	} else {
		crmg_advise(c, CRMG_GRADE_OK, "no offload joins segments before XDP");
	}
}

/* Drivers that keep a queue of their own for each that XDP sends by. */
static bool needs_half(const char *driver)
{
	static const char *const drivers[] = { "ena", "gve", "virtio_net" };

	for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++)
		if (!strcmp(driver, drivers[i]))
			return true;
	return false;
}

static void judge_queues(struct crmg_checking *c)
{
	const struct crmg_iface_facts *iface = c->iface;
	bool attached = c->state && c->state->wanted.xdp_mode == CRMG_XDP_NATIVE;

	if (!iface->index)
		return;
	if (attached || !needs_half(iface->driver) || iface->queues[1] < 2 ||
	    iface->queues[0] * 2 <= iface->queues[1]) {
		crmg_advise(c, CRMG_GRADE_OK, "the queue count is no obstacle");
		return;
	}
	crmg_advise(c, CRMG_GRADE_WARNING, "%u of %u queues are in use: native XDP with %s wants one "
		    "more for each, or refuses or takes a slower way", iface->queues[0],
		    iface->queues[1], iface->driver);
	crmg_mend(c, "ethtool -L %s combined %u", iface->name, iface->queues[1] / 2);
}

static void judge_tc(struct crmg_checking *c)
{
	if (!c->iface->index)
		return;
	if (c->host->tcx || !c->iface->ingress_taken || tc_mode(c)) {
		crmg_advise(c, CRMG_GRADE_OK, "TC has room at both sides");
		return;
	}
	crmg_advise(c, foreign(c) ? CRMG_GRADE_FAIL : CRMG_GRADE_NOTE, "another filter has the first "
		    "priority of TC ingress: crmgate cannot be attached there");
	crmg_mend(c, "tc filter show dev %s ingress  # give it another priority than 1",
		  c->iface->name);
}

const struct crmg_check crmg_iface_checks[] = {
	{ "link", judge_link },
	{ "frames", judge_frames },
	{ "stack", judge_stack },
	{ "xdp_owner", judge_xdp_owner },
	{ "native", judge_native },
	{ "mtu", judge_mtu },
	{ "lro", judge_lro },
	{ "queues", judge_queues },
	{ "tc", judge_tc },
	{ 0 },
};
