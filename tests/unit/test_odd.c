// SPDX-License-Identifier: GPL-2.0
/* test_odd.c - which packets are odd: every combination of flags, both ends of each range. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <linux/types.h>

#ifndef __always_inline
#define __always_inline inline __attribute__((always_inline))
#endif

#include "../../bpf/parse.h"
#include "../../bpf/odd.h"

#include "../../user/base/addr.h"
#include "../../user/base/util.h"

static struct crmg_pkt packet(const char *from, uint8_t flags)
{
	struct crmg_pkt pkt = {
		.dst = { 0, CRMG_V4_MAPPED_LO | 0xc0000201 },
		.l4 = 34, .tcp_header = 20, .ip_end = 54, .tcp_flags = flags,
		.transport = CRMG_TRANSPORT_TCP,
	};
	const char *why;

	assert_int_equal(crmg_parse_addr(from, &pkt.src, &why), 0);
	pkt.v4 = crmg_addr_is_v4(&pkt.src);
	return pkt;
}

/* What flags mean, by name. */
static uint32_t odd_by_hand(unsigned int flags)
{
	bool fin = flags & 1, syn = flags & 2, rst = flags & 4, ack = flags & 16;

	if (syn && (fin || rst))
		return 1 << CRMG_ODDITY_SYN_FIN;
	if (fin && !ack)
		return 1 << CRMG_ODDITY_XMAS;
	return fin || syn || rst || ack ? 0 : 1 << CRMG_ODDITY_NULL;
}

static void test_flags(void **state)
{
	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++) {
		struct crmg_pkt pkt = packet("203.0.113.7", flags);

		if (crmg_oddities(&pkt, false) != odd_by_hand(flags) ||
		    crmg_odd_flags(&pkt) != !!odd_by_hand(flags))
			fail_msg("flags %#x: %#x", flags, crmg_oddities(&pkt, false));
		pkt.transport = CRMG_TRANSPORT_UDP;
		pkt.tcp_flags = 0;
		assert_false(crmg_odd_flags(&pkt));
		assert_int_equal(crmg_oddities(&pkt, false), 0);
	}
}

static void test_data_on_a_syn(void **state)
{
	struct crmg_pkt pkt = packet("203.0.113.7", CRMG_TCP_SYN);

	(void)state;
	pkt.ip_end++;
	assert_int_equal(crmg_oddities(&pkt, false), 1 << CRMG_ODDITY_SYN_DATA);
	assert_int_equal(crmg_oddities(&pkt, true), 0);
	pkt.tcp_flags |= CRMG_TCP_ACK;
	assert_int_equal(crmg_oddities(&pkt, false), 0);
}

static void test_sources(void **state)
{
	static const char *const odd[] = {
		"0.0.0.0", "0.255.255.255", "127.0.0.1", "127.255.255.255", "224.0.0.1",
		"239.255.255.255", "255.255.255.255", "::", "::1", "ff02::1", "ffff::",
	};
	static const char *const usual[] = {
		"1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.0.0.1",
		"::2", "2001:db8::1", "fe80::1", "fd00::1", "feff:ffff::", "64:ff9b::1.2.3.4",
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(odd); i++) {
		struct crmg_pkt pkt = packet(odd[i], CRMG_TCP_ACK);

		if (crmg_oddities(&pkt, false) != 1 << CRMG_ODDITY_SOURCE)
			fail_msg("%s is usual", odd[i]);
	}
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(usual); i++) {
		struct crmg_pkt pkt = packet(usual[i], CRMG_TCP_ACK);

		if (crmg_oddities(&pkt, false))
			fail_msg("%s is odd", usual[i]);
	}
}

/* An IPv4 address that an IPv6 header carries. */
static void test_mapped_source(void **state)
{
	struct crmg_pkt pkt = packet("203.0.113.7", CRMG_TCP_ACK);

	(void)state;
	pkt.v4 = 0;
	pkt.dst = (struct crmg_addr){ 0x20010db800000000, 1 };
	assert_int_equal(crmg_oddities(&pkt, false), 1 << CRMG_ODDITY_SOURCE);
}

static void test_own_address(void **state)
{
	struct crmg_pkt pkt = packet("192.0.2.1", CRMG_TCP_ACK);

	(void)state;
	assert_int_equal(crmg_oddities(&pkt, false), 1 << CRMG_ODDITY_OWN);
	pkt.dst.lo++;
	assert_int_equal(crmg_oddities(&pkt, false), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_data_on_a_syn),
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_mapped_source),
		cmocka_unit_test(test_own_address),
	};

	return cmocka_run_group_tests_name("odd", tests, NULL, NULL);
}
