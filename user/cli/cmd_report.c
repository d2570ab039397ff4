// SPDX-License-Identifier: GPL-2.0
/* cmd_report.c - the page about one source. */
#include <limits.h>

#include "../base/util.h"
#include "../ledger/page.h"
#include "ledgerargs.h"

static int print_page(const struct crmg_args *args, struct crmg_ledger_totals *totals,
		      const struct crmg_ledger_filter *filter)
{
	char host[HOST_NAME_MAX + 1] = "";
	const struct crmg_ledger_page page = {
		.totals = totals, .host = host, .instance = args->instance,
		.all_bytes_out = totals->sum.of[CRMG_LEDGER_BYTES_OUT],
		.unnamed_bytes_out = crmg_ledger_unnamed(totals),
		.now_ns = crmg_clock_ns(CLOCK_REALTIME),
	};

	crmg_ledger_totals_narrow(totals, filter);
	if (args->json)
		return crmg_cli_json(args, crmg_ledger_json(totals));
	gethostname(host, sizeof(host) - 1);
	crmg_ledger_page(&page, stdout);
	return crmg_cli_finish();
}

static int run(const struct crmg_args *args)
{
	struct crmg_ledger_totals totals;
	struct crmg_ledger_filter days;
	struct crmg_ledger_wanted wanted;
	int status = crmg_ledger_args(args, &wanted);

	if (status)
		return status;
	if (!wanted.filter.source)
		return crmg_cli_usage(args, "--source PREFIX: about whom?");
	days = wanted.filter;
	days.source = NULL;
	status = crmg_ledger_add_up(args, &days, &totals);
	if (!status)
		status = print_page(args, &totals, &wanted.filter);
	crmg_ledger_totals_free(&totals);
	return status;
}

const struct crmg_command crmg_command_report = {
	.name = "report",
	.operands = "",
	.summary = "A page on what was sent to one source, from the ledger",
	.help = "Markdown, to be filed: how much left to the source on which day under which policy,\n"
		"when that was not enforced or is not known, and what the figures do not say. With\n"
		"--json what `crmgate ledger --source` prints.",
	.options = (const struct crmg_option[]){
		{ "source", 0, false, "PREFIX", "about whom; an address, a prefix or a pseudonym" },
		CRMG_LEDGER_OPTIONS
		{ 0 },
	},
	.run = run,
};
