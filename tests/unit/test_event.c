// SPDX-License-Identifier: GPL-2.0
/* test_event.c - events as lines and documents, what comes from elsewhere escaped. */
#include "snapshot.h"
#include "../../user/report/event.h"

#define OFFSET (REAL_NS - BOOT_NS)

static struct crmg_event exceeded(void)
{
	return (struct crmg_event){
		.seq = 9, .time_ns = BOOT_NS + 1500000, .count = 12, .addr = addr("10.1.2.3"),
		.len = 128, .kind = CRMG_EVENT_EXCEEDED, .reason = CRMG_REASON_PACKETS,
		.verdict = CRMG_VERDICT_DROP, .generation = 7, .service = "web",
		.policy = "public",
	};
}

static void test_text(void **state)
{
	struct crmg_event event = exceeded();
	char *text = TEXT_OF(crmg_event_text, &event, OFFSET, NULL);

	(void)state;
	assert_string_equal(text, "2027-01-15T08:00:00.001Z exceeded 10.1.2.3 web/public drop: "
				  "packets, 12 packets\n");
	free(text);
	event = (struct crmg_event){ .time_ns = BOOT_NS, .kind = CRMG_EVENT_APPLY };
	memset(event.detail, '\033', sizeof(event.detail));
	text = TEXT_OF(crmg_event_text, &event, OFFSET, NULL);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "Z apply    \\x1b\\x1b"));
	free(text);
}

/* What the kernel decided by itself says which limit it was about. */
static void test_automatic(void **state)
{
	struct crmg_event event = exceeded();
	char *text;
	json_t *line;

	(void)state;
	event.kind = CRMG_EVENT_BAN;
	text = TEXT_OF(crmg_event_text, &event, OFFSET, NULL);
	assert_string_equal(text, "2027-01-15T08:00:00.001Z ban      10.1.2.3 web/public auto: "
				  "packets\n");
	free(text);
	event.kind = CRMG_EVENT_SHARE;
	text = TEXT_OF(crmg_event_text, &event, OFFSET, NULL);
	assert_string_equal(text, "2027-01-15T08:00:00.001Z share    10.1.2.3 web/public not "
				  "banned: packets\n");
	free(text);
	event.kind = CRMG_EVENT_BUDGET;
	event.reason = CRMG_REASON_BYTES_OUT;
	text = TEXT_OF(crmg_event_text, &event, OFFSET, NULL);
	assert_string_equal(text, "2027-01-15T08:00:00.001Z budget   10.1.2.3 web/public nearly "
				  "used up: bytes_out\n");
	free(text);
	event.reason = CRMG_REASON_PACKETS;
	line = crmg_event_json(&event, OFFSET, NULL);
	assert_string_equal(json_string_value(json_object_get(line, "reason")), "packets");
	assert_true(json_is_null(json_object_get(line, "verdict")));
	json_decref(line);
}

static void test_json(void **state)
{
	struct crmg_event event = exceeded();
	json_t *line = crmg_event_json(&event, OFFSET, NULL);
	char *text = json_dumps(line, JSON_COMPACT);

	(void)state;
	assert_string_equal(text, "{\"schema\":1,\"seq\":9,\"time\":\"2027-01-15T08:00:00.001Z\","
		"\"event\":\"exceeded\",\"address\":\"10.1.2.3\",\"service\":\"web\","
		"\"policy\":\"public\",\"verdict\":\"drop\",\"reason\":\"packets\",\"count\":12,"
		"\"generation\":7,\"detail\":\"\"}");
	free(text);
	json_decref(line);
	event = (struct crmg_event){ .kind = 200, .reason = 200, .verdict = 200 };
	memset(event.detail, 0xff, sizeof(event.detail));
	memset(event.service, 'x', sizeof(event.service));
	line = crmg_event_json(&event, OFFSET, NULL);
	assert_string_equal(json_string_value(json_object_get(line, "event")), "unknown");
	assert_int_equal(json_string_length(json_object_get(line, "detail")),
			 4 * sizeof(event.detail));
	assert_int_equal(json_string_length(json_object_get(line, "service")), CRMG_NAME_LEN);
	assert_true(json_is_null(json_object_get(line, "address")));
	assert_true(json_is_null(json_object_get(line, "reason")));
	json_decref(line);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_automatic),
		cmocka_unit_test(test_json),
	};

	return cmocka_run_group_tests_name("event", tests, NULL, NULL);
}
