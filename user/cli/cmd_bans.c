// SPDX-License-Identifier: GPL-2.0
/* cmd_bans.c - the bans that hold. */
#include "../report/bans.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_snapshot snap;
	int status = crmg_cli_snapshot(args, CRMG_SNAP_BANS, &kern, &snap);

	if (status)
		return status;
	if (args->json)
		return crmg_cli_json(args, crmg_bans_json(&snap));
	return crmg_cli_text(args, crmg_bans_text(&snap, crmg_cli_colour(), stdout));
}

const struct crmg_command crmg_command_bans = {
	.name = "bans",
	.operands = "",
	.summary = "List manual and automatic bans",
	.help = "An automatic ban has the origin auto and a note that counts those of the source, as\n"
		"2nd ban. It holds at the service whose limits the source exceeded.\n\n"
		"`crmgate bans -j` can be fed back: crmgate ban -f FILE. A ban without end has an\n"
		"\"until\" of 9999-12-31T23:59:59Z and no \"remaining_seconds\".",
	.run = run,
};
