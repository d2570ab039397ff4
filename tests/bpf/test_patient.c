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

static uint64_t sent_to(struct crmg_addr client)
{
	return crmg_rig_detail(rig, "api", client)->bytes_out;
}

static uint64_t below(uint64_t limit)
{
	static uint64_t state = 20261130;

	state = state * 6364136223846793005u + 1442695040888963407u;
	return (state >> 33) % limit;
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
	unsigned int begun = 0;
	struct talk t;

	(void)state;
	t = talk(PEER4, 1024);
	assert_int_equal(asks(&t), XDP_PASS);
	crmg_patience_begin(&model, noted(PEER4)->check, sent_to(PEER4), now);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		for (uint64_t n = below(20); n; n--)
			server_says(&t, ACK, 1 + (uint32_t)below(1400));
		later(any_gap());
		assert_int_equal(asks(&t), XDP_PASS);
		crmg_patience_ask(&model, sent_to(PEER4), now);
		begun += model.active == 1;
		p = noted(PEER4);
		model.index = p->index;
		assert_memory_equal(p, &model, sizeof(model));
	}
	/* Days without a request were among them. */
	assert_true(begun);
}

/* What is refused was no request to the server, and what another policy is of is not noted. */
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
	assert_int_equal(noted(OTHER4)->check, 0);
}

/* Of two sources that meet in one place the first stays, as long as it asks. */
static void test_place(void **state)
{
	struct talk t = talk(PEER4, 1024);
	struct crmg_patience *p;

	(void)state;
	p = noted(PEER4);
	p->check = 1;
	p->last_ns = now;
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
