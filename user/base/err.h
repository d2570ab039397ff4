/* SPDX-License-Identifier: GPL-2.0 */
/*
 * err.h - messages for a person: where, what is wrong, what is accepted.
 *
 * Functions return 0 or a negative errno; what a person must mend goes into a
 * crmg_err as well, any number of messages, in the order found. Nothing here
 * prints except crmg_err_print(), which only cli/ and daemon/ call.
 */
#ifndef CRMGATE_ERR_H
#define CRMGATE_ERR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum crmg_severity { CRMG_WARNING, CRMG_ERROR };

struct crmg_message {
	enum crmg_severity severity;
	char *file;		/* NULL: not about a file */
	unsigned int line;	/* from 1; 0: none */
	unsigned int column;	/* from 1; 0: none */
	char *text;		/* one line, control characters escaped */
};

struct crmg_err {
	struct crmg_message *messages;
	size_t count;
	size_t errors;		/* of these, severity CRMG_ERROR */
};

#define CRMG_ERR_INIT { 0 }

/* Adds a message about a place of a file. */
void crmg_err_at(struct crmg_err *err, enum crmg_severity severity, const char *file,
		 unsigned int line, unsigned int column, const char *format, ...)
	__attribute__((format(printf, 6, 7)));

/* Adds an error without a place, and returns code: `return crmg_err_set(err, -EBUSY, "...")`. */
int crmg_err_set(struct crmg_err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Adds a warning without a place. */
void crmg_err_warn(struct crmg_err *err, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/*
 * Puts messages[from...] into the order of their places: those of file `first`,
 * then other files by name, then those without a file; in a file those without
 * a line come last.
 */
void crmg_err_sort(struct crmg_err *err, size_t from, const char *first);

/*
 * Prints each message on a line of its own: "file:line:column: text" or
 * "crmgate: text"; a warning has "warning: " before its text.
 */
void crmg_err_print(const struct crmg_err *err, FILE *out, bool warnings);

/* Frees the messages; err is empty and usable again. */
void crmg_err_clear(struct crmg_err *err);

#endif
