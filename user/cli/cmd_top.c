// SPDX-License-Identifier: GPL-2.0
/* cmd_top.c - the sources that use most: a table, or a live screen. */
#include <string.h>
#include <unistd.h>

#include "../base/num.h"
#include "../base/util.h"
#include "top.h"

#define DEFAULT_ROWS 20

static int print_once(const struct crmg_args *args, struct crmg_kern *kern, enum crmg_top_by by,
		      struct crmg_top_row *rows, size_t max)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_snapshot snap;
	size_t count;
	int code = crmg_kern_snapshot(kern, CRMG_SNAP_SOURCES | CRMG_SNAP_BANS, &snap, &err);

	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	count = crmg_top_select(&snap, by, rows, max);
	if (args->json)
		return crmg_cli_json(args, crmg_top_json(&snap, rows, count));
	return crmg_cli_text(args, crmg_top_text(&snap, rows, count, crmg_cli_colour(), stdout));
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	crmg_autofree struct crmg_top_row *rows = NULL;
	const char *number = crmg_arg(args, "number"), *column = crmg_arg(args, "by");
	enum crmg_top_by by = CRMG_TOP_PACKETS;
	uint64_t max = DEFAULT_ROWS;
	int code, status;

	if (number && (crmg_parse_count(number, &max) < 0 || !max || max > CRMG_TOP_MAX))
		return crmg_cli_usage(args, "-n %s: a number from 1 to %d", number, CRMG_TOP_MAX);
	if (column && crmg_top_from_name(column, &by) < 0)
		return crmg_cli_usage(args, "--by %s: accepted are packets, bytes, requests, "
				      "connections, bytes-out, out-per-request, drops", column);
	rows = calloc(max, sizeof(*rows));
	code = rows ? crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &err) : -ENOMEM;
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (!args->json && !crmg_arg(args, "once") && isatty(STDOUT_FILENO) &&
	    isatty(STDIN_FILENO) && crmg_top_screen(args, kern, by, rows, max, &status))
		return status;
	return print_once(args, kern, by, rows, max);
}

const struct crmg_command crmg_command_top = {
	.name = "top",
	.operands = "",
	.summary = "The sources that use most",
	.help = "COLUMN is packets, bytes, requests, connections, bytes-out, out-per-request or\n"
		"drops.\n"
		"\n"
		"On a terminal a live screen: p b r c o a d choose the column, q ends it; it shows\n"
		"what was used in a second. Else, and with --once, a table of what was used since the\n"
		"source was first seen. REFUSED counts what shadow mode let pass, too. drops orders\n"
		"by REFUSED. BAN: a manual or an automatic ban runs. REQUESTS are of sources whose\n"
		"policy has a limit of them; with ~ an estimate (under TLS). OUT/REQ: bytes sent for\n"
		"each, headers and all.",
	.options = (const struct crmg_option[]){
		{ "number", 'n', false, "N", "so many sources (default: 20, at most 1000)" },
		{ "by", 0, false, "COLUMN", "what to order by (default: packets)" },
		{ "once", 0, false, NULL, "print a table and end" },
		{ 0 },
	},
	.run = run,
};
