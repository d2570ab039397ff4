// SPDX-License-Identifier: GPL-2.0
/*
 * chainread.c - what is in the dispatcher of libxdp, by the pins of which its protocol gives
 * the names: "dispatch-IFINDEX-ID/progN-prog", N in the order in which they run.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "chain.h"

#define CRMG_CHAIN_MAX  10	/* programs in a dispatcher: its version 2 has room for no more */
#define CRMG_CHAIN_PINS "/sys/fs/bpf/xdp/dispatch-%u-%u/prog%u-prog"

/* Program `at` of a dispatcher: a descriptor, or negative errno. */
static int crmg_chain_open(unsigned int ifindex, __u32 id, unsigned int at)
{
	char path[CRMG_PIN_LEN];
	int fd;

	snprintf(path, sizeof(path), CRMG_CHAIN_PINS, ifindex, id, at);
	fd = bpf_obj_get(path);
	return fd < 0 ? -errno : fd;
}

bool crmg_chain_is_dispatcher(unsigned int ifindex, __u32 id)
{
	crmg_autoclose int fd = crmg_chain_open(ifindex, id, 0);

	return fd >= 0;
}

/* Id of the array out of which an extension of crmgate's calls; 0: it is none. */
static __u32 crmg_chain_array(int prog)
{
	__u32 map = 0, size;
	struct bpf_prog_info info = { .nr_map_ids = 1, .map_ids = (__u64)(unsigned long)&map };

	size = sizeof(info);
	return bpf_obj_get_info_by_fd(prog, &info, &size) || info.nr_map_ids != 1 ||
	       strcmp(info.name, "crmg_chain") ? 0 : map;
}

long crmg_chain_program(int array)
{
	__u32 zero = 0, id = 0;

	if (array < 0)
		return array == -ENOENT ? 0 : array;
	if (!bpf_map_lookup_elem(array, &zero, &id))
		return id;
	return errno == ENOENT ? 0 : -errno;
}

bool crmg_chain_is_ours(int prog, long *ret_judge)
{
	__u32 id = crmg_chain_array(prog);
	crmg_autoclose int array = id ? bpf_map_get_fd_by_id(id) : -1;

	*ret_judge = !id ? 0 : array < 0 ? -errno : crmg_chain_program(array);
	return id;
}

bool crmg_chain_may(void)
{
	/* No program has id 0: whoever may ask is told so. */
	return bpf_prog_get_fd_by_id(0) >= 0 || errno != EPERM;
}

bool crmg_chain_judges(unsigned int ifindex, __u32 id)
{
	long judge = 0;

	/* One that may not be looked at is taken to be in use. */
	for (unsigned int at = 0; at < CRMG_CHAIN_MAX && !judge; at++) {
		crmg_autoclose int fd = crmg_chain_open(ifindex, id, at);

		if (fd < 0)
			break;
		(void)crmg_chain_is_ours(fd, &judge);
	}
	return judge;
}

int crmg_chain_find(const struct crmg_iface *iface, __u32 id, int array,
		    struct crmg_iface_state *ret)
{
	struct bpf_map_info info = { 0 };
	__u32 size = sizeof(info);
	unsigned int at;

	ret->chain_at = ret->chain_programs = 0;
	if (bpf_obj_get_info_by_fd(array, &info, &size))
		return -errno;
	for (at = 0; at < CRMG_CHAIN_MAX; at++) {
		crmg_autoclose int fd = crmg_chain_open(iface->ifindex, id, at);

		if (fd == -ENOENT)
			break;
		if (fd < 0)
			return fd;
		if (crmg_chain_array(fd) == info.id)
			ret->chain_at = at + 1;
	}
	ret->chain_programs = at;
	return 0;
}
