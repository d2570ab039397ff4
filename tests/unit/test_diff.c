// SPDX-License-Identifier: GPL-2.0
/* test_diff.c - what differs between two policies, and that moving is no difference. */
#include "snapshot.h"
#include "../../user/report/diff.h"

static void note(char sign, const char *name, void *context)
{
	char *text = context;

	sprintf(text + strlen(text), "%c %s\n", sign, name);
}

/* The difference of the fixture's image and the policy as it is now, compiled after it. */
static const char *changes(void)
{
	static char text[4096];
	struct crmg_diff_items before, after;
	struct crmg_image image = compiled(&fx.policy, &fx.image, GENERATION + 1);

	text[0] = '\0';
	assert_int_equal(crmg_diff_items(&fx.image, &before), 0);
	assert_int_equal(crmg_diff_items(&image, &after), 0);
	crmg_diff(&before, &after, note, text);
	crmg_diff_items_free(&before);
	crmg_diff_items_free(&after);
	crmg_image_free(&image);
	return text;
}

static void test_same(void **state)
{
	(void)state;
	fixture_init();
	assert_string_equal(changes(), "");
}

static void test_changes(void **state)
{
	(void)state;
	fixture_init();
	fx.policy.policies[0].limits[CRMG_LIMIT_PACKETS].terms.burst++;
	assert_string_equal(changes(), "~ policy partners of web for partners\n");
	fixture_init();
	fx.policy.policies[1].mode = CRMG_MODE_ENFORCE;
	assert_string_equal(changes(), "~ policy public of web for any\n");
	fixture_init();
	fx.policy.services[0].ports[0].last++;
	assert_string_equal(changes(), "~ service web\n");
	fixture_init();
	fx.policy.addresses[0] = pfx("10.8.0.0/16");
	assert_string_equal(changes(), "~ service dns\n");
	fixture_init();
	add_allow(&fx.policy, pfx("192.0.2.11"));
	assert_string_equal(changes(), "~ client allow\n");
}

static void test_come_and_go(void **state)
{
	(void)state;
	fixture_init();
	crmg_copy(fx.policy.policies[1].name, CRMG_NAME_LEN, "world");
	assert_string_equal(changes(), "- policy public of web for any\n"
				       "+ policy world of web for any\n");
	fixture_init();
	add_service(&fx.policy, "admin", CRMG_TRANSPORT_TCP, 8443, 8443);
	assert_string_equal(changes(), "+ service admin\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_changes),
		cmocka_unit_test(test_come_and_go),
	};
	int failed = cmocka_run_group_tests_name("diff", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
