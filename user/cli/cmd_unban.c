// SPDX-License-Identifier: GPL-2.0
/* cmd_unban.c - ends manual and automatic bans. */
#include "../base/util.h"
#include "banargs.h"

/* What is to be ended, beside the prefixes. */
static int filter_from(const struct crmg_args *args, struct crmg_kern *kern,
		       struct crmg_unban_filter *ret, struct crmg_err *err)
{
	const char *service = crmg_arg(args, "service");
	const struct crmg_image *image;
	int code;

	*ret = (struct crmg_unban_filter){ .origin = crmg_arg(args, "origin") };
	if (!service)
		return 0;
	code = crmg_kern_image(kern, &image, err);
	if (code < 0)
		return code;
	ret->service = (uint8_t)crmg_image_service_find(image, service);
	return ret->service ? 0 : crmg_err_set(err, -EINVAL, "no service \"%s\"; see crmgate show "
					       "services", service);
}

static int unban_all(const struct crmg_args *args, const struct crmg_banlist *list,
		     size_t *ret_removed, struct crmg_err *err)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	crmg_autofree struct crmg_pfx *prefixes = calloc(list->count + 1, sizeof(*prefixes));
	struct crmg_unban_filter filter;
	int code = prefixes ? 0 : -ENOMEM;

	if (!code)
		code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, err);
	if (!code)
		code = filter_from(args, kern, &filter, err);
	if (code < 0)
		return code;
	for (size_t i = 0; i < list->count; i++)
		prefixes[i] = list->entries[i].prefix;
	return crmg_kern_unban(kern, prefixes, list->count, &filter, ret_removed, err);
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
	.summary = "End manual and automatic bans",
	.help = "Takes prefixes as `crmgate bans` lists them, at all services; what is wider or narrower\n"
		"stays banned. One that is not banned is no error. A source whose automatic ban was\n"
		"ended is banned again, and longer, when it goes on as before.",
	.options = (const struct crmg_option[]){
		{ "file", 'f', false, "FILE", "read prefixes from a list; -: from standard input" },
		{ "service", 0, false, "NAME", "only bans at this service, not those at all services" },
		{ "origin", 0, false, "NAME", "only bans of this origin; auto: automatic ones" },
		{ 0 },
	},
	.max_operands = SIZE_MAX,
	.run = run,
};
