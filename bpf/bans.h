/* SPDX-License-Identifier: GPL-2.0 */
/*
 * bans.h - is an address banned by hand? Runs when a source is resolved, not per
 * packet. One hash look-up per prefix length in use: an LPM trie would find only
 * the longest prefix, and an ended ban would hide a shorter one that still runs.
 */
#ifndef CRMGATE_BPF_BANS_H
#define CRMGATE_BPF_BANS_H

static __always_inline struct crmg_addr crmg_addr_prefix(const struct crmg_addr *addr, __u32 len)
{
	struct crmg_addr cut = { 0, 0 };

	if (len >= 128) {
		cut = *addr;
	} else if (len > 64) {
		cut.hi = addr->hi;
		cut.lo = addr->lo & ~0ULL << (128 - len);
	} else if (len > 0) {
		cut.hi = addr->hi & ~0ULL << (64 - len);
	}
	return cut;
}

static __always_inline bool crmg_ban_filtered(const struct crmg_addr *addr, bool v4)
{
	__u32 zero = 0;
	const struct crmg_ban_filter *filter = bpf_map_lookup_elem(&banfilter, &zero);
	__u32 bit = v4 ? (__u32)addr->lo >> 16 : 65536 + (__u32)(addr->hi >> 48);

	return !filter || !(filter->word[bit / 64 & 2047] >> (bit % 64) & 1);
}

static __always_inline __u64 crmg_ban_until(const struct crmg_ban_key *key)
{
	const struct crmg_ban *ban = bpf_map_lookup_elem(&bans, key);

	return ban ? ban->until_ns : 0;
}

/*
 * The end of the ban of addr that lasts longest, of those that hold for all services
 * or for this one; 0: none. A function of its own, verified once.
 */
__noinline __u64 crmg_ban_longest(const struct crmg_addr *addr, __u32 v4, __u32 service)
{
	const struct crmg_control *control = crmg_control();
	__u32 count, i;
	const __u8 *lengths;
	__u64 until = 0;

	if (!control || !addr)
		return 0;
	lengths = v4 ? control->v4_length : control->v6_length;
	count = v4 ? control->v4_lengths : control->v6_lengths;
	for (i = 0; i < CRMG_BAN_LENGTHS && i < count; i++) {
		struct crmg_ban_key key = { .len = lengths[i] };
		__u64 end;

		key.addr = crmg_addr_prefix(addr, key.len);
		end = crmg_ban_until(&key);
		until = end > until ? end : until;
		key.service = service;
		end = crmg_ban_until(&key);
		until = end > until ? end : until;
	}
	return until;
}

/*
 * The end (CLOCK_BOOTTIME, ns) of the ban of addr; 0: none. It may be over. *narrow:
 * a ban could hold for a part of the source only.
 */
static __always_inline __u64
crmg_ban_find(const struct crmg_addr *addr, bool v4, __u8 service, bool *narrow)
{
	const struct crmg_control *control = crmg_control();

	if (!control || !(v4 ? control->v4_lengths : control->v6_lengths) || crmg_ban_filtered(addr, v4))
		return 0;
	*narrow = v4 ? control->v4_narrow : control->v6_narrow;
	return crmg_ban_longest(addr, v4, service);
}

#endif
