// SPDX-License-Identifier: GPL-2.0
/* cmd_ledger.c - how much went to whom on which day. */
#include "ledgerargs.h"

static int run(const struct crmg_args *args)
{
	struct crmg_ledger_totals totals;
	struct crmg_ledger_wanted wanted;
	int status = crmg_ledger_args(args, &wanted);

	if (status)
		return status;
	wanted.filter.client = crmg_arg(args, "client");
	status = crmg_ledger_add_up(args, &wanted.filter, &totals);
	if (!status)
		crmg_ledger_note_client(args, &totals);
	if (!status)
		status = args->json ? crmg_cli_json(args, crmg_ledger_json(&totals))
				    : crmg_cli_text(args, crmg_ledger_text(&totals,
									   crmg_cli_colour(),
									   stdout));
	crmg_ledger_totals_free(&totals);
	return status;
}

const struct crmg_command crmg_command_ledger = {
	.name = "ledger",
	.operands = "",
	.summary = "How much went to whom, by day; and when it was not enforced",
	.help = "What `crmgate daemon --manage` writes into /var/lib/crmgate/INSTANCE, a file a day:\n"
		"bytes on the wire in and out, packets, connections, requests (where the policy limits\n"
		"them) and refusals of each source, by service, policy and client, and how far the\n"
		"policy was enforced meanwhile. ~REQUESTS are an estimate, under TLS. Addresses\n"
		"are cut to /24 and /48, unless the policy's `privacy` says otherwise. (others) is what no\n"
		"source is named for: whose address may be forged (no TCP handshake), who was\n"
		"forgotten in the table before it was read, or who came while no daemon ran; with\n"
		"them the sums are those of the policies.\n"
		"\n"
		"Below stand the times when enforcement was not whole: panic, detached, partial (a\n"
		"program was missing), unwatched (the kernel went on, no daemon ran), unknown (there\n"
		"is no record). A day begins at 00:00 UTC; days are kept as long as `privacy` says.",
	.options = (const struct crmg_option[]){
		CRMG_LEDGER_OPTIONS
		{ "source", 0, false, "PREFIX", "only sources in it, or of which it is a part; or a pseudonym" },
		{ "client", 0, false, "NAME", "only this client; any: who is in none" },
		{ 0 },
	},
	.run = run,
};
