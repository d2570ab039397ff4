/* SPDX-License-Identifier: GPL-2.0 */
/*
 * resolve.h - which binding holds for a source, and is it banned? Answered once
 * per source and generation, and kept in the slot; only a source that prefixes
 * divide is resolved packet by packet.
 */
#ifndef CRMGATE_BPF_RESOLVE_H
#define CRMGATE_BPF_RESOLVE_H

struct crmg_standing {
	const struct crmg_binding *binding;
	__u64 banned_until_ns;	/* CLOCK_BOOTTIME; 0: not banned */
	__u32 index;		/* of the binding */
	__u32 ifindex;		/* by which the packet came or goes; 0: not known */
	bool narrow;		/* holds for this address only, not for all of the source */
	__u32 contract;		/* of the client; not 0: holds now, as it may end, or begin */
};

/* What is looked for among the attached interfaces. */
struct crmg_iface_search {
	__u32 ifindex;
	__u64 name[2];
};

static long crmg_iface_step(__u32 i, void *ctx)
{
	struct crmg_iface_search *search = ctx;
	const struct crmg_iface *iface = bpf_map_lookup_elem(&ifaces, &i);

	if (!iface || iface->ifindex != search->ifindex)
		return 0;
	__builtin_memcpy(search->name, iface->name, sizeof(search->name));
	return 1;
}

/*
 * Is ifindex the interface of this gate? Attach writes down under which index a name is
 * there, so that an interface may come back under another.
 */
static __noinline bool crmg_gate_is(const struct crmg_front *front, __u32 gate, __u32 ifindex)
{
	struct crmg_iface_search search = { .ifindex = ifindex };
	const __u64 *name;

	if (!ifindex)
		return false;
	bpf_loop(CRMG_IFACES_MAX, crmg_iface_step, &search, 0);
	name = front->head.gate[(gate - 1) & (CRMG_GATES_MAX - 1)];
	return search.name[0] == name[0] && search.name[1] == name[1];
}

/* Index of the binding that holds where `found`, one of a gate, is that of its leaf. */
static __noinline __u16
crmg_gated(const struct crmg_front *front, __u8 service, __u32 leaf, __u16 found, __u32 ifindex)
{
	__u32 below;

	if (crmg_gate_is(front, crmg_binding(front, found)->gate, ifindex))
		return found;
	below = crmg_matrix_at(front, leaf, 0);
	return below ? crmg_matrix_at(front, below - 1, service) : 0;
}

static __noinline bool
crmg_resolve(const struct crmg_front *front, __u8 service, const struct crmg_addr *addr, bool v4,
	     struct crmg_standing *ret)
{
	bool whole = false, narrow = false;
	__u32 leaf = crmg_remote_leaf(front, addr, v4, &whole), gate;

	ret->index = crmg_matrix_at(front, leaf, service);
	gate = crmg_binding(front, ret->index)->gate;
	/* One path for the verifier from here on: what was found may be any binding. */
	if (gate)
		ret->index = crmg_gated(front, service, leaf, ret->index, ret->ifindex);
	ret->binding = crmg_binding(front, ret->index);
	ret->contract = ret->binding->contract;
	if (ret->contract && crmg_lapsed(front, ret->contract)) {
		ret->index = ret->binding->fallback;
		ret->binding = crmg_binding(front, ret->index);
	}
	if (!ret->binding->generation)
		return false;
	ret->banned_until_ns = 0;
	if (ret->binding->kind != CRMG_BINDING_ALLOW)
		ret->banned_until_ns = crmg_ban_find(addr, v4, service, &narrow);
	ret->narrow = narrow | !whole | crmg_above(gate, 0);
	return true;
}

/*
 * What a slot says, if it still holds in this generation and for the bans of now. When a
 * ban ends is in the detail; without (NULL) a source that is banned or cut is not resolved.
 */
static __always_inline bool
crmg_resolved(const struct crmg_front *front, const struct crmg_slot *slot,
	      const struct crmg_detail *detail, __u32 epoch, struct crmg_standing *ret)
{
	__u64 resolved = CRMG_READ_ONCE(slot->resolved);

	ret->index = CRMG_SLOT_BINDING(resolved);
	ret->binding = crmg_binding(front, ret->index);
	ret->narrow = false;
	ret->contract = 0;
	if (!ret->binding->generation ||
	    ret->binding->generation != CRMG_SLOT_GENERATION(resolved) ||
	    CRMG_SLOT_FLAGS(resolved) & (CRMG_SLOT_NARROW | CRMG_SLOT_CONTRACT) ||
	    CRMG_READ_ONCE(slot->ban_epoch) != epoch)
		return false;
	ret->banned_until_ns = 0;
	if (!(CRMG_SLOT_FLAGS(resolved) & (CRMG_SLOT_BANNED | CRMG_SLOT_CUT)))
		return true;
	if (!detail)
		return false;
	if (CRMG_SLOT_FLAGS(resolved) & CRMG_SLOT_BANNED)
		ret->banned_until_ns = detail->banned_until_ns;
	return true;
}

/* True if the slot was last resolved before the service of its index came into being. */
static __noinline bool
crmg_slot_orphaned(const struct crmg_front *front, __u8 service, __u32 generation)
{
	const struct crmg_service *s;

	if (!generation)
		return false;
	s = crmg_entry(front, front->head.section[CRMG_SECTION_SERVICES].cell,
		       service * CRMG_SERVICE_CELLS, CRMG_CELL_SHIFT);
	return s && (__s32)(generation - s->born) < 0;
}

/* A slot whose service's index went to another service: nothing in it is the new one's. */
static __always_inline void
crmg_slot_orphan(struct crmg_slot *slot, struct crmg_detail *detail, __u32 index, __u64 now_ns)
{
	slot->traffic = slot->refusals = slot->auto_until_s = 0;
	detail->carried_packets = detail->carried_bytes = detail->carried_refusals = 0;
	detail->connections = detail->bytes_out = 0;
	detail->event_refusals = detail->shadow_refusals = 0;
	detail->strikes = detail->auto_bans = detail->pardoned = 0;
	detail->last_reason = 0;
	detail->first_seen = now_ns >> CRMG_SLOT_TICK_SHIFT;
	detail->cost[0] = detail->cost[1] = detail->cost[2] = 0;
	crmg_windows_forget(index);
	crmg_limits_fill(slot, now_ns);
}

/*
 * Takes a slot over to the standing that was just resolved. Of CPUs that come here
 * at once one does it; the others go on with what they found themselves.
 */
static __always_inline void
crmg_slot_adopt(const struct crmg_front *front, struct crmg_slot *slot,
		struct crmg_detail *detail, const struct crmg_source *source,
		const struct crmg_standing *standing, __u32 epoch)
{
	__u64 old = CRMG_READ_ONCE(slot->resolved), new, flags;

	flags = (standing->banned_until_ns ? CRMG_SLOT_BANNED : 0) |
		(standing->narrow ? CRMG_SLOT_NARROW : 0) |
		crmg_above(standing->contract, 0) * CRMG_SLOT_CONTRACT;
	/* Another policy may let in what this one has cut; if not, the next answer cuts it again. */
	if (CRMG_SLOT_GENERATION(old) == standing->binding->generation &&
	    CRMG_SLOT_BINDING(old) == standing->index)
		flags |= CRMG_SLOT_FLAGS(old) & CRMG_SLOT_CUT;
	new = standing->binding->generation | (__u64)standing->index << 32 | flags << 48;
	/* Before the flag that makes others look at it. */
	if (standing->banned_until_ns)
		CRMG_WRITE_ONCE(detail->banned_until_ns, standing->banned_until_ns);
	if (old != new && __sync_val_compare_and_swap(&slot->resolved, old, new) == old) {
		if (crmg_slot_orphaned(front, source->service, CRMG_SLOT_GENERATION(old)))
			crmg_slot_orphan(slot, detail, source->index, source->now_ns);
		if (standing->binding->flags & CRMG_BINDING_BAN &&
		    crmg_limits_changed(detail->cost, standing->binding->limit,
					standing->binding->strike_limits))
			crmg_proved_fill(source->index, source->now_ns);
		crmg_limits_adopt(slot->tat, detail->cost, standing->binding->limit,
				  standing->binding->limits,
				  source->now_ns << CRMG_UNITS_PER_NS_SHIFT);
	}
	/* Odd while bans are changed: then no slot is up to date. */
	CRMG_WRITE_ONCE(slot->ban_epoch, epoch & ~1U);
}

#endif
