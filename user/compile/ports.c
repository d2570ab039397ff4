// SPDX-License-Identifier: GPL-2.0
/*
 * ports.c - local ports and addresses to services. A port whose service cannot
 * be told by the port alone (but by address, or server name) gets a group, and the group a
 * column in the vectors of local addresses. Services are bits in words here, by place in the model.
 */
#include "build.h"

#include <arpa/inet.h>

#include "../base/util.h"

#define PLACES (2 * 65536)	/* of CRMG_IMAGE_PORTS: transport << 16 | raw port */

_Static_assert(CRMG_TRANSPORT_COUNT << 16 == PLACES, "a transport has no ports");

struct groups {
	uint64_t services[CRMG_GROUPS_MAX];
	size_t count;
};

/* Which services have each port. */
static void mark_ports(const struct crmg_model *model, uint64_t *services)
{
	for (size_t i = 0; i < model->service_count; i++) {
		const struct crmg_model_service *s = &model->services[i];

		for (size_t p = 0; p < s->port_count; p++)
			for (uint32_t port = s->ports[p].first; port <= s->ports[p].last; port++)
				services[s->transport << 16 | htons(port)] |= 1ULL << i;
	}
}

/* The group of a set of services, made if it is new; -E2BIG. */
static int group_of(struct crmg_build *b, struct groups *groups, uint64_t services)
{
	size_t g = 0;

	while (g < groups->count && groups->services[g] != services)
		g++;
	if (g == CRMG_GROUPS_MAX)
		return crmg_err_set(b->err, -E2BIG, "services with addresses share ports in more "
				    "than %d different ways", CRMG_GROUPS_MAX);
	groups->services[g] = services;
	if (g == groups->count)
		groups->count++;
	return g;
}

/* What the image has for a port of these services. */
static int port_entry(struct crmg_build *b, struct groups *groups, uint64_t services)
{
	unsigned int only;
	int g;

	if (!services)
		return 0;
	only = __builtin_ctzll(services);
	if (services == 1ULL << only && !b->model->services[only].address_count)
		return b->index_of[only];
	g = group_of(b, groups, services);
	return g < 0 ? g : CRMG_PORT_GROUP + g;
}

static int fill_ports(struct crmg_build *b, struct groups *groups)
{
	crmg_autofree uint64_t *services = calloc(PLACES, sizeof(*services));
	int entry = 0;

	b->ports = malloc(PLACES);
	if (!services || !b->ports)
		return -ENOMEM;
	mark_ports(b->model, services);
	for (size_t i = 0; i < PLACES; i++) {
		/* Neighbours mostly have the same services. */
		if (i == 0 || services[i] != services[i - 1])
			entry = port_entry(b, groups, services[i]);
		if (entry < 0)
			return entry;
		b->ports[i] = entry;
	}
	return 0;
}

/* Owners of local prefixes are the services; without addresses a service is everywhere. */
static int init_vectors(struct crmg_build *b, const struct groups *groups)
{
	const struct crmg_model *model = b->model;
	uint16_t base[CRMG_PORT_GROUP] = { 0 };
	crmg_autofree struct crmg_change *changes = NULL;
	size_t count = 0;

	changes = malloc((groups->count * model->service_count + 1) * sizeof(*changes));
	if (!changes)
		return -ENOMEM;
	for (size_t g = 0; g < groups->count; g++)
		for (size_t i = 0; i < model->service_count; i++) {
			/* What comes is for the one without names, until one is known. */
			if (!(groups->services[g] >> i & 1) || model->services[i].name_count)
				continue;
			if (model->services[i].address_count)
				changes[count++] = (struct crmg_change){ i, g, b->index_of[i] };
			else
				base[g] = b->index_of[i];
		}
	return crmg_vectors_init(&b->local_vectors, base, CRMG_PORT_GROUP, changes, count,
				 model->service_count, CRMG_OWNER_NONE, CRMG_OWNER_NONE);
}

static int build_local(struct crmg_build *b)
{
	const struct crmg_model *model = b->model;
	crmg_autofree struct crmg_span *spans = NULL;
	size_t count = 0;

	for (size_t i = 0; i < model->service_count; i++)
		count += model->services[i].address_count;
	spans = malloc((count + 1) * sizeof(*spans));
	if (!spans)
		return -ENOMEM;
	count = 0;
	for (size_t i = 0; i < model->service_count; i++)
		for (size_t a = 0; a < model->services[i].address_count; a++)
			spans[count++] = (struct crmg_span){
				.addr = model->services[i].addresses[a].addr,
				.len = model->services[i].addresses[a].len,
				.owner = i,
			};
	return crmg_table_build(spans, count, &b->local_vectors, &b->local);
}

int crmg_build_ports(struct crmg_build *b)
{
	struct groups groups = { .count = 0 };
	int r;

	r = fill_ports(b, &groups);
	if (r < 0 || groups.count == 0)
		return r;
	r = init_vectors(b, &groups);
	if (r < 0)
		return r;
	return build_local(b);
}
