// SPDX-License-Identifier: GPL-2.0
/* top.c - picks the sources that use most out of the table. */
#include "top.h"

#include <string.h>

#include "../base/util.h"
#include "rows.h"

struct order {
	const char *name;
	const char *title;
	char key;
};

static const struct order orders[] = {
#define ORDER(ID, name, key, value, title) { name, title, key },
	CRMG_TOPS(ORDER)
};

int crmg_top_from_name(const char *name, enum crmg_top_by *ret)
{
	for (unsigned int i = 0; i < CRMG_TOP_COUNT; i++) {
		if (strcmp(orders[i].name, name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

int crmg_top_from_key(int key, enum crmg_top_by *ret)
{
	for (unsigned int i = 0; i < CRMG_TOP_COUNT; i++) {
		if (orders[i].key == key) {
			*ret = i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *crmg_top_title(enum crmg_top_by by)
{
	return orders[by].title;
}

uint64_t crmg_top_value(const struct crmg_snapshot *snap, uint32_t index,
			const struct crmg_slot *slot, const struct crmg_detail *detail,
			enum crmg_top_by by)
{
	switch (by) {
#define VALUE(ID, name, key, value, title) case CRMG_TOP_##ID: return value;
	CRMG_TOPS(VALUE)
	default:
		return 0;
	}
}

/* True if a ranks below b; among equals the later slot does, so that the order is stable. */
static bool below(const struct crmg_top_row *a, const struct crmg_top_row *b)
{
	return a->value != b->value ? a->value < b->value : a->index > b->index;
}

static void swap(struct crmg_top_row *a, struct crmg_top_row *b)
{
	struct crmg_top_row t = *a;

	*a = *b;
	*b = t;
}

/* Min-heap: heap[0] is the least of the best. */
static void sift_down(struct crmg_top_row *heap, size_t count, size_t at)
{
	for (;;) {
		size_t least = at, child = 2 * at + 1;

		if (child < count && below(&heap[child], &heap[least]))
			least = child;
		if (child + 1 < count && below(&heap[child + 1], &heap[least]))
			least = child + 1;
		if (least == at)
			return;
		swap(&heap[at], &heap[least]);
		at = least;
	}
}

static void sift_up(struct crmg_top_row *heap, size_t at)
{
	while (at && below(&heap[at], &heap[(at - 1) / 2])) {
		swap(&heap[at], &heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
}

size_t crmg_top_select(const struct crmg_snapshot *snap, enum crmg_top_by by,
		       struct crmg_top_row *ret, size_t max)
{
	size_t count = 0;

	for (uint32_t i = 0; i < snap->capacity; i++) {
		struct crmg_top_row row;
		unsigned int state;

		if (!crmg_tag_in_use(crmg_tag_state_of(snap, i)))
			continue;
		/* Most slots end here, with a word or two read. */
		if (count == max && crmg_top_value(snap, i, &snap->slots[i], &snap->details[i],
						   by) <= ret[0].value)
			continue;
		state = crmg_source_read(snap, i, &row.source);
		if (!state)
			continue;
		row.proven = crmg_tag_is_proven(state);
		row.index = i;
		row.value = crmg_top_value(snap, i, &row.source.slot, &row.source.detail, by);
		if (count < max) {
			ret[count] = row;
			sift_up(ret, count++);
		} else if (below(&ret[0], &row)) {
			ret[0] = row;
			sift_down(ret, count, 0);
		}
	}
	for (size_t left = count; left > 1; left--) {
		swap(&ret[0], &ret[left - 1]);
		sift_down(ret, left - 1, 0);
	}
	return count;
}

uint64_t crmg_top_banned_until(const struct crmg_snapshot *snap,
			       const struct crmg_source_record *source)
{
	return crmg_banned_until(snap, crmg_ban_of(snap, &source->detail.addr,
						   source->detail.service), source);
}
