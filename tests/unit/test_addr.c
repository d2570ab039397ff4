/* SPDX-License-Identifier: GPL-2.0 */
/* test_addr.c - A7: which texts are an address or a prefix, and which are refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <string.h>

#include "../../user/base/addr.h"
#include "../../user/base/util.h"

/* why: a part of the reason, or NULL when the text is accepted as `same`. */
struct row {
	const char *text;
	const char *same;
	const char *why;
};

#define OK(text, same)  { text, same, NULL }
#define BAD(text, why)  { text, NULL, why }

static const struct row rows[] = {
	OK("192.0.2.1", "192.0.2.1"), OK("192.0.2.1/32", "192.0.2.1"),
	OK("192.0.2.0/24", "192.0.2.0/24"), OK("0.0.0.0/0", "0.0.0.0/0"),
	OK("0.0.0.0", "0.0.0.0"), OK("255.255.255.255", "255.255.255.255"),
	OK("128.0.0.0/1", "128.0.0.0/1"), OK("10.0.0.0/8", "10.0.0.0/8"),
	OK("192.0.2.2/31", "192.0.2.2/31"), OK("172.16.0.0/12", "172.16.0.0/12"),
	OK("::", "::"), OK("::/0", "::/0"), OK("::1", "::1"), OK("::1/128", "::1"),
	OK("1::", "1::"), OK("2001:db8::/32", "2001:db8::/32"),
	OK("2001:DB8::A", "2001:db8::a"), OK("2001:0db8:0000::0001", "2001:db8::1"),
	OK("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"), OK("::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"),
	OK("1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"), OK("1::8", "1::8"),
	OK("1:2:3::7:8", "1:2:3::7:8"), OK("fe80::/10", "fe80::/10"),
	OK("ff02::1:ff00:0/104", "ff02::1:ff00:0/104"),
	OK("2001:db8::192.0.2.1", "2001:db8::c000:201"),
	OK("64:ff9b::198.51.100.0/120", "64:ff9b::c633:6400/120"),
	OK("1:2:3:4:5:6:192.0.2.1", "1:2:3:4:5:6:c000:201"), OK("::/96", "::/96"),
	OK("::fffe:0:0/96", "::fffe:0:0/96"), OK("8000::/1", "8000::/1"),
	OK("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),

	/* host bits */
	BAD("192.0.2.1/24", "host bits"), BAD("192.0.2.1/31", "host bits"),
	BAD("192.0.2.128/24", "host bits"), BAD("0.0.0.1/0", "host bits"),
	BAD("128.0.0.0/0", "host bits"), BAD("10.0.0.1/8", "host bits"),
	BAD("2001:db8::1/32", "host bits"), BAD("::1/0", "host bits"),
	BAD("::1/127", "host bits"), BAD("8000::/0", "host bits"),
	BAD("2001:db8:0:1::/63", "host bits"), BAD("2001:db8::8000:0:0:0/64", "host bits"),
	BAD("2001:db8::1:0:0:0/64", "host bits"),

	/* length */
	BAD("192.0.2.0/33", "0 to 32"), BAD("192.0.2.0/128", "0 to 32"),
	BAD("192.0.2.0/4294967296", "0 to 32"), BAD("192.0.2.0/99999999999999999999", "0 to 32"),
	BAD("192.0.2.0/", "0 to 32"), BAD("192.0.2.0/-1", "0 to 32"),
	BAD("192.0.2.0/+8", "0 to 32"), BAD("192.0.2.0/ 24", "0 to 32"),
	BAD("192.0.2.0/024", "leading zeros"), BAD("0.0.0.0/00", "leading zeros"),
	BAD("192.0.2.0/24 ", "behind the prefix length"), BAD("192.0.2.0/24/24", "behind the pref"),
	BAD("192.0.2.0/24x", "behind the prefix length"), BAD("192.0.2.0/0x18", "behind the pref"),
	BAD("192.0.2.0/255.255.255.0", "0 to 32"), BAD("2001:db8::/129", "0 to 128"),
	BAD("2001:db8::/", "0 to 128"), BAD("2001:db8::/032", "leading zeros"),
	BAD("2001:db8::/32%eth0", "behind the prefix length"),

	/* IPv4 */
	BAD("010.0.0.1", "leading zeros"), BAD("10.00.0.1", "leading zeros"),
	BAD("10.0.0.01", "leading zeros"), BAD("0127.0.0.1", "leading zeros"),
	BAD("192.0.2.256", "0 to 255"), BAD("256.0.2.1", "0 to 255"),
	BAD("192.0.2.4294967297", "0 to 255"), BAD("192.0.2", "four numbers"),
	BAD("192.0.2.", "four numbers"), BAD("192.0", "four numbers"), BAD("10", "four numbers"),
	BAD("3221225985", "0 to 255"), BAD("192.0.2.1.1", "four numbers"),
	BAD("192.0.2.1.", "four numbers"), BAD("192..2.1", "four numbers"),
	BAD("192.0.2.-1", "four numbers"), BAD("0x7f.0.0.1", "four numbers"),
	BAD("0xc0000201", "four numbers"), BAD("192.0.2.1e0", "behind the address"),
	BAD("192.0.2.1:443", "behind the address"), BAD("192.0.2.1-192.0.2.9", "behind the addr"),
	BAD("192.0.2.1,", "behind the address"), BAD("192.0.2.1%eth0", "zone"),
	BAD("192.0.2.1 ", "behind the address"), BAD("192.0.2.1\n", "behind the address"),
	BAD(" 192.0.2.1", "not an address"), BAD(".0.2.1", "not an address"),
	BAD("10/8", "four numbers"), BAD("192,0,2,1", "four numbers"),

	/* IPv6 */
	BAD("fe80::1%eth0", "zone"), BAD("fe80::1%eth0/64", "zone"), BAD("fe80::%1", "zone"),
	BAD("::ffff:192.0.2.1", "mapped"), BAD("::ffff:c000:201", "mapped"),
	BAD("::ffff:192.0.2.0/120", "mapped"), BAD("::ffff:0:0/96", "mapped"),
	BAD("0:0:0:0:0:ffff:192.0.2.1", "mapped"), BAD("::FFFF:192.0.2.1", "mapped"),
	BAD(":", "hex digits"), BAD(":::", "eight groups"), BAD(":1", "hex digits"),
	BAD("1:", "hex digits"), BAD("1:::2", "eight groups"), BAD("1::2::3", "eight groups"),
	BAD("::1::", "eight groups"), BAD("1:2:3:4:5:6:7", "eight groups"),
	BAD("1:2:3:4:5:6:7:8:9", "eight groups"), BAD("1:2:3:4:5:6:7:8:", "eight groups"),
	BAD("1:2:3:4::5:6:7:8", "eight groups"), BAD("::1:2:3:4:5:6:7:8", "eight groups"),
	BAD("1:2:3:4:5:6:7:8::", "eight groups"), BAD("12345::", "hex digits"),
	BAD("1::12345", "hex digits"), BAD("1::00001", "hex digits"),
	BAD("1::g", "behind the address"),
	BAD("g::1", "not an address"), BAD("2001:db8::-1", "behind the address"),
	BAD("2001:db8:x::", "hex digits"), BAD("::192.0.2.1:5", "eight groups"),
	BAD("::192.0.2", "four numbers"), BAD("::192.0.2.256", "0 to 255"),
	BAD("::192.0.02.1", "leading zeros"), BAD("1:2:3:4:5:6:7:192.0.2.1", "behind"),
	BAD("192.0.2.1::", "behind the address"), BAD("[2001:db8::1]", "not an address"),
	BAD("[2001:db8::1]:443", "not an address"), BAD("2001:db8::1 ", "behind the address"),

	/* neither */
	BAD("", "no address"), BAD(" ", "not an address"), BAD("/24", "not an address"),
	BAD("localhost", "not an address"), BAD("example.org", "not an address"),
	BAD("any", "not an address"), BAD("*", "not an address"), BAD("-", "not an address"),
	BAD("deadbeef", "not an address"), BAD("eth0", "not an address"),
	BAD("\x1b[31m", "not an address"), BAD("1\xc2\xb2.0.0.1", "four numbers"),
};

static void test_a7_table(void **state)
{
	(void)state;
	assert_true(CRMG_ARRAY_SIZE(rows) >= 100);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_pfx pfx, before;
		const char *why = NULL;
		char text[CRMG_ADDR_LEN];
		int r;

		memset(&before, 0x5a, sizeof(before));
		memset(&pfx, 0x5a, sizeof(pfx));
		r = crmg_parse_prefix(rows[i].text, &pfx, &why);
		if (!rows[i].why) {
			if (r)
				fail_msg("'%s' refused: %s", rows[i].text, why);
			crmg_format_prefix(&pfx.addr, pfx.len, text, sizeof(text));
			assert_string_equal(text, rows[i].same);
			continue;
		}
		if (r != -EINVAL || !why || !strstr(why, rows[i].why))
			fail_msg("'%s': %d, %s", rows[i].text, r, why ? why : "accepted");
		assert_memory_equal(&pfx, &before, sizeof(pfx));
	}
}

/* The same rows through libc: what we accept it accepts too, with the same bits. */
static void test_like_libc(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct in6_addr v6 = { 0 };
		uint64_t words[2];
		struct crmg_pfx pfx;
		const char *why;
		char text[64];

		if (rows[i].why)
			continue;
		crmg_copy(text, sizeof(text), rows[i].text);
		text[strcspn(text, "/")] = 0;
		assert_int_equal(crmg_parse_prefix(rows[i].text, &pfx, &why), 0);
		if (crmg_addr_is_v4(&pfx.addr)) {
			v6.s6_addr[10] = v6.s6_addr[11] = 0xff;
			assert_int_equal(inet_pton(AF_INET, text, &v6.s6_addr[12]), 1);
		} else {
			assert_int_equal(inet_pton(AF_INET6, text, &v6), 1);
		}
		memcpy(words, &v6, sizeof(words));
		assert_true(pfx.addr.hi == be64toh(words[0]) && pfx.addr.lo == be64toh(words[1]));
	}
}

static void test_addr_alone(void **state)
{
	struct crmg_addr addr = { 1, 2 };
	const char *why = NULL;
	char text[CRMG_ADDR_LEN];

	(void)state;
	assert_int_equal(crmg_parse_addr("192.0.2.0/24", &addr, &why), -EINVAL);
	assert_string_equal(why, "a prefix is not accepted here");
	assert_int_equal(crmg_parse_addr("192.0.2.1/32", &addr, &why), -EINVAL);
	assert_int_equal(crmg_parse_addr("fe80::1%eth0", &addr, &why), -EINVAL);
	assert_string_equal(why, "a zone (%) is not accepted");
	assert_int_equal(crmg_parse_addr("::ffff:1.2.3.4", &addr, &why), -EINVAL);
	assert_true(addr.hi == 1 && addr.lo == 2);
	assert_int_equal(crmg_parse_addr("192.0.2.1", &addr, &why), 0);
	assert_true(addr.hi == 0 && addr.lo == (CRMG_V4_MAPPED_LO | 0xc0000201));
	assert_string_equal(crmg_format_addr(&addr, text, sizeof(text)), "192.0.2.1");
	assert_int_equal(crmg_parse_addr("2001:db8::1", &addr, &why), 0);
	assert_true(addr.hi == 0x20010db800000000 && addr.lo == 1);
	assert_string_equal(crmg_format_addr(&addr, text, sizeof(text)), "2001:db8::1");
}

/* Every length: cut, format, parse; the last bit kept counts, the next does not. */
static void test_every_length(void **state)
{
	const struct crmg_addr ones = { ~0ULL, ~0ULL };

	(void)state;
	for (unsigned int len = 0; len <= 128; len++) {
		struct crmg_addr cut = crmg_addr_cut(ones, len);
		unsigned int bits = __builtin_popcountll(cut.hi) + __builtin_popcountll(cut.lo);
		struct crmg_addr inside = cut, outside = cut;
		struct crmg_pfx pfx;
		const char *why;
		char text[CRMG_ADDR_LEN];

		assert_int_equal(bits, len);
		crmg_format_prefix(&cut, len, text, sizeof(text));
		assert_int_equal(crmg_parse_prefix(text, &pfx, &why), 0);
		assert_int_equal(pfx.len, len);
		assert_int_equal(crmg_addr_cmp(&pfx.addr, &cut), 0);

		if (len < 128) {
			inside.lo |= 1;
			assert_true(crmg_prefix_contains(&cut, len, &inside));
		}
		if (len > 0) {
			*(len <= 64 ? &outside.hi : &outside.lo) ^= 1ULL << (127 - (len - 1)) % 64;
			assert_false(crmg_prefix_contains(&cut, len, &outside));
		}
		assert_true(crmg_prefix_contains(&cut, len, &ones));
	}
}

/* T1: all 16 bytes count. IPv4 and IPv6 do not contain each other. */
static void test_contains(void **state)
{
	static const struct { const char *prefix, *addr; bool inside; } pairs[] = {
		{ "10.0.0.0/8", "10.255.255.255", true }, { "10.0.0.0/8", "11.0.0.0", false },
		{ "0.0.0.0/0", "203.0.113.1", true }, { "::/0", "2001:db8::1", true },
		{ "::/0", "203.0.113.1", false }, { "0.0.0.0/0", "2001:db8::1", false },
		{ "0.0.0.0/0", "::1", false }, { "2001:db8::/64", "2001:db8::1:2:3:4", true },
		{ "2001:db8::/64", "2001:db8:0:1::", false },
		{ "2001:db8::1", "2001:db8::1", true }, { "2001:db8::1", "2001:db8::2", false },
		{ "2001:db8::1:0:0:0/80", "2001:db8::2:0:0:0", false },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(pairs); i++) {
		struct crmg_pfx pfx;
		struct crmg_addr addr;
		const char *why;

		assert_int_equal(crmg_parse_prefix(pairs[i].prefix, &pfx, &why), 0);
		assert_int_equal(crmg_parse_addr(pairs[i].addr, &addr, &why), 0);
		if (crmg_prefix_contains(&pfx.addr, pfx.len, &addr) != pairs[i].inside)
			fail_msg("%s in %s", pairs[i].addr, pairs[i].prefix);
	}
}

static void test_order(void **state)
{
	static const struct crmg_addr sorted[] = {
		{ 0, 0 }, { 0, 1 }, { 0, ~0ULL }, { 1, 0 }, { 1ULL << 63, 0 }, { ~0ULL, 7 },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(sorted); i++)
		for (size_t k = 0; k < CRMG_ARRAY_SIZE(sorted); k++)
			assert_int_equal(crmg_addr_cmp(&sorted[i], &sorted[k]), (i > k) - (i < k));
}

/* What of an address may be kept. */
static void test_outline(void **state)
{
	static const char *const cases[][2] = {
		{ "203.0.113.77", "203.0.113.0/24" }, { "203.0.112.0/20", "203.0.112.0/20" },
		{ "2001:db8:7:8::/64", "2001:db8:7::/48" }, { "2001:db8::/32", "2001:db8::/32" },
	};
	char text[CRMG_ADDR_LEN];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct crmg_pfx pfx;
		const char *why;

		assert_int_equal(crmg_parse_prefix(cases[i][0], &pfx, &why), 0);
		pfx = crmg_addr_outline(&pfx);
		assert_string_equal(crmg_format_prefix(&pfx.addr, pfx.len, text, sizeof(text)),
				    cases[i][1]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a7_table),
		cmocka_unit_test(test_like_libc),
		cmocka_unit_test(test_addr_alone),
		cmocka_unit_test(test_every_length),
		cmocka_unit_test(test_contains),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_outline),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
