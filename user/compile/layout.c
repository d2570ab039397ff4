// SPDX-License-Identifier: GPL-2.0
/*
 * layout.c - writes the image: sizes of all sections first, then one zeroed
 * allocation, then each section once, at its place.
 */
#include "build.h"

#include <string.h>

#include <crmgate/window.h>

#include "../base/num.h"
#include "../base/util.h"

static size_t key_count(const struct crmg_table *t)
{
	return t->main.count + t->sub.count;
}

static void count_entries(const struct crmg_build *b, size_t *counts)
{
	const struct crmg_model *model = b->model;

	counts[CRMG_SECTION_SERVICES] = b->stride;
	counts[CRMG_SECTION_LABELS] = b->bind_count;
	counts[CRMG_SECTION_QUOTAS] = b->quotas_count;
	counts[CRMG_SECTION_CONTRACTS] = b->contract_count;
	counts[CRMG_SECTION_HTTP] = b->http_count;
	counts[CRMG_SECTION_KEYS] = key_count(&b->remote);
	counts[CRMG_SECTION_LEAVES] = key_count(&b->remote);
	counts[CRMG_SECTION_SUBS] = b->remote.sub_count;
	counts[CRMG_SECTION_MATRIX] = (size_t)b->remote_vectors.count * b->stride;
	counts[CRMG_SECTION_LKEYS] = key_count(&b->local);
	counts[CRMG_SECTION_LLEAVES] = key_count(&b->local);
	counts[CRMG_SECTION_LSUBS] = b->local.sub_count;
	counts[CRMG_SECTION_GROUPS] = (size_t)b->local_vectors.count * CRMG_PORT_GROUP;
	counts[CRMG_SECTION_NAMEKEYS] = b->name_count;
	counts[CRMG_SECTION_NAMES] = b->name_count;
	counts[CRMG_SECTION_CLIENTS] = CRMG_OWNER_GATE(model, model->gate_count);
	counts[CRMG_SECTION_PREFIXES] = model->allow_count;
	for (size_t i = 0; i < model->client_count; i++)
		counts[CRMG_SECTION_PREFIXES] += model->clients[i].prefix_count;
	for (size_t i = 0; i < model->gate_count; i++)
		counts[CRMG_SECTION_PREFIXES] += model->gates[i].prefix_count;
	for (size_t i = 0; i < model->service_count; i++) {
		counts[CRMG_SECTION_LOCALS] += model->services[i].address_count;
		counts[CRMG_SECTION_PORTS] += model->services[i].port_count;
	}
}

/* Allocates the image and settles where its sections are. */
static int place_sections(const struct crmg_build *b, struct crmg_image *ret)
{
	size_t counts[CRMG_SECTION_COUNT] = { 0 }, cells = CRMG_IMAGE_SECTIONS;
	struct crmg_section section[CRMG_SECTION_COUNT];
	struct crmg_head *head;

	count_entries(b, counts);
	for (size_t i = 0; i < CRMG_SECTION_COUNT; i++) {
		section[i] = (struct crmg_section){ .cell = cells, .count = counts[i] };
		cells += (counts[i] * crmg_entry_size(i) + CRMG_CELL - 1) / CRMG_CELL;
	}
	if (cells <= CRMG_FRONT_CELLS)
		cells = CRMG_FRONT_CELLS + 1;	/* no map is empty, the back neither */
	ret->cells = calloc(cells, sizeof(*ret->cells));
	if (!ret->cells)
		return -ENOMEM;
	ret->cell_count = cells;
	head = (struct crmg_head *)ret->cells;
	memcpy(head->section, section, sizeof(section));
	head->cells = cells;
	return 0;
}

/* First entry of a section, to be written. */
static void *section_of(struct crmg_image *image, enum crmg_section_id id)
{
	return &image->cells[crmg_image_head(image)->section[id].cell];
}

static void write_head(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_head *head = (struct crmg_head *)image->cells;

	head->magic = CRMG_IMAGE_MAGIC;
	head->abi = CRMG_ABI;
	head->generation = b->generation;
	head->bindings = b->bind_count - 1;
	head->first_v6 = b->remote.first_v6;
	head->end_v6 = b->remote.main.count;
	head->lfirst_v6 = b->local.first_v6;
	head->lend_v6 = b->local.main.count;
	head->capacity = b->model->capacity;
	head->flows = b->model->flows;
	head->v4_prefix = b->model->v4_prefix;
	head->v6_prefix = b->model->v6_prefix;
	head->mode = b->mode;
	for (size_t g = 0; g < b->model->gate_count; g++)
		memcpy(head->gate[g], b->model->gates[g].interface, sizeof(head->gate[g]));
	if (b->model->file)
		crmg_copy(head->file, sizeof(head->file), b->model->file);
}

static void write_binds(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_binding *bindings = ((struct crmg_front *)image->cells)->bindings;
	struct crmg_label *labels = section_of(image, CRMG_SECTION_LABELS);

	for (size_t i = 1; i < b->bind_count; i++)
		crmg_bind_write(b, &b->binds[i], &bindings[i], &labels[i]);
}

/* index 0: there are none. ladder: what comes of them, but for the rate, which is their own. */
static void write_quotas(struct crmg_image *image, uint16_t index,
			 const struct crmg_model_bytes_out *from,
			 const struct crmg_model_bytes_out *ladder)
{
	struct crmg_quotas *to = (struct crmg_quotas *)section_of(image, CRMG_SECTION_QUOTAS) + index;

	if (!index)
		return;
	to->on_budget = ladder->on_budget;
	to->notify_at = ladder->notify_at ? ladder->notify_at : CRMG_NOTIFY_AT;
	if (to->on_budget == CRMG_ON_BUDGET_THROTTLE) {
		to->throttle_to = from->throttle_to;
		to->throttle = crmg_throttle_of(from->throttle_to);
	}
	for (size_t q = 0; q < from->count; q++)
		to->quota[q] = (struct crmg_quota){
			.terms = crmg_terms_of(from->quota[q].bytes, from->quota[q].per_s),
			.bytes = from->quota[q].bytes,
			.notify = from->quota[q].bytes * to->notify_at / 100,
		};
}

static void write_policy_quotas(const struct crmg_build *b, struct crmg_image *image)
{
	for (size_t i = 1; i < b->bind_count; i++) {
		const struct crmg_model_policy *policy = b->binds[i].policy;

		if (!policy)
			continue;
		write_quotas(image, b->binds[i].quotas, &policy->bytes_out, &policy->bytes_out);
		write_quotas(image, b->binds[i].aggregate_quotas, &policy->aggregate.bytes_out,
			     &policy->bytes_out);
		write_quotas(image, b->binds[i].total_quotas, &policy->total.bytes_out,
			     &policy->bytes_out);
	}
}

static void write_http(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_http_terms *http = section_of(image, CRMG_SECTION_HTTP);

	for (size_t i = 1; i < b->bind_count; i++) {
		const struct crmg_bind *bind = &b->binds[i];

		if (bind->http)
			http[bind->http] = (struct crmg_http_terms){
				.methods = bind->policy->http.methods,
				.max_header = bind->policy->http.max_header,
				.max_body = bind->policy->http.max_body,
			};
	}
}

/* A prefix as it is listed. */
static struct crmg_prefix listed(const struct crmg_pfx *pfx, uint16_t client)
{
	return (struct crmg_prefix){ .addr = pfx->addr, .len = pfx->len, .client = client };
}

static void write_services(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_budget *budgets = ((struct crmg_front *)image->cells)->budgets;
	struct crmg_service *services = section_of(image, CRMG_SECTION_SERVICES);
	struct crmg_prefix *locals = section_of(image, CRMG_SECTION_LOCALS);
	struct crmg_port_range *ports = section_of(image, CRMG_SECTION_PORTS);
	uint32_t local_count = 0, port_count = 0, name_count = 0;

	for (size_t i = 0; i < b->model->service_count; i++) {
		const struct crmg_model_service *from = &b->model->services[i];
		uint8_t index = b->index_of[i];
		struct crmg_service *to = &services[index];

		crmg_copy(to->name, sizeof(to->name), from->name);
		to->born = b->born[index];
		to->none_binding = b->none[index];
		to->allow_binding = b->allow[index];
		to->transport = from->transport;
		to->protocol = from->protocol;
		to->sanity = from->sanity;
		to->first_port = port_count;
		to->port_count = from->port_count;
		for (size_t p = 0; p < from->port_count; p++)
			ports[port_count++] = from->ports[p];
		to->first_local = local_count;
		to->local_count = from->address_count;
		for (size_t a = 0; a < from->address_count; a++)
			locals[local_count++] = listed(&from->addresses[a], UINT16_MAX);
		to->base = b->base_of[i];
		to->first_name = name_count;
		to->name_count = from->name_count;
		name_count += from->name_count;
		budgets[index].limits = crmg_write_limits(from->total.limits, CRMG_BUCKET_LIMITS,
							  budgets[index].limit, to->total);
		budgets[index].quotas = b->service_quotas[index];
		write_quotas(image, budgets[index].quotas, &from->total.bytes_out,
			     &from->total.bytes_out);
	}
}

/* Prefixes stand in the order of the clients, `allow` first, gates last. */
static void write_clients(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_client *clients = section_of(image, CRMG_SECTION_CLIENTS);
	struct crmg_prefix *prefixes = section_of(image, CRMG_SECTION_PREFIXES);

	crmg_copy(clients[0].name, sizeof(clients[0].name), "allow");
	clients[0].prefix_count = b->model->allow_count;
	for (size_t p = 0; p < b->model->allow_count; p++)
		*prefixes++ = listed(&b->model->allow[p].pfx, CRMG_OWNER_ALLOW);
	for (size_t i = 0; i < b->model->client_count; i++) {
		const struct crmg_model_client *from = &b->model->clients[i];
		struct crmg_client *to = &clients[i + 1];

		crmg_copy(to->name, sizeof(to->name), from->name);
		to->prefix_count = from->prefix_count;
		to->file_count = from->file_count;
		to->balancer = from->balancer;
		to->feed_ns = from->feed_ns;
		to->max_age_s = from->max_age_ns / CRMG_NS_PER_SEC;
		to->contract = b->contract_of[i];
		to->row = b->client_row[i];
		for (size_t p = 0; p < from->prefix_count; p++)
			*prefixes++ = listed(&from->prefixes[p].pfx, i + 1);
	}
	for (size_t g = 0; g < b->model->gate_count; g++) {
		const struct crmg_model_gate *gate = &b->model->gates[g];
		uint16_t index = CRMG_OWNER_GATE(b->model, g);

		crmg_copy(clients[index].name, sizeof(clients[index].name), b->gate_name[g]);
		clients[index].prefix_count = gate->prefix_count;
		for (size_t p = 0; p < gate->prefix_count; p++)
			*prefixes++ = listed(&gate->prefixes[p].pfx, index);
	}
}

static void write_table(const struct crmg_table *t, uint64_t *keys, uint32_t *leaves,
			uint64_t *subs)
{
	const uint64_t both = (uint64_t)t->main.count << 32 | t->main.count;

	if (!t->main.count)
		return;
	memcpy(keys, t->main.keys, t->main.count * sizeof(*keys));
	memcpy(leaves, t->main.leaves, t->main.count * sizeof(*leaves));
	memcpy(keys + t->main.count, t->sub.keys, t->sub.count * sizeof(*keys));
	memcpy(leaves + t->main.count, t->sub.leaves, t->sub.count * sizeof(*leaves));
	for (size_t i = 0; i < t->sub_count; i++)
		subs[i] = t->subs[i] + both;	/* first and end move alike */
}

_Static_assert(4 * CRMG_PREFIXES_MAX < 1 << CRMG_DIR_STEPS_SHIFT,
	       "the directory has no room for the index of a key");

/* The directory of one family, whose keys are [first, end). */
static void write_dir(const struct crmg_keys *k, size_t first, size_t end, uint32_t *dir)
{
	for (uint64_t place = 0; place < 65536; place++) {
		const uint64_t begin = place << 48, last = begin | 0xffffffffffff;
		size_t next, steps = 0;

		while (first + 1 < end && k->keys[first + 1] <= begin)
			first++;
		for (next = first + 1; next < end && k->keys[next] <= last; next++)
			;
		while ((size_t)1 << steps < next - first)
			steps++;
		dir[place] = steps || k->leaves[first] & CRMG_LEAF_SUB
			   ? steps << CRMG_DIR_STEPS_SHIFT | first
			   : CRMG_DIR_LEAF | k->leaves[first];
		first = next - 1;
	}
}

/* Marks the leaves of IPv4 places where a source has several places that differ. */
static void mark_narrow(uint32_t *dir, uint8_t v4_prefix)
{
	const size_t places = v4_prefix < 16 ? 1 << (16 - v4_prefix) : 1;

	for (size_t first = 0; first < CRMG_DIR_V6; first += places) {
		const size_t end = first + places;
		size_t i = first;

		while (i < end && dir[i] == dir[first])
			i++;
		if (i == end)
			continue;
		for (i = first; i < end; i++)
			if (dir[i] & CRMG_DIR_LEAF)
				dir[i] |= CRMG_DIR_NARROW;
	}
}

static void write_lookups(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_front *front = (struct crmg_front *)image->cells;
	uint8_t *groups = section_of(image, CRMG_SECTION_GROUPS);
	size_t group_entries = crmg_image_head(image)->section[CRMG_SECTION_GROUPS].count;

	memcpy(front->ports, b->ports, sizeof(front->ports));
	write_dir(&b->remote.main, 0, b->remote.first_v6, front->dir);
	write_dir(&b->remote.main, b->remote.first_v6, b->remote.main.count,
		  front->dir + CRMG_DIR_V6);
	mark_narrow(front->dir, b->model->v4_prefix);
	write_table(&b->remote, section_of(image, CRMG_SECTION_KEYS),
		    section_of(image, CRMG_SECTION_LEAVES), section_of(image, CRMG_SECTION_SUBS));
	memcpy(section_of(image, CRMG_SECTION_MATRIX), b->remote_vectors.entries,
	       (size_t)b->remote_vectors.count * b->stride * sizeof(uint16_t));
	write_table(&b->local, section_of(image, CRMG_SECTION_LKEYS),
		    section_of(image, CRMG_SECTION_LLEAVES),
		    section_of(image, CRMG_SECTION_LSUBS));
	for (size_t i = 0; i < group_entries; i++)
		groups[i] = b->local_vectors.entries[i];	/* 64 services fit a byte */
}

static void write_names(const struct crmg_build *b, struct crmg_image *image)
{
	struct crmg_head *head = (struct crmg_head *)image->cells;

	for (size_t i = 0; i < b->model->service_count; i++)
		if (b->base_of[i])
			head->named |= 1ULL << (b->base_of[i] - 1);
	if (!b->name_count)
		return;
	memcpy(section_of(image, CRMG_SECTION_NAMES), b->names, b->name_count * sizeof(*b->names));
	memcpy(section_of(image, CRMG_SECTION_NAMEKEYS), b->name_keys,
	       b->name_count * sizeof(*b->name_keys));
}

int crmg_build_image(const struct crmg_build *b, struct crmg_image *ret)
{
	struct crmg_image image;
	int r;

	r = place_sections(b, &image);
	if (r < 0)
		return r;
	write_head(b, &image);
	write_services(b, &image);
	write_binds(b, &image);
	write_policy_quotas(b, &image);
	write_http(b, &image);
	crmg_contracts_write(b, section_of(&image, CRMG_SECTION_CONTRACTS));
	write_clients(b, &image);
	write_lookups(b, &image);
	write_names(b, &image);
	*ret = image;
	return 0;
}
