// SPDX-License-Identifier: GPL-2.0
/*
 * contracts.c - the contracts of clients in an image, and whether one holds: as the packet
 * path judges it (bpf/contract.h).
 */
#include "build.h"

#include <crmgate/contract.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../base/zone.h"

bool crmg_contract_may_end(const struct crmg_model_contract *contract)
{
	return contract->until_s || contract->days;
}

int crmg_build_contracts(struct crmg_build *b)
{
	const struct crmg_model *model = b->model;

	b->contract_of = calloc(model->client_count + 1, sizeof(*b->contract_of));
	if (!b->contract_of)
		return -ENOMEM;
	for (size_t i = 0; i < model->client_count; i++) {
		const struct crmg_model_contract *contract = &model->clients[i].contract;

		if (!contract->owner[0] && !crmg_contract_may_end(contract))
			continue;
		b->contract_count += b->contract_count ? 1 : 2;
		b->contract_of[i] = b->contract_count - 1;
	}
	return 0;
}

void crmg_contracts_write(const struct crmg_build *b, struct crmg_contract *ret)
{
	for (size_t i = 0; i < b->model->client_count; i++) {
		const struct crmg_model_contract *from = &b->model->clients[i].contract;
		struct crmg_contract *to = &ret[b->contract_of[i]];

		if (!b->contract_of[i])
			continue;
		to->until_s = from->until_s;
		to->days = from->days;
		to->begin_s = from->begin_s;
		to->end_s = from->end_s;
		crmg_copy(to->zone, sizeof(to->zone), from->zone);
		crmg_copy(to->owner, sizeof(to->owner), from->owner);
	}
}

/* A day before: an offset that has just changed is not missed when the clock is set back. */
static void stamp(struct crmg_contract *contract, uint64_t now_s)
{
	struct crmg_zone_shift shifts[CRMG_CONTRACT_SHIFTS];
	size_t count = crmg_zone_shifts(contract->zone, now_s - CRMG_DAY_S, shifts,
					CRMG_CONTRACT_SHIFTS);

	for (size_t i = 0; i < CRMG_CONTRACT_SHIFTS; i++)
		contract->shift[i] = i < count
			? (struct crmg_shift){ (uint32_t)shifts[i].from_s, shifts[i].offset_s }
			: (struct crmg_shift){ UINT32_MAX, shifts[count - 1].offset_s };
}

void crmg_contracts_stamp(struct crmg_image *image, uint64_t now_ns)
{
	const struct crmg_section *section =
		&crmg_image_head(image)->section[CRMG_SECTION_CONTRACTS];
	struct crmg_contract *contracts = (struct crmg_contract *)&image->cells[section->cell];

	for (uint32_t i = 1; i < section->count; i++)
		if (contracts[i].days)
			stamp(&contracts[i], now_ns / CRMG_NS_PER_SEC);
}

const struct crmg_contract *crmg_image_contract(const struct crmg_image *image, uint32_t index)
{
	const struct crmg_contract *contracts;
	size_t count;

	contracts = crmg_image_section(image, CRMG_SECTION_CONTRACTS, &count);
	return index && index < count ? &contracts[index] : NULL;
}

bool crmg_image_holds(const struct crmg_image *image, uint32_t contract, uint64_t real_ns)
{
	const struct crmg_contract *c = crmg_image_contract(image, contract);

	return !c || crmg_contract_holds(c, real_ns / CRMG_NS_PER_SEC);
}

uint32_t crmg_image_standing(const struct crmg_image *image, uint32_t index, uint64_t real_ns)
{
	const struct crmg_binding *binding = crmg_image_binding(image, index);

	return !binding || crmg_image_holds(image, binding->contract, real_ns) ? index
									      : binding->fallback;
}
