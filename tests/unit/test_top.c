// SPDX-License-Identifier: GPL-2.0
/* test_top.c - the selection against a full sort, and which slots count. */
#include "snapshot.h"
#include "../../user/report/top.h"

static struct crmg_top_row rows[CRMG_TOP_MAX];

static void test_states(void **state)
{
	static const struct {
		enum crmg_tag_state state;
		bool counts;
	} wanted[] = {
		{ CRMG_TAG_EMPTY, false }, { CRMG_TAG_BUSY, false }, { CRMG_TAG_SEEN, false },
		{ CRMG_TAG_SEEN_SYN, false }, { CRMG_TAG_LIVE, true }, { CRMG_TAG_LIMITED, true },
		{ CRMG_TAG_PROVEN, true }, { CRMG_TAG_BANNED, true },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(wanted); i++) {
		fixture_init();
		add_source(5, "10.1.2.3");
		set_tag(5, wanted[i].state);
		assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 10),
				 wanted[i].counts);
	}
}

/* A slot of a service that is gone, or from before its index got this name. */
static void test_strangers(void **state)
{
	struct crmg_slot *slot = &fx.slots[5];
	struct crmg_service *service;

	(void)state;
	fixture_init();
	service = (void *)crmg_image_service(&fx.image, add_source(5, "10.1.2.3")->service);
	service->born = GENERATION;
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 10), 1);
	slot->resolved = GENERATION - 1;
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 10), 0);
	/* Generations wrap. */
	service->born = UINT32_MAX;
	slot->resolved = 3;
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 10), 1);
	fx.details[5].service = 60;
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 10), 0);
}

static int descending(const void *a, const void *b)
{
	const struct crmg_top_row *x = a, *y = b;

	if (x->value != y->value)
		return x->value > y->value ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static void test_selection(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 20, 500, CRMG_TOP_MAX };
	static struct crmg_top_row sorted[CAPACITY];
	uint64_t seed = 1;
	size_t count = 0;

	(void)state;
	fixture_init();
	for (uint32_t i = 0; i < CAPACITY; i++) {
		if (draw_below(&seed, 4) == 0)
			continue;
		/* Many equal ones. */
		add_source(i, "10.1.2.3");
		fx.slots[i].traffic = draw_below(&seed, 200);
		sorted[count].index = i;
		sorted[count++].value = fx.slots[i].traffic;
	}
	qsort(sorted, count, sizeof(*sorted), descending);
	for (size_t s = 0; s < CRMG_ARRAY_SIZE(sizes); s++) {
		size_t wanted = sizes[s] < count ? sizes[s] : count;

		assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_BYTES, rows, sizes[s]),
				 wanted);
		for (size_t i = 0; i < wanted; i++) {
			assert_int_equal(rows[i].index, sorted[i].index);
			assert_int_equal(rows[i].value, rows[i].source.slot.traffic);
		}
	}
}

/* Packets, bytes and refusals are in two places each. */
static void test_values(void **state)
{
	static const struct crmg_slot slot = {
		.traffic = 5ULL << CRMG_TRAFFIC_SHIFT | 700,
		.refusals = CRMG_REASON_PACKETS << CRMG_REFUSALS_SHIFT | 13,
	};
	static const struct crmg_detail detail = {
		.carried_packets = 8000000, .carried_bytes = 90000000000, .carried_refusals = 6,
		.connections = 3, .bytes_out = 11,
	};
	static const uint64_t wanted[CRMG_TOP_COUNT] = {
		8000005, 90000000700, 4, 3, 11, 2, 6 * (1ULL << 26) + 13,
	};

	(void)state;
	fixture_init();
	fx.asked[7].requests = 4;
	for (unsigned int by = 0; by < CRMG_TOP_COUNT; by++)
		assert_true(crmg_top_value(&fx.snap, 7, &slot, &detail, by) == wanted[by]);
	/* The entry is of another source: no requests, and nothing to divide by. */
	fx.asked[7].check = 1;
	assert_true(crmg_top_value(&fx.snap, 7, &slot, &detail, CRMG_TOP_REQUESTS) == 0);
	assert_true(crmg_top_value(&fx.snap, 7, &slot, &detail, CRMG_TOP_OUT_PER_REQUEST) == 0);
}

static void test_words(void **state)
{
	enum crmg_top_by by = CRMG_TOP_BYTES;

	(void)state;
	assert_int_equal(crmg_top_from_name("drops", &by), 0);
	assert_int_equal(by, CRMG_TOP_DROPS);
	assert_int_equal(crmg_top_from_name("colour", &by), -EINVAL);
	assert_int_equal(crmg_top_from_key('o', &by), 0);
	assert_int_equal(by, CRMG_TOP_BYTES_OUT);
	assert_int_equal(crmg_top_from_key('x', &by), -EINVAL);
	assert_int_equal(by, CRMG_TOP_BYTES_OUT);
}

static void test_json(void **state)
{
	static const char *const keys[] = {
		"address", "service", "policy", "packets", "bytes", "requests_estimated",
		"connections", "open_connections", "bytes_out", "out_per_request",
		"dropped_packets", "first_seen", "last_seen", "banned_until", "proven",
	};
	json_t *document, *source;

	(void)state;
	fixture_init();
	add_source(5, "2001:db8:7::")->shadow_refusals = 4;
	fx.slots[5].refusals = 7;
	add_ban("2001:db8::/32", 0, 600);
	crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 1);
	document = crmg_top_json(&fx.snap, rows, 1);
	source = json_array_get(json_object_get(document, "sources"), 0);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(keys); i++)
		if (!json_object_get(source, keys[i]))
			fail_msg("no key %s", keys[i]);
	assert_string_equal(json_string_value(json_object_get(source, "address")),
			    "2001:db8:7::/64");
	assert_string_equal(json_string_value(json_object_get(source, "policy")), "partners");
	assert_string_equal(json_string_value(json_object_get(source, "banned_until")),
			    "2027-01-15T08:10:00Z");
	assert_string_equal(json_string_value(json_object_get(source, "last_seen")),
			    "2027-01-15T08:00:00Z");
	assert_string_equal(json_string_value(json_object_get(source, "first_seen")),
			    "2027-01-15T07:59:50Z");
	assert_int_equal(json_integer_value(json_object_get(source, "would_drop_packets")), 4);
	assert_true(json_is_false(json_object_get(source, "proven")));
	json_decref(document);
}

/* What is ordered by stands there; where nothing can be divided there is no number. */
static void test_each(void **state)
{
	json_t *document, *list;
	char *text;

	(void)state;
	fixture_init();
	limit(&fx.policy.policies[0], CRMG_LIMIT_REQUESTS, 20, 40);
	crmg_image_free(&fx.image);
	compile_fixture();
	add_requests(5, "10.1.2.3", 4)->bytes_out = 8000042;
	add_requests(6, "10.1.2.4", 0)->bytes_out = 11;
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_OUT_PER_REQUEST, rows, 10), 2);
	document = crmg_top_json(&fx.snap, rows, 2);
	list = json_object_get(document, "sources");
	assert_int_equal(json_integer_value(json_object_get(json_array_get(list, 0),
							    "out_per_request")), 2000010);
	assert_true(json_is_null(json_object_get(json_array_get(list, 1), "out_per_request")));
	json_decref(document);
	text = TEXT_OF(crmg_top_text, &fx.snap, rows, 2, false);
	assert_non_null(strstr(text, "BYTES OUT  OUT/REQ  DROPPED"));
	assert_non_null(strstr(text, "    8.00M    2.00M        0"));
	assert_non_null(strstr(text, "       11        -        0"));
	free(text);
}

/* A ban in the slot counts as one of the list does; the later end is what matters. */
static void test_automatic(void **state)
{
	json_t *document, *source;
	char *text;

	(void)state;
	fixture_init();
	add_auto_ban(5, "10.1.2.3", 600);
	assert_int_equal(crmg_top_select(&fx.snap, CRMG_TOP_PACKETS, rows, 1), 1);
	document = crmg_top_json(&fx.snap, rows, 1);
	source = json_array_get(json_object_get(document, "sources"), 0);
	assert_true(json_is_true(json_object_get(source, "proven")));
	assert_string_equal(json_string_value(json_object_get(source, "banned_until")),
			    "2027-01-15T08:10:00Z");
	json_decref(document);
	text = TEXT_OF(crmg_top_text, &fx.snap, rows, 1, false);
	assert_non_null(strstr(text, "0s  banned\n"));
	free(text);
	add_ban("10.1.2.3", 0, 900);
	assert_true(crmg_top_banned_until(&fx.snap, &rows[0].source) ==
		    BOOT_NS + 900 * CRMG_NS_PER_SEC);
	fx.bans[0].ban.until_ns = BOOT_NS + CRMG_NS_PER_SEC;
	assert_true(crmg_top_banned_until(&fx.snap, &rows[0].source) ==
		    BOOT_NS + 600 * CRMG_NS_PER_SEC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_strangers),
		cmocka_unit_test(test_selection),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_each),
		cmocka_unit_test(test_automatic),
	};
	int failed = cmocka_run_group_tests_name("top", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
