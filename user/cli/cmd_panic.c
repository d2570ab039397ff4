// SPDX-License-Identifier: GPL-2.0
/* cmd_panic.c - panic and resume: one switch, two commands. */
#include "../daemon/panicfile.h"
#include "cli.h"

static int turn(const struct crmg_args *args, bool on)
{
	struct crmg_err err = CRMG_ERR_INIT;
	/* Without the lock: an emergency does not wait for an apply. */
	int code = crmg_panic(args->instance, on, NULL, &err);

	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	if (!on && (code = crmg_panic_file_remove(args->instance, &err)))
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	/* Only its own build could prove an older state. */
	if (!on && !crmg_kern_older(args->instance))
		crmg_cli_prove(args);
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:b}", "schema", 1, "panic", on));
	puts(on ? "panic: everything passes until crmgate resume" : "the policy is in force again");
	return crmg_cli_finish();
}

static int run_panic(const struct crmg_args *args)
{
	return turn(args, true);
}

static int run_resume(const struct crmg_args *args)
{
	return turn(args, false);
}

const struct crmg_command crmg_command_panic = {
	.name = "panic",
	.operands = "",
	.summary = "Let everything pass at once, until resume",
	.help = "Counting goes on, with reason panic. Holds over apply, attach and restarts. Under\n"
		"`daemon --manage` a file /run/crmgate/panic/INSTANCE does the same, and its removal\n"
		"the same as resume. Only root can make it, unless another owner or mode of that\n"
		"folder lets others.",
	.run = run_panic,
};

const struct crmg_command crmg_command_resume = {
	.name = "resume",
	.operands = "",
	.summary = "End panic: back to the policy",
	.help = "Removes a file that means panic, too.",
	.run = run_resume,
};
