// SPDX-License-Identifier: GPL-2.0
/* test_names.c - every member of a list has a word of its own, and nothing else has one. */
#include "policy.h"
#include "../../user/report/names.h"

static const struct {
	const char *what;
	const char *(*name)(unsigned int id);
	unsigned int count;
} lists[] = {
	{ "reason", crmg_reason_name, CRMG_REASON_COUNT },
	{ "limit", crmg_limit_name, CRMG_LIMIT_COUNT },
	{ "cap", crmg_cap_name, CRMG_CAP_COUNT },
	{ "scope", crmg_scope_name, CRMG_SCOPE_COUNT },
	{ "verdict", crmg_verdict_name, CRMG_VERDICT_COUNT },
	{ "mode", crmg_mode_name, CRMG_MODE_COUNT },
	{ "transport", crmg_transport_name, CRMG_TRANSPORT_COUNT },
	{ "protocol", crmg_protocol_name, CRMG_PROTOCOL_COUNT },
	{ "class of status", crmg_class_name, CRMG_CLASS_COUNT },
	{ "version of TLS", crmg_tls_version_name, CRMG_TLS_VERSION_COUNT },
	{ "floor", crmg_floor_name, CRMG_FLOOR_COUNT },
	{ "action", crmg_action_name, CRMG_ACTION_COUNT },
	{ "event", crmg_event_name, CRMG_EVENT_COUNT },
	{ "xdp mode", crmg_xdp_mode_name, CRMG_XDP_TC + 1 },
	{ "tc kind", crmg_tc_kind_name, CRMG_TC_CLSACT + 1 },
};

static void test_distinct(void **state)
{
	(void)state;
	for (size_t l = 0; l < CRMG_ARRAY_SIZE(lists); l++) {
		for (unsigned int i = 0; i < lists[l].count; i++)
			for (unsigned int k = 0; k < i; k++)
				assert_string_not_equal(lists[l].name(i), lists[l].name(k));
		assert_string_not_equal(lists[l].name(lists[l].count - 1), "unknown");
		assert_string_equal(lists[l].name(lists[l].count), "unknown");
	}
}

/* A limit and its reason are one word. */
static void test_limits(void **state)
{
	(void)state;
	for (unsigned int i = 0; i < CRMG_LIMIT_COUNT; i++)
		assert_string_equal(crmg_limit_name(i), crmg_reason_name(crmg_limit_reason(i)));
	assert_int_equal(crmg_limit_shift(CRMG_LIMIT_BYTES), 16);
	assert_int_equal(crmg_limit_shift(CRMG_LIMIT_PACKETS), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_distinct),
		cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
