/* SPDX-License-Identifier: GPL-2.0 */
/* model.c - life and defaults of a model. */
#include "model.h"

#include <errno.h>
#include <stdlib.h>

int crmg_model_new(struct crmg_model **ret)
{
	struct crmg_model *model = calloc(1, sizeof(*model));

	if (!model)
		return -ENOMEM;
	model->capacity = model->flows = 262144;
	model->v4_prefix = 32;
	model->v6_prefix = 64;
	model->mode = CRMG_MODE_ENFORCE;
	model->keep_s = 30 * 86400;
	*ret = model;
	return 0;
}

void crmg_model_free(struct crmg_model **model)
{
	struct crmg_model *m = *model;

	*model = NULL;
	if (!m)
		return;
	for (size_t i = 0; i < m->service_count; i++) {
		free(m->services[i].ports);
		free(m->services[i].addresses);
		free(m->services[i].names);
	}
	for (size_t i = 0; i < m->client_count; i++) {
		for (size_t f = 0; f < m->clients[i].file_count; f++)
			free(m->clients[i].files[f]);
		free(m->clients[i].files);
		free(m->clients[i].prefixes);
	}
	for (size_t i = 0; i < m->policy_count; i++) {
		free(m->policies[i].services);
		free(m->policies[i].clients);
	}
	free(m->services);
	free(m->clients);
	free(m->policies);
	free(m->allow);
	for (size_t i = 0; i < m->gate_count; i++)
		free(m->gates[i].prefixes);
	free(m->gates);
	free(m->file);
	free(m->shown);
	free(m);
}

/* Of two equal prefixes the one in the policy file comes first: it stays. */
static int by_prefix(const void *left, const void *right)
{
	const struct crmg_model_prefix *a = left, *b = right;
	int order = crmg_addr_cmp(&a->pfx.addr, &b->pfx.addr);

	if (!order)
		order = (int)a->pfx.len - b->pfx.len;
	if (!order)
		order = (int)a->from_file - b->from_file;
	if (!order)
		order = (int)a->file - b->file;
	if (!order)
		order = (a->place.line > b->place.line) - (a->place.line < b->place.line);
	if (!order)
		order = (a->place.column > b->place.column) - (a->place.column < b->place.column);
	return order;
}

void crmg_model_sort_prefixes(struct crmg_model_prefix *prefixes, size_t *count)
{
	size_t kept = 0;

	if (*count)
		qsort(prefixes, *count, sizeof(*prefixes), by_prefix);
	for (size_t i = 0; i < *count; i++) {
		struct crmg_model_prefix *last = kept ? &prefixes[kept - 1] : NULL;

		if (!last || last->pfx.len != prefixes[i].pfx.len ||
		    crmg_addr_cmp(&last->pfx.addr, &prefixes[i].pfx.addr))
			prefixes[kept++] = prefixes[i];
		else if (!prefixes[i].from_file && !last->again.line)
			last->again = prefixes[i].place;
	}
	*count = kept;
}
