// SPDX-License-Identifier: GPL-2.0
/* cmd_version.c - which program this is. */
#include "cli.h"

static int run(const struct crmg_args *args)
{
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:s, s:i}", "schema", 1, "version",
						     CRMG_VERSION, "abi", CRMG_ABI));
	printf("crmgate %s\n", CRMG_VERSION);
	return crmg_cli_finish();
}

const struct crmg_command crmg_command_version = {
	.name = "version",
	.operands = "",
	.summary = "The version of this program",
	.run = run,
};
