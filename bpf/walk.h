/* SPDX-License-Identifier: GPL-2.0 */
/*
 * walk.h - a walk over the payload of one segment, for what counts requests (http.h). A walker
 * is a state machine that reads what is in bytes[], and never beyond it; who calls it
 * (requests.h) loads them. So it needs nothing of BPF, and tests compile it natively.
 */
#ifndef CRMGATE_BPF_WALK_H
#define CRMGATE_BPF_WALK_H

#include <stdbool.h>

#include <crmgate/abi.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#define CRMG_WALK_BYTES 256	/* loaded at once; a power of two */
#define CRMG_WALK_HOP   (1U << 30)	/* bytes: signed sequence numbers hold no more */

struct crmg_walk {
	struct crmg_stream stream;	/* a copy: written back if the segment passes */
	__u32 entry;	/* of "streams" */
	__u32 base;	/* sequence number of the first byte of the frame, if it had one */
	__u32 at;	/* offset in the frame of what is read next, ... */
	__u32 end;	/* ... and of the end of the payload */
	__u32 from;	/* offset of bytes[0], ... */
	__u32 have;	/* ... and how many were loaded */
	__u32 beyond;	/* bytes after the end that need not be read */
	__u32 begun;	/* requests that begin in this segment */
	__u32 methods;	/* of requests whose line ends in it: bits 1 << enum crmg_method, or ... */
			/* ... CRMG_METHOD_COUNT: one that is none of them */
	__u32 header;	/* bytes that were read of the longest header in it, ... */
	__u32 body;	/* ... and that are announced of the longest body: 2^32 - 1: or more */
	__u32 odd;	/* bits 1 << enum crmg_oddity */
	__u32 first;	/* sequence number that tells the first of them from others */
	__u32 sent;	/* what the server sends next */
	__u32 aside;	/* 1: something before it is missing, and is still to come */
	__u32 held;	/* 1: such a segment is refused, so no gap is made on purpose */
	__u32 acked;	/* of what arrives: what the server has acknowledged; 0: not known */
	__u8 turned;	/* 1: HTTP: the segment counted, by its turn, before it was read */
	/* TLS: */
	__u32 start;	/* offset of the payload */
	__u32 ack;
	__u32 ext;	/* offset of an extension of ServerHello that is read next, ... */
	__u32 ext_end;	/* ... and of their end; 0: none is read */
	__u32 answered;	/* bytes of answers that began to leave */
	__u8 tls;	/* 1: it is */
	__u8 leaves;	/* 1: the server sends it */
	__u8 late;	/* 1: it fills a hole */
	__u8 version;	/* minor number of that which a ClientHello names */
	__u8 lost;	/* 1: it has to be seen whether it begins with a header, ... */
	__u8 astray;	/* ... and it does not, and nothing tells where one is */
	__u8 torn;	/* 1: what was passed on ahead of it was read from nowhere (tls.h) */
	struct {
		__u64 hash;	/* of the name, and ... */
		__u64 parent;	/* ... of what is behind its first label, from the dot on */
		__u32 len;	/* 0: none is known */
		__u32 dot;	/* offset of that dot; 0: it has none */
	} name;
	struct crmg_greeting greeting;	/* a copy: written back if more is to come */
	__u32 told;	/* what came of it */
	__u8 bytes[CRMG_WALK_BYTES + 8];
};

/* Offset in bytes[] of what is read next; CRMG_WALK_BYTES: it was not loaded. */
static __always_inline __u32 crmg_walk_place(const struct crmg_walk *k)
{
	__u32 place = k->at - k->from;

	return place < k->have && place < CRMG_WALK_BYTES ? place : CRMG_WALK_BYTES;
}

/*
 * What bytes[] begins with next, eight bytes, the first in the low ones; *ret_count of them
 * are of the segment. At least one is.
 */
static __always_inline __u64 crmg_walk_word(const struct crmg_walk *k, __u32 *ret_count)
{
	struct word {
		__u64 value;
	} __attribute__((packed, may_alias));
	__u32 place = (k->at - k->from) & (CRMG_WALK_BYTES - 1), count = k->have - place;

	*ret_count = count < 8 ? count : 8;
#ifdef __bpf__
	return *(const __u64 *)(k->bytes + place);	/* where packed, byte by byte */
#else
	return ((const struct word *)(k->bytes + place))->value;
#endif
}

/* One more request is known to begin, at what is read next. */
static __always_inline void crmg_walk_request(struct crmg_walk *k)
{
	if (!k->begun++)
		k->first = k->base + k->at;
}

/* Leaves *left bytes out, as many as are in the segment, or as hold in a sequence number. */
static __always_inline void crmg_walk_hop(struct crmg_walk *k, __u64 *left)
{
	__u32 room = k->end - k->at;

	if (*left <= room) {
		k->at += *left;
		*left = 0;
		return;
	}
	*left -= room;
	k->at = k->end;
	k->beyond = *left < CRMG_WALK_HOP ? *left : CRMG_WALK_HOP;
	*left -= k->beyond;
}

#endif
