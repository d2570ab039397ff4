// SPDX-License-Identifier: GPL-2.0
/*
 * inherit.c - what outlives an apply by its name: a service's index, a policy's
 * counter row and a client's. Packets are judged by the old image until the switch,
 * so what is new gets places that the old one does not use.
 */
#include "build.h"

#include <string.h>

#include "../base/util.h"
#include "map.h"

/* Bit of a service index 1..64. */
static uint64_t index_bit(unsigned int index)
{
	return 1ULL << (index - 1);
}

static bool is_same_service(const struct crmg_service *old, const struct crmg_model_service *s)
{
	return strcmp(old->name, s->name) == 0 && old->transport == s->transport;
}

int crmg_build_services(struct crmg_build *b)
{
	uint64_t taken = 0, in_force = 0, free_bits;
	const struct crmg_service *old;

	for (unsigned int index = 1; b->old && index <= CRMG_SERVICES_MAX; index++) {
		old = crmg_image_service(b->old, index);
		if (!old)
			continue;
		in_force |= index_bit(index);
		for (size_t i = 0; i < b->model->service_count; i++) {
			if (!is_same_service(old, &b->model->services[i]))
				continue;
			b->index_of[i] = index;
			b->born[index] = old->born;
			taken |= index_bit(index);
		}
	}
	b->stride = 1;
	for (size_t i = 0; i < b->model->service_count; i++) {
		if (!b->index_of[i]) {
			free_bits = ~(taken | in_force);
			if (!free_bits)
				free_bits = ~taken;
			b->index_of[i] = __builtin_ctzll(free_bits) + 1;
			b->born[b->index_of[i]] = b->generation;
			taken |= index_bit(b->index_of[i]);
		}
		if (b->index_of[i] >= b->stride)
			b->stride = b->index_of[i] + 1;
	}
	return 0;
}

/* Counter rows in use, by (service, policy name), or (0, client name). */
struct series {
	const char *name;
	uint8_t service;
	uint16_t row;
};

struct series_set {
	struct series *list;
	size_t count;
	struct crmg_map map;	/* hash -> place in list */
	uint64_t used[CRMG_ROW_CHUNKS_MAX * CRMG_ROW_CHUNK / 64];
	uint16_t next_free;	/* all rows before are used */
};

/* Both images together never need more rows than there are. */
_Static_assert(2 * (CRMG_BINDINGS_MAX - 1) < CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX,
	       "an apply could run out of counter rows");
_Static_assert(2 * CRMG_CLIENTS_MAX < CRMG_CLIENT_ROWS &&
	       CRMG_CLIENT_ROWS <= CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX,
	       "an apply could run out of rows of clients");

static bool row_is_used(const struct series_set *set, uint16_t row)
{
	return set->used[row / 64] >> row % 64 & 1;
}

static void use_row(struct series_set *set, uint16_t row)
{
	set->used[row / 64] |= 1ULL << row % 64;
}

/* The series of (service, name), or NULL; *ret_key is then where it may be put. */
static const struct series *series_find(const struct series_set *set, uint8_t service,
					const char *name, uint64_t *ret_key)
{
	uint64_t key = crmg_hash(name, strlen(name), service);
	const struct series *s;
	uint32_t place;

	for (; (place = crmg_map_find(&set->map, key)) != CRMG_MAP_NONE; key++) {
		s = &set->list[place];
		if (s->service == service && strcmp(s->name, name) == 0)
			return s;
	}
	*ret_key = key;
	return NULL;
}

static int series_add(struct series_set *set, uint64_t key, uint8_t service, const char *name,
		      uint16_t row)
{
	int r;

	r = crmg_map_put(&set->map, key, set->count);
	if (r < 0)
		return r;
	set->list[set->count++] = (struct series){ name, service, row };
	use_row(set, row);
	return 0;
}

/* Its row, or a new one that nobody uses. */
static int series_row(struct series_set *set, uint8_t service, const char *name, uint16_t *ret_row)
{
	uint64_t key;
	const struct series *s = series_find(set, service, name, &key);

	if (s) {
		*ret_row = s->row;
		return 0;
	}
	while (row_is_used(set, set->next_free))
		set->next_free++;
	*ret_row = set->next_free;
	return series_add(set, key, service, name, *ret_row);
}

/* Rows of the image in force; those of services that are gone stay taken, without a name. */
static int inherit_rows(const struct crmg_build *b, struct series_set *set)
{
	const struct crmg_binding *binding;
	const char *policy;
	uint64_t key;
	int r;

	for (uint32_t i = 1; b->old && i <= crmg_image_head(b->old)->bindings; i++) {
		binding = crmg_image_binding(b->old, i);
		policy = crmg_image_label(b->old, i)->policy;
		use_row(set, binding->row);
		/* A service that is gone, or got its index only now, has no history. */
		if (!b->born[binding->service] || b->born[binding->service] == b->generation)
			continue;
		if (series_find(set, binding->service, policy, &key))
			continue;
		r = series_add(set, key, binding->service, policy, binding->row);
		if (r < 0)
			return r;
	}
	return 0;
}

static int assign_rows(struct crmg_build *b, struct series_set *set)
{
	int r = 0;

	for (size_t i = 1; r == 0 && i < b->bind_count; i++) {
		struct crmg_bind *bind = &b->binds[i];

		r = series_row(set, bind->service, bind->policy_name, &bind->row);
	}
	return r;
}

static int build_policy_rows(struct crmg_build *b)
{
	size_t most = b->bind_count + (b->old ? crmg_image_head(b->old)->bindings : 0);
	crmg_autofree struct series *list = malloc(most * sizeof(*list));
	struct series_set set = { .list = list, .next_free = 1 };
	int r;

	if (!list)
		return -ENOMEM;
	r = inherit_rows(b, &set);
	if (r == 0)
		r = assign_rows(b, &set);
	crmg_map_free(&set.map);
	return r;
}

static int build_client_rows(struct crmg_build *b)
{
	const struct crmg_client *old = NULL;
	crmg_autofree struct series *list = NULL;
	struct series_set set = { .next_free = 1 };
	size_t old_count = 0;
	uint64_t key;
	int r = 0;

	if (b->old)
		old = crmg_image_section(b->old, CRMG_SECTION_CLIENTS, &old_count);
	list = set.list = malloc((b->model->client_count + old_count + 1) * sizeof(*list));
	b->client_row = calloc(b->model->client_count + 1, sizeof(*b->client_row));
	if (!list || !b->client_row)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < old_count; i++)
		if (old[i].row && !series_find(&set, 0, old[i].name, &key))
			r = series_add(&set, key, 0, old[i].name, old[i].row);
	for (size_t i = 0; r == 0 && i < b->model->client_count; i++)
		r = series_row(&set, 0, b->model->clients[i].name, &b->client_row[i]);
	crmg_map_free(&set.map);
	return r;
}

int crmg_build_rows(struct crmg_build *b)
{
	int r = build_policy_rows(b);

	return r ? r : build_client_rows(b);
}

/* What an image says of the past of a counter row, which has one name as long as it is used. */
struct past {
	uint64_t shadow_since_ns;
	uint64_t counted_since_ns;
};

void crmg_image_stamp(struct crmg_image *image, const struct crmg_image *old, uint64_t now_ns)
{
	struct past past[CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX] = { 0 };
	struct crmg_head *head = (struct crmg_head *)image->cells;
	struct crmg_label *labels = (struct crmg_label *)
		&image->cells[head->section[CRMG_SECTION_LABELS].cell];

	head->applied_at_ns = now_ns;
	crmg_contracts_stamp(image, now_ns);
	for (uint32_t i = 1; old && i <= crmg_image_head(old)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(old, i);

		past[crmg_image_binding(old, i)->row] =
			(struct past){ label->shadow_since_ns, label->counted_since_ns };
	}
	for (uint32_t i = 1; i <= head->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct past *was = &past[binding->row];

		labels[i].counted_since_ns = was->counted_since_ns ? was->counted_since_ns : now_ns;
		if (binding->mode == CRMG_MODE_SHADOW)
			labels[i].shadow_since_ns = was->shadow_since_ns ? was->shadow_since_ns
									 : now_ns;
	}
}
