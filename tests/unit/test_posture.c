// SPDX-License-Identifier: GPL-2.0
/* test_posture.c - what is found open, and what is not, in snapshots built by hand. */
#include "snapshot.h"
#include "golden.h"
#include "../../user/report/posture.h"

#include <crmgate/window.h>

#define DAY_NS (86400 * CRMG_NS_PER_SEC)

static struct crmg_problems problems;
static struct crmg_posture posture;

static void find(void)
{
	crmg_posture_free(&posture);
	crmg_problems_find(&fx.snap, &problems);
	assert_int_equal(crmg_posture_find(&fx.snap, &problems, &posture), 0);
}

/* How long the policies of the fixture are in force and counted; and the host is up. */
static void since(uint64_t ns)
{
	crmg_image_stamp(&fx.image, NULL, REAL_NS - ns);
	fx.snap.boot_ns = 100 * DAY_NS;
}

static void proven(void)
{
	fx.snap.proof = (struct crmg_proof){
		.boot_ns = fx.snap.boot_ns - 10 * CRMG_NS_PER_SEC,
		.real_ns = REAL_NS - 10 * CRMG_NS_PER_SEC,
		.generation = GENERATION, .probes = 12, .programs = 2, .period_s = 60,
	};
}

/* A source of web/partners that was sent so many bytes just now. */
static void sent(uint32_t index, const char *source, uint64_t bytes)
{
	uint32_t binding = binding_index("web", "partners");
	const struct crmg_quotas *quotas =
		crmg_image_quotas(&fx.image, crmg_image_binding(&fx.image, binding)->quotas);
	struct crmg_window_past past[CRMG_WINDOWS_MAX];
	struct crmg_windows *windows = &fx.windows[index];

	add_source(index, source);
	fx.slots[index].resolved = GENERATION | (uint64_t)binding << 32;
	crmg_windows_adopt(windows, quotas->quota, past, MONO_NS);
	windows->window[0].used += bytes;
}

/* The finding of a kind number n (from 0), or NULL. */
static const struct crmg_posture_item *nth(enum crmg_posture_id id, size_t n)
{
	for (size_t i = 0; i < posture.count; i++)
		if (posture.items[i].id == id && !n--)
			return &posture.items[i];
	return NULL;
}

static void assert_told(enum crmg_posture_id id, const char *policy, const char *text)
{
	for (size_t i = 0; nth(id, i); i++)
		if (strcmp(nth(id, i)->row ? nth(id, i)->row->label->policy : "", policy) == 0 &&
		    strstr(nth(id, i)->text, text))
			return;
	fail_msg("not told: %s of \"%s\"", text, policy);
}

static void fill(void)
{
	struct crmg_row *row;

	fixture_init();
	add_quotas();
	crmg_image_free(&fx.image);
	compile_fixture();
	since(9 * DAY_NS);
	proven();
	add_iface("eth1");
	add_iface("eth2")->tc_ours = false;
	fx.snap.by_state[CRMG_SOURCE_BANNED] = 2;
	fx.snap.host.counter[CRMG_HOST_AUTO_BANS] = 14;
	fx.snap.control.audit.lost = 3;
	add_ban("10.3.0.0/16", 0, 60);
	row = row_of("web", "partners");
	row->packets[CRMG_VERDICT_PASS] = 4000;
	row->bytes[CRMG_VERDICT_PASS] = 9000000000000;
	row->reasons[CRMG_REASON_PACKETS] = 900;
	row->reasons[CRMG_REASON_BYTES] = 18;
	row->reasons[CRMG_REASON_BANNED] = 70000;
	row = row_of("web", "public");
	row->connections[CRMG_VERDICT_PASS] = 20 * 9 * 86400 / 10;
	row->would_drop[CRMG_REASON_CONNECTIONS] = 9;
	row->bytes_out = 7000000;
	row->versions[CRMG_TLS_VERSION_11] = 2;
	row->versions[CRMG_TLS_VERSION_12] = 90;
	row->versions[CRMG_TLS_VERSION_PLAINTEXT] = 3;
	row_of("dns", "public")->packets[CRMG_VERDICT_PASS] = 1000ULL * 9 * 86400 / 10 - 1;
	sent(1, "10.1.0.1", 4100000);
	sent(2, "10.1.0.2", 3900000);
	sent(3, "10.1.0.3", 4900000);
	find();
}

static void test_text(void **state)
{
	char *written;

	(void)state;
	fill();
	written = TEXT_OF(crmg_posture_text, &posture, "default", false);
	golden("posture.txt", written);
	free(written);
}

static const char *text(const json_t *object, const char *key)
{
	if (!json_is_string(json_object_get(object, key)))
		fail_msg("%s is no text", key);
	return json_string_value(json_object_get(object, key));
}

static void test_document(void **state)
{
	const char *const keys[] = { "schema", "version", "instance", "at", "policy", "proof",
				     "bans", "checks", "findings", "not_judged", "judged_on" };
	json_t *document, *part, *item;
	size_t i, near = 0;

	(void)state;
	fill();
	document = crmg_posture_json(&posture, "default");
	for (i = 0; i < CRMG_ARRAY_SIZE(keys); i++)
		assert_non_null(json_object_get(document, keys[i]));
	assert_string_equal(text(document, "at"), "2027-01-15T08:00:00Z");
	part = json_object_get(document, "checks");
	assert_int_equal(json_array_size(part), CRMG_POSTURE_COUNT);
	json_array_foreach(part, i, item)
		assert_int_equal(json_integer_value(json_object_get(item, "findings")),
				 posture.found[i]);
	part = json_object_get(document, "findings");
	assert_int_equal(json_array_size(part), posture.count);
	json_array_foreach(part, i, item) {
		if (strcmp(text(item, "check"), "near_budget") != 0)
			continue;
		assert_string_equal(text(item, "source"), near ? "10.1.0.1" : "10.1.0.3");
		assert_string_equal(text(item, "service"), "web");
		assert_string_equal(text(item, "policy"), "partners");
		near++;
	}
	assert_int_equal(near, 2);
	json_decref(document);
}

/* A policy in which nothing is open: it limits, bans, cuts, enforces, and is proven. */
static void test_nothing(void **state)
{
	char *written;

	(void)state;
	fixture_init();
	fx.policy.model.service_count = fx.policy.model.policy_count = 1;
	fx.policy.model.allow_count = 0;
	fx.policy.policies[0].clients[0] = CRMG_CLIENT_ANY;
	limit(&fx.policy.policies[0], CRMG_LIMIT_REQUESTS, 20, 40);
	fx.policy.policies[0].floor = (struct crmg_model_floor){
		.set = true, .minimum = CRMG_TLS_VERSION_12,
		.below = CRMG_FLOOR_REFUSE, .plaintext = CRMG_FLOOR_REFUSE,
	};
	add_quotas();
	widen();
	since(3600 * CRMG_NS_PER_SEC);
	proven();
	add_iface("eth1");
	row_of("web", "partners")->versions[CRMG_TLS_VERSION_12] = 90;
	row_of("web", "partners")->versions[CRMG_TLS_VERSION_FAILED] = 9;
	find();
	for (size_t i = 0; i < posture.count; i++)
		print_message("%s\n", posture.items[i].text);
	assert_int_equal(posture.count, 0);
	written = TEXT_OF(crmg_posture_text, &posture, "default", true);
	assert_non_null(strstr(written, "Looked for, and not found:\n  Not enforced"));
	free(written);
}

/* Only a floor of 1.2 or more that refuses leaves nothing open. */
static void test_floor(void **state)
{
	static const struct {
		struct crmg_model_floor floor;
		const char *text;
	} cases[] = {
		{ { 0 }, "neither plaintext nor a version below 1.2: it says nothing of tls" },
		{ { .set = true, .minimum = CRMG_TLS_VERSION_12, .plaintext = CRMG_FLOOR_REFUSE },
		  "no version below 1.2: observe below 1.2, refuse plaintext" },
		{ { .set = true, .minimum = CRMG_TLS_VERSION_11, .below = CRMG_FLOOR_REFUSE,
		    .plaintext = CRMG_FLOOR_REFUSE },
		  "no version below 1.2: refuse below 1.1, refuse plaintext" },
		{ { .set = true, .minimum = CRMG_TLS_VERSION_13, .below = CRMG_FLOOR_REFUSE },
		  "no plaintext: refuse below 1.3, observe plaintext" },
		{ { .set = true }, "neither plaintext nor a version below 1.2: observe plaintext" },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(cases); i++) {
		fixture_init();
		fx.policy.policies[0].floor = cases[i].floor;
		crmg_image_free(&fx.image);
		compile_fixture();
		find();
		assert_told(CRMG_POSTURE_TLS_FLOOR, "partners", cases[i].text);
	}
}

/* Recompiles the fixture, with so many open connections for each source of web/partners. */
static void cap(uint32_t max)
{
	fx.policy.policies[0].caps[CRMG_CAP_OPEN_CONNECTIONS].max = max;
	crmg_image_free(&fx.image);
	compile_fixture();
	find();
}

/* A cap is a limit of each source, too. */
static void test_caps(void **state)
{
	struct crmg_model_policy *partners = &fx.policy.policies[0];
	size_t before;

	(void)state;
	fixture_init();
	memset(partners->limits, 0, sizeof(partners->limits));
	cap(0);
	assert_told(CRMG_POSTURE_NO_LIMIT, "partners", "it has no limits");
	before = posture.found[CRMG_POSTURE_NO_LIMIT];
	cap(100);
	assert_int_equal(posture.found[CRMG_POSTURE_NO_LIMIT], before - 1);
}

/* Nothing attached, nothing proven, nothing protected. */
static void test_empty(void **state)
{
	(void)state;
	fixture_init();
	policy_init(&fx.policy);
	crmg_image_free(&fx.image);
	fx.image = compiled(&fx.policy, NULL, 1);
	find();
	assert_told(CRMG_POSTURE_NOT_ENFORCED, "", "no interface");
	assert_told(CRMG_POSTURE_UNPROVEN, "", "no proof was made yet");
	assert_int_equal(posture.count, 2);
}

static void test_proof(void **state)
{
	(void)state;
	fill();
	assert_int_equal(posture.found[CRMG_POSTURE_UNPROVEN], 0);
	fx.snap.proof.generation--;
	find();
	assert_told(CRMG_POSTURE_UNPROVEN, "", "generation 6 was proven, 7 is in force");
	proven();
	fx.snap.proof.period_s = 0;
	fx.snap.proof.boot_ns = fx.snap.boot_ns - 2 * DAY_NS;
	find();
	assert_told(CRMG_POSTURE_UNPROVEN, "", "2d old");
	assert_told(CRMG_POSTURE_UNPROVEN, "", "nobody repeats");
}

/* Averages need a day, and counters begin no earlier than the boot. */
static void test_days(void **state)
{
	(void)state;
	fill();
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_HIT], 2);
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_UNUSED], 2);
	since(DAY_NS - 1);
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_HIT], 0);
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_UNUSED], 0);
	since(9 * DAY_NS);
	fx.snap.boot_ns = DAY_NS - 1;
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_HIT], 0);
	fx.snap.boot_ns = DAY_NS;
	find();
	assert_told(CRMG_POSTURE_LIMIT_HIT, "partners", "refused 918 packets in 1.0 days, ");
	/* Fewer refusals than days. */
	since(9 * DAY_NS);
	row_of("web", "public")->would_drop[CRMG_REASON_CONNECTIONS] = 8;
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_LIMIT_HIT], 1);
}

static void test_shadow(void **state)
{
	(void)state;
	fill();
	assert_told(CRMG_POSTURE_NOT_REFUSING, "public", "in shadow for 9d, which is long");
	since(CRMG_POSTURE_SHADOW_S * CRMG_NS_PER_SEC - 1);
	find();
	assert_told(CRMG_POSTURE_NOT_REFUSING, "public", "in shadow for 6d; it would have");
}

/* A long list is counted whole, and shown in part. */
static void test_many(void **state)
{
	char *written;

	(void)state;
	fill();
	for (uint32_t i = 10; i < 30; i++)
		sent(i, "10.1.0.9", 4500000 + i);
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_NEAR_BUDGET], 22);
	written = TEXT_OF(crmg_posture_text, &posture, "default", false);
	assert_non_null(strstr(written, "  and 10 more: crmgate posture --json\n"));
	free(written);
}

/* Of cut addresses nobody can tell more. */
static void test_privacy(void **state)
{
	struct crmg_head *head;

	(void)state;
	fill();
	head = (struct crmg_head *)fx.image.cells;
	assert_int_equal(posture.found[CRMG_POSTURE_PRIVACY], 0);
	head->keep_s = 14 * 86400;
	head->addresses = CRMG_ADDRESSES_FULL;
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_PRIVACY], 1);
	assert_told(CRMG_POSTURE_PRIVACY, "", "the ledger, for 14d, and events that are kept have whole");
	head->addresses = CRMG_ADDRESSES_PSEUDONYM;
	find();
	assert_int_equal(posture.found[CRMG_POSTURE_PRIVACY], 1);
	assert_told(CRMG_POSTURE_PRIVACY, "", "until its key is destroyed, after 14d");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_floor),
		cmocka_unit_test(test_caps),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_proof),
		cmocka_unit_test(test_privacy),
		cmocka_unit_test(test_days),
		cmocka_unit_test(test_shadow),
		cmocka_unit_test(test_many),
	};
	int failed = cmocka_run_group_tests_name("posture", tests, NULL, NULL);

	crmg_posture_free(&posture);
	crmg_image_free(&fx.image);
	return failed;
}
