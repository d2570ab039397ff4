// SPDX-License-Identifier: GPL-2.0
/* test_map.c - the compiler's hash table: every key is found while it grows, no other is. */
#include "policy.h"

#include "../../user/compile/map.h"

static void test_empty(void **state)
{
	struct crmg_map map = { 0 };

	(void)state;
	assert_int_equal(crmg_map_find(&map, 0), CRMG_MAP_NONE);
	crmg_map_free(&map);
}

/* Keys 0, 3, 6, ... then those between are not there. */
static void test_growth(void **state)
{
	struct crmg_map map = { 0 };

	(void)state;
	for (uint32_t i = 0; i < 10000; i++) {
		assert_int_equal(crmg_map_put(&map, 3ULL * i, i), 0);
		assert_int_equal(crmg_map_find(&map, 3ULL * i), i);
		assert_int_equal(crmg_map_find(&map, 3ULL * (i + 1)), CRMG_MAP_NONE);
	}
	for (uint64_t key = 0; key < 30000; key++)
		assert_int_equal(crmg_map_find(&map, key),
				 key % 3 ? CRMG_MAP_NONE : key / 3);
	assert_int_equal(map.count, 10000);
	crmg_map_free(&map);
	assert_int_equal(crmg_map_find(&map, 3), CRMG_MAP_NONE);
}

/* Every byte, the length and the seed count. */
static void test_hash(void **state)
{
	char text[24] = "twenty-three characters";
	uint64_t hash = crmg_hash(text, 23, 0);

	(void)state;
	assert_int_equal(crmg_hash("twenty-three characters", 23, 0), hash);
	assert_int_not_equal(crmg_hash(text, 24, 0), hash);
	assert_int_not_equal(crmg_hash(text, 22, 0), hash);
	assert_int_not_equal(crmg_hash(text, 23, 1), hash);
	for (size_t i = 0; i < 23; i++) {
		text[i] ^= 1;
		assert_int_not_equal(crmg_hash(text, 23, 0), hash);
		text[i] ^= 1;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_growth),
		cmocka_unit_test(test_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
