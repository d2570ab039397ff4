// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_iface.c - facts of one interface, for the doctor: rtnetlink, ethtool, what the
 * driver says of XDP (netdev netlink, kernel 6.3), and who is at its hooks.
 */
#include "../report/doctor.h"

#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <linux/ethtool.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "internal.h"

/* ---------------------------------------------------------------- rtnetlink */

/* The kind of an interface ("veth", "bond"); "" for hardware. */
static void crmg_kind_parse(const struct rtattr *info, char *ret, size_t size)
{
	const struct rtattr *attr = RTA_DATA(info);
	int left = RTA_PAYLOAD(info);

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == IFLA_INFO_KIND)
			crmg_copy(ret, size, RTA_DATA(attr));
}

static void crmg_link_parse(const struct nlmsghdr *msg, struct crmg_iface_facts *ret,
			    unsigned int *ret_master, unsigned int *ret_link)
{
	const struct ifinfomsg *info = NLMSG_DATA(msg);
	const struct rtattr *attr = IFLA_RTA(info);
	int left = IFLA_PAYLOAD(msg);

	ret->type = info->ifi_type;
	ret->up = info->ifi_flags & IFF_UP;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == IFLA_MTU)
			memcpy(&ret->mtu, RTA_DATA(attr), sizeof(ret->mtu));
		if (attr->rta_type == IFLA_MASTER)
			memcpy(ret_master, RTA_DATA(attr), sizeof(*ret_master));
		if (attr->rta_type == IFLA_LINK)
			memcpy(ret_link, RTA_DATA(attr), sizeof(*ret_link));
		if (attr->rta_type == IFLA_LINKINFO)
			crmg_kind_parse(attr, ret->kind, sizeof(ret->kind));
	}
}

static void crmg_link_read(struct crmg_iface_facts *ret)
{
	struct crmg_iface_facts master = { 0 };
	char answer[CRMG_LINK_MESSAGE];
	unsigned int above = 0, below = 0, ignored;

	if (crmg_link_message(ret->index, answer, sizeof(answer)) < 0)
		return;
	crmg_link_parse((const struct nlmsghdr *)answer, ret, &above, &below);
	/* The "link" of a veth is its other end, in whatever namespace. */
	if (below && below != ret->index && strcmp(ret->kind, "veth"))
		if_indextoname(below, ret->parent);
	if (!above || !if_indextoname(above, ret->master))
		return;
	if (crmg_link_message(above, answer, sizeof(answer)) > 0)
		crmg_link_parse((const struct nlmsghdr *)answer, &master, &ignored, &ignored);
	crmg_copy(ret->master_kind, sizeof(ret->master_kind), master.kind);
}

/* ------------------------------------------------------------------ ethtool */

static bool crmg_ethtool(int fd, const char *name, void *command)
{
	struct ifreq request = { .ifr_data = command };

	crmg_copy(request.ifr_name, sizeof(request.ifr_name), name);
	return !ioctl(fd, SIOCETHTOOL, &request);
}

static void crmg_ethtool_read(struct crmg_iface_facts *ret)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	struct ethtool_value flags = { .cmd = ETHTOOL_GFLAGS };
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	crmg_autoclose int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return;
	if (crmg_ethtool(fd, ret->name, &driver))
		crmg_copy(ret->driver, sizeof(ret->driver), driver.driver);
	if (crmg_ethtool(fd, ret->name, &flags))
		ret->lro = flags.data & ETH_FLAG_LRO;
	if (crmg_ethtool(fd, ret->name, &channels)) {
		ret->queues[0] = channels.combined_count;
		ret->queues[1] = channels.max_combined;
	}
}

/* ----------------------------------------------------------- netdev netlink */

/* <linux/netdev.h>, which Linux 6.1 does not have. */
#define CRMG_NETDEV_CMD_DEV_GET 1
#define CRMG_NETDEV_A_IFINDEX   1
#define CRMG_NETDEV_A_FEATURES  3

struct crmg_genl {
	struct nlmsghdr header;
	struct genlmsghdr genl;
	struct nlattr attr;
	char value[16];
};

/* One question with one attribute. The attribute of that type in the answer: its bytes, or NULL. */
static const void *crmg_genl_ask(int fd, unsigned int family, unsigned int command,
				 unsigned int type, const void *value, size_t length,
				 unsigned int wanted, size_t wanted_length, char *answer, size_t size)
{
	struct crmg_genl request = {
		.header = { .nlmsg_type = family, .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1 },
		.genl = { .cmd = command, .version = 1 },
		.attr = { .nla_len = NLA_HDRLEN + length, .nla_type = type },
	};
	const struct nlmsghdr *msg = (const struct nlmsghdr *)answer;
	const struct rtattr *attr;
	ssize_t got;
	int left;

	memcpy(request.value, value, length);
	request.header.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) + NLA_HDRLEN + NLA_ALIGN(length);
	if (send(fd, &request, request.header.nlmsg_len, 0) < 0)
		return NULL;
	got = recv(fd, answer, size, 0);
	if (got < 0 || !NLMSG_OK(msg, (size_t)got) || msg->nlmsg_type == NLMSG_ERROR)
		return NULL;
	attr = (const struct rtattr *)((const char *)NLMSG_DATA(msg) + GENL_HDRLEN);
	left = NLMSG_PAYLOAD(msg, GENL_HDRLEN);
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if ((attr->rta_type & NLA_TYPE_MASK) == wanted &&
		    RTA_PAYLOAD(attr) >= wanted_length)
			return RTA_DATA(attr);
	return NULL;
}

static void crmg_features_read(struct crmg_iface_facts *ret)
{
	crmg_autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	const void *found;
	char answer[8192];
	__u16 family;

	if (fd < 0)
		return;
	found = crmg_genl_ask(fd, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, CTRL_ATTR_FAMILY_NAME, "netdev",
			      sizeof("netdev"), CTRL_ATTR_FAMILY_ID, sizeof(family), answer,
			      sizeof(answer));
	if (!found)
		return;
	memcpy(&family, found, sizeof(family));
	found = crmg_genl_ask(fd, family, CRMG_NETDEV_CMD_DEV_GET, CRMG_NETDEV_A_IFINDEX,
			      &ret->index, sizeof(ret->index), CRMG_NETDEV_A_FEATURES,
			      sizeof(ret->features), answer, sizeof(answer));
	if (!found)
		return;
	memcpy(&ret->features, found, sizeof(ret->features));
	ret->features_known = true;
}

/* -------------------------------------------------------------------- hooks */

/* The name of a program; "" if it may not be asked. */
static void crmg_prog_name(__u32 id, char *ret, size_t size)
{
	crmg_autoclose int fd = bpf_prog_get_fd_by_id(id);
	struct bpf_prog_info info = { 0 };
	__u32 length = sizeof(info);

	if (fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &length))
		crmg_copy(ret, size, info.name);
}

static bool crmg_ingress_taken(unsigned int ifindex)
{
	LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = ifindex, .attach_point = BPF_TC_INGRESS);
	LIBBPF_OPTS(bpf_tc_opts, opts, .handle = CRMG_CLSACT_HANDLE, .priority = CRMG_CLSACT_FIRST);
	char name[BPF_OBJ_NAME_LEN] = "";

	if (bpf_tc_query(&hook, &opts))
		return false;
	crmg_prog_name(opts.prog_id, name, sizeof(name));
	return strcmp(name, "crmg_tc_in") != 0;
}

void crmg_doctor_iface(const char *name, struct crmg_iface_facts *ret)
{
	*ret = (struct crmg_iface_facts){ .index = if_nametoindex(name) };
	crmg_copy(ret->name, sizeof(ret->name), name);
	if (!ret->index)
		return;
	crmg_link_read(ret);
	crmg_ethtool_read(ret);
	crmg_features_read(ret);
	ret->xdp_id = crmg_xdp_id(ret->index);
	if (ret->xdp_id)
		crmg_prog_name(ret->xdp_id, ret->xdp_name, sizeof(ret->xdp_name));
	ret->ingress_taken = crmg_ingress_taken(ret->index);
}
