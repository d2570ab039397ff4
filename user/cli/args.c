// SPDX-License-Identifier: GPL-2.0
/*
 * args.c - the command line against the command table. Nothing is guessed: an
 * option of another command, or one given twice, is an error.
 */
#include <string.h>

#include "../base/likeness.h"
#include "../base/util.h"
#include "../report/bans.h"
#include "cli.h"

const struct crmg_option crmg_common_options[] = {
	{ "json", 'j', true, NULL, "JSON instead of text" },
	{ "quiet", 'q', true, NULL, "print nothing but errors" },
	{ "instance", 0, false, "NAME", "which installation on this kernel (default: default)" },
	{ "help", 'h', true, NULL, "what the command does" },
	{ 0 },
};

/* Named in the contract, and not there yet: said so instead of "unknown". */
static const struct {
	const char *command;
	const char *option;	/* NULL: the command itself */
	const char *instead;
} later[] = {
	{ "capture", NULL, "" },
};

/* What to do instead of what is not there yet, or ""; NULL: there is no such thing. */
static const char *later_instead(const char *command, const char *option)
{
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(later); i++)
		if (strcmp(later[i].command, command) == 0 &&
		    (option ? later[i].option && strcmp(later[i].option, option) == 0
			    : !later[i].option))
			return later[i].instead;
	return NULL;
}

const struct crmg_command *crmg_command_find(const char *name)
{
	for (size_t i = 0; i < crmg_command_count; i++)
		if (strcmp(crmg_commands[i]->name, name) == 0)
			return crmg_commands[i];
	return NULL;
}

static int find_command(struct crmg_args *args, const char *name, struct crmg_err *err)
{
	struct crmg_likeness like = { .word = name };
	const char *instead;

	args->command = crmg_command_find(name);
	if (args->command)
		return 0;
	instead = later_instead(name, NULL);
	if (instead)
		return crmg_err_set(err, -EINVAL, "%s: not available yet in this version%s", name,
				    instead);
	for (size_t i = 0; i < crmg_command_count; i++)
		crmg_likeness_try(&like, crmg_commands[i]->name);
	return crmg_err_set(err, -EINVAL, "no command \"%s\"%s%s%s", name,
			    like.best ? "; did you mean \"" : "; see crmgate help",
			    like.best ? like.best : "", like.best ? "\"?" : "");
}

/* An option by name[length], or by letter when name is NULL. */
static const struct crmg_option *find_in(const struct crmg_option *options, const char *name,
					 size_t length, char letter)
{
	for (; options && options->name; options++)
		if (name ? strlen(options->name) == length &&
			   strncmp(options->name, name, length) == 0
			 : options->letter == letter)
			return options;
	return NULL;
}

static const struct crmg_option *find_option(const struct crmg_args *args, const char *name,
					     size_t length, char letter)
{
	const struct crmg_option *found = find_in(crmg_common_options, name, length, letter);

	return found || !args->command ? found
				       : find_in(args->command->options, name, length, letter);
}

static int unknown_option(const struct crmg_args *args, const char *word, struct crmg_err *err)
{
	const char *command = args->command ? args->command->name : "crmgate";
	const struct crmg_option *tables[] = {
		crmg_common_options, args->command ? args->command->options : NULL,
	};
	const char *instead;
	char name[64];
	struct crmg_likeness like = { .word = name };

	crmg_copy(name, sizeof(name), word + strspn(word, "-"));
	name[strcspn(name, "=")] = '\0';
	instead = later_instead(command, name);
	if (instead)
		return crmg_err_set(err, -EINVAL, "%s --%s: not available yet in this version%s",
				    command, name, instead);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(tables); i++)
		for (const struct crmg_option *o = tables[i]; o && o->name; o++)
			crmg_likeness_try(&like, o->name);
	return crmg_err_set(err, -EINVAL, "%s: no option \"%s\"%s%s%s", command, word,
			    like.best ? "; did you mean \"--" : "", like.best ? like.best : "",
			    like.best ? "\"?" : "");
}

static int take(struct crmg_args *args, const struct crmg_option *option, const char *value,
		struct crmg_err *err)
{
	struct crmg_given *given;

	for (size_t i = 0; i < args->given_count && !option->many; i++)
		if (args->given[i].option == option)
			return crmg_err_set(err, -EINVAL, "--%s is given twice", option->name);
	given = crmg_grow(&args->given, &args->given_count, sizeof(*given));
	if (!given)
		return -ENOMEM;
	*given = (struct crmg_given){ option, value };
	return 0;
}

/* "--name", "--name=value", "--name value": *at moves on when the value is a word of its own. */
static int take_long(struct crmg_args *args, int argc, char **argv, int *at, struct crmg_err *err)
{
	const char *name = argv[*at] + 2, *equals = strchr(name, '=');
	size_t length = equals ? (size_t)(equals - name) : strlen(name);
	const struct crmg_option *option = find_option(args, name, length, 0);

	if (!option)
		return unknown_option(args, argv[*at], err);
	if (!option->argument)
		return equals ? crmg_err_set(err, -EINVAL, "--%s takes no value", option->name)
			      : take(args, option, "", err);
	if (equals)
		return take(args, option, equals + 1, err);
	if (*at + 1 >= argc)
		return crmg_err_set(err, -EINVAL, "--%s needs a value: %s", option->name,
				    option->argument);
	return take(args, option, argv[++*at], err);
}

/* "-j", "-jq", "-n 5", "-n5". */
static int take_letters(struct crmg_args *args, int argc, char **argv, int *at,
			struct crmg_err *err)
{
	for (const char *letter = argv[*at] + 1; *letter; letter++) {
		const struct crmg_option *option = find_option(args, NULL, 0, *letter);
		int code;

		if (!option)
			return unknown_option(args, argv[*at], err);
		if (option->argument && letter[1])
			return take(args, option, letter + 1, err);
		if (option->argument && *at + 1 >= argc)
			return crmg_err_set(err, -EINVAL, "-%c needs a value: %s", *letter,
					    option->argument);
		code = take(args, option, option->argument ? argv[*at + 1] : "", err);
		if (code < 0 || option->argument) {
			*at += option->argument != NULL;
			return code;
		}
	}
	return 0;
}

static int take_word(struct crmg_args *args, char *word, struct crmg_err *err)
{
	if (!args->command)
		return find_command(args, word, err);
	args->operands[args->operand_count++] = word;
	return 0;
}

static void settle_common(struct crmg_args *args)
{
	const char *instance = crmg_arg(args, "instance");

	if (instance)
		args->instance = instance;
	args->json = crmg_arg(args, "json");
	args->quiet = crmg_arg(args, "quiet");
	args->help = crmg_arg(args, "help");
}

static int check_counts(const struct crmg_args *args, struct crmg_err *err)
{
	const struct crmg_command *command = args->command;

	if (!command)
		return crmg_err_set(err, -EINVAL, "which command? See crmgate help");
	if (!crmg_is_name(args->instance))
		return crmg_err_set(err, -EINVAL, "--instance: a name has at most 32 letters, "
				    "digits, _ or -, and starts with a letter or digit");
	if (args->operand_count < command->min_operands)
		return crmg_err_set(err, -EINVAL, "%s: %s is missing", command->name,
				    command->operands);
	if (args->operand_count > command->max_operands)
		return crmg_err_set(err, -EINVAL, "%s: \"%s\" is one too many", command->name,
				    args->operands[command->max_operands]);
	return 0;
}

int crmg_args_parse(int argc, char **argv, struct crmg_args *args, struct crmg_err *err)
{
	bool options = true;
	int code = 0;

	*args = (struct crmg_args){ .instance = "default" };
	args->operands = calloc((size_t)argc + 1, sizeof(*args->operands));
	if (!args->operands)
		return -ENOMEM;
	for (int i = 1; i < argc && !code; i++) {
		char *word = argv[i];

		if (!options || word[0] != '-' || !word[1])
			code = take_word(args, word, err);
		else if (strcmp(word, "--") == 0)
			options = false;
		else if (strcmp(word, "--version") == 0 && !args->command)
			code = find_command(args, "version", err);
		else if (word[1] == '-')
			code = take_long(args, argc, argv, &i, err);
		else
			code = take_letters(args, argc, argv, &i, err);
	}
	settle_common(args);
	return code || args->help ? code : check_counts(args, err);
}

void crmg_args_free(struct crmg_args *args)
{
	free(args->given);
	free(args->operands);
	*args = (struct crmg_args){ 0 };
}

const char *crmg_arg_next(const struct crmg_args *args, const char *option, size_t *at)
{
	while (*at < args->given_count) {
		const struct crmg_given *given = &args->given[(*at)++];

		if (strcmp(given->option->name, option) == 0)
			return given->value;
	}
	return NULL;
}

const char *crmg_arg(const struct crmg_args *args, const char *option)
{
	const char *value = NULL, *next;
	size_t at = 0;

	while ((next = crmg_arg_next(args, option, &at)))
		value = next;
	return value;
}
