// SPDX-License-Identifier: GPL-2.0
/*
 * doctor_nat.c - rules that send packets on to another port, for the doctor: dnat and redirect
 * of nftables, written by nft or by iptables-nft, read as the kernel lists them. Ports that a
 * rule takes out of a set or a map are not followed.
 */
#include "../report/doctor.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <arpa/inet.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/xt_tcpudp.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>

#include "../base/peers.h"
#include "../base/util.h"
#include "internal.h"

/* What a register holds while a rule is read. */
enum crmg_held {
	CRMG_HELD_NOTHING,
	CRMG_HELD_PROTOCOL,
	CRMG_HELD_PORT,
	CRMG_HELD_VALUE,
	CRMG_HELD_UNKNOWN,		/* out of a map */
};

struct crmg_register {
	enum crmg_held held;
	__u8 value[16];
	size_t length;
};

#define CRMG_REGISTERS 24

struct crmg_rule {
	struct crmg_register reg[CRMG_REGISTERS];
	struct crmg_port_map map;
	int protocol;			/* 0: any */
	bool sends_on;
};

/* ------------------------------------------------------------- attributes */

/* The payload of one of the attributes in data[length]; NULL: it is not there, or too short. */
static const void *crmg_attr(const void *data, int length, unsigned int type, size_t least,
			     size_t *ret_length)
{
	const struct rtattr *attr = data;

	for (; RTA_OK(attr, length); attr = RTA_NEXT(attr, length)) {
		if ((attr->rta_type & NLA_TYPE_MASK) != type || RTA_PAYLOAD(attr) < least)
			continue;
		if (ret_length)
			*ret_length = RTA_PAYLOAD(attr);
		return RTA_DATA(attr);
	}
	return NULL;
}

static unsigned int crmg_attr_number(const void *data, int length, unsigned int type,
				     unsigned int otherwise)
{
	const void *found = crmg_attr(data, length, type, sizeof(__be32), NULL);
	__be32 value;

	if (!found)
		return otherwise;
	memcpy(&value, found, sizeof(value));
	return ntohl(value);
}

/* The register that an attribute names, or NULL. */
static struct crmg_register *crmg_attr_register(struct crmg_rule *rule, const void *data, int length,
						unsigned int type)
{
	unsigned int number = crmg_attr_number(data, length, type, CRMG_REGISTERS);

	return number < CRMG_REGISTERS ? &rule->reg[number] : NULL;
}

/* The value in a nested attribute. */
static const void *crmg_attr_value(const void *data, int length, unsigned int type, size_t least,
				   size_t *ret_length)
{
	size_t inner;
	const void *nest = crmg_attr(data, length, type, 0, &inner);

	return nest ? crmg_attr(nest, inner, NFTA_DATA_VALUE, least, ret_length) : NULL;
}

static unsigned int crmg_port_at(const void *value)
{
	__be16 port;

	memcpy(&port, value, sizeof(port));
	return ntohs(port);
}

/* ------------------------------------------------------------ expressions */

static void crmg_rule_payload(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *reg = crmg_attr_register(rule, data, length, NFTA_PAYLOAD_DREG);
	unsigned int base = crmg_attr_number(data, length, NFTA_PAYLOAD_BASE, ~0U);
	unsigned int offset = crmg_attr_number(data, length, NFTA_PAYLOAD_OFFSET, ~0U);
	unsigned int bytes = crmg_attr_number(data, length, NFTA_PAYLOAD_LEN, 0);

	if (!reg)
		return;
	reg->held = base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && bytes == 2 ?
		    CRMG_HELD_PORT :
		    base == NFT_PAYLOAD_NETWORK_HEADER && bytes == 1 && (offset == 9 || offset == 6) ?
		    CRMG_HELD_PROTOCOL : CRMG_HELD_NOTHING;
}

static void crmg_rule_meta(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *reg = crmg_attr_register(rule, data, length, NFTA_META_DREG);

	if (reg)
		reg->held = crmg_attr_number(data, length, NFTA_META_KEY, ~0U) == NFT_META_L4PROTO ?
			    CRMG_HELD_PROTOCOL : CRMG_HELD_NOTHING;
}

static void crmg_rule_cmp(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *reg = crmg_attr_register(rule, data, length, NFTA_CMP_SREG);
	unsigned int op = crmg_attr_number(data, length, NFTA_CMP_OP, ~0U);
	const void *value = crmg_attr_value(data, length, NFTA_CMP_DATA, 1, NULL);

	if (!reg || !value)
		return;
	if (reg->held == CRMG_HELD_PROTOCOL && op == NFT_CMP_EQ)
		rule->protocol = *(const __u8 *)value;
	if (reg->held != CRMG_HELD_PORT)
		return;
	if (op == NFT_CMP_EQ || op == NFT_CMP_GTE)
		rule->map.first = crmg_port_at(value);
	if (op == NFT_CMP_EQ || op == NFT_CMP_LTE)
		rule->map.last = crmg_port_at(value);
}

static void crmg_rule_range(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *reg = crmg_attr_register(rule, data, length, NFTA_RANGE_SREG);
	const void *from = crmg_attr_value(data, length, NFTA_RANGE_FROM_DATA, 2, NULL);
	const void *to = crmg_attr_value(data, length, NFTA_RANGE_TO_DATA, 2, NULL);

	if (!reg || reg->held != CRMG_HELD_PORT || !from || !to ||
	    crmg_attr_number(data, length, NFTA_RANGE_OP, ~0U) != NFT_RANGE_EQ)
		return;
	rule->map.first = crmg_port_at(from);
	rule->map.last = crmg_port_at(to);
}

static void crmg_rule_immediate(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *reg = crmg_attr_register(rule, data, length, NFTA_IMMEDIATE_DREG);
	size_t bytes = 0;
	const void *value = crmg_attr_value(data, length, NFTA_IMMEDIATE_DATA, 1, &bytes);

	if (!reg || !value || bytes > sizeof(reg->value))
		return;
	reg->held = CRMG_HELD_VALUE;
	reg->length = bytes;
	memcpy(reg->value, value, bytes);
}

/* An address as the rule has it, in 4 bytes or 16. */
static void crmg_rule_to(struct crmg_rule *rule, const void *bytes, size_t length)
{
	__be64 words[2];
	__be32 v4;

	if (length == sizeof(v4)) {
		memcpy(&v4, bytes, sizeof(v4));
		rule->map.to = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | ntohl(v4) };
	} else if (length == sizeof(words)) {
		memcpy(words, bytes, sizeof(words));
		rule->map.to = (struct crmg_addr){ be64toh(words[0]), be64toh(words[1]) };
	}
}

/* Ports that are in a set, or where they lead in a map: not followed. */
static void crmg_rule_lookup(struct crmg_rule *rule, const void *data, int length)
{
	struct crmg_register *from = crmg_attr_register(rule, data, length, NFTA_LOOKUP_SREG);
	struct crmg_register *to = crmg_attr_register(rule, data, length, NFTA_LOOKUP_DREG);

	if (to)
		to->held = CRMG_HELD_UNKNOWN;
	else if (from && from->held == CRMG_HELD_PORT)
		rule->map.unknown = true;
}

static void crmg_rule_nat(struct crmg_rule *rule, const void *data, int length, bool redirect)
{
	struct crmg_register *port = crmg_attr_register(rule, data, length, redirect ?
							NFTA_REDIR_REG_PROTO_MIN :
							NFTA_NAT_REG_PROTO_MIN);
	struct crmg_register *addr = redirect ? NULL :
		crmg_attr_register(rule, data, length, NFTA_NAT_REG_ADDR_MIN);

	if (!redirect && crmg_attr_number(data, length, NFTA_NAT_TYPE, ~0U) != NFT_NAT_DNAT)
		return;
	rule->sends_on = true;
	if ((port && port->held == CRMG_HELD_UNKNOWN) || (addr && addr->held == CRMG_HELD_UNKNOWN))
		rule->map.unknown = true;
	if (port && port->held == CRMG_HELD_VALUE && port->length >= 2)
		rule->map.to_port = crmg_port_at(port->value);
	if (addr && addr->held == CRMG_HELD_VALUE)
		crmg_rule_to(rule, addr->value, addr->length);
}

/* `-m tcp --dport` of iptables-nft: xt_tcp and xt_udp begin alike. */
static void crmg_rule_match(struct crmg_rule *rule, const void *data, int length)
{
	const char *name = crmg_attr(data, length, NFTA_MATCH_NAME, 1, NULL);
	const struct xt_udp *info = crmg_attr(data, length, NFTA_MATCH_INFO, sizeof(*info), NULL);

	if (!name || !info || (strcmp(name, "tcp") && strcmp(name, "udp")))
		return;
	rule->protocol = name[0] == 't' ? IPPROTO_TCP : IPPROTO_UDP;
	rule->map.first = info->dpts[0];
	rule->map.last = info->dpts[1];
}

/* `-j DNAT` and `-j REDIRECT` of iptables-nft: of IPv4 in revision 0, else with long addresses. */
static void crmg_rule_target(struct crmg_rule *rule, const void *data, int length, int family)
{
	const char *name = crmg_attr(data, length, NFTA_TARGET_NAME, 1, NULL);
	unsigned int revision = crmg_attr_number(data, length, NFTA_TARGET_REV, 0);
	const struct nf_nat_ipv4_multi_range_compat *old;
	const struct nf_nat_range *range;

	if (!name || (strcmp(name, "DNAT") && strcmp(name, "REDIRECT")))
		return;
	rule->sends_on = true;
	if (revision == 0 && family == AF_INET) {
		old = crmg_attr(data, length, NFTA_TARGET_INFO, sizeof(*old), NULL);
		if (old && old->range[0].flags & NF_NAT_RANGE_MAP_IPS)
			crmg_rule_to(rule, &old->range[0].min_ip, 4);
		if (old && old->range[0].flags & NF_NAT_RANGE_PROTO_SPECIFIED)
			rule->map.to_port = ntohs(old->range[0].min.all);
		return;
	}
	range = crmg_attr(data, length, NFTA_TARGET_INFO, sizeof(*range), NULL);
	if (range && range->flags & NF_NAT_RANGE_MAP_IPS)
		crmg_rule_to(rule, &range->min_addr, family == AF_INET ? 4 : 16);
	if (range && range->flags & NF_NAT_RANGE_PROTO_SPECIFIED)
		rule->map.to_port = ntohs(range->min_proto.all);
}

static void crmg_rule_expression(struct crmg_rule *rule, const void *data, int length, int family)
{
	const char *name = crmg_attr(data, length, NFTA_EXPR_NAME, 1, NULL);
	size_t inner = 0;
	const void *nest = crmg_attr(data, length, NFTA_EXPR_DATA, 0, &inner);

	if (!name || !nest)
		return;
	if (!strcmp(name, "payload"))
		crmg_rule_payload(rule, nest, inner);
	else if (!strcmp(name, "meta"))
		crmg_rule_meta(rule, nest, inner);
	else if (!strcmp(name, "cmp"))
		crmg_rule_cmp(rule, nest, inner);
	else if (!strcmp(name, "range"))
		crmg_rule_range(rule, nest, inner);
	else if (!strcmp(name, "lookup"))
		crmg_rule_lookup(rule, nest, inner);
	else if (!strcmp(name, "immediate"))
		crmg_rule_immediate(rule, nest, inner);
	else if (!strcmp(name, "nat") || !strcmp(name, "redir"))
		crmg_rule_nat(rule, nest, inner, name[0] == 'r');
	else if (!strcmp(name, "match"))
		crmg_rule_match(rule, nest, inner);
	else if (!strcmp(name, "target"))
		crmg_rule_target(rule, nest, inner, family);
}

/* ------------------------------------------------------------------- rules */

/* Adds what a rule says, once for each transport that it is for. */
static int crmg_rule_add(struct crmg_doctor_facts *facts, const struct nlmsghdr *msg)
{
	const struct nfgenmsg *head = NLMSG_DATA(msg);
	struct crmg_rule rule = { 0 };
	size_t length = 0;
	const struct rtattr *item = crmg_attr((const char *)head + NLMSG_ALIGN(sizeof(*head)),
					      NLMSG_PAYLOAD(msg, sizeof(*head)),
					      NFTA_RULE_EXPRESSIONS, 0, &length);
	int left = length;

	for (; item && RTA_OK(item, left); item = RTA_NEXT(item, left))
		crmg_rule_expression(&rule, RTA_DATA(item), RTA_PAYLOAD(item), head->nfgen_family);
	for (int t = 0; rule.sends_on && t < CRMG_TRANSPORT_COUNT; t++) {
		int protocol = t == CRMG_TRANSPORT_TCP ? IPPROTO_TCP : IPPROTO_UDP;
		struct crmg_port_map *map;

		if (rule.protocol && rule.protocol != protocol)
			continue;
		map = crmg_grow(&facts->maps, &facts->map_count, sizeof(*map));
		if (!map)
			return -ENOMEM;
		*map = rule.map;
		map->transport = t;
	}
	return 0;
}

/* 0, 1: the list has ended; or negative errno. */
static int crmg_rules_add(struct crmg_doctor_facts *facts, const char *answer, ssize_t got)
{
	const struct nlmsghdr *msg = (const struct nlmsghdr *)answer;
	int left = got, code = 0;

	for (; !code && NLMSG_OK(msg, (unsigned int)left); msg = NLMSG_NEXT(msg, left)) {
		if (msg->nlmsg_type == NLMSG_DONE)
			return 1;
		if (msg->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		code = crmg_rule_add(facts, msg);
	}
	return code;
}

/*
 * True if the kernel has nf_tables now. Asking one that has not would load the module, and
 * the doctor changes nothing.
 */
static bool crmg_nft_there(void)
{
	crmg_autofree char *modules = NULL, *builtin = NULL;
	struct utsname name;
	char path[160];
	size_t size;

	if (crmg_proc_read("/proc/modules", &modules, &size))
		return true;	/* a kernel without modules */
	if (!strncmp(modules, "nf_tables ", 10) || strstr(modules, "\nnf_tables "))
		return true;
	if (uname(&name))
		return false;
	snprintf(path, sizeof(path), "/lib/modules/%s/modules.builtin", name.release);
	return !crmg_proc_read(path, &builtin, &size) && strstr(builtin, "/nf_tables.ko");
}

/* True if a table "nat" of iptables-legacy is in use here. */
static bool crmg_legacy_there(const char *path)
{
	crmg_autofree char *text = NULL;
	size_t size;

	return !crmg_proc_read(path, &text, &size) &&
	       (!strncmp(text, "nat\n", 4) || strstr(text, "\nnat\n"));
}

int crmg_doctor_nat(struct crmg_doctor_facts *ret)
{
	struct {
		struct nlmsghdr header;
		struct nfgenmsg genmsg;
	} request = {
		.header = { .nlmsg_len = sizeof(request), .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_type = NFNL_SUBSYS_NFTABLES << 8 | NFT_MSG_GETRULE,
			    .nlmsg_seq = 1 },
		.genmsg = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	crmg_autofree char *answer = malloc(65536);
	crmg_autoclose int fd = -1;
	ssize_t got;
	int code = 0;

	if (!answer)
		return -ENOMEM;
	ret->legacy_nat = crmg_legacy_there("/proc/net/ip_tables_names") ||
			  crmg_legacy_there("/proc/net/ip6_tables_names");
	ret->maps_known = !crmg_nft_there();
	if (ret->maps_known)
		return 0;
	fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	if (fd < 0 || send(fd, &request, sizeof(request), 0) < 0)
		return 0;
	while (!code) {
		got = recv(fd, answer, 65536, 0);
		code = got > 0 ? crmg_rules_add(ret, answer, got) : -EIO;
	}
	ret->maps_known = code == 1;
	return code == -ENOMEM ? code : 0;
}
