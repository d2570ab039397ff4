// SPDX-License-Identifier: GPL-2.0
/* cmd_detach.c - takes the programs off interfaces. */
#include "../report/text.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	bool all = crmg_arg(args, "all"), purge = crmg_arg(args, "purge");
	int code;

	if (all == (args->operand_count > 0))
		return crmg_cli_usage(args, "name interfaces, or --all");
	if (purge && !all)
		return crmg_cli_usage(args, "--purge removes the state of all: only with --all");
	code = crmg_kern_detach(args->instance, args->operands, args->operand_count, purge, &err);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (args->json) {
		json_t *names = json_array();

		for (size_t i = 0; i < args->operand_count; i++)
			json_array_append_new(names, crmg_json_text(args->operands[i], SIZE_MAX));
		return crmg_cli_json(args, json_pack("{s:i, s:b, s:o, s:b}", "schema", 1,
						     "all", all, "interfaces", names,
						     "purged", purge));
	}
	puts(purge ? "detached, state removed" : "detached; policy, bans and counters are kept");
	return crmg_cli_finish();
}

const struct crmg_command crmg_command_detach = {
	.name = "detach",
	.operands = "IFACE...",
	.summary = "Take the programs off interfaces",
	.help = "Policy, bans, counters and levels of limits stay in the kernel for the next attach,\n"
		"unless --purge removes them too, also those of another build.",
	.options = (const struct crmg_option[]){
		{ "all", 0, false, NULL, "off every interface of the instance" },
		{ "purge", 0, false, NULL, "remove policy, bans and counters (with --all)" },
		{ 0 },
	},
	.max_operands = CRMG_IFACES_MAX,
	.run = run,
};
