// SPDX-License-Identifier: GPL-2.0
/* test_status.c - sums and keys of the document, and the text against a golden file. */
#include "snapshot.h"
#include "golden.h"
#include "../../user/report/status.h"

static struct crmg_problems problems;

static void fill(void)
{
	struct crmg_row *row;

	fixture_init();
	row = row_of("web", "partners");
	row->packets[CRMG_VERDICT_PASS] = 100;
	row->packets[CRMG_VERDICT_DROP] = 20;
	row->packets[CRMG_VERDICT_RESET] = 3;
	row->bytes[CRMG_VERDICT_PASS] = 123456;
	row->bytes_out = 7000000;
	row->budgets_notified = 4;
	row->reasons[CRMG_REASON_OK] = 90;
	row->reasons[CRMG_REASON_PANIC] = 10;
	row->reasons[CRMG_REASON_PACKETS] = 20;
	row->reasons[CRMG_REASON_BYTES] = 3;
	*client_row_of("partners") = (struct crmg_client_row){
		.packets = { 100, 20, 3 }, .bytes = { 120000, 3000, 456 },
		.bytes_out = 7000000, .requests = 42,
	};
	row = row_of("web", "public");
	row->packets[CRMG_VERDICT_PASS] = 50;
	row->connections[CRMG_VERDICT_PASS] = 8;
	row->would_drop[CRMG_REASON_CONNECTIONS] = 6;
	row->reasons[CRMG_REASON_OK] = 50;
	row->versions[CRMG_TLS_VERSION_10] = 5;
	row->versions[CRMG_TLS_VERSION_12] = 3;
	row->budgets_exceeded = 2;
	add_iface("eth1");
	memcpy(add_iface("")->wanted.name, "e\033[31m", 7);
	fx.ifaces[1].tc_ours = false;
	add_ban("10.3.0.0/16", 0, 60);
	fx.snap.tracked = 12;
	fx.snap.by_state[CRMG_SOURCE_SEEN] = 6;
	fx.snap.by_state[CRMG_SOURCE_LIMITED] = 1;
	fx.snap.by_state[CRMG_SOURCE_PROVEN] = 3;
	fx.snap.by_state[CRMG_SOURCE_BANNED] = 2;
	fx.snap.host.counter[CRMG_HOST_EVICTIONS] = 4;
	fx.snap.host.counter[CRMG_HOST_PRESSURE] = 55;
	fx.snap.host.odd[CRMG_ODDITY_NULL] = 3;
	fx.snap.host.odd[CRMG_ODDITY_OWN] = 1;
	fx.snap.pressure_ns = BOOT_NS - 7200 * CRMG_NS_PER_SEC;
	crmg_problems_find(&fx.snap, &problems);
}

static json_int_t number(const json_t *object, const char *key)
{
	if (!json_is_integer(json_object_get(object, key)))
		fail_msg("%s is no number", key);
	return json_integer_value(json_object_get(object, key));
}

static const char *text(const json_t *object, const char *key)
{
	if (!json_is_string(json_object_get(object, key)))
		fail_msg("%s is no text", key);
	return json_string_value(json_object_get(object, key));
}

static void test_document(void **state)
{
	json_t *document, *part, *reasons;

	(void)state;
	fill();
	document = crmg_status_json(&fx.snap, "default", &problems);
	assert_int_equal(number(document, "schema"), 1);
	assert_string_equal(text(document, "version"), CRMG_VERSION);
	assert_int_equal(number(document, "bans"), 3);

	part = json_object_get(document, "policy");
	assert_string_equal(text(part, "file"), "/etc/crmgate/policy.yaml");
	assert_int_equal(number(part, "generation"), GENERATION);
	assert_string_equal(text(part, "applied_at"), "2027-01-15T07:58:30Z");
	assert_true(json_is_false(json_object_get(part, "pending_confirm")));

	part = json_array_get(json_object_get(document, "interfaces"), 1);
	assert_string_equal(text(part, "xdp_mode"), "native");
	assert_true(json_is_null(json_object_get(part, "chain")));
	assert_string_equal(text(part, "tc"), "none");

	part = json_array_get(json_object_get(document, "services"), 0);
	assert_string_equal(text(part, "name"), "web");
	assert_int_equal(number(part, "packets"), 173);
	assert_int_equal(number(part, "bytes"), 123456);
	assert_int_equal(number(part, "connections"), 8);
	assert_int_equal(number(part, "bytes_out"), 7000000);
	assert_int_equal(number(part, "dropped_packets"), 23);
	assert_true(json_is_null(json_object_get(part, "requests_estimated")));

	part = json_array_get(json_object_get(document, "policies"), 0);
	assert_string_equal(text(part, "client"), "partners");
	assert_int_equal(number(part, "passed_packets"), 100);
	assert_int_equal(number(part, "dropped_packets"), 23);
	assert_int_equal(number(part, "budgets_notified"), 4);
	assert_int_equal(number(part, "budgets_exceeded"), 0);
	reasons = json_object_get(part, "reasons");
	assert_int_equal(number(reasons, "packets"), 20);
	assert_int_equal(number(reasons, "panic"), 10);
	assert_int_equal(number(reasons, "banned"), 0);
	assert_null(json_object_get(reasons, "denied"));
	part = json_array_get(json_object_get(document, "policies"), 1);
	assert_string_equal(text(part, "mode"), "shadow");
	assert_string_equal(text(part, "shadow_since"), "2027-01-15T07:58:30Z");
	assert_int_equal(number(part, "would_drop_packets"), 6);

	assert_int_equal(number(json_object_get(part, "tls_connections"), "1.0"), 5);
	assert_int_equal(number(json_object_get(part, "tls_connections"), "1.3"), 0);
	part = json_array_get(json_object_get(document, "policies"), 4);
	assert_string_equal(text(part, "service"), "dns");
	assert_true(json_is_null(json_object_get(part, "tls_connections")));

	part = json_array_get(json_object_get(document, "clients"), 0);
	assert_string_equal(text(part, "name"), "partners");
	assert_int_equal(number(part, "packets"), 123);
	assert_int_equal(number(part, "dropped_packets"), 23);
	assert_int_equal(number(part, "bytes"), 123456);
	assert_int_equal(number(part, "bytes_out"), 7000000);
	/* No policy of its has a limit of them. */
	assert_true(json_is_null(json_object_get(part, "requests")));
	part = json_array_get(json_object_get(document, "clients"), 1);
	assert_string_equal(text(part, "name"), "bad");
	assert_int_equal(number(part, "packets"), 0);
	assert_int_equal(json_array_size(json_object_get(document, "clients")), 2);

	part = json_object_get(document, "sources");
	assert_int_equal(number(part, "tracked"), 12);
	assert_int_equal(number(part, "capacity"), CAPACITY);
	assert_int_equal(number(part, "evictions"), 4);
	assert_int_equal(number(part, "seen"), 6);
	assert_int_equal(number(part, "limited"), 1);
	assert_int_equal(number(part, "proven"), 3);
	assert_int_equal(number(part, "banned"), 2);
	assert_int_equal(number(part, "pressure_packets"), 55);
	assert_string_equal(text(part, "last_pressure"), "2027-01-15T06:00:00Z");
	part = json_object_get(document, "odd");
	assert_int_equal(number(part, "null"), 3);
	assert_int_equal(number(part, "xmas"), 0);
	assert_int_equal(number(part, "own"), 1);
	part = json_array_get(json_object_get(document, "problems"), 0);
	assert_string_equal(text(part, "id"), "tc_missing");
	assert_true(json_is_null(json_object_get(part, "since")));
	json_decref(document);
}

static void test_text(void **state)
{
	char *written;

	(void)state;
	fill();
	written = TEXT_OF(crmg_status_text, &fx.snap, "default", &problems, false);
	golden("status.txt", written);
	free(written);
}

/* The line about a pending apply is the given one; "": there is none. */
static void assert_confirm(const char *wanted)
{
	char *written = NULL, *line;
	size_t size;
	FILE *out = open_memstream(&written, &size);

	crmg_status_text(&fx.snap, "default", &problems, false, out);
	fclose(out);
	line = strstr(written, "confirm:");
	if (line)
		line[strcspn(line, "\n")] = '\0';
	assert_string_equal(line ? line : "", wanted);
	free(written);
}

/* Until when, and what comes back then; in JSON the same. */
static void test_pending(void **state)
{
	json_t *document, *part;

	(void)state;
	fill();
	assert_confirm("");
	fx.snap.control.confirm_until_ns = MONO_NS + 45 * CRMG_NS_PER_SEC;
	fx.snap.control.confirm_generation = GENERATION;
	fx.snap.pending = (struct crmg_pending){
		.generation = GENERATION, .previous = GENERATION - 1,
		.until_ns = REAL_NS + 45 * CRMG_NS_PER_SEC,
	};
	assert_confirm("confirm:  generation 6 comes back at 2027-01-15T08:00:45Z (in 45s) unless "
		       "`crmgate confirm`");

	document = crmg_status_json(&fx.snap, "default", &problems);
	part = json_object_get(document, "policy");
	assert_true(json_is_true(json_object_get(part, "pending_confirm")));
	assert_string_equal(text(part, "confirm_until"), "2027-01-15T08:00:45Z");
	assert_int_equal(number(part, "previous_generation"), GENERATION - 1);
	json_decref(document);
}

/* What nobody confirmed is over at its deadline, also before a command puts it away. */
static void test_unconfirmed(void **state)
{
	json_t *document, *part;

	(void)state;
	fill();
	fx.snap.control.confirm_until_ns = MONO_NS + 1;
	fx.snap.control.confirm_generation = GENERATION + 1;
	assert_confirm("");
	fx.snap.control.confirm_until_ns = MONO_NS;
	assert_confirm("confirm:  generation 8 was not confirmed, it ended 0s ago");
	fx.snap.control.confirm_until_ns = MONO_NS - 120 * CRMG_NS_PER_SEC;
	assert_confirm("confirm:  generation 8 was not confirmed, it ended 2m ago");

	document = crmg_status_json(&fx.snap, "default", &problems);
	part = json_object_get(document, "policy");
	assert_true(json_is_false(json_object_get(part, "pending_confirm")));
	assert_true(json_is_null(json_object_get(part, "confirm_until")));
	assert_true(json_is_null(json_object_get(part, "previous_generation")));
	json_decref(document);
}

/* Nothing attached, nothing protected: still a status. */
static void test_empty(void **state)
{
	char *written;

	(void)state;
	fixture_init();
	policy_init(&fx.policy);
	crmg_image_free(&fx.image);
	fx.image = compiled(&fx.policy, NULL, 1);
	crmg_problems_find(&fx.snap, &problems);
	written = TEXT_OF(crmg_status_text, &fx.snap, "default", &problems, true);
	assert_non_null(strstr(written, "nothing is limited"));
	assert_non_null(strstr(written, "no interface is attached\n"));
	assert_non_null(strstr(written, "no service is protected\n"));
	assert_non_null(strstr(written, "no problems\n"));
	free(written);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_unconfirmed),
		cmocka_unit_test(test_empty),
	};
	int failed = cmocka_run_group_tests_name("status", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
