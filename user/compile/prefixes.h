/* SPDX-License-Identifier: GPL-2.0 */
/*
 * prefixes.h - nested prefixes to disjoint intervals, in the form that the
 * image's look-up wants (abi.h, CRMG_SECTIONS): keys, leaves and subs.
 */
#ifndef CRMGATE_PREFIXES_H
#define CRMGATE_PREFIXES_H

#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "vectors.h"

struct crmg_span {		/* a prefix and whose it is */
	struct crmg_addr addr;
	uint16_t owner;
	uint8_t len;		/* 0..128; IPv4: its length + 96 */
};

struct crmg_keys {		/* parallel arrays */
	uint64_t *keys;
	uint32_t *leaves;
	size_t count;
};

struct crmg_table {
	struct crmg_keys main;	/* IPv4, from first_v6 on IPv6; each begins with key 0 */
	struct crmg_keys sub;	/* low halves of divided /64; the image has them after main */
	uint64_t *subs;		/* ranges of sub.keys: first | end << 32 */
	size_t sub_count;
	size_t first_v6;
};

/*
 * Sorts spans in place and flattens them. A leaf is a vector's number; inside
 * several prefixes the longest is applied last. Neighbours differ in their
 * leaf. Returns 0, -ENOMEM or -E2BIG (too many different vectors).
 */
int crmg_table_build(struct crmg_span *spans, size_t count, struct crmg_vectors *vectors,
		     struct crmg_table *ret);

void crmg_table_free(struct crmg_table *table);

#endif
