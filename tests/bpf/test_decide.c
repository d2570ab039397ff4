// SPDX-License-Identifier: GPL-2.0
/*
 * test_decide.c - one packet (or the last of a few), its verdict, its reason,
 * and where it is counted: rows, one for each promise and each defect seen in
 * other limiters. All of it twice: by XDP, and at TC ingress. Every reason must be hit.
 */
#include "decide_rows.h"
#include "rig.h"

static struct crmg_test_frame frame;
static bool reason_hit[CRMG_REASON_COUNT];
static bool at_tc;

static uint64_t packets_of(const struct crmg_row *row)
{
	uint64_t sum = 0;

	for (int v = 0; v < CRMG_VERDICT_COUNT; v++)
		sum += row->packets[v];
	return sum;
}

/* A packet for no service: counted once by the host, and by no policy. */
static void check_unprotected(const struct row *row)
{
	enum crmg_host_id id = row->reason == CRMG_REASON_FRAGMENT ? CRMG_HOST_FRAGMENTS
								   : CRMG_HOST_OTHER;
	struct crmg_row total = crmg_rig_total(rig);
	uint64_t before = crmg_rig_host(rig, id), counted = packets_of(&total);
	uint32_t action = crmg_rig_xdp(rig, &frame, NULL);

	total = crmg_rig_total(rig);
	if (action != XDP_PASS || crmg_rig_host(rig, id) != before + 1 ||
	    packets_of(&total) != counted)
		fail_msg("%s: action %u", row->name, action);
}

static void check_protected(const struct row *row)
{
	static const uint32_t actions[] = { XDP_PASS, XDP_DROP, XDP_TX };
	struct crmg_row was = crmg_rig_row(rig, row->service, row->policy), is;
	struct crmg_row all_was = crmg_rig_total(rig), all;
	uint32_t action = crmg_rig_xdp(rig, &frame, NULL);

	is = crmg_rig_row(rig, row->service, row->policy);
	all = crmg_rig_total(rig);
	if (action != actions[row->verdict])
		fail_msg("%s: action %u", row->name, action);
	if (packets_of(&all) != packets_of(&all_was) + 1 ||
	    is.packets[row->verdict] != was.packets[row->verdict] + 1 ||
	    is.bytes[row->verdict] != was.bytes[row->verdict] + frame.len ||
	    is.connections[row->verdict] != was.connections[row->verdict] + row->opens)
		fail_msg("%s: counted wrong", row->name);
	for (int r = 0; r < CRMG_REASON_COUNT; r++) {
		if (is.reasons[r] != was.reasons[r] + (r == (int)row->reason))
			fail_msg("%s: reason %d", row->name, r);
		if (is.would_drop[r] != was.would_drop[r] + (row->would && r == (int)row->would))
			fail_msg("%s: would_drop %d", row->name, r);
	}
}

static void run_row(const struct row *row)
{
	crmg_rig_forget(rig);
	if (row->prepare)
		row->prepare(rig);
	crmg_test_build(&row->packet, &frame);
	if (row->lie)
		row->lie(&frame);
	/* A test run of TC takes neither what the stack would drop at once nor large frames. */
	if (at_tc && !crmg_rig_tc_takes(&frame))
		return;
	for (unsigned int i = 0; i < row->before; i++)
		crmg_rig_xdp(rig, &frame, NULL);
	if (row->twist)
		row->twist(rig, true);
	if (row->service)
		check_protected(row);
	else
		check_unprotected(row);
	if (row->twist)
		row->twist(rig, false);
	reason_hit[row->reason] = true;
}

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		run_row(&rows[i]);
}

/* T1: IPv6 sources that differ only in the low 96 bits of the /64 and above. */
static void test_sources_are_told_apart(void **state)
{
	(void)state;
	crmg_rig_forget(rig);
	for (uint64_t subnet = 0; subnet < 64; subnet++) {
		struct crmg_test_packet p = tcp_packet(
			CRMG_TEST_V6(PUBLIC6.hi | subnet, subnet), 443, ACK);

		for (int i = 0; i < 5; i++)
			assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);
		/* Another address of the same /64 is the same source. */
		p.src.lo = ~subnet;
		assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	}
}

/* C9: a connection is a SYN without ACK, whatever else is set. */
static void test_tcp_flags(void **state)
{
	(void)state;
	for (unsigned int flags = 0; flags < 256; flags++) {
		struct row row = {
			.name = "flags", .packet = { TCP4(PUBLIC4, 443, (uint8_t)flags) },
			.service = "api", .policy = "public",
			.opens = (flags & (SYN | ACK)) == SYN,
		};

		run_row(&row);
	}
}

/* A ban ends by itself; of several the longest counts; a service can have its own. */
static void test_ban_ends(void **state)
{
	struct crmg_test_packet p = tcp_packet(CRMG_TEST_V4(100, 65, 0, 1), 443, ACK);
	uint64_t wide, narrow;

	(void)state;
	crmg_rig_forget(rig);
	wide = crmg_rig_ban(rig, "100.65.0.0/16", NULL, 7200 * CRMG_NS_PER_SEC);
	narrow = crmg_rig_ban(rig, "100.65.0.1", NULL, 3600 * CRMG_NS_PER_SEC);
	crmg_rig_set_clock(rig, narrow);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	crmg_rig_set_clock(rig, wide - 1);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	crmg_rig_set_clock(rig, wide);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);

	crmg_rig_set_clock(rig, START_NS);
	crmg_rig_forget(rig);		/* a packet of the future emptied its bucket */
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	crmg_rig_unban(rig, "100.65.0.1");
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
	crmg_rig_unban(rig, "100.65.0.0/16");
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);

	crmg_rig_ban(rig, "100.65.0.0/24", "dns", CRMG_BAN_FOREVER);
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_PASS);
	p.protocol = IPPROTO_UDP;
	p.dport = 53;
	assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
}

static void test_every_reason_was_hit(void **state)
{
#define NAME(ID, name, help) name,
	static const char *const names[] = { CRMG_REASONS(NAME) };

	(void)state;
	for (int r = 0; r < CRMG_REASON_COUNT; r++)
		if (!reason_hit[r])
			fail_msg("no packet of these tests met reason '%s'", names[r]);
}

/* One load of the programs for all tests: an emulated kernel takes a minute for it. */
static int group_set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(policy);
	crmg_rig_set_tc_ingress(rig, at_tc);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	crmg_rig_forget(rig);
	crmg_rig_set_clock(rig, START_NS);
	crmg_rig_ban(rig, "100.64.0.1", NULL, CRMG_BAN_FOREVER);
	crmg_rig_ban(rig, "2001:db8:dead::/48", NULL, CRMG_BAN_FOREVER);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_rows, set_up),
		cmocka_unit_test_setup(test_sources_are_told_apart, set_up),
		cmocka_unit_test_setup(test_tcp_flags, set_up),
		cmocka_unit_test_setup(test_ban_ends, set_up),
		cmocka_unit_test(test_every_reason_was_hit),
	};

	int failed = cmocka_run_group_tests_name("decide", tests, group_set_up, tear_down);

	at_tc = true;
	return failed + cmocka_run_group_tests_name("decide at TC ingress", tests, group_set_up,
						    tear_down);
}
