// SPDX-License-Identifier: GPL-2.0
/*
 * test_image.c - parts of an image by index and name, what lies outside, and
 * the memory that an image will take.
 */
#include "policy.h"

static struct policy policy;

static struct crmg_image two_services(void)
{
	policy_init(&policy);
	add_service(&policy, "web", CRMG_TRANSPORT_TCP, 443, 443);
	add_service(&policy, "dns", CRMG_TRANSPORT_UDP, 53, 53);
	add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	return compiled(&policy, NULL, 1);
}

static void test_by_index(void **state)
{
	struct crmg_image image = two_services();
	struct crmg_addr source = addr("192.0.2.1");

	(void)state;
	/* public, allow; none, allow */
	assert_int_equal(crmg_image_head(&image)->bindings, 4);
	assert_null(crmg_image_binding(&image, 0));
	assert_non_null(crmg_image_binding(&image, 4));
	assert_null(crmg_image_binding(&image, 5));
	assert_null(crmg_image_binding(&image, UINT32_MAX));
	assert_null(crmg_image_label(&image, 0));
	assert_non_null(crmg_image_label(&image, 4));
	assert_null(crmg_image_label(&image, 5));
	assert_null(crmg_image_service(&image, 0));
	assert_string_equal(crmg_image_service(&image, 1)->name, "web");
	assert_string_equal(crmg_image_service(&image, 2)->name, "dns");
	assert_null(crmg_image_service(&image, 3));
	assert_null(crmg_image_service(&image, UINT32_MAX));
	assert_int_equal(crmg_image_resolve(&image, 0, &source), 0);
	assert_int_equal(crmg_image_resolve(&image, 3, &source), 0);
	crmg_image_free(&image);
	assert_null(image.cells);
}

static void test_by_name(void **state)
{
	struct crmg_image image = two_services();

	(void)state;
	assert_int_equal(crmg_image_service_find(&image, "web"), 1);
	assert_int_equal(crmg_image_service_find(&image, "dns"), 2);
	assert_int_equal(crmg_image_service_find(&image, "we"), 0);
	assert_int_equal(crmg_image_service_find(&image, ""), 0);
	crmg_image_free(&image);
}

/* Sections are aligned, in order, and a label never straddles what a look-up sees as one. */
static void test_sections(void **state)
{
	struct crmg_image image = two_services();
	const struct crmg_section *section = crmg_image_head(&image)->section;
	size_t count;

	(void)state;
	assert_int_equal(section[0].cell, CRMG_IMAGE_SECTIONS);
	for (size_t i = 1; i < CRMG_SECTION_COUNT; i++)
		assert_true(section[i].cell >= section[i - 1].cell);
	assert_ptr_equal(crmg_image_section(&image, CRMG_SECTION_KEYS, &count),
			 &image.cells[section[CRMG_SECTION_KEYS].cell]);
	assert_int_equal(count, 2);
	/* All of a small policy is in the front, and still there is a back. */
	assert_true(section[CRMG_SECTION_COUNT - 1].cell < CRMG_FRONT_CELLS);
	assert_int_equal(image.cell_count, CRMG_FRONT_CELLS + 1);
	crmg_image_section(&image, CRMG_SECTION_SERVICES, &count);
	assert_int_equal(count, 3);
	crmg_image_section(&image, CRMG_SECTION_LABELS, &count);
	assert_int_equal(count, 5);
	crmg_image_free(&image);
}

static void test_memory(void **state)
{
	struct crmg_image image = two_services();
	struct crmg_memory m;

	(void)state;
	crmg_memory_of(&image, 3, &m);
	assert_int_equal(m.sources, 1032 * (4 + 192 + 24 + 128 + 64 + 8) + 65 * 256 +
			 (16384 + 65) * (64 + 192) + 1024 / 8 * 192 + 4096 * 32 + 16384 * 232 +
			 32768 * 176);
	assert_int_equal(m.flows, 1024 * (8 + 8 + 8 + 64 + 80 + 8));
	assert_int_equal(m.policy, 2 * CRMG_CELL * image.cell_count);
	assert_int_equal(m.counters, 3 * (64 * sizeof(struct crmg_row) + 8193 * 80));
	assert_int_equal(m.bans, 65536 * 16 + 16384);
	assert_int_equal(m.events, 4096 * 256);
	assert_int_equal(m.total, m.sources + m.flows + m.policy + m.counters + m.bans + m.events);
	crmg_image_free(&image);
}

/* The 64th row of an image begins a second chunk of counters. */
static void test_memory_of_chunks(void **state)
{
	struct crmg_image image;
	struct crmg_memory m;
	char name[CRMG_NAME_LEN];

	(void)state;
	policy_init(&policy);
	for (size_t services = 1; services <= 32; services++) {
		snprintf(name, sizeof(name), "s%zu", services);
		add_service(&policy, name, CRMG_TRANSPORT_TCP, services, services);
		if (services < 31)
			continue;
		image = compiled(&policy, NULL, 1);
		crmg_memory_of(&image, 1, &m);
		/* rows 1..62, then 1..64 */
		assert_int_equal(m.counters, (services - 30) * 64 * sizeof(struct crmg_row) +
				 8193 * 80);
		crmg_image_free(&image);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_index),
		cmocka_unit_test(test_by_name),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_memory_of_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
