// SPDX-License-Identifier: GPL-2.0
/* common.c - what commands share: messages, exit status, output that is checked. */
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "../base/util.h"
#include "cli.h"

int crmg_cli_fail(const struct crmg_args *args, int code, struct crmg_err *err)
{
	if (!err->errors)
		crmg_err_set(err, code, "%s", strerror(-code));
	crmg_err_print(err, stderr, !args->quiet);
	crmg_err_clear(err);
	switch (code) {
	case -EINVAL:
		return CRMG_EXIT_USAGE;
	case -EBUSY:
		return CRMG_EXIT_REFUSED;
	default:
		return CRMG_EXIT_FAILED;
	}
}

int crmg_cli_usage(const struct crmg_args *args, const char *format, ...)
{
	struct crmg_err err = CRMG_ERR_INIT;
	char text[512];
	va_list list;

	va_start(list, format);
	vsnprintf(text, sizeof(text), format, list);
	va_end(list);
	crmg_err_set(&err, -EINVAL, "%s: %s", args->command->name, text);
	return crmg_cli_fail(args, -EINVAL, &err);
}

void crmg_cli_warnings(const struct crmg_args *args, struct crmg_err *err)
{
	if (!args->quiet)
		crmg_err_print(err, stderr, true);
	crmg_err_clear(err);
}

void crmg_cli_note(const struct crmg_args *args, const char *format, ...)
{
	va_list list;

	if (args->quiet)
		return;
	fputs("crmgate: ", stderr);
	va_start(list, format);
	vfprintf(stderr, format, list);
	va_end(list);
	fputc('\n', stderr);
}

bool crmg_cli_colour(void)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && !(no_color && *no_color) && term && *term &&
	       strcmp(term, "dumb") != 0;
}

int crmg_cli_finish(void)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return CRMG_EXIT_OK;
	fprintf(stderr, "crmgate: standard output could not be written: %s\n", strerror(errno));
	return CRMG_EXIT_FAILED;
}

int crmg_cli_text(const struct crmg_args *args, int code)
{
	struct crmg_err err = CRMG_ERR_INIT;

	/* -EIO is about stdout, and that is finish's to say. */
	return code < 0 && code != -EIO ? crmg_cli_fail(args, code, &err) : crmg_cli_finish();
}

int crmg_cli_json(const struct crmg_args *args, json_t *document)
{
	if (!document)
		return crmg_cli_text(args, -ENOMEM);
	json_dumpf(document, stdout, JSON_INDENT(2));
	json_decref(document);
	putchar('\n');
	return crmg_cli_finish();
}

int crmg_cli_snapshot(const struct crmg_args *args, unsigned int flags, struct crmg_kern **ret,
		      struct crmg_snapshot *snap)
{
	struct crmg_err err = CRMG_ERR_INIT;
	int code = crmg_kern_open(args->instance, CRMG_KERN_READ, ret, &err);

	if (!code)
		code = crmg_kern_snapshot(*ret, flags, snap, &err);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	return CRMG_EXIT_OK;
}
