/* SPDX-License-Identifier: GPL-2.0 */
/*
 * stream.h - what a client says over a connection, made up from a seed, and the way on which its
 * segments come: of any size, again, overlapping, ahead of others.
 */
#ifndef CRMGATE_TEST_STREAM_H
#define CRMGATE_TEST_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random.h"

/* Valid HTTP/1, `max` bytes at most, 1 request at least; *ret_requests of them, whole. */
size_t crmg_test_http(struct crmg_test_random *random, uint8_t *ret, size_t max,
		      uint32_t *ret_requests);

/* One segment in so many is ...; 0: none. */
struct crmg_test_path {
	uint32_t largest;	/* bytes of a segment */
	uint32_t again;		/* something that was sent before, and what follows it */
	uint32_t ahead;		/* not the next one */
};

/* How far a stream of `len` bytes has come. */
struct crmg_test_way {
	struct crmg_test_path path;
	size_t len;
	size_t acked;		/* the server has this much without a gap, ... */
	uint8_t *has;		/* ... and these bytes: 1 */
};

struct crmg_test_segment {
	size_t at;
	uint32_t len;
};

struct crmg_test_way crmg_test_way(const struct crmg_test_path *path, size_t len);
void crmg_test_way_free(struct crmg_test_way *way);

/* The next segment; it came if crmg_test_came() is told. False: all has come. */
bool crmg_test_sends(struct crmg_test_random *random, const struct crmg_test_way *way,
		     struct crmg_test_segment *ret);
void crmg_test_came(struct crmg_test_way *way, struct crmg_test_segment segment);

#endif
