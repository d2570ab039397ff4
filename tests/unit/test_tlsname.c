// SPDX-License-Identifier: GPL-2.0
/*
 * test_tlsname.c - the host name that the first segment of a client asks for: cut at each byte,
 * of each length, in hellos that are odd, and in none.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../bpf/tlsname.h"
#include "../lib/hello.h"

#define BASE 3

static struct hello hello;
static uint32_t frame_len;

static long load(void *ctx, __u32 at, void *to, __u32 n)
{
	(void)ctx;
	if (at > frame_len || n > frame_len - at)
		return -1;
	memcpy(to, hello.bytes + at, n);
	return 0;
}

/* The name that `len` bytes of the hello ask for, or NULL; the walk that read it. */
static const char *asked(uint32_t len, struct crmg_walk *k)
{
	static char name[CRMG_SERVER_NAME_MAX + 1];
	uint32_t steps = 0;

	*k = (struct crmg_walk){ .at = 0, .end = len };
	frame_len = len;
	if (!crmg_name_open(k, NULL, load))
		return NULL;
	while (steps++ < CRMG_NAME_STEPS && !crmg_name_step(k, NULL, load))
		;
	if (!crmg_name_load(k, NULL, load, BASE))
		return NULL;
	for (uint32_t i = 0; i < CRMG_SERVER_NAME_MAX && !crmg_name_byte(k, i); i++)
		;
	assert_in_range(k->name.len, 1, CRMG_SERVER_NAME_MAX);
	memcpy(name, k->bytes, k->name.len);
	name[k->name.len] = 0;
	return name;
}

static const char *asked_in(const struct hello *h)
{
	struct crmg_walk k;

	hello = *h;
	return asked(h->len, &k);
}

static struct hello asks(const char *name)
{
	return hello_asking(name, strlen(name));
}

/* Where the name begins in a hello that asks for it. */
static uint8_t *name_in(struct hello *h, const char *name)
{
	uint8_t *at = memmem(h->bytes, h->len, name, strlen(name));

	assert_non_null(at);
	return at;
}

/* Small letters, and the hash is that of the name, and of what is behind its first label. */
static void test_name(void **state)
{
	static const char small[] = "api.example.org", text[CRMG_SERVER_NAME_MAX + 1] = ".example.org";
	__u64 whole = crmg_name_begin(BASE), parent = crmg_name_begin(BASE), word;
	struct crmg_walk k;

	(void)state;
	hello = asks("aPi.Example.ORG");
	assert_string_equal(asked(hello.len, &k), small);
	for (size_t i = 0; i < sizeof(small) - 1; i++) {
		whole = crmg_name_hash(whole, (uint8_t)small[i]);
		if (i >= 3)
			parent = crmg_name_hash(parent, (uint8_t)small[i]);
	}
	assert_true(k.name.hash == whole && k.name.parent == parent);
	assert_int_equal(k.name.dot, 3);
	for (uint32_t i = 0; i < sizeof(text) / 8; i++) {
		memcpy(&word, text + 8 * i, 8);
		assert_true(crmg_name_word_is(&k, k.name.dot, i, word));
		assert_false(crmg_name_word_is(&k, k.name.dot, i, word ^ 1ULL << 8 * (i % 6)));
	}
}

static void test_lengths(void **state)
{
	char name[300];

	(void)state;
	memset(name, 'x', sizeof(name));
	for (size_t len = 0; len < sizeof(name); len++) {
		struct hello h = hello_asking(name, len);
		const char *said = asked_in(&h);

		if (!len || len > CRMG_SERVER_NAME_MAX)
			assert_null(said);
		else
			assert_true(strlen(said) == len && !memcmp(said, name, len));
	}
}

/* The name is known as soon as its last byte is there; never a part of it. */
static void test_parts(void **state)
{
	struct crmg_walk k;
	uint32_t end;

	(void)state;
	hello = asks("www.example.org");
	end = (uint32_t)(name_in(&hello, "www.example.org") - hello.bytes) + 15;
	for (uint32_t len = 1; len <= hello.len; len++) {
		const char *name = asked(len, &k);

		if (len < end)
			assert_null(name);
		else
			assert_string_equal(name, "www.example.org");
	}
	/* The same of records: what is in a second one is not read. */
	for (uint32_t len = 0; len + 5 < end; len++) {
		hello.bytes[3] = (uint8_t)(len >> 8);
		hello.bytes[4] = (uint8_t)len;
		assert_null(asked(hello.len, &k));
	}
}

/* A server would not take it, or take another name than the one that is read. */
static void test_odd(void **state)
{
	struct hello h = asks("api.example.org"), odd;
	uint8_t *at = name_in(&h, "api.example.org");
	const size_t first = (size_t)(at - h.bytes);

	(void)state;
	assert_string_equal(asked_in(&h), "api.example.org");
	/* Lengths of the name, of the list and of the extension have to agree. */
	for (size_t i = 1; i <= 7; i++) {
		if (i == 3)
			continue;
		odd = h;
		odd.bytes[first - i] ^= 1;
		assert_null(asked_in(&odd));
	}
	/* No host name. */
	odd = h;
	odd.bytes[first - 3] = 1;
	assert_null(asked_in(&odd));
	/* What would look like the pattern of an asterisk. */
	odd = asks(".example.org");
	assert_null(asked_in(&odd));
	odd = hello_asking(NULL, 0);
	assert_null(asked_in(&odd));
	/* Two names in one list: the second one's bytes are the first one's end. */
	odd = hello_asking("a.example\0\0\3b.c", 15);
	odd.bytes[(size_t)(name_in(&odd, "a.example") - odd.bytes) - 1] = 9;
	assert_null(asked_in(&odd));
	/* Another message, another record, no TLS. */
	for (size_t i = 0; i < 10; i++) {
		if (i == 2 || i == 3 || i == 4)
			continue;
		odd = h;
		odd.bytes[i] ^= 0x40;
		assert_null(asked_in(&odd));
	}
}

/* Whatever the lengths say, nothing beyond the frame is read, and the walk ends. */
static void test_damaged(void **state)
{
	struct crmg_walk k;

	(void)state;
	srand(1);
	for (int i = 0; i < 200000; i++) {
		hello = asks("api.example.org");
		for (int n = rand() % 4; n >= 0; n--)
			hello.bytes[(uint32_t)rand() % hello.len] = (uint8_t)rand();
		asked(1 + (uint32_t)rand() % hello.len, &k);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_odd),
		cmocka_unit_test(test_damaged),
	};

	return cmocka_run_group_tests_name("tlsname", tests, NULL, NULL);
}
