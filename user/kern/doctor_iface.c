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
#include <linux/rtnetlink.h>
#include <linux/sockios.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "../base/util.h"
#include "chain.h"

/* ---------------------------------------------------------------- rtnetlink */

static void crmg_link_facts(struct crmg_iface_facts *ret)
{
	struct crmg_rtlink link, master;

	if (crmg_rtlink_read(ret->index, &link))
		return;
	ret->type = link.type;
	ret->up = link.flags & IFF_UP;
	ret->mtu = link.mtu;
	crmg_copy(ret->kind, sizeof(ret->kind), link.kind);
	if (link.parent)
		if_indextoname(link.parent, ret->parent);
	if (!link.master || crmg_rtlink_read(link.master, &master))
		return;
	if_indextoname(link.master, ret->master);
	crmg_copy(ret->master_kind, sizeof(ret->master_kind), master.kind);
}

/* ------------------------------------------------------------------ ethtool */

static bool crmg_ethtool(int fd, const char *name, void *command)
{
	struct ifreq request = { .ifr_data = command };

	crmg_copy(request.ifr_name, sizeof(request.ifr_name), name);
	return !ioctl(fd, SIOCETHTOOL, &request);
}

/* Number of a feature ("rx-gro-hw") in the masks of ETHTOOL_GFEATURES; -1: there is none. */
static int crmg_feature_find(int fd, const char *name, const char *feature)
{
	struct {
		struct ethtool_sset_info info;
		__u32 count;
	} sets = { .info = { .cmd = ETHTOOL_GSSET_INFO, .sset_mask = 1ULL << ETH_SS_FEATURES } };
	crmg_autofree struct ethtool_gstrings *strings = NULL;

	if (!crmg_ethtool(fd, name, &sets) || !sets.info.sset_mask)
		return -1;
	strings = calloc(1, sizeof(*strings) + sets.count * ETH_GSTRING_LEN);
	if (!strings)
		return -1;
	strings->cmd = ETHTOOL_GSTRINGS;
	strings->string_set = ETH_SS_FEATURES;
	strings->len = sets.count;
	if (!crmg_ethtool(fd, name, strings))
		return -1;
	for (__u32 i = 0; i < strings->len && i < sets.count; i++)
		if (!strncmp((const char *)strings->data + i * ETH_GSTRING_LEN, feature,
			     ETH_GSTRING_LEN))
			return i;
	return -1;
}

static bool crmg_feature_on(int fd, const char *name, const char *feature)
{
	struct {
		struct ethtool_gfeatures head;
		struct ethtool_get_features_block block[4];
	} features = { .head = { .cmd = ETHTOOL_GFEATURES, .size = 4 } };
	int i = crmg_feature_find(fd, name, feature);

	return i >= 0 && i < 4 * 32 && crmg_ethtool(fd, name, &features) &&
	       features.block[i / 32].active >> i % 32 & 1;
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
	ret->gro_hw = crmg_feature_on(fd, ret->name, "rx-gro-hw");
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
	crmg_link_facts(ret);
	crmg_ethtool_read(ret);
	crmg_features_read(ret);
	ret->xdp_id = crmg_xdp_id(ret->index);
	if (ret->xdp_id)
		crmg_prog_name(ret->xdp_id, ret->xdp_name, sizeof(ret->xdp_name));
	ret->xdp_chain = ret->xdp_id && crmg_chain_is_dispatcher(ret->index, ret->xdp_id);
	ret->ingress_taken = crmg_ingress_taken(ret->index);
}
