// SPDX-License-Identifier: GPL-2.0
/* cmd_status.c - the state of an instance; with --check also as an exit status. */
#include "../report/status.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_snapshot snap;
	struct crmg_problems problems;
	int status = crmg_cli_snapshot(args, 0, &kern, &snap);

	if (status)
		return status;
	crmg_problems_find(&snap, &problems);
	if (args->json)
		status = crmg_cli_json(args, crmg_status_json(&snap, args->instance, &problems));
	else
		status = crmg_cli_text(args, crmg_status_text(&snap, args->instance, &problems,
							      crmg_cli_colour(), stdout));
	for (size_t i = 0; crmg_arg(args, "check") && !status && i < problems.count; i++)
		if (crmg_problem_is_unenforced(problems.item[i].id))
			status = CRMG_EXIT_NOT_ENFORCED;
	return status;
}

const struct crmg_command crmg_command_status = {
	.name = "status",
	.operands = "",
	.summary = "Interfaces, policy, counters, and what is not enforced",
	.help = "DROPPED counts packets refused, WOULD DROP those that shadow mode let pass. With\n"
		"--check the exit status is 4 if something is not enforced as the policy says, or is not\n"
		"proven any more: any problem but audit_log, contract_ends, daemon_behind,\n"
		"events_suppressed, feed_stale, ledger_unsaved, reject_resets, state_unsaved and\n"
		"tc_mode. A managing daemon that is gone comes to proof_stale after three minutes.\n\n"
		"A source is proven when it acknowledged what a service had sent to it, as in a TCP\n"
		"handshake: its address is not forged. It is limited when it was refused something and\n"
		"is not proven, and banned while an automatic ban runs. table_pressure and\n"
		"aggregates_full are about the last minute; the line that begins with \"pressure:\" stays.",
	.options = (const struct crmg_option[]){
		{ "check", 0, false, NULL, "exit status 4 if something is not enforced" },
		{ 0 },
	},
	.run = run,
};
