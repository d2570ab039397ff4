/* SPDX-License-Identifier: GPL-2.0 */
/* test_util.c - growing arrays, bounded copies, small files, UTF-8. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "../../user/base/util.h"

static void test_grow(void **state)
{
	struct { int value; char rest[9]; } *array = NULL;
	size_t count = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		crmg_autofree char *zero = calloc(1, sizeof(*array));
		void *element = crmg_grow(&array, &count, sizeof(*array));

		assert_non_null(element);
		assert_ptr_equal(element, &array[i]);
		assert_memory_equal(element, zero, sizeof(*array));
		memset(element, 0xff, sizeof(*array));
		array[i].value = i;
	}
	assert_int_equal(count, 1000);
	for (int i = 0; i < 1000; i++)
		assert_int_equal(array[i].value, i);
	free(array);
}

/* A sanitizer would rather stop the program than fail an allocation. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
	return "allocator_may_return_null=1";
}

static void test_grow_without_memory(void **state)
{
	char *array = NULL;
	size_t count = 0;

	(void)state;
	assert_null(crmg_grow(&array, &count, SIZE_MAX));
	assert_null(array);
	assert_int_equal(count, 0);
}

static void test_copy(void **state)
{
	char text[8];

	(void)state;
	crmg_copy(text, sizeof(text), "seven 7");
	assert_string_equal(text, "seven 7");
	crmg_copy(text, sizeof(text), "eight 88");
	assert_string_equal(text, "eight 8");
	crmg_copy(text, 1, "x");
	assert_string_equal(text, "");
}

static void test_small_files(void **state)
{
	static const struct { const char *content, *line; long long number; } rows[] = {
		{ "12\n", "12", 12 }, { "-3 of five\n", "-3 of ", -3 }, { "7", "7", 7 },
		{ "\n8\n", "", -1 }, { "seven\n", "seven", -1 }, { "", "", -1 },
		{ "4294967295\n", "429496", 4294967295 },
	};
	char name[] = "/tmp/test_util.XXXXXX", line[7], boot[CRMG_BOOT_ID_LEN];
	crmg_autoclose int fd = mkstemp(name);

	(void)state;
	assert_true(fd >= 0);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		ssize_t size = (ssize_t)strlen(rows[i].content);

		assert_int_equal(ftruncate(fd, 0), 0);
		assert_int_equal(pwrite(fd, rows[i].content, (size_t)size, 0), size);
		assert_string_equal(crmg_line_read(name, line, sizeof(line)), rows[i].line);
		assert_int_equal(crmg_number_read(name, -1), rows[i].number);
	}
	assert_int_equal(unlink(name), 0);
	assert_string_equal(crmg_line_read(name, line, sizeof(line)), "");
	assert_int_equal(crmg_number_read(name, 5), 5);
	assert_int_equal(strlen(crmg_boot_id(boot)), 36);
}

/* Every character goes there and back; what is next to it does not. */
static void test_utf8(void **state)
{
	(void)state;
	for (uint32_t c = 0; c <= 0x110000; c++) {
		bool valid = c <= 0x10ffff && (c < 0xd800 || c > 0xdfff);
		unsigned int extra = (c >= 0x80) + (c >= 0x800) + (c >= 0x10000);
		char text[4] = { c };
		uint32_t back = 0;

		for (unsigned int i = extra; i > 0; i--)
			text[i] = 0x80 | (c >> 6 * (extra - i) & 0x3f);
		if (extra)
			text[0] = (char)(0xff00 >> (extra + 1) | c >> 6 * extra);
		assert_int_equal(crmg_utf8(text, extra + 1, &back), valid ? extra + 1 : 0);
		assert_true(!valid || back == c);
		if (extra)
			assert_int_equal(crmg_utf8(text, extra, &back), 0);
	}
	assert_int_equal(crmg_utf8("\xc1\xbf", 2, &(uint32_t){ 0 }), 0);
	assert_int_equal(crmg_utf8("\xe0\x9f\xbf", 3, &(uint32_t){ 0 }), 0);
	assert_int_equal(crmg_utf8("\xf0\x8f\xbf\xbf", 4, &(uint32_t){ 0 }), 0);
	assert_int_equal(crmg_utf8("\xf8\x88\x80\x80\x80", 5, &(uint32_t){ 0 }), 0);
	assert_int_equal(crmg_utf8("\x80", 1, &(uint32_t){ 0 }), 0);
	assert_int_equal(crmg_utf8("", 0, &(uint32_t){ 0 }), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_grow),
		cmocka_unit_test(test_grow_without_memory),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_small_files),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
