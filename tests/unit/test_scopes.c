// SPDX-License-Identifier: GPL-2.0
/*
 * test_scopes.c - what a binding says beyond each source's limits: aggregates,
 * totals, automatic bans, balancers.
 */
#include "policy.h"

#include "../../user/base/num.h"

static struct policy policy;

static struct crmg_model_limit per_second(uint64_t count, uint64_t burst)
{
	return (struct crmg_model_limit){
		.set = true, .terms = { count, CRMG_NS_PER_SEC, burst },
	};
}

/* A policy with everything that is wider than a source, for client "a" and for "any". */
static struct crmg_model_policy *add_wide_policy(void)
{
	static size_t clients[] = { 0, CRMG_CLIENT_ANY };
	struct crmg_model_policy *p = add_policy(&policy, "public", 0, 0);

	p->clients = clients;
	p->client_count = 2;
	p->limits[CRMG_LIMIT_PACKETS] = per_second(10, 20);
	p->aggregate.set = p->total.set = p->ban.set = true;
	p->aggregate.limits[CRMG_LIMIT_PACKETS] = per_second(100, 200);
	p->total.limits[CRMG_LIMIT_CONNECTIONS] = per_second(50, 60);
	p->total.limits[CRMG_LIMIT_BYTES] = per_second(1000000, 65536);
	p->ban.terms = (struct crmg_ban_terms){
		.within_ms = 10000, .for_s = 600, .max_s = 86400, .factor = 512, .after = 20,
	};
	policy.services[0].total.set = true;
	policy.services[0].total.limits[CRMG_LIMIT_PACKETS] = per_second(1000, 3000);
	return p;
}

static void test_wider_scopes(void **state)
{
	const struct crmg_binding *binding;
	const struct crmg_budget *budgets;
	const struct crmg_label *label;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	add_wide_policy();
	image = compiled(&policy, NULL, 1);
	binding = binding_of(&image, "192.0.2.1", &label);
	assert_int_equal(binding->flags, CRMG_BINDING_WIDER | CRMG_BINDING_BAN);
	assert_int_equal(binding->aggregate_limits, 1 << CRMG_LIMIT_PACKETS);
	assert_int_equal(binding->total_limits,
			 1 << CRMG_LIMIT_CONNECTIONS | 1 << CRMG_LIMIT_BYTES);
	/* 10 ms and 2 s, 20 ms and 1.2 s, 1 us and 65.5 ms in 1/256 ns */
	assert_int_equal(binding->aggregate[CRMG_LIMIT_PACKETS].cost, 10000000ULL << 8);
	assert_int_equal(binding->aggregate[CRMG_LIMIT_PACKETS].tolerance, 2000000000ULL << 8);
	assert_int_equal(binding->total[CRMG_LIMIT_CONNECTIONS].cost, 20000000ULL << 8);
	assert_int_equal(binding->total[CRMG_LIMIT_CONNECTIONS].tolerance, 1200000000ULL << 8);
	assert_int_equal(binding->total[CRMG_LIMIT_BYTES].cost, 1000ULL << 8 << 16);
	assert_int_equal(binding->total[CRMG_LIMIT_BYTES].tolerance, 65536000ULL << 8);
	assert_int_equal(label->aggregate[CRMG_LIMIT_PACKETS].burst, 200);
	assert_int_equal(label->total[CRMG_LIMIT_CONNECTIONS].count, 50);

	budgets = crmg_image_front(&image)->budgets;
	assert_int_equal(budgets[1].limits, 1 << CRMG_LIMIT_PACKETS);
	assert_int_equal(budgets[1].limit[CRMG_LIMIT_PACKETS].cost, 1000000ULL << 8);
	assert_int_equal(budgets[1].limit[CRMG_LIMIT_PACKETS].tolerance, 3000000000ULL << 8);
	assert_int_equal(crmg_image_service(&image, 1)->total[CRMG_LIMIT_PACKETS].burst, 3000);
	assert_int_equal(budgets[0].limits | budgets[2].limits, 0);
	crmg_image_free(&image);
}

/* The total of a service is for everybody but `allow`, and for whom it refuses anyhow. */
static void test_service_total_by_kind(void **state)
{
	const struct crmg_label *label;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	policy.services[0].total.set = true;
	policy.services[0].total.limits[CRMG_LIMIT_PACKETS] = per_second(1000, 3000);
	add_service(&policy, "other", CRMG_TRANSPORT_TCP, 80, 80);
	add_policy(&policy, "partners", 0, 0);
	add_policy(&policy, "blocked", 0, 1)->deny = true;
	add_policy(&policy, "elsewhere", 1, CRMG_CLIENT_ANY);
	add_allow(&policy, pfx("10.0.0.9"));
	image = compiled(&policy, NULL, 1);
	assert_int_equal(binding_of(&image, "10.0.0.1", &label)->flags, CRMG_BINDING_SERVICE);
	assert_int_equal(binding_of(&image, "192.0.2.1", &label)->flags, CRMG_BINDING_SERVICE);
	assert_int_equal(binding_of(&image, "11.0.0.1", &label)->flags, 0);
	assert_int_equal(binding_of(&image, "10.0.0.9", &label)->flags, 0);
	assert_int_equal(crmg_image_binding(&image, crmg_image_service(&image, 2)->none_binding)
			 ->flags, CRMG_BINDING_PLAIN);
	crmg_image_free(&image);
}

/* A deny policy that was built by hand with what it cannot have: nothing of it is written. */
static void test_deny_has_no_scopes(void **state)
{
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	add_wide_policy()->deny = true;
	image = compiled(&policy, NULL, 1);
	binding = binding_of(&image, "10.0.0.1", &label);
	assert_int_equal(binding->flags, 0);
	assert_int_equal(binding->aggregate_limits | binding->total_limits, 0);
	assert_int_equal(binding->ban.after, 0);
	assert_int_equal(label->total[CRMG_LIMIT_BYTES].count, 0);
	crmg_image_free(&image);
}

static void test_widths(void **state)
{
	static const struct {
		uint8_t v4_prefix, v6_prefix, v4, v6;	/* of a source; of the policy, 0: default */
		uint8_t v4_wide, v6_wide;
	} rows[] = {
		{ 32, 64, 0, 0, 96 + 24, 48 },
		{ 32, 64, 20, 40, 96 + 20, 40 },
		{ 24, 48, 0, 0, 96 + 24, 48 },
		{ 16, 32, 0, 0, 96 + 16, 32 },
		{ 8, 128, 7, 127, 96 + 7, 127 },
		{ 32, 128, 31, 1, 96 + 31, 1 },
	};
	const struct crmg_label *label;
	struct crmg_model_policy *p;
	struct crmg_image image;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		two_clients(&policy);
		policy.model.v4_prefix = rows[i].v4_prefix;
		policy.model.v6_prefix = rows[i].v6_prefix;
		p = add_policy(&policy, "public", 0, 0);
		p->v4_wide.bits = rows[i].v4;
		p->v6_wide.bits = rows[i].v6;
		image = compiled(&policy, NULL, 1);
		assert_int_equal(binding_of(&image, "10.0.0.1", &label)->v4_wide, rows[i].v4_wide);
		assert_int_equal(binding_of(&image, "10.0.0.1", &label)->v6_wide, rows[i].v6_wide);
		crmg_image_free(&image);
	}
}

/* Of a policy that has all limits; those by `connections` are no strikes. */
static void test_ban(void **state)
{
	static const uint32_t both = 1 << CRMG_LIMIT_PACKETS | 1 << CRMG_LIMIT_BYTES;
	static const struct {
		uint32_t on, strikes;
	} rows[] = {
		{ 0, both },
		{ both, both },
		{ 1 << CRMG_LIMIT_BYTES, 1 << CRMG_LIMIT_BYTES },
		{ both | 1 << CRMG_LIMIT_CONNECTIONS, both },
	};
	const struct crmg_label *label;
	struct crmg_model_policy *p;
	struct crmg_image image;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		const struct crmg_binding *binding;

		two_clients(&policy);
		p = add_wide_policy();
		p->limits[CRMG_LIMIT_BYTES] = per_second(1000000, 65536);
		p->limits[CRMG_LIMIT_CONNECTIONS] = per_second(10, 20);
		p->ban.strike_limits = rows[i].on;
		image = compiled(&policy, NULL, 1);
		binding = binding_of(&image, "192.0.2.1", &label);
		assert_memory_equal(&binding->ban, &p->ban.terms, sizeof(binding->ban));
		assert_int_equal(binding->strike_limits, rows[i].strikes);
		crmg_image_free(&image);
	}
}

/* Of a policy's clients only the balancer is never banned; its limits are as theirs. */
static void test_balancer(void **state)
{
	const struct crmg_client *clients;
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	policy.clients[0].balancer = true;
	add_wide_policy();
	image = compiled(&policy, NULL, 1);
	binding = binding_of(&image, "10.0.0.1", &label);
	assert_string_equal(label->client, "a");
	assert_int_equal(binding->flags, CRMG_BINDING_WIDER | CRMG_BINDING_BALANCER);
	assert_int_equal(binding->ban.after, 0);
	assert_int_equal(binding->limits, 1 << CRMG_LIMIT_PACKETS);
	binding = binding_of(&image, "192.0.2.1", &label);
	assert_int_equal(binding->flags, CRMG_BINDING_WIDER | CRMG_BINDING_BAN);
	clients = crmg_image_section(&image, CRMG_SECTION_CLIENTS, NULL);
	assert_int_equal(clients[0].balancer, 0);
	assert_int_equal(clients[1].balancer, 1);
	assert_int_equal(clients[2].balancer, 0);
	crmg_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_wider_scopes),
		cmocka_unit_test(test_service_total_by_kind),
		cmocka_unit_test(test_deny_has_no_scopes),
		cmocka_unit_test(test_widths),
		cmocka_unit_test(test_ban),
		cmocka_unit_test(test_balancer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
