// SPDX-License-Identifier: GPL-2.0
/* entry.c - an entry of the audit log to its line, and back. */
#include "entry.h"

#include <errno.h>
#include <string.h>

#include <nettle/sha2.h>

#include "../base/util.h"
#include "../report/text.h"

#define HASH_MEMBER ",\"hash\":\""

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

void crmg_audit_sha256(const void *data, size_t size, uint8_t ret[CRMG_AUDIT_HASH])
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, CRMG_AUDIT_HASH, ret);
}

char *crmg_audit_hex(const uint8_t *bytes, size_t count, char *text)
{
	for (size_t i = 0; i < count; i++)
		sprintf(text + 2 * i, "%02x", bytes[i]);
	text[2 * count] = '\0';
	return text;
}

/* One way to write a digit, or a changed byte could mean the same. */
static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int crmg_audit_unhex(const char *text, size_t count, uint8_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return -EINVAL;
		ret[i] = high << 4 | low;
	}
	return 0;
}

/* A ban's prefix as far as it is no address of a person, and how long it really is. */
static void add_prefix(json_t *line, const struct crmg_pfx *prefix)
{
	bool v4 = crmg_addr_is_v4(&prefix->addr);
	uint8_t shown = v4 ? 96 + 24 : 48, length = prefix->len < shown ? prefix->len : shown;
	struct crmg_addr addr = crmg_addr_cut(prefix->addr, length);
	char text[CRMG_ADDR_LEN];

	json_object_set_new(line, "within", json_string(crmg_format_prefix(&addr, length, text,
									   sizeof(text))));
	json_object_set_new(line, "length", json_integer(v4 ? prefix->len - 96 : prefix->len));
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
	json_object_set_new(line, "prev", json_string(crmg_audit_hex(head->hash, CRMG_AUDIT_HASH,
								     hex)));
	return line;
}

char *crmg_audit_format(const struct crmg_audit_entry *entry, const json_t *who,
			struct crmg_audit_head *head)
{
	char hex[CRMG_AUDIT_HEX], *line = NULL;
	json_t *json = to_json(entry, who, head);
	crmg_autofree char *body = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t size = body ? strlen(body) - 1 : 0;	/* without "}" */

	json_decref(json);
	if (!body)
		return NULL;
	head->seq += entry->missing > 1 ? entry->missing : 1;
	crmg_audit_sha256(body, size, head->hash);
	if (asprintf(&line, "%.*s" HASH_MEMBER "%s\"}\n", (int)size, body,
		     crmg_audit_hex(head->hash, CRMG_AUDIT_HASH, hex)) < 0)
		return NULL;
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
	    crmg_audit_unhex(prev, CRMG_AUDIT_HASH, line->prev) < 0)
		return -EBADMSG;
	line->missing = skips(line->what) && missing > 1 ? missing : 1;
	line->head.seq = seq + line->missing - 1;
	return 0;
}

int crmg_audit_parse(const char *text, size_t size, struct crmg_audit_line *ret)
{
	struct crmg_audit_line line = { 0 };
	size_t tail = strlen(HASH_MEMBER) + CRMG_AUDIT_HEX - 1 + strlen("\"}"), body;
	uint8_t computed[CRMG_AUDIT_HASH];
	int code;

	if (size <= tail || size > CRMG_AUDIT_LINE)
		return -EBADMSG;
	body = size - tail;
	if (memcmp(text + body, HASH_MEMBER, strlen(HASH_MEMBER)) != 0 ||
	    memcmp(text + size - 2, "\"}", 2) != 0 ||
	    crmg_audit_unhex(text + body + strlen(HASH_MEMBER), CRMG_AUDIT_HASH,
			     line.head.hash) < 0)
		return -EBADMSG;
	crmg_audit_sha256(text, body, computed);
	if (memcmp(computed, line.head.hash, sizeof(computed)) != 0)
		return -EBADMSG;
	line.json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	code = line.json ? read_members(&line) : -EBADMSG;
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
