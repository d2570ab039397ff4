// SPDX-License-Identifier: GPL-2.0
/*
 * lookup.c - what the packet path finds in an image, found the same way
 * (bpf/classify.h): for `why`, and as the check of what the compiler made.
 */
#include "compile.h"

#include <arpa/inet.h>

/* An address space divided into intervals: the remote one, or the local one. */
struct space {
	const uint64_t *keys;
	const uint32_t *leaves;
	const uint64_t *subs;
};

static struct space space_of(const struct crmg_image *image, enum crmg_section_id keys,
			     enum crmg_section_id leaves, enum crmg_section_id subs)
{
	return (struct space){
		.keys = crmg_image_section(image, keys, NULL),
		.leaves = crmg_image_section(image, leaves, NULL),
		.subs = crmg_image_section(image, subs, NULL),
	};
}

/* Index of the last of keys [first, end) that is <= key; the first one is. */
static uint32_t search(const uint64_t *keys, uint32_t first, uint32_t end, uint64_t key)
{
	while (end - first > 1) {
		uint32_t middle = first + (end - first) / 2;

		if (keys[middle] <= key)
			first = middle;
		else
			end = middle;
	}
	return first;
}

/* addr is in a key of [first, end). */
static uint32_t leaf_of(const struct space *space, uint32_t first, uint32_t end,
			const struct crmg_addr *addr)
{
	uint64_t key = crmg_addr_is_v4(addr) ? addr->lo << 32 : addr->hi;
	uint32_t leaf = space->leaves[search(space->keys, first, end, key)];
	uint64_t sub;

	if (!(leaf & CRMG_LEAF_SUB))
		return leaf;
	sub = space->subs[leaf & ~CRMG_LEAF_SUB];
	return space->leaves[search(space->keys, CRMG_SUB_FIRST(sub), CRMG_SUB_END(sub),
				    addr->lo)];
}

/* The directory's leaf, or by the keys that it points to. */
uint32_t crmg_image_leaf(const struct crmg_image *image, const struct crmg_addr *addr)
{
	const struct space space = space_of(image, CRMG_SECTION_KEYS, CRMG_SECTION_LEAVES,
					    CRMG_SECTION_SUBS);
	const struct crmg_head *head = crmg_image_head(image);
	const bool v4 = crmg_addr_is_v4(addr);
	const uint32_t entry = crmg_image_front(image)->dir[
		v4 ? (uint32_t)addr->lo >> 16 : CRMG_DIR_V6 + (addr->hi >> 48)];
	uint32_t first = CRMG_DIR_FIRST(entry), end = v4 ? head->first_v6 : head->end_v6;

	if (entry & CRMG_DIR_LEAF)
		return CRMG_DIR_NUMBER(entry);
	if (end - first > 1u << CRMG_DIR_STEPS(entry))
		end = first + (1u << CRMG_DIR_STEPS(entry));
	return leaf_of(&space, first, end, addr);
}

uint32_t crmg_image_at_leaf(const struct crmg_image *image, uint32_t service, uint32_t leaf)
{
	const uint16_t *matrix = crmg_image_section(image, CRMG_SECTION_MATRIX, NULL);
	uint32_t stride = crmg_image_head(image)->section[CRMG_SECTION_SERVICES].count;

	return matrix[(size_t)leaf * stride + service];
}

uint32_t crmg_image_resolve(const struct crmg_image *image, uint32_t service,
			    const struct crmg_addr *addr)
{
	uint32_t gate;

	return crmg_image_resolve_at(image, service, addr, &gate);
}

uint32_t crmg_image_resolve_at(const struct crmg_image *image, uint32_t service,
			       const struct crmg_addr *addr, uint32_t *ret_gate)
{
	uint32_t leaf = crmg_image_leaf(image, addr), binding, below;

	*ret_gate = 0;
	if (!crmg_image_service(image, service))
		return 0;
	binding = crmg_image_at_leaf(image, service, leaf);
	if (!crmg_image_binding(image, binding) || !crmg_image_binding(image, binding)->gate)
		return binding;
	*ret_gate = binding;
	below = crmg_image_at_leaf(image, 0, leaf);
	return below ? crmg_image_at_leaf(image, service, below - 1) : 0;
}

uint32_t crmg_image_classify(const struct crmg_image *image, const struct crmg_addr *local,
			     enum crmg_transport transport, uint16_t port)
{
	const struct space space = space_of(image, CRMG_SECTION_LKEYS, CRMG_SECTION_LLEAVES,
					    CRMG_SECTION_LSUBS);
	const struct crmg_head *head = crmg_image_head(image);
	const uint8_t *ports = crmg_image_front(image)->ports;
	const uint8_t *groups = crmg_image_section(image, CRMG_SECTION_GROUPS, NULL);
	uint8_t entry = ports[(uint32_t)transport << 16 | htons(port)];
	uint32_t first, end, leaf;

	if (entry < CRMG_PORT_GROUP)
		return entry;
	if (crmg_addr_is_v4(local)) {
		first = 0;
		end = head->lfirst_v6;
	} else {
		first = head->lfirst_v6;
		end = head->lend_v6;
	}
	leaf = leaf_of(&space, first, end, local);
	return groups[leaf * CRMG_PORT_GROUP + (entry - CRMG_PORT_GROUP)];
}
