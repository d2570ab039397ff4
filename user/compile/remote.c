// SPDX-License-Identifier: GPL-2.0
/*
 * remote.c - the prefixes of clients and of the allow list, flattened into what
 * holds at a source's address: a binding for every service.
 */
#include "build.h"

#include "../base/util.h"

/* `allow` and gates set every service; a client those that have a policy for it. */
static int init_vectors(struct crmg_build *b)
{
	crmg_autofree struct crmg_change *changes = malloc(b->bind_count * sizeof(*changes));
	size_t count = 0;

	if (!changes)
		return -ENOMEM;
	for (size_t i = 1; i < b->bind_count; i++)
		if (b->binds[i].owner != CRMG_OWNER_NONE)
			changes[count++] = (struct crmg_change){
				.owner = b->binds[i].owner,
				.column = b->binds[i].service,
				.value = i,
			};
	return crmg_vectors_init(&b->remote_vectors, b->none, b->stride, changes, count,
				 CRMG_OWNER_GATE(b->model, b->model->gate_count), CRMG_OWNER_ALLOW,
				 CRMG_OWNER_GATE(b->model, 0));
}

static size_t add_spans(struct crmg_span *spans, size_t count, uint16_t owner,
			const struct crmg_model_prefix *prefixes, size_t prefix_count)
{
	for (size_t i = 0; i < prefix_count; i++)
		spans[count++] = (struct crmg_span){
			.addr = prefixes[i].pfx.addr,
			.len = prefixes[i].pfx.len,
			.owner = owner,
		};
	return count;
}

int crmg_build_remote(struct crmg_build *b)
{
	const struct crmg_model *model = b->model;
	crmg_autofree struct crmg_span *spans = NULL;
	size_t count = model->allow_count;
	int r;

	for (size_t i = 0; i < model->client_count; i++)
		count += model->clients[i].prefix_count;
	for (size_t i = 0; i < model->gate_count; i++)
		count += model->gates[i].prefix_count;
	spans = malloc((count + 1) * sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	count = add_spans(spans, 0, CRMG_OWNER_ALLOW, model->allow, model->allow_count);
	for (size_t i = 0; i < model->client_count; i++)
		count = add_spans(spans, count, i + 1, model->clients[i].prefixes,
				  model->clients[i].prefix_count);
	for (size_t i = 0; i < model->gate_count; i++)
		count = add_spans(spans, count, CRMG_OWNER_GATE(model, i), model->gates[i].prefixes,
				  model->gates[i].prefix_count);
	r = init_vectors(b);
	if (r == 0)
		r = crmg_table_build(spans, count, &b->remote_vectors, &b->remote);
	if (r == -E2BIG)
		return crmg_err_set(b->err, r, "the prefixes of the clients nest in too many "
				    "different ways: more than %u at %u services",
				    CRMG_VECTOR_ENTRIES_MAX / b->stride, b->stride - 1);
	return r;
}
