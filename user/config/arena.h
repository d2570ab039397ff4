/* SPDX-License-Identifier: GPL-2.0 */
/* arena.h - memory that is freed at once. Zeroed, aligned for any type. */
#ifndef CRMGATE_ARENA_H
#define CRMGATE_ARENA_H

#include <stddef.h>

struct crmg_arena {
	struct crmg_arena_chunk *chunk;
	size_t used;		/* of the newest chunk */
};

void *crmg_arena_alloc(struct crmg_arena *arena, size_t size);
void crmg_arena_free(struct crmg_arena *arena);

#endif
