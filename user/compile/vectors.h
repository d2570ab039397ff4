/* SPDX-License-Identifier: GPL-2.0 */
/*
 * vectors.h - what holds at an address, as numbered vectors without duplicates.
 *
 * An address lies in a chain of nested prefixes, each of an owner. Vector 0 is
 * that of no prefix; every owner on the way in changes some columns. Chains are
 * followed one step at a time and each step is computed once, so a vector is
 * not built again for every prefix of an owner.
 */
#ifndef CRMGATE_VECTORS_H
#define CRMGATE_VECTORS_H

#include <stddef.h>
#include <stdint.h>

#include "map.h"

#define CRMG_VECTOR_ENTRIES_MAX (16u << 20)	/* all vectors together */
#define CRMG_OWNER_NONE UINT32_MAX

struct crmg_change {		/* what an owner does to a vector */
	uint32_t owner;
	uint16_t column;
	uint16_t value;
};

struct crmg_vectors {
	uint16_t *entries;		/* count vectors of stride entries each */
	uint32_t stride;
	uint32_t count;
	size_t room;			/* vectors that entries has room for */
	struct crmg_change *changes;	/* of owner o: [first[o], first[o + 1]) */
	uint32_t *first;
	uint32_t final_owner;		/* nothing nested in it changes anything */
	uint32_t final;			/* its vector, once there is one */
	uint32_t first_gate;		/* owners from here on hold beside what they lie in */
	struct crmg_map gates;		/* vector -> the gate that made it */
	struct crmg_map steps;		/* parent << 32 | owner -> vector */
	struct crmg_map known;		/* hash of the entries -> vector */
};

/*
 * base: vector 0, stride entries. changes: in any order, owners in [0, owners).
 * final_owner: one that sets every column and beats whatever is nested in it
 * (CRMG_OWNER_NONE: there is none). Owners from first_gate on are gates: whatever is nested
 * in one is changed below it; column 0 is then 1 + the vector without it. A gate
 * does not lie in another. Returns 0 or -ENOMEM.
 */
int crmg_vectors_init(struct crmg_vectors *vectors, const uint16_t *base, uint32_t stride,
		      const struct crmg_change *changes, size_t change_count, uint32_t owners,
		      uint32_t final_owner, uint32_t first_gate);

/* The vector inside a prefix of owner that lies where parent holds: 0, -ENOMEM or -E2BIG. */
int crmg_vectors_step(struct crmg_vectors *vectors, uint32_t parent, uint32_t owner,
		      uint32_t *ret);

void crmg_vectors_free(struct crmg_vectors *vectors);

#endif
