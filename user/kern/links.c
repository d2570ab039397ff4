// SPDX-License-Identifier: GPL-2.0
/* links.c - what rtnetlink says of one interface, and whether one carries another's packets. */
#include <string.h>
#include <sys/socket.h>

#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include "../base/util.h"
#include "internal.h"

/* Bytes of one answer, with its statistics and those of SR-IOV functions. */
#define CRMG_LINK_MESSAGE 16384

/* Interfaces between two that are stacked, at most: a VLAN on a bridge on a VLAN on a bond. */
#define CRMG_STACK_DEPTH 8

static void crmg_linkinfo_parse(const struct rtattr *info, struct crmg_rtlink *ret)
{
	const struct rtattr *attr = RTA_DATA(info);
	int left = RTA_PAYLOAD(info);

	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left))
		if (attr->rta_type == IFLA_INFO_KIND)
			crmg_copy(ret->kind, sizeof(ret->kind), RTA_DATA(attr));
}

static void crmg_link_parse(const struct nlmsghdr *msg, struct crmg_rtlink *ret)
{
	const struct ifinfomsg *info = NLMSG_DATA(msg);
	const struct rtattr *attr = IFLA_RTA(info);
	int left = IFLA_PAYLOAD(msg);
	bool elsewhere = false;

	ret->index = info->ifi_index;
	ret->type = info->ifi_type;
	ret->flags = info->ifi_flags;
	for (; RTA_OK(attr, left); attr = RTA_NEXT(attr, left)) {
		if (attr->rta_type == IFLA_MTU)
			memcpy(&ret->mtu, RTA_DATA(attr), sizeof(ret->mtu));
		if (attr->rta_type == IFLA_MASTER)
			memcpy(&ret->master, RTA_DATA(attr), sizeof(ret->master));
		if (attr->rta_type == IFLA_LINK)
			memcpy(&ret->parent, RTA_DATA(attr), sizeof(ret->parent));
		if (attr->rta_type == IFLA_LINK_NETNSID)
			elsewhere = true;
		if (attr->rta_type == IFLA_LINKINFO)
			crmg_linkinfo_parse(attr, ret);
	}
	/* The "link" of a pair is its other end; an index of another namespace means nothing here. */
	if (elsewhere || ret->parent == ret->index || !strcmp(ret->kind, "veth") ||
	    !strcmp(ret->kind, "netkit"))
		ret->parent = 0;
}

int crmg_rtlink_read(unsigned int ifindex, struct crmg_rtlink *ret)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg info;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST, .nlmsg_seq = 1 },
		.info = { .ifi_index = ifindex },
	};
	crmg_autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	char answer[CRMG_LINK_MESSAGE];
	const struct nlmsghdr *msg = (const struct nlmsghdr *)answer;
	ssize_t got;

	*ret = (struct crmg_rtlink){ 0 };
	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	got = recv(fd, answer, sizeof(answer), 0);
	if (got < 0)
		return -errno;
	if (!NLMSG_OK(msg, (size_t)got) || msg->nlmsg_type != RTM_NEWLINK)
		return -ENODEV;
	crmg_link_parse(msg, ret);
	return 0;
}

/* ifindex and all that its packets go up to (or, down, come from): their number. */
static size_t crmg_stack_walk(unsigned int ifindex, bool up, unsigned int ret[CRMG_STACK_DEPTH])
{
	size_t count = 0;

	while (ifindex && count < CRMG_STACK_DEPTH) {
		struct crmg_rtlink link;

		ret[count++] = ifindex;
		if (crmg_rtlink_read(ifindex, &link))
			break;
		ifindex = up ? link.master : link.parent;
	}
	return count;
}

bool crmg_rtlink_stacked(unsigned int upper, unsigned int lower)
{
	unsigned int above[CRMG_STACK_DEPTH], below[CRMG_STACK_DEPTH];
	size_t ups = crmg_stack_walk(lower, true, above);
	size_t downs = crmg_stack_walk(upper, false, below);

	for (size_t u = 0; u < ups; u++)
		for (size_t d = 0; d < downs; d++)
			if (above[u] == below[d])
				return true;
	return false;
}
