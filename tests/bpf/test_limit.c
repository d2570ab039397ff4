// SPDX-License-Identifier: GPL-2.0
/*
 * test_limit.c - the limiters, packet by packet, against a naive token bucket in
 * exact arithmetic; on a clock that the test sets.
 */
#include "bpf_test.h"

#include <stdio.h>

#include "../lib/bucket.h"
#include "../lib/random.h"

#define DAY_NS  (86400 * CRMG_NS_PER_SEC)

static struct crmg_test_frame frame;

static struct crmg_rig *rig_with_limits(const char *limits)
{
	char policy[512];

	snprintf(policy, sizeof(policy),
		 "version: 1\n"
		 "capacity: {sources: 1024}\n"
		 "services: {api: {transport: tcp, ports: [443]}}\n"
		 "policies: [{name: public, service: api, clients: any, limits: {%s}}]\n", limits);
	return crmg_rig_new(policy);
}

static bool admitted(struct crmg_rig *rig, uint64_t now_ns)
{
	crmg_rig_set_clock(rig, now_ns);
	return crmg_rig_xdp(rig, &frame, NULL) == XDP_PASS;
}

static void use_source(struct crmg_addr src)
{
	struct crmg_test_packet p = tcp_packet(src, 443, CRMG_TEST_ACK);

	crmg_test_build(&p, &frame);
}

/* How many of `offered` packets at one instant pass. */
static unsigned int burst_at(struct crmg_rig *rig, uint64_t now_ns, unsigned int offered)
{
	unsigned int passed = 0;

	while (offered--)
		passed += admitted(rig, now_ns);
	return passed;
}

/* T10: a refill that loses remainders admits less than 10 in a second. */
static void test_refill_keeps_remainders(void **state)
{
	struct crmg_rig *rig = rig_with_limits("packets: {rate: 10/s, burst: 1}");
	unsigned int passed = 0;

	(void)state;
	use_source(PEER4);
	for (unsigned int ms = 0; ms < 60000; ms++)
		passed += admitted(rig, START_NS + ms * 1000000ULL);
	assert_in_range(passed, 594, 606);
	crmg_rig_free(&rig);
}

/* T18: no interval, however it lies, holds more than burst + rate * t. */
static void test_window_edges(void **state)
{
	enum { BURST = 20, RATE = 20, STEPS = 4000 };
	struct crmg_rig *rig = rig_with_limits("packets: {rate: 20/s, burst: 20}");
	struct crmg_test_random random = { 18 };
	static uint64_t when[STEPS];
	uint64_t now = START_NS;
	unsigned int passed = 0;

	(void)state;
	use_source(PEER4);
	for (unsigned int i = 0; i < STEPS; i++) {
		/* A volley around each full second: the last ms before, the first after. */
		now += i % 80 == 79 ? CRMG_NS_PER_SEC - 2000000
				    : crmg_test_below(&random, 50000);
		if (admitted(rig, now))
			when[passed++] = now;
	}
	for (unsigned int i = 0; i < passed; i++)
		for (unsigned int j = i; j < passed; j++) {
			uint64_t t = when[j] - when[i];

			if ((j - i + 1) * CRMG_NS_PER_SEC > BURST * CRMG_NS_PER_SEC + RATE * t)
				fail_msg("%u packets in %lu ns", j - i + 1, t);
		}
	assert_true(passed > BURST * 40);
	crmg_rig_free(&rig);
}

/* D9, B20: one burst after any idle time, at any age of the host, and not two. */
static void test_extreme_clocks(void **state)
{
	static const uint64_t starts[] = {
		1, 1000, DAY_NS, 200 * DAY_NS, 208 * DAY_NS, 417 * DAY_NS, 834 * DAY_NS,
		(1ULL << 56) - 1, 1ULL << 62, UINT64_MAX - 2000 * DAY_NS,
	};
	static const uint64_t idles[] = {
		CRMG_NS_PER_SEC, DAY_NS, 200 * DAY_NS, 416 * DAY_NS, 500 * DAY_NS, 1000 * DAY_NS,
	};
	struct crmg_rig *rig = rig_with_limits("packets: {rate: 5/s, burst: 5}");

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(starts); i++)
		for (size_t j = 0; j < CRMG_ARRAY_SIZE(idles); j++) {
			unsigned int first, second, late;

			crmg_rig_forget(rig);
			use_source(stranger((uint32_t)(i * 100 + j)));
			first = burst_at(rig, starts[i], 12);
			second = burst_at(rig, starts[i] + 1, 12);
			late = burst_at(rig, starts[i] + idles[j], 12);
			if (first != 5 || second != 0 || late != 5)
				fail_msg("start %lu, idle %lu: %u, %u, %u passed", starts[i],
					 idles[j], first, second, late);
		}
	crmg_rig_free(&rig);
}

/* A clock that runs backwards gives nothing and takes nothing. */
static void test_clock_runs_backwards(void **state)
{
	struct crmg_rig *rig = rig_with_limits("packets: {rate: 10/s, burst: 10}");

	(void)state;
	use_source(PEER4);
	assert_int_equal(burst_at(rig, START_NS, 4), 4);
	for (unsigned int i = 0; i < 100; i++)
		admitted(rig, START_NS - i * 20000000ULL);
	assert_true(burst_at(rig, START_NS, 20) <= 6);
	assert_int_equal(burst_at(rig, START_NS + 2 * CRMG_NS_PER_SEC, 20), 10);
	crmg_rig_free(&rig);
}

/* A refusal moves no bucket: who keeps hammering gets his rate, not zero. */
static void test_refusals_are_free(void **state)
{
	struct crmg_rig *rig = rig_with_limits("connections: {rate: 10/s, burst: 10}, "
					       "packets: {rate: 100/s, burst: 100}, "
					       "bytes: {rate: 100kB/s, burst: 64KiB}");
	struct crmg_test_packet syn = tcp_packet(PEER4, 443, CRMG_TEST_SYN);
	struct crmg_test_packet ack = tcp_packet(PEER4, 443, CRMG_TEST_ACK);

	(void)state;
	crmg_test_build(&syn, &frame);
	assert_int_equal(burst_at(rig, START_NS, 1000), 10);
	/* 990 refused SYN took no packet and no byte: 90 packets are left. */
	crmg_test_build(&ack, &frame);
	assert_int_equal(burst_at(rig, START_NS, 1000), 90);
	/* Refused packets took no connection: after a second there are 10 again. */
	crmg_test_build(&syn, &frame);
	assert_int_equal(burst_at(rig, START_NS + CRMG_NS_PER_SEC, 1000), 10);
	crmg_rig_free(&rig);
}

/* ------------------------------------------------- differential, D9 and D10 */

#define POLICIES  60
#define SCHEDULES 100000
#define STEPS     20

static void write_policies(char *text, size_t size, struct crmg_test_random *random)
{
	static const char *const per[] = { "s", "s", "10s", "m", "h", "d" };
	size_t at = 0;

#define ADD(...) (at += (size_t)snprintf(text + at, size - at, __VA_ARGS__))
	ADD("version: 1\ncapacity: {sources: 1024}\nservices:\n");
	for (unsigned int i = 0; i < POLICIES; i++)
		ADD("  s%u: {transport: tcp, ports: [%u]}\n", i, 1000 + i);
	ADD("policies:\n");
	for (unsigned int i = 0; i < POLICIES; i++) {
		unsigned int kinds = 1 + crmg_test_below(random, 7);

		ADD("  - {name: p%u, service: s%u, clients: any, limits: {", i, i);
		if (kinds & 1)
			ADD("connections: {rate: %u/%s, burst: %u}, ",
			    1 + crmg_test_below(random, 1000), per[crmg_test_below(random, 6)],
			    1 + crmg_test_below(random, 6));
		if (kinds & 2)
			ADD("packets: {rate: %u/%s, burst: %u}, ",
			    1 + crmg_test_below(random, i % 2 ? 1000000 : 30),
			    per[crmg_test_below(random, 6)], 1 + crmg_test_below(random, 12));
		if (kinds & 4)
			ADD("bytes: {rate: %ukB/s, burst: 64KiB}", 1 + crmg_test_below(random, 20000));
		ADD("}}\n");
	}
#undef ADD
	assert_true(at < size);
}

/* Buckets of a new source of policy i, as the compiled policy says. */
static void new_buckets(struct crmg_rig *rig, unsigned int i, struct crmg_test_bucket *b)
{
	const struct crmg_image *image = crmg_rig_image(rig);
	char name[8];
	uint32_t service;

	snprintf(name, sizeof(name), "s%u", i);
	service = crmg_image_service_find(image, name);
	for (int k = 0; k < CRMG_LIMIT_COUNT; k++) {
		uint32_t at = crmg_image_service(image, service)->none_binding;
		const struct crmg_binding *binding = crmg_image_binding(image, at);

		b[k] = crmg_test_bucket(binding->limits & 1 << k,
					&crmg_image_label(image, at)->terms[k]);
	}
}

/* Nanoseconds to the next packet: a volley, about an interval, exactly one, or a pause. */
static uint64_t next_step(struct crmg_test_random *random, const struct crmg_test_bucket *b)
{
	const struct crmg_test_bucket *pace = &b[crmg_test_below(random, CRMG_LIMIT_COUNT)];
	uint64_t interval;

	if (!pace->set || crmg_test_below(random, 2))
		return 0;
	interval = pace->terms.per_ns / pace->terms.count;
	switch (crmg_test_below(random, 4)) {
	case 0:
		return interval;
	case 1:
		return interval * pace->terms.burst * crmg_test_below(random, 1000) / 400;
	default:
		return interval * crmg_test_below(random, 1000) / 500;
	}
}

/* One packet through the model, with what the program said (reason OK: it passed). */
static bool model_agrees(struct crmg_test_bucket *b, const uint64_t *units,
			 enum crmg_reason reason)
{
	static const enum crmg_reason reasons[] = {
		CRMG_REASON_CONNECTIONS, CRMG_REASON_PACKETS, CRMG_REASON_BYTES,
	};
	for (int k = 0; k < CRMG_LIMIT_COUNT; k++) {
		__int128 left = crmg_test_left(&b[k], units[k]);

		if (!b[k].set || !units[k])
			continue;
		if (reason == reasons[k])
			return left < crmg_test_blur(&b[k]);
		if (left < -crmg_test_blur(&b[k]))
			return false;
	}
	if (reason != CRMG_REASON_OK)
		return false;
	for (int k = 0; k < CRMG_LIMIT_COUNT; k++)
		crmg_test_charge(&b[k], units[k]);
	return true;
}

static void run_schedule(struct crmg_rig *rig, struct crmg_test_random *random, uint32_t n,
			 uint64_t *now)
{
	unsigned int policy = crmg_test_below(random, POLICIES);
	struct crmg_test_packet p = tcp_packet(stranger(n), (uint16_t)(1000 + policy), 0);
	struct crmg_test_bucket buckets[CRMG_LIMIT_COUNT];
	char service[8];

	snprintf(service, sizeof(service), "s%u", policy);
	new_buckets(rig, policy, buckets);
	for (int i = 0; i < STEPS; i++) {
		bool syn = crmg_test_below(random, 2);
		uint64_t units[CRMG_LIMIT_COUNT], step = i ? next_step(random, buckets) : 0;
		enum crmg_reason reason = CRMG_REASON_OK;

		*now += step;
		p.tcp_flags = syn ? CRMG_TEST_SYN : CRMG_TEST_ACK;
		p.payload = crmg_test_below(random, 4) ? 3000 : 0;
		crmg_test_build(&p, &frame);
		units[CRMG_LIMIT_CONNECTIONS] = syn;
		units[CRMG_LIMIT_PACKETS] = 1;
		units[CRMG_LIMIT_BYTES] = frame.len;
		for (int k = 0; k < CRMG_LIMIT_COUNT; k++)
			if (buckets[k].set)
				crmg_test_refill(&buckets[k], step);
		if (!admitted(rig, *now))
			reason = crmg_rig_refused(rig, service, p.src);
		if (!model_agrees(buckets, units, reason))
			fail_msg("schedule %u, policy p%u, step %d: reason %d", n, policy, i, reason);
	}
}

static void test_model(void **state)
{
	static char policy[32768];
	struct crmg_test_random random = { 9 };
	uint64_t now = START_NS;
	struct crmg_rig *rig;

	(void)state;
	print_message("# seed %lu\n", random.state);
	write_policies(policy, sizeof(policy), &random);
	rig = crmg_rig_new(policy);
	for (uint32_t n = 0; n < SCHEDULES; n++) {
		/* In an empty line a source has its slot from the first packet. */
		crmg_rig_forget(rig);
		run_schedule(rig, &random, n, &now);
		now += crmg_test_below(&random, 1000);
	}
	crmg_rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refill_keeps_remainders),
		cmocka_unit_test(test_window_edges),
		cmocka_unit_test(test_extreme_clocks),
		cmocka_unit_test(test_clock_runs_backwards),
		cmocka_unit_test(test_refusals_are_free),
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("limit", tests, NULL, NULL);
}
