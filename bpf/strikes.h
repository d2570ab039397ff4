/* SPDX-License-Identifier: GPL-2.0 */
/*
 * strikes.h - automatic bans. A strike is a refused segment of a TCP connection that
 * its source has proved to be its own, while such segments alone exceed the limit;
 * nothing that can be forged counts. The ban is kept with the slot of the source, which
 * nobody may evict while it runs.
 */
#ifndef CRMGATE_BPF_STRIKES_H
#define CRMGATE_BPF_STRIKES_H

#define CRMG_STRIKE_MS    100	/* at most one strike in such a time */
#define CRMG_STRIKE_MASK  ((1ULL << CRMG_STRIKE_BITS) - 1)
#define CRMG_QUIET_S      86400	/* after that time without a ban the next one is the first */
#define CRMG_CPUS_MAX     4096

/*
 * Who is refused less often than once in so many packets keeps to the limit, as well
 * as can be: 0.5 % too many must not end in a ban, however long it goes on.
 */
#define CRMG_STRIKE_SPARSE 64

/* A share entry that was not used for so long (10 s) goes to who needs it. */
#define CRMG_SHARE_IDLE_NS (10 * CRMG_NS_PER_SEC)

static __always_inline __u32 crmg_boot_s(void)
{
	return crmg_boot_ns() / CRMG_NS_PER_SEC;
}

/* True while an automatic ban runs. pardoned is written by user space only. */
static __always_inline bool
crmg_auto_banned(const struct crmg_slot *slot, const struct crmg_detail *detail)
{
	__u32 until = CRMG_READ_ONCE(slot->auto_until_s);

	return until && until > crmg_boot_s() &&
	       CRMG_READ_ONCE(detail->pardoned) != CRMG_READ_ONCE(detail->auto_bans);
}

/*
 * Adds a strike to the part of time it falls into; returns their number over the last
 * parts, and in *ret_first whether it is the only one.
 */
static __always_inline __u32
crmg_strike_add(struct crmg_detail *detail, const struct crmg_ban_terms *ban, __u64 now_ns,
		bool *ret_first)
{
	__u64 part_ns = (__u64)ban->within_ms * 1000000 / (CRMG_STRIKE_PARTS - 1);
	__u16 part = now_ns / (part_ns ? part_ns : 1);
	__u16 passed = part - detail->strike_part;
	__u32 idle = (__u32)(now_ns >> CRMG_SLOT_TICK_SHIFT) - detail->last_refused;
	__u64 row = detail->strikes;
	__u32 sum = 0, i;

	/* The number of a part comes again after 2^16; the last refusal tells them apart. */
	if (passed >= CRMG_STRIKE_PARTS ||
	    ((__u64)idle << CRMG_SLOT_TICK_SHIFT) / 1000000 > 2ULL * ban->within_ms)
		row = 0;
	else
		row = row << (passed * CRMG_STRIKE_BITS) & ~(1ULL << 63);
	*ret_first = !row;
	if ((row & CRMG_STRIKE_MASK) != CRMG_STRIKE_MASK)
		row++;
	detail->strike_part = part;
	detail->strikes = row;
	for (i = 0; i < CRMG_STRIKE_PARTS; i++)
		sum += row >> (i * CRMG_STRIKE_BITS) & CRMG_STRIKE_MASK;
	return sum;
}

struct crmg_sum {
	__u64 packets;
	__u32 service;
};

static long crmg_sum_cpu(__u32 cpu, void *ctx)
{
	struct crmg_sum *sum = ctx;
	__u32 zero = 0;
	const struct crmg_work *w = bpf_map_lookup_percpu_elem(&work, &zero, cpu);

	if (!w)		/* beyond the last CPU */
		return 1;
	if (sum->service <= CRMG_SERVICES_MAX)
		sum->packets += CRMG_READ_ONCE(w->passed[sum->service]);
	return 0;
}

/* Packets of a service that passed, on all CPUs. Slow: only when a row of strikes begins or ends. */
static __always_inline __u64 crmg_service_packets(__u32 service)
{
	struct crmg_sum sum = { 0, service };

	bpf_loop(CRMG_CPUS_MAX, crmg_sum_cpu, &sum, 0);
	return sum.packets;
}

static __always_inline __u64
crmg_slot_passed(const struct crmg_slot *slot, const struct crmg_detail *detail)
{
	__u64 refusals = CRMG_REFUSALS_NUMBER(CRMG_READ_ONCE(slot->refusals)) +
			 ((__u64)detail->carried_refusals << CRMG_REFUSALS_CARRY);

	return CRMG_TRAFFIC_PACKETS(CRMG_READ_ONCE(slot->traffic)) + detail->carried_packets -
	       (refusals - detail->shadow_refusals);
}

/*
 * True if more than half of what the service let pass since this row of strikes began is
 * from the source: then it is a balancer or a NAT, with many behind it. An entry that
 * another source uses tells nothing; but then there are many who strike.
 */
static __always_inline bool
crmg_share_large(const struct crmg_slot *slot, const struct crmg_detail *detail,
		 const struct crmg_source *source, bool first, bool asked)
{
	__u32 at = source->index % CRMG_SHARE_SLOTS;
	struct crmg_share *share = bpf_map_lookup_elem(&shares, &at);
	bool ours;

	if (!share)
		return false;
	ours = share->check == slot->check;
	if (!ours && source->now_ns - share->struck_ns < CRMG_SHARE_IDLE_NS)
		return false;
	share->struck_ns = source->now_ns;
	if (first || !ours) {
		share->check = slot->check;
		share->source_packets = crmg_slot_passed(slot, detail);
		share->service_packets = crmg_service_packets(detail->service);
		return false;
	}
	if (!asked)
		return false;
	/* Below what it was: counted by programs that were replaced. Then nobody is banned. */
	return (__s64)(2 * (crmg_slot_passed(slot, detail) - share->source_packets) -
		       (crmg_service_packets(detail->service) - share->service_packets)) > 0;
}

/* Each ban is longer than the one before, until a day was quiet. None ends early. */
static __always_inline void
crmg_ban_source(struct crmg_slot *slot, struct crmg_detail *detail,
		const struct crmg_ban_terms *ban)
{
	__u32 now = (crmg_boot_ns() + CRMG_NS_PER_SEC - 1) / CRMG_NS_PER_SEC;
	__u32 before = detail->auto_bans, i;
	__u64 lasts = ban->for_s;

	/* One that was ended early has its end still ahead. */
	if ((__s32)(now - slot->auto_until_s) > CRMG_QUIET_S)
		before = 0;
	for (i = 0; i < 32 && i < before && lasts < ban->max_s; i++)
		lasts = lasts * ban->factor >> CRMG_BAN_FACTOR_SHIFT;
	if (lasts > ban->max_s)
		lasts = ban->max_s;
	detail->pardoned = 0;
	detail->auto_bans = before < 0xff ? before + 1 : 0xff;
	detail->strikes = 0;
	CRMG_WRITE_ONCE(slot->auto_until_s, now + (__u32)lasts);
}

enum crmg_strike {
	CRMG_STRIKE_NONE,
	CRMG_STRIKE_BAN,	/* the source is banned from now on */
	CRMG_STRIKE_SHARE,	/* it would be, but carries most of the service */
};

/* True if the refusal of a packet by one of its source's own limits is a strike. */
static __always_inline bool
crmg_strikes(const struct crmg_slot *slot, struct crmg_detail *detail,
	     const struct crmg_binding *binding, const struct crmg_work *w, __u32 limit)
{
	__u16 at = w->source.now_ns / (CRMG_STRIKE_MS * 1000000);
	__u32 packets, since;

	/* Leaves no trace, or who forges the address decided what else is a strike. */
	if (!w->exceeded || !(binding->strike_limits & 1 << limit))
		return false;
	packets = CRMG_TRAFFIC_PACKETS(CRMG_READ_ONCE(slot->traffic)) +
		  (__u32)detail->carried_packets;
	since = packets - w->source.packets + 1 - detail->packets_refused;
	detail->packets_refused = packets;
	if (detail->strike_at == at || since > CRMG_STRIKE_SPARSE)
		return false;
	detail->strike_at = at;
	return true;
}

/*
 * A strike. Rare, so this is a call. Nothing here is exact when CPUs come at once: a
 * strike may be lost, none is invented.
 */
static __noinline enum crmg_strike
crmg_strike(struct crmg_slot *slot, struct crmg_detail *detail,
	    const struct crmg_binding *binding, const struct crmg_source *source)
{
	const struct crmg_ban_terms *ban = &binding->ban;
	bool first, large;
	__u32 strikes;

	crmg_count_host(CRMG_HOST_STRIKES);
	strikes = crmg_strike_add(detail, ban, source->now_ns, &first);
	large = crmg_share_large(slot, detail, source, first, strikes >= ban->after);
	if (strikes < ban->after)
		return CRMG_STRIKE_NONE;
	if (large) {
		detail->strikes = 0;
		crmg_count_host(CRMG_HOST_LARGE_SHARES);
		return CRMG_STRIKE_SHARE;
	}
	crmg_ban_source(slot, detail, ban);
	crmg_source_mark(source, CRMG_TAG_BANNED);
	crmg_count_host(CRMG_HOST_AUTO_BANS);
	return CRMG_STRIKE_BAN;
}

#endif
