// SPDX-License-Identifier: GPL-2.0
/* vectors.c - interned vectors: equal contents have one number. */
#include "vectors.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static uint16_t *vector_at(const struct crmg_vectors *v, uint32_t number)
{
	return v->entries + (size_t)number * v->stride;
}

/* Counting sort by owner. */
static int sort_changes(struct crmg_vectors *v, const struct crmg_change *changes, size_t count,
			uint32_t owners)
{
	uint32_t sum = 0;

	v->first = calloc((size_t)owners + 1, sizeof(*v->first));
	v->changes = malloc((count + 1) * sizeof(*v->changes));
	if (!v->first || !v->changes)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		v->first[changes[i].owner]++;
	for (uint32_t o = 0; o <= owners; o++)
		v->first[o] = sum += v->first[o];
	for (size_t i = count; i-- > 0;)
		v->changes[--v->first[changes[i].owner]] = changes[i];
	return 0;
}

static int make_room(struct crmg_vectors *v)
{
	size_t room = v->room ? v->room * 2 : 64;
	uint16_t *entries;

	if (v->count < v->room)
		return 0;
	entries = realloc(v->entries, room * v->stride * sizeof(*entries));
	if (!entries)
		return -ENOMEM;
	v->entries = entries;
	v->room = room;
	return 0;
}

/* Numbers the vector that was written behind the last one, and keeps it if it is new. */
static int intern(struct crmg_vectors *v, uint32_t *ret)
{
	const uint16_t *candidate = vector_at(v, v->count);
	size_t size = v->stride * sizeof(*candidate);
	uint64_t key = crmg_hash(candidate, size, 0);
	uint32_t number;
	int r;

	/* Another vector may have the same hash: it then has the next key. */
	for (; (number = crmg_map_find(&v->known, key)) != CRMG_MAP_NONE; key++) {
		if (memcmp(vector_at(v, number), candidate, size) == 0) {
			*ret = number;
			return 0;
		}
	}
	if ((uint64_t)(v->count + 1) * v->stride > CRMG_VECTOR_ENTRIES_MAX)
		return -E2BIG;
	r = crmg_map_put(&v->known, key, v->count);
	if (r < 0)
		return r;
	*ret = v->count++;
	return 0;
}

int crmg_vectors_init(struct crmg_vectors *v, const uint16_t *base, uint32_t stride,
		      const struct crmg_change *changes, size_t change_count, uint32_t owners,
		      uint32_t final_owner, uint32_t first_gate)
{
	struct crmg_vectors made = {
		.stride = stride,
		.final_owner = final_owner,
		.final = CRMG_MAP_NONE,
		.first_gate = first_gate,
	};
	uint32_t number;
	int r;

	r = sort_changes(&made, changes, change_count, owners);
	if (r == 0)
		r = make_room(&made);
	if (r == 0) {
		memcpy(vector_at(&made, 0), base, stride * sizeof(*base));
		r = intern(&made, &number);
	}
	if (r < 0) {
		crmg_vectors_free(&made);
		return r;
	}
	*v = made;
	return 0;
}

static int apply_changes(struct crmg_vectors *v, uint32_t parent, uint32_t owner, uint32_t *ret)
{
	bool gate = owner >= v->first_gate;
	uint16_t *vector;
	int r;

	if (gate && parent >= UINT16_MAX)
		return -E2BIG;
	r = make_room(v);
	if (r < 0)
		return r;
	vector = vector_at(v, v->count);
	memcpy(vector, vector_at(v, parent), v->stride * sizeof(*vector));
	for (uint32_t i = v->first[owner]; i < v->first[owner + 1]; i++)
		vector[v->changes[i].column] = v->changes[i].value;
	if (gate)
		vector[0] = parent + 1;
	r = intern(v, ret);
	return r == 0 && gate ? crmg_map_put(&v->gates, *ret, owner) : r;
}

/* Below a gate: inside the vector without it, and with it again. */
static int step_below(struct crmg_vectors *v, uint32_t parent, uint32_t gate, uint32_t owner,
		      uint32_t *ret)
{
	uint32_t below;
	int r = crmg_vectors_step(v, vector_at(v, parent)[0] - 1, owner, &below);

	return r < 0 ? r : crmg_vectors_step(v, below, gate, ret);
}

int crmg_vectors_step(struct crmg_vectors *v, uint32_t parent, uint32_t owner, uint32_t *ret)
{
	uint64_t step = (uint64_t)parent << 32 | owner;
	uint32_t gate = crmg_map_find(&v->gates, parent), number;
	int r;

	if (parent == v->final || v->first[owner] == v->first[owner + 1]) {
		*ret = parent;
		return 0;
	}
	if (gate != CRMG_MAP_NONE)
		return step_below(v, parent, gate, owner, ret);
	number = crmg_map_find(&v->steps, step);
	if (number == CRMG_MAP_NONE) {
		r = apply_changes(v, parent, owner, &number);
		if (r < 0)
			return r;
		r = crmg_map_put(&v->steps, step, number);
		if (r < 0)
			return r;
		if (owner == v->final_owner)
			v->final = number;
	}
	*ret = number;
	return 0;
}

void crmg_vectors_free(struct crmg_vectors *v)
{
	free(v->entries);
	free(v->changes);
	free(v->first);
	crmg_map_free(&v->steps);
	crmg_map_free(&v->known);
	crmg_map_free(&v->gates);
	*v = (struct crmg_vectors){ 0 };
}
