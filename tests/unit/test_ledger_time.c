/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_ledger_time.c - the ledger when clocks jump, nobody kept it for days, its first record
 * was not told, or an apply takes a policy away.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "ledger.h"

#define DAY (86400u)	/* seconds */

static bool is_there(const char *name)
{
	int fd = crmg_state_file(&folder, name, NULL, &err);

	if (fd >= 0)
		close(fd);
	return fd >= 0;
}

/* A time in which no daemon ran is of the day on which it was written down, and is not old then. */
static void test_long_record(void **state)
{
	struct crmg_ledger_book *book = opened(0);

	(void)state;
	sends(0, "198.51.100.66", 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	tick(40 * DAY);
	sends(0, NULL, 2);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_true(is_there("ledger-2027-02-24.jsonl"));
	for (int i = 0; i < 2; i++) {
		tick(DAY);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	}
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_days_expire(&folder, fx.snap.real_ns, 30 * CRMG_DAY_NS, &err), 1);
	assert_false(is_there(TODAY));
	assert_int_equal(sum(NULL, NULL), 2);
}

/* A clock that is years ahead for a while takes no file away, and leaves the ledger whole. */
static void test_clock_jumps(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	uint64_t ahead = 3650 * CRMG_DAY_NS;

	(void)state;
	sends(0, "198.51.100.66", 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	fx.snap.real_ns += ahead;
	sends(0, NULL, 2);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(crmg_days_expire(&folder, fx.snap.real_ns, 30 * CRMG_DAY_NS, &err), 0);
	assert_true(is_there(TODAY));
	/* It is put right, and the daemon starts again: the last record is not in the last file. */
	fx.snap.real_ns -= ahead;
	tick(60);
	sends(0, NULL, 4);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	tick(60);
	sends(0, NULL, 8);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	crmg_ledger_book_close(&book);
	assert_int_equal(sum(NULL, NULL), 15);
	assert_int_equal(fx.snap.control.ledger.seq, 4);
	/* If it is right after all, days go by with it, and then the files go too. */
	fx.snap.real_ns += ahead;
	book = opened(0);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(crmg_days_expire(&folder, fx.snap.real_ns, 30 * CRMG_DAY_NS, &err),
				 0);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
		tick(DAY);
	}
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_days_expire(&folder, fx.snap.real_ns, 30 * CRMG_DAY_NS, &err), 1);
	assert_false(is_there(TODAY));
}

/* Killed when the first record of the maps was on the disk and the kernel not told: once. */
static void test_first_record(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	struct crmg_ledger_mark begun;
	size_t records;

	(void)state;
	/* Another boot's. */
	sends(0, "198.51.100.66", 3);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	memset(fx.rows, 0, sizeof(fx.rows));
	memset(fx.details, 0, sizeof(fx.details));
	fx.snap.control.ledger = (struct crmg_ledger_mark){ 0 };
	sends(0, "198.51.100.66", 5);
	tick(60);
	book = opened(0);
	begun = fx.snap.control.ledger;
	assert_int_equal(begun.first, 2);
	/* Killed before it was written. */
	crmg_ledger_book_close(&book);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_int_equal(sum(&records, NULL), 8);
	fx.snap.control.ledger = begun;
	crmg_ledger_book_close(&book);
	sends(0, NULL, 1);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	crmg_ledger_book_close(&book);
	assert_int_equal(sum(&records, NULL), 9);
	assert_int_equal(records, 3);
	assert_int_equal(fx.snap.control.ledger.seq, 3);
}

/* The next image, without the last policy of its file. */
static void apply_less(uint32_t generation)
{
	struct crmg_image old = fx.image;

	fx.policy.model.policy_count--;
	fx.image = compiled(&fx.policy, &old, generation);
	crmg_image_stamp(&fx.image, &old, fx.snap.real_ns);
	crmg_image_free(&old);
}

static uint64_t out_of(const char *service, const char *policy, enum crmg_ledger_state of)
{
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_ledger_totals totals;
	uint64_t bytes = 0;

	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	for (size_t i = 0; i < totals.row_count; i++)
		if (strcmp(totals.rows[i].key.service, service) == 0 &&
		    strcmp(totals.rows[i].key.policy, policy) == 0 && totals.rows[i].key.state == of)
			bytes += totals.rows[i].sums.of[CRMG_LEDGER_BYTES_OUT];
	crmg_ledger_totals_free(&totals);
	return bytes;
}

/* What a policy counted between the last record and the apply that takes it away. */
static void test_policy_removed(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	struct crmg_row *dns = row_of("dns", "public"), *bad = row_of("web", "bad");

	(void)state;
	dns->bytes_out = 3;
	bad->bytes_out = 10;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	dns->bytes_out = 7;
	apply_less(GENERATION + 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(out_of("dns", "public", CRMG_LEDGER_STATE_ENFORCED), 7);
	/* The same while no daemon runs, and the row of the first is another one's by now. */
	crmg_ledger_book_close(&book);
	dns->bytes_out = 50;
	bad->bytes_out = 15;
	apply_less(GENERATION + 2);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_int_equal(out_of("dns", "public", CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_int_equal(out_of("web", "bad", CRMG_LEDGER_STATE_UNWATCHED), 5);
	/* After a second apply its row may be another one's. */
	row_of("web", "public")->bytes_out = 20;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	row_of("web", "public")->bytes_out = 30;
	apply_less(GENERATION + 4);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(out_of("web", "public", CRMG_LEDGER_STATE_SHADOW), 20);
	crmg_ledger_book_close(&book);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(long_record), LEDGER_TEST(clock_jumps), LEDGER_TEST(first_record),
		LEDGER_TEST(policy_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
