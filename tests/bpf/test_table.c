// SPDX-License-Identifier: GPL-2.0
/*
 * test_table.c - the source table: what it remembers, what it forgets, what an
 * apply leaves alone; and the events that it writes.
 */
#include "bpf_test.h"
#include "rig.h"

#include <stdio.h>

#define CAPACITY 1024
#define BURST    10

/* One service, one limit that does not refill within a test. */
static void policy_text(char *text, size_t size, const char *name, unsigned int burst,
			const char *more)
{
	snprintf(text, size,
		 "version: 1\n"
		 "capacity: {sources: 1024}\n"
		 "services: {api: {transport: tcp, ports: [443]}}\n"
		 "policies: [{name: %s, service: api, clients: any, "
		 "limits: {packets: {rate: %u/7d, burst: %u}}}]\n%s", name, burst, burst, more);
}

static void apply(const char *name, unsigned int burst, const char *more)
{
	char text[512];

	policy_text(text, sizeof(text), name, burst, more);
	crmg_rig_apply(rig, text);
}

static unsigned int passed_of(struct crmg_addr src, unsigned int offered)
{
	const struct crmg_test_packet p = tcp_packet(src, 443, CRMG_TEST_ACK);

	return volley(rig, &p, offered);
}

static int set_up(void **state)
{
	char text[512];

	(void)state;
	policy_text(text, sizeof(text), "public", BURST, "");
	rig = crmg_rig_new(text);
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

/* T9: a table full of sources that are all being limited still limits the next one. */
static void test_full_table_still_limits(void **state)
{
	unsigned int passed = 0;

	(void)state;
	for (uint32_t n = 0; n < 4 * CAPACITY; n++)
		passed_of(stranger(n), BURST + 2);
	assert_int_equal(crmg_rig_tracked(rig), CAPACITY);
	assert_true(crmg_rig_host(rig, CRMG_HOST_PRESSURE) > 0);
	for (uint32_t n = 0; n < 20; n++)
		passed += passed_of(stranger(1000000 + n), 1000);
	assert_in_range(passed, 0, 20 * BURST);
	/* Nobody of the first half was forgotten for it. */
	for (uint32_t n = 0; n < CAPACITY / 4; n++)
		assert_int_equal(passed_of(stranger(n), 3), 0);
}

/* A flood of sources that send one packet each does not wash a known source away. */
static void test_flood_keeps_known_sources(void **state)
{
	(void)state;
	assert_int_equal(passed_of(PEER4, 4), 4);
	for (uint32_t n = 0; n < 100 * CAPACITY; n++)
		passed_of(stranger(n), 1);
	assert_true(crmg_rig_host(rig, CRMG_HOST_EVICTIONS) > 90 * CAPACITY);
	assert_int_equal(passed_of(PEER4, 20), BURST - 4);
}

/* A source whose first packet left only a tag has no packet more than another. */
static void test_first_packet_is_charged(void **state)
{
	uint32_t n = 0, tagged = 0;

	(void)state;
	/* A limit that refills in a moment: who was refused keeps nobody out for long. */
	crmg_rig_apply(rig, "version: 1\n"
			    "capacity: {sources: 1024}\n"
			    "services: {api: {transport: tcp, ports: [443]}}\n"
			    "policies: [{name: public, service: api, clients: any, "
			    "limits: {packets: {rate: 10/10s, burst: 10}}}]\n");
	for (; n < 8 * CAPACITY; n++)
		passed_of(stranger(n), 1);
	for (uint32_t end = n + CAPACITY; n < end; n++) {
		assert_int_equal(passed_of(stranger(n), 1), 1);
		tagged += !crmg_rig_slot(rig, "api", stranger(n));
		assert_int_equal(passed_of(stranger(n), 20), BURST - 1);
		crmg_rig_set_clock(rig, START_NS + n * CRMG_NS_PER_SEC);
	}
	assert_true(tagged > CAPACITY / 2);
	crmg_rig_set_clock(rig, START_NS);
}

/* Nor any bytes: a frame of which a tag cannot hold the length takes a slot at once. */
static void test_first_large_packet_is_charged(void **state)
{
	(void)state;
	for (uint32_t n = 0; n < 8 * CAPACITY; n++)
		passed_of(stranger(n), 1);
	for (uint32_t n = 0; n < 64; n++) {
		struct crmg_test_packet p = tcp_packet(CRMG_TEST_V4(203, 0, 113, n), 443,
						       CRMG_TEST_ACK);
		const struct crmg_slot *slot;

		p.payload = 1400 + n * 30;
		crmg_rig_set_clock(rig, START_NS + n * CRMG_NS_PER_SEC);
		assert_int_equal(volley(rig, &p, 2), 2);
		slot = crmg_rig_slot(rig, "api", p.src);
		assert_non_null(slot);
		assert_in_range(CRMG_TRAFFIC_BYTES(slot->traffic), 2 * p.payload,
				2 * (p.payload + 54) + 64);
	}
	crmg_rig_set_clock(rig, START_NS);
}

/* T20: what did not change is not touched by an apply: buckets, slots, counters. */
static void test_apply_keeps_state(void **state)
{
	const struct crmg_slot *slot;

	(void)state;
	assert_int_equal(passed_of(PEER4, 6), 6);
	apply("public", BURST, "");
	assert_int_equal(passed_of(PEER4, 20), BURST - 6);
	apply("public", BURST, "allow: [192.0.2.99/32]\n");
	assert_int_equal(passed_of(PEER4, 20), 0);
	slot = crmg_rig_slot(rig, "api", PEER4);
	assert_non_null(slot);
	assert_int_equal(CRMG_TRAFFIC_PACKETS(slot->traffic), 46);
	assert_int_equal(CRMG_REFUSALS_NUMBER(slot->refusals), 36);
	assert_int_equal(crmg_rig_detail(rig, "api", PEER4)->shadow_refusals, 0);
	assert_int_equal(crmg_rig_row(rig, "api", "public").packets[CRMG_VERDICT_PASS], BURST);
	assert_int_equal(crmg_rig_row(rig, "api", "public").packets[CRMG_VERDICT_DROP], 36);
}

/* A changed rate goes on from the level reached, never from a fresh burst. */
static void test_changed_limit_goes_on(void **state)
{
	(void)state;
	assert_int_equal(passed_of(PEER4, 20), BURST);
	apply("public", BURST * 3, "");
	assert_in_range(passed_of(PEER4, 100), BURST * 2 - 1, BURST * 2);
	apply("public", BURST, "");
	assert_int_equal(passed_of(PEER4, 20), 0);
	/* A stranger gets the burst of the policy in force. */
	assert_int_equal(passed_of(stranger(1), 100), BURST);
}

/* A renamed policy starts at 0, and takes no count of the old name along. */
static void test_renamed_policy_starts_at_zero(void **state)
{
	struct crmg_row row;

	(void)state;
	passed_of(PEER4, 20);
	apply("renamed", BURST, "");
	row = crmg_rig_row(rig, "api", "renamed");
	assert_int_equal(row.packets[CRMG_VERDICT_PASS] + row.packets[CRMG_VERDICT_DROP], 0);
	assert_int_equal(passed_of(PEER4, 5), 0);
	row = crmg_rig_row(rig, "api", "renamed");
	assert_int_equal(row.packets[CRMG_VERDICT_DROP], 5);
}

/* What a new policy says of a known source holds from the next packet on. */
static void test_apply_reaches_known_sources(void **state)
{
	(void)state;
	assert_int_equal(passed_of(PEER4, 1), 1);
	apply("public", BURST, "allow: [203.0.113.7/32]\n");
	assert_int_equal(passed_of(PEER4, 1000), 1000);
	apply("public", BURST, "");
	/* The level that was reached before it was allowed is still there. */
	assert_int_equal(passed_of(PEER4, 1000), BURST - 1);
	crmg_rig_ban(rig, "203.0.113.0/24", NULL, CRMG_BAN_FOREVER);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_PACKETS);
	passed_of(PEER4, 1);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_BANNED);
}

/*
 * Clients narrower than a source have their own buckets, however packets of the other
 * parts come in between, and leave those of the others alone.
 */
static void test_divided_source(void **state)
{
	struct crmg_rig *divided = crmg_rig_new(
		"version: 1\n"
		"sources: {ipv4_prefix: 24}\n"
		"services: {api: {transport: tcp, ports: [443]}}\n"
		"clients: {big: {prefixes: [203.0.113.7/32, \"2001:db8:7::aaaa/128\"]}}\n"
		"policies:\n"
		"  - {name: big, service: api, clients: big, limits: {packets: {rate: 7/h, burst: 50}}}\n"
		"  - {name: rest, service: api, limits: {packets: {rate: 1/h, burst: 5}}}\n");
	const struct crmg_addr inside[] = { CRMG_TEST_V4(203, 0, 113, 7),
					    { 0x20010db800070000, 0xaaaa } };
	const struct crmg_addr beside[] = { CRMG_TEST_V4(203, 0, 113, 8),
					    { 0x20010db800070000, 0xbbbb } };

	(void)state;
	crmg_rig_set_clock(divided, START_NS);
	for (int family = 0; family < 2; family++) {
		struct crmg_test_packet big = tcp_packet(inside[family], 443, CRMG_TEST_ACK);
		struct crmg_test_packet rest = tcp_packet(beside[family], 443, CRMG_TEST_ACK);
		unsigned int big_passed = 0, rest_passed = 0;

		for (int i = 0; i < 240; i++) {
			big_passed += crmg_rig_xdp_packet(divided, &big) == XDP_PASS;
			if (i % 20 == 19)
				rest_passed += crmg_rig_xdp_packet(divided, &rest) == XDP_PASS;
		}
		assert_int_equal(big_passed, 50);
		assert_int_equal(rest_passed, 5);
	}
	crmg_rig_free(&divided);
}

/* T12, D11: a million refusals write few events, and say how many they left out. */
static void test_events_are_bounded(void **state)
{
	enum { SOURCES = 500, ROUNDS = 2000, STEP_MS = 2 };
	uint64_t first = crmg_rig_event_head(rig) + 1, told = 0, refused, written;

	(void)state;
	for (unsigned int i = 0; i < ROUNDS; i++) {
		crmg_rig_set_clock(rig, START_NS + i * STEP_MS * 1000000ULL);
		for (uint32_t n = 0; n < SOURCES; n++)
			passed_of(stranger(n), i ? 1 : BURST);
	}
	refused = crmg_rig_row(rig, "api", "public").packets[CRMG_VERDICT_DROP];
	written = crmg_rig_event_head(rig) + 1 - first;
	/* Who finds no slot shares the budget of its neighbours, so a few more. */
	assert_in_range(refused, (ROUNDS - 1) * SOURCES - 1000, ROUNDS * SOURCES);
	assert_int_equal(written, crmg_rig_host(rig, CRMG_HOST_EVENTS));
	assert_in_range(written, CRMG_EVENTS_BURST,
			CRMG_EVENTS_BURST +
			CRMG_EVENTS_PER_SEC * ROUNDS * STEP_MS / 1000);
	assert_int_equal(written + crmg_rig_host(rig, CRMG_HOST_SUPPRESSED), refused);
	for (uint64_t seq = first; seq < first + written; seq++) {
		const struct crmg_event *e = crmg_rig_event(rig, seq);

		assert_int_equal(e->seq, seq);
		assert_int_equal(e->kind, CRMG_EVENT_EXCEEDED);
		assert_int_equal(e->reason, CRMG_REASON_PACKETS);
		assert_string_equal(e->service, "api");
		assert_string_equal(e->policy, "public");
		assert_int_equal(e->len, 128);
		assert_true(e->count > 0);
		told += e->count;
	}
	assert_in_range(told, written, refused);
}

/*
 * Who is refused while the host has had too many events leaves a mark at its slot only; the
 * next event tells of all of them, and what is let pass later keeps the reason.
 */
static void test_refusals_that_nobody_is_told_of(void **state)
{
	const uint64_t refused_ns = START_NS + 3 * CRMG_NS_PER_SEC;
	const struct crmg_test_packet syn = tcp_packet(PEER4, 443, CRMG_TEST_SYN);
	const struct crmg_detail *detail;
	const struct crmg_slot *slot;
	uint64_t seq;

	(void)state;
	for (uint32_t n = 0; n < CAPACITY && !crmg_rig_host(rig, CRMG_HOST_CAPPED); n++)
		passed_of(stranger(n), BURST + 1);
	assert_int_equal(volley(rig, &syn, BURST + 5), BURST);
	slot = crmg_rig_slot(rig, "api", PEER4);
	detail = crmg_rig_detail(rig, "api", PEER4);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_LIMITED);
	assert_int_equal(CRMG_REFUSALS_NUMBER(slot->refusals), 5);
	assert_int_equal(CRMG_REFUSALS_REASON(slot->refusals), CRMG_REASON_PACKETS);
	assert_int_equal(detail->last_reason, CRMG_REASON_OK);
	crmg_rig_set_clock(rig, refused_ns);
	assert_int_equal(volley(rig, &syn, 1), 0);
	seq = crmg_rig_event_head(rig);
	assert_int_equal(crmg_rig_event(rig, seq)->count, 6);
	assert_int_equal(detail->last_reason, CRMG_REASON_PACKETS);

	/* With more room it passes; that it was refused, and when, is known later as well. */
	apply("public", 1000, "");
	assert_int_equal(volley(rig, &syn, 1), 1);
	crmg_rig_set_clock(rig, refused_ns + 3 * CRMG_NS_PER_SEC);
	assert_int_equal(volley(rig, &syn, 1), 1);
	assert_int_equal(CRMG_REFUSALS_REASON(slot->refusals), CRMG_REASON_OK);
	assert_int_equal(detail->last_reason, CRMG_REASON_PACKETS);
	assert_in_range(detail->last_refused, refused_ns >> CRMG_SLOT_TICK_SHIFT,
			(refused_ns + CRMG_NS_PER_SEC) >> CRMG_SLOT_TICK_SHIFT);
}

/*
 * Packets and bytes of a source share a word, which is carried over when it is nearly
 * full: nothing is lost around that edge, with the largest frames too.
 */
static void test_traffic_is_carried_over(void **state)
{
	static const struct { uint64_t packets, bytes; } rows[] = {
		{ (1ULL << 23) - 3, 1000 },
		{ (1ULL << 23) - 1, ((1ULL << 23) - 1) * 65536 },
		{ 9000000, 60 * 9000000ULL },
		{ 5, (1ULL << 39) - 100000 },
	};
	struct crmg_test_packet p = tcp_packet(PEER4, 443, CRMG_TEST_ACK);

	(void)state;
	p.payload = 65536 - 54;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		const struct crmg_detail *detail;
		const struct crmg_slot *slot;

		crmg_rig_forget(rig);
		passed_of(PEER4, 1);
		crmg_rig_set_traffic(rig, "api", PEER4, rows[i].packets << CRMG_TRAFFIC_SHIFT |
						        rows[i].bytes);
		slot = crmg_rig_slot(rig, "api", PEER4);
		detail = crmg_rig_detail(rig, "api", PEER4);
		for (uint64_t n = 1; n <= 8; n++) {
			crmg_rig_xdp_packet(rig, &p);
			assert_int_equal(detail->carried_packets +
					 CRMG_TRAFFIC_PACKETS(slot->traffic), rows[i].packets + n);
			assert_int_equal(detail->carried_bytes + CRMG_TRAFFIC_BYTES(slot->traffic),
					 rows[i].bytes + n * 65536);
		}
		assert_true(detail->carried_packets > 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_full_table_still_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_flood_keeps_known_sources, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_packet_is_charged, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_first_large_packet_is_charged, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_apply_keeps_state, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_changed_limit_goes_on, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_renamed_policy_starts_at_zero, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_apply_reaches_known_sources, set_up,
						tear_down),
		cmocka_unit_test(test_divided_source),
		cmocka_unit_test_setup_teardown(test_events_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_refusals_that_nobody_is_told_of, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(test_traffic_is_carried_over, set_up, tear_down),
	};

	return cmocka_run_group_tests_name("table", tests, NULL, NULL);
}
