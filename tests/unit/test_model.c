/* SPDX-License-Identifier: GPL-2.0 */
/* test_model.c - whole-policy checks: numbers of things (A10), contradictions. */
#include "fixture.h"

static void test_defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(f->model->capacity, 262144);
	assert_int_equal(f->model->v4_prefix, 32);
	assert_int_equal(f->model->v6_prefix, 64);
	assert_int_equal(f->model->mode, CRMG_MODE_ENFORCE);
	assert_check(f, 0, "");
}

static void test_a10_services(void **state)
{
	add_many(*state, CRMG_SERVICES_MAX + 1, 0, 0);
	assert_check(*state, -EINVAL,
		     "p.yaml: the policy needs 65 services, there are at most 64\n");
}

static void test_a10_services_all(void **state)
{
	add_many(*state, CRMG_SERVICES_MAX, 0, 0);
	assert_check(*state, 0, "");
}

static void test_a10_clients_policies(void **state)
{
	add_many(*state, 1, CRMG_CLIENTS_MAX + 1, CRMG_POLICIES_MAX + 1);
	assert_check(*state, -EINVAL,
		     "p.yaml: the policy needs 4097 clients, there are at most 4096\n"
		     "p.yaml: the policy needs 4097 policies, there are at most 4096\n");
}

static void test_a10_clients_policies_all(void **state)
{
	add_many(*state, 1, CRMG_CLIENTS_MAX, CRMG_POLICIES_MAX);
	assert_check(*state, 0, "");
}

/* 8191 bindings: two of each service, and services x clients of a policy. */
static void test_a10_bindings(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_policy *policy;

	add_many(f, 2, 4093, 1);
	policy = &f->model->policies[0];
	*(size_t *)crmg_grow(&policy->services, &policy->service_count, sizeof(size_t)) = 1;
	for (size_t i = 1; i < 4093; i++)
		*(size_t *)crmg_grow(&policy->clients, &policy->client_count, sizeof(size_t)) = i;
	assert_int_equal(crmg_model_check(f->model, &f->err), 0);	/* 2 * 4093 + 4 = 8190 */
	add_policy(f, "last", 0, CRMG_CLIENT_ANY);
	assert_int_equal(crmg_model_check(f->model, &f->err), 0);
	add_policy(f, "more", 1, CRMG_CLIENT_ANY);
	crmg_err_clear(&f->err);
	assert_check(f, -EINVAL,
		     "p.yaml: the policy needs 8192 bindings (services x clients of each policy, "
		     "and two a service), there are at most 8191\n");
}

static void test_a10_prefixes(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_client *client;

	add_many(f, 1, 1, 1);
	client = &f->model->clients[0];
	client->prefix_count = CRMG_PREFIXES_MAX;
	client->prefixes = calloc(client->prefix_count, sizeof(*client->prefixes));
	for (uint32_t i = 0; i < CRMG_PREFIXES_MAX; i++)
		client->prefixes[i].pfx = (struct crmg_pfx){ { 0, CRMG_V4_MAPPED_LO | i }, 128 };
	assert_check(f, 0, "");
	add_allow(f, "10.0.0.0/8");
	assert_check(f, -EINVAL,
		     "p.yaml: the policy needs 1048577 prefixes, there are at most 1048576\n");
}

static void test_services_overlap(void **state)
{
	struct fixture *f = *state;

	add_address(add_service(f, "a", 400, 500), "10.1.0.0/16");
	add_address(add_service(f, "b", 443, 443), "10.2.0.0/16");
	add_service(f, "c", 443, 443)->transport = CRMG_TRANSPORT_UDP;
	assert_check(f, 0, "");
	add_address(add_service(f, "d", 500, 600), "10.1.2.0/24");
	add_service(f, "e", 443, 443);
	assert_check(f, -EINVAL,
		     "p.yaml:4:1: service 'd' overlaps service 'a' (line 1): both have tcp port "
		     "500; give them different ports, or addresses that do not overlap\n"
		     "p.yaml:5:1: service 'e' overlaps service 'a' (line 1): both have tcp port "
		     "443; give them different ports, or addresses that do not overlap\n"
		     "p.yaml:5:1: service 'e' overlaps service 'b' (line 2): both have tcp port "
		     "443; give them different ports, or addresses that do not overlap\n");
}

static void test_binding_twice(void **state)
{
	struct fixture *f = *state;

	add_many(f, 2, 0, 0);
	add_policy(f, "one", 0, CRMG_CLIENT_ANY);
	add_policy(f, "two", 1, CRMG_CLIENT_ANY);
	add_policy(f, "three", 0, CRMG_CLIENT_ANY);
	assert_check(f, -EINVAL,
		     "p.yaml:5:1: policy 'three' and policy 'one' (line 3) are both for service "
		     "'s0' and client 'any'; one policy each\n");
}

static void test_tcp_only(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_policy *policy;

	add_many(f, 1, 0, 0);
	policy = add_policy(f, "p", 0, CRMG_CLIENT_ANY);
	policy->limits[CRMG_LIMIT_CONNECTIONS] = (struct crmg_model_limit){
		.set = true, .terms = { 20, 1000000000, 20 }, .place = { 7, 8 },
	};
	policy->on_exceed = CRMG_ACTION_RESET;
	assert_check(f, 0, "");
	f->model->services[0].transport = CRMG_TRANSPORT_UDP;
	assert_check(f, -EINVAL,
		     "p.yaml:7:8: limit 'connections' needs transport tcp; service 's0' of policy "
		     "'p' is udp\n"
		     "p.yaml:2:1: 'on_exceed: reset' needs transport tcp; service 's0' of policy "
		     "'p' is udp\n");
}

static void test_deny_excludes_limits(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_policy *policy;

	add_many(f, 1, 0, 0);
	policy = add_policy(f, "p", 0, CRMG_CLIENT_ANY);
	policy->deny = true;
	assert_check(f, 0, "");
	policy->limits[CRMG_LIMIT_PACKETS] = (struct crmg_model_limit){
		.set = true, .terms = { 20, 1000000000, 20 }, .place = { 7, 8 },
	};
	assert_check(f, -EINVAL, "p.yaml:7:8: policy 'p' has 'deny: true' and limit 'packets'; one "
		     "excludes the other\n");
}

static void test_sort_prefixes(void **state)
{
	struct fixture *f = *state;
	struct crmg_model_client *client;

	add_client(f, "c");
	add_prefix(f, 0, "192.0.2.1", true);
	add_prefix(f, 0, "2001:db8::/32", false);
	add_prefix(f, 0, "192.0.2.0/24", false);
	add_prefix(f, 0, "192.0.2.1", false);
	add_prefix(f, 0, "192.0.0.0/16", false);
	add_prefix(f, 0, "192.0.2.0/25", false);
	client = &f->model->clients[0];
	crmg_model_sort_prefixes(client->prefixes, &client->prefix_count);
	assert_int_equal(client->prefix_count, 5);
	assert_int_equal(client->prefixes[0].pfx.len, 96 + 16);
	assert_int_equal(client->prefixes[1].pfx.len, 96 + 24);
	assert_int_equal(client->prefixes[2].pfx.len, 96 + 25);
	assert_int_equal(client->prefixes[3].pfx.len, 128);
	assert_false(client->prefixes[3].from_file);	/* of two equal ones the operator's own */
	assert_int_equal(client->prefixes[4].pfx.len, 32);
	/* Twice by the operator is told, once more by a list is not. */
	assert_int_equal(client->prefixes[3].again.line, 0);
	add_prefix(f, 0, "192.0.2.1", false);
	client = &f->model->clients[0];
	crmg_model_sort_prefixes(client->prefixes, &client->prefix_count);
	assert_int_equal(client->prefix_count, 5);
	assert_int_equal(client->prefixes[3].place.line, 5);
	assert_int_equal(client->prefixes[3].again.line, 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		FIXTURE_TEST(defaults),
		FIXTURE_TEST(a10_services),
		FIXTURE_TEST(a10_services_all),
		FIXTURE_TEST(a10_clients_policies),
		FIXTURE_TEST(a10_clients_policies_all),
		FIXTURE_TEST(a10_bindings),
		FIXTURE_TEST(a10_prefixes),
		FIXTURE_TEST(services_overlap),
		FIXTURE_TEST(binding_twice),
		FIXTURE_TEST(tcp_only),
		FIXTURE_TEST(deny_excludes_limits),
		FIXTURE_TEST(sort_prefixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
