// SPDX-License-Identifier: GPL-2.0
/* cmd_why.c - what holds for one address. */
#include "../report/why.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	const char *name = crmg_arg(args, "service"), *reason;
	struct crmg_snapshot snap;
	struct crmg_addr address;
	struct crmg_why why;
	uint32_t service = 0;
	int status;

	if (crmg_parse_addr(args->operands[0], &address, &reason) < 0)
		return crmg_cli_usage(args, "\"%s\": %s", args->operands[0], reason);
	status = crmg_cli_snapshot(args, CRMG_SNAP_SOURCES | CRMG_SNAP_BANS, &kern, &snap);
	if (status)
		return status;
	if (name) {
		service = crmg_image_service_find(snap.image, name);
		if (!service)
			return crmg_cli_usage(args, "no service \"%s\"; see crmgate show services",
					      name);
	}
	crmg_why_find(&snap, &address, service, &why);
	if (args->json)
		return crmg_cli_json(args, crmg_why_json(&snap, &why));
	crmg_why_text(&snap, &why, crmg_cli_colour(), stdout);
	return crmg_cli_finish();
}

const struct crmg_command crmg_command_why = {
	.name = "why",
	.operands = "ADDRESS",
	.summary = "Which policy holds for an address, and what is left of its limits",
	.help = "An address that was not seen yet, or is forgotten, has its full limits. What is left\n"
		"of a rate that a wider prefix shares cannot be told. Strikes are refusals that count\n"
		"towards an automatic ban: of segments of TCP connections that the source has proved\n"
		"to be its own, by its own limits, at most one in 100 ms.",
	.options = (const struct crmg_option[]){
		{ "service", 0, false, "NAME", "this service only" },
		{ 0 },
	},
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
