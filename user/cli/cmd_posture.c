// SPDX-License-Identifier: GPL-2.0
/* cmd_posture.c - what the policy in force leaves open, for an audit. */
#include "../report/posture.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_problems problems;
	struct crmg_posture posture;
	struct crmg_snapshot snap;
	int status = crmg_cli_snapshot(args, CRMG_SNAP_SOURCES, &kern, &snap);
	int code;

	if (status)
		return status;
	crmg_problems_find(&snap, &problems);
	code = crmg_posture_find(&snap, &problems, &posture);
	if (code < 0)
		return crmg_cli_text(args, code);
	if (args->json) {
		status = crmg_cli_json(args, crmg_posture_json(&posture, args->instance));
	} else {
		crmg_posture_text(&posture, args->instance, crmg_cli_colour(), stdout);
		status = crmg_cli_finish();
	}
	crmg_posture_free(&posture);
	return status;
}

const struct crmg_command crmg_command_posture = {
	.name = "posture",
	.operands = "",
	.summary = "What the policy in force leaves open: a page for an audit",
	.help = "Names what is not enforced or not proven, policies that refuse nothing, sources\n"
		"without limits, budgets or bans, the allow list, sources near the end of a\n"
		"budget, and limits that refuse every day or of which not a tenth was used; and\n"
		"what was looked for and not found. It says what it was judged on: use is an\n"
		"average since a policy's counters began. The exit status is 0, whatever is open:\n"
		"`status --check` is for what is not enforced. Text shows 12 findings of a kind,\n"
		"--json up to 1000.",
	.run = run,
};
