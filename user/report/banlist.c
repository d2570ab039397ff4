// SPDX-License-Identifier: GPL-2.0
/*
 * banlist.c - reads lists of bans from outside: bounded, nothing guessed, every
 * error of a list reported (up to a bound) and none of it used then.
 */
#include <ctype.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "bans.h"
#include "text.h"

#define ERRORS_MAX 100

bool crmg_is_name(const char *text)
{
	size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			       "0123456789_-");

	return length && length <= 32 && !text[length] && isalnum((unsigned char)text[0]);
}

bool crmg_is_note(const char *text)
{
	return strlen(text) <= CRMG_BAN_NOTE_MAX && crmg_is_plain(text);
}

int crmg_banlist_add(struct crmg_banlist *list, const char *text, const char **ret_why)
{
	struct crmg_banlist_entry *entry;
	struct crmg_pfx prefix;
	int code = crmg_parse_prefix(text, &prefix, ret_why);

	if (code < 0)
		return code;
	entry = crmg_grow(&list->entries, &list->count, sizeof(*entry));
	if (!entry)
		return -ENOMEM;
	entry->prefix = prefix;
	return 0;
}

void crmg_banlist_free(struct crmg_banlist *list)
{
	free(list->entries);
	*list = (struct crmg_banlist){ 0 };
}

/* The whole of in, NUL-terminated: 0, -ENOMEM, -EIO, or -EFBIG. */
static int read_all(FILE *in, char **ret, size_t *ret_size)
{
	crmg_autofree char *text = NULL;
	size_t size = 0, room = 0, got;

	do {
		if (size + 1 >= room) {
			char *grown = realloc(text, room ? 2 * room : 65536);

			if (!grown)
				return -ENOMEM;
			text = grown;
			room = room ? 2 * room : 65536;
		}
		got = fread(text + size, 1, room - 1 - size, in);
		size += got;
		if (size > CRMG_BANLIST_MAX_BYTES)
			return -EFBIG;
	} while (got);
	if (ferror(in))
		return -EIO;
	text[size] = '\0';
	*ret = text;
	*ret_size = size;
	text = NULL;
	return 0;
}

static int read_lines(struct crmg_banlist *list, char *text, const char *name,
		      struct crmg_err *err)
{
	unsigned int number = 0;
	size_t errors = 0;
	char *line;

	while ((line = strsep(&text, "\n")) && errors < ERRORS_MAX) {
		char *start = line + strspn(line, " \t\r");
		const char *why = NULL;
		int code;

		number++;
		start[strcspn(start, " \t\r#;")] = '\0';
		if (!*start)
			continue;
		code = crmg_banlist_add(list, start, &why);
		if (code == -ENOMEM)
			return code;
		if (code < 0) {
			crmg_err_at(err, CRMG_ERROR, name, number,
				    (unsigned int)(start - line) + 1, "\"%s\": %s", start, why);
			errors++;
		}
	}
	return errors ? -EINVAL : 0;
}

/* Text of a member, "" when it is not there or null; NULL when it is something else. */
static const char *member(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	return !value || json_is_null(value) ? "" : json_string_value(value);
}

/* *ret: 0 when not said, CRMG_BAN_FOREVER, or the time left; -ESTALE: it has ended. */
static int end_of(const json_t *ban, uint64_t real_ns, uint64_t *ret, const char **ret_why)
{
	const json_t *remaining = json_object_get(ban, "remaining_seconds");
	const char *until = member(ban, "until");
	uint64_t end;

	if (until && *until) {
		if (strcmp(until, CRMG_FOREVER_TEXT) == 0) {
			*ret = CRMG_BAN_FOREVER;
			return 0;
		}
		*ret_why = "\"until\" must be a time like 2026-01-31T12:00:00Z";
		if (crmg_parse_utc(until, &end) < 0)
			return -EINVAL;
		if (end <= real_ns)
			return -ESTALE;
		*ret = end - real_ns;
		return 0;
	}
	*ret_why = "\"until\" must be text, \"remaining_seconds\" a number from 0 on";
	if (!until || (remaining && !json_is_null(remaining) && !json_is_integer(remaining)))
		return -EINVAL;
	if (json_is_integer(remaining)) {
		json_int_t seconds = json_integer_value(remaining);

		if (seconds < 0 || (uint64_t)seconds > INT64_MAX / CRMG_NS_PER_SEC)
			return -EINVAL;
		if (!seconds)
			return -ESTALE;
		*ret = (uint64_t)seconds * CRMG_NS_PER_SEC;
	}
	return 0;
}

/* One element of bans[]: 0, -ENOMEM, or -EINVAL and why. */
static int add_object(struct crmg_banlist *list, const json_t *ban, uint64_t real_ns,
		      const char **ret_why)
{
	const char *prefix = member(ban, "prefix"), *service = member(ban, "service");
	const char *origin = member(ban, "origin"), *note = member(ban, "note");
	struct crmg_banlist_entry *entry;
	uint64_t for_ns = 0;
	int code;

	*ret_why = "a ban is an object with \"prefix\"; service, origin, note are text or null";
	if (!json_is_object(ban) || !prefix || !*prefix || !service || !origin || !note)
		return -EINVAL;
	*ret_why = "service and origin are names of at most 32 characters";
	if ((*service && !crmg_is_name(service)) || (*origin && !crmg_is_name(origin)))
		return -EINVAL;
	*ret_why = "a note has at most 64 bytes and no control characters";
	if (!crmg_is_note(note))
		return -EINVAL;
	code = end_of(ban, real_ns, &for_ns, ret_why);
	if (code == -ESTALE) {
		list->ended++;
		return 0;
	}
	if (!code)
		code = crmg_banlist_add(list, prefix, ret_why);
	if (code < 0)
		return code;
	entry = &list->entries[list->count - 1];
	crmg_copy(entry->service, sizeof(entry->service), service);
	crmg_copy(entry->origin, sizeof(entry->origin), origin);
	crmg_copy(entry->note, sizeof(entry->note), note);
	entry->for_ns = for_ns;
	return 0;
}

static int read_document(struct crmg_banlist *list, const char *text, size_t size,
			 const char *name, uint64_t real_ns, struct crmg_err *err)
{
	json_error_t where;
	json_t *document = json_loadb(text, size, JSON_REJECT_DUPLICATES, &where);
	const json_t *bans = json_object_get(document, "bans"), *ban;
	const json_t *schema = json_object_get(document, "schema");
	size_t i, errors = 0;
	int code = 0;

	if (!document) {
		crmg_err_at(err, CRMG_ERROR, name, where.line, where.column, "%s", where.text);
		return -EINVAL;
	}
	if (!json_is_array(bans) || (schema && json_integer_value(schema) != 1)) {
		crmg_err_at(err, CRMG_ERROR, name, 0, 0,
			    "a document of bans has \"schema\": 1 and an array \"bans\"");
		code = -EINVAL;
	}
	json_array_foreach(bans, i, ban) {
		const char *why = NULL;

		if (code == -ENOMEM || errors == ERRORS_MAX)
			break;
		if (!code)
			code = add_object(list, ban, real_ns, &why);
		if (code == -EINVAL && why) {
			crmg_err_at(err, CRMG_ERROR, name, 0, 0, "bans[%zu]: %s", i, why);
			errors++;
			code = 0;
		}
	}
	json_decref(document);
	return errors ? -EINVAL : code;
}

int crmg_banlist_read(struct crmg_banlist *list, FILE *in, const char *name, uint64_t real_ns,
		      struct crmg_err *err)
{
	crmg_autofree char *text = NULL;
	size_t size = 0;
	int code = read_all(in, &text, &size);

	if (code == -EFBIG) {
		crmg_err_at(err, CRMG_ERROR, name, 0, 0, "a list has at most %u MiB",
			    CRMG_BANLIST_MAX_BYTES >> 20);
		return code;
	}
	if (code < 0) {
		crmg_err_at(err, CRMG_ERROR, name, 0, 0, "cannot be read: %s", strerror(-code));
		return code;
	}
	if (strlen(text) != size) {
		crmg_err_at(err, CRMG_ERROR, name, 0, 0, "has a NUL in it: this is no list");
		return -EINVAL;
	}
	if (text[strspn(text, " \t\r\n")] == '{')
		return read_document(list, text, size, name, real_ns, err);
	return read_lines(list, text, name, err);
}
