/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_pseudonym.c - a ledger whose addresses are encrypted: who has the key of the day can tell
 * them, erase one, and nobody can without it; a key that a crash or a disk spoilt is said so.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <sys/stat.h>

#include "../../user/ledger/forget.h"
#include "../../user/ledger/reveal.h"
#include "ledger.h"

#define KEY "ledger-2027-01-15.key"

static void hide(void)
{
	((struct crmg_head *)fx.image.cells)->addresses = CRMG_ADDRESSES_PSEUDONYM;
}

static size_t load(const char *name, char **ret)
{
	size_t size;

	assert_int_equal(crmg_state_read(&folder, name, 1 << 20, ret, &size, &err), 0);
	return size;
}

/* Two records of today, and one of tomorrow: 5, 3 and 2 MB to two sources. */
static void write_days(void)
{
	struct crmg_ledger_book *book;

	hide();
	book = opened(0);
	for (int i = 0; i < 3; i++) {
		sends(0, "198.51.100.66", i < 2 ? 5 : 2);
		sends(8, "2001:db8:66::1", i < 2 ? 3 : 2);
		tick(i < 2 ? 60 : 86400);
		if (i == 2)
			tick(60);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	}
	crmg_ledger_book_close(&book);
}

/* The text of the nth row by a filter. */
static char *row_text(size_t n, size_t rows, char buf[CRMG_ADDR_LEN])
{
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_ledger_totals totals;

	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	assert_int_equal(totals.row_count, rows);
	crmg_ledger_source_text(&totals.rows[n], buf);
	crmg_ledger_totals_free(&totals);
	return buf;
}

static int reveal(const char *text, struct crmg_addr *ret)
{
	struct crmg_pseudonym pseudonym;
	uint64_t day_ns;

	crmg_err_clear(&err);
	assert_int_equal(crmg_parse_pseudonym(text, &day_ns, &pseudonym), 0);
	return crmg_reveal_address(&folder, day_ns, &pseudonym, ret, &err);
}

static void test_hidden(void **state)
{
	crmg_autofree char *data = NULL;
	char today[CRMG_ADDR_LEN], tomorrow[CRMG_ADDR_LEN];
	struct crmg_addr who;
	struct crmg_pfx one = pfx("198.51.100.66");
	struct crmg_revealed found = { 0 };

	(void)state;
	write_days();
	load(TODAY, &data);
	assert_null(strstr(data, "198.51"));
	assert_null(strstr(data, "2001:db8"));
	/* The same in each record of its day, and another on the next. */
	row_text(0, 4, today);
	row_text(2, 4, tomorrow);
	assert_true(strncmp(today, "2027-01-15-", 11) == 0);
	assert_true(strncmp(tomorrow, "2027-01-16-", 11) == 0);
	assert_string_not_equal(today + 11, tomorrow + 11);
	assert_int_equal(reveal(today, &who), 0);
	assert_int_equal(crmg_addr_cmp(&who, &one.addr), 0);
	assert_int_equal(reveal(row_text(1, 4, today), &who), 0);
	one = pfx("2001:db8:66::/64");
	assert_int_equal(crmg_addr_cmp(&who, &one.addr), 0);
	/* An address does not find them, or the ledger would reveal without being asked why. */
	assert_int_equal(of_source("198.51.100.66"), 0);
	assert_int_equal(crmg_reveal_pseudonyms(&folder, &one, &found, &err), 0);
	assert_int_equal(found.count, 2);
	assert_string_equal(found.items[0].text, today);
	free(found.items);
}

static void test_mistyped(void **state)
{
	static const char *const bad[] = { "", "2027-01-15-", "198.51.100.66",
		"2027-13-15-000102030405060708090a0b0c0d0e0f0000",
		"2027-01-15-000102030405060708090a0b0c0d0e0f000",
		"2027-01-15-000102030405060708090A0b0c0d0e0f0000" };
	char text[CRMG_ADDR_LEN];
	struct crmg_pseudonym pseudonym;
	struct crmg_addr who;
	size_t refused = 0;
	uint64_t day_ns;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(bad); i++)
		assert_int_equal(crmg_parse_pseudonym(bad[i], &day_ns, &pseudonym), -EINVAL);
	write_days();
	row_text(0, 4, text);
	for (size_t i = 11; text[i]; i++) {
		char right = text[i];

		text[i] = right == '0' ? '1' : '0';
		/* One of 65 536 keys fits by chance. */
		refused += reveal(text, &who) == -EINVAL &&
			   strstr(err.messages[0].text, "is a digit wrong");
		text[i] = right;
	}
	assert_in_range(refused, 35, 36);
}

/* Torn at each byte: an error in words. */
static void test_damaged_key(void **state)
{
	crmg_autofree char *key = NULL;
	char text[CRMG_ADDR_LEN];
	struct crmg_addr who;
	struct stat st;
	size_t size;
	int fd;

	(void)state;
	write_days();
	size = load(KEY, &key);
	assert_int_equal(fstatat(folder.dir, KEY, &st, 0), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	row_text(0, 4, text);
	for (size_t cut = 0; cut < size; cut++) {
		fd = openat(folder.dir, KEY, O_WRONLY | O_TRUNC | O_CLOEXEC);
		assert_int_equal(write(fd, key, cut), cut);
		close(fd);
		assert_int_equal(reveal(text, &who), -EBADMSG);
		assert_non_null(strstr(err.messages[0].text, "damaged: put back a copy"));
	}
}

/* What cannot be hidden is not written, and is in the next record. */
static void test_no_key(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	char text[CRMG_ADDR_LEN];

	(void)state;
	hide();
	assert_int_equal(crmg_state_write(&folder, KEY, "torn", 4, &err), 0);
	sends(0, "198.51.100.66", 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), -EBADMSG);
	/* Nor by a policy that would not have hidden it. */
	((struct crmg_head *)fx.image.cells)->addresses = CRMG_ADDRESSES_FULL;
	assert_int_equal(crmg_state_remove(&folder, KEY, &err), 0);
	sends(0, "198.51.100.66", 2);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	assert_true(strncmp(row_text(0, 1, text), "2027-01-15-", 11) == 0);
	assert_int_equal(sum(NULL, NULL), 3);
}

/* No key, nobody: not revealed, not found, and not missed. */
static void test_destroyed(void **state)
{
	struct crmg_pfx source = pfx("198.51.100.0/24");
	struct crmg_ledger_forgotten forgotten;
	struct crmg_revealed found = { 0 };
	char text[CRMG_ADDR_LEN];
	struct crmg_addr who;

	(void)state;
	write_days();
	row_text(0, 4, text);
	assert_int_equal(crmg_state_remove(&folder, KEY, &err), 0);
	assert_int_equal(reveal(text, &who), -ENOENT);
	assert_non_null(strstr(err.messages[0].text, "nobody can tell"));
	assert_int_equal(crmg_reveal_pseudonyms(&folder, &source, &found, &err), 0);
	assert_int_equal(found.count, 1);
	free(found.items);
	assert_int_equal(crmg_ledger_forget(&folder, &source, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries, 1);
	assert_int_equal(sum(NULL, NULL), 20);
}

/* `keep` destroys the key of a day with the day. */
static void test_keep(void **state)
{
	struct crmg_ledger_book *book;
	size_t count;
	uint64_t *days;

	(void)state;
	write_days();
	book = opened(0);
	for (int i = 0; i < 2; i++) {
		sends(0, "198.51.100.66", 1);
		tick(86400);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	}
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_days_expire(&folder, fx.snap.real_ns, 2 * CRMG_DAY_NS, &err), 1);
	assert_int_equal(crmg_days(&folder, CRMG_DAY_KEY, &days, &count, &err), 0);
	assert_int_equal(count, 2);
	assert_true(days[0] > REAL_NS);
	free(days);
}

static void test_forget(void **state)
{
	struct crmg_pfx source = pfx("198.51.100.66");
	struct crmg_ledger_forgotten forgotten;
	char text[CRMG_ADDR_LEN], other[CRMG_ADDR_LEN];

	(void)state;
	write_days();
	row_text(1, 4, other);
	assert_int_equal(crmg_ledger_forget(&folder, &source, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries, 3);
	assert_int_equal(sum(NULL, NULL), 20);
	assert_int_equal(crmg_ledger_forget(&folder, &source, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries, 0);
	assert_string_equal(row_text(1, 4, text), other);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(hidden), LEDGER_TEST(mistyped), LEDGER_TEST(damaged_key),
		LEDGER_TEST(no_key), LEDGER_TEST(destroyed), LEDGER_TEST(keep), LEDGER_TEST(forget),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
