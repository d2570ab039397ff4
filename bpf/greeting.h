/* SPDX-License-Identifier: GPL-2.0 */
/*
 * greeting.h - what a TLS server says first, up to where its version is told: byte by byte, so
 * that it may come in pieces of any size. Needs nothing of BPF, so tests cut greetings natively.
 */
#ifndef CRMGATE_BPF_GREETING_H
#define CRMGATE_BPF_GREETING_H

#include "tlswords.h"

/*
 * Steps over one segment: header and hello to the extensions take 14, an extension 5. Of a hello
 * with more than 20 of them nothing is known, as of one that is not whole in its first record.
 */
#define CRMG_GREETING_STEPS   120
#define CRMG_GREETING_SESSION 32	/* bytes at most, as RFC 8446 bounds it */
#define CRMG_GREETING_RANDOM  32

/* Which byte is read next. */
enum crmg_greeting_at {
	CRMG_GREETING_TYPE,	/* of the record */
	CRMG_GREETING_MAJOR,
	CRMG_GREETING_MINOR,
	CRMG_GREETING_RECORD_HIGH,
	CRMG_GREETING_RECORD_LOW,
	CRMG_GREETING_MESSAGE,
	CRMG_GREETING_HELLO_TOP,
	CRMG_GREETING_HELLO_HIGH,
	CRMG_GREETING_HELLO_LOW,
	CRMG_GREETING_HELLO_MAJOR,
	CRMG_GREETING_HELLO_MINOR,
	CRMG_GREETING_SESSION_LEN,
	CRMG_GREETING_ALL_HIGH,	/* length of all extensions */
	CRMG_GREETING_ALL_LOW,
	CRMG_GREETING_EXT_TYPE_HIGH,
	CRMG_GREETING_EXT_TYPE_LOW,
	CRMG_GREETING_EXT_HIGH,
	CRMG_GREETING_EXT_LOW,
	CRMG_GREETING_VERSIONS_HIGH,	/* length of supported_versions, and what it says */
	CRMG_GREETING_VERSIONS_LOW,
	CRMG_GREETING_CHOICE_HIGH,
	CRMG_GREETING_CHOICE_LOW,
};

/* Beside enum crmg_tls_version, with CRMG_TLS_VERSION_COUNT for "not known": read on. */
#define CRMG_GREETING_MORE (CRMG_TLS_VERSION_COUNT + 1)

/* A byte of the record's header; what is no such thing is no TLS. */
static __always_inline __u32 crmg_greeting_record(struct crmg_greeting *g, __u8 b)
{
	switch (g->at) {
	case CRMG_GREETING_TYPE:
		g->told = b;
		if (b < CRMG_TLS_CCS || b > CRMG_TLS_DATA)
			return CRMG_TLS_VERSION_PLAINTEXT;
		break;
	case CRMG_GREETING_MAJOR:
		if (b != 3)
			return CRMG_TLS_VERSION_PLAINTEXT;
		break;
	case CRMG_GREETING_MINOR:
		if (b > CRMG_TLS_VERSION_13)
			return CRMG_TLS_VERSION_PLAINTEXT;
		break;
	case CRMG_GREETING_RECORD_LOW:
		g->left = g->held << 8 | b;
		if (g->left > CRMG_TLS_MAX)
			return CRMG_TLS_VERSION_PLAINTEXT;
		if (g->told == CRMG_TLS_ALERT)
			return CRMG_TLS_VERSION_FAILED;
		if (g->told != CRMG_TLS_HANDSHAKE)
			return CRMG_TLS_VERSION_COUNT;
		break;
	}
	g->held = b;
	g->at++;
	return CRMG_GREETING_MORE;
}

/* A byte of the message, to the version that it names; one before 1.2 is what is spoken. */
static __always_inline __u32 crmg_greeting_hello(struct crmg_greeting *g, __u8 b)
{
	__u32 len;

	switch (g->at) {
	case CRMG_GREETING_MESSAGE:
		if (b != CRMG_TLS_SERVER_HELLO)
			return CRMG_TLS_VERSION_COUNT;
		break;
	case CRMG_GREETING_HELLO_TOP:
		if (b)
			return CRMG_TLS_VERSION_COUNT;
		break;
	case CRMG_GREETING_HELLO_LOW:
		len = g->held << 8 | b;
		/* What is behind the record is not read, so its end tells nothing. */
		g->told = len > g->left ? CRMG_TLS_VERSION_COUNT : CRMG_TLS_VERSION_12;
		if (len < g->left)
			g->left = len;
		break;
	case CRMG_GREETING_HELLO_MAJOR:
		if (b != 3)
			return CRMG_TLS_VERSION_COUNT;
		break;
	case CRMG_GREETING_HELLO_MINOR:
		if (b != CRMG_TLS_VERSION_12)
			return b < CRMG_TLS_VERSION_12 ? b : CRMG_TLS_VERSION_COUNT;
		g->skip = CRMG_GREETING_RANDOM;
		break;
	case CRMG_GREETING_SESSION_LEN:
		if (b > CRMG_GREETING_SESSION)
			return CRMG_TLS_VERSION_COUNT;
		g->skip = b + 2 + 1;	/* cipher suite and compression, too */
		break;
	}
	g->held = b;
	g->at++;
	return CRMG_GREETING_MORE;
}

/* A byte of the extensions: 1.3 is in one of them. */
static __always_inline __u32 crmg_greeting_extension(struct crmg_greeting *g, __u8 b)
{
	__u32 word = g->held << 8 | b;

	g->held = b;
	switch (g->at) {
	case CRMG_GREETING_EXT_TYPE_LOW:
		g->at = word == CRMG_TLS_EXT_VERSIONS ? CRMG_GREETING_VERSIONS_HIGH :
							CRMG_GREETING_EXT_HIGH;
		return CRMG_GREETING_MORE;
	case CRMG_GREETING_EXT_LOW:
		g->skip = word;
		g->at = CRMG_GREETING_EXT_TYPE_HIGH;
		return CRMG_GREETING_MORE;
	case CRMG_GREETING_VERSIONS_LOW:
		if (word != 2)
			return CRMG_TLS_VERSION_COUNT;
		break;
	case CRMG_GREETING_CHOICE_LOW:
		return word == (0x300 | CRMG_TLS_VERSION_13) ? CRMG_TLS_VERSION_13 :
							       CRMG_TLS_VERSION_COUNT;
	}
	g->at++;
	return CRMG_GREETING_MORE;
}

/* True where the hello ends, with or without extensions. */
static __always_inline bool crmg_greeting_ends(const struct crmg_greeting *g)
{
	return !g->left && !g->skip &&
	       (g->at == CRMG_GREETING_ALL_HIGH || g->at == CRMG_GREETING_EXT_TYPE_HIGH);
}

/*
 * Reads on at k->at: one byte, or what need not be read. CRMG_GREETING_MORE, or what is told then:
 * enum crmg_tls_version, or CRMG_TLS_VERSION_COUNT.
 */
static __always_inline __u32
crmg_greeting_step(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	struct crmg_greeting *g = &k->greeting;
	__u32 left = k->end - k->at, n = g->skip < left ? g->skip : left, told;
	__u8 b;

	if (g->at >= CRMG_GREETING_MESSAGE) {
		if (!n)
			n = 1;
		if (n > g->left)
			return CRMG_TLS_VERSION_COUNT;
		g->left -= n;
	}
	if (g->skip) {
		g->skip -= n;
		k->at += n;
		return crmg_greeting_ends(g) ? g->told : CRMG_GREETING_MORE;
	}
	if (load(ctx, k->at, &k->bytes[CRMG_TLS_SCRATCH], 1))
		return CRMG_TLS_VERSION_COUNT;
	b = k->bytes[CRMG_TLS_SCRATCH];
	k->at++;
	if (g->at < CRMG_GREETING_MESSAGE)
		return crmg_greeting_record(g, b);
	told = g->at < CRMG_GREETING_ALL_HIGH ? crmg_greeting_hello(g, b) :
						crmg_greeting_extension(g, b);
	return told == CRMG_GREETING_MORE && crmg_greeting_ends(g) ? g->told : told;
}

#endif
