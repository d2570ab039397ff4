// SPDX-License-Identifier: GPL-2.0
/* test_rows.c - policies with their counters, the reasons they can give, and bans. */
#include "snapshot.h"
#include "../../user/report/rows.h"

static const struct crmg_policy_row *find(const struct crmg_policy_rows *rows,
					  const char *service, const char *policy)
{
	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(rows->items[i].label->service, service) == 0 &&
		    strcmp(rows->items[i].label->policy, policy) == 0)
			return &rows->items[i];
	fail_msg("no policy %s of %s", policy, service);
	return NULL;
}

static void test_rows_of_services(void **state)
{
	static const char *const wanted[] = {
		"web partners", "web public", "web bad", "web allow", "dns public", "dns allow",
	};
	struct crmg_policy_rows rows;
	char text[3 * CRMG_NAME_LEN];

	(void)state;
	fixture_init();
	row_of("web", "public")->packets[CRMG_VERDICT_PASS] = 42;
	assert_int_equal(crmg_policy_rows(&fx.snap, &rows), 0);
	assert_int_equal(rows.count, CRMG_ARRAY_SIZE(wanted));
	for (size_t i = 0; i < rows.count; i++) {
		snprintf(text, sizeof(text), "%s %s", rows.items[i].label->service,
			 rows.items[i].label->policy);
		assert_string_equal(text, wanted[i]);
	}
	assert_int_equal(find(&rows, "web", "public")->row->packets[CRMG_VERDICT_PASS], 42);
	crmg_policy_rows_free(&rows);
}

/* One policy for two clients is one row; counters that were not read are 0. */
static void test_clients_share(void **state)
{
	struct crmg_policy_rows rows;
	struct crmg_model_policy *policy;
	size_t clients[2] = { 0, CRMG_CLIENT_ANY };

	(void)state;
	fixture_init();
	policy_init(&fx.policy);
	add_service(&fx.policy, "web", CRMG_TRANSPORT_TCP, 443, 443);
	add_client(&fx.policy, "partners");
	add_prefix(&fx.policy, pfx("10.1.0.0/16"));
	policy = add_policy(&fx.policy, "all", 0, 0);
	policy->clients = clients;
	policy->client_count = 2;
	crmg_image_free(&fx.image);
	fx.image = compiled(&fx.policy, NULL, 1);
	fx.snap.row_count = 0;
	assert_int_equal(crmg_policy_rows(&fx.snap, &rows), 0);
	assert_int_equal(rows.count, 2);
	assert_string_equal(find(&rows, "web", "all")->clients, "partners,any");
	assert_int_equal(crmg_row_sum(find(&rows, "web", "all")->row->packets), 0);
	crmg_policy_rows_free(&rows);
}

static void test_reasons(void **state)
{
	static const struct {
		const char *service, *policy, *reasons;
	} wanted[] = {
		{ "web", "partners", " malformed banned packets bytes contention pressure" },
		{ "web", "public", " malformed banned connections contention pressure" },
		{ "web", "bad", " malformed banned denied" },
		{ "web", "allow", " malformed" },
		{ "dns", "public", " malformed banned packets contention pressure" },
	};
	static const char *const names[] = {
#define NAME(ID, name, ...) name,
		CRMG_REASONS(NAME)
	};
	struct crmg_policy_rows rows;

	(void)state;
	fixture_init();
	assert_int_equal(crmg_policy_rows(&fx.snap, &rows), 0);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(wanted); i++) {
		char text[256] = "";

		for (int r = CRMG_REASON_FIRST_REFUSAL; r < CRMG_REASON_COUNT; r++) {
			if (!crmg_row_can_give(find(&rows, wanted[i].service, wanted[i].policy), r))
				continue;
			strcat(text, " ");
			strcat(text, names[r]);
		}
		assert_string_equal(text, wanted[i].reasons);
	}
	crmg_policy_rows_free(&rows);
}

/* Wider budgets give reasons of their own, also to a policy that has no other limit. */
static void test_wider_reasons(void **state)
{
	struct crmg_policy_rows rows;
	const struct crmg_policy_row *partners;
	struct crmg_binding *binding;

	(void)state;
	fixture_init();
	binding = widen();
	assert_int_equal(crmg_policy_rows(&fx.snap, &rows), 0);
	partners = find(&rows, "web", "partners");
	assert_true(crmg_row_can_give(partners, CRMG_REASON_AGGREGATE));
	assert_true(crmg_row_can_give(partners, CRMG_REASON_TOTAL));
	binding->limits = binding->aggregate_limits = binding->total_limits = 0;
	assert_false(crmg_row_can_give(partners, CRMG_REASON_AGGREGATE));
	assert_false(crmg_row_can_give(partners, CRMG_REASON_PRESSURE));
	assert_true(crmg_row_can_give(partners, CRMG_REASON_TOTAL));
	assert_true(crmg_row_can_give(partners, CRMG_REASON_CONTENTION));
	binding->flags = 0;
	assert_false(crmg_row_can_give(partners, CRMG_REASON_TOTAL));
	assert_false(crmg_row_can_give(partners, CRMG_REASON_CONTENTION));
	crmg_policy_rows_free(&rows);
}

/* Of the bans that cover a source at a service, the one that ends last. */
static void test_ban_of(void **state)
{
	struct crmg_addr in, out;
	uint32_t web, dns;

	(void)state;
	fixture_init();
	web = crmg_image_service_find(&fx.image, "web");
	dns = crmg_image_service_find(&fx.image, "dns");
	in = addr("10.1.2.3");
	out = addr("10.2.2.3");
	assert_null(crmg_ban_of(&fx.snap, &in, web));
	add_ban("10.1.0.0/16", web, 100);
	add_ban("10.1.2.3", 0, 50);
	assert_ptr_equal(crmg_ban_of(&fx.snap, &in, web), &fx.bans[0]);
	assert_ptr_equal(crmg_ban_of(&fx.snap, &in, dns), &fx.bans[1]);
	assert_null(crmg_ban_of(&fx.snap, &out, web));
	add_ban("10.1.2.0/24", 0, 0);
	assert_ptr_equal(crmg_ban_of(&fx.snap, &in, web), &fx.bans[2]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows_of_services),
		cmocka_unit_test(test_clients_share),
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_wider_reasons),
		cmocka_unit_test(test_ban_of),
	};
	int failed = cmocka_run_group_tests_name("rows", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
