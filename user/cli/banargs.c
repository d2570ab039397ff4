// SPDX-License-Identifier: GPL-2.0
/* banargs.c - collects prefixes. Reads a list with the bounds of banlist.c. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/util.h"
#include "banargs.h"

/* O_NONBLOCK: a FIFO without a writer must not hold a command up. */
static int open_list(const char *path, FILE **ret, struct crmg_err *err)
{
	crmg_autoclose int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0) {
		int code = -errno;

		crmg_err_at(err, CRMG_ERROR, path, 0, 0, "cannot be read: %s", strerror(-code));
		return code;
	}
	if (!S_ISREG(st.st_mode)) {
		crmg_err_at(err, CRMG_ERROR, path, 0, 0, "is no file; \"-\" reads standard input");
		return -EISDIR;
	}
	*ret = fdopen(fd, "r");
	if (!*ret)
		return -ENOMEM;
	fd = -1;
	return 0;
}

static int read_list(const char *path, struct crmg_banlist *list, struct crmg_err *err)
{
	crmg_autofclose FILE *file = NULL;
	uint64_t now = crmg_clock_ns(CLOCK_REALTIME);
	int code;

	if (strcmp(path, "-") == 0)
		return crmg_banlist_read(list, stdin, "standard input", now, err);
	code = open_list(path, &file, err);
	return code < 0 ? code : crmg_banlist_read(list, file, path, now, err);
}

int crmg_cli_banlist(const struct crmg_args *args, struct crmg_banlist *list)
{
	struct crmg_err err = CRMG_ERR_INIT;
	const char *path = crmg_arg(args, "file"), *origin = crmg_arg(args, "origin");
	int code = 0;

	if (!path && !args->operand_count)
		return crmg_cli_usage(args, "which prefixes? Name them, or a list with -f FILE");
	if (origin && !crmg_is_name(origin))
		return crmg_cli_usage(args, "--origin: a name has at most 32 letters, digits, _ "
				      "or -, and starts with a letter or digit");
	for (size_t i = 0; i < args->operand_count; i++) {
		const char *why = NULL;
		int bad = crmg_banlist_add(list, args->operands[i], &why);

		if (bad)
			code = bad;
		if (bad == -EINVAL)
			crmg_err_set(&err, bad, "\"%s\": %s", args->operands[i], why);
	}
	if (!code && path)
		code = read_list(path, list, &err);
	return code < 0 ? crmg_cli_fail(args, code, &err) : CRMG_EXIT_OK;
}
