// SPDX-License-Identifier: GPL-2.0
/* cmd_confirm.c - confirm and rollback: the two ends of an apply that waits. */
#include "cli.h"

/* One of crmg_kern_confirm() and crmg_kern_rollback(). */
typedef int (*end_function)(struct crmg_kern *, uint32_t *, struct crmg_err *);

static int end(const struct crmg_args *args, end_function function, const char *said)
{
	struct crmg_err err = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	uint32_t generation;
	int code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, &err);

	if (!code)
		code = function(kern, &generation, &err);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	crmg_cli_prove(args);
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:I}", "schema", 1, "generation",
						     (json_int_t)generation));
	printf("generation %u is %s\n", generation, said);
	return crmg_cli_finish();
}

static int run_confirm(const struct crmg_args *args)
{
	return end(args, crmg_kern_confirm, "confirmed");
}

static int run_rollback(const struct crmg_args *args)
{
	return end(args, crmg_kern_rollback, "in force again");
}

const struct crmg_command crmg_command_confirm = {
	.name = "confirm",
	.operands = "",
	.summary = "Keep the policy of `apply --confirm`",
	.help = "Exit status 1: no apply waits, or its time was over and the policy before is back.",
	.run = run_confirm,
};

const struct crmg_command crmg_command_rollback = {
	.name = "rollback",
	.operands = "",
	.summary = "Take the policy of `apply --confirm` back at once",
	.help = "Exit status 1: no apply waits. A confirmed one is taken back by applying the policy\n"
		"before it.",
	.run = run_rollback,
};
