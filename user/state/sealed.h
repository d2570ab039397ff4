/* SPDX-License-Identifier: GPL-2.0 */
/*
 * sealed.h - a line of JSON that carries its own check: its last member, "hash", is the
 * SHA-256 of the bytes of the line before `,"hash":`.
 */
#ifndef CRMGATE_STATE_SEALED_H
#define CRMGATE_STATE_SEALED_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define CRMG_SHA256_SIZE 32
#define CRMG_SHA256_HEX  (2 * CRMG_SHA256_SIZE + 1)	/* as text, with NUL */

void crmg_sha256(const void *data, size_t size, uint8_t ret[CRMG_SHA256_SIZE]);

/* Bytes as hex, of which text has room; and back: 0 or -EINVAL. */
char *crmg_hex(const uint8_t *bytes, size_t count, char *text);
int crmg_unhex(const char *text, size_t count, uint8_t *ret);

/*
 * An object that has a member as a line, with its newline, that the caller frees. NULL: out
 * of memory, or json is NULL.
 */
char *crmg_seal(const json_t *json, uint8_t ret_hash[CRMG_SHA256_SIZE]);

/*
 * A line (without newline) as the object that was sealed, with its "hash". -EBADMSG: it is
 * none, or not as it was written. Outputs are untouched on failure.
 */
int crmg_unseal(const char *text, size_t size, json_t **ret, uint8_t ret_hash[CRMG_SHA256_SIZE]);

#endif
