// SPDX-License-Identifier: GPL-2.0
/*
 * test_prefixes.c - flattening: the shape of the tables for prefixes whose
 * intervals are known, and a naive longest match on random ones.
 */
#include "policy.h"

#include "../../user/compile/prefixes.h"

#define OWNERS 8

/* Owner o sets the only column to o + 1; vectors then have what the owner set. */
static void vectors_of_owners(struct crmg_vectors *v)
{
	struct crmg_change changes[OWNERS];
	uint16_t base = 0;

	for (uint32_t o = 0; o < OWNERS; o++)
		changes[o] = (struct crmg_change){ .owner = o, .value = o + 1 };
	assert_int_equal(crmg_vectors_init(v, &base, 1, changes, OWNERS, OWNERS, CRMG_OWNER_NONE,
					   CRMG_OWNER_NONE),
			 0);
}

struct flat {
	struct crmg_vectors vectors;
	struct crmg_table table;
};

static void flatten(struct flat *f, struct crmg_span *spans, size_t count)
{
	vectors_of_owners(&f->vectors);
	assert_int_equal(crmg_table_build(spans, count, &f->vectors, &f->table), 0);
}

static void flat_free(struct flat *f)
{
	crmg_vectors_free(&f->vectors);
	crmg_table_free(&f->table);
}

static struct crmg_span span(const char *text, uint16_t owner)
{
	struct crmg_pfx p = pfx(text);

	return (struct crmg_span){ .addr = p.addr, .len = p.len, .owner = owner };
}

/* What is set in the vector of key i. */
static uint16_t value_at(const struct flat *f, const struct crmg_keys *k, size_t i)
{
	assert_true(i < k->count);
	assert_false(k->leaves[i] & CRMG_LEAF_SUB);
	return f->vectors.entries[k->leaves[i]];
}

static void test_no_prefix(void **state)
{
	struct flat f;

	(void)state;
	flatten(&f, NULL, 0);
	assert_int_equal(f.table.main.count, 2);
	assert_int_equal(f.table.first_v6, 1);
	assert_int_equal(f.table.main.keys[0], 0);
	assert_int_equal(f.table.main.keys[1], 0);
	assert_int_equal(f.table.main.leaves[0], 0);
	assert_int_equal(f.table.main.leaves[1], 0);
	assert_int_equal(f.table.sub_count, 0);
	flat_free(&f);
}

static void test_nested(void **state)
{
	struct crmg_span spans[] = {
		span("10.0.0.0/8", 0), span("10.0.0.0/16", 1), span("10.255.0.0/16", 2),
		span("10.255.255.255", 3),
	};
	static const struct {
		uint32_t start;
		uint16_t value;
	} want[] = {
		{ 0, 0 }, { 0x0a000000, 2 }, { 0x0a010000, 1 }, { 0x0aff0000, 3 },
		{ 0x0affffff, 4 }, { 0x0b000000, 0 },
	};
	struct flat f;

	(void)state;
	flatten(&f, spans, CRMG_ARRAY_SIZE(spans));
	assert_int_equal(f.table.first_v6, CRMG_ARRAY_SIZE(want));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(want); i++) {
		assert_int_equal(f.table.main.keys[i], (uint64_t)want[i].start << 32);
		assert_int_equal(value_at(&f, &f.table.main, i), want[i].value);
	}
	flat_free(&f);
}

/* The ends of the address space have nothing before or behind them. */
static void test_whole_families(void **state)
{
	struct crmg_span spans[] = {
		span("0.0.0.0/0", 0), span("::/0", 1), span("255.255.255.255", 2),
		span("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 3),
	};
	struct flat f;

	(void)state;
	flatten(&f, spans, CRMG_ARRAY_SIZE(spans));
	assert_int_equal(f.table.first_v6, 2);
	assert_int_equal(f.table.main.count, 4);
	assert_int_equal(value_at(&f, &f.table.main, 0), 1);
	assert_int_equal(value_at(&f, &f.table.main, 1), 3);
	assert_int_equal(value_at(&f, &f.table.main, 2), 2);
	assert_int_equal(f.table.main.keys[3], UINT64_MAX);
	assert_int_equal(f.table.main.leaves[3], CRMG_LEAF_SUB | 0);
	assert_int_equal(f.table.sub.count, 2);
	assert_int_equal(value_at(&f, &f.table.sub, 0), 2);
	assert_int_equal(value_at(&f, &f.table.sub, 1), 4);
	flat_free(&f);
}

static void test_neighbours_merge(void **state)
{
	struct crmg_span spans[] = {
		span("10.0.0.0/25", 5), span("10.0.0.128/25", 5), span("10.0.0.7", 5),
		span("2001:db8::/64", 6), span("2001:db8:0:1::/64", 6),
	};
	struct flat f;

	(void)state;
	flatten(&f, spans, CRMG_ARRAY_SIZE(spans));
	assert_int_equal(f.table.first_v6, 3);
	assert_int_equal(f.table.main.count, 6);
	assert_int_equal(f.table.main.keys[1], 0x0a00000000000000);
	assert_int_equal(f.table.main.keys[2], 0x0a00010000000000);
	assert_int_equal(f.table.main.keys[4], 0x20010db800000000);
	assert_int_equal(f.table.main.keys[5], 0x20010db800000002);
	flat_free(&f);
}

/* Two addresses in neighbouring /64: each is divided, and the key behind ends the second. */
static void test_divided(void **state)
{
	struct crmg_span spans[] = {
		span("2001:db8::/32", 0), span("2001:db8::5", 1), span("2001:db8:0:1::", 2),
	};
	static const uint64_t main_keys[] = {
		0, 0x20010db800000000, 0x20010db800000001, 0x20010db800000002, 0x20010db900000000,
	};
	static const struct {
		uint64_t key;
		uint16_t value;
	} sub[] = { { 0, 1 }, { 5, 2 }, { 6, 1 }, { 0, 3 }, { 1, 1 } };
	struct flat f;

	(void)state;
	flatten(&f, spans, CRMG_ARRAY_SIZE(spans));
	assert_int_equal(f.table.main.count - f.table.first_v6, CRMG_ARRAY_SIZE(main_keys));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(main_keys); i++)
		assert_int_equal(f.table.main.keys[f.table.first_v6 + i], main_keys[i]);
	assert_int_equal(f.table.main.leaves[f.table.first_v6 + 1], CRMG_LEAF_SUB | 0);
	assert_int_equal(f.table.main.leaves[f.table.first_v6 + 2], CRMG_LEAF_SUB | 1);
	assert_int_equal(value_at(&f, &f.table.main, f.table.first_v6 + 3), 1);
	assert_int_equal(f.table.sub_count, 2);
	assert_int_equal(f.table.subs[0], (uint64_t)3 << 32 | 0);
	assert_int_equal(f.table.subs[1], (uint64_t)5 << 32 | 3);
	assert_int_equal(f.table.sub.count, CRMG_ARRAY_SIZE(sub));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(sub); i++) {
		assert_int_equal(f.table.sub.keys[i], sub[i].key);
		assert_int_equal(value_at(&f, &f.table.sub, i), sub[i].value);
	}
	flat_free(&f);
}

/* The last key <= key of [first, end), one by one. */
static size_t last_key(const struct crmg_keys *k, size_t first, size_t end, uint64_t key)
{
	size_t i = first;

	assert_int_equal(k->keys[first], 0);
	while (i + 1 < end && k->keys[i + 1] <= key)
		i++;
	return i;
}

static uint16_t value_found(const struct flat *f, const struct crmg_addr *a)
{
	const struct crmg_table *t = &f->table;
	bool v4 = crmg_addr_is_v4(a);
	size_t i = last_key(&t->main, v4 ? 0 : t->first_v6, v4 ? t->first_v6 : t->main.count,
			    v4 ? a->lo << 32 : a->hi);
	uint64_t range;

	if (!(t->main.leaves[i] & CRMG_LEAF_SUB))
		return value_at(f, &t->main, i);
	range = t->subs[t->main.leaves[i] & ~CRMG_LEAF_SUB];
	i = last_key(&t->sub, CRMG_SUB_FIRST(range), CRMG_SUB_END(range), a->lo);
	return value_at(f, &t->sub, i);
}

static uint16_t value_naive(const struct crmg_span *spans, size_t count, const struct crmg_addr *a)
{
	uint16_t value = 0;
	int best = -1;

	for (size_t i = 0; i < count; i++) {
		struct crmg_pfx p = { spans[i].addr, spans[i].len };

		if (holds(&p, a) && p.len > best) {
			best = p.len;
			value = spans[i].owner + 1;
		}
	}
	return value;
}

static void strictly_ascending(const struct crmg_keys *k, size_t first, size_t end)
{
	for (size_t i = first + 1; i < end; i++)
		assert_true(k->keys[i - 1] < k->keys[i]);
}

static void test_longest_match(void **state)
{
	uint64_t random = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct crmg_span spans[40];
		struct crmg_addr probes[PROBES];
		size_t count = draw_below(&random, CRMG_ARRAY_SIZE(spans));
		struct flat f;

		for (size_t i = 0; i < count; i++) {
			struct crmg_pfx p = draw_prefix(&random);

			/* The same prefix has one owner, as model_check makes sure. */
			spans[i] = (struct crmg_span){ .addr = p.addr, .len = p.len,
						       .owner = p.len % OWNERS };
		}
		flatten(&f, spans, count);
		strictly_ascending(&f.table.main, 0, f.table.first_v6);
		strictly_ascending(&f.table.main, f.table.first_v6, f.table.main.count);
		for (size_t i = 0; i < count; i++) {
			struct crmg_pfx p = { spans[i].addr, spans[i].len };

			probes_of(&p, &random, probes);
			for (size_t j = 0; j < PROBES; j++)
				assert_int_equal(value_found(&f, &probes[j]),
						 value_naive(spans, count, &probes[j]));
		}
		flat_free(&f);
	}
}

/* One prefix any number of times, inside the deepest nesting there can be. */
static void test_repeated_and_deep(void **state)
{
	struct crmg_addr host = addr("2001:db8::1");
	struct crmg_span spans[129 + 400];
	struct flat f;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(spans); i++) {
		uint8_t len = i <= 128 ? i : 128;

		spans[i] = (struct crmg_span){ .addr = crmg_addr_cut(host, len), .len = len,
					       .owner = len % OWNERS };
	}
	flatten(&f, spans, CRMG_ARRAY_SIZE(spans));
	for (int len = 1; len <= 128; len++) {
		struct crmg_addr a = host;

		/* The bit behind this prefix differs, so no longer one holds. */
		if (len < 64)
			a.hi ^= 1ULL << (63 - len);
		else if (len < 128)
			a.lo ^= 1ULL << (127 - len);
		assert_int_equal(value_found(&f, &a), len % OWNERS + 1);
	}
	flat_free(&f);
}

/* Beyond the bound of all vectors together: refused, nothing is left behind. */
static void test_too_many_vectors(void **state)
{
	const uint32_t stride = CRMG_VECTOR_ENTRIES_MAX / 3;
	struct crmg_change changes[] = { { 0, 0, 1 }, { 1, 0, 2 }, { 2, 0, 3 } };
	struct crmg_span spans[] = {
		span("10.0.0.0/8", 0), span("11.0.0.0/8", 1), span("12.0.0.0/8", 2),
	};
	crmg_autofree uint16_t *base = calloc(stride, sizeof(*base));
	struct crmg_vectors v;
	struct crmg_table table = { .first_v6 = 77 };

	(void)state;
	assert_int_equal(crmg_vectors_init(&v, base, stride, changes, 3, 3, CRMG_OWNER_NONE,
					   CRMG_OWNER_NONE), 0);
	assert_int_equal(crmg_table_build(spans, 3, &v, &table), -E2BIG);
	assert_int_equal(table.first_v6, 77);
	assert_int_equal(crmg_table_build(spans, 2, &v, &table), 0);
	crmg_table_free(&table);
	crmg_vectors_free(&v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_prefix),
		cmocka_unit_test(test_nested),
		cmocka_unit_test(test_whole_families),
		cmocka_unit_test(test_neighbours_merge),
		cmocka_unit_test(test_divided),
		cmocka_unit_test(test_longest_match),
		cmocka_unit_test(test_repeated_and_deep),
		cmocka_unit_test(test_too_many_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
