// SPDX-License-Identifier: GPL-2.0
/* test_diff.c - what differs between two policies, and that moving is no difference. */
#include "snapshot.h"
#include "../../user/report/diff.h"

#define CPUS 2

static struct crmg_changes diff_of(const struct crmg_image *before, const struct crmg_image *after)
{
	struct crmg_changes changes;

	assert_int_equal(crmg_diff(before, after, CPUS, &changes), 0);
	return changes;
}

/* The text without its line about memory, at most 4 KiB. */
static const char *text_of(struct crmg_changes *changes)
{
	static char text[4096];
	char *all;

	changes->before = changes->after;
	all = TEXT_OF(crmg_changes_text, changes, SIZE_MAX);
	crmg_copy(text, sizeof(text), all);
	free(all);
	return text;
}

/* The difference of the fixture's image and the policy as it is now, compiled after it. */
static const char *changes(void)
{
	struct crmg_image image = compiled(&fx.policy, &fx.image, GENERATION + 1);
	struct crmg_changes list = diff_of(&fx.image, &image);
	const char *text = text_of(&list);

	crmg_changes_free(&list);
	crmg_image_free(&image);
	return text;
}

/* Expects a difference, and makes the fixture what it was. */
static void assert_changes(const char *expected)
{
	assert_string_equal(changes(), expected);
	fixture_init();
}

static void test_same(void **state)
{
	(void)state;
	fixture_init();
	assert_changes("");
}

static void test_limits(void **state)
{
	struct crmg_model_limit *limits = fx.policy.policies[0].limits;

	(void)state;
	fixture_init();
	limits[CRMG_LIMIT_PACKETS].terms.burst = 500;
	assert_changes("~ policy partners of web: packets raised 200/s burst 400 -> 200/s burst 500\n");
	limit(&fx.policy.policies[0], CRMG_LIMIT_PACKETS, 100, 400);
	assert_changes("~ policy partners of web: packets lowered 200/s burst 400 -> 100/s burst 400\n");
	limit(&fx.policy.policies[0], CRMG_LIMIT_PACKETS, 100, 500);
	assert_changes("~ policy partners of web: packets 200/s burst 400 -> 100/s burst 500\n");
	/* The same rate, written otherwise, is no lower one. */
	limits[CRMG_LIMIT_PACKETS].terms = (struct crmg_terms){ 12000, 60 * CRMG_NS_PER_SEC, 400 };
	assert_changes("~ policy partners of web: packets 200/s burst 400 -> 12k/m burst 400\n");
	limits[CRMG_LIMIT_BYTES].terms.count *= 2;
	assert_changes("~ policy partners of web: bytes raised 10MB/s burst 10MB -> 20MB/s burst 10MB\n");
	limits[CRMG_LIMIT_BYTES].set = false;
	limit(&fx.policy.policies[0], CRMG_LIMIT_CONNECTIONS, 20, 20);
	assert_changes("+ policy partners of web: connections 20/s burst 20\n"
		       "- policy partners of web: bytes 10MB/s burst 10MB\n");
}

static void test_wider_scopes(void **state)
{
	struct crmg_model_policy *p = &fx.policy.policies[0];

	(void)state;
	fixture_init();
	budget(&p->aggregate, 2000);
	assert_changes("+ policy partners of web: aggregate width /24 /48\n"
		       "+ policy partners of web: aggregate packets 2k/s burst 2k\n");
	budget(&p->total, 5000);
	assert_changes("+ policy partners of web: total packets 5k/s burst 5k\n");
	p->v4_wide.bits = 20;	/* no aggregate, no difference */
	assert_changes("");
	budget(&fx.policy.services[0].total, 8000);
	assert_changes("+ service web: total packets 8k/s burst 8k\n");
}

/* What changes inside a scope or a ban that was there. */
static void test_inside_scopes(void **state)
{
	struct crmg_model_policy *p = &fx.policy.policies[0];

	(void)state;
	fixture_init();
	widen();
	p->v4_wide.bits = 20;
	p->v6_wide.bits = 40;
	assert_changes("~ policy partners of web: aggregate width /24 /48 -> /20 /40\n");
	widen();
	budget(&p->aggregate, 1000);
	budget(&p->total, 6000);
	budget(&fx.policy.services[0].total, 7000);
	assert_changes("~ service web: total packets lowered 8k/s burst 8k -> 7k/s burst 7k\n"
		       "~ policy partners of web: aggregate packets lowered 2k/s burst 2k -> "
		       "1k/s burst 1k\n"
		       "~ policy partners of web: total packets raised 5k/s burst 5k -> 6k/s burst 6k\n");
	widen();
	p->ban.terms.factor = 3 << (CRMG_BAN_FACTOR_SHIFT - 1);
	p->ban.strike_limits = 1 << CRMG_LIMIT_PACKETS;
	assert_changes("~ policy partners of web: ban after 100 within 6s for 10m factor 2 max 1d on "
		       "packets on bytes -> after 100 within 6s for 10m factor 1.5 max 1d on packets\n");
	widen();
	p->ban.set = false;
	assert_changes("- policy partners of web: ban after 100 within 6s for 10m factor 2 max 1d on "
		       "packets on bytes\n");
}

static void test_words(void **state)
{
	(void)state;
	fixture_init();
	fx.policy.policies[1].mode = CRMG_MODE_ENFORCE;
	assert_changes("~ policy public of web: mode shadow -> enforce\n");
	fx.policy.policies[1].on_exceed = CRMG_ACTION_RESET;
	assert_changes("~ policy public of web: on_exceed drop -> reset\n");
	fx.policy.policies[2].deny = false;
	assert_changes("~ policy bad of web: deny true -> false\n");
	fx.policy.clients[0].balancer = true;
	assert_changes("~ client partners: balancer false -> true\n");
}

static void test_bytes_out(void **state)
{
	struct crmg_model_bytes_out *out = &fx.policy.policies[0].bytes_out;
	const struct crmg_model_bytes_out budgets = {
		.count = 2, .quota = { { .bytes = 5000000, .per_s = 60 },
				       { .bytes = 50000000, .per_s = 3600 } },
	};

	(void)state;
	fixture_init();
	*out = budgets;
	assert_changes("+ policy partners of web: bytes_out 5MB per 1m, 50MB per 1h, notify at 80%, "
		       "on budget alert\n");
	*out = budgets;
	crmg_image_free(&fx.image);
	compile_fixture();
	out->notify_at = 50;
	out->on_budget = CRMG_ON_BUDGET_CUT;
	out->count = 1;
	assert_changes("~ policy partners of web: bytes_out 5MB per 1m, 50MB per 1h, notify at 80%, "
		       "on budget alert -> 5MB per 1m, notify at 50%, on budget cut\n");
}

static void test_services(void **state)
{
	(void)state;
	fixture_init();
	fx.policy.services[0].ports[0].last++;
	assert_changes("~ service web: ports 443 -> 443-444\n");
	fx.policy.addresses[0] = pfx("10.8.0.0/16");
	assert_changes("+ service dns: addresses 10.8.0.0/16\n"
		       "- service dns: addresses 10.9.0.0/16\n");
	fx.policy.services[1].address_count = 0;
	assert_changes("~ service dns: addresses 10.9.0.0/16 -> any\n");
	add_service(&fx.policy, "admin", CRMG_TRANSPORT_TCP, 8443, 8443);
	assert_changes("+ service admin\n");
	fx.policy.services[0].protocol = CRMG_PROTOCOL_RAW;
	assert_changes("~ service web: protocol tls -> raw\n");
	fx.policy.services[0].sanity = CRMG_SANITY_REFUSE;
	assert_changes("~ service web: sanity observe -> refuse\n");
}

/* A policy of another name is another one, and its addresses move to it. */
static void test_come_and_go(void **state)
{
	(void)state;
	fixture_init();
	crmg_copy(fx.policy.policies[1].name, CRMG_NAME_LEN, "world");
	assert_changes("- policy public of web\n"
		       "+ policy world of web\n"
		       "+ policy world of web: mode shadow\n"
		       "+ policy world of web: connections 20/s burst 40\n"
		       "> client any at web: policy public -> world\n");
	fx.policy.model.policy_count--;
	assert_changes("- policy public of dns\n"
		       "> client any at dns: policy public -> none\n");
	crmg_copy(fx.policy.services[1].name, CRMG_NAME_LEN, "names");
	assert_changes("- service dns\n"
		       "+ service names\n"
		       "- policy public of dns\n"
		       "+ policy public of names\n"
		       "+ policy public of names: mode enforce\n"
		       "+ policy public of names: packets 1k/s burst 1k\n");
}

static void test_prefixes(void **state)
{
	(void)state;
	fixture_init();
	add_allow(&fx.policy, pfx("192.0.2.11"));
	assert_changes("+ client allow: prefixes 192.0.2.11\n"
		       "> 192.0.2.11 at web: policy public for any -> allow\n"
		       "> 192.0.2.11 at dns: policy public for any -> allow\n");
	/* The last client added is `bad`: what it gains others lose. */
	add_prefix(&fx.policy, pfx("10.1.7.0/24"));
	add_prefix(&fx.policy, pfx("10.1.8.0/24"));
	assert_changes("+ client bad: prefixes 10.1.7.0/24, 10.1.8.0/24\n"
		       "> 10.1.7.0-10.1.8.255 at web: policy partners -> bad\n");
	fx.policy.clients[0].prefix_count = 1;
	fx.policy.prefixes[2].pfx = pfx("10.66.0.0/17");
	assert_changes("+ client bad: prefixes 10.66.0.0/17\n"
		       "- client bad: prefixes 10.66.0.0/16\n"
		       "- client partners: prefixes 2001:db8:7::/48\n"
		       "> 10.66.128.0/17 at web: policy bad -> public for any\n"
		       "> 2001:db8:7::/48 at web: policy partners -> public for any\n");
}

/* Many names are counted; a longer prefix of another client does not move with a wider one. */
static void test_many_prefixes(void **state)
{
	struct crmg_changes list;
	static struct policy before, after;
	struct crmg_image old, now;

	(void)state;
	two_clients(&before);
	add_policy(&before, "first", 0, 0);
	add_policy(&before, "rest", 0, CRMG_CLIENT_ANY);
	two_clients(&after);
	for (unsigned int i = 0; i < 8; i += 2)
		add_prefix(&after, (struct crmg_pfx){
			{ 0, CRMG_V4_MAPPED_LO | 10u << 24 | i << 16 }, 96 + 16 });
	add_policy(&after, "first", 0, 0);
	add_policy(&after, "rest", 0, CRMG_CLIENT_ANY);
	add_policy(&after, "second", 0, 1);
	old = compiled(&before, NULL, 1);
	now = compiled(&after, &old, 2);
	list = diff_of(&old, &now);
	assert_string_equal(text_of(&list),
		"+ client b: prefixes 10.0.0.0/16, 10.2.0.0/16, 10.4.0.0/16 and 1 more\n"
		"+ policy second of api\n"
		"+ policy second of api: mode enforce\n"
		"> 10.0.0.0/16, 10.2.0.0/16, 10.4.0.0/16 and 1 more at api: "
		"policy first for a -> second for b\n"
		"> 11.0.0.0/8 at api: policy rest for any -> second for b\n");
	crmg_changes_free(&list);
	crmg_image_free(&old);
	crmg_image_free(&now);
}

/*
 * Whatever prefixes there are: that addresses move is told exactly if there is one that
 * meets another policy.
 */
static void test_moves_are_exact(void **state)
{
	static struct policy policy[2];
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		struct crmg_image image[2];
		struct crmg_changes list;
		bool moved = false, told = false;

		for (int i = 0; i < 2; i++) {
			policy_init(&policy[i]);
			add_service(&policy[i], "api", CRMG_TRANSPORT_TCP, 443, 443);
			add_client(&policy[i], "a");
			add_prefix(&policy[i], draw_prefix(&seed));
			add_policy(&policy[i], "a", 0, 0);
			image[i] = compiled(&policy[i], i ? &image[0] : NULL, i + 1);
		}
		for (int i = 0; i < 2; i++) {
			struct crmg_addr probe[PROBES];

			probes_of(&policy[i].prefixes[0].pfx, &seed, probe);
			for (int k = 0; k < PROBES; k++)
				moved |= holds(&policy[0].prefixes[0].pfx, &probe[k]) !=
					 holds(&policy[1].prefixes[0].pfx, &probe[k]);
		}
		list = diff_of(&image[0], &image[1]);
		for (size_t i = 0; i < list.count; i++)
			told |= list.items[i].kind == CRMG_CHANGE_MOVED;
		assert_int_equal(told, moved);
		crmg_changes_free(&list);
		crmg_image_free(&image[0]);
		crmg_image_free(&image[1]);
	}
}

/* More than is shown is counted; memory is told only if it is another. */
static void test_text_and_json(void **state)
{
	struct crmg_changes list;
	struct crmg_image image;
	json_t *json, *memory;
	char *text;

	(void)state;
	fixture_init();
	limit(&fx.policy.policies[0], CRMG_LIMIT_PACKETS, 100, 400);
	add_service(&fx.policy, "admin", CRMG_TRANSPORT_TCP, 8443, 8443);
	image = compiled(&fx.policy, &fx.image, GENERATION + 1);
	list = diff_of(&fx.image, &image);
	text = TEXT_OF(crmg_changes_text, &list, 1);
	assert_string_equal(text, "+ service admin\n... and 1 more changes; -j lists all\n");
	free(text);
	list.after.total += 1 << 20;
	list.after.policy += 3 << 19;
	list.before.counters = list.after.counters + (1 << 19);
	text = TEXT_OF(crmg_changes_text, &list, 0);
	assert_non_null(strstr(text, " MiB (policy +1.50, counters -0.50)\n"));
	free(text);
	memory = crmg_changes_memory_json(&list);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(memory, "to"), "total")),
			 list.after.total);
	json_decref(memory);

	json = crmg_changes_json(&list);
	text = json_dumps(json, JSON_COMPACT);
	assert_string_equal(text,
		"[{\"change\":\"added\",\"what\":\"service admin\",\"field\":null,\"from\":null,"
		"\"to\":null},{\"change\":\"lowered\",\"what\":\"policy partners of web\","
		"\"field\":\"packets\",\"from\":\"200/s burst 400\",\"to\":\"100/s burst 400\"}]");
	free(text);
	json_decref(json);
	crmg_changes_free(&list);
	crmg_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_wider_scopes),
		cmocka_unit_test(test_inside_scopes),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_bytes_out),
		cmocka_unit_test(test_services),
		cmocka_unit_test(test_come_and_go),
		cmocka_unit_test(test_prefixes),
		cmocka_unit_test(test_many_prefixes),
		cmocka_unit_test(test_moves_are_exact),
		cmocka_unit_test(test_text_and_json),
	};
	int failed = cmocka_run_group_tests_name("diff", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
