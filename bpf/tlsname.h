/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlsname.h - the host name that a TLS client asks for (RFC 6066, 3), as far as the first segment
 * has it; the rest of the hello may come later. Needs nothing of BPF, so tests read natively.
 */
#ifndef CRMGATE_BPF_TLSNAME_H
#define CRMGATE_BPF_TLSNAME_H

#include <crmgate/servername.h>

#include "tlsfirst.h"

#define CRMG_NAME_STEPS 64	/* extensions; of a hello with more no name is known */
#define CRMG_TLS_EXT_SERVER_NAME 0

/*
 * Finds the extensions of the hello that begins at k->at, as much of them as is in this segment
 * and record. False: there are none.
 */
static __always_inline bool crmg_name_open(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	__u32 hello_end, record_end, at;
	__u8 *b = k->bytes;

	k->name.len = 0;
	if (k->end - k->at < CRMG_FIRST_BYTES || load(ctx, k->at, b, CRMG_FIRST_BYTES) ||
	    b[0] != CRMG_TLS_HANDSHAKE || b[1] != 3 || b[5] != CRMG_TLS_CLIENT_HELLO || b[6] ||
	    b[9] != 3)
		return false;
	record_end = k->at + CRMG_TLS_HEADER + (b[3] << 8 | b[4]);
	hello_end = k->at + CRMG_TLS_HEADER + 4 + (b[7] << 8 | b[8]);
	if (k->end > record_end)
		k->end = record_end;
	at = k->at + CRMG_FIRST_BYTES + CRMG_FIRST_RANDOM;
	if (at + 1 > k->end || load(ctx, at, b, 1) || b[0] > CRMG_FIRST_SESSION)
		return false;
	at += 1 + b[0];
	if (at + 2 > k->end || load(ctx, at, b, 2))
		return false;
	at += 2 + (b[0] << 8 | b[1]);	/* cipher suites */
	if (at + 1 > k->end || load(ctx, at, b, 1))
		return false;
	at += 1 + b[0];			/* methods of compression */
	if (at + 2 > k->end || load(ctx, at, b, 2))
		return false;
	k->ext = at + 2;
	k->ext_end = k->ext + (b[0] << 8 | b[1]);
	if (k->ext_end != hello_end)
		return false;
	if (k->ext_end > k->end)
		k->ext_end = k->end;
	return true;
}

/* Looks at one extension; 1: there is no more to look at. */
static __always_inline long crmg_name_step(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	__u8 *b = k->bytes;
	__u32 at = k->ext + 4, len;

	if (at > k->ext_end || load(ctx, k->ext, b, 4))
		return 1;
	len = b[2] << 8 | b[3];
	k->ext = at + len;
	if (b[0] << 8 | b[1])	/* not CRMG_TLS_EXT_SERVER_NAME */
		return k->ext >= k->ext_end;
	/* A list of one name, which servers insist on. */
	if (k->ext > k->ext_end || len < 5 || load(ctx, at, b, 5) || b[2] ||
	    (b[0] << 8 | b[1]) + 2U != len || (b[3] << 8 | b[4]) + 5U != len)
		return 1;
	k->from = at + 5;
	k->name.len = len - 5;
	return 1;
}

/*
 * Loads the name that was found. False: there is none that could be of the policy. One that
 * begins with a dot could be taken for what follows an asterisk.
 */
static __always_inline bool
crmg_name_load(struct crmg_walk *k, void *ctx, crmg_tls_load *load, __u8 base)
{
	__u32 len = k->name.len;

	if (!len || len > CRMG_SERVER_NAME_MAX)
		return false;
	if (load(ctx, k->from, k->bytes, ((len - 1) & (CRMG_WALK_BYTES - 1)) + 1))
		return false;
	k->name.dot = 0;
	k->name.hash = k->name.parent = crmg_name_begin(base);
	return k->bytes[0] != '.';
}

/*
 * Takes byte i of the name into its hash, and into that of what follows its first label; in small
 * letters. 1: it has no such byte.
 */
static __always_inline long crmg_name_byte(struct crmg_walk *k, __u32 i)
{
	__u8 *b, c;

	if (i >= k->name.len)
		return 1;
	b = &k->bytes[i & (CRMG_WALK_BYTES - 1)];
	c = *b;
	if (c >= 'A' && c <= 'Z')
		c |= 0x20;
	*b = c;
	if (c == '.' && !k->name.dot)
		k->name.dot = i;
	k->name.hash = crmg_name_hash(k->name.hash, c);
	if (k->name.dot)
		k->name.parent = crmg_name_hash(k->name.parent, c);
	return 0;
}

/*
 * True if word i of a name of the image is that of the one that was read, from byte `from` of
 * it on. It ends there if the other does.
 */
static __always_inline bool
crmg_name_word_is(const struct crmg_walk *k, __u32 from, __u32 i, __u64 word)
{
	struct word {
		__u64 value;
	} __attribute__((packed, may_alias));
	__u32 at = from + 8 * i, left = k->name.len - at;
	__u64 said;

	/* Base and service: no text. */
	if (i == CRMG_SERVER_NAME_WORDS - 1)
		word &= ~0ULL >> 16;
	if (at >= k->name.len)
		return !word;
#ifdef __bpf__
	said = *(const __u64 *)(k->bytes + (at & (CRMG_WALK_BYTES - 1)));
#else
	said = ((const struct word *)(k->bytes + (at & (CRMG_WALK_BYTES - 1))))->value;
#endif
	if (left < 8)
		said &= ~0ULL >> (64 - 8 * left);
	return said == word;
}

#endif
