/* SPDX-License-Identifier: GPL-2.0 */
/*
 * speech.h - what a client says in a connection, segment by segment, for the rows of packet.c in
 * which requests are counted: each segment of a row says the same.
 */
#ifndef CRMGATE_BENCH_SPEECH_H
#define CRMGATE_BENCH_SPEECH_H

#include <string.h>

#include "driver.h"

#define SPEECH_MAX   1460		/* bytes of a segment */
#define SPEECH_FIRST 1000		/* sequence number of what the client says first */
#define SPEECH_REPLY 5000		/* of what the server has said */
#define SPEECH_AHEAD (8000 << 10)	/* bytes that are read before the server acknowledges */

enum speech_kind {
	SPEECH_NONE,
	SPEECH_BODY,		/* of plain HTTP: nothing to find */
	SPEECH_HEADER,		/* of plain HTTP: one request, all of it header */
	SPEECH_RECORD,		/* within one of TLS: nothing to find, again and again */
	SPEECH_RECORDS,		/* so many of HTTP/1 */
	SPEECH_FRAMES,		/* the same of HTTP/2 */
};

struct speech {
	enum speech_kind kind;
	uint32_t bytes;		/* of a segment; a multiple of `parts` */
	uint32_t parts;		/* records in it */
};

static inline void speech_record(uint8_t *ret, uint32_t len)
{
	const uint8_t head[] = { 23, 3, 3, (uint8_t)(len >> 8), (uint8_t)len };

	memcpy(ret, head, sizeof(head));
}

/* What is said before the segments of a row; bytes. */
static inline uint32_t speech_begin(const struct speech *speech, uint8_t *ret)
{
	static const char body[] = "PUT / HTTP/1.1\r\nContent-Length: 99999999999999\r\n\r\n";

	memset(ret, 0xc5, SPEECH_MAX);
	switch (speech->kind) {
	case SPEECH_BODY:
		memcpy(ret, body, strlen(body));
		return (uint32_t)strlen(body);
	case SPEECH_RECORD:
		speech_record(ret, 16384 + 17);
		return 5;
	case SPEECH_FRAMES:	/* preface, SETTINGS, WINDOW_UPDATE */
		speech_record(ret, 24 + 9 + 13 + 17);
		return 5 + 24 + 9 + 13 + 17;
	default:
		return 0;
	}
}

static inline void speech_text(const struct speech *speech, uint8_t *ret)
{
	static const char begin[] = "GET /v1/contacts HTTP/1.1\r\nX-Token: ", end[] = "\r\n\r\n";
	const uint32_t part = speech->parts ? speech->bytes / speech->parts : 0;

	memset(ret, 'x', SPEECH_MAX);
	if (speech->kind == SPEECH_HEADER) {
		memcpy(ret, begin, strlen(begin));
		memcpy(ret + speech->bytes - strlen(end), end, strlen(end));
	}
	for (uint32_t i = 0; i < speech->parts; i++)
		speech_record(ret + i * part, part - 5);
}

#endif
