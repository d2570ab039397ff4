// SPDX-License-Identifier: GPL-2.0
/*
 * check_allow.c - entries of `allow` that hold for one interface: one in another would
 * leave open by which of the two interfaces an address is allowed.
 */
#include "check.h"

static bool holds(const struct crmg_pfx *outer, const struct crmg_pfx *inner)
{
	struct crmg_addr cut = crmg_addr_cut(inner->addr, outer->len);

	return outer->len <= inner->len && !crmg_addr_cmp(&cut, &outer->addr);
}

static void check_entry(const struct crmg_model *model, const struct crmg_model_gate *gate,
			const struct crmg_model_prefix *entry, struct crmg_err *err)
{
	char text[CRMG_ADDR_LEN];

	crmg_format_prefix(&entry->pfx.addr, entry->pfx.len, text, sizeof(text));
	for (size_t i = 0; i < model->allow_count; i++)
		if (holds(&model->allow[i].pfx, &entry->pfx)) {
			crmg_check_warn(model, err, entry->place, "%s is allowed by every interface "
					"(line %u), %s adds nothing", text,
					model->allow[i].place.line, gate->interface);
			return;
		}
	for (size_t g = 0; g < model->gate_count; g++)
		for (size_t i = 0; i < model->gates[g].prefix_count; i++) {
			const struct crmg_model_prefix *outer = &model->gates[g].prefixes[i];

			if (outer == entry || !holds(&outer->pfx, &entry->pfx))
				continue;
			crmg_check_error(model, err, entry->place, "%s of interface %s lies in an "
					 "entry of interface %s (line %u); entries with an interface "
					 "must not overlap", text, gate->interface,
					 model->gates[g].interface, outer->place.line);
			return;
		}
}

void crmg_check_allow(const struct crmg_model *model, struct crmg_err *err)
{
	for (size_t g = 0; g < model->gate_count; g++)
		for (size_t i = 0; i < model->gates[g].prefix_count; i++)
			check_entry(model, &model->gates[g], &model->gates[g].prefixes[i], err);
}
