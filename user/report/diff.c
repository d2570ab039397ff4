// SPDX-License-Identifier: GPL-2.0
/*
 * diff.c - compares policies by name and fingerprint. A fingerprint leaves out
 * what an apply may move without changing its meaning: generation, rows, indexes.
 */
#include "diff.h"

#include <string.h>

#include "../base/util.h"

#define FNV_START 0xcbf29ce484222325ULL
#define FNV_PRIME 0x100000001b3ULL

static uint64_t hash(uint64_t from, const void *data, size_t size)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < size; i++)
		from = (from ^ bytes[i]) * FNV_PRIME;
	return from;
}

static uint64_t hash_number(uint64_t from, uint64_t number)
{
	return hash(from, &number, sizeof(number));
}

static struct crmg_diff_item *add(struct crmg_diff_items *items)
{
	struct crmg_diff_item *item = crmg_grow(&items->items, &items->count, sizeof(*item));

	if (item)
		item->fingerprint = FNV_START;
	return item;
}

static const void *part(const struct crmg_image *image, enum crmg_section_id id)
{
	return crmg_image_section(image, id, NULL);
}

static uint64_t hash_prefixes(uint64_t from, const struct crmg_prefix *prefixes, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		from = hash(from, &prefixes[i].addr, sizeof(prefixes[i].addr));
		from = hash_number(from, prefixes[i].len);
	}
	return from;
}

static int add_services(const struct crmg_image *image, struct crmg_diff_items *items)
{
	const struct crmg_port_range *ports = part(image, CRMG_SECTION_PORTS);
	const struct crmg_prefix *locals = part(image, CRMG_SECTION_LOCALS);

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);
		struct crmg_diff_item *item;
		uint64_t print;

		if (!service)
			continue;
		item = add(items);
		if (!item)
			return -ENOMEM;
		snprintf(item->name, sizeof(item->name), "service %s", service->name);
		print = hash_number(item->fingerprint,
				    service->transport << 8 | service->protocol);
		print = hash(print, ports + service->first_port,
			     service->port_count * sizeof(*ports));
		print = hash_prefixes(print, locals + service->first_local, service->local_count);
		item->fingerprint = hash(print, service->total, sizeof(service->total));
	}
	return 0;
}

static int add_clients(const struct crmg_image *image, struct crmg_diff_items *items)
{
	size_t count;
	const struct crmg_client *clients = crmg_image_section(image, CRMG_SECTION_CLIENTS,
							       &count);
	const struct crmg_prefix *prefixes = part(image, CRMG_SECTION_PREFIXES);

	for (size_t i = 0; i < count; i++) {
		struct crmg_diff_item *item = add(items);

		if (!item)
			return -ENOMEM;
		snprintf(item->name, sizeof(item->name), "client %s", clients[i].name);
		item->fingerprint = hash_number(item->fingerprint, clients[i].balancer);
		item->fingerprint = hash_prefixes(item->fingerprint, prefixes,
						  clients[i].prefix_count);
		prefixes += clients[i].prefix_count;
	}
	return 0;
}

/* A limit that is not set has no terms; a width is only a part of an aggregate. */
static uint64_t hash_policy(uint64_t from, const struct crmg_binding *binding,
			    const struct crmg_label *label)
{
	from = hash_number(from, binding->kind | binding->mode << 8 | binding->on_exceed << 16);
	from = hash(from, label->terms, sizeof(label->terms));
	from = hash(from, label->aggregate, sizeof(label->aggregate));
	if (binding->flags & CRMG_BINDING_AGGREGATE)
		from = hash_number(from, binding->v4_wide << 8 | binding->v6_wide);
	from = hash(from, label->total, sizeof(label->total));
	return hash(from, &binding->ban, sizeof(binding->ban));
}

static int add_policies(const struct crmg_image *image, struct crmg_diff_items *items)
{
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);
		struct crmg_diff_item *item;

		/* The built-in labels come and go with their service. */
		if (binding->kind != CRMG_BINDING_POLICY && binding->kind != CRMG_BINDING_DENY)
			continue;
		item = add(items);
		if (!item)
			return -ENOMEM;
		snprintf(item->name, sizeof(item->name), "policy %s of %s for %s", label->policy,
			 label->service, label->client);
		item->fingerprint = hash_policy(item->fingerprint, binding, label);
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct crmg_diff_item *x = a, *y = b;

	return strcmp(x->name, y->name);
}

int crmg_diff_items(const struct crmg_image *image, struct crmg_diff_items *ret)
{
	struct crmg_diff_items items = { 0 };
	int code = add_services(image, &items);

	if (!code)
		code = add_clients(image, &items);
	if (!code)
		code = add_policies(image, &items);
	if (code < 0) {
		crmg_diff_items_free(&items);
		return code;
	}
	qsort(items.items, items.count, sizeof(*items.items), by_name);
	*ret = items;
	return 0;
}

void crmg_diff_items_free(struct crmg_diff_items *items)
{
	free(items->items);
	*items = (struct crmg_diff_items){ 0 };
}

void crmg_diff(const struct crmg_diff_items *before, const struct crmg_diff_items *after,
	       void (*change)(char sign, const char *name, void *context), void *context)
{
	size_t b = 0, a = 0;

	while (b < before->count || a < after->count) {
		int order = b == before->count ? 1 : a == after->count ? -1
			    : by_name(&before->items[b], &after->items[a]);

		if (order < 0)
			change('-', before->items[b++].name, context);
		else if (order > 0)
			change('+', after->items[a++].name, context);
		else if (before->items[b++].fingerprint != after->items[a++].fingerprint)
			change('~', after->items[a - 1].name, context);
	}
}
