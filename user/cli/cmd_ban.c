// SPDX-License-Identifier: GPL-2.0
/* cmd_ban.c - adds manual bans, or changes their end. */
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/sources.h"
#include "banargs.h"

/* Nothing is banned longer than this and still has an end: 100 years. */
#define FOR_MAX_NS (36500ULL * 86400 * CRMG_NS_PER_SEC)

/* What the line says holds for every prefix, whatever a list says. */
struct settings {
	const char *service;
	const char *origin;
	const char *note;
	uint64_t for_ns;	/* 0: not said */
};

static int settings_from(const struct crmg_args *args, struct settings *ret)
{
	const char *for_text = crmg_arg(args, "for");

	*ret = (struct settings){
		.service = crmg_arg(args, "service"),
		.origin = crmg_arg(args, "origin"),
		.note = crmg_arg(args, "note"),
	};
	/* A list that `bans -j` printed may say it: who decided stays what it was. */
	if (ret->origin && strcmp(ret->origin, CRMG_ORIGIN_AUTO) == 0)
		return crmg_cli_usage(args, "--origin %s: reserved for automatic bans; choose "
				      "another name, or leave it out", ret->origin);
	if (ret->note && !crmg_is_note(ret->note))
		return crmg_cli_usage(args, "--note: at most %d bytes of text, no control "
				      "characters", CRMG_BAN_NOTE_MAX);
	if (for_text && strcmp(for_text, "none") == 0)
		ret->for_ns = CRMG_BAN_FOREVER;
	else if (for_text && (crmg_parse_time(for_text, &ret->for_ns) < 0 || !ret->for_ns ||
			      ret->for_ns > FOR_MAX_NS))
		return crmg_cli_usage(args, "--for %s: a time like 30s, 10m, 24h or 7d, at most "
				      "36500d, or none", for_text);
	return CRMG_EXIT_OK;
}

static int request_of(const struct settings *settings, const struct crmg_banlist_entry *entry,
		      const struct crmg_image *image, struct crmg_ban_request *ret,
		      struct crmg_err *err)
{
	const char *service = settings->service ? settings->service : entry->service;
	const char *origin = settings->origin ? settings->origin : entry->origin;

	*ret = (struct crmg_ban_request){
		.prefix = entry->prefix,
		.for_ns = settings->for_ns ? settings->for_ns
			  : entry->for_ns ? entry->for_ns : CRMG_BAN_FOREVER,
		.origin = *origin ? origin : "manual",
		.note = settings->note ? settings->note : entry->note,
	};
	/* A slip of the hand, not a wish: nobody means everybody. */
	if (entry->prefix.len == (crmg_addr_is_v4(&entry->prefix.addr) ? 96 : 0))
		return crmg_err_set(err, -EINVAL, "/0 would ban everybody");
	if (*service) {
		ret->service = (uint8_t)crmg_image_service_find(image, service);
		if (!ret->service)
			return crmg_err_set(err, -EINVAL, "no service \"%s\"; see crmgate show "
					    "services", service);
	}
	return 0;
}

/* *ret_refused: the names were right, and it is the bans themselves that are refused. */
static int ban_all(const struct crmg_args *args, const struct settings *settings,
		   const struct crmg_banlist *list, bool *ret_refused, struct crmg_err *err)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	crmg_autofree struct crmg_ban_request *requests = calloc(list->count + 1,
								 sizeof(*requests));
	const struct crmg_image *image;
	int code = requests ? 0 : -ENOMEM;

	if (!code)
		code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, err);
	if (!code)
		code = crmg_kern_image(kern, &image, err);
	for (size_t i = 0; !code && i < list->count; i++)
		code = request_of(settings, &list->entries[i], image, &requests[i], err);
	if (code < 0 || !list->count)
		return code;
	code = crmg_kern_ban(kern, requests, list->count, err);
	*ret_refused = code == -EINVAL;
	return code;
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_banlist list = { 0 };
	struct settings settings;
	bool refused = false;
	int status = settings_from(args, &settings), code;

	if (!status)
		status = crmg_cli_banlist(args, &list);
	if (status) {
		crmg_banlist_free(&list);
		return status;
	}
	code = ban_all(args, &settings, &list, &refused, &err);
	if (code < 0) {
		status = crmg_cli_fail(args, code, &err);
		if (refused)
			status = CRMG_EXIT_REFUSED;
	} else {
		crmg_cli_warnings(args, &err);
		if (args->json) {
			status = crmg_cli_json(args, json_pack("{s:i, s:I, s:I}", "schema", 1,
					"banned", (json_int_t)list.count,
					"ended", (json_int_t)list.ended));
		} else {
			printf("%zu banned\n", list.count);
			if (list.ended)
				printf("%zu left out: their end has passed\n", list.ended);
			status = crmg_cli_finish();
		}
	}
	crmg_banlist_free(&list);
	return status;
}

const struct crmg_command crmg_command_ban = {
	.name = "ban",
	.operands = "[PREFIX...]",
	.summary = "Refuse everything from a prefix to the services",
	.help = "All prefixes, or none of them. Banning again sets the new end. A list has one prefix\n"
		"a line, or is what `crmgate bans -j` printed; options given here hold for all of it.\n"
		"An automatic ban out of such a list becomes a manual one, of origin auto, to its end.\n"
		"Everything that is not for a service goes on: SSH, ICMP. /0 is refused, and with\n"
		"exit status 3 own addresses and what is on the allow list.",
	.options = (const struct crmg_option[]){
		{ "file", 'f', false, "FILE", "read prefixes from a list; -: from standard input" },
		{ "for", 0, false, "TIME", "how long: 10m, 24h; none (default): until unban" },
		{ "service", 0, false, "NAME", "at this service only" },
		{ "origin", 0, false, "NAME", "who bans (default: manual); not auto" },
		{ "note", 0, false, "TEXT", "why, at most 64 bytes" },
		{ 0 },
	},
	.max_operands = SIZE_MAX,
	.run = run,
};
