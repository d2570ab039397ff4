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

/* That a change of the policy for partners is told; then the fixture is as before. */
static void assert_policy_changes(void)
{
	assert_string_equal(changes(), "~ policy partners of web for partners\n");
	fixture_init();
}

static void test_wider_scopes(void **state)
{
	struct crmg_model_policy *p = &fx.policy.policies[0];
	const struct crmg_model_limit slow = { .set = true, .terms = { 1, CRMG_NS_PER_SEC, 1 } };

	(void)state;
	fixture_init();
	p->aggregate.limits[CRMG_LIMIT_PACKETS] = slow;
	assert_policy_changes();
	p->total.limits[CRMG_LIMIT_PACKETS] = slow;
	assert_policy_changes();
	p->ban = (struct crmg_model_ban){
		.set = true, .terms = { 0, 10000, 600, 86400, 512, 20 },
	};
	assert_policy_changes();
	p->v4_wide.bits = 20;	/* no aggregate, no difference */
	assert_string_equal(changes(), "");
	fixture_init();
	fx.policy.services[0].total.limits[CRMG_LIMIT_PACKETS] = slow;
	assert_string_equal(changes(), "~ service web\n");
	fixture_init();
	fx.policy.clients[0].balancer = true;
	assert_string_equal(changes(), "~ client partners\n");
}

static struct crmg_diff_items items_of(const struct policy *policy)
{
	struct crmg_image image = compiled(policy, NULL, 1);
	struct crmg_diff_items items;

	assert_int_equal(crmg_diff_items(&image, &items), 0);
	crmg_image_free(&image);
	return items;
}

/* A width or a term that changes inside what was there. */
static void test_inside_scopes(void **state)
{
	static struct policy policy;
	struct crmg_diff_items before;
	struct crmg_model_policy *p;

	(void)state;
	two_clients(&policy);
	p = add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	p->limits[CRMG_LIMIT_PACKETS].set = p->aggregate.limits[CRMG_LIMIT_PACKETS].set = true;
	p->limits[CRMG_LIMIT_PACKETS].terms = (struct crmg_terms){ 1, CRMG_NS_PER_SEC, 1 };
	p->aggregate.limits[CRMG_LIMIT_PACKETS].terms = p->limits[CRMG_LIMIT_PACKETS].terms;
	p->ban = (struct crmg_model_ban){
		.set = true, .terms = { 0, 10000, 600, 86400, 512, 20 },
	};
	before = items_of(&policy);
	for (int i = 0; i < 4; i++) {
		struct crmg_diff_items after;
		char text[256] = "";

		switch (i) {
		case 0: p->v4_wide.bits = 20; break;
		case 1: p->v6_wide.bits = 40; break;
		case 2: p->aggregate.limits[CRMG_LIMIT_PACKETS].terms.burst++; break;
		case 3: p->ban.terms.factor++; break;
		}
		after = items_of(&policy);
		crmg_diff(&before, &after, note, text);
		assert_string_equal(text, "~ policy public of api for any\n");
		crmg_diff_items_free(&before);
		before = after;
	}
	crmg_diff_items_free(&before);
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
		cmocka_unit_test(test_wider_scopes),
		cmocka_unit_test(test_inside_scopes),
		cmocka_unit_test(test_come_and_go),
	};
	int failed = cmocka_run_group_tests_name("diff", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
