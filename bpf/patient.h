/* SPDX-License-Identifier: GPL-2.0 */
/*
 * patient.h - notes how sources ask whose requests are counted; what is made of it is no matter
 * of the packet path (user/report/patient.c). Layout: abi.h, "patience".
 */
#ifndef CRMGATE_BPF_PATIENT_H
#define CRMGATE_BPF_PATIENT_H

/* True if the place is to be had by a source whose policy looks for these. */
static __always_inline bool
crmg_patience_free(const struct crmg_patience *p, __u32 detect, __u64 now_ns)
{
	return !p->check || (__s64)(now_ns - p->last_ns) >= (__s64)CRMG_PATIENCE_QUIET_NS ||
	       (detect && !p->detect);
}

/*
 * If the source in w asks something, how is noted (patience.h); detect: of its policy. Verified
 * once.
 */
__noinline int crmg_patience_note(const struct crmg_work *w, __u32 detect)
{
	const struct crmg_asked *asked;
	struct crmg_patience *p;
	__u64 check, now;
	__u32 at;

	if (!w || !w->walk.begun)
		return 0;
	check = w->source.hash.check;
	now = w->source.now_ns;
	at = check & (CRMG_PATIENTS - 1);
	p = bpf_map_lookup_elem(&patience, &at);
	asked = crmg_asked_of(w);
	if (!p || !asked)
		return 0;
	if (CRMG_READ_ONCE(p->check) == check)
		crmg_patience_ask(p, CRMG_READ_ONCE(asked->answered), now);
	else if (crmg_patience_free(p, detect, now))
		crmg_patience_begin(p, check, CRMG_READ_ONCE(asked->answered), now);
	else
		return 0;
	p->index = w->source.index;
	p->detect = detect;
	return 0;
}

#endif
