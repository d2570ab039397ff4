/* SPDX-License-Identifier: GPL-2.0 */
/*
 * patient.h - notes how sources ask, under policies that look for patient ones; what is made of
 * it is no matter of the packet path (user/report/patient.c). Layout: abi.h, "patience".
 */
#ifndef CRMGATE_BPF_PATIENT_H
#define CRMGATE_BPF_PATIENT_H

/* If the source in w asks something, how is noted (patience.h). Verified once. */
__noinline int crmg_patience_note(const struct crmg_work *w)
{
	const struct crmg_detail *detail;
	struct crmg_patience *p;
	__u64 check, now;
	__u32 at;

	if (!w || !w->walk.begun)
		return 0;
	check = w->source.hash.check;
	now = w->source.now_ns;
	at = check & (CRMG_PATIENTS - 1);
	p = bpf_map_lookup_elem(&patience, &at);
	detail = crmg_detail_at(w->source.index);
	if (!p || !detail)
		return 0;
	if (CRMG_READ_ONCE(p->check) == check)
		crmg_patience_ask(p, CRMG_READ_ONCE(detail->bytes_out), now);
	else if (p->check && (__s64)(now - p->last_ns) < (__s64)CRMG_PATIENCE_QUIET_NS)
		return 0;
	else
		crmg_patience_begin(p, check, CRMG_READ_ONCE(detail->bytes_out), now);
	p->index = w->source.index;
	return 0;
}

#endif
