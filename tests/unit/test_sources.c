// SPDX-License-Identifier: GPL-2.0
/* test_sources.c - what the table tells of a source: state, age, automatic ban, strikes. */
#include "snapshot.h"
#include "../../user/report/sources.h"

static void age_tag(uint32_t index, uint64_t seconds)
{
	__u32 *tag = &fx.tags[index / CRMG_WAYS].tag[index % CRMG_WAYS];
	unsigned int state = *tag >> CRMG_TAG_STATE_SHIFT & CRMG_TAG_STATE_MASK;
	__u32 age = (MONO_NS - seconds * CRMG_NS_PER_SEC) >> CRMG_TAG_AGE_NS_SHIFT(state);

	*tag |= age & (state < CRMG_TAG_LIVE ? CRMG_TAG_AGE_MASK : CRMG_TAG_LIVE_AGE_MASK);
}

/* One of each state; a ban that is over, or was ended, leaves a proven source. */
static void test_states(void **state)
{
	static const uint32_t wanted[CRMG_SOURCE_STATE_COUNT] = {
		[CRMG_SOURCE_SEEN] = 3, [CRMG_SOURCE_UNPROVEN] = 1, [CRMG_SOURCE_LIMITED] = 1,
		[CRMG_SOURCE_PROVEN] = 4, [CRMG_SOURCE_BANNED] = 1,
	};
	uint32_t sum = 0;

	(void)state;
	fixture_init();
	set_tag(1, CRMG_TAG_BUSY);
	set_tag(2, CRMG_TAG_SEEN);
	set_tag(3, CRMG_TAG_SEEN_SYN);
	add_source(4, "10.1.2.1");
	add_source(5, "10.1.2.2");
	set_tag(5, CRMG_TAG_LIMITED);
	add_source(6, "10.1.2.3");
	set_tag(6, CRMG_TAG_PROVEN);
	add_auto_ban(7, "10.1.2.4", 1);
	add_auto_ban(8, "10.1.2.5", 0);
	add_auto_ban(9, "10.1.2.6", 60)->pardoned = 1;
	add_auto_ban(10, "10.1.2.7", 60)->auto_bans = 0;
	crmg_sources_count(&fx.snap);
	assert_int_equal(fx.snap.tracked, 10);
	for (unsigned int i = 0; i < CRMG_SOURCE_STATE_COUNT; i++) {
		if (fx.snap.by_state[i] != wanted[i])
			fail_msg("%s: %u", crmg_source_state_name(i), fx.snap.by_state[i]);
		sum += fx.snap.by_state[i];
	}
	assert_int_equal(sum, fx.snap.tracked);
}

/* The age in a tag has two widths, and ticks that depend on the state. */
static void test_recent(void **state)
{
	static const struct {
		enum crmg_tag_state state;
		uint64_t seconds;
		bool recent;
	} rows[] = {
		{ CRMG_TAG_SEEN, 0, true }, { CRMG_TAG_SEEN, 59, true },
		{ CRMG_TAG_SEEN, 62, false }, { CRMG_TAG_SEEN, 66, false },
		{ CRMG_TAG_LIVE, 59, true }, { CRMG_TAG_LIVE, 62, false },
		/* Here the age of a tag in SEEN has wrapped. */
		{ CRMG_TAG_LIVE, 70, false }, { CRMG_TAG_LIMITED, 2000, false },
		{ CRMG_TAG_PROVEN, 57, true }, { CRMG_TAG_PROVEN, 70, false },
		{ CRMG_TAG_PROVEN, 30000, false }, { CRMG_TAG_BANNED, 1, true },
		{ CRMG_TAG_BANNED, 140, false }, { CRMG_TAG_BANNED, 86400, false },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		fixture_init();
		set_tag(20, rows[i].state);
		age_tag(20, rows[i].seconds);
		crmg_sources_count(&fx.snap);
		if (fx.snap.recent != rows[i].recent)
			fail_msg("row %zu: %u", i, fx.snap.recent);
	}
	/* Seen after the clock was read. */
	fixture_init();
	set_tag(20, CRMG_TAG_SEEN);
	age_tag(20, -1);
	crmg_sources_count(&fx.snap);
	assert_int_equal(fx.snap.recent, 1);
}

static void test_ban_end(void **state)
{
	struct crmg_source_record source = { .detail = { .auto_bans = 2, .pardoned = 1 } };

	(void)state;
	fixture_init();
	source.slot.auto_until_s = BOOT_NS / CRMG_NS_PER_SEC + 1;
	assert_true(crmg_auto_ban_end(&fx.snap, &source) == BOOT_NS + CRMG_NS_PER_SEC);
	fx.snap.boot_ns += CRMG_NS_PER_SEC - 1;
	assert_true(crmg_auto_ban_end(&fx.snap, &source) != 0);
	fx.snap.boot_ns++;
	assert_true(crmg_auto_ban_end(&fx.snap, &source) == 0);
	source.slot.auto_until_s++;
	source.detail.pardoned = 2;
	assert_true(crmg_auto_ban_end(&fx.snap, &source) == 0);
}

static void test_notes(void **state)
{
	static const struct {
		uint8_t bans;
		const char *note;
	} rows[] = {
		{ 1, "1st ban" }, { 2, "2nd ban" }, { 3, "3rd ban" }, { 4, "4th ban" },
		{ 11, "11th ban" }, { 13, "13th ban" }, { 20, "20th ban" }, { 21, "21st ban" },
		{ 112, "112th ban" }, { 123, "123rd ban" }, { 255, "255th ban" },
	};

	(void)state;
	fixture_init();
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_source_record source = { .detail = { .auto_bans = rows[i].bans } };

		assert_string_equal(crmg_auto_ban_entry(&fx.snap, &source).ban.note, rows[i].note);
	}
}

/* All the list of automatic bans, whatever else the table holds. */
static void test_next(void **state)
{
	struct crmg_source_record source;
	uint32_t at = 0;

	(void)state;
	fixture_init();
	add_source(0, "10.1.2.1");
	add_auto_ban(2, "10.1.2.2", 5);
	add_auto_ban(CAPACITY - 1, "10.1.2.3", 5);
	assert_true(crmg_auto_ban_next(&fx.snap, &at, &source));
	assert_int_equal(at, 3);
	assert_true(crmg_auto_ban_next(&fx.snap, &at, &source));
	assert_int_equal(at, CAPACITY);
	assert_int_equal(source.detail.addr.lo, addr("10.1.2.3").lo);
	assert_false(crmg_auto_ban_next(&fx.snap, &at, &source));
}

/* Seven parts of a second each; with every second that passes the oldest falls out. */
static void test_strikes(void **state)
{
	static const unsigned int left[] = { 127, 126, 124, 120, 112, 96, 64, 0, 0 };
	const struct crmg_ban_terms terms = { .within_ms = 6000, .after = 100 };
	struct crmg_detail detail = { 0 };

	(void)state;
	fixture_init();
	detail.strike_part = (uint16_t)(MONO_NS / CRMG_NS_PER_SEC);
	for (unsigned int i = 0; i < CRMG_STRIKE_PARTS; i++)
		detail.strikes |= 1ULL << (CRMG_STRIKE_PARTS - 1 - i) << i * CRMG_STRIKE_BITS;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(left); i++) {
		assert_int_equal(crmg_source_strikes(&fx.snap, &detail, &terms), left[i]);
		fx.snap.mono_ns += CRMG_NS_PER_SEC;
	}
	fx.snap.mono_ns = MONO_NS;
	detail.strikes = ~0ULL;
	assert_int_equal(crmg_source_strikes(&fx.snap, &detail, &terms), 7 * 511);
	assert_int_equal(crmg_source_strikes(&fx.snap, &detail, &(struct crmg_ban_terms){ 0 }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_recent),
		cmocka_unit_test(test_ban_end),
		cmocka_unit_test(test_notes),
		cmocka_unit_test(test_next),
		cmocka_unit_test(test_strikes),
	};
	int failed = cmocka_run_group_tests_name("sources", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
