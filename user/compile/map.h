/* SPDX-License-Identifier: GPL-2.0 */
/*
 * map.h - hash table from 64-bit keys to 32-bit values, for the compiler's own
 * book-keeping. Entries are never removed; nothing of it reaches the image.
 */
#ifndef CRMGATE_MAP_H
#define CRMGATE_MAP_H

#include <stddef.h>
#include <stdint.h>

#define CRMG_MAP_NONE UINT32_MAX	/* not a value */

struct crmg_map {
	struct crmg_map_entry {
		uint64_t key;
		uint32_t value;		/* CRMG_MAP_NONE: free */
	} *entries;
	size_t count;
	size_t size;			/* 0, or a power of two > count */
};

/* The value of key, or CRMG_MAP_NONE. */
uint32_t crmg_map_find(const struct crmg_map *map, uint64_t key);

/* Adds a key that is not there yet: 0 or -ENOMEM. */
int crmg_map_put(struct crmg_map *map, uint64_t key, uint32_t value);

void crmg_map_free(struct crmg_map *map);

/* 64-bit hash of size bytes; not for adversaries' data without a compare after it. */
uint64_t crmg_hash(const void *data, size_t size, uint64_t seed);

#endif
