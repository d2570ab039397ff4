// SPDX-License-Identifier: GPL-2.0
/* cmd_daemon.c - the options of the daemon. */
#include "../daemon/daemon.h"
#include "cli.h"

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_daemon_options options = {
		.instance = args->instance,
		.user = crmg_arg(args, "user"),
		.quiet = args->quiet,
	};
	const char *listen;
	size_t at = 0;
	int code;

	while ((listen = crmg_arg_next(args, "listen", &at))) {
		if (options.listen_count == CRMG_LISTEN_MAX)
			return crmg_cli_usage(args, "--listen: at most %d times",
					      CRMG_LISTEN_MAX);
		options.listen[options.listen_count++] = listen;
	}
	if (!options.listen_count)
		options.listen[options.listen_count++] = CRMG_LISTEN_DEFAULT;
	code = crmg_daemon_run(&options, &err);
	return code < 0 ? crmg_cli_fail(args, code, &err) : CRMG_EXIT_OK;
}

const struct crmg_command crmg_command_daemon = {
	.name = "daemon",
	.operands = "",
	.summary = "Serve /metrics and /healthz",
	.help = "Runs in the foreground. Reads what is pinned, and needs root only to start: then it\n"
		"becomes --user, without capabilities. Stopping it changes nothing in the kernel:\n"
		"limits go on. There is no log-in and no TLS; listen beyond this host only behind\n"
		"something that has them.",
	.options = (const struct crmg_option[]){
		{ "listen", 0, true, "ADDR:PORT", "where (default: 127.0.0.1:9750); again for more" },
		{ "user", 0, false, "NAME", "whom to become (default: crmgate, else nobody)" },
		{ 0 },
	},
	.run = run,
};
