// SPDX-License-Identifier: GPL-2.0
/* test_vitals.c - what is read out of the texts of the kernel and of resolv.conf. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "../../user/base/util.h"
#include "../../user/base/vitals.h"

static struct crmg_vitals found;

/* "KIND ADDRESS [LOCAL PORT]" of item i; its text lives until the next call. */
static const char *item(size_t i)
{
	static char text[256];
	char addr[CRMG_ADDR_LEN], local[CRMG_ADDR_LEN];
	const struct crmg_vital *v = &found.items[i];

	assert_in_range(i, 0, found.count - 1);
	if (v->kind == CRMG_VITAL_PEER)
		snprintf(text, sizeof(text), "%s to %s port %u",
			 crmg_format_addr(&v->addr, addr, sizeof(addr)),
			 crmg_format_addr(&v->local, local, sizeof(local)), v->port);
	else
		snprintf(text, sizeof(text), "%d %s", v->kind,
			 crmg_format_addr(&v->addr, addr, sizeof(addr)));
	return text;
}

static int teardown(void **state)
{
	(void)state;
	crmg_vitals_free(&found);
	return 0;
}

static void test_gateways(void **state)
{
	(void)state;
	assert_int_equal(crmg_vitals_route4(&found,
		"Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
		"eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
		"eth1\t00000000\t010200C0\t0003\t0\t0\t9\t00000000\t0\t0\t0\n"	/* twice */
		"ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0\n"	/* no gateway */
		"eth0\t0000000A\t020200C0\t0003\t0\t0\t0\t000000FF\t0\t0\t0\n"	/* not default */
		"cut off"), 0);
	assert_int_equal(found.count, 1);
	assert_string_equal(item(0), "1 192.0.2.1");
	assert_int_equal(crmg_vitals_route6(&found,
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"fe800000000000000000000000000001 00000400 00000001 00000000 00000003     eth0\n"
		"20010db8000000000000000000000000 40 00000000000000000000000000000000 00 "
		"20010db8000000000000000000000002 00000400 00000001 00000000 00000003     eth0\n"
		"00000000000000000000000000000000 00 00000000000000000000000000000000 00 "
		"00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo\n"),
		0);
	assert_int_equal(found.count, 2);
	assert_string_equal(item(1), "1 fe80::1");
}

static void test_resolvers(void **state)
{
	(void)state;
	assert_int_equal(crmg_vitals_resolv(&found,
		"# nameserver 192.0.2.9\nsearch example.org\nnameserver 192.0.2.53\n"
		"nameserver\tfe80::53%eth0\nnameserver nonsense\nnameserver 192.0.2.53"), 0);
	assert_int_equal(found.count, 2);
	assert_string_equal(item(0), "2 192.0.2.53");
	assert_string_equal(item(1), "2 fe80::53");
}

static void test_environment(void **state)
{
	static const char block[] = "HOME=/root\0SSH_CONNECTION=203.0.113.7 50000 192.0.2.1 2222\0"
		"SSH_CONNECTION=::ffff:203.0.113.8 1 2001:db8::1 22\0SSH_CONNECTION=x 1 y 2\0"
		"SSH_CONNECTION=203.0.113.9 5 192.0.2.1 22";	/* its NUL is not in the size */

	(void)state;
	assert_int_equal(crmg_vitals_environ(&found, block, sizeof(block) - 1), 0);
	assert_int_equal(found.count, 2);
	assert_string_equal(item(0), "203.0.113.7 to 192.0.2.1 port 2222");
	assert_string_equal(item(1), "203.0.113.8 to 2001:db8::1 port 22");
}

#define TCP_HEAD "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   " \
		 "uid  timeout inode\n"

static void test_sockets(void **state)
{
	static const uint64_t inodes[] = { 7, 4711, 4712 };

	(void)state;
	assert_int_equal(crmg_vitals_tcp(&found, TCP_HEAD
		"   0: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0"
		"        0 4711 1 0 100 0 0 10 0\n"					/* listens */
		"   1: 010200C0:0016 0A7100CB:C350 01 00000000:00000000 00:00000000 00000000     0"
		"        0 4711 1 0 100 0 0 10 0\n"
		"   2: 010200C0:0016 0B7100CB:C350 01 00000000:00000000 00:00000000 00000000     0"
		"        0 99 1 0 100 0 0 10 0\n",					/* another's */
		inodes, CRMG_ARRAY_SIZE(inodes)), 0);
	assert_int_equal(crmg_vitals_tcp(&found, TCP_HEAD
		"   0: B80D0120000000000000000001000000:01BB "
		"B80D0120000007000000000010000000:C350 01 00000000:00000000 00:00000000 00000000"
		"     0        0 4712 1 0 100 0 0 10 0\n"
		"   1: 0000000000000000FFFF0000010200C0:0016 "
		"0000000000000000FFFF00000C7100CB:C350 01 00000000:00000000 00:00000000 00000000"
		"     0        0 7 1 0 100 0 0 10 0\n",
		inodes, CRMG_ARRAY_SIZE(inodes)), 0);
	assert_int_equal(found.count, 3);
	assert_string_equal(item(0), "203.0.113.10 to 192.0.2.1 port 22");
	assert_string_equal(item(1), "2001:db8:7::10 to 2001:db8::1 port 443");
	assert_string_equal(item(2), "203.0.113.12 to 192.0.2.1 port 22");
}

static void test_own(void **state)
{
	bool loopback = false;

	(void)state;
	assert_int_equal(crmg_vitals_collect(&found), 0);
	for (size_t i = 0; i < found.count; i++)
		loopback |= found.items[i].kind == CRMG_VITAL_OWN &&
			    found.items[i].addr.lo == (CRMG_V4_MAPPED_LO | 0x7f000001);
	assert_true(loopback);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_gateways, teardown),
		cmocka_unit_test_teardown(test_resolvers, teardown),
		cmocka_unit_test_teardown(test_environment, teardown),
		cmocka_unit_test_teardown(test_sockets, teardown),
		cmocka_unit_test_teardown(test_own, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
