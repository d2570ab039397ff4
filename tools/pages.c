// SPDX-License-Identifier: GPL-2.0
/*
 * pages.c - fills a template of a man page, or of the shell completion: a line that is
 * @NAME@ alone becomes a table of the program's own, so neither can fall behind it.
 *
 *   pages TEMPLATE >FILE
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../user/base/util.h"
#include "../user/cli/cli.h"
#include "../user/report/families.h"

/* Words of roff: hyphens that can be copied, no escapes, no requests. */
static void roff(const char *text)
{
	if (*text == '.' || *text == '\'')
		fputs("\\&", stdout);
	for (; *text; text++) {
		if (*text == '-')
			fputs("\\-", stdout);
		else if (*text == '\\')
			fputs("\\e", stdout);
		else
			putchar(*text);
		if (*text == '\n' && (text[1] == '.' || text[1] == '\''))
			fputs("\\&", stdout);
	}
}

static void roff_item(const char *name, const char *text)
{
	fputs(".TP\n.B ", stdout);
	roff(name);
	putchar('\n');
	roff(text);
	putchar('\n');
}

/* ------------------------------------------------------------ the command line */

static void roff_options(const struct crmg_option *options)
{
	for (; options && options->name; options++) {
		fputs(".TP\n", stdout);
		if (options->letter)
			printf("\\fB\\-%c\\fR, ", options->letter);
		fputs("\\fB\\-\\-", stdout);
		roff(options->name);
		fputs("\\fR", stdout);
		if (options->argument) {
			fputs(" \\fI", stdout);
			roff(options->argument);
			fputs("\\fR", stdout);
		}
		putchar('\n');
		roff(options->help);
		putchar('\n');
	}
}

static void roff_paragraphs(const char *text)
{
	const char *end;

	for (; (end = strstr(text, "\n\n")); text = end + 2) {
		crmg_autofree char *one = strndup(text, (size_t)(end - text));

		if (!one)
			exit(1);
		fputs(".PP\n", stdout);
		roff(one);
		putchar('\n');
	}
	fputs(".PP\n", stdout);
	roff(text);
	putchar('\n');
}

static void commands(void)
{
	for (size_t i = 0; i < crmg_command_count; i++) {
		const struct crmg_command *command = crmg_commands[i];

		fputs(".SS crmgate ", stdout);
		roff(command->name);
		printf("%s%s", command->options ? " [OPTIONS]" : "", *command->operands ? " " : "");
		roff(command->operands);
		putchar('\n');
		roff(command->summary);
		fputs(".\n", stdout);
		if (command->help)
			roff_paragraphs(command->help);
		roff_options(command->options);
	}
}

static void common_options(void)
{
	roff_options(crmg_common_options);
}

/* -------------------------------------------------------------- lists of abi.h */

#define ITEM(ID, name, help) roff_item(name, help);

static void reasons_pass(void)
{
#define PASS(ID, name, help) if (CRMG_REASON_##ID < CRMG_REASON_FIRST_REFUSAL) roff_item(name, help);
	CRMG_REASONS(PASS)
}

static void reasons_refuse(void)
{
#define REFUSE(ID, name, help) \
	if (CRMG_REASON_##ID >= CRMG_REASON_FIRST_REFUSAL) roff_item(name, help);
	CRMG_REASONS(REFUSE)
}

static void limits(void)
{
#define LIMIT(ID, name, unit, shift, help) roff_item(name, help);
	CRMG_LIMITS(LIMIT)
}

static void caps(void) { CRMG_CAPS(ITEM) }
static void scopes(void) { CRMG_SCOPES(ITEM) }
static void verdicts(void) { CRMG_VERDICTS(ITEM) }
static void modes(void) { CRMG_MODES(ITEM) }
static void transports(void) { CRMG_TRANSPORTS(ITEM) }
static void protocols(void) { CRMG_PROTOCOLS(ITEM) }
static void methods(void)
{
#define WORD(ID, name) name,
	static const char *const words[] = { CRMG_METHODS(WORD) };
	const size_t count = sizeof(words) / sizeof(words[0]);

	for (size_t i = 0; i < count; i++)
		printf("%s%s\n", words[i], i + 1 < count ? "," : ".");
}

static void actions(void) { CRMG_ACTIONS(ITEM) }
static void floors(void) { CRMG_FLOORS(ITEM) }
static void budgets(void) { CRMG_ON_BUDGETS(ITEM) }
static void events(void) { CRMG_EVENTS(ITEM) }

/* ---------------------------------------------------------------- what is exported */

static void metrics(void)
{
	for (size_t i = 0; i < crmg_family_count; i++) {
		const struct crmg_family *family = &crmg_families[i];

		printf(".TP\n\\fB%s\\fR (%s)\n", family->name, family->type);
		roff(family->help);
		putchar('\n');
	}
}

static void problems(void)
{
	for (int id = 0; id < CRMG_PROBLEM_COUNT; id++)
		printf(".TQ\n.B %s\n%s", crmg_problem_name(id),
		       crmg_problem_is_unenforced(id) ? "" : "(does not fail the check)\n");
}

/* ------------------------------------------------------------- the shell completion */

static void shell_commands(void)
{
	for (size_t i = 0; i < crmg_command_count; i++)
		printf("\t%s\n", crmg_commands[i]->name);
}

static void shell_option_words(const struct crmg_option *options)
{
	for (; options && options->name; options++)
		printf(" --%s", options->name);
}

/* Of each command: COMMAND) its options. */
static void shell_options(void)
{
	for (size_t i = 0; i < crmg_command_count; i++) {
		printf("\t%s) words='", crmg_commands[i]->name);
		shell_option_words(crmg_commands[i]->options);
		puts("' ;;");
	}
	fputs("\t*) words='' ;;\n\tesac\n\twords+='", stdout);
	shell_option_words(crmg_common_options);
	puts("'");
}

/* Of each option that takes a value: COMMAND--OPTION | COMMAND-LETTER) what it is. */
static void shell_values(void)
{
	for (size_t i = 0; i < crmg_command_count; i++) {
		const struct crmg_option *option = crmg_commands[i]->options;

		for (; option && option->name; option++) {
			if (!option->argument)
				continue;
			printf("\t%s--%s", crmg_commands[i]->name, option->name);
			if (option->letter)
				printf(" | %s-%c", crmg_commands[i]->name, option->letter);
			printf(") kind='%s' ;;\n", option->argument);
		}
	}
	for (const struct crmg_option *option = crmg_common_options; option->name; option++)
		if (option->argument)
			printf("\t*--%s) kind='%s' ;;\n", option->name, option->argument);
}

static void shell_operands(void)
{
	for (size_t i = 0; i < crmg_command_count; i++)
		if (*crmg_commands[i]->operands)
			printf("\t%s) kind='%s' ;;\n", crmg_commands[i]->name,
			       crmg_commands[i]->operands);
}

/* --------------------------------------------------------------------- templates */

static const struct {
	const char *name;
	void (*write)(void);
} tables[] = {
	{ "commands", commands },
	{ "common_options", common_options },
	{ "reasons_pass", reasons_pass },
	{ "reasons_refuse", reasons_refuse },
	{ "limits", limits },
	{ "caps", caps },
	{ "scopes", scopes },
	{ "verdicts", verdicts },
	{ "modes", modes },
	{ "transports", transports },
	{ "protocols", protocols },
	{ "actions", actions },
	{ "methods", methods },
	{ "floors", floors },
	{ "budgets", budgets },
	{ "events", events },
	{ "metrics", metrics },
	{ "problems", problems },
	{ "shell_commands", shell_commands },
	{ "shell_options", shell_options },
	{ "shell_values", shell_values },
	{ "shell_operands", shell_operands },
};

/* True if the line is @NAME@, whose table is written then. */
static bool is_table(const char *line)
{
	char name[32], end;

	if (sscanf(line, "@%31[a-z_]%c", name, &end) != 2 || end != '@')
		return false;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(tables); i++) {
		if (strcmp(tables[i].name, name) != 0)
			continue;
		tables[i].write();
		return true;
	}
	fprintf(stderr, "pages: there is no table \"%s\"\n", name);
	exit(2);
}

int main(int argc, char **argv)
{
	crmg_autofclose FILE *template = argc == 2 ? fopen(argv[1], "re") : NULL;
	crmg_autofree char *line = NULL;
	size_t room = 0;

	if (!template) {
		fprintf(stderr, "usage: pages TEMPLATE\n");
		return 2;
	}
	while (getline(&line, &room, template) > 0)
		if (!is_table(line))
			fputs(line, stdout);
	return ferror(template) || fflush(stdout) ? 1 : 0;
}
