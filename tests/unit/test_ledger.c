/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_ledger.c - the files of the ledger: a crash at every byte, every byte changed; and the
 * book: nothing is counted twice or left out, whatever becomes of the table, the daemon and
 * the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include "../../user/ledger/forget.h"
#include "ledger.h"

static char *data;		/* a file, as it was written */
static size_t size;

static void load(void)
{
	free(data);
	data = NULL;
	assert_int_equal(crmg_state_read(&folder, TODAY, 1 << 20, &data, &size, &err), 0);
}

/* Three records: 5 MB to one source, 3 to another, 1 to each. */
static void write_three(void)
{
	struct crmg_ledger_book *book = opened(0);

	sends(0, "198.51.100.66", 5);
	tick(60);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	sends(8, "2001:db8:66::1", 3);
	tick(60);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	sends(0, NULL, 1);
	sends(8, NULL, 1);
	tick(60);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_PANIC), 0);
	crmg_ledger_book_close(&book);
}

static void test_sums(void **state)
{
	size_t records, damaged;

	(void)state;
	write_three();
	assert_int_equal(sum(&records, &damaged), 10);
	assert_int_equal(records, 3);
	assert_int_equal(damaged, 0);
	assert_int_equal(of_source("198.51.100.66"), 6);
	assert_int_equal(of_source("2001:db8:66::/48"), 4);
	assert_int_equal(of_source("0.0.0.0/0"), 6);
	assert_int_equal(of_source("198.51.101.0/24"), 0);
	assert_int_equal(fx.snap.control.ledger.seq, 3);
}

/* A crash while the last record was written: those before it are there, and it is or is not. */
static void test_cut_at_every_byte(void **state)
{
	struct crmg_ledger_mark mark;
	struct crmg_ledger_book *book;
	size_t second, records, damaged;

	(void)state;
	write_three();
	mark = fx.snap.control.ledger;
	load();
	second = strchr(strchr(data, '\n') + 1, '\n') + 1 - data;
	for (size_t cut = second; cut < size; cut++) {
		int fd = openat(folder.dir, TODAY, O_WRONLY | O_TRUNC | O_CLOEXEC);

		assert_int_equal(write(fd, data, cut), cut);
		close(fd);
		sum(&records, &damaged);
		assert_int_equal(records, 2 + (cut == size - 1));
		assert_int_equal(damaged, cut > second && cut < size - 1);
		/* The kernel was told of two; what the third had is in the next one, once. */
		fx.snap.control.ledger = (struct crmg_ledger_mark){ .seq = 2 };
		book = opened(0);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
		crmg_ledger_book_close(&book);
		assert_int_equal(sum(&records, NULL), 10);
		assert_int_equal(records, 3 + (cut == size - 1));
	}
	fx.snap.control.ledger = mark;
}

static void test_each_byte_changed(void **state)
{
	size_t records, damaged;

	(void)state;
	write_three();
	load();
	for (size_t at = 0; at < size; at++) {
		int fd = openat(folder.dir, TODAY, O_WRONLY | O_CLOEXEC);
		char changed = (char)(data[at] ^ 1);

		assert_int_equal(pwrite(fd, &changed, 1, at), 1);
		sum(&records, &damaged);
		/* Without a newline two lines are one, which is none; the last one needs none. */
		assert_int_equal(records, data[at] == '\n' && at < size - 1 ? 1 : 2);
		assert_int_equal(damaged, 1);
		assert_int_equal(pwrite(fd, &data[at], 1, at), 1);
		close(fd);
	}
}

/* The same slot, another source; the same source, a new life; one that was only passing. */
static void test_table_changes(void **state)
{
	struct crmg_ledger_book *book = opened(0);

	(void)state;
	sends(0, "198.51.100.66", 5);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	memset(&fx.details[0], 0, sizeof(fx.details[0]));
	tick(60);
	sends(0, "203.0.113.9", 7);
	fx.slots[0].check = 77;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(of_source("203.0.113.9"), 7);
	memset(&fx.details[0], 0, sizeof(fx.details[0]));
	tick(60);
	sends(0, "203.0.113.9", 9);
	fx.slots[0].check = 77;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(of_source("203.0.113.9"), 16);
	sends(1, "192.0.2.3", 2);
	set_tag(1, CRMG_TAG_EMPTY);
	sends(2, "192.0.2.4", 2);
	set_tag(2, CRMG_TAG_LIVE);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(of_source("192.0.2.0/24"), 0);
	assert_int_equal(sum(NULL, NULL), 25);
	/* From now on it is who it says. */
	set_tag(2, CRMG_TAG_PROVEN);
	sends(2, NULL, 3);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(of_source("192.0.2.4"), 3);
	assert_int_equal(sum(NULL, NULL), 28);
	crmg_ledger_book_close(&book);
}

/* A daemon that did not run: of a source of before it, the part is not known. */
static void test_not_kept(void **state)
{
	struct crmg_ledger_book *book;

	(void)state;
	write_three();
	tick(600);
	sends(0, NULL, 20);
	sends(3, "203.0.113.9", 30);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_int_equal(of_source("198.51.100.66"), 6);
	assert_int_equal(of_source("203.0.113.9"), 30);
	assert_int_equal(sum(NULL, NULL), 60);
	sends(0, NULL, 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(of_source("198.51.100.66"), 7);
	assert_int_equal(sum(NULL, NULL), 61);
	crmg_ledger_book_close(&book);
	/* New maps, that have counted since they were made. */
	memset(fx.rows, 0, sizeof(fx.rows));
	memset(fx.details, 0, sizeof(fx.details));
	fx.snap.control.ledger = (struct crmg_ledger_mark){ 0 };
	sends(0, "198.51.100.66", 2);
	book = opened(0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	assert_int_equal(of_source("198.51.100.66"), 9);
	assert_int_equal(sum(NULL, NULL), 63);
	assert_int_equal(fx.snap.control.ledger.seq, 6);
	crmg_ledger_book_close(&book);
	/* The end of the ledger was taken away: what was counted since is not made up. */
	assert_int_equal(crmg_state_remove(&folder, TODAY, &err), 0);
	sends(0, NULL, 40);
	book = opened(-EBADMSG);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	sends(0, NULL, 1);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(sum(NULL, NULL), 1);
	assert_int_equal(fx.snap.control.ledger.seq, 8);
	crmg_ledger_book_close(&book);
}

/* What could not be written is in the next record, with the weaker state of the two. */
static void test_disk_full(void **state)
{
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_ledger_book *book = opened(0);
	struct rlimit limit, none = { .rlim_cur = 10, .rlim_max = RLIM_INFINITY };
	struct crmg_ledger_totals totals;

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
	sends(0, "198.51.100.66", 5);
	tick(60);
	none.rlim_max = limit.rlim_max;
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_PANIC), -EFBIG);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
	sends(0, NULL, 1);
	tick(60);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	assert_int_equal(totals.records, 1);
	assert_int_equal(totals.row_count, 1);
	assert_int_equal(totals.rows[0].key.state, CRMG_LEDGER_STATE_PANIC);
	assert_int_equal(totals.rows[0].sums.of[CRMG_LEDGER_BYTES_OUT], 6 * MB);
	assert_int_equal(totals.to_ns - totals.from_ns, 120 * CRMG_NS_PER_SEC);
	crmg_ledger_totals_free(&totals);
	crmg_ledger_book_close(&book);
}

/* A record is of the day on which it began; days go when their time is over. */
static void test_days(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	struct crmg_ledger_filter day = { 0 };
	struct crmg_ledger_totals totals;

	(void)state;
	for (int i = 0; i < 4; i++) {
		sends(0, "198.51.100.66", 1);
		tick(86400);
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	}
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_parse_date("2027-01-16", &day.from_ns), 0);
	assert_int_equal(crmg_parse_date("2027-01-17", &day.to_ns), 0);
	assert_int_equal(crmg_ledger_totals(&folder, &day, &totals, &err), 0);
	assert_int_equal(totals.row_count, 2);
	assert_int_equal(totals.rows[0].key.day_ns, day.from_ns);
	assert_int_equal(totals.rows[1].key.day_ns, day.to_ns);
	crmg_ledger_totals_free(&totals);
	assert_int_equal(crmg_days_expire(&folder, day.to_ns + CRMG_DAY_NS, CRMG_DAY_NS, &err), 2);
	assert_int_equal(sum(NULL, NULL), 2);
}

/* Requests are beside the slot, and outlive it: each is told once. */
static void test_requests(void **state)
{
	struct crmg_ledger_book *book = opened(0);
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_ledger_totals totals;

	(void)state;
	fx.snap.asked = fx.asked;
	sends(0, "198.51.100.66", 1);
	fx.asked[0] = (struct crmg_asked){ .check = fx.slots[0].check, .requests = 5 };
	row_of("web", "public")->requests[CRMG_VERDICT_PASS] = 6;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	memset(&fx.details[0], 0, sizeof(fx.details[0]));
	tick(60);
	sends(0, "198.51.100.66", 1);
	fx.asked[0].requests = 7;
	row_of("web", "public")->requests[CRMG_VERDICT_PASS] = 8;
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	assert_int_equal(totals.sum.of[CRMG_LEDGER_REQUESTS_ESTIMATED], 8);
	assert_int_equal(totals.sum.of[CRMG_LEDGER_REQUESTS], 0);
	assert_int_equal(totals.row_count, 2);
	assert_int_equal(totals.rows[0].sums.of[CRMG_LEDGER_REQUESTS_ESTIMATED], 7);
	crmg_ledger_totals_free(&totals);
}

/* Exact or an estimate, as the service was since the last record. */
static void test_requests_apart(void **state)
{
	static const unsigned int exact[] = { 0, 0, 4 }, estimated[] = { 1, 3, 3 };
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_service *web = (void *)crmg_image_service(&fx.image, 1);
	struct crmg_ledger_book *book = opened(0);
	struct crmg_ledger_totals totals;

	(void)state;
	assert_string_equal(web->name, "web");
	for (unsigned int i = 0; i < CRMG_ARRAY_SIZE(exact); i++) {
		row_of("web", "public")->requests[CRMG_VERDICT_PASS] += 1 << i;
		/* An apply between the first record and the second one. */
		web->protocol = i ? CRMG_PROTOCOL_HTTP : CRMG_PROTOCOL_TLS;
		assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
		/* The next daemon knows it too. */
		if (!i) {
			crmg_ledger_book_close(&book);
			book = opened(0);
		}
		assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
		assert_int_equal(totals.sum.of[CRMG_LEDGER_REQUESTS], exact[i]);
		assert_int_equal(totals.sum.of[CRMG_LEDGER_REQUESTS_ESTIMATED], estimated[i]);
		crmg_ledger_totals_free(&totals);
	}
	crmg_ledger_book_close(&book);
}

/* As the policy wants it: from the next record on. */
static void test_whole_addresses(void **state)
{
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_head *head = (struct crmg_head *)fx.image.cells;
	struct crmg_ledger_book *book = opened(0);
	struct crmg_ledger_totals totals;

	(void)state;
	sends(0, "198.51.100.66", 5);
	sends(1, "198.51.100.67", 3);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	head->addresses = CRMG_ADDRESSES_FULL;
	sends(0, NULL, 1);
	sends(1, NULL, 2);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_ENFORCED), 0);
	crmg_ledger_book_close(&book);
	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	assert_int_equal(totals.row_count, 3);
	assert_int_equal(totals.rows[0].key.len, 120);
	assert_int_equal(totals.rows[0].sums.of[CRMG_LEDGER_BYTES_OUT], 8 * MB);
	assert_int_equal(totals.rows[1].key.len, 128);
	assert_int_equal(totals.rows[1].sums.of[CRMG_LEDGER_BYTES_OUT], 2 * MB);
	crmg_ledger_totals_free(&totals);
}

/* Out of all records, and nobody else; the sums stay, and the next daemon goes on. */
static void test_forget(void **state)
{
	static const char torn[] = "{\"seq\":4,\"source\":\"198.51.100.66\"";
	struct crmg_ledger_forgotten forgotten;
	struct crmg_ledger_book *book;
	struct crmg_pfx source = pfx("198.51.100.66"), wide = pfx("2001:db8::/32");
	size_t records, damaged;

	(void)state;
	write_three();
	assert_int_equal(crmg_state_append(&folder, TODAY, torn, strlen(torn), &err), 0);
	assert_int_equal(crmg_ledger_forget(&folder, &source, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries, 2);
	assert_int_equal(forgotten.lines, 1);
	assert_int_equal(of_source("198.51.100.0/24"), 0);
	assert_int_equal(of_source("2001:db8:66::/48"), 4);
	assert_int_equal(sum(&records, &damaged), 10);
	assert_int_equal(records, 3);
	assert_int_equal(damaged, 0);
	load();
	assert_null(strstr(data, "198.51.100"));
	assert_int_equal(crmg_ledger_forget(&folder, &source, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries + forgotten.lines, 0);
	assert_int_equal(crmg_ledger_forget(&folder, &wide, &forgotten, &err), 0);
	assert_int_equal(forgotten.entries, 2);
	assert_int_equal(sum(NULL, NULL), 10);
	book = opened(0);
	sends(8, NULL, 5);
	assert_int_equal(record(book, CRMG_LEDGER_STATE_UNWATCHED), 0);
	crmg_ledger_book_close(&book);
	assert_int_equal(sum(NULL, NULL), 15);
}

static void test_dates(void **state)
{
	static const char *const bad[] = { "", "today", "2027-1-15", "2027-13-01", "2027-01-15x",
					   "2027-01-1 ", "2027-02-30", "2027-04-31" };
	uint64_t ns;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(bad); i++)
		assert_int_equal(crmg_parse_date(bad[i], &ns), -EINVAL);
}

#define LEDGER_TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LEDGER_TEST(sums), LEDGER_TEST(cut_at_every_byte), LEDGER_TEST(each_byte_changed),
		LEDGER_TEST(table_changes), LEDGER_TEST(not_kept), LEDGER_TEST(disk_full),
		LEDGER_TEST(days), LEDGER_TEST(whole_addresses), LEDGER_TEST(forget),
		LEDGER_TEST(requests), LEDGER_TEST(requests_apart),
		cmocka_unit_test(test_dates),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
