/* SPDX-License-Identifier: GPL-2.0 */
/*
 * tlswords.h - what tls.h, tlsin.h and tlsout.h have in common: lengths, and the marks of the
 * two halves of a connection's state (abi.h, "streams").
 */
#ifndef CRMGATE_BPF_TLSWORDS_H
#define CRMGATE_BPF_TLSWORDS_H

#include "walk.h"

#define CRMG_TLS_SCRATCH  8	/* in bytes[] a header is at 0, what else is looked at here */
#define CRMG_TLS_HEADER   5		/* bytes of a record's header */
#define CRMG_TLS_MAX      (16384 + 256)	/* of a record, as RFC 8446 bounds it */
#define CRMG_TLS_FULL     16384		/* of plaintext: more follows */

enum { CRMG_TLS_CCS = 20, CRMG_TLS_ALERT, CRMG_TLS_HANDSHAKE, CRMG_TLS_DATA };
enum { CRMG_TLS_CLIENT_HELLO = 1, CRMG_TLS_SERVER_HELLO };
enum { CRMG_TLS_EXT_ALPN = 16, CRMG_TLS_EXT_PSK = 41, CRMG_TLS_EXT_VERSIONS = 43 };

/* Bytes that a record is longer than what it holds. */
#define CRMG_TLS_OVERHEAD_13     17
#define CRMG_TLS_OVERHEAD_GCM    24
#define CRMG_TLS_OVERHEAD_CHACHA 16

/* Lengths of TLS 1.3: of records, ... */
#define CRMG_TLS_FINISHED_256 53	/* by the hash of the cipher suite */
#define CRMG_TLS_FINISHED_384 69
#define CRMG_TLS_END_OF_EARLY 21
#define CRMG_TLS_TICKET_MIN   150
#define CRMG_TLS_TICKET_MAX   2000
/* ... and of what is in them. No request and no answer begins with so little. */
#define CRMG_TLS_NOTIFY       2
#define CRMG_TLS_KEY_UPDATE   5
#define CRMG_TLS_CONTINUE     25	/* "HTTP/1.1 100 Continue", two line ends */

/* HTTP/2 */
#define CRMG_TLS_PREFACE      46	/* with SETTINGS and WINDOW_UPDATE, at least in most clients */
#define CRMG_TLS_UNIT         18	/* bytes of HEADERS, until smaller ones were seen */
#define CRMG_TLS_LONG         4096	/* no answer is so long, but its body may be */
#define CRMG_TLS_HEADERS_MIN  10	/* bytes of HEADERS, the header of the frame included */
#define CRMG_TLS_PING         17	/* or GOAWAY */
#define CRMG_TLS_DUE_MAX      250
#define CRMG_TLS_MORE_MAX     30000

#define CRMG_TLS_IN_STARTED   0x001
#define CRMG_TLS_IN_FINISHED  0x002	/* the client's part of the handshake of TLS 1.3 */
#define CRMG_TLS_IN_EARLY     0x004	/* early data has come, ... */
#define CRMG_TLS_IN_EARLY_END 0x008	/* ... and was accepted, ... */
#define CRMG_TLS_IN_SPARE     0x010	/* ... or else comes again */
#define CRMG_TLS_IN_OPEN      0x020	/* a first record of HTTP has come */
#define CRMG_TLS_IN_FULL      0x040	/* the last one was full: a body is on its way */
#define CRMG_TLS_IN_PACKS     0x080	/* the client puts a body into the record of its header */
#define CRMG_TLS_IN_PENDING   0x100	/* a full record that was a request, or was not */
#define CRMG_TLS_IN_H2        0x200	/* by what the client sent */
#define CRMG_TLS_IN_SETTLED   0x400	/* SETTINGS were acknowledged */
#define CRMG_TLS_IN_SECRET    0x800	/* TLS 1.3: something behind ServerHello that is no alert */
#define CRMG_TLS_IN_BATCH     0x1000	/* answers were more than records since the last request */

#define CRMG_TLS_OUT_STARTED    0x001
#define CRMG_TLS_OUT_HELLO      0x002	/* ServerHello was read */
#define CRMG_TLS_OUT_OLD        0x004	/* before TLS 1.3 */
#define CRMG_TLS_OUT_RESUMED    0x008
#define CRMG_TLS_OUT_EXTENSIONS 0x010	/* EncryptedExtensions have passed */
#define CRMG_TLS_OUT_ALPN       0x020	/* the protocol is known, ... */
#define CRMG_TLS_OUT_H2         0x040	/* ... and is HTTP/2 */
#define CRMG_TLS_OUT_TICKETS    0x080	/* they have passed */
#define CRMG_TLS_OUT_ANSWER     0x100
#define CRMG_TLS_OUT_COUNTED    0x200	/* the last record of an answer began it */
#define CRMG_TLS_OUT_AGREED     0x400	/* the server has taken the client's handshake */
#define CRMG_TLS_OUT_LONG       0x800	/* HTTP/2: a long body goes on */

/* Loads n bytes of the frame from an offset; 0 if they are there. */
typedef long crmg_tls_load(void *ctx, __u32 at, void *to, __u32 n);

static __always_inline bool crmg_tls_before(__u32 a, __u32 b)
{
	return (__s32)(a - b) < 0;
}

#endif
