/* SPDX-License-Identifier: GPL-2.0 */
/* test_config_hostile.c - A4: texts that were written to take long are refused at once. */
#include "outcome.h"

static char *repeat(const char *head, const char *part, size_t times)
{
	size_t head_size = strlen(head), size = strlen(part);
	char *text = malloc(head_size + times * size + 1), *end;

	end = mempcpy(text, head, head_size);
	for (size_t i = 0; i < times; i++)
		end = mempcpy(end, part, size);
	*end = 0;
	return text;
}

/* Refused at once: in a second of CPU time, where a quadratic reader takes minutes. */
static void assert_refused_at_once(const char *text, const char *part_of_message)
{
	double start = cpu_ms();
	OUTCOME o = parse_policy(text, strlen(text));
	double spent = cpu_ms() - start;

	assert_true(o.result < 0);
	if (!strstr(o.text, part_of_message))
		fail_msg("no '%s' in: %.500s", part_of_message, o.text);
#ifdef __SANITIZE_ADDRESS__
	spent /= 10;
#endif
	if (spent > 1000)
		fail_msg("%s: %.0f ms", part_of_message, spent);
}

static void test_a4_nested_brackets(void **state)
{
	crmg_autofree char *text = repeat("version: 1\nmode: ", "[", 200000);

	(void)state;
	assert_refused_at_once(text, "p.yaml:2:22: lists and mappings are nested more than 16");
}

static void test_a4_nested_blocks(void **state)
{
	crmg_autofree char *dashes = repeat("", "- ", 200000);
	crmg_autofree char *keys = repeat("", "? ", 200000);
	crmg_autofree char *braces = repeat("", "{a: ", 200000);

	(void)state;
	assert_refused_at_once(dashes, "nested more than 16 deep");
	assert_refused_at_once(keys, "nested more than 16 deep");
	assert_refused_at_once(braces, "nested more than 16 deep");
}

static void test_a4_depth_16_is_accepted(void **state)
{
	crmg_autofree char *open = repeat("version: 1\nmode: ", "[", 15);
	crmg_autofree char *text = repeat(open, "]", 15);
	OUTCOME o = parse_policy(text, strlen(text));

	(void)state;
	assert_string_equal(o.text, "p.yaml:2:7: a word is needed here, not a list\n");
}

static void test_a4_million_keys(void **state)
{
	crmg_autofree char *large = repeat("version: 1\n", "k: 1\n", 1000000);
	crmg_autofree char *same = repeat("version: 1\n", "k: 1\n", 200000);

	(void)state;
	assert_refused_at_once(large, "at most 1MiB are accepted");
	assert_refused_at_once(same, "there are more errors; mend the first 1000");
}

static void test_a4_every_key_is_unknown(void **state)
{
	crmg_autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	for (int i = 0; i < 60000; i++)
		fprintf(out, "polici%d: 1\n", i);
	fclose(out);
	assert_refused_at_once(text, "there are more errors; mend the first 1000");
}

static void test_a4_every_reference_is_unknown(void **state)
{
	crmg_autofree char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	(void)state;
	fprintf(out, "version: 1\nservices: {a: {ports: [1]}}\nclients:\n");
	for (int i = 0; i < 4096; i++)
		fprintf(out, "  c%d: {prefixes: [10.0.%d.%d]}\n", i, i / 256, i % 256);
	fprintf(out, "policies:\n  - name: p\n    service: a\n    clients: [");
	for (int i = 0; i < 4096; i++)
		fprintf(out, "%sd%d", i ? ", " : "", i);
	fprintf(out, "]\n");
	fclose(out);
	assert_refused_at_once(text, "there is no client 'd0'");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a4_nested_brackets),
		cmocka_unit_test(test_a4_nested_blocks),
		cmocka_unit_test(test_a4_depth_16_is_accepted),
		cmocka_unit_test(test_a4_million_keys),
		cmocka_unit_test(test_a4_every_key_is_unknown),
		cmocka_unit_test(test_a4_every_reference_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
