/* SPDX-License-Identifier: GPL-2.0 */
/*
 * wide.h - where budgets of bytes that leave have what was sent to a wider prefix: an entry for
 * each prefix and policy, in a table that is bounded. Unlike buckets of arriving packets
 * (budgets.h) no two prefixes share one.
 *
 * Who has none gets one with the first data that is sent to it, which over TCP no forged SYN
 * leads to. In a line without a free entry that one gives way which was sent to least recently
 * of those that have used less than an eighth of each quota. Where all have used more the packet
 * is charged to its other budgets only, and counted: nobody gets rid of a budget by what others
 * do.
 */
#ifndef CRMGATE_BPF_WIDE_H
#define CRMGATE_BPF_WIDE_H

#define CRMG_WIDE_NONE       (~0U)
#define CRMG_WIDE_AGAIN      (~0U - 1)	/* other CPUs were faster: it is not known yet */
#define CRMG_WIDE_SENT_SHIFT 30

static __always_inline struct crmg_total_windows *crmg_total_windows_at(__u32 at)
{
	return bpf_map_lookup_elem(&total_windows, &at);
}

/* True if windows, which are held, are still those of the prefix: it may have given way. */
static __always_inline bool
crmg_wide_is(const struct crmg_windows *there, const struct crmg_work *w)
{
	const struct crmg_total_windows *entry = (const struct crmg_total_windows *)there;

	return CRMG_READ_ONCE(entry->check) == w->wide.check;
}

/* The entry of a line that has that check; first: its first. A function of its own, verified once. */
__noinline __u32 crmg_wide_look(__u32 first, __u64 check)
{
	const struct crmg_total_windows *there;
	__u32 i;

#pragma unroll
	for (i = 0; i < CRMG_WIDE_WAYS; i++) {
		there = crmg_total_windows_at(first + i);
		if (there && CRMG_READ_ONCE(there->check) == check)
			return first + i;
	}
	return CRMG_WIDE_NONE;
}

/*
 * Ticks since data was last sent to the prefix of an entry that may give way, [1, ...]; 0: it
 * may not. The same.
 */
__noinline __u32 crmg_wide_idle(__u32 at, __u64 now_ns)
{
	const struct crmg_total_windows *there = crmg_total_windows_at(at);
	__u32 idle;
	int i, heavy = 0;

	if (!there)
		return 0;
	if (!CRMG_READ_ONCE(there->check))
		return ~0U;
#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		heavy |= crmg_window_heavy(&there->windows.window[i], now_ns, 0);
	if (heavy)
		return 0;
	idle = (__u32)(now_ns >> CRMG_WIDE_SENT_SHIFT) - CRMG_READ_ONCE(there->sent);
	/* The clock of another CPU may be ahead. */
	return (__s32)idle > 0 ? idle + 1 : 1;
}

/* The entry of a line that gives way. The same. */
__noinline __u32 crmg_wide_oldest(__u32 first, __u64 now_ns)
{
	__u32 oldest = CRMG_WIDE_NONE, most = 0, idle, i;

#pragma unroll
	for (i = 0; i < CRMG_WIDE_WAYS; i++) {
		idle = crmg_wide_idle(first + i, now_ns);
		if (idle <= most)
			continue;
		most = idle;
		oldest = first + i;
	}
	return oldest;
}

/*
 * Gives an entry to the prefix of w->wide: 1, or 0: other CPUs were faster. Who waits for its
 * windows finds another check. The same.
 */
__noinline int crmg_wide_give(struct crmg_work *w, __u32 at)
{
	struct crmg_total_windows *there = crmg_total_windows_at(at);
	int given;

	if (!w || !there || !crmg_windows_hold(&there->windows))
		return 0;
	given = crmg_wide_idle(at, w->source.now_ns) != 0;
	if (given) {
		CRMG_WRITE_ONCE(there->check, 0);
		CRMG_WRITE_ONCE(there->windows.window[0].terms, CRMG_WINDOW_BUSY);
		__builtin_memset(&there->windows.window[0].used, 0,
				 sizeof(there->windows) - sizeof(__u64));
		there->cut = 0;
		there->tat = 0;
		there->addr = w->wide.addr;
		there->row = w->wide.row;
		there->len = w->wide.len;
		there->sent = w->source.now_ns >> CRMG_WIDE_SENT_SHIFT;
		CRMG_WRITE_ONCE(there->check, w->wide.check);
	}
	crmg_windows_let_go(&there->windows);
	return given;
}

/* One CPU at a time gives away entries of a line, or a prefix could have two. The same. */
__noinline int crmg_wide_begin(__u32 first)
{
	struct crmg_total_windows *line = crmg_total_windows_at(first);
	int try;

	if (!line)
		return 0;
	for (try = 0; try < CRMG_BUSY_TRIES; try++)
		if (!CRMG_READ_ONCE(line->claiming) &&
		    !__sync_val_compare_and_swap(&line->claiming, 0, 1))
			return 1;
	return 0;
}

/* There is no room for a prefix: that is counted, and when it was, to a second. */
static __always_inline void crmg_wide_full(__u64 now_ns)
{
	struct crmg_scratch *shared = crmg_scratch();

	crmg_count_host(CRMG_HOST_AGGREGATES_FULL);
	if (shared)
		crmg_note_ns(&shared->aggregates_full_ns, now_ns);
}

/* An entry for the prefix of w->wide, which had none, or CRMG_WIDE_NONE or _AGAIN. The same. */
__noinline __u32 crmg_wide_claim(struct crmg_work *w)
{
	struct crmg_total_windows *line;
	__u32 at;

	if (!w)
		return CRMG_WIDE_NONE;
	if (!crmg_wide_begin(w->wide.first))
		return CRMG_WIDE_AGAIN;
	at = crmg_wide_look(w->wide.first, w->wide.check);
	if (at == CRMG_WIDE_NONE) {
		at = crmg_wide_oldest(w->wide.first, w->source.now_ns);
		if (at == CRMG_WIDE_NONE)
			crmg_wide_full(w->source.now_ns);
		else if (!crmg_wide_give(w, at))
			at = CRMG_WIDE_AGAIN;
	}
	line = crmg_total_windows_at(w->wide.first);
	if (line)
		CRMG_WRITE_ONCE(line->claiming, 0);
	return at;
}

/* The entry of the wider prefix of a source, at w->wide.row. The same. */
__noinline __u32 crmg_wide_known(struct crmg_work *w, __u32 v4_wide, __u32 v6_wide)
{
	struct crmg_hash hash;

	if (!w)
		return CRMG_WIDE_NONE;
	w->wide.len = crmg_wide_len(&w->source.addr, v4_wide, v6_wide);
	w->wide.addr = crmg_addr_prefix(&w->source.addr, w->wide.len);
	crmg_hash_source(&w->wide.addr, w->source.service, CRMG_HASH_AGGREGATE | w->wide.row, &hash);
	w->wide.check = crmg_hash_wide(&hash, w->wide.len);
	w->wide.first = CRMG_TOTALS + (hash.line & crmg_knobs.wide_mask) * CRMG_WIDE_WAYS;
	return crmg_wide_look(w->wide.first, w->wide.check);
}

/* Notes the entry of data that is sent. */
static __always_inline void crmg_wide_sent(struct crmg_work *w)
{
	__u32 sent = w->source.now_ns >> CRMG_WIDE_SENT_SHIFT;
	struct crmg_total_windows *there = crmg_total_windows_at(w->wide.at);

	if (there && CRMG_READ_ONCE(there->sent) != sent)
		CRMG_WRITE_ONCE(there->sent, sent);
}

/*
 * w->wide.at: the entry of the wider prefix of a source, if the policy has a budget for such.
 * leaves: it is sent something; data gets one.
 */
static __always_inline void
crmg_wide_find(struct crmg_work *w, const struct crmg_binding *binding, bool leaves)
{
	CRMG_WRITE_ONCE(w->wide.at, CRMG_WIDE_NONE);
	if (!binding->aggregate_quotas)
		return;
	w->wide.row = crmg_place_row(w, binding);
	CRMG_WRITE_ONCE(w->wide.at, crmg_wide_known(w, binding->v4_wide, binding->v6_wide));
	if (!leaves || !crmg_asks(&w->pkt))
		return;
	if (CRMG_READ_ONCE(w->wide.at) == CRMG_WIDE_NONE)
		CRMG_WRITE_ONCE(w->wide.at, crmg_wide_claim(w));
	else
		crmg_wide_sent(w);
}

#endif
