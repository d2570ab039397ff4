// SPDX-License-Identifier: GPL-2.0
/* locals.c - see locals.h. Only that table is asked for: another may have a million routes. */
#include "locals.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include "util.h"

/* What the kernel puts into one answer, at most. */
#define ANSWER_MAX 65536

struct locals {
	struct crmg_addr *addr;
	size_t count;
};

/* Of those that several hosts have: 127.0.0.0/8, fe80::/10, ::1, 169.254.0.0/16. */
static bool is_shared(const struct crmg_addr *addr)
{
	if (crmg_addr_is_v4(addr))
		return (addr->lo >> 24 & 0xff) == 127 || (addr->lo >> 16 & 0xffff) == 0xa9fe;
	return addr->hi >> 54 == 0xfe80 >> 6 || (!addr->hi && addr->lo <= 1);
}

static int add_route(struct locals *locals, const struct nlmsghdr *msg)
{
	const struct rtmsg *route = NLMSG_DATA(msg);
	const struct rtattr *attr = RTM_RTA(route);
	bool v4 = route->rtm_family == AF_INET;
	int left = RTM_PAYLOAD(msg);
	struct crmg_addr addr, *item;

	if (msg->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_LOCAL ||
	    route->rtm_table != RT_TABLE_LOCAL || route->rtm_dst_len != (v4 ? 32 : 128))
		return 0;
	while (RTA_OK(attr, left) && attr->rta_type != RTA_DST)
		attr = RTA_NEXT(attr, left);
	if (!RTA_OK(attr, left) || RTA_PAYLOAD(attr) != (v4 ? 4 : 16))
		return 0;
	addr = crmg_addr_from_bytes(RTA_DATA(attr), v4);
	if (is_shared(&addr))
		return 0;
	item = crmg_grow(&locals->addr, &locals->count, sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = addr;
	return 0;
}

/* What the last message of a dump says: 1, or negative errno. A kernel may lack a family. */
static int at_end(const struct nlmsghdr *msg)
{
	int code = 0;

	/* Of NLMSG_ERROR it is the first word too. */
	if (msg->nlmsg_len >= NLMSG_LENGTH(sizeof(code)))
		memcpy(&code, NLMSG_DATA(msg), sizeof(code));
	return code && code != -EOPNOTSUPP && code != -EAFNOSUPPORT && code != -ENOENT ? code : 1;
}

/* 1 at the end of the table, else 0 or negative errno. */
static int add_routes(struct locals *locals, const void *answer, size_t size)
{
	const struct nlmsghdr *msg = answer;
	int code = 0;

	for (; !code && NLMSG_OK(msg, size); msg = NLMSG_NEXT(msg, size)) {
		if (msg->nlmsg_flags & NLM_F_DUMP_INTR)
			return -EAGAIN;
		if (msg->nlmsg_type == NLMSG_DONE || msg->nlmsg_type == NLMSG_ERROR)
			return at_end(msg);
		code = add_route(locals, msg);
	}
	return code;
}

static int add_family(struct locals *locals, int fd, int family, char *answer)
{
	const struct {
		struct nlmsghdr header;
		struct rtmsg route;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_type = RTM_GETROUTE,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 },
		.route = { .rtm_family = family, .rtm_table = RT_TABLE_LOCAL,
			   .rtm_type = RTN_LOCAL },
	};
	ssize_t got;
	int code = 0;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	while (!code) {
		got = recv(fd, answer, ANSWER_MAX, 0);
		code = got > 0 ? add_routes(locals, answer, got) : -EIO;
	}
	return code < 0 ? code : 0;
}

static int compare(const void *a, const void *b)
{
	return crmg_addr_cmp(a, b);
}

int crmg_locals_read(struct crmg_addr **ret, size_t *ret_count)
{
	crmg_autoclose int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	crmg_autofree char *answer = malloc(ANSWER_MAX);
	struct locals locals = { 0 };
	size_t kept = 0;
	int code = fd < 0 ? -errno : 0;

	if (!code && !answer)
		code = -ENOMEM;
	/* Without this the kernel sends every table. */
	if (!code && setsockopt(fd, SOL_NETLINK, NETLINK_GET_STRICT_CHK, &(int){ 1 }, sizeof(int)))
		code = -errno;
	if (!code)
		code = add_family(&locals, fd, AF_INET, answer);
	if (!code)
		code = add_family(&locals, fd, AF_INET6, answer);
	if (code) {
		free(locals.addr);
		return code;
	}
	if (locals.count)
		qsort(locals.addr, locals.count, sizeof(*locals.addr), compare);
	for (size_t i = 0; i < locals.count; i++)
		if (!kept || crmg_addr_cmp(&locals.addr[kept - 1], &locals.addr[i]))
			locals.addr[kept++] = locals.addr[i];
	*ret = locals.addr;
	*ret_count = kept;
	return 0;
}
