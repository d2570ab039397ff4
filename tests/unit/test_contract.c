// SPDX-License-Identifier: GPL-2.0
/*
 * test_contract.c - contracts from the file to what reports say of them. How packets are
 * judged by them is tested in tests/bpf.
 */
#include "snapshot.h"
#include "outcome.h"
#include "../../user/base/zone.h"
#include "../../user/compile/probe.h"
#include "../../user/report/contracts.h"
#include "../../user/report/diff.h"
#include "../../user/report/posture.h"
#include "../../user/report/status.h"
#include "../../user/report/watch.h"
#include "../../user/report/why.h"

#define DAY_S 86400
#define NOW_S (REAL_NS / CRMG_NS_PER_SEC)	/* 2027-01-15T08:00:00Z, a Friday */

/* --------------------------------------------------------------- time zones */

static void test_zones(void **state)
{
	struct crmg_zone_shift shifts[8];

	(void)state;
	assert_true(crmg_zone_is_there("UTC"));
	assert_true(crmg_zone_is_there("Europe/Paris"));
	assert_false(crmg_zone_is_there("Europe"));
	assert_false(crmg_zone_is_there("Europe/Pariss"));
	assert_false(crmg_zone_is_there(""));
	assert_false(crmg_zone_is_there("/usr/share/zoneinfo/UTC"));
	assert_false(crmg_zone_is_there("../zoneinfo/UTC"));

	setenv("TZ", "America/New_York", 1);
	assert_int_equal(crmg_zone_shifts("UTC", NOW_S, shifts, 8), 1);
	assert_int_equal(shifts[0].offset_s, 0);
	assert_int_equal(crmg_zone_shifts("Europe/Paris", NOW_S, shifts, 4), 4);
	assert_int_equal(shifts[0].from_s, 0);
	assert_int_equal(shifts[0].offset_s, 3600);
	assert_int_equal(shifts[1].from_s, 1806195600);	/* 2027-03-28T01:00:00Z */
	assert_int_equal(shifts[1].offset_s, 7200);
	assert_int_equal(shifts[2].from_s, 1824944400);	/* 2027-10-31T01:00:00Z */
	assert_int_equal(shifts[2].offset_s, 3600);
	assert_string_equal(getenv("TZ"), "America/New_York");
	unsetenv("TZ");
}

/* ---------------------------------------------------------------- the file */

/* The contract of the only client of a file; its key as given. */
static struct crmg_model_contract read_contract(const char *line)
{
	struct crmg_model_contract contract;
	char text[512];
	OUTCOME o = { 0 };

	snprintf(text, sizeof(text), "version: 1\nclients:\n  a: {prefixes: [192.0.2.1], %s}\n",
		 line);
	o = parse_policy(text, strlen(text));
	assert_int_equal(o.result, 0);
	contract = o.model->clients[0].contract;
	return contract;
}

static void test_until(void **state)
{
	(void)state;
	assert_int_equal(read_contract("valid_until: 2027-03-31").until_s, 1806537600);
	assert_int_equal(read_contract("valid_until: 2028-02-29").until_s, 1835481600);
	assert_int_equal(read_contract("valid_until: 2126-12-31").until_s, 4954435200);
	assert_int_equal(read_contract("valid_until: 2027-03-31T18:00:00Z").until_s, 1806516000);
	assert_int_equal(read_contract("valid_until: 2027-03-31T18:00:00+02:00").until_s,
			 1806516000 - 7200);
	assert_int_equal(read_contract("valid_until: 2027-03-31T18:00:00-00:30").until_s,
			 1806516000 + 1800);
}

static void test_hours(void **state)
{
	static const struct {
		const char *file, *text;
		uint8_t days;
	} rows[] = {
		{ "Mon-Fri 07:00-20:00 Europe/Paris", NULL, 0x1f },
		{ "Mon 00:00-00:01 UTC", NULL, 0x01 },
		{ "Mon,Tue,Sun 08:30-24:00 UTC", NULL, 0x43 },
		{ "Sun-Thu 08:00-17:00 UTC", "Mon-Thu,Sun 08:00-17:00 UTC", 0x4f },
		{ "Sat-Fri 00:00-24:00 UTC", "Mon-Sun 00:00-24:00 UTC", 0x7f },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		char line[128], text[CRMG_HOURS_LEN];
		struct crmg_model_contract read;
		struct crmg_contract contract = { 0 };

		snprintf(line, sizeof(line), "hours: \"%s\"", rows[i].file);
		read = read_contract(line);
		assert_int_equal(read.days, rows[i].days);
		contract.days = read.days;
		contract.begin_s = read.begin_s;
		contract.end_s = read.end_s;
		crmg_copy(contract.zone, sizeof(contract.zone), read.zone);
		assert_string_equal(crmg_hours_text(&contract, text),
				    rows[i].text ? rows[i].text : rows[i].file);
	}
}

/* --------------------------------------------------------------- the reports */

static struct crmg_problems problems;
static char told[4096];

/* web/partners has a contract; what is applied is applied at the time of the snapshot. */
static struct crmg_model_contract *contract(void)
{
	fixture_init();
	return &fx.policy.clients[0].contract;
}

static void apply(void)
{
	crmg_image_free(&fx.image);
	fx.image = compiled(&fx.policy, NULL, GENERATION);
	crmg_image_stamp(&fx.image, NULL, REAL_NS);
}

static void in_office_hours(struct crmg_model_contract *c)
{
	c->days = 0x1f;
	c->begin_s = 8 * 3600;
	c->end_s = 18 * 3600;
	crmg_copy(c->zone, sizeof(c->zone), "Europe/Paris");
}

static void at(uint64_t s)
{
	fx.snap.real_ns = s * CRMG_NS_PER_SEC;
}

/* `why` finds the policy that packets are under, and says what became of the client. */
static void test_why(void **state)
{
	static struct crmg_why why;
	struct crmg_addr partner = addr("10.1.2.3");
	char *text;

	(void)state;
	contract()->until_s = NOW_S + 10;
	apply();
	crmg_why_find(&fx.snap, &partner, crmg_image_service_find(&fx.image, "web"), &why);
	assert_string_equal(why.services[0].label->policy, "partners");
	assert_null(why.services[0].lapsed);
	at(NOW_S + 10);
	crmg_why_find(&fx.snap, &partner, crmg_image_service_find(&fx.image, "web"), &why);
	assert_string_equal(why.services[0].label->policy, "public");
	assert_string_equal(why.services[0].lapsed->client, "partners");
	text = TEXT_OF(crmg_why_text, &fx.snap, &why, false);
	assert_non_null(strstr(text, "web: policy public (client any)"));
	assert_non_null(strstr(text, "lapsed:  the contract of partners does not hold now"));
	free(text);
}

/* A proof expects the policy that holds, and nothing where that is about to change. */
static void test_probes(void **state)
{
	static const struct {
		int64_t from_end_s;
		bool partners;
	} rows[] = { { -3600, true }, { -61, true }, { -30, false }, { 30, false }, { 61, false } };
	struct crmg_probe *probes;
	size_t count;

	(void)state;
	contract()->until_s = NOW_S;
	apply();
	for (size_t r = 0; r < CRMG_ARRAY_SIZE(rows); r++) {
		bool partners = false;

		assert_int_equal(crmg_probes_of(&fx.image, (NOW_S + rows[r].from_end_s) *
						CRMG_NS_PER_SEC, &probes, &count), 0);
		for (size_t i = 0; i < count; i++)
			partners |= probes[i].binding == binding_index("web", "partners");
		assert_int_equal(partners, rows[r].partners);
		free(probes);
	}
}

static const char *ends_problem(void)
{
	crmg_problems_find(&fx.snap, &problems);
	for (size_t i = 0; i < problems.count; i++)
		if (problems.item[i].id == CRMG_PROBLEM_CONTRACT_ENDS)
			return problems.item[i].text;
	return "";
}

static size_t ends_found(void)
{
	struct crmg_posture posture;
	size_t found;

	crmg_problems_find(&fx.snap, &problems);
	assert_int_equal(crmg_posture_find(&fx.snap, &problems, &posture), 0);
	found = posture.found[CRMG_POSTURE_CONTRACT_ENDS];
	crmg_posture_free(&posture);
	return found;
}

static void test_ends(void **state)
{
	struct crmg_model_contract *c = contract();

	(void)state;
	c->until_s = NOW_S + CRMG_POSTURE_ENDS_S + 1;
	apply();
	assert_string_equal(ends_problem(), "");
	assert_int_equal(ends_found(), 0);
	at(NOW_S + 1);
	assert_int_equal(ends_found(), 1);
	at(c->until_s - CRMG_CONTRACT_SOON_S - 1);
	assert_string_equal(ends_problem(), "");
	at(c->until_s - CRMG_CONTRACT_SOON_S);
	assert_string_equal(ends_problem(), "client partners: its contract ends at "
			    "2027-04-17T08:00:01Z; from then on it counts as any");
	at(c->until_s);
	assert_non_null(strstr(ends_problem(), "its contract ended at 2027-04-17T08:00:01Z"));
	assert_int_equal(ends_found(), 1);
}

static void test_status(void **state)
{
	json_t *document, *part;
	char *text;

	(void)state;
	in_office_hours(contract());
	crmg_copy(fx.policy.clients[0].contract.owner, CRMG_OWNER_MAX, "ACME");
	apply();
	at(NOW_S - 2 * 3600);
	crmg_problems_find(&fx.snap, &problems);
	text = TEXT_OF(crmg_status_text, &fx.snap, "default", &problems, false);
	assert_non_null(strstr(text, "contract: client partners counts as any: outside its hours "
			       "(Mon-Fri 08:00-18:00 Europe/Paris)\n"));
	free(text);
	document = crmg_status_json(&fx.snap, "default", &problems);
	part = json_array_get(json_object_get(document, "contracts"), 0);
	assert_string_equal(json_string_value(json_object_get(part, "client")), "partners");
	assert_string_equal(json_string_value(json_object_get(part, "owner")), "ACME");
	assert_true(json_is_false(json_object_get(part, "holds")));
	assert_true(json_is_null(json_object_get(part, "valid_until")));
	json_decref(document);
	at(NOW_S);
	text = TEXT_OF(crmg_status_text, &fx.snap, "default", &problems, false);
	assert_null(strstr(text, "contract:"));
	free(text);
}

static void test_diff(void **state)
{
	struct crmg_image before;
	struct crmg_changes changes;
	char *text;

	(void)state;
	contract();
	before = fx.image;
	fx.image = (struct crmg_image){ 0 };
	in_office_hours(&fx.policy.clients[0].contract);
	fx.policy.clients[0].contract.until_s = NOW_S;
	fx.image = compiled(&fx.policy, NULL, GENERATION + 1);
	assert_int_equal(crmg_diff(&before, &fx.image, 1, &changes), 0);
	text = TEXT_OF(crmg_changes_text, &changes, 40);
	assert_non_null(strstr(text, "client partners: valid_until none -> 2027-01-15T08:00:00Z"));
	assert_non_null(strstr(text, "client partners: hours none -> Mon-Fri 08:00-18:00 "
			       "Europe/Paris"));
	free(text);
	crmg_changes_free(&changes);
	crmg_image_free(&before);
}

static void tell(void *ctx, const char *text)
{
	(void)ctx;
	strcat(strcat(told, text), "\n");
}

/* A look at that second says exactly this. */
static void assert_look(struct crmg_contract_watch *watch, uint64_t s, const char *wanted)
{
	told[0] = '\0';
	assert_int_equal(crmg_contracts_watch(watch, &fx.image, s * CRMG_NS_PER_SEC, tell, NULL), 0);
	assert_string_equal(told, wanted);
}

static void test_watch(void **state)
{
	struct crmg_contract_watch watch = { 0 };
	struct crmg_model_contract *c = contract();
	uint64_t end = NOW_S + 20 * DAY_S;

	(void)state;
	in_office_hours(c);
	c->until_s = end;
	apply();
	assert_look(&watch, NOW_S, "");
	assert_look(&watch, NOW_S + 9 * 3600 - 1, "");
	assert_look(&watch, NOW_S + 9 * 3600, "client partners: it counts as any from now on: "
		    "outside its hours (Mon-Fri 08:00-18:00 Europe/Paris)\n");
	assert_look(&watch, NOW_S + 9 * 3600 + 1, "");
	assert_look(&watch, NOW_S + 3 * DAY_S, "client partners: its contract holds again\n");
	assert_look(&watch, end - CRMG_CONTRACT_SOON_S, "client partners: its contract ends at "
		    "2027-02-04T08:00:00Z, in 14d\n");
	/* Another apply is no reason to say it again, another end is. */
	apply();
	assert_look(&watch, end - CRMG_CONTRACT_SOON_S + 1, "");
	c->until_s = end - 5 * DAY_S;
	apply();
	assert_look(&watch, end - CRMG_CONTRACT_SOON_S + 2, "client partners: its contract ends at "
		    "2027-01-30T08:00:00Z, in 8d\n");
	assert_look(&watch, end - 6 * DAY_S, "");
	assert_look(&watch, c->until_s + 2 * DAY_S, "client partners: it counts as any from now on: "
		    "ended at 2027-01-30T08:00:00Z\n");
	crmg_contract_watch_free(&watch);
}

/* An image is not trusted with a contract or a fallback that is not there. */
static void test_validate(void **state)
{
	struct crmg_binding *binding;

	(void)state;
	contract()->until_s = NOW_S;
	apply();
	binding = (void *)crmg_image_binding(&fx.image, binding_index("web", "partners"));
	assert_int_equal(crmg_image_validate(&fx.image), 0);
	binding->fallback = (uint16_t)binding_index("dns", "public");
	assert_int_equal(crmg_image_validate(&fx.image), -EINVAL);
	binding->fallback = (uint16_t)binding_index("web", "partners");
	assert_int_equal(crmg_image_validate(&fx.image), -EINVAL);
	binding->fallback = (uint16_t)binding_index("web", "public");
	binding->contract = 2;
	assert_int_equal(crmg_image_validate(&fx.image), -EINVAL);
	binding->contract = 1;
	assert_int_equal(crmg_image_validate(&fx.image), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zones),
		cmocka_unit_test(test_until),
		cmocka_unit_test(test_hours),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_probes),
		cmocka_unit_test(test_ends),
		cmocka_unit_test(test_status),
		cmocka_unit_test(test_diff),
		cmocka_unit_test(test_watch),
		cmocka_unit_test(test_validate),
	};
	int failed = cmocka_run_group_tests_name("contract", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
