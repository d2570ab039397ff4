/* SPDX-License-Identifier: GPL-2.0 */
/*
 * contract.h - does the contract of a client hold now? If not, its sources are under the
 * policy for `any`. Asked for each packet of a client that has one, which therefore is
 * resolved anew and never takes the fast path; of no other.
 */
#ifndef CRMGATE_BPF_CONTRACT_H
#define CRMGATE_BPF_CONTRACT_H

static __noinline bool crmg_lapsed(const struct crmg_front *front, __u32 contract)
{
	const struct crmg_contract *c;

	c = crmg_entry(front, front->head.section[CRMG_SECTION_CONTRACTS].cell,
		       contract * CRMG_CONTRACT_CELLS, CRMG_CELL_SHIFT);
	return c && !crmg_contract_holds(c, crmg_wall_s() - front->head.tai_s);
}

#endif
