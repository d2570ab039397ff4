// SPDX-License-Identifier: GPL-2.0
/*
 * top.c - picks sources out of the table while the kernel writes it. Reads each
 * word at most twice, and never trusts that two belong together.
 */
#include "top.h"

#include <string.h>

#include "../base/addr.h"
#include "../base/util.h"

struct order {
	const char *name;
	const char *title;
	size_t offset;		/* of the counter in struct crmg_slot */
	char key;
};

static const struct order orders[] = {
#define ORDER(ID, name, key, field, title) \
	{ name, title, offsetof(struct crmg_slot, field), key },
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

uint64_t crmg_top_value(const struct crmg_slot *slot, enum crmg_top_by by)
{
	const __u64 *counter = (const void *)((const char *)slot + orders[by].offset);

	return __atomic_load_n(counter, __ATOMIC_RELAXED);
}

static __u64 load_tag(const struct crmg_snapshot *snap, uint32_t index)
{
	return __atomic_load_n(&snap->tags[index / CRMG_WAYS].tag[index % CRMG_WAYS],
			       __ATOMIC_ACQUIRE);
}

static bool in_use(__u64 tag)
{
	unsigned int state = tag >> CRMG_TAG_STATE_SHIFT & 0xf;

	return state == CRMG_TAG_LIVE || state == CRMG_TAG_LIMITED;
}

bool crmg_slot_read(const struct crmg_snapshot *snap, uint32_t index, struct crmg_slot *ret)
{
	const struct crmg_service *service;
	__u64 tag = load_tag(snap, index), after;

	if (!in_use(tag))
		return false;
	memcpy(ret, &snap->slots[index], sizeof(*ret));
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	after = load_tag(snap, index);
	if (!in_use(after) || (tag ^ after) >> CRMG_TAG_HASH_SHIFT)
		return false;
	service = crmg_image_service(snap->image, ret->service);
	/* A slot from before the service got this index belongs to another one. */
	return service &&
	       (int32_t)(CRMG_SLOT_GENERATION(ret->resolved) - service->born) >= 0;
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

		if (!in_use(load_tag(snap, i)))
			continue;
		/* Most slots end here, with one word read. */
		if (count == max && crmg_top_value(&snap->slots[i], by) <= ret[0].value)
			continue;
		if (!crmg_slot_read(snap, i, &row.slot))
			continue;
		row.index = i;
		row.value = crmg_top_value(&row.slot, by);
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

uint8_t crmg_source_len(const struct crmg_snapshot *snap, const struct crmg_addr *addr)
{
	const struct crmg_head *head = crmg_image_head(snap->image);

	return crmg_addr_is_v4(addr) ? head->v4_prefix + 96 : head->v6_prefix;
}

char *crmg_source_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       char *buf, size_t size)
{
	uint8_t len = crmg_source_len(snap, addr);
	struct crmg_addr cut = crmg_addr_cut(*addr, len);

	return crmg_format_prefix(&cut, len, buf, size);
}

const struct crmg_label *crmg_source_label(const struct crmg_snapshot *snap,
					   const struct crmg_slot *slot)
{
	return crmg_image_label(snap->image,
				crmg_image_resolve(snap->image, slot->service, &slot->addr));
}
