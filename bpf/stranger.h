/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stranger.h - the first packet of a source that nobody knows, where it proves nothing and
 * its line has no room but that of others of its kind: what a flood of forged addresses
 * is made of. Denied or not, banned or not, it leaves a tag in the place of another's and
 * is counted; whatever is not so plain is left to the whole path.
 */
#ifndef CRMGATE_BPF_STRANGER_H
#define CRMGATE_BPF_STRANGER_H

#define CRMG_NOT_FAST (-1)

/* States, as bits: an empty way; a tag without a slot; with one, and nothing proved or refused. */
#define CRMG_STATES_EMPTY (1U << CRMG_TAG_EMPTY)
#define CRMG_STATES_SEEN (1U << CRMG_TAG_SEEN | 1U << CRMG_TAG_SEEN_SYN)
#define CRMG_STATES_LIVE (1U << CRMG_TAG_LIVE)

/* Number of the only bit that is set in a byte; any number for 0. De Bruijn's sequence of eight. */
static __always_inline __u32 crmg_bit_number(__u32 bit)
{
	return 0x34572610U >> ((bit * 0x1d & 0xff) >> 5) * 4 & 7;
}

/*
 * The way that a stranger may take, or CRMG_WAYS: the first one from his home on that is
 * a tag without a slot, or his home if that was left 4.3 s ago; none while there is an
 * empty one, with which he may get a slot. Not the best, as
 * crmg_victim() has it, which costs more than all the rest; but as his home is a matter of chance, in
 * a flood each of its tags has the same chance to stay. Calculated, without a branch:
 * what is in a line nobody can foresee, and the CPU would wait for it twice.
 */
static __always_inline __u32
crmg_stranger_way(const struct crmg_tags *line, __u32 home, __u64 now_ns)
{
	__u32 tag = CRMG_READ_ONCE(line->tag[home & 7]), free = 0, empty = 0, i;

#pragma unroll
	for (i = 0; i < CRMG_WAYS; i++) {
		__u32 state = crmg_tag_state(CRMG_READ_ONCE(line->tag[i]));

		free |= (CRMG_STATES_SEEN >> state & 1) << i;
		empty |= CRMG_STATES_EMPTY >> state & 1;
	}
	free |= (CRMG_STATES_LIVE >> crmg_tag_state(tag) & 1 &
		 (__u32)crmg_above(crmg_tag_idle(tag, now_ns), CRMG_STALE_TICKS - 1)) << home;
	free = (free | free << CRMG_WAYS) >> home & 0xff;
	if (!free || empty)
		return CRMG_WAYS;
	return (home + crmg_bit_number(free & (0 - free))) & (CRMG_WAYS - 1);
}

/*
 * Leaves the tag of a stranger; false: there is no place for it, or another CPU was
 * faster. Two CPUs that meet him at once may both leave one: whoever claims a slot for
 * him removes the other (claim.h).
 */
static __always_inline bool crmg_stranger_tag(const struct crmg_source *source)
{
	struct crmg_tags *line = crmg_line(&source->hash);
	__u32 way;

	if (!line || !crmg_tag_holds(source))
		return false;
	/* None for an address of this host: not a branch of its own, for the verifier. */
	way = crmg_stranger_way(line, crmg_home(&source->hash), source->now_ns) +
	      crmg_own_filtered(&source->addr) * CRMG_WAYS;
	return way < CRMG_WAYS && crmg_tag_cas(&line->tag[way], CRMG_READ_ONCE(line->tag[way]),
					       crmg_tag_seen(source));
}

/* Returns an XDP action, or CRMG_NOT_FAST with nothing left or counted. */
static __always_inline int
crmg_fast_stranger(struct crmg_work *w, const struct crmg_front *front,
		   const struct crmg_source *source, const struct crmg_pkt *pkt)
{
	const struct crmg_binding *binding;
	struct crmg_standing standing = { .ifindex = 0 };	/* of a gate: left to the whole path */
	const struct crmg_addr addr = pkt->src;
	bool denied;

	if (source->state != CRMG_TAG_EMPTY || crmg_flow_may_prove(pkt) ||
	    crmg_odd_source(pkt) || crmg_odd_own(pkt) ||
	    !crmg_resolve(front, source->service, &addr, pkt->v4, &standing) ||
	    standing.narrow || standing.banned_until_ns)
		return CRMG_NOT_FAST;
	binding = standing.binding;
	denied = binding->kind == CRMG_BINDING_DENY && binding->mode == CRMG_MODE_ENFORCE;
	if (!(denied || binding->flags & CRMG_BINDING_PLAIN) || !crmg_stranger_tag(source))
		return CRMG_NOT_FAST;
	crmg_count_host(CRMG_HOST_EVICTIONS);
	if (denied) {
		crmg_count_row(binding, CRMG_VERDICT_DROP, CRMG_REASON_DENIED, CRMG_REASON_DENIED,
			       source);
		crmg_count_host(CRMG_HOST_SUPPRESSED);
		return XDP_DROP;
	}
	crmg_count_row(binding, CRMG_VERDICT_PASS, CRMG_REASON_OK, CRMG_REASON_OK, source);
	crmg_count_passed(w, binding, source);
	return XDP_PASS;
}

#endif
