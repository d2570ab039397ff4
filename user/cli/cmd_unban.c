// SPDX-License-Identifier: GPL-2.0
/* cmd_unban.c - removes manual bans. */
#include "../base/util.h"
#include "banargs.h"

static int unban_all(const struct crmg_args *args, const struct crmg_banlist *list,
		     size_t *ret_removed, struct crmg_err *err)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	crmg_autofree struct crmg_pfx *prefixes = calloc(list->count + 1, sizeof(*prefixes));
	int code = prefixes ? 0 : -ENOMEM;

	if (!code)
		code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, err);
	if (code < 0)
		return code;
	for (size_t i = 0; i < list->count; i++)
		prefixes[i] = list->entries[i].prefix;
	return crmg_kern_unban(kern, prefixes, list->count, crmg_arg(args, "origin"),
			       ret_removed, err);
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_banlist list = { 0 };
	size_t removed = 0, count;
	int status = crmg_cli_banlist(args, &list), code = 0;

	count = list.count;
	if (!status)
		code = unban_all(args, &list, &removed, &err);
	crmg_banlist_free(&list);
	if (status)
		return status;
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:I, s:I}", "schema", 1,
				"prefixes", (json_int_t)count, "removed", (json_int_t)removed));
	if (removed)
		printf("%zu ban%s removed\n", removed, removed == 1 ? "" : "s");
	else
		puts("nothing to remove: no such ban");
	return crmg_cli_finish();
}

const struct crmg_command crmg_command_unban = {
	.name = "unban",
	.operands = "[PREFIX...]",
	.summary = "Remove manual bans",
	.help = "Takes prefixes as `crmgate bans` lists them, at all services. One that is not banned\n"
		"is no error.",
	.options = (const struct crmg_option[]){
		{ "file", 'f', false, "FILE", "read prefixes from a list; -: from standard input" },
		{ "origin", 0, false, "NAME", "only bans of this origin" },
		{ 0 },
	},
	.max_operands = SIZE_MAX,
	.run = run,
};
