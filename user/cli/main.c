// SPDX-License-Identifier: GPL-2.0
/* main.c - the way from a command line to an exit status. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "cli.h"

/*
 * With a standard descriptor closed the next file opened would take its place,
 * and what is printed would go there. A read-only stand-in makes writes fail.
 */
static void keep_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_args args;
	int code, status;

	keep_standard_descriptors();
	code = crmg_args_parse(argc, argv, &args, &err);
	if (code < 0) {
		status = crmg_cli_fail(&args, code, &err);
		if (argc < 2)
			crmg_help_all(stderr);
		else if (args.command)
			crmg_cli_note(&args, "see crmgate help %s", args.command->name);
	} else if (args.help) {
		if (args.command)
			crmg_help_command(args.command, stdout);
		else
			crmg_help_all(stdout);
		status = crmg_cli_finish();
	} else if (args.quiet && !freopen("/dev/null", "we", stdout)) {
		status = crmg_cli_text(&args, -errno);
	} else {
		status = args.command->run(&args);
	}
	crmg_args_free(&args);
	return status;
}
