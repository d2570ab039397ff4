// SPDX-License-Identifier: GPL-2.0
/*
 * map.c - open addressing with linear probing, at most half full. Keys need not
 * be spread out: they are mixed here.
 */
#include "map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MAP_MIN_SIZE 256

/* Finalizer of splitmix64: each bit of the result depends on every bit of x. */
static uint64_t mix(uint64_t x)
{
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

uint64_t crmg_hash(const void *data, size_t size, uint64_t seed)
{
	const unsigned char *bytes = data;
	uint64_t hash = mix(seed ^ size);
	uint64_t word;

	for (; size >= sizeof(word); size -= sizeof(word), bytes += sizeof(word)) {
		memcpy(&word, bytes, sizeof(word));
		hash = mix(hash ^ word);
	}
	word = 0;
	memcpy(&word, bytes, size);
	return mix(hash ^ word);
}

/* The entry of key, or the free one where it belongs. */
static struct crmg_map_entry *probe(const struct crmg_map *map, uint64_t key)
{
	size_t i = mix(key) & (map->size - 1);

	while (map->entries[i].value != CRMG_MAP_NONE && map->entries[i].key != key)
		i = (i + 1) & (map->size - 1);
	return &map->entries[i];
}

uint32_t crmg_map_find(const struct crmg_map *map, uint64_t key)
{
	return map->size ? probe(map, key)->value : CRMG_MAP_NONE;
}

static int grow(struct crmg_map *map)
{
	struct crmg_map larger = {
		.count = map->count,
		.size = map->size ? map->size * 2 : MAP_MIN_SIZE,
	};

	larger.entries = malloc(larger.size * sizeof(*larger.entries));
	if (!larger.entries)
		return -ENOMEM;
	for (size_t i = 0; i < larger.size; i++)
		larger.entries[i].value = CRMG_MAP_NONE;
	for (size_t i = 0; i < map->size; i++)
		if (map->entries[i].value != CRMG_MAP_NONE)
			*probe(&larger, map->entries[i].key) = map->entries[i];
	free(map->entries);
	*map = larger;
	return 0;
}

int crmg_map_put(struct crmg_map *map, uint64_t key, uint32_t value)
{
	int r;

	if (map->count >= map->size / 2) {
		r = grow(map);
		if (r < 0)
			return r;
	}
	*probe(map, key) = (struct crmg_map_entry){ .key = key, .value = value };
	map->count++;
	return 0;
}

void crmg_map_free(struct crmg_map *map)
{
	free(map->entries);
	*map = (struct crmg_map){ 0 };
}
