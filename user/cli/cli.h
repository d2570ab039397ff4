/* SPDX-License-Identifier: GPL-2.0 */
/*
 * cli.h - the command table and what commands share. A command is one file; it
 * returns an exit status and is the only kind of code that prints.
 */
#ifndef CRMGATE_CLI_H
#define CRMGATE_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "../base/err.h"
#include "../kern/kern.h"

enum crmg_exit {
	CRMG_EXIT_OK = 0,
	CRMG_EXIT_FAILED = 1,
	CRMG_EXIT_USAGE = 2,		/* or an invalid policy */
	CRMG_EXIT_REFUSED = 3,		/* would lock out, or is busy */
	CRMG_EXIT_NOT_ENFORCED = 4,	/* status --check, prove, doctor */
};

/* An option of a command: --name, or -letter; argument NULL: a flag. */
struct crmg_option {
	const char *name;
	char letter;			/* 0: none */
	bool many;			/* may be given more than once */
	const char *argument;		/* "FILE": takes a value */
	const char *help;
};

/* An option as it was found on the command line. */
struct crmg_given {
	const struct crmg_option *option;
	const char *value;		/* "" for a flag */
};

struct crmg_args {
	const char *instance;
	bool json;
	bool quiet;
	bool help;			/* --help: nothing else was checked */
	const struct crmg_command *command;
	struct crmg_given *given;	/* in the order of the line */
	size_t given_count;
	char **operands;		/* point into argv */
	size_t operand_count;
};

struct crmg_command {
	const char *name;
	const char *operands;		/* "IFACE...", "[FILE]", "" */
	const char *summary;		/* one line of `crmgate help` */
	const char *help;		/* paragraphs of `crmgate help COMMAND` */
	const struct crmg_option *options;	/* ends with name NULL; may be NULL */
	size_t min_operands;
	size_t max_operands;		/* SIZE_MAX: any number */
	int (*run)(const struct crmg_args *args);
};

/* Every command, in the order of `help`. */
#define CRMG_COMMANDS(X) \
	X(check) X(attach) X(detach) X(apply) X(confirm) X(rollback) \
	X(panic) X(resume) \
	X(status) X(doctor) X(prove) X(posture) X(show) X(top) X(why) X(calibrate) \
	X(ban) X(unban) X(bans) \
	X(events) X(audit) X(ledger) X(report) X(reveal) X(forget) X(metrics) X(daemon) \
	X(version) X(help)

#define CRMG_DECLARE_COMMAND(name) extern const struct crmg_command crmg_command_##name;
CRMG_COMMANDS(CRMG_DECLARE_COMMAND)

extern const struct crmg_command *const crmg_commands[];
extern const size_t crmg_command_count;

/* Options that every command takes; ends with name NULL. */
extern const struct crmg_option crmg_common_options[];

/* ------------------------------------------------------ args.c, suggest.c */

/*
 * Sorts a command line into args. 0; -ENOMEM; or -EINVAL with an error of what
 * is wrong (args->command is set if it was found). Free with crmg_args_free().
 */
int crmg_args_parse(int argc, char **argv, struct crmg_args *args, struct crmg_err *err);
void crmg_args_free(struct crmg_args *args);

const struct crmg_command *crmg_command_find(const char *name);

/* Last value of an option (NULL: not given); the name must be one the command takes. */
const char *crmg_arg(const struct crmg_args *args, const char *option);

/* The value after *at (start with 0) of an option that may be given more than once. */
const char *crmg_arg_next(const struct crmg_args *args, const char *option, size_t *at);

/* ------------------------------------------------------------------ help.c */

void crmg_help_all(FILE *out);
void crmg_help_command(const struct crmg_command *command, FILE *out);

/* ---------------------------------------------------------------- common.c */

/*
 * Prints err to stderr (warnings too unless quiet), empties it, and turns a code
 * of the library into an exit status.
 */
int crmg_cli_fail(const struct crmg_args *args, int code, struct crmg_err *err);

/* A wrong command line: prints the message and where to read more; CRMG_EXIT_USAGE. */
int crmg_cli_usage(const struct crmg_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* Prints warnings (unless quiet) and empties err. */
void crmg_cli_warnings(const struct crmg_args *args, struct crmg_err *err);

/* A remark on stderr, not with -q. */
void crmg_cli_note(const struct crmg_args *args, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* True if stdout is a terminal that shows colours, and they are wanted. */
bool crmg_cli_colour(void);

/* Prints a document (frees it; NULL: out of memory) and finishes. */
int crmg_cli_json(const struct crmg_args *args, json_t *document);

/* After a text writer: its code (0 or -errno), and finishes. */
int crmg_cli_text(const struct crmg_args *args, int code);

/* Flushes stdout: EXIT_OK, or a message and EXIT_FAILED if it could not be written. */
int crmg_cli_finish(void);

/*
 * Opens the instance and reads a snapshot: EXIT_OK, or prints why not. The
 * snapshot lives until crmg_kern_close(ret).
 */
int crmg_cli_snapshot(const struct crmg_args *args, unsigned int flags, struct crmg_kern **ret,
		      struct crmg_snapshot *snap);

/* -------------------------------------------------------------- cmd_prove.c */

/* At the end of what changes what is enforced: a warning if it is not as it has to be. */
void crmg_cli_prove(const struct crmg_args *args);

/* Prints what a proof came to; rehearsed: of programs that are not attached. Exit status. */
int crmg_cli_proof(const struct crmg_args *args, const struct crmg_proof *proof, bool rehearsed);

/* ----------------------------------------------------------------- guard.c */

/*
 * The lock-out guard: -EBUSY and the reasons in err if `next` would refuse whom it must
 * not. kern: its traffic is weighed too; NULL: there is none. forced: only warns.
 * way_out: what an operator does who means it.
 */
int crmg_cli_guard(const struct crmg_image *next, struct crmg_kern *kern, bool forced,
		   const char *way_out, struct crmg_err *err);

/* A kern handle that is closed when it goes out of scope. */
#define crmg_autokern __attribute__((cleanup(crmg_kern_close)))

#endif
