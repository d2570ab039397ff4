/* SPDX-License-Identifier: GPL-2.0 */
/* page.h - what the ledger has of one source, as a page to be filed: Markdown. */
#ifndef CRMGATE_LEDGER_PAGE_H
#define CRMGATE_LEDGER_PAGE_H

#include "totals.h"

struct crmg_ledger_page {
	const struct crmg_ledger_totals *totals;	/* with a filter for the source */
	uint64_t all_bytes_out;		/* in the same days, of all sources */
	uint64_t unnamed_bytes_out;	/* and of those without a name: some may be of this one */
	const char *host;
	const char *instance;
	uint64_t now_ns;		/* CLOCK_REALTIME */
};

void crmg_ledger_page(const struct crmg_ledger_page *page, FILE *out);

#endif
