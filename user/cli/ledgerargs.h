/* SPDX-License-Identifier: GPL-2.0 */
/* ledgerargs.h - what the commands that read the ledger share. */
#ifndef CRMGATE_LEDGERARGS_H
#define CRMGATE_LEDGERARGS_H

#include "../ledger/totals.h"
#include "cli.h"

struct crmg_ledger_wanted {
	struct crmg_ledger_filter filter;
	struct crmg_pfx source;		/* of the filter */
};

/* From --from, --to and --source: an exit status, said unless it is CRMG_EXIT_OK. */
int crmg_ledger_args(const struct crmg_args *args, struct crmg_ledger_wanted *ret);

/* The same; notes on stderr about what is damaged or not there. Free in any case. */
int crmg_ledger_add_up(const struct crmg_args *args, const struct crmg_ledger_filter *filter,
		       struct crmg_ledger_totals *ret);

/* A note on stderr if records were added up and none is of the client that was asked for. */
void crmg_ledger_note_client(const struct crmg_args *args,
			     const struct crmg_ledger_totals *totals);

/* The options that crmg_ledger_args() reads. */
#define CRMG_LEDGER_OPTIONS							\
	{ "from", 0, false, "DAY", "first day, UTC (default: the first that is kept)" },	\
	{ "to", 0, false, "DAY", "last day, UTC (default: today)" },

#endif
