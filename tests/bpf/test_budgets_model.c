// SPDX-License-Identifier: GPL-2.0
/*
 * test_budgets_model.c - every limit of every scope at once against naive buckets in exact
 * arithmetic: is the packet admitted, and if not, for which reason? Random policies,
 * sources, times.
 */
#include "bpf_test.h"

#include <stdio.h>

#include "../lib/bucket.h"
#include "../lib/random.h"

#define SERVICES  40
#define SCHEDULES 6000
#define STEPS     100
#define SOURCES   6		/* in two prefixes; every third is a partner */

static struct crmg_test_frame frame;

/* ----------------------------------------------------------------- policies */

static size_t write_limits(char *text, size_t size, struct crmg_test_random *random)
{
	static const char *const per[] = { "s", "10s", "m", "d" };
	unsigned int kinds = 1 + crmg_test_below(random, 7);
	size_t at = 0;

#define ADD(...) (at += (size_t)snprintf(text + at, size - at, __VA_ARGS__))
	ADD("limits: {");
	if (kinds & 1)
		ADD("connections: {rate: %u/%s, burst: %u}, ", 1 + crmg_test_below(random, 100),
		    per[crmg_test_below(random, 4)], 1 + crmg_test_below(random, 20));
	if (kinds & 2)
		ADD("packets: {rate: %u/%s, burst: %u}, ", 1 + crmg_test_below(random, 1000),
		    per[crmg_test_below(random, 4)], 1 + crmg_test_below(random, 40));
	if (kinds & 4)
		ADD("bytes: {rate: %ukB/s, burst: 64KiB}", 1 + crmg_test_below(random, 1000));
	ADD("}");
	return at;
}

/* Three of four services have a total, policies any of the three scopes. */
static void write_policies(char *text, size_t size, struct crmg_test_random *random)
{
	static const char *const clients[] = { "any", "partners" };
	size_t at = 0;

	ADD("version: 1\ncapacity: {sources: 1024}\n"
	    "clients: {partners: {prefixes: [203.0.113.0/28, \"2001:db8:7::/60\"]}}\nservices:\n");
	for (unsigned int i = 0; i < SERVICES; i++) {
		ADD("  s%u: {ports: [%u]", i, 1000 + i);
		if (i % 4) {
			ADD(", total: {");
			at += write_limits(text + at, size - at, random);
			ADD("}");
		}
		ADD("}\n");
	}
	ADD("policies:\n");
	for (unsigned int i = 0; i < 2 * SERVICES; i++) {
		static const char *const scopes[] = { "aggregate", "total" };

		ADD("  - {name: p%u, service: s%u, clients: %s, ", i, i / 2, clients[i % 2]);
		at += write_limits(text + at, size - at, random);
		for (int scope = 0; scope < 2; scope++) {
			if (crmg_test_below(random, 3) == 0)
				continue;
			ADD(", %s: {", scopes[scope]);
			at += write_limits(text + at, size - at, random);
			ADD("}");
		}
		ADD("}\n");
	}
#undef ADD
	assert_true(at < size);
}

/* -------------------------------------------------------------------- model */

/* The buckets of one scope; where it has none, no limit is set. */
struct scope {
	struct crmg_test_bucket limit[CRMG_BUCKET_LIMITS];
};

/* All that packets of a service meet: of one policy or the other, and of the service. */
struct model {
	struct scope source[SOURCES];
	struct scope aggregate[2][2];	/* policy, prefix */
	struct scope policy[2];
	struct scope service;
};

static struct scope new_scope(__u8 set, const struct crmg_terms *terms)
{
	struct scope scope;

	for (int k = 0; k < CRMG_BUCKET_LIMITS; k++)
		scope.limit[k] = crmg_test_bucket(set & 1 << k, &terms[k]);
	return scope;
}

static struct crmg_addr source_addr(unsigned int n, bool v6)
{
	/* 203.0.113.0/24 and its neighbour; 2001:db8:7::/48 and its neighbour */
	if (v6)
		return CRMG_TEST_V6(0x20010db800070000 + (n & 1) * 0x10000 + (n % 3 ? 0x100 : 0) + n, 0);
	return CRMG_TEST_V4(203, 0, 113 + (n & 1), n + (n % 3 ? 100 : 0));
}

static __u8 total_set(const struct crmg_image *image, uint32_t service)
{
	const struct crmg_service *s = crmg_image_service(image, service);
	__u8 set = 0;

	for (int k = 0; k < CRMG_BUCKET_LIMITS; k++)
		set |= s->total[k].count ? 1 << k : 0;
	return set;
}

/* Full buckets, as the compiled policy says; fills policy_of with each source's of the two. */
static struct model new_model(const struct crmg_image *image, uint32_t service, bool v6,
			      int policy_of[SOURCES])
{
	struct model m;
	uint32_t binding[2] = { 0 };

	for (unsigned int n = 0; n < SOURCES; n++) {
		struct crmg_addr addr = source_addr(n, v6);
		uint32_t at = crmg_image_resolve(image, service, &addr);

		policy_of[n] = at != crmg_image_service(image, service)->none_binding;
		binding[policy_of[n]] = at;
		m.source[n] = new_scope(crmg_image_binding(image, at)->limits,
					crmg_image_label(image, at)->terms);
	}
	for (int p = 0; p < 2; p++) {
		const struct crmg_binding *b = crmg_image_binding(image, binding[p]);
		const struct crmg_label *label = crmg_image_label(image, binding[p]);

		m.aggregate[p][0] = new_scope(b->aggregate_limits, label->aggregate);
		m.aggregate[p][1] = m.aggregate[p][0];
		m.policy[p] = new_scope(b->total_limits, label->total);
	}
	m.service = new_scope(total_set(image, service), crmg_image_service(image, service)->total);
	return m;
}

static void refill(struct model *m, uint64_t elapsed_ns)
{
	struct scope *scopes = (struct scope *)m;

	for (size_t i = 0; i < sizeof(*m) / sizeof(*scopes); i++)
		for (int k = 0; k < CRMG_BUCKET_LIMITS; k++)
			if (scopes[i].limit[k].set)
				crmg_test_refill(&scopes[i].limit[k], elapsed_ns);
}

/*
 * One packet through the model, with what the program said (reason OK: it passed):
 * limits in their order, and of each the scopes in theirs.
 */
static bool model_agrees(struct scope *const scopes[CRMG_SCOPE_COUNT], const uint64_t *units,
			 enum crmg_reason reason)
{
	static const enum crmg_reason own[] = {
		CRMG_REASON_CONNECTIONS, CRMG_REASON_PACKETS, CRMG_REASON_BYTES,
	};

	for (int k = 0; k < CRMG_BUCKET_LIMITS; k++)
		for (int s = 0; s < CRMG_SCOPE_COUNT; s++) {
			const struct crmg_test_bucket *b = &scopes[s]->limit[k];
			enum crmg_reason refusal = s == CRMG_SCOPE_SOURCE ? own[k] :
						   s == CRMG_SCOPE_AGGREGATE ?
						   CRMG_REASON_AGGREGATE : CRMG_REASON_TOTAL;

			if (!b->set || !units[k])
				continue;
			if (reason == refusal && crmg_test_left(b, units[k]) < crmg_test_blur(b))
				return true;
			if (crmg_test_left(b, units[k]) < -crmg_test_blur(b))
				return false;
		}
	if (reason != CRMG_REASON_OK)
		return false;
	for (int k = 0; k < CRMG_BUCKET_LIMITS; k++)
		for (int s = 0; s < CRMG_SCOPE_COUNT; s++)
			crmg_test_charge(&scopes[s]->limit[k], units[k]);
	return true;
}

/* ---------------------------------------------------------------- schedules */

/* Nanoseconds to the next packet: mostly none, else about what a bucket needs for a unit. */
static uint64_t next_step(struct crmg_test_random *random, const struct scope *scope)
{
	const struct crmg_test_bucket *b = &scope->limit[crmg_test_below(random, CRMG_BUCKET_LIMITS)];

	if (!b->set || crmg_test_below(random, 4))
		return 0;
	return b->terms.per_ns / b->terms.count * crmg_test_below(random, 3000) / 1000;
}

static enum crmg_reason judge(struct crmg_rig *rig, const char *service, struct crmg_addr src)
{
	return crmg_rig_xdp(rig, &frame, NULL) == XDP_PASS ? CRMG_REASON_OK :
							     crmg_rig_refused(rig, service, src);
}

static void run_schedule(struct crmg_rig *rig, struct crmg_test_random *random, uint32_t n,
			 uint64_t *now, unsigned int *hits)
{
	unsigned int i = crmg_test_below(random, SERVICES);
	bool v6 = crmg_test_below(random, 2);
	int policy_of[SOURCES];
	struct model m;
	char service[8];

	snprintf(service, sizeof(service), "s%u", i);
	m = new_model(crmg_rig_image(rig), crmg_image_service_find(crmg_rig_image(rig), service),
		      v6, policy_of);
	for (int step = 0; step < STEPS; step++) {
		unsigned int from = crmg_test_below(random, SOURCES);
		int p = policy_of[from];
		struct scope *const scopes[] = { &m.source[from], &m.aggregate[p][from & 1],
						 &m.policy[p], &m.service };
		bool syn = crmg_test_below(random, 2);
		struct crmg_test_packet packet = tcp_packet(source_addr(from, v6), 1000 + i,
							    syn ? CRMG_TEST_SYN : CRMG_TEST_ACK);
		uint64_t elapsed = next_step(random, scopes[crmg_test_below(random, 4)]);
		uint64_t units[CRMG_BUCKET_LIMITS] = { syn, 1 };
		enum crmg_reason reason;

		packet.payload = crmg_test_below(random, 2) ? 0 : 30000;
		crmg_test_build(&packet, &frame);
		units[CRMG_LIMIT_BYTES] = frame.len;
		*now += elapsed;
		refill(&m, elapsed);
		crmg_rig_set_clock(rig, *now);
		reason = judge(rig, service, packet.src);
		hits[reason]++;
		if (!model_agrees(scopes, units, reason))
			fail_msg("schedule %u, service %s, step %d: reason %d", n, service, step,
				 reason);
	}
}

static void test_model(void **state)
{
	static char policy[65536];
	struct crmg_test_random random = { 12 };
	unsigned int hits[CRMG_REASON_COUNT] = { 0 };
	uint64_t now = START_NS;
	struct crmg_rig *rig;

	(void)state;
	print_message("# seed %lu\n", random.state);
	write_policies(policy, sizeof(policy), &random);
	rig = crmg_rig_new(policy);
	for (uint32_t n = 0; n < SCHEDULES; n++) {
		/* In an empty line a source has its slot from the first packet. */
		crmg_rig_forget(rig);
		run_schedule(rig, &random, n, &now, hits);
	}
	print_message("# %u passed, %u connections, %u packets, %u bytes, %u aggregate, %u total\n",
		      hits[CRMG_REASON_OK], hits[CRMG_REASON_CONNECTIONS],
		      hits[CRMG_REASON_PACKETS], hits[CRMG_REASON_BYTES],
		      hits[CRMG_REASON_AGGREGATE], hits[CRMG_REASON_TOTAL]);
	for (int r = CRMG_REASON_CONNECTIONS; r <= CRMG_REASON_BYTES; r++)
		assert_true(hits[r] > SCHEDULES / 100);
	assert_true(hits[CRMG_REASON_AGGREGATE] > SCHEDULES && hits[CRMG_REASON_TOTAL] > SCHEDULES);
	crmg_rig_free(&rig);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_model),
	};

	return cmocka_run_group_tests_name("budgets_model", tests, NULL, NULL);
}
