// SPDX-License-Identifier: GPL-2.0
/* help.c - everything that help says, out of the command table. */
#include <string.h>

#include "cli.h"

void crmg_help_all(FILE *out)
{
	fputs("crmgate limits what every source may do to the API ports of this host, in the "
	      "kernel.\n\nusage: crmgate COMMAND [OPTIONS] [OPERANDS]\n\n", out);
	for (size_t i = 0; i < crmg_command_count; i++)
		fprintf(out, "  %-10s %s\n", crmg_commands[i]->name, crmg_commands[i]->summary);
	fputs("\n`crmgate help COMMAND` says more. Exit status: 0 done, 1 failed, 2 wrong usage or\n"
	      "invalid policy, 3 refused (would lock out, or is busy), 4 something is not\n"
	      "enforced (status --check, prove, doctor, attach --rehearse).\n", out);
}

static void help_options(const struct crmg_option *options, FILE *out)
{
	for (; options && options->name; options++) {
		char text[40];

		snprintf(text, sizeof(text), "--%s%s%s", options->name,
			 options->argument ? " " : "", options->argument ? options->argument : "");
		if (options->letter)
			fprintf(out, "  -%c, %-20s %s\n", options->letter, text, options->help);
		else
			fprintf(out, "      %-20s %s\n", text, options->help);
	}
}

void crmg_help_command(const struct crmg_command *command, FILE *out)
{
	fprintf(out, "usage: crmgate %s%s%s%s\n\n%s.\n", command->name,
		command->options ? " [OPTIONS]" : "", *command->operands ? " " : "",
		command->operands, command->summary);
	if (command->help)
		fprintf(out, "\n%s\n", command->help);
	fputc('\n', out);
	help_options(command->options, out);
	help_options(crmg_common_options, out);
}

static int run(const struct crmg_args *args)
{
	const struct crmg_command *command;

	if (!args->operand_count) {
		crmg_help_all(stdout);
		return crmg_cli_finish();
	}
	command = crmg_command_find(args->operands[0]);
	if (!command)
		return crmg_cli_usage(args, "no command \"%s\"", args->operands[0]);
	crmg_help_command(command, stdout);
	return crmg_cli_finish();
}

const struct crmg_command crmg_command_help = {
	.name = "help",
	.operands = "[COMMAND]",
	.summary = "What the program, or a command of it, does",
	.max_operands = 1,
	.run = run,
};
