// SPDX-License-Identifier: GPL-2.0
/* memory.c - what an image and its state will take in the kernel, before they are there. */
#include "compile.h"

/* A hash table that allocates its entries when they come has only its buckets at first. */
#define BAN_BUCKET_BYTES 16

/* Of a hash table that forgets, all at once: an entry beside its value, and its bucket. */
#define KEPT_ENTRY_BYTES (sizeof(struct crmg_kept) + 80)

uint64_t crmg_memory_sources(uint32_t capacity)
{
	return CRMG_SLOTS(capacity) *
	       (uint64_t)(sizeof(__u32) + sizeof(struct crmg_slot) + sizeof(struct crmg_detail) +
			  sizeof(struct crmg_proved) + sizeof(struct crmg_windows) +
			  sizeof(struct crmg_asked) + sizeof(struct crmg_throttle)) +
	       CRMG_AGGREGATES(capacity) * (uint64_t)sizeof(struct crmg_aggregates) +
	       CRMG_TOTALS * sizeof(struct crmg_bucket) +
	       CRMG_TOTAL_WINDOWS(capacity) * (uint64_t)sizeof(struct crmg_total_windows) +
	       CRMG_KEPT_MAX * KEPT_ENTRY_BYTES +
	       CRMG_SHARE_SLOTS * sizeof(struct crmg_share) +
	       CRMG_PATIENTS * sizeof(struct crmg_patience);
}

void crmg_memory_of(const struct crmg_image *image, unsigned int cpus, struct crmg_memory *ret)
{
	const struct crmg_head *head = crmg_image_head(image);
	uint64_t rows[CRMG_ROW_CHUNKS_MAX * CRMG_ROW_CHUNK / 64];
	uint64_t chunks = 0;

	/* A word of the bit set is a chunk, and a chunk is made when one of its rows is needed. */
	_Static_assert(CRMG_ROW_CHUNK == 64, "a chunk is not a word");
	crmg_image_new_rows(image, NULL, rows);
	for (size_t i = 0; i < CRMG_ROW_CHUNKS_MAX; i++)
		chunks += rows[i] != 0;

	ret->sources = crmg_memory_sources(head->capacity);
	ret->flows = head->flows / CRMG_WAYS *
		     (uint64_t)(sizeof(struct crmg_flows) + sizeof(struct crmg_contags) +
				sizeof(struct crmg_gauges)) +
		     head->flows * (uint64_t)(sizeof(struct crmg_conn) + sizeof(struct crmg_stream) +
					      sizeof(struct crmg_greeting));
	ret->policy = 2 * head->cells * CRMG_CELL;
	ret->counters = cpus * (chunks * CRMG_ROW_CHUNK * sizeof(struct crmg_row) +
				CRMG_CLIENT_ROWS * sizeof(struct crmg_client_row));
	ret->bans = CRMG_BANS_MAX * BAN_BUCKET_BYTES + sizeof(struct crmg_ban_filter);
	ret->events = CRMG_EVENT_RING * sizeof(struct crmg_event);
	ret->total = ret->sources + ret->flows + ret->policy + ret->counters + ret->bans +
		     ret->events;
}
