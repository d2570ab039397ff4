// SPDX-License-Identifier: GPL-2.0
/*
 * why.c - finds a source and reckons what is left of its limits, as the packet
 * path would at the moment of the snapshot.
 */
#include "why.h"

#include "../base/addr.h"
#include "names.h"
#include "rows.h"
#include "top.h"

/* One scan: the key of the table's hash is not ours to read. */
static void find_slots(const struct crmg_snapshot *snap, struct crmg_why *why)
{
	struct crmg_addr source = crmg_addr_cut(why->address,
						crmg_source_len(snap, &why->address));
	uint8_t place[CRMG_SERVICES_MAX + 1] = { 0 };	/* 1 + index in services[] */

	for (size_t i = 0; i < why->count; i++)
		place[why->services[i].index] = i + 1;
	for (uint32_t i = 0; snap->slots && i < snap->capacity; i++) {
		const struct crmg_slot *there = &snap->slots[i];
		struct crmg_why_service *service;
		struct crmg_slot slot;

		if (__atomic_load_n(&there->addr.lo, __ATOMIC_RELAXED) != source.lo ||
		    __atomic_load_n(&there->addr.hi, __ATOMIC_RELAXED) != source.hi)
			continue;
		if (!crmg_slot_read(snap, i, &slot) || crmg_addr_cmp(&slot.addr, &source) != 0 ||
		    slot.service > CRMG_SERVICES_MAX || !place[slot.service])
			continue;
		service = &why->services[place[slot.service] - 1];
		/* Of a source that prefixes divide, the part that this address is in. */
		if (service->seen && crmg_image_binding(snap->image,
				CRMG_SLOT_BINDING(slot.resolved)) != service->binding)
			continue;
		service->slot = slot;
		service->seen = true;
	}
}

void crmg_why_find(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		   uint32_t service, struct crmg_why *ret)
{
	uint32_t first = service ? service : 1, last = service ? service : CRMG_SERVICES_MAX;

	ret->address = *addr;
	ret->count = 0;
	for (uint32_t s = first; s <= last; s++) {
		struct crmg_why_service *found = &ret->services[ret->count];
		uint32_t binding = crmg_image_resolve(snap->image, s, addr);

		if (!binding)
			continue;
		*found = (struct crmg_why_service){
			.index = s,
			.service = crmg_image_service(snap->image, s),
			.binding = crmg_image_binding(snap->image, binding),
			.label = crmg_image_label(snap->image, binding),
			.ban = crmg_ban_of(snap, addr, s),
		};
		if (found->service && found->binding && found->label)
			ret->count++;
	}
	find_slots(snap, ret);
}

uint64_t crmg_why_available(const struct crmg_snapshot *snap,
			    const struct crmg_why_service *why, unsigned int limit)
{
	const struct crmg_limit *terms = &why->binding->limit[limit];
	uint64_t burst = why->label->terms[limit].burst;
	unsigned __int128 level = 0, left;

	if (why->seen && limit < 3 && why->slot.cost[limit]) {
		uint64_t now = snap->mono_ns << CRMG_UNITS_PER_NS_SHIFT;
		int64_t ahead = (int64_t)(why->slot.tat[limit] - now);

		if (ahead > 0)
			level = (unsigned __int128)ahead * terms->cost / why->slot.cost[limit];
	}
	if (!terms->cost || level >= terms->tolerance)
		return terms->cost ? 0 : burst;
	left = ((terms->tolerance - level) << crmg_limit_shift(limit)) / terms->cost;
	return left < burst ? (uint64_t)left : burst;
}
