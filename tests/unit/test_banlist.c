// SPDX-License-Identifier: GPL-2.0
/* test_banlist.c - lists of bans in both forms, and that what is written can be read. */
#include "snapshot.h"
#include "../../user/report/bans.h"
#include "../../user/report/text.h"

static struct crmg_banlist list;
static struct crmg_err err;

static int read_bytes(const char *text, size_t size)
{
	FILE *in = fmemopen((void *)text, size, "r");
	int code;

	crmg_banlist_free(&list);
	crmg_err_clear(&err);
	assert_non_null(in);
	code = crmg_banlist_read(&list, in, "list", REAL_NS, &err);
	fclose(in);
	return code;
}

static int read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static const char *prefix_of(size_t i)
{
	static char text[CRMG_ADDR_LEN];

	return crmg_format_prefix(&list.entries[i].prefix.addr, list.entries[i].prefix.len, text,
				  sizeof(text));
}

static void test_lines(void **state)
{
	(void)state;
	assert_int_equal(read_text("# feed\r\n10.1.0.0/16 ; who\n\n\t2001:db8::/32#x\n192.0.2.1"),
			 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(prefix_of(0), "10.1.0.0/16");
	assert_string_equal(prefix_of(1), "2001:db8::/32");
	assert_string_equal(prefix_of(2), "192.0.2.1");
	assert_int_equal(list.entries[0].for_ns, 0);
	assert_int_equal(read_text("\n"), 0);
	assert_int_equal(list.count, 0);
}

/* Every bad line is told, with its place; but a flood of them is not. */
static void test_bad_lines(void **state)
{
	static char many[4000];

	(void)state;
	assert_int_equal(read_text("10.1.0.0/16\n  10.1.0.1/16\n\nrubbish\n"), -EINVAL);
	assert_int_equal(err.errors, 2);
	assert_int_equal(err.messages[0].line, 2);
	assert_int_equal(err.messages[0].column, 3);
	assert_int_equal(err.messages[1].line, 4);
	for (size_t i = 0; i + 2 < sizeof(many); i += 2)
		memcpy(many + i, "x\n", 3);
	assert_int_equal(read_text(many), -EINVAL);
	assert_int_equal(err.errors, 100);
	assert_int_equal(read_bytes("10.1.0.0/16\n\0\n", 14), -EINVAL);
}

static void test_document(void **state)
{
	(void)state;
	assert_int_equal(read_text(
		" {\"schema\": 1, \"bans\": ["
		"{\"prefix\": \"10.1.0.0/16\"},"
		"{\"prefix\": \"10.2.0.0/16\", \"service\": \"web\", \"until\": "
		"\"2027-01-15T08:01:00Z\", \"remaining_seconds\": 5, \"origin\": \"feed\", "
		"\"note\": \"why\", \"added_at\": 7},"
		"{\"prefix\": \"10.3.0.0/16\", \"service\": null, \"until\": null, "
		"\"remaining_seconds\": 30},"
		"{\"prefix\": \"10.4.0.0/16\", \"until\": \"9999-12-31T23:59:59Z\"},"
		"{\"prefix\": \"10.5.0.0/16\", \"until\": \"2027-01-15T08:00:00Z\"},"
		"{\"prefix\": \"10.6.0.0/16\", \"remaining_seconds\": 0}]}"), 0);
	assert_int_equal(list.count, 4);
	assert_int_equal(list.ended, 2);
	assert_int_equal(list.entries[0].for_ns, 0);
	assert_true(list.entries[1].for_ns == 60 * CRMG_NS_PER_SEC);
	assert_string_equal(list.entries[1].service, "web");
	assert_string_equal(list.entries[1].origin, "feed");
	assert_string_equal(list.entries[1].note, "why");
	assert_true(list.entries[2].for_ns == 30 * CRMG_NS_PER_SEC);
	assert_string_equal(list.entries[2].service, "");
	assert_true(list.entries[3].for_ns == CRMG_BAN_FOREVER);
}

static void test_bad_documents(void **state)
{
	static const char *const rows[] = {
		"{",
		"{}",
		"{\"bans\": {}}",
		"{\"bans\": null}",
		"{\"schema\": 2, \"bans\": []}",
		"{\"bans\": [], \"bans\": []}",
		"{\"bans\": [1]}",
		"{\"bans\": [{}]}",
		"{\"bans\": [{\"prefix\": 1}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.1/8\"}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"service\": \"a b\"}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"origin\": \"-\"}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"note\": \"\\u001b[2J\"}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"until\": \"tomorrow\"}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"until\": 5}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"remaining_seconds\": -1}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"remaining_seconds\": 1e400}]}",
		"{\"bans\": [{\"prefix\": \"10.0.0.0/8\", \"remaining_seconds\": "
		"9223372036854775807}]}",
		"{\"bans\": []} trailing",
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		if (read_text(rows[i]) != -EINVAL || !err.errors)
			fail_msg("accepted: %s", rows[i]);
		assert_int_equal(list.count, 0);
	}
}

static void test_too_large(void **state)
{
	static const char line[] = "#2345678901234567890123456789012345678901234567890123456789012\n";
	FILE *in = tmpfile();

	(void)state;
	assert_non_null(in);
	for (size_t i = 0; i <= CRMG_BANLIST_MAX_BYTES / (sizeof(line) - 1); i++)
		assert_true(fputs(line, in) >= 0);
	rewind(in);
	crmg_banlist_free(&list);
	crmg_err_clear(&err);
	assert_int_equal(crmg_banlist_read(&list, in, "list", REAL_NS, &err), -EFBIG);
	assert_int_equal(err.errors, 1);
	fclose(in);
}

/* What `bans -j` prints is read back as it was. */
static void test_round_trip(void **state)
{
	struct crmg_ban_entry *entry;
	json_t *document;
	char *text;

	(void)state;
	fixture_init();
	add_ban("10.1.0.0/16", 0, 90);
	entry = add_ban("2001:db8::1", 1, 0);
	crmg_copy(entry->ban.note, sizeof(entry->ban.note), "say \"no\" \\ caf\xc3\xa9");
	crmg_copy(entry->ban.origin, sizeof(entry->ban.origin), "feed");
	/* Of a service that is gone: nothing to feed back. */
	add_ban("10.2.0.0/16", 60, 0);
	document = crmg_bans_json(&fx.snap);
	text = json_dumps(document, JSON_INDENT(2));
	assert_int_equal(read_text(text), 0);
	assert_int_equal(list.count, 2);
	assert_string_equal(prefix_of(0), "10.1.0.0/16");
	assert_true(list.entries[0].for_ns == 90 * CRMG_NS_PER_SEC);
	assert_string_equal(list.entries[0].service, "");
	assert_string_equal(prefix_of(1), "2001:db8::1");
	assert_true(list.entries[1].for_ns == CRMG_BAN_FOREVER);
	assert_string_equal(list.entries[1].service, "web");
	assert_string_equal(list.entries[1].origin, "feed");
	assert_string_equal(list.entries[1].note, "say \"no\" \\ caf\xc3\xa9");
	free(text);
	json_decref(document);
}

static void test_table(void **state)
{
	struct crmg_ban_entry *entry;
	char *text;

	(void)state;
	fixture_init();
	entry = add_ban("10.1.0.0/16", 0, 90);
	crmg_copy(entry->ban.note, sizeof(entry->ban.note), "x\033[2J");
	add_ban("10.2.0.0/16", 1, 0);
	text = TEXT_OF(crmg_bans_text, &fx.snap, false);
	assert_string_equal(text,
		"PREFIX       SERVICE  UNTIL                 LEFT  ORIGIN  NOTE\n"
		"10.1.0.0/16  all      2027-01-15T08:01:30Z    1m  manual  x\\x1b[2J\n"
		"10.2.0.0/16  web      unban                       manual\n");
	free(text);
}

/* Automatic bans that are in force stand behind manual ones, and can be fed back. */
static void test_automatic(void **state)
{
	json_t *document;
	char *text;

	(void)state;
	fixture_init();
	add_ban("10.1.0.0/16", 0, 90);
	add_auto_ban(3, "10.1.2.3", 600);
	add_auto_ban(9, "2001:db8:9::", 3600)->auto_bans = 12;
	add_auto_ban(11, "10.1.2.4", 0);
	add_auto_ban(12, "10.1.2.5", 600)->pardoned = 1;
	add_source(13, "10.1.2.6");
	text = TEXT_OF(crmg_bans_text, &fx.snap, false);
	assert_string_equal(text,
		"PREFIX           SERVICE  UNTIL                 LEFT  ORIGIN  NOTE\n"
		"10.1.0.0/16      all      2027-01-15T08:01:30Z    1m  manual\n"
		"10.1.2.3         web      2027-01-15T08:10:00Z   10m  auto    1st ban\n"
		"2001:db8:9::/64  web      2027-01-15T09:00:00Z    1h  auto    12th ban\n");
	free(text);
	document = crmg_bans_json(&fx.snap);
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(document, "bans"),
								1), "added_at")));
	text = json_dumps(document, JSON_INDENT(2));
	assert_int_equal(read_text(text), 0);
	assert_int_equal(list.count, 3);
	assert_string_equal(prefix_of(2), "2001:db8:9::/64");
	assert_string_equal(list.entries[2].service, "web");
	assert_string_equal(list.entries[2].origin, "auto");
	assert_string_equal(list.entries[2].note, "12th ban");
	assert_true(list.entries[2].for_ns == 3600 * CRMG_NS_PER_SEC);
	free(text);
	json_decref(document);
}

static void test_words(void **state)
{
	static const struct {
		const char *text;
		bool is_name;
	} rows[] = {
		{ "default", true }, { "a", true }, { "9-_x", true }, { "", false },
		{ "-a", false }, { "_a", false }, { "a b", false }, { "a/b", false },
		{ "..", false }, { "caf\xc3\xa9", false },
		{ "12345678901234567890123456789012", true },
		{ "123456789012345678901234567890123", false },
	};
	char note[CRMG_BAN_NOTE_MAX + 2];

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		assert_int_equal(crmg_is_name(rows[i].text), rows[i].is_name);
	memset(note, 'x', sizeof(note));
	note[CRMG_BAN_NOTE_MAX + 1] = '\0';
	assert_false(crmg_is_note(note));
	note[CRMG_BAN_NOTE_MAX] = '\0';
	assert_true(crmg_is_note(note));
	assert_false(crmg_is_note("a\nb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_bad_documents),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_automatic),
		cmocka_unit_test(test_words),
	};
	int failed = cmocka_run_group_tests_name("banlist", tests, NULL, NULL);

	crmg_banlist_free(&list);
	crmg_err_clear(&err);
	crmg_image_free(&fx.image);
	return failed;
}
