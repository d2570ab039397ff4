// SPDX-License-Identifier: GPL-2.0
/* cmd_metrics.c - what the daemon serves, once. */
#include <string.h>

#include "../base/util.h"
#include "../report/metrics.h"
#include "cli.h"

/* {"series": value}: a series as the Prometheus text names it, labels included. */
static json_t *series_json(char *text)
{
	json_t *series = json_object();
	char *line;

	while ((line = strsep(&text, "\n"))) {
		char *value = strrchr(line, ' ');

		if (line[0] == '#' || !value)
			continue;
		*value++ = '\0';
		json_object_set_new(series, line, strpbrk(value, ".e")
				    ? json_real(strtod(value, NULL))
				    : json_integer(strtoll(value, NULL, 10)));
	}
	return json_pack("{s:i, s:o}", "schema", 1, "metrics", series);
}

static int run_json(const struct crmg_args *args, const struct crmg_snapshot *snap)
{
	crmg_autofree char *text = NULL;
	size_t size;
	FILE *memory = open_memstream(&text, &size);
	int code = memory ? crmg_metrics_write(snap, memory) : -ENOMEM;

	if (memory && fclose(memory) && !code)
		code = -ENOMEM;
	return code < 0 ? crmg_cli_text(args, code) : crmg_cli_json(args, series_json(text));
}

static int run(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_snapshot snap;
	int status = crmg_cli_snapshot(args, CRMG_SNAP_BANS, &kern, &snap);

	if (status)
		return status;
	if (args->json)
		return run_json(args, &snap);
	return crmg_cli_text(args, crmg_metrics_write(&snap, stdout));
}

const struct crmg_command crmg_command_metrics = {
	.name = "metrics",
	.operands = "",
	.summary = "Print every metric as Prometheus text",
	.help = "The same text as http://127.0.0.1:9750/metrics of the daemon.",
	.run = run,
};
