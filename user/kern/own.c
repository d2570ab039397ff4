// SPDX-License-Identifier: GPL-2.0
/*
 * own.c - map "own": which addresses are this host's. They move (a virtual address goes to another
 * host, and its traffic then comes from there), so they hold only while somebody looks after
 * them: for CRMG_OWN_LEASE_NS after the last look.
 */
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include <crmgate/hash.h>

#include "../base/locals.h"
#include "../base/util.h"
#include "internal.h"

#define CRMG_LOOPBACK 1	/* its index in each network namespace */

/*
 * True if what is local here need not be so for what comes by an interface: one in another
 * namespace, where it is an address of somebody else, or loopback, by which a host talks to
 * itself. One that is gone has no links any more (tend.c), and nothing comes by it.
 */
static bool crmg_own_elsewhere(const struct crmg_iface *iface, const struct crmg_iface_links *links)
{
	bool filters = iface->tc_kind == CRMG_TC_CLSACT;

	if (iface->netns != crmg_netns() || iface->ifindex == CRMG_LOOPBACK)
		return true;
	return if_nametoindex(iface->name) != iface->ifindex &&
	       (links->xdp >= 0 || links->tc >= 0 || filters);
}

static bool crmg_own_holds(const struct crmg_kern *kern)
{
	const struct crmg_iface *ifaces = kern->view[CRMG_MAP_IFACES].memory;

	for (size_t i = 0; i < CRMG_IFACES_MAX; i++)
		if (ifaces[i].name[0] && crmg_own_elsewhere(&ifaces[i], &kern->links[i]))
			return false;
	return true;
}

static int crmg_own_compare(const void *a, const void *b)
{
	return crmg_addr_cmp(&((const struct crmg_own_key *)a)->addr,
			     &((const struct crmg_own_key *)b)->addr);
}

/* What there is to be in the map: each address, and the source that it is in; in order. */
static size_t crmg_own_keys(const struct crmg_kern *kern, const struct crmg_addr *addr,
			    size_t count, struct crmg_own_key *ret)
{
	const struct crmg_head *head = crmg_image_head(&kern->image);
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		__u8 len = crmg_addr_is_v4(&addr[i]) ? 96 + head->v4_prefix : head->v6_prefix;

		ret[2 * i] = (struct crmg_own_key){ addr[i], CRMG_OWN_EXACT };
		ret[2 * i + 1] = (struct crmg_own_key){ crmg_addr_cut(addr[i], len), CRMG_OWN_NEAR };
	}
	qsort(ret, 2 * count, sizeof(*ret), crmg_own_compare);
	for (size_t i = 0; i < 2 * count; i++) {
		if (kept && !crmg_own_compare(&ret[kept - 1], &ret[i]))
			ret[kept - 1].has |= ret[i].has;
		else
			ret[kept++] = ret[i];
	}
	return kept;
}

/* What a daemon before this one left. */
static int crmg_own_learn(struct crmg_kern *kern, struct crmg_own_watch *watch)
{
	const struct crmg_addr *last = NULL;
	struct crmg_own_key *key = watch->key;
	int map = kern->map[CRMG_MAP_OWN];

	while (key < watch->key + CRMG_OWN_KEYS && !bpf_map_get_next_key(map, last, &key->addr)) {
		if (bpf_map_lookup_elem(map, &key->addr, &key->has))
			return -errno;
		last = &key++->addr;
	}
	watch->count = key - watch->key;
	qsort(watch->key, watch->count, sizeof(*key), crmg_own_compare);
	watch->known = true;
	return 0;
}

static struct crmg_own_key *crmg_own_find(const struct crmg_own_key *key,
					  struct crmg_own_key *list, size_t count)
{
	return bsearch(key, list, count, sizeof(*list), crmg_own_compare);
}

/* First those go that are no more: a look-up that finds one refuses an honest peer. */
static int crmg_own_write(struct crmg_kern *kern, struct crmg_own_watch *watch,
			  struct crmg_own_key *key, size_t count)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_err ignored = CRMG_ERR_INIT;
	__u64 filter[CRMG_OWN_WORDS] = { 0 };
	int map = kern->map[CRMG_MAP_OWN], code;
	struct crmg_setup setup;
	size_t i;

	code = crmg_setup_read(kern, &setup, &ignored);
	crmg_err_clear(&ignored);
	if (code)
		return code;
	for (i = 0; i < watch->count; i++)
		if (!crmg_own_find(&watch->key[i], key, count) &&
		    bpf_map_delete_elem(map, &watch->key[i].addr) && errno != ENOENT)
			return -errno;
	for (i = 0; i < count; i++) {
		const struct crmg_own_key *was = crmg_own_find(&key[i], watch->key, watch->count);
		__u32 bit = crmg_own_bit(setup.hash_key, &key[i].addr);

		if (key[i].has & CRMG_OWN_NEAR)
			filter[bit / 64] |= 1ULL << bit % 64;
		if (was && was->has == key[i].has)
			continue;
		if (bpf_map_update_elem(map, &key[i].addr, &key[i].has, BPF_ANY))
			return -errno;
		watch->anew = true;
	}
	for (i = 0; i < CRMG_OWN_WORDS; i++)
		__atomic_store_n(&control->own_filter[i], filter[i], __ATOMIC_RELAXED);
	memcpy(watch->key, key, count * sizeof(*key));
	watch->count = count;
	return 0;
}

/*
 * A source that was resolved while nobody looked, or before it was an own address, is resolved
 * anew, as after a ban. No lock: while it is odd, as a command changes bans, none is resolved for
 * good, and the next call counts on.
 */
static bool crmg_own_anew(struct crmg_control *control)
{
	__u32 epoch = __atomic_load_n(&control->ban_epoch, __ATOMIC_ACQUIRE);

	return !(epoch & 1) &&
	       __atomic_compare_exchange_n(&control->ban_epoch, &epoch, epoch + 2, false,
					   __ATOMIC_SEQ_CST, __ATOMIC_RELAXED);
}

int crmg_own_set(struct crmg_kern *kern, struct crmg_own_watch *watch,
		 const struct crmg_addr *addr, size_t count, uint64_t now_ns)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;
	struct crmg_own_key key[CRMG_OWN_KEYS];
	int code = watch->known ? 0 : crmg_own_learn(kern, watch);

	count = crmg_own_keys(kern, addr, count < CRMG_OWN_MAX ? count : CRMG_OWN_MAX, key);
	if (!code && (count != watch->count || memcmp(key, watch->key, count * sizeof(*key))))
		code = crmg_own_write(kern, watch, key, count);
	if (code)
		watch->known = false;
	watch->anew |= control->own_until_ns < now_ns;
	__atomic_store_n(&control->own_until_ns, count && !code ? now_ns + CRMG_OWN_LEASE_NS : 0,
			 __ATOMIC_RELEASE);
	if (count && watch->anew && crmg_own_anew(control))
		watch->anew = false;
	return code;
}

void crmg_kern_own(struct crmg_kern *kern, struct crmg_own_watch *watch, struct crmg_err *err)
{
	crmg_autofree struct crmg_addr *addr = NULL;
	const struct crmg_image *image;
	bool said = watch->said;
	size_t count = 0;
	int code = 0;

	/* It has the width of a source. What is wrong with it whoever tends has said. */
	if (crmg_kern_gone(kern) || crmg_kern_image(kern, &image, err))
		return;
	if (crmg_own_holds(kern))
		code = crmg_locals_read(&addr, &count);
	if (!code)
		code = crmg_own_set(kern, watch, addr, count, crmg_clock_ns(CLOCK_BOOTTIME));
	watch->said = count > CRMG_OWN_MAX || (code && code != -EAGAIN);
	if (said || !watch->said)
		return;
	if (code)
		crmg_err_warn(err, "the addresses of this host are not known: %s; packets from them "
			      "are not noticed", strerror(-code));
	else
		crmg_err_warn(err, "this host has %zu addresses; packets from others than the first "
			      "%u are not noticed", count, CRMG_OWN_MAX);
}
