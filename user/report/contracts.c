// SPDX-License-Identifier: GPL-2.0
/* contracts.c - see contracts.h. */
#include "contracts.h"

#include <stdio.h>
#include <string.h>

#include "../base/num.h"
#include "text.h"

bool crmg_contract_next(const struct crmg_image *image, uint64_t real_ns, size_t *at,
			struct crmg_contractor *ret)
{
	uint64_t now_s = real_ns / CRMG_NS_PER_SEC;
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
	while (*at < count) {
		const struct crmg_client *client = &clients[(*at)++];
		const struct crmg_contract *contract = crmg_image_contract(image, client->contract);

		if (!contract)
			continue;
		*ret = (struct crmg_contractor){
			.client = client,
			.contract = contract,
			.holds = crmg_image_holds(image, client->contract, real_ns),
			.ended = contract->until_s && contract->until_s <= now_s,
		};
		if (contract->until_s && !ret->ended)
			ret->ends_in_s = contract->until_s - now_s;
		return true;
	}
	return false;
}

/* Runs of three and more days as one: "Mon-Fri", "Mon,Tue", "Mon-Thu,Sun". */
static int days_text(uint8_t bits, char *buf, size_t size)
{
	static const char names[][4] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	int at = 0;

	for (int first = 0, last; first < 7; first = last + 1) {
		for (last = first; last < 6 && bits >> (last + 1) & 1; last++)
			;
		if (!(bits >> first & 1)) {
			last = first;
			continue;
		}
		if (last < first + 2)
			last = first;
		at += snprintf(buf + at, size - at, "%s%s%s%s", at ? "," : "", names[first],
			       last > first ? "-" : "", last > first ? names[last] : "");
	}
	return at;
}

char *crmg_hours_text(const struct crmg_contract *contract, char buf[CRMG_HOURS_LEN])
{
	uint32_t begin = contract->begin_s / 60, end = contract->end_s / 60;
	int at;

	buf[0] = '\0';
	if (!contract->days)
		return buf;
	at = days_text(contract->days, buf, CRMG_HOURS_LEN);
	snprintf(buf + at, CRMG_HOURS_LEN - at, " %02u:%02u-%02u:%02u %s", begin / 60, begin % 60,
		 end / 60, end % 60, contract->zone);
	return buf;
}

json_t *crmg_owner_json(const struct crmg_contract *contract)
{
	return contract && contract->owner[0]
	       ? crmg_json_text(contract->owner, sizeof(contract->owner)) : json_null();
}

json_t *crmg_until_json(const struct crmg_contract *contract)
{
	return crmg_json_time(contract ? contract->until_s * CRMG_NS_PER_SEC : 0);
}

json_t *crmg_hours_json(const struct crmg_contract *contract)
{
	char hours[CRMG_HOURS_LEN];

	return contract && contract->days ? json_string(crmg_hours_text(contract, hours))
					  : json_null();
}

char *crmg_lapse_text(const struct crmg_contractor *c, char buf[CRMG_LAPSE_LEN])
{
	char text[CRMG_HOURS_LEN];

	if (c->ended)
		snprintf(buf, CRMG_LAPSE_LEN, "ended at %s",
			 crmg_format_utc(c->contract->until_s * CRMG_NS_PER_SEC, false, text,
					 sizeof(text)));
	else
		snprintf(buf, CRMG_LAPSE_LEN, "outside its hours (%s)",
			 crmg_hours_text(c->contract, text));
	return buf;
}
