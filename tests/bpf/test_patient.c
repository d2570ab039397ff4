// SPDX-License-Identifier: GPL-2.0
/*
 * test_patient.c - how a source asks is noted as headers/crmgate/patience.h says, request by
 * request, over days of a clock that is set; and of whom it is not.
 */
#include "talk.h"

#include <crmgate/patience.h>

#define GET "GET / HTTP/1.1\r\nHost: api.example.org\r\n\r\n"

#define OTHER4 CRMG_TEST_V4(198, 51, 100, 7)

#define REQUESTS 400

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024, flows: 1024}\n"
	"services: {api: {transport: tcp, protocol: http, ports: [443]}}\n"
	"clients: {quiet: {prefixes: [198.51.100.0/24]}}\n"
	"policies:\n"
	"  - {name: public, service: api, clients: any, limits: {requests: {rate: 1/s, burst: 2}},\n"
	"     detect: {patient: observe}}\n"
	"  - {name: quiet, service: api, clients: quiet, limits: {requests: {rate: 1/s}}}\n";

static uint64_t now;

static void later(uint64_t ns)
{
	now += ns;
	crmg_rig_set_clock(rig, now);
}

static uint32_t asks(struct talk *t)
{
	return says(t, GET, strlen(GET));
}

static struct crmg_patience *noted(struct crmg_addr client)
{
	struct crmg_patience *p = crmg_rig_patience(rig, "api", client);

	assert_non_null(p);
	return p;
}

static uint64_t below(uint64_t limit)
{
	static uint64_t state = 20261130;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % limit;
}

/* So many segments of an answer, of random length, some of them twice. Its bytes. */
static uint64_t answers_in(struct talk *t, uint64_t segments)
{
	uint64_t bytes = 0;

	for (; segments; segments--) {
		uint32_t len = 1 + (uint32_t)below(1400);

		server_says(t, ACK, len);
		bytes += len;
		if (below(4))
			continue;
		t->c.next -= len;
		server_says(t, ACK, len);
	}
	return bytes;
}

/* Seconds mostly, milliseconds, and now and then hours or a day. */
static uint64_t any_gap(void)
{
	static const uint64_t most_ms[] = { 8000, 8000, 8000, 100, 600000, 86400000 };

	return 1000000 * (1000 + below(most_ms[below(CRMG_ARRAY_SIZE(most_ms))]));
}

static void test_model(void **state)
{
	struct crmg_patience model, *p;
	uint64_t answered = 0;
	unsigned int begun = 0;
	struct talk t;

	(void)state;
	t = talk(PEER4, 1024);
	assert_int_equal(asks(&t), XDP_PASS);
	crmg_patience_begin(&model, noted(PEER4)->check, 0, now);
	model.detect = noted(PEER4)->detect;
	for (unsigned int i = 0; i < REQUESTS; i++) {
		answered += answers_in(&t, below(20));
		later(any_gap());
		assert_int_equal(asks(&t), XDP_PASS);
		crmg_patience_ask(&model, answered, now);
		begun += model.active == 1;
		p = noted(PEER4);
		model.index = p->index;
		model.detect = p->detect;
		assert_memory_equal(p, &model, sizeof(model));
	}
	/* Days without a request were among them. */
	assert_true(begun);
}

/* What is refused was no request to the server. One whose policy does not look is noted as well. */
static void test_not(void **state)
{
	struct talk t = talk(PEER4, 1024), quiet = talk(OTHER4, 1024);
	struct crmg_patience before;

	(void)state;
	asks(&t);
	answers(&t);
	asks(&t);
	answers(&t);
	before = *noted(PEER4);
	later(1000000);
	assert_int_equal(asks(&t), XDP_DROP);
	assert_memory_equal(noted(PEER4), &before, sizeof(before));
	assert_int_equal(asks(&quiet), XDP_PASS);
	assert_int_equal(noted(OTHER4)->check, crmg_rig_slot(rig, "api", OTHER4)->check);
	assert_int_equal(noted(OTHER4)->detect, 0);
	assert_int_not_equal(noted(PEER4)->detect, 0);
}

/*
 * Of two sources that meet in one place the first stays, as long as it asks and its policy looks
 * for patient ones.
 */
static void test_place(void **state)
{
	struct talk t = talk(PEER4, 1024), quiet = talk(OTHER4, 1024);
	struct crmg_patience *p;

	(void)state;
	p = noted(OTHER4);
	p->check = 1;
	p->last_ns = now;
	asks(&quiet);
	assert_int_equal(p->check, 1);
	p = noted(PEER4);
	p->check = 1;
	p->last_ns = now;
	p->detect = 1;
	later(CRMG_PATIENCE_QUIET_NS - 1);
	asks(&t);
	assert_int_equal(p->check, 1);
	/* Noted by a CPU whose clock is ahead. */
	p->last_ns = now + 1;
	answers(&t);
	asks(&t);
	assert_int_equal(p->check, 1);
	p->last_ns = now - CRMG_PATIENCE_QUIET_NS + 1;
	later(2 * CRMG_NS_PER_SEC);
	answers(&t);
	assert_int_equal(asks(&t), XDP_PASS);
	assert_int_equal(p->check, crmg_rig_slot(rig, "api", PEER4)->check);
	assert_int_equal(p->active, 1);
	p->check = 1;
	p->last_ns = now;
	p->detect = 0;
	answers(&t);
	later(2 * CRMG_NS_PER_SEC);
	assert_int_equal(asks(&t), XDP_PASS);
	assert_int_equal(p->check, crmg_rig_slot(rig, "api", PEER4)->check);
}

static int set_up(void **state)
{
	(void)state;
	now = START_NS;
	return set_up_policy(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_model, set_up),
		TEST(test_not, set_up),
		TEST(test_place, set_up),
	};

	return cmocka_run_group_tests_name("patient", tests, NULL, NULL);
}
