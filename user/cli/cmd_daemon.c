// SPDX-License-Identifier: GPL-2.0
/* cmd_daemon.c - the options of the daemon. */
#include "../base/num.h"
#include "../daemon/daemon.h"
#include "cli.h"

#define LEDGER_EVERY_NS (60 * CRMG_NS_PER_SEC)

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_daemon_options options = {
		.instance = args->instance,
		.user = crmg_arg(args, "user"),
		.quiet = args->quiet,
		.manage = crmg_arg(args, "manage"),
		.ledger_every_ns = LEDGER_EVERY_NS,
	};
	const char *every = crmg_arg(args, "ledger-every");
	const char *listen;
	size_t at = 0;
	int code;

	if (every && !options.manage)
		return crmg_cli_usage(args, "--ledger-every: only with --manage, which keeps the ledger");
	if (every && (crmg_parse_time(every, &options.ledger_every_ns) < 0 ||
		      options.ledger_every_ns < CRMG_NS_PER_SEC ||
		      options.ledger_every_ns > 3600 * CRMG_NS_PER_SEC))
		return crmg_cli_usage(args, "--ledger-every %s: a time from 1s to 1h, like 1m", every);
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
	.summary = "Serve /metrics and /healthz, and put back what is missing",
	.help = "Runs in the foreground. Reads what is pinned, and needs root only to start: then it\n"
		"becomes --user, without capabilities. Stopping it changes nothing in the kernel:\n"
		"limits go on. There is no log-in and no TLS; listen beyond this host only behind\n"
		"something that has them.\n"
		"\n"
		"With --manage a second process stays root, with CAP_BPF, CAP_NET_ADMIN and\n"
		"CAP_PERFMON only. Within seconds it puts back pins that were removed and programs\n"
		"that were taken off, also of interfaces that were renamed, or come back; it proves\n"
		"each minute, and after each apply, what is enforced. `crmgate events` says what it\n"
		"did, `crmgate status` what it cannot do. It keeps the ledger of `crmgate ledger`: a\n"
		"record each minute, and when what is enforced changes, or it ends.",
	.options = (const struct crmg_option[]){
		{ "listen", 0, true, "ADDR:PORT", "where (default: 127.0.0.1:9750); again for more" },
		{ "user", 0, false, "NAME", "whom to become (default: crmgate, else nobody)" },
		{ "manage", 0, false, NULL, "put back programs and pins that go missing" },
		{ "ledger-every", 0, false, "TIME", "with --manage: between records of the ledger "
		  "(default: 1m)" },
		{ 0 },
	},
	.run = run,
};
