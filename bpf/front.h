/* SPDX-License-Identifier: GPL-2.0 */
/*
 * front.h - which policy a packet is under. Asked once for each packet, which then
 * takes all that it needs from that one image.
 */
#ifndef CRMGATE_BPF_FRONT_H
#define CRMGATE_BPF_FRONT_H

static __always_inline const struct crmg_control *crmg_control(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&control_map, &zero);
}

/*
 * The image in force. The clock is read only while an apply waits to be confirmed; it may
 * be a jiffy behind.
 */
static __always_inline const struct crmg_front *
crmg_front(const struct crmg_control *control, struct crmg_clock *clock)
{
	__u64 until = CRMG_READ_ONCE(control->confirm_until_ns);
	__u32 zero = 0, place = CRMG_FRONT_NEW;
	void *map;

	if (until && crmg_now_ns(clock) >= until)
		place = CRMG_FRONT_OLD;
	map = bpf_map_lookup_elem(&fronts, &place);
	return map ? bpf_map_lookup_elem(map, &zero) : NULL;
}

/* The other part of the same generation; NULL before the first policy. */
static __always_inline void *crmg_back(const struct crmg_front *front)
{
	__u32 place = CRMG_BACK_PLACE(&front->head);

	return bpf_map_lookup_elem(&backs, &place);
}

#endif
