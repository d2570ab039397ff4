/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlsfirst.h - what a TLS client says first: its ClientHello, as far as the first segment has
 * it. Needs nothing of BPF, so tests put hellos to it natively.
 */
#ifndef CRMGATE_BPF_TLSFIRST_H
#define CRMGATE_BPF_TLSFIRST_H

#include "tlswords.h"

#define CRMG_FIRST_BYTES   (CRMG_TLS_HEADER + 6)	/* to the version, that included */
#define CRMG_FIRST_RANDOM  32
#define CRMG_FIRST_SESSION 32		/* at most */

/*
 * Finds the extensions of a ClientHello of which version and lengths are in bytes[]. False if
 * not all of it is in this record and segment: then nothing is known of it.
 */
static __always_inline bool
crmg_first_extensions(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	__u8 *b = k->bytes;
	__u32 record = b[3] << 8 | b[4], hello = b[7] << 8 | b[8];
	__u32 at = k->at + CRMG_FIRST_BYTES + CRMG_FIRST_RANDOM;
	__u32 end = k->at + CRMG_TLS_HEADER + 4 + hello;

	if (b[6] || 4 + hello > record || end > k->end || load(ctx, at, b, 1) ||
	    b[0] > CRMG_FIRST_SESSION)
		return false;
	at += 1 + b[0];
	if (at + 2 > end || load(ctx, at, b, 2))
		return false;
	at += 2 + (b[0] << 8 | b[1]);	/* cipher suites */
	if (at + 1 > end || load(ctx, at, b, 1))
		return false;
	at += 1 + b[0];			/* methods of compression */
	if (at == end) {
		k->ext = k->ext_end = end;
		return true;
	}
	if (at + 2 > end || load(ctx, at, b, 2) || at + 2 + (b[0] << 8 | b[1]) != end)
		return false;
	k->ext = at + 2;
	k->ext_end = end;
	return true;
}

/*
 * Begins to read at k->at: the version of TLS that the client cannot go beyond, enum
 * crmg_tls_version, if the first bytes say that. CRMG_TLS_VERSION_COUNT: it is not known; or,
 * if k->ext_end is not 0, extensions have to be looked through (crmg_first_step()), since it
 * is below `minimum`.
 */
static __always_inline enum crmg_tls_version
crmg_first_open(struct crmg_walk *k, void *ctx, crmg_tls_load *load, __u32 minimum)
{
	__u8 *b = k->bytes;

	k->ext = 0;
	k->ext_end = 0;
	if (k->end - k->at < CRMG_FIRST_BYTES)
		return load(ctx, k->at, b, 1) || b[0] == CRMG_TLS_HANDSHAKE ?
		       CRMG_TLS_VERSION_COUNT : CRMG_TLS_VERSION_PLAINTEXT;
	if (load(ctx, k->at, b, CRMG_FIRST_BYTES))
		return CRMG_TLS_VERSION_COUNT;
	if (b[0] != CRMG_TLS_HANDSHAKE || b[1] != 3)
		return CRMG_TLS_VERSION_PLAINTEXT;
	k->version = b[10];
	if (b[5] != CRMG_TLS_CLIENT_HELLO || b[9] != 3 || b[10] >= minimum ||
	    !crmg_first_extensions(k, ctx, load))
		k->ext_end = 0;
	return CRMG_TLS_VERSION_COUNT;
}

/* Looks at one extension; 1: there is no more to look at. */
static __always_inline long crmg_first_step(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	__u8 *b = k->bytes;

	if (k->ext == k->ext_end)
		return 1;
	if (k->ext + 4 > k->ext_end || load(ctx, k->ext, b, 4) ||
	    (b[0] << 8 | b[1]) == CRMG_TLS_EXT_VERSIONS) {
		k->ext_end = 0;
		return 1;
	}
	k->ext += 4 + (b[2] << 8 | b[3]);
	return 0;
}

/* What came of it: as crmg_first_open(). */
static __always_inline enum crmg_tls_version crmg_first_end(const struct crmg_walk *k)
{
	return k->ext_end && k->ext == k->ext_end && k->version < CRMG_TLS_VERSION_PLAINTEXT ?
	       k->version : CRMG_TLS_VERSION_COUNT;
}

#endif
