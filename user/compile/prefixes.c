// SPDX-License-Identifier: GPL-2.0
/*
 * prefixes.c - one sweep over the sorted prefixes of a family. Prefixes either
 * nest or are apart, so those around the current address form a stack.
 */
#include "prefixes.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>

#include "../base/addr.h"
#include "../base/util.h"

typedef unsigned __int128 u128;

#define NESTING_MAX 130		/* lengths 0..128, and the family itself */

struct interval {		/* from start to the next one's start */
	u128 start;
	uint32_t leaf;
};

struct intervals {
	struct interval *list;
	size_t count;
};

static u128 addr_number(const struct crmg_addr *addr)
{
	return (u128)addr->hi << 64 | addr->lo;
}

static u128 span_last(const struct crmg_span *span)
{
	u128 host_bits = span->len ? ((u128)1 << (128 - span->len)) - 1 : ~(u128)0;

	return addr_number(&span->addr) | host_bits;
}

/* IPv4 first; then by address; an outer prefix before those in it. */
static int span_order(const void *a, const void *b)
{
	const struct crmg_span *x = a, *y = b;
	bool x4 = crmg_addr_is_v4(&x->addr), y4 = crmg_addr_is_v4(&y->addr);

	if (x4 != y4)
		return y4 - x4;
	if (x->addr.hi != y->addr.hi)
		return x->addr.hi < y->addr.hi ? -1 : 1;
	if (x->addr.lo != y->addr.lo)
		return x->addr.lo < y->addr.lo ? -1 : 1;
	return x->len != y->len ? x->len - y->len : x->owner - y->owner;
}

/* From start on, leaf holds; starts come in ascending order, the last word counts. */
static void mark(struct intervals *v, u128 start, uint32_t leaf)
{
	if (v->count && v->list[v->count - 1].start == start)
		v->count--;
	if (v->count && v->list[v->count - 1].leaf == leaf)
		return;
	v->list[v->count++] = (struct interval){ .start = start, .leaf = leaf };
}

/* Sweeps count spans of the family [first, last]; v has room for 2 * count + 1 intervals. */
static int sweep(const struct crmg_span *spans, size_t count, u128 first, u128 last,
		 struct crmg_vectors *vectors, struct intervals *v)
{
	struct {
		u128 last;
		uint32_t leaf;
	} stack[NESTING_MAX] = { { .last = last } }, *top = stack;
	int r;

	mark(v, first, 0);
	for (size_t i = 0; i < count; i++) {
		u128 start = addr_number(&spans[i].addr), end = span_last(&spans[i]);
		bool again = i && start == addr_number(&spans[i - 1].addr) &&
			     spans[i].len == spans[i - 1].len;
		uint32_t leaf;

		for (; start > top->last; top--)
			mark(v, top->last + 1, top[-1].leaf);
		r = crmg_vectors_step(vectors, top->leaf, spans[i].owner, &leaf);
		if (r < 0)
			return r;
		top += !again;	/* the same prefix of another owner does not nest deeper */
		top->last = end;
		top->leaf = leaf;
		mark(v, start, leaf);
	}
	for (; top > stack; top--)
		if (top->last != last)
			mark(v, top->last + 1, top[-1].leaf);
	return 0;
}

static void add_key(struct crmg_keys *k, uint64_t key, uint32_t leaf)
{
	k->keys[k->count] = key;
	k->leaves[k->count++] = leaf;
}

static void add_v4(struct crmg_table *t, const struct intervals *v)
{
	for (size_t i = 0; i < v->count; i++)
		add_key(&t->main, (uint64_t)v->list[i].start << 32, v->list[i].leaf);
}

/* Keys are the upper halves; a /64 in which an interval begins has keys of its own. */
static void add_v6(struct crmg_table *t, const struct intervals *v)
{
	const struct interval *list = v->list;
	size_t i = 0, next;
	uint32_t leaf = 0;	/* in force before list[i] */

	for (; i < v->count; i = next, leaf = list[next - 1].leaf) {
		uint64_t upper = list[i].start >> 64;
		size_t first = t->sub.count;

		for (next = i + 1; next < v->count && list[next].start >> 64 == upper; next++)
			;
		if (next == i + 1 && (uint64_t)list[i].start == 0) {
			add_key(&t->main, upper, list[i].leaf);
			continue;
		}
		add_key(&t->main, upper, CRMG_LEAF_SUB | t->sub_count);
		if ((uint64_t)list[i].start != 0)
			add_key(&t->sub, 0, leaf);
		for (; i < next; i++)
			add_key(&t->sub, (uint64_t)list[i].start, list[i].leaf);
		t->subs[t->sub_count++] = (uint64_t)t->sub.count << 32 | first;
		if (upper != UINT64_MAX &&
		    (next == v->count || list[next].start >> 64 != upper + 1))
			add_key(&t->main, upper + 1, list[next - 1].leaf);
	}
}

static int keys_reserve(struct crmg_keys *k, size_t count)
{
	k->keys = malloc(count * sizeof(*k->keys));
	k->leaves = malloc(count * sizeof(*k->leaves));
	return k->keys && k->leaves ? 0 : -ENOMEM;
}

/* Room for the worst case; what is not written takes no memory. */
static int table_reserve(struct crmg_table *t, size_t v4, size_t v6)
{
	int r;

	r = keys_reserve(&t->main, v4 + 2 * v6);
	if (r < 0)
		return r;
	r = keys_reserve(&t->sub, 2 * v6);
	if (r < 0)
		return r;
	t->subs = malloc(v6 * sizeof(*t->subs));
	return t->subs ? 0 : -ENOMEM;
}

static int table_fill(struct crmg_table *t, const struct crmg_span *spans, size_t v4, size_t count,
		      struct crmg_vectors *vectors)
{
	size_t v6 = count - v4, most = v4 > v6 ? v4 : v6;
	crmg_autofree struct interval *list = malloc((2 * most + 1) * sizeof(*list));
	struct intervals v = { .list = list };
	int r;

	if (!list)
		return -ENOMEM;
	r = table_reserve(t, 2 * v4 + 1, 2 * v6 + 1);
	if (r < 0)
		return r;
	r = sweep(spans, v4, CRMG_V4_MAPPED_LO, CRMG_V4_MAPPED_LO | UINT32_MAX, vectors, &v);
	if (r < 0)
		return r;
	add_v4(t, &v);
	t->first_v6 = t->main.count;
	v.count = 0;
	r = sweep(spans + v4, v6, 0, ~(u128)0, vectors, &v);
	if (r < 0)
		return r;
	add_v6(t, &v);
	return 0;
}

int crmg_table_build(struct crmg_span *spans, size_t count, struct crmg_vectors *vectors,
		     struct crmg_table *ret)
{
	struct crmg_table made = { 0 };
	size_t v4 = 0;
	int r;

	if (count)
		qsort(spans, count, sizeof(*spans), span_order);
	while (v4 < count && crmg_addr_is_v4(&spans[v4].addr))
		v4++;
	r = table_fill(&made, spans, v4, count, vectors);
	if (r < 0) {
		crmg_table_free(&made);
		return r;
	}
	*ret = made;
	return 0;
}

void crmg_table_free(struct crmg_table *t)
{
	free(t->main.keys);
	free(t->main.leaves);
	free(t->sub.keys);
	free(t->sub.leaves);
	free(t->subs);
	*t = (struct crmg_table){ 0 };
}
