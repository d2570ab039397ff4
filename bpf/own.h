/* SPDX-License-Identifier: GPL-2.0 */
/*
 * own.h - is the source of a packet an address of this host? Such a packet is forged, or goes in a
 * circle: what a host sends to itself is on no wire. Asked where a source is resolved, not
 * per packet. Who keeps the addresses, and for how long they hold: abi.h, "own".
 */
#ifndef CRMGATE_BPF_OWN_H
#define CRMGATE_BPF_OWN_H

/* False: no address of this host is in a source of that prefix. */
static __always_inline bool
crmg_own_may(const struct crmg_control *control, const struct crmg_addr *source)
{
	__u32 bit = crmg_own_bit(crmg_knobs.hash_key, source);

	return CRMG_READ_ONCE(control->own_filter[bit / 64 & 7]) >> (bit & 63) & 1;
}

/* The same for the fast path, of which each instruction is verified thousands of times. */
__noinline int crmg_own_filtered(const struct crmg_addr *source)
{
	const struct crmg_control *control = crmg_control();

	return source && control ? crmg_own_may(control, source) : 1;
}

static __always_inline bool crmg_own_has(const struct crmg_addr *addr, __u64 what)
{
	const __u64 *has = bpf_map_lookup_elem(&own_map, addr);

	return has && *has & what;
}

/*
 * Notes whether w->pkt is from an address of this host. 1: each packet of its source is to be
 * looked at, since this one is, or since others of that prefix may be and would be refused. Not
 * of a probe: a policy may be for such an address, and is probed with it.
 */
__noinline int crmg_own_look(struct crmg_work *w, __u32 sanity)
{
	const struct crmg_control *control = crmg_control();
	struct crmg_addr addr;

	if (!w || !control || CRMG_READ_ONCE(w->probe))
		return 0;
	addr = w->source.addr;
	if (!crmg_own_may(control, &addr) ||
	    CRMG_READ_ONCE(control->own_until_ns) <= crmg_boot_ns() ||
	    !crmg_own_has(&addr, CRMG_OWN_NEAR))
		return 0;
	addr = w->pkt.src;
	w->from_own = crmg_own_has(&addr, CRMG_OWN_EXACT);
	return w->from_own || sanity == CRMG_SANITY_REFUSE;
}

#endif
