// SPDX-License-Identifier: GPL-2.0
/*
 * vitals.c - reads what the kernel and the resolver's configuration say in text. Where
 * those files come from is peers.c's and crmg_vitals_collect()'s affair.
 */
#include "vitals.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "peers.h"
#include "util.h"

const char *crmg_vital_text(enum crmg_vital_kind kind)
{
	static const char *const texts[] = {
		[CRMG_VITAL_OWN] = "an address of this host",
		[CRMG_VITAL_GATEWAY] = "the default gateway",
		[CRMG_VITAL_RESOLVER] = "a resolver of this host",
		[CRMG_VITAL_PEER] = "the far end of the connection that this command is given over",
	};

	return texts[kind];
}

void crmg_vitals_free(struct crmg_vitals *vitals)
{
	free(vitals->items);
	*vitals = (struct crmg_vitals){ 0 };
}

static int add(struct crmg_vitals *vitals, const struct crmg_vital *vital)
{
	struct crmg_vital *item;

	for (size_t i = 0; i < vitals->count; i++) {
		item = &vitals->items[i];
		if (item->kind == vital->kind && item->port == vital->port &&
		    crmg_addr_cmp(&item->addr, &vital->addr) == 0 &&
		    crmg_addr_cmp(&item->local, &vital->local) == 0)
			return 0;
	}
	item = crmg_grow(&vitals->items, &vitals->count, sizeof(*item));
	if (!item)
		return -ENOMEM;
	*item = *vital;
	return 0;
}

static int add_kind(struct crmg_vitals *vitals, enum crmg_vital_kind kind, struct crmg_addr addr)
{
	return add(vitals, &(struct crmg_vital){ .addr = addr, .kind = kind });
}

/* As the C library writes it: with a zone, or an IPv4 address in IPv6. */
static bool parse(const char *text, struct crmg_addr *ret)
{
	char plain[INET6_ADDRSTRLEN];
	struct in6_addr v6;
	struct in_addr v4;

	crmg_copy(plain, sizeof(plain), text);
	plain[strcspn(plain, "%")] = '\0';
	if (inet_pton(AF_INET, plain, &v4) == 1)
		*ret = crmg_addr_from_bytes(&v4, true);
	else if (inet_pton(AF_INET6, plain, &v6) == 1)
		*ret = crmg_addr_from_bytes(&v6, false);
	else
		return false;
	return true;
}

/* The line after this one, or the end of the text. */
static const char *next_line(const char *line)
{
	const char *end = strchr(line, '\n');

	return end ? end + 1 : line + strlen(line);
}

#define ROUTE_GATEWAY 2		/* RTF_GATEWAY, <net/route.h> */

int crmg_vitals_route4(struct crmg_vitals *vitals, const char *text)
{
	for (; *text; text = next_line(text)) {
		unsigned int destination, gateway, flags, mask;

		if (sscanf(text, "%*s %x %x %x %*s %*s %*s %x", &destination, &gateway, &flags,
			   &mask) == 4 &&
		    !destination && !mask && flags & ROUTE_GATEWAY &&
		    add_kind(vitals, CRMG_VITAL_GATEWAY,
			     crmg_addr_from_bytes(&gateway, true)))
			return -ENOMEM;
	}
	return 0;
}

int crmg_vitals_route6(struct crmg_vitals *vitals, const char *text)
{
	for (; *text; text = next_line(text)) {
		unsigned int length, flags;
		unsigned long long hi, lo;

		if (sscanf(text, "%*32s %x %*s %*s %16llx%16llx %*s %*s %*s %x", &length, &hi, &lo,
			   &flags) == 4 &&
		    !length && flags & ROUTE_GATEWAY &&
		    add_kind(vitals, CRMG_VITAL_GATEWAY, (struct crmg_addr){ hi, lo }))
			return -ENOMEM;
	}
	return 0;
}

int crmg_vitals_resolv(struct crmg_vitals *vitals, const char *text)
{
	for (; *text; text = next_line(text)) {
		struct crmg_addr addr;
		char name[64];

		if (sscanf(text, "nameserver %63s", name) == 1 && parse(name, &addr) &&
		    add_kind(vitals, CRMG_VITAL_RESOLVER, addr))
			return -ENOMEM;
	}
	return 0;
}

int crmg_vitals_environ(struct crmg_vitals *vitals, const char *block, size_t size)
{
	static const char key[] = "SSH_CONNECTION=";
	size_t length;

	for (; size; block += length, size -= length) {
		struct crmg_vital peer = { .kind = CRMG_VITAL_PEER };
		char far[64], near[64];

		length = strnlen(block, size);
		if (length == size)	/* cut off */
			return 0;
		length++;
		if (strncmp(block, key, sizeof(key) - 1) == 0 &&
		    sscanf(block + sizeof(key) - 1, "%63s %*u %63s %hu", far, near,
			   &peer.port) == 3 &&
		    parse(far, &peer.addr) && parse(near, &peer.local) && add(vitals, &peer))
			return -ENOMEM;
	}
	return 0;
}

/* "0100007F", or four such words: each as this machine reads it in memory. */
static bool parse_words(const char *text, struct crmg_addr *ret)
{
	uint32_t words[4];
	size_t length = strlen(text);

	if (length != 8 && length != 32)
		return false;
	for (size_t i = 0; i < length / 8; i++)
		if (sscanf(text + 8 * i, "%8x", &words[i]) != 1)
			return false;
	*ret = crmg_addr_from_bytes(words, length == 8);
	return true;
}

#define TCP_STATE_ESTABLISHED 1

int crmg_vitals_tcp(struct crmg_vitals *vitals, const char *text, const uint64_t *inodes,
		    size_t count)
{
	for (; *text; text = next_line(text)) {
		struct crmg_vital peer = { .kind = CRMG_VITAL_PEER };
		char near[33], far[33];
		unsigned long long inode;
		unsigned int port, state;
		size_t i;

		if (sscanf(text, "%*s %32[0-9A-F]:%x %32[0-9A-F]:%*x %x %*s %*s %*s %*s %*s %llu",
			   near, &port, far, &state, &inode) != 5 ||
		    state != TCP_STATE_ESTABLISHED)
			continue;
		for (i = 0; i < count && inodes[i] != inode; i++)
			;
		peer.port = port;
		if (i < count && parse_words(far, &peer.addr) && parse_words(near, &peer.local) &&
		    add(vitals, &peer))
			return -ENOMEM;
	}
	return 0;
}

int crmg_vitals_own(struct crmg_vitals *ret)
{
	struct ifaddrs *list = NULL;
	int code = 0;

	if (getifaddrs(&list))
		return errno == ENOMEM ? -ENOMEM : 0;
	for (struct ifaddrs *i = list; i && !code; i = i->ifa_next) {
		if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET)
			code = add_kind(ret, CRMG_VITAL_OWN, crmg_addr_from_bytes(
					&((struct sockaddr_in *)i->ifa_addr)->sin_addr, true));
		else if (i->ifa_addr && i->ifa_addr->sa_family == AF_INET6)
			code = add_kind(ret, CRMG_VITAL_OWN, crmg_addr_from_bytes(
					&((struct sockaddr_in6 *)i->ifa_addr)->sin6_addr, false));
	}
	freeifaddrs(list);
	return code;
}

int crmg_vitals_collect(struct crmg_vitals *ret)
{
	static const struct {
		const char *path;
		int (*read)(struct crmg_vitals *vitals, const char *text);
	} files[] = {
		{ "/proc/net/route", crmg_vitals_route4 },
		{ "/proc/net/ipv6_route", crmg_vitals_route6 },
		{ "/etc/resolv.conf", crmg_vitals_resolv },
	};
	int code = crmg_vitals_own(ret);

	for (size_t i = 0; !code && i < CRMG_ARRAY_SIZE(files); i++) {
		crmg_autofree char *text = NULL;
		size_t size;

		code = crmg_proc_read(files[i].path, &text, &size);
		code = code == -ENOMEM ? code : code ? 0 : files[i].read(ret, text);
	}
	return code ? code : crmg_peers_collect(ret);
}
