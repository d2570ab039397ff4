/* SPDX-License-Identifier: GPL-2.0 */
/* page.h - what the ledger has of one source, as a page to be filed: Markdown. */
#ifndef CRMGATE_LEDGER_PAGE_H
#define CRMGATE_LEDGER_PAGE_H

#include "totals.h"

struct crmg_ledger_page {
	const struct crmg_ledger_totals *source;	/* with a filter for it */
	const struct crmg_ledger_totals *all;		/* of the same days */
	const char *host;
	const char *instance;
	uint64_t now_ns;		/* CLOCK_REALTIME */
};

void crmg_ledger_page(const struct crmg_ledger_page *page, FILE *out);

#endif
