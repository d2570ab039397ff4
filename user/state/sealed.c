// SPDX-License-Identifier: GPL-2.0
/* sealed.c - a line of JSON with the SHA-256 of itself. */
#include "sealed.h"

#include <errno.h>
#include <string.h>

#include <nettle/sha2.h>

#include "../base/util.h"

#define HASH_MEMBER ",\"hash\":\""

void crmg_sha256(const void *data, size_t size, uint8_t ret[CRMG_SHA256_SIZE])
{
	struct sha256_ctx context;

	sha256_init(&context);
	sha256_update(&context, size, data);
	sha256_digest(&context, CRMG_SHA256_SIZE, ret);
}

char *crmg_hex(const uint8_t *bytes, size_t count, char *text)
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

int crmg_unhex(const char *text, size_t count, uint8_t *ret)
{
	for (size_t i = 0; i < count; i++) {
		int high = digit(text[2 * i]), low = high < 0 ? -1 : digit(text[2 * i + 1]);

		if (low < 0)
			return -EINVAL;
		ret[i] = high << 4 | low;
	}
	return 0;
}

char *crmg_seal(const json_t *json, uint8_t ret_hash[CRMG_SHA256_SIZE])
{
	crmg_autofree char *body = json ? json_dumps(json, JSON_COMPACT | JSON_ENSURE_ASCII) : NULL;
	size_t size = body ? strlen(body) - 1 : 0;	/* without "}" */
	char hex[CRMG_SHA256_HEX], *line = NULL;

	if (!body)
		return NULL;
	crmg_sha256(body, size, ret_hash);
	if (asprintf(&line, "%.*s" HASH_MEMBER "%s\"}\n", (int)size, body,
		     crmg_hex(ret_hash, CRMG_SHA256_SIZE, hex)) < 0)
		return NULL;
	return line;
}

int crmg_unseal(const char *text, size_t size, json_t **ret, uint8_t ret_hash[CRMG_SHA256_SIZE])
{
	size_t tail = strlen(HASH_MEMBER) + CRMG_SHA256_HEX - 1 + strlen("\"}"), body;
	uint8_t computed[CRMG_SHA256_SIZE], written[CRMG_SHA256_SIZE];
	json_t *json;

	if (size <= tail)
		return -EBADMSG;
	body = size - tail;
	if (memcmp(text + body, HASH_MEMBER, strlen(HASH_MEMBER)) != 0 ||
	    memcmp(text + size - 2, "\"}", 2) != 0 ||
	    crmg_unhex(text + body + strlen(HASH_MEMBER), CRMG_SHA256_SIZE, written) < 0)
		return -EBADMSG;
	crmg_sha256(text, body, computed);
	if (memcmp(computed, written, sizeof(computed)) != 0)
		return -EBADMSG;
	json = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	if (!json)
		return -EBADMSG;
	memcpy(ret_hash, written, sizeof(written));
	*ret = json;
	return 0;
}
