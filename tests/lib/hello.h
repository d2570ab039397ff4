/* SPDX-License-Identifier: GPL-2.0 */
/* hello.h - what a TLS server or client says first, as a test wants it. */
#ifndef CRMGATE_TEST_HELLO_H
#define CRMGATE_TEST_HELLO_H

#include <stdint.h>
#include <string.h>

#define HELLO_MAX 4096

struct hello {
	uint8_t bytes[HELLO_MAX];
	uint32_t len;
};

enum { HELLO_BARE, HELLO_OLD, HELLO_13, HELLO_13_LAST };

static inline void hello_put(struct hello *h, uint32_t value, int bytes)
{
	while (bytes--)
		h->bytes[h->len++] = (uint8_t)(value >> 8 * bytes);
}

/* An extension of so many bytes, none of which is a version. */
static inline void hello_extension(struct hello *h, uint16_t type, uint16_t len)
{
	hello_put(h, type, 2);
	hello_put(h, len, 2);
	memset(h->bytes + h->len, 0x2b, len);
	h->len += len;
}

static inline void hello_choice(struct hello *h)
{
	hello_extension(h, 43, 2);
	h->bytes[h->len - 2] = 3;
	h->bytes[h->len - 1] = 4;
}

/*
 * A ServerHello that names this minor number: without extensions, with those of TLS 1.2, or with
 * that of 1.3, first or behind a long one. Other messages follow in records of their own.
 */
static inline struct hello hello_of(uint8_t minor, int extensions)
{
	struct hello h = { .len = 0 };
	uint32_t at, end;

	hello_put(&h, 22 << 16 | 0x0303, 3);
	hello_put(&h, 0, 2);
	hello_put(&h, 2, 1);
	hello_put(&h, 0, 3);
	hello_put(&h, 0x0300 | minor, 2);
	h.len += 32;
	hello_put(&h, 32, 1);
	h.len += 32;
	hello_put(&h, 0x002f00, 3);
	at = h.len;
	if (extensions != HELLO_BARE)
		hello_put(&h, 0, 2);
	if (extensions == HELLO_13)
		hello_choice(&h);
	if (extensions == HELLO_13 || extensions == HELLO_13_LAST)
		hello_extension(&h, 51, 1124);
	if (extensions == HELLO_13_LAST)
		hello_choice(&h);
	if (extensions == HELLO_OLD)
		for (uint16_t i = 0; i < 7; i++)
			hello_extension(&h, i, i);
	if (extensions != HELLO_BARE) {
		h.bytes[at] = (uint8_t)((h.len - at - 2) >> 8);
		h.bytes[at + 1] = (uint8_t)(h.len - at - 2);
	}
	end = h.len;
	h.bytes[3] = (uint8_t)((end - 5) >> 8);
	h.bytes[4] = (uint8_t)(end - 5);
	h.bytes[7] = (uint8_t)((end - 9) >> 8);
	h.bytes[8] = (uint8_t)(end - 9);
	hello_put(&h, 0x16, 1);
	hello_put(&h, 0x03030004, 4);
	hello_put(&h, 0x0e000000, 4);
	return h;
}

/*
 * A ClientHello that asks for this host name (NULL: for none), with extensions before and behind
 * that.
 */
static inline struct hello hello_asking(const char *name, size_t len)
{
	struct hello h = { .len = 0 };
	uint32_t at;

	hello_put(&h, 22 << 16 | 0x0301, 3);
	hello_put(&h, 0, 2);
	hello_put(&h, 1, 1);
	hello_put(&h, 0, 3);
	hello_put(&h, 0x0303, 2);
	h.len += 32;
	hello_put(&h, 32, 1);
	h.len += 32;
	hello_put(&h, 0x00041301, 4);
	hello_put(&h, 0x1302, 2);
	hello_put(&h, 0x0100, 2);
	at = h.len;
	hello_put(&h, 0, 2);
	hello_extension(&h, 23, 0);
	if (name) {
		hello_put(&h, (uint32_t)(len + 5), 4);
		hello_put(&h, (uint32_t)(len + 3), 2);
		hello_put(&h, (uint32_t)len, 3);
		memcpy(h.bytes + h.len, name, len);
		h.len += (uint32_t)len;
	}
	hello_extension(&h, 51, 80);
	h.bytes[at] = (uint8_t)((h.len - at - 2) >> 8);
	h.bytes[at + 1] = (uint8_t)(h.len - at - 2);
	h.bytes[3] = (uint8_t)((h.len - 5) >> 8);
	h.bytes[4] = (uint8_t)(h.len - 5);
	h.bytes[7] = (uint8_t)((h.len - 9) >> 8);
	h.bytes[8] = (uint8_t)(h.len - 9);
	return h;
}

#endif
