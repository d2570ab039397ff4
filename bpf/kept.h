/* SPDX-License-Identifier: GPL-2.0 */
/*
 * kept.h - what was sent, when a slot changes hands: who gives way does not get rid of a
 * budget of days with it, and a new source does not begin with another's.
 */
#ifndef CRMGATE_BPF_KEPT_H
#define CRMGATE_BPF_KEPT_H

static __always_inline struct crmg_windows *crmg_windows_at(__u32 index)
{
	return bpf_map_lookup_elem(&windows, &index);
}

/* Nothing was sent: of a slot that changes hands. */
static __always_inline void crmg_windows_forget(__u32 index)
{
	struct crmg_windows *there = crmg_windows_at(index);

	if (there && CRMG_READ_ONCE(there->window[0].terms))
		__builtin_memset(there, 0, sizeof(*there));
}

/* 1 if the window is of more than per_s seconds, and an eighth of its quota was sent. */
__noinline int crmg_window_heavy(const struct crmg_window *w, __u64 now_ns, __u64 per_s)
{
	return w && crmg_terms_per_s(w->terms) > per_s &&
	       crmg_window_level(w, crmg_window_since(w, now_ns)) >= crmg_terms_eighth(w->terms);
}

/* The detail of the slot is still that of who gives way. */
static __always_inline void
crmg_windows_keep(struct crmg_windows *there, __u32 index, __u64 check, __u64 now_ns)
{
	const struct crmg_detail *detail = crmg_detail_at(index);
	struct crmg_scratch *shared = crmg_scratch();
	struct crmg_work *w = crmg_work();
	int i, heavy = 0;

#pragma unroll
	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		heavy |= crmg_window_heavy(&there->window[i], now_ns, CRMG_KEPT_PER_S);
	if (!heavy || !detail || !shared || !w)
		return;
	__builtin_memcpy(&w->kept.windows, there, sizeof(*there));
	w->kept.addr = detail->addr;
	w->kept.service = detail->service;
	if (!bpf_map_update_elem(&kept, &check, &w->kept, BPF_ANY))
		CRMG_WRITE_ONCE(shared->kept, 1);
}

/*
 * The slot source->index is the source's now; check says whose it was. A function of its own,
 * verified once.
 */
__noinline int crmg_windows_change(const struct crmg_source *source, __u64 check)
{
	struct crmg_windows *there;
	struct crmg_kept *known;
	struct crmg_scratch *shared = crmg_scratch();
	__u64 mine;

	there = source ? crmg_windows_at(source->index) : NULL;
	if (!there || !shared)
		return 0;
	if (CRMG_READ_ONCE(there->window[0].terms)) {
		crmg_windows_keep(there, source->index, check, source->now_ns);
		__builtin_memset(there, 0, sizeof(*there));
	}
	/* A probe has the address of a client, and what was sent to that is not the probe's. */
	if (!CRMG_READ_ONCE(shared->kept) || source->index >= crmg_knobs.capacity)
		return 0;
	mine = source->hash.check;
	known = bpf_map_lookup_elem(&kept, &mine);
	if (!known)
		return 0;
	__builtin_memcpy(there, &known->windows, sizeof(*there));
	there->window[0].terms &= ~CRMG_WINDOW_BUSY;
	bpf_map_delete_elem(&kept, &mine);
	return 0;
}

#endif
