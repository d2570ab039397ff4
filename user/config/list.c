/* SPDX-License-Identifier: GPL-2.0 */
/*
 * list.c - list files: one address or prefix a line, the rest after '#', ';' or
 * a blank is comment. Up to a million lines, so a line costs no allocation.
 */
#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "config.h"
#include "file.h"
#include "reader.h"

struct list {
	struct crmg_reader *reader;
	struct crmg_model_client *client;
	const char *path;
	uint8_t file;		/* index in client->files */
	size_t bad;		/* lines with an error */
};

static bool is_blank(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');	/* \t \n \v \f \r */
}

static void bad_line(struct list *list, struct crmg_place at, const char *word, const char *why)
{
	if (++list->bad <= CRMG_LIST_MAX_ERRORS)
		crmg_err_at(list->reader->err, CRMG_ERROR, list->path, at.line, at.column,
			    "'%.64s': %s; accepted is one prefix or address a line", word, why);
}

/* text[size] is a line without its end; the byte behind it may be written. */
static void read_line(struct list *list, char *text, size_t size, unsigned int line)
{
	struct crmg_reader *r = list->reader;
	struct crmg_model_client *client = list->client;
	struct crmg_model_prefix *prefix;
	struct crmg_place at = { line, 1 };
	size_t begin = 0, end;
	struct crmg_pfx pfx;
	const char *why;

	while (begin < size && is_blank(text[begin]))
		begin++;
	for (end = begin; end < size && !is_blank(text[end]); end++)
		if (text[end] == '#' || text[end] == ';')
			break;
	if (begin == end)
		return;
	text[end] = 0;
	text += begin;
	at.column += begin;
	if (strlen(text) != end - begin) {
		bad_line(list, at, text, "there is a NUL character");
		return;
	}
	if (crmg_parse_prefix(text, &pfx, &why) < 0) {
		bad_line(list, at, text, why);
		return;
	}
	if (r->prefix_total++ >= CRMG_PREFIXES_MAX)
		return;		/* counted for the message only */
	prefix = crmg_read_grow(r, &client->prefixes, &client->prefix_count, sizeof(*prefix));
	if (prefix)
		*prefix = (struct crmg_model_prefix){
			.pfx = pfx, .from_file = true, .file = list->file, .place = at,
		};
}

static void read_lines(struct list *list, char *text, size_t size)
{
	char *end = text + size;
	unsigned int line = 1;

	if (size >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		text += 3;
	while (text < end) {
		char *newline = memchr(text, '\n', end - text);
		char *stop = newline ? newline : end;

		read_line(list, text, stop - text, line++);
		text = stop + 1;
	}
	if (list->bad > CRMG_LIST_MAX_ERRORS)
		crmg_err_at(list->reader->err, CRMG_ERROR, list->path, 0, 0,
			    "... and %zu more lines with an error",
			    list->bad - CRMG_LIST_MAX_ERRORS);
}

/* A path of the policy is relative to the folder of the policy; NULL: no memory. */
static char *resolve(const struct crmg_reader *r, const char *name)
{
	const char *slash = strrchr(r->file, '/');
	char *path;

	if (name[0] == '/' || !slash)
		return strdup(name);
	if (asprintf(&path, "%.*s/%s", (int)(slash - r->file), r->file, name) < 0)
		return NULL;
	return path;
}

void crmg_read_list_file(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_client *client)
{
	const char *name = crmg_read_text(r, node, "the name of a list file");
	struct list list = { .reader = r, .client = client, .file = client->file_count };
	crmg_autofree char *text = NULL;
	char why[160], **place;
	uint64_t written_ns;
	size_t size;

	if (!name)
		return;
	if (!r->lists) {
		crmg_read_error(r, node->place, "list files can only be read for a policy file");
		return;
	}
	place = crmg_read_grow(r, &client->files, &client->file_count, sizeof(*place));
	if (!place)
		return;
	*place = resolve(r, name);
	if (!*place) {
		client->file_count--;
		r->no_memory = true;
		return;
	}
	list.path = *place;
	if (crmg_file_read(list.path, CRMG_LIST_MAX_BYTES, r->strict_owner, &text, &size,
			   &written_ns, why, sizeof(why)) < 0) {
		crmg_read_error(r, node->place, "list file '%.200s': %s", name, why);
		return;
	}
	if (!client->feed_ns || written_ns < client->feed_ns)
		client->feed_ns = written_ns;
	read_lines(&list, text, size);
}
