// SPDX-License-Identifier: GPL-2.0
/* oneway.c - traffic of a service that TC sees and XDP does not: it is not enforced there. */
#include <string.h>

#include "../report/rows.h"
#include "prove.h"

#define CRMG_WINDOW_NS   1000000000ULL	/* in which any client acknowledges */
#define CRMG_ONE_WAY_MIN 64	/* packets: more than what a lost peer is sent again */

void crmg_prove_ways(struct crmg_prover *p)
{
	const struct crmg_snapshot *snap = p->snap;
	struct crmg_proof *proof = p->proof;
	__u64 in[CRMG_SERVICES_MAX + 1] = { 0 }, out[CRMG_SERVICES_MAX + 1] = { 0 };
	bool first = !proof->window_ns;
	struct crmg_policy_rows rows;

	if ((!first && snap->boot_ns < proof->window_ns + CRMG_WINDOW_NS) ||
	    crmg_policy_rows(snap, &rows))
		return;
	for (size_t i = 0; i < rows.count; i++) {
		in[rows.items[i].binding->service] += crmg_row_sum(rows.items[i].row->packets);
		out[rows.items[i].binding->service] += rows.items[i].row->packets_out;
	}
	crmg_policy_rows_free(&rows);
	for (int s = 1; s <= CRMG_SERVICES_MAX; s++) {
		__u64 bit = 1ULL << (s - 1);

		if (in[s] != proof->in[s] || out[s] <= proof->out[s])
			proof->one_way &= ~bit;
		else if (!first && out[s] - proof->out[s] >= CRMG_ONE_WAY_MIN)
			proof->one_way |= bit;
	}
	memcpy(proof->in, in, sizeof(in));
	memcpy(proof->out, out, sizeof(out));
	proof->window_ns = snap->boot_ns;
	if (!proof->one_way)
		proof->one_way_ns = 0;
	else if (!proof->one_way_ns)
		proof->one_way_ns = snap->real_ns;
}
