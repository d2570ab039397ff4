// SPDX-License-Identifier: GPL-2.0
/*
 * test_tlsfirst.c - what the first segment of a client says for sure: hellos of any version, cut
 * at each byte (T22), with each extension that tells something, and what is none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/tlsfirst.h"

#define STEPS 64	/* as the program takes */

static uint8_t hello[8192];
static uint32_t hello_len;

static void put(uint32_t value, int bytes)
{
	while (bytes--)
		hello[hello_len++] = (uint8_t)(value >> 8 * bytes);
}

static void put_extension(uint16_t type, uint16_t len)
{
	put(type, 2);
	put(len, 2);
	memset(hello + hello_len, 0x5a, len);
	hello_len += len;
}

enum { NO_EXTENSIONS, OLD_EXTENSIONS, WITH_VERSIONS, LONG_EXTENSIONS };

/* A ClientHello whose own version has this minor number. */
static void make_hello(uint8_t minor, int extensions)
{
	uint32_t at;

	hello_len = 0;
	put(CRMG_TLS_HANDSHAKE << 16 | 0x0301, 3);
	put(0, 2);
	put(CRMG_TLS_CLIENT_HELLO, 1);
	put(0, 3);
	put(0x0300 | minor, 2);
	hello_len += 32;
	put(32, 1);
	hello_len += 32;
	put(4, 2);
	put(0x00ff002f, 4);
	put(0x0100, 2);
	at = hello_len;
	if (extensions != NO_EXTENSIONS)
		put(0, 2);
	if (extensions == LONG_EXTENSIONS)
		put_extension(51, 4000);
	if (extensions >= OLD_EXTENSIONS) {
		put_extension(0, 30);
		put_extension(23, 0);
	}
	if (extensions >= WITH_VERSIONS)
		put_extension(CRMG_TLS_EXT_VERSIONS, 5);
	if (extensions != NO_EXTENSIONS) {
		hello[at] = (uint8_t)((hello_len - at - 2) >> 8);
		hello[at + 1] = (uint8_t)(hello_len - at - 2);
	}
	hello[3] = (uint8_t)((hello_len - 5) >> 8);
	hello[4] = (uint8_t)(hello_len - 5);
	hello[7] = (uint8_t)((hello_len - 9) >> 8);
	hello[8] = (uint8_t)(hello_len - 9);
}

static uint32_t frame_len;

static long load(void *ctx, __u32 at, void *to, __u32 n)
{
	(void)ctx;
	if (at > frame_len || n > frame_len - at)
		return -1;
	memcpy(to, hello + at, n);
	return 0;
}

/* What `len` bytes of the hello say. */
static uint32_t told(uint32_t len, uint32_t minimum)
{
	struct crmg_walk k = { .at = 0, .end = len };
	uint32_t version, steps = 0;

	frame_len = len;
	version = crmg_first_open(&k, NULL, load, minimum);
	if (version != CRMG_TLS_VERSION_COUNT || !k.ext_end)
		return version;
	while (steps++ < STEPS && !crmg_first_step(&k, NULL, load))
		;
	return crmg_first_end(&k);
}

static void test_versions(void **state)
{
	(void)state;
	for (uint8_t minor = 0; minor <= 3; minor++)
		for (uint32_t minimum = 0; minimum <= 4; minimum++) {
			uint32_t old = minor < minimum ? minor : CRMG_TLS_VERSION_COUNT;

			make_hello(minor, NO_EXTENSIONS);
			assert_int_equal(told(hello_len, minimum), old);
			make_hello(minor, OLD_EXTENSIONS);
			assert_int_equal(told(hello_len, minimum), old);
			make_hello(minor, WITH_VERSIONS);
			assert_int_equal(told(hello_len, minimum), CRMG_TLS_VERSION_COUNT);
			make_hello(minor, LONG_EXTENSIONS);
			assert_int_equal(told(hello_len, minimum), CRMG_TLS_VERSION_COUNT);
		}
}

/* Of a part of a hello nothing is known, wherever it is cut; nor of one in several records. */
static void test_t22_parts(void **state)
{
	(void)state;
	for (int extensions = NO_EXTENSIONS; extensions <= LONG_EXTENSIONS; extensions++) {
		make_hello(1, extensions);
		for (uint32_t len = 1; len < hello_len; len++)
			assert_int_equal(told(len, CRMG_TLS_VERSION_13), CRMG_TLS_VERSION_COUNT);
	}
	make_hello(1, OLD_EXTENSIONS);
	hello[3] = 0;
	hello[4] = 40;
	assert_int_equal(told(hello_len, CRMG_TLS_VERSION_13), CRMG_TLS_VERSION_COUNT);
}

static void test_plaintext(void **state)
{
	static const char *const texts[] = { "GET / HTTP/1.1\r\n\r\n", "G", "SSH-2.0-x\r\n", "\x17\3\3" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		memcpy(hello, texts[i], strlen(texts[i]));
		assert_int_equal(told((uint32_t)strlen(texts[i]), 3), CRMG_TLS_VERSION_PLAINTEXT);
	}
}

/* Whatever the lengths say, nothing beyond the frame is read, and a hello is no plaintext. */
static void test_damaged(void **state)
{
	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		make_hello(1, OLD_EXTENSIONS);
		for (int n = rand() % 4; n >= 0; n--)
			hello[3 + rand() % (hello_len - 3)] = (uint8_t)rand();
		assert_int_not_equal(told(hello_len, 3), CRMG_TLS_VERSION_PLAINTEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions),
		cmocka_unit_test(test_t22_parts),
		cmocka_unit_test(test_plaintext),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("tlsfirst", tests, NULL, NULL);
}
