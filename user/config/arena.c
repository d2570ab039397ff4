/* SPDX-License-Identifier: GPL-2.0 */
/* arena.c - chunks of memory, handed out from the front. */
#include "arena.h"

#include <stdlib.h>

#define CHUNK_SIZE 65536

struct crmg_arena_chunk {
	struct crmg_arena_chunk *older;
	size_t size;
	_Alignas(max_align_t) char data[];
};

void *crmg_arena_alloc(struct crmg_arena *arena, size_t size)
{
	struct crmg_arena_chunk *chunk = arena->chunk;
	size_t align = _Alignof(max_align_t);

	size = (size + align - 1) & ~(align - 1);
	if (!chunk || chunk->size - arena->used < size) {
		size_t room = size > CHUNK_SIZE ? size : CHUNK_SIZE;

		chunk = calloc(1, sizeof(*chunk) + room);
		if (!chunk)
			return NULL;
		chunk->older = arena->chunk;
		chunk->size = room;
		arena->chunk = chunk;
		arena->used = 0;
	}
	arena->used += size;
	return chunk->data + arena->used - size;
}

void crmg_arena_free(struct crmg_arena *arena)
{
	struct crmg_arena_chunk *chunk = arena->chunk;

	while (chunk) {
		struct crmg_arena_chunk *older = chunk->older;

		free(chunk);
		chunk = older;
	}
	*arena = (struct crmg_arena){ 0 };
}
