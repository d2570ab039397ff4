// SPDX-License-Identifier: GPL-2.0
/* test_why.c - which policy holds, and what is left of a limit at any level. */
#include "snapshot.h"

#include <crmgate/window.h>

#include "../../user/report/why.h"

static struct crmg_why why;

static const struct crmg_why_service *at_web(const char *address)
{
	struct crmg_addr a = addr(address);

	crmg_why_find(&fx.snap, &a, crmg_image_service_find(&fx.image, "web"), &why);
	assert_int_equal(why.count, 1);
	return &why.services[0];
}

/* What is left of a limit of a scope; -1: not known, -2: there is no such limit. */
static int64_t available_of(const struct crmg_why_service *web, enum crmg_scope scope,
			    unsigned int limit_id)
{
	struct crmg_why_limit limits[CRMG_WHY_LIMITS_MAX];
	size_t count = crmg_why_limits(&fx.snap, &why.address, web, limits);

	for (size_t i = 0; i < count; i++)
		if (limits[i].limit == limit_id && limits[i].scope == scope)
			return limits[i].known ? (int64_t)limits[i].available : -1;
	return -2;
}

static int64_t available(const struct crmg_why_service *web, unsigned int limit_id)
{
	return available_of(web, CRMG_SCOPE_SOURCE, limit_id);
}

static void test_never_seen(void **state)
{
	const struct crmg_why_service *web;

	(void)state;
	fixture_init();
	web = at_web("10.1.2.3");
	assert_string_equal(web->label->policy, "partners");
	assert_false(web->seen);
	assert_int_equal(available(web, CRMG_LIMIT_PACKETS), 400);
	assert_int_equal(available(web, CRMG_LIMIT_BYTES), 10000000);
	assert_string_equal(at_web("10.66.0.1")->label->policy, "bad");
	assert_string_equal(at_web("192.0.2.10")->label->policy, "allow");
	assert_string_equal(at_web("2001:db8:8::1")->label->policy, "public");
}

static void test_all_services(void **state)
{
	struct crmg_addr a;

	(void)state;
	fixture_init();
	a = addr("10.1.2.3");
	crmg_why_find(&fx.snap, &a, 0, &why);
	assert_int_equal(why.count, 2);
	assert_string_equal(why.services[1].service->name, "dns");
	assert_string_equal(why.services[1].label->policy, "public");
}

/* Source 77, of partners, that has used so many units of a limit. */
static void used(unsigned int limit_id, uint64_t units, unsigned int shift)
{
	struct crmg_detail *detail = add_source(77, "10.1.2.3");
	struct crmg_addr a = addr("10.1.2.3");
	const struct crmg_binding *binding = crmg_image_binding(&fx.image,
		crmg_image_resolve(&fx.image, detail->service, &a));

	detail->cost[limit_id] = binding->limit[limit_id].cost;
	fx.slots[77].tat[limit_id] = (MONO_NS << CRMG_UNITS_PER_NS_SHIFT) +
				     (units * detail->cost[limit_id] >> shift);
}

static void test_levels(void **state)
{
	static const struct {
		uint64_t used, left;
	} rows[] = { { 0, 400 }, { 1, 399 }, { 399, 1 }, { 400, 0 }, { 401, 0 }, { 100000, 0 } };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		fixture_init();
		used(CRMG_LIMIT_PACKETS, rows[i].used, 0);
		assert_true(at_web("10.1.2.3")->seen);
		assert_int_equal(available(at_web("10.1.2.3"), CRMG_LIMIT_PACKETS), rows[i].left);
	}
	fixture_init();
	used(CRMG_LIMIT_BYTES, 4000000, 16);
	assert_in_range(available(at_web("10.1.2.3"), CRMG_LIMIT_BYTES),
			5999999, 6000000);
}

/* A time long past is no credit beyond the burst. */
static void test_idle(void **state)
{
	(void)state;
	fixture_init();
	used(CRMG_LIMIT_PACKETS, 0, 0);
	fx.slots[77].tat[CRMG_LIMIT_PACKETS] = 1;
	assert_int_equal(available(at_web("10.1.2.3"), CRMG_LIMIT_PACKETS),
			 400);
}

/* Charged under a rate half as high: the same units are used. */
static void test_after_apply(void **state)
{
	__u64 *cost = &fx.details[77].cost[CRMG_LIMIT_PACKETS];

	(void)state;
	fixture_init();
	used(CRMG_LIMIT_PACKETS, 100, 0);
	fx.slots[77].tat[CRMG_LIMIT_PACKETS] += 100 * *cost;
	*cost *= 2;
	assert_int_equal(available(at_web("10.1.2.3"), CRMG_LIMIT_PACKETS),
			 300);
	/* It had no such limit. */
	*cost = 0;
	assert_int_equal(available(at_web("10.1.2.3"), CRMG_LIMIT_PACKETS),
			 400);
}

/* IPv6: the source is the /64, the client is found by the whole address, and so is a ban. */
static void test_wide_source(void **state)
{
	(void)state;
	fixture_init();
	add_source(9, "2001:db8:7::")->carried_packets = 5;
	add_ban("2001:db8:7::1", 0, 60);
	assert_int_equal(at_web("2001:db8:7::1")->source.detail.carried_packets, 5);
	assert_non_null(at_web("2001:db8:7::1")->ban);
	assert_int_equal(at_web("2001:db8:7::2")->source.detail.carried_packets, 5);
	assert_null(at_web("2001:db8:7::2")->ban);
	assert_false(at_web("2001:db8:7:1::1")->seen);
}

static void test_json(void **state)
{
	json_t *document, *service, *first;
	struct crmg_addr a;

	(void)state;
	fixture_init();
	used(CRMG_LIMIT_PACKETS, 400, 0);
	fx.details[77].last_reason = CRMG_REASON_PACKETS;
	fx.details[77].last_refused = MONO_NS >> CRMG_SLOT_TICK_SHIFT;
	a = addr("10.1.2.3");
	crmg_why_find(&fx.snap, &a, 0, &why);
	document = crmg_why_json(&fx.snap, &why);
	assert_string_equal(json_string_value(json_object_get(document, "source")), "10.1.2.3");
	service = json_array_get(json_object_get(document, "services"), 0);
	assert_string_equal(json_string_value(json_object_get(service, "client")), "partners");
	assert_string_equal(json_string_value(json_object_get(service, "last_reason")),
			    "packets");
	assert_string_equal(json_string_value(json_object_get(service, "last_refused")),
			    "2027-01-15T08:00:00Z");
	assert_true(json_is_null(json_object_get(service, "banned_until")));
	assert_true(json_is_null(json_object_get(service, "requests_estimated")));
	assert_null(json_object_get(service, "requests"));
	assert_true(json_is_false(json_object_get(service, "proven")));
	assert_int_equal(json_integer_value(json_object_get(service, "strikes")), 0);
	assert_true(json_is_null(json_object_get(json_array_get(json_object_get(document,
						 "services"), 1), "requests")));
	first = json_array_get(json_object_get(service, "limits"), 0);
	assert_string_equal(json_string_value(json_object_get(first, "name")), "packets");
	assert_string_equal(json_string_value(json_object_get(first, "rate")), "200/s");
	assert_int_equal(json_integer_value(json_object_get(first, "burst")), 400);
	assert_int_equal(json_integer_value(json_object_get(first, "available")), 0);
	json_decref(document);
}

/* Each scope has a bucket of its own; whose an aggregate is, only the kernel can tell. */
static void test_scopes(void **state)
{
	const struct crmg_why_service *web;
	struct crmg_binding *binding;
	struct crmg_bucket *policy, *service;

	(void)state;
	fixture_init();
	binding = widen();
	used(CRMG_LIMIT_PACKETS, 100, 0);
	web = at_web("10.1.2.3");
	policy = &fx.totals[binding->row];
	service = &fx.totals[CRMG_TOTAL_SERVICES + web->index];
	assert_int_equal(available_of(web, CRMG_SCOPE_AGGREGATE, CRMG_LIMIT_PACKETS), -1);
	assert_int_equal(available_of(web, CRMG_SCOPE_AGGREGATE, CRMG_LIMIT_BYTES), -2);
	/* Nothing was charged yet. */
	assert_int_equal(available_of(web, CRMG_SCOPE_POLICY, CRMG_LIMIT_PACKETS), 5000);
	policy->cost[CRMG_LIMIT_PACKETS] = binding->total[CRMG_LIMIT_PACKETS].cost;
	policy->tat[CRMG_LIMIT_PACKETS] = (MONO_NS << CRMG_UNITS_PER_NS_SHIFT) +
					  1000 * policy->cost[CRMG_LIMIT_PACKETS];
	service->cost[CRMG_LIMIT_PACKETS] = 1;
	service->tat[CRMG_LIMIT_PACKETS] = (MONO_NS << CRMG_UNITS_PER_NS_SHIFT) + 8000;
	assert_int_equal(available_of(web, CRMG_SCOPE_SOURCE, CRMG_LIMIT_PACKETS), 300);
	assert_int_equal(available_of(web, CRMG_SCOPE_POLICY, CRMG_LIMIT_PACKETS), 4000);
	assert_int_equal(available_of(web, CRMG_SCOPE_SERVICE, CRMG_LIMIT_PACKETS), 0);
	/* Whom the service's total leaves out, as it does `allow`. */
	binding->flags &= ~CRMG_BINDING_SERVICE;
	assert_int_equal(available_of(web, CRMG_SCOPE_SERVICE, CRMG_LIMIT_PACKETS), -2);
	fx.snap.totals = NULL;
	assert_int_equal(available_of(web, CRMG_SCOPE_POLICY, CRMG_LIMIT_PACKETS), -1);
}

/* A source that was banned automatically, in full. */
static void fill_banned(void)
{
	struct crmg_detail *detail;
	struct crmg_addr a;

	fixture_init();
	widen();
	detail = add_auto_ban(77, "10.1.2.3", 600);
	detail->auto_bans = 3;
	fx.slots[77].traffic = 41ULL << CRMG_TRAFFIC_SHIFT | 4100;
	fx.slots[77].refusals = CRMG_REASON_AGGREGATE << CRMG_REFUSALS_SHIFT | 7;
	detail->strike_part = (uint16_t)(MONO_NS / CRMG_NS_PER_SEC);
	detail->strikes = 5;
	detail->last_reason = CRMG_REASON_AGGREGATE;
	detail->last_refused = MONO_NS >> CRMG_SLOT_TICK_SHIFT;
	add_ban("10.1.0.0/16", 0, 60);
	a = addr("10.1.2.3");
	crmg_why_find(&fx.snap, &a, crmg_image_service_find(&fx.image, "web"), &why);
}

static void test_text(void **state)
{
	char *text;

	(void)state;
	fill_banned();
	text = TEXT_OF(crmg_why_text, &fx.snap, &why, false);
	assert_string_equal(text,
		"10.1.2.3\n\n"
		"web: policy partners (client partners), mode enforce\n"
		"  banned:  10.1.0.0/16 until 2027-01-15T08:01:00Z by manual\n"
		"  banned:  10.1.2.3 until 2027-01-15T08:10:00Z by auto: 3rd ban\n"
		"  limit:   packets 200/s, burst 400, available 400\n"
		"  limit:   packets 2k/s, burst 2000, shared by 10.1.2.0/24\n"
		"  limit:   packets 5k/s, burst 5000, available 5000, shared by the policy\n"
		"  limit:   packets 8k/s, burst 8000, available 8000, shared by the service\n"
		"  limit:   bytes 10MB/s, burst 10000000, available 10000000\n"
		"  seen:    41 packets, 7 refused, proven\n"
		"  refused: last at 2027-01-15T08:00:00Z: aggregate\n"
		"  strikes: 5 of 100, 3 automatic bans so far\n");
	free(text);
}

static void test_banned_json(void **state)
{
	static const char *const scopes[] = {
		"source", "aggregate", "policy", "service", "source",
	};
	json_t *document, *service, *limits, *shared;

	(void)state;
	fill_banned();
	document = crmg_why_json(&fx.snap, &why);
	service = json_array_get(json_object_get(document, "services"), 0);
	assert_true(json_is_true(json_object_get(service, "proven")));
	assert_int_equal(json_integer_value(json_object_get(service, "strikes")), 5);
	assert_int_equal(json_integer_value(json_object_get(service, "automatic_bans")), 3);
	assert_int_equal(json_integer_value(json_object_get(service, "packets")), 41);
	assert_string_equal(json_string_value(json_object_get(service, "banned_until")),
			    "2027-01-15T08:10:00Z");
	limits = json_object_get(service, "limits");
	assert_int_equal(json_array_size(limits), CRMG_ARRAY_SIZE(scopes));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(scopes); i++)
		assert_string_equal(json_string_value(json_object_get(json_array_get(limits, i),
								      "scope")), scopes[i]);
	shared = json_array_get(limits, 1);
	assert_string_equal(json_string_value(json_object_get(shared, "prefix")), "10.1.2.0/24");
	assert_true(json_is_null(json_object_get(shared, "available")));
	assert_true(json_is_null(json_object_get(json_array_get(limits, 2), "prefix")));
	json_decref(document);
}

/* web/partners may be sent 8 MB a minute and 80 MB an hour; to source 77 some was. */
static void with_quotas(uint64_t sent)
{
	struct crmg_model_policy *partners = &fx.policy.policies[0];

	partners->bytes_out = (struct crmg_model_bytes_out){
		.count = 2, .quota = { { 8000000, 60 }, { 80000000, 3600 } },
		.on_budget = CRMG_ON_BUDGET_CUT,
	};
	crmg_image_free(&fx.image);
	compile_fixture();
	add_source(77, "10.1.2.3");
	for (int i = 0; i < 2; i++) {
		struct crmg_window *w = &fx.windows[77].window[i];

		crmg_window_clear(w, crmg_terms_of(partners->bytes_out.quota[i].bytes,
						   partners->bytes_out.quota[i].per_s), MONO_NS);
		crmg_window_charge(w, sent, CRMG_WINDOW_FULL, MONO_NS);
	}
}

static json_t *limits_of_web(json_t **ret_document)
{
	at_web("10.1.2.3");
	*ret_document = crmg_why_json(&fx.snap, &why);
	assert_non_null(*ret_document);
	return json_array_get(json_object_get(*ret_document, "services"), 0);
}

/* The same flag means another thing where a budget throttles. */
static void test_throttled(void **state)
{
	json_t *document, *web;
	char *text;

	(void)state;
	fixture_init();
	with_quotas(8000000);
	fx.policy.policies[0].bytes_out.on_budget = CRMG_ON_BUDGET_THROTTLE;
	fx.policy.policies[0].bytes_out.throttle_to = 64000;
	crmg_image_free(&fx.image);
	compile_fixture();
	web = limits_of_web(&document);
	assert_true(json_is_null(json_object_get(web, "throttled_to")));
	json_decref(document);
	fx.slots[77].resolved |= (uint64_t)CRMG_SLOT_CUT << 48;
	web = limits_of_web(&document);
	assert_string_equal(json_string_value(json_object_get(web, "throttled_to")), "64kB/s");
	assert_false(json_boolean_value(json_object_get(web, "cut")));
	json_decref(document);
	text = TEXT_OF(crmg_why_text, &fx.snap, &why, false);
	assert_non_null(strstr(text, "is used up: no more than 64kB/s is sent\n"));
	free(text);
}

static void check_throttled(const char *to, const char *by)
{
	json_t *document, *web = limits_of_web(&document);

	assert_string_equal(json_string_value(json_object_get(web, "throttled_to")), to);
	assert_string_equal(json_string_value(json_object_get(web, "throttled_by")), by);
	json_decref(document);
}

/* Of the budgets that are used up that with the lowest rate is named. */
static void test_throttled_together(void **state)
{
	struct crmg_model_policy *partners = &fx.policy.policies[0];
	struct crmg_window *w;
	json_t *document;
	char *text;

	(void)state;
	fixture_init();
	with_quotas(8000000);
	partners->bytes_out.on_budget = CRMG_ON_BUDGET_THROTTLE;
	partners->bytes_out.throttle_to = 64000;
	partners->total.bytes_out = (struct crmg_model_bytes_out){
		.count = 1, .quota = { { 8000000, 60 } }, .throttle_to = 32000,
	};
	crmg_image_free(&fx.image);
	compile_fixture();
	fx.slots[77].resolved |= (uint64_t)CRMG_SLOT_CUT << 48;
	check_throttled("64kB/s", "source");
	w = &fx.total_windows[why.services[0].binding->row].windows.window[0];
	crmg_window_clear(w, crmg_terms_of(8000000, 60), MONO_NS);
	crmg_window_charge(w, 8000000, CRMG_WINDOW_FULL, MONO_NS);
	/* Used up, and nothing was refused yet. */
	check_throttled("64kB/s", "source");
	w->terms |= CRMG_WINDOW_OVER;
	check_throttled("32kB/s", "policy");
	text = TEXT_OF(crmg_why_text, &fx.snap, &why, false);
	assert_non_null(strstr(text, "that all sources of the policy share is used up: no more "
			       "than 32kB/s is sent\n"));
	free(text);
	fx.slots[77].resolved &= ~((uint64_t)CRMG_SLOT_CUT << 48);
	check_throttled("32kB/s", "policy");
	fx.snap.mono_ns += 61 * CRMG_NS_PER_SEC;
	assert_true(json_is_null(json_object_get(limits_of_web(&document), "throttled_by")));
	json_decref(document);
}

static int64_t available_in(const json_t *web, size_t place)
{
	const json_t *limit = json_array_get(json_object_get(web, "limits"), place);

	return json_integer_value(json_object_get(limit, "available"));
}

static void test_quotas(void **state)
{
	json_t *document, *web, *minute;
	char *text;

	(void)state;
	fixture_init();
	with_quotas(3500000);
	web = limits_of_web(&document);
	assert_int_equal(json_array_size(json_object_get(web, "limits")), 4);
	minute = json_array_get(json_object_get(web, "limits"), 2);
	assert_string_equal(json_string_value(json_object_get(minute, "name")), "bytes_out");
	assert_string_equal(json_string_value(json_object_get(minute, "scope")), "source");
	assert_string_equal(json_string_value(json_object_get(minute, "per")), "1m");
	assert_int_equal(json_integer_value(json_object_get(minute, "quota")), 8000000);
	assert_true(json_is_null(json_object_get(minute, "rate")));
	assert_int_equal(available_in(web, 2), 4500000);
	assert_int_equal(available_in(web, 3), 76500000);
	assert_false(json_boolean_value(json_object_get(web, "cut")));
	json_decref(document);
	/* The minute is over, the hour is not; and it was cut before. */
	fx.snap.mono_ns += 61 * CRMG_NS_PER_SEC;
	fx.slots[77].resolved |= (uint64_t)CRMG_SLOT_CUT << 48;
	web = limits_of_web(&document);
	assert_int_equal(available_in(web, 2), 7500000);
	assert_true(json_boolean_value(json_object_get(web, "cut")));
	assert_true(json_is_null(json_object_get(web, "throttled_to")));
	json_decref(document);
	text = TEXT_OF(crmg_why_text, &fx.snap, &why, false);
	assert_non_null(strstr(text, "  limit:   bytes_out 80MB per 1h, available 76500000\n"));
	assert_non_null(strstr(text, "  cut:     a budget of bytes_out is used up"));
	free(text);
}

/* The policy changed, and nothing was sent since: what is left is what the next packet finds. */
static void test_quotas_after_apply(void **state)
{
	json_t *document;

	(void)state;
	fixture_init();
	with_quotas(4000000);
	fx.policy.policies[0].bytes_out.quota[0].bytes = 16000000;
	crmg_image_free(&fx.image);
	compile_fixture();
	assert_int_equal(available_in(limits_of_web(&document), 2), 12000000);
	json_decref(document);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_never_seen),
		cmocka_unit_test(test_all_services),
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_idle),
		cmocka_unit_test(test_after_apply),
		cmocka_unit_test(test_wide_source),
		cmocka_unit_test(test_json),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_banned_json),
		cmocka_unit_test(test_quotas),
		cmocka_unit_test(test_throttled),
		cmocka_unit_test(test_throttled_together),
		cmocka_unit_test(test_quotas_after_apply),
	};
	int failed = cmocka_run_group_tests_name("why", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
