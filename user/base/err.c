/* SPDX-License-Identifier: GPL-2.0 */
/*
 * err.c - collects and prints messages. What came from a file or a command
 * line cannot move the cursor of the terminal that shows the message.
 */
#include "err.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include "util.h"

/* Controls, line separators, and marks that turn the direction of writing. */
static bool is_unprintable(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
	       (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0xfeff;
}

/* A copy of text in which each byte that must not be printed is \xNN. */
static char *escape(const char *text)
{
	size_t left = strlen(text);
	char *copy = malloc(4 * left + 1);
	char *out = copy;

	if (!copy)
		return NULL;
	while (left) {
		uint32_t c;
		size_t length = crmg_utf8(text, left, &c);

		if (length && !is_unprintable(c)) {
			out = mempcpy(out, text, length);
		} else {
			length = length ? length : 1;
			for (size_t i = 0; i < length; i++)
				out += sprintf(out, "\\x%02x", (unsigned char)text[i]);
		}
		text += length;
		left -= length;
	}
	*out = 0;
	return copy;
}

/* Without memory the message is lost, but an error still counts as one. */
static void add(struct crmg_err *err, enum crmg_severity severity, const char *file,
		unsigned int line, unsigned int column, const char *format, va_list args)
{
	crmg_autofree char *raw = NULL;
	struct crmg_message message = { severity, NULL, line, column, NULL };
	struct crmg_message *slot = NULL;

	if (severity == CRMG_ERROR)
		err->errors++;
	if (vasprintf(&raw, format, args) < 0) {
		raw = NULL;
		return;
	}
	message.text = escape(raw);
	message.file = file ? escape(file) : NULL;
	if (message.text && (message.file || !file))
		slot = crmg_grow(&err->messages, &err->count, sizeof(*slot));
	if (slot) {
		*slot = message;
	} else {
		free(message.text);
		free(message.file);
	}
}

void crmg_err_at(struct crmg_err *err, enum crmg_severity severity, const char *file,
		 unsigned int line, unsigned int column, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(err, severity, file, line, column, format, args);
	va_end(args);
}

int crmg_err_set(struct crmg_err *err, int code, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(err, CRMG_ERROR, NULL, 0, 0, format, args);
	va_end(args);
	return code;
}

void crmg_err_warn(struct crmg_err *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	add(err, CRMG_WARNING, NULL, 0, 0, format, args);
	va_end(args);
}

/* `first` sorts before every other file; messages without a file come last. */
static int by_place(const void *left, const void *right, void *first)
{
	const struct crmg_message *a = left, *b = right;
	int order;

	if (!a->file || !b->file)
		return !a->file - !b->file;
	order = !strcmp(b->file, first) - !strcmp(a->file, first);
	if (!order)
		order = strcmp(a->file, b->file);
	if (!order)	/* without a line: last, so 0 becomes the largest */
		order = (a->line - 1 > b->line - 1) - (a->line - 1 < b->line - 1);
	if (!order)
		order = (a->column > b->column) - (a->column < b->column);
	return order ? order : strcmp(a->text, b->text);
}

void crmg_err_sort(struct crmg_err *err, size_t from, const char *first)
{
	crmg_autofree char *name = escape(first);

	if (name && err->count > from)
		qsort_r(err->messages + from, err->count - from, sizeof(err->messages[0]),
			by_place, name);
}

static void print_message(const struct crmg_message *message, FILE *out)
{
	fputs(message->file ? message->file : "crmgate", out);
	if (message->line)
		fprintf(out, ":%u", message->line);
	if (message->line && message->column)
		fprintf(out, ":%u", message->column);
	fprintf(out, ": %s%s\n", message->severity == CRMG_WARNING ? "warning: " : "",
		message->text);
}

void crmg_err_print(const struct crmg_err *err, FILE *out, bool warnings)
{
	size_t kept = 0;

	for (size_t i = 0; i < err->count; i++) {
		const struct crmg_message *message = &err->messages[i];

		kept += message->severity == CRMG_ERROR;
		if (warnings || message->severity == CRMG_ERROR)
			print_message(message, out);
	}
	if (kept < err->errors)
		fprintf(out, "crmgate: out of memory, %zu more errors are not shown\n",
			err->errors - kept);
}

void crmg_err_clear(struct crmg_err *err)
{
	for (size_t i = 0; i < err->count; i++) {
		free(err->messages[i].file);
		free(err->messages[i].text);
	}
	free(err->messages);
	*err = (struct crmg_err)CRMG_ERR_INIT;
}
