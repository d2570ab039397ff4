/* SPDX-License-Identifier: GPL-2.0 */
/* httpwords.h - the words that http.h knows: methods, and names of headers. Natively, too. */
#ifndef CRMGATE_BPF_HTTPWORDS_H
#define CRMGATE_BPF_HTTPWORDS_H

#include <stdbool.h>

#include <crmgate/abi.h>

#include "once.h"

enum crmg_http_name { CRMG_HTTP_CONTENT_LENGTH, CRMG_HTTP_TRANSFER_ENCODING };

#define CRMG_BYTES(a, b, c, d, e, f, g, h) \
	((__u64)(a) | (__u64)(b) << 8 | (__u64)(c) << 16 | (__u64)(d) << 24 | \
	 (__u64)(e) << 32 | (__u64)(f) << 40 | (__u64)(g) << 48 | (__u64)(h) << 56)

/* Byte `at` of a name, or 0 at its end. Words, since a string would be a section of its own. */
static __always_inline __u32 crmg_http_name_byte(__u32 name, __u32 at)
{
	const bool length = name == CRMG_HTTP_CONTENT_LENGTH;
	__u64 word;

	if (at < 8)
		word = length ? CRMG_BYTES('c', 'o', 'n', 't', 'e', 'n', 't', '-') :
				CRMG_BYTES('t', 'r', 'a', 'n', 's', 'f', 'e', 'r');
	else if (at < 16)
		word = length ? CRMG_BYTES('l', 'e', 'n', 'g', 't', 'h', 0, 0) :
				CRMG_BYTES('-', 'e', 'n', 'c', 'o', 'd', 'i', 'n');
	else
		word = at == 16 ? 'g' : 0;
	return word >> (at & 7) * 8 & 0xff;
}

#define CRMG_METHOD_MAX 9	/* bytes; a longer one is none that a policy can name */

/* Byte i of a method, the last one first: seven bits each, so that all of it is in one word. */
#define CRMG_METHOD_BYTE(name, i) \
	((i) < sizeof(name) - 1 ? \
	 (__u64)(name)[(i) < sizeof(name) - 1 ? sizeof(name) - 2 - (i) : 0] << (i) * 7 : 0)
#define CRMG_METHOD_WORD(name) \
	(CRMG_METHOD_BYTE(name, 0) | CRMG_METHOD_BYTE(name, 1) | CRMG_METHOD_BYTE(name, 2) | \
	 CRMG_METHOD_BYTE(name, 3) | CRMG_METHOD_BYTE(name, 4) | CRMG_METHOD_BYTE(name, 5) | \
	 CRMG_METHOD_BYTE(name, 6) | CRMG_METHOD_BYTE(name, 7) | CRMG_METHOD_BYTE(name, 8))

#define X(ID, name) \
	_Static_assert(sizeof(name) - 1 <= CRMG_METHOD_MAX, "a word has no room for " name);
CRMG_METHODS(X)
#undef X

/* 1 or 0; calculated, as a branch for each would double what the verifier has to follow. */
static __always_inline __u32
crmg_method_is(__u64 method, __u32 len, __u64 word, __u32 bytes)
{
	__u64 differs = (method ^ word) | (len ^ bytes);

	barrier_var(differs);
	return (~differs & (differs - 1)) >> 63;
}

/* The bit of a method of so many bytes; len 0: its beginning was not seen, and the bit is 0. */
static __always_inline __u32 crmg_method_bit(__u64 method, __u32 len)
{
	__u32 bits = 0;

#define X(ID, name) \
	bits |= crmg_method_is(method, len, CRMG_METHOD_WORD(name), sizeof(name) - 1) << \
		CRMG_METHOD_##ID; \
	barrier_var(method);	/* one after another, or all take the stack at once */ \
	barrier_var(len);
	CRMG_METHODS(X)
#undef X
	return bits || !len ? bits : 1U << CRMG_METHOD_COUNT;
}

#endif
