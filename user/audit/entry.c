// SPDX-License-Identifier: GPL-2.0
/* entry.c - an entry of the audit log to its line, and back. */
#include "entry.h"

#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../report/text.h"

const char *crmg_audit_word(enum crmg_audit_mark_id id)
{
#define WORD(ID, word, ...) word,
	static const char *const words[] = { CRMG_AUDIT_MARKS(WORD) };

	return words[id];
}

static bool skips(const char *what)
{
#define SKIPS(ID, word, skips) if (skips && strcmp(what, word) == 0) return true;
	CRMG_AUDIT_MARKS(SKIPS)
	return false;
}

/* A ban's prefix as far as it is no address of a person, and how long it really is. */
static void add_prefix(json_t *line, const struct crmg_pfx *prefix)
{
	const struct crmg_pfx outline = crmg_addr_outline(prefix);
	char text[CRMG_ADDR_LEN];

	json_object_set_new(line, "within", json_string(
		crmg_format_prefix(&outline.addr, outline.len, text, sizeof(text))));
	json_object_set_new(line, "length", json_integer(
		crmg_addr_is_v4(&prefix->addr) ? prefix->len - 96 : prefix->len));
}

static json_t *to_json(const struct crmg_audit_entry *entry, const json_t *who,
		       const struct crmg_audit_head *head)
{
	char at[CRMG_TIME_LEN], hex[CRMG_AUDIT_HEX];
	json_t *line = json_pack("{s:I, s:s, s:s}", "seq", (json_int_t)head->seq + 1,
				 "time", crmg_format_utc(entry->real_ns, true, at, sizeof(at)),
				 "what", entry->what);

	if (!line)
		return NULL;
	if (entry->has_prefix)
		add_prefix(line, &entry->prefix);
	if (entry->service[0])
		json_object_set_new(line, "service", crmg_json_text(entry->service,
								    sizeof(entry->service)));
	json_object_set_new(line, "details", crmg_json_text(entry->details,
							    sizeof(entry->details)));
	if (entry->generation)
		json_object_set_new(line, "generation", json_integer(entry->generation));
	if (entry->missing)
		json_object_set_new(line, "missing", json_integer(entry->missing));
	json_object_update(line, (json_t *)who);
	json_object_set_new(line, "prev", json_string(crmg_hex(head->hash, CRMG_AUDIT_HASH,
								     hex)));
	return line;
}

char *crmg_audit_format(const struct crmg_audit_entry *entry, const json_t *who,
			struct crmg_audit_head *head)
{
	json_t *json = to_json(entry, who, head);
	char *line = crmg_seal(json, head->hash);

	json_decref(json);
	if (line)
		head->seq += entry->missing > 1 ? entry->missing : 1;
	return line;
}

static int read_members(struct crmg_audit_line *line)
{
	const json_t *json = line->json;
	const char *prev = json_string_value(json_object_get(json, "prev"));
	json_int_t seq = json_integer_value(json_object_get(json, "seq"));
	json_int_t missing = json_integer_value(json_object_get(json, "missing"));

	line->what = json_string_value(json_object_get(json, "what"));
	if (!line->what || !prev || strlen(prev) != CRMG_AUDIT_HEX - 1 || seq < 1 ||
	    seq > UINT32_MAX || missing < 0 || missing > UINT32_MAX - seq ||
	    crmg_unhex(prev, CRMG_AUDIT_HASH, line->prev) < 0)
		return -EBADMSG;
	line->missing = skips(line->what) && missing > 1 ? missing : 1;
	line->head.seq = seq + line->missing - 1;
	return 0;
}

int crmg_audit_parse(const char *text, size_t size, struct crmg_audit_line *ret)
{
	struct crmg_audit_line line = { 0 };
	int code = size > CRMG_AUDIT_LINE ? -EBADMSG :
		   crmg_unseal(text, size, &line.json, line.head.hash);

	if (!code)
		code = read_members(&line);
	if (code < 0)
		json_decref(line.json);
	else
		*ret = line;
	return code;
}

bool crmg_audit_mark_fits(const struct crmg_audit_mark *mark, const struct crmg_audit_head *head)
{
	return memcmp(mark->head, head->hash, sizeof(mark->head)) == 0;
}

void crmg_audit_mark_set(struct crmg_audit_mark *mark, const struct crmg_audit_head *head)
{
	memcpy(mark->head, head->hash, sizeof(mark->head));
	mark->seq = head->seq;
	mark->lost = 0;
}
