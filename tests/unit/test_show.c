// SPDX-License-Identifier: GPL-2.0
/* test_show.c - what a compiled policy says, as `check` prints it and as documents. */
#include "snapshot.h"
#include "golden.h"
#include "../../user/config/config.h"
#include "../../user/report/show.h"

static void test_summary(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	text = TEXT_OF(crmg_summary_text, &fx.image, 2, false);
	golden("summary.txt", text);
	free(text);
}

static void test_document(void **state)
{
	json_t *document;
	char *text;

	(void)state;
	fixture_init();
	document = crmg_summary_json(&fx.image, 2);
	text = json_dumps(document, JSON_INDENT(2));
	golden("summary.json", text);
	free(text);
	json_decref(document);
}

/* A policy file with everything that is wider than a source, from its text to what is shown. */
static void test_wider_scopes(void **state)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_model *model;
	struct crmg_image image;
	json_t *document;
	char *text;

	(void)state;
	assert_int_equal(crmg_config_read("tests/golden/config/good_budgets.yaml", false, &model,
					  &err), 0);
	model->file[0] = '\0';	/* differs from machine to machine */
	assert_int_equal(crmg_compile(model, NULL, 1, CRMG_MODE_ENFORCE, &image, &err), 0);
	assert_int_equal(crmg_image_validate(&image), 0);
	text = TEXT_OF(crmg_summary_text, &image, 2, false);
	golden("scopes.txt", text);
	free(text);
	document = crmg_summary_json(&image, 2);
	text = json_dumps(document, JSON_INDENT(2));
	golden("scopes.json", text);
	free(text);
	json_decref(document);
	crmg_image_free(&image);
	crmg_model_free(&model);
}

/* Each factor that a file may have is shown as it stands there. */
static void test_factors(void **state)
{
	(void)state;
	for (unsigned int hundredths = 100; hundredths <= 1000; hundredths++) {
		struct crmg_ban_terms ban = {
			.factor = ((hundredths << CRMG_BAN_FACTOR_SHIFT) + 50) / 100,
		};

		assert_int_equal(crmg_ban_factor(&ban), hundredths);
	}
}

static void test_parts(void **state)
{
	static const struct {
		const char *name, *key;
		size_t count;
	} rows[] = {
		{ "services", "services", 2 }, { "clients", "clients", 3 },
		{ "limits", "policies", 6 }, { "policy", "policy", 9 },
	};

	(void)state;
	fixture_init();
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		enum crmg_show what;
		json_t *document, *part;
		char *text;

		assert_int_equal(crmg_show_from_name(rows[i].name, &what), 0);
		document = crmg_show_json(&fx.image, what);
		part = json_object_get(document, rows[i].key);
		assert_int_equal(json_array_size(part) + json_object_size(part), rows[i].count);
		json_decref(document);
		text = TEXT_OF(crmg_show_text, &fx.image, what, false);
		assert_true(strlen(text) > 50);
		free(text);
	}
	assert_int_equal(crmg_show_from_name("nothing", &(enum crmg_show){ 0 }), -EINVAL);
}

static void test_rates(void **state)
{
	struct crmg_terms terms = { 10, 600 * CRMG_NS_PER_SEC, 10 };
	char text[CRMG_NUM_LEN];

	(void)state;
	assert_string_equal(crmg_rate_text(CRMG_LIMIT_PACKETS, &terms, text), "10/10m");
	assert_true(crmg_rate_per_second(&terms) * 60 == 1);
	terms = (struct crmg_terms){ 10000000, CRMG_NS_PER_SEC, 0 };
	assert_string_equal(crmg_rate_text(CRMG_LIMIT_BYTES, &terms, text), "10MB/s");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_summary),
		cmocka_unit_test(test_document),
		cmocka_unit_test(test_wider_scopes),
		cmocka_unit_test(test_factors),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_rates),
	};
	int failed = cmocka_run_group_tests_name("show", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
