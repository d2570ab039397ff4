// SPDX-License-Identifier: GPL-2.0
/* pseudonym.c - keys of days, and what addresses are under them. */
#include "pseudonym.h"

#include <endian.h>
#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include <nettle/aes.h>

#include "../base/util.h"
#include "../state/sealed.h"
#include "days.h"

#define KEY_FILE_MAX 4096	/* bytes */

_Static_assert(sizeof(((struct crmg_day_key *)0)->key) == AES128_KEY_SIZE, "AES-128");

/* --------------------------------------------------------------------- keys */

/* {"day":"2026-11-30","key":"...","hash":"..."}: a key that is torn, or another day's, is none. */
static int parse_key(const char *text, size_t size, struct crmg_day_key *key)
{
	uint8_t hash[CRMG_SHA256_SIZE];
	char date[CRMG_DATE_LEN];
	const char *day, *hex;
	json_t *json;
	int code = size ? crmg_unseal(text, size - 1, &json, hash) : -EBADMSG;

	if (code)
		return code;
	day = json_string_value(json_object_get(json, "day"));
	hex = json_string_value(json_object_get(json, "key"));
	if (!day || !hex || strcmp(day, crmg_format_date(key->day_ns, date)) != 0 ||
	    strlen(hex) != 2 * sizeof(key->key) || crmg_unhex(hex, sizeof(key->key), key->key))
		code = -EBADMSG;
	json_decref(json);
	return code;
}

int crmg_day_key_read(const struct crmg_state *state, uint64_t day_ns, struct crmg_day_key *ret,
		      struct crmg_err *err)
{
	struct crmg_day_key key = { .day_ns = day_ns };
	crmg_autofree char *text = NULL;
	char name[CRMG_DAY_FILE_LEN];
	size_t size;
	int code = crmg_state_read(state, crmg_day_file(CRMG_DAY_KEY, day_ns, name), KEY_FILE_MAX, &text,
				   &size, err);

	if (!code && parse_key(text, size, &key))
		code = crmg_err_set(err, -EBADMSG, "%s/%s is damaged: put back a copy, or remove it: "
				    "then the pseudonyms of that day are nobody's", state->path, name);
	if (!code)
		*ret = key;
	return code;
}

static int make_key(const struct crmg_state *state, struct crmg_day_key *key,
		    struct crmg_err *err)
{
	char hex[2 * sizeof(key->key) + 1], date[CRMG_DATE_LEN], name[CRMG_DAY_FILE_LEN];
	uint8_t hash[CRMG_SHA256_SIZE];
	crmg_autofree char *line = NULL;
	json_t *json;

	if (getrandom(key->key, sizeof(key->key), 0) != sizeof(key->key))
		return crmg_err_set(err, -EIO, "no random numbers for a key");
	json = json_pack("{s:s, s:s}", "day", crmg_format_date(key->day_ns, date), "key",
			 crmg_hex(key->key, sizeof(key->key), hex));
	line = crmg_seal(json, hash);
	json_decref(json);
	if (!line)
		return -ENOMEM;
	return crmg_state_write_secret(state, crmg_day_file(CRMG_DAY_KEY, key->day_ns, name), line,
				       strlen(line), err);
}

int crmg_day_key_get(const struct crmg_state *state, uint64_t day_ns, struct crmg_day_key *ret,
		     struct crmg_err *err)
{
	struct crmg_day_key key = { .day_ns = day_ns };
	int code = crmg_day_key_read(state, day_ns, &key, err), lock;

	if (code == -ENOENT) {
		lock = crmg_state_lock(state, "keys", err);
		if (lock < 0)
			return lock;
		/* Another one may have made it since: two keys of a day, and one reveals nothing. */
		code = crmg_day_key_read(state, day_ns, &key, err);
		if (code == -ENOENT)
			code = make_key(state, &key, err);
		close(lock);
	}
	if (!code)
		*ret = key;
	return code;
}

/* --------------------------------------------------------------- pseudonyms */

static void to_bytes(const struct crmg_addr *addr, uint8_t ret[AES_BLOCK_SIZE])
{
	const uint64_t words[2] = { htobe64(addr->hi), htobe64(addr->lo) };

	memcpy(ret, words, sizeof(words));
}

static struct crmg_addr from_bytes(const uint8_t bytes[AES_BLOCK_SIZE])
{
	uint64_t words[2];

	memcpy(words, bytes, sizeof(words));
	return (struct crmg_addr){ .hi = be64toh(words[0]), .lo = be64toh(words[1]) };
}

/* Once more under the same key: tells nothing, and no other key has the same. */
static uint32_t check_of(const struct aes128_ctx *context, const uint8_t block[AES_BLOCK_SIZE])
{
	uint8_t again[AES_BLOCK_SIZE];

	aes128_encrypt(context, sizeof(again), again, block);
	return CRMG_PSEUDONYM_SET | (uint32_t)again[0] << 8 | again[1];
}

struct crmg_pseudonym crmg_pseudonym_of(const struct crmg_day_key *key,
					const struct crmg_addr *addr)
{
	uint8_t block[AES_BLOCK_SIZE];
	struct aes128_ctx context;

	to_bytes(addr, block);
	aes128_set_encrypt_key(&context, key->key);
	aes128_encrypt(&context, sizeof(block), block, block);
	return (struct crmg_pseudonym){ from_bytes(block), check_of(&context, block) };
}

int crmg_pseudonym_open(const struct crmg_day_key *key, const struct crmg_pseudonym *pseudonym,
			struct crmg_addr *ret)
{
	uint8_t block[AES_BLOCK_SIZE];
	struct aes128_ctx context;

	to_bytes(&pseudonym->addr, block);
	aes128_set_encrypt_key(&context, key->key);
	if (check_of(&context, block) != pseudonym->check)
		return -EINVAL;
	aes128_set_decrypt_key(&context, key->key);
	aes128_decrypt(&context, sizeof(block), block, block);
	*ret = from_bytes(block);
	return 0;
}

char *crmg_format_pseudonym(uint64_t day_ns, const struct crmg_pseudonym *pseudonym,
			    char buf[CRMG_PSEUDONYM_LEN])
{
	char date[CRMG_DATE_LEN], hex[2 * AES_BLOCK_SIZE + 1];
	uint8_t block[AES_BLOCK_SIZE];

	to_bytes(&pseudonym->addr, block);
	snprintf(buf, CRMG_PSEUDONYM_LEN, "%s-%s%04x", crmg_format_date(day_ns, date),
		 crmg_hex(block, sizeof(block), hex), pseudonym->check & (CRMG_PSEUDONYM_SET - 1));
	return buf;
}

int crmg_parse_pseudonym(const char *text, uint64_t *ret_day_ns, struct crmg_pseudonym *ret)
{
	uint8_t bytes[AES_BLOCK_SIZE + 2];
	char date[CRMG_DATE_LEN];
	uint64_t day_ns;

	if (strlen(text) != CRMG_PSEUDONYM_LEN - 1 || text[CRMG_DATE_LEN - 1] != '-')
		return -EINVAL;
	crmg_copy(date, sizeof(date), text);
	if (crmg_parse_date(date, &day_ns) || crmg_unhex(text + CRMG_DATE_LEN, sizeof(bytes), bytes))
		return -EINVAL;
	*ret_day_ns = day_ns;
	*ret = (struct crmg_pseudonym){
		from_bytes(bytes),
		CRMG_PSEUDONYM_SET | (uint32_t)bytes[AES_BLOCK_SIZE] << 8 | bytes[AES_BLOCK_SIZE + 1],
	};
	return 0;
}
