// SPDX-License-Identifier: GPL-2.0
/* cmd_show.c - parts of the policy in force, read from the kernel. */
#include "../report/show.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	const struct crmg_image *image;
	enum crmg_show what;
	int code;

	if (crmg_show_from_name(args->operands[0], &what) < 0)
		return crmg_cli_usage(args, "\"%s\": accepted are policy, services, clients, limits",
				      args->operands[0]);
	code = crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &err);
	if (!code)
		code = crmg_kern_image(kern, &image, &err);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (args->json)
		return crmg_cli_json(args, crmg_show_json(image, what));
	return crmg_cli_text(args, crmg_show_text(image, what, crmg_cli_colour(), stdout));
}

const struct crmg_command crmg_command_show = {
	.name = "show",
	.operands = "policy|services|clients|limits",
	.summary = "What is in force, read from the kernel",
	.help = "limits: what each source may do, what sources may do together (one wider prefix, the\n"
		"policy, the service), and when a source is banned automatically. With --json,\n"
		"clients are shown with all their prefixes.",
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
