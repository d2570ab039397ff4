// SPDX-License-Identifier: GPL-2.0
/* test_metrics.c - the whole text against a golden file, and what must hold in any. */
#include "snapshot.h"
#include "golden.h"
#include "../../user/report/metrics.h"

/* An origin that has added bans; they stand in the order in which they came. */
static void add_origin(const char *name, uint64_t added)
{
	struct crmg_origin *origin = fx.origins;

	while (origin->name[0])
		origin++;
	crmg_copy(origin->name, sizeof(origin->name), name);
	origin->added = added;
}

/* Counters that tell policies apart, and add up. */
static void fill_row(struct crmg_row *row, uint64_t base, enum crmg_reason refusal)
{
	for (int v = 0; v < CRMG_VERDICT_COUNT; v++) {
		row->packets[v] = base + v;
		row->bytes[v] = 100 * (base + v);
		row->connections[v] = base / 10 + v;
	}
	row->packets_out = base + 7;
	row->bytes_out = 1000 * base;
	row->reasons[CRMG_REASON_OK] = row->packets[CRMG_VERDICT_PASS];
	row->reasons[refusal] = row->packets[CRMG_VERDICT_DROP] + row->packets[CRMG_VERDICT_RESET];
	row->would_drop[refusal] = base + 9;
}

static char *written(void)
{
	return TEXT_OF(crmg_metrics_write, &fx.snap);
}

static size_t lines_of(const char *text)
{
	size_t lines = 0;

	for (; *text; text++)
		lines += *text == '\n';
	return lines;
}

static size_t count_of(const char *text, const char *part)
{
	size_t count = 0;

	while ((text = strstr(text, part))) {
		text += strlen(part);
		count++;
	}
	return count;
}

static void test_golden(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	add_quotas();
	widen();
	fill_row(row_of("web", "partners"), 1000, CRMG_REASON_BYTES);
	fill_row(row_of("web", "public"), 2000, CRMG_REASON_CONNECTIONS);
	row_of("web", "public")->versions[CRMG_TLS_VERSION_13] = 77;
	row_of("web", "public")->versions[CRMG_TLS_VERSION_FAILED] = 1;
	fill_row(row_of("web", "bad"), 3000, CRMG_REASON_DENIED);
	/* A limit that the policy no longer has: still counted. */
	fill_row(row_of("dns", "public"), 4000, CRMG_REASON_BYTES);
	row_of("web", "allow")->packets[CRMG_VERDICT_PASS] = 5;
	*client_row_of("partners") = (struct crmg_client_row){
		.packets = { 1000, 20, 3 }, .bytes = { 100000, 2000, 300 }, .bytes_out = 5000,
		.requests = 70,
	};
	for (int i = 0; i < CRMG_HOST_COUNT; i++)
		fx.snap.host.counter[i] = 10 + i;
	add_iface("eth1");
	add_iface("eth2")->present = false;
	add_ban("10.3.0.0/16", 0, 60);
	crmg_copy(add_ban("10.4.0.0/16", 0, 0)->ban.origin, CRMG_NAME_LEN, "feed");
	fx.origins[0].added = 3;
	add_origin("feed", 500);
	fx.snap.tracked = 99;
	for (int i = 0; i < CRMG_SOURCE_STATE_COUNT; i++)
		fx.snap.by_state[i] = 30 + i;
	text = written();
	golden("metrics.txt", text);
	free(text);
}

/* Of a client they are an estimate if they are one at any of its services. */
static void test_requests_of_clients(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	limit(&fx.policy.policies[0], CRMG_LIMIT_REQUESTS, 10, 10);
	crmg_image_free(&fx.image);
	compile_fixture();
	client_row_of("partners")->requests = 70;
	text = written();
	assert_non_null(strstr(text,
			"\ncrmgate_client_requests_estimated_total{client=\"partners\"} 70\n"));
	assert_null(strstr(text, "\ncrmgate_client_requests_total{"));
	assert_null(strstr(text, "_estimated_total{client=\"bad\""));
	free(text);
}

static void test_pending(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	fx.snap.pending.generation = GENERATION;
	text = written();
	assert_non_null(strstr(text, "\ncrmgate_policy_pending_confirm 1\n"));
	free(text);
}

/* E2: a name out of a map can hold anything; a line stays a line. */
static void test_labels(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	memcpy(add_iface("")->wanted.name, "a\"b\\c\nd\033\xff", 10);
	memset(fx.origins[0].name, '"', CRMG_NAME_LEN);
	text = written();
	assert_non_null(strstr(text, "{interface=\"a\\\"b\\\\c\\\\x0ad\\\\x1b\\\\xff\",hook=\"xdp\""));
	assert_non_null(strstr(text, "crmgate_bans{origin=\"\\\"\\\"\\\""));
	free(text);
}

/* E3, T24: the number of lines knows nothing of sources. */
static void test_series_are_bounded(void **state)
{
	size_t lines;
	char *text;

	(void)state;
	fixture_init();
	text = written();
	lines = lines_of(text);
	free(text);
	for (uint32_t i = 0; i < CAPACITY; i++)
		add_source(i, "10.1.2.3");
	text = written();
	assert_int_equal(lines_of(text), lines);
	free(text);
}

/* The entries of the table of origins are all there can be; the last stands for the rest. */
static void test_origins_are_bounded(void **state)
{
	char name[CRMG_NAME_LEN];
	char *text;

	(void)state;
	fixture_init();
	text = written();
	assert_non_null(strstr(text, "crmgate_bans{origin=\"manual\"} 0\n"));
	assert_non_null(strstr(text, "crmgate_bans_added_total{origin=\"manual\"} 0\n"));
	free(text);
	for (int i = 0; i < 64; i++) {
		snprintf(name, sizeof(name), "origin%d", i);
		if (i < CRMG_ORIGINS_MAX - 2)
			add_origin(name, 1);
		crmg_copy(add_ban("10.3.0.0/16", 0, 60)->ban.origin, CRMG_NAME_LEN, name);
	}
	add_origin("other", 34);
	text = written();
	assert_non_null(strstr(text, "crmgate_bans{origin=\"origin29\"} 1\n"));
	assert_null(strstr(text, "origin30"));
	assert_non_null(strstr(text, "crmgate_bans{origin=\"other\"} 34\n"));
	assert_non_null(strstr(text, "crmgate_bans_added_total{origin=\"other\"} 34\n"));
	free(text);
}

/* Automatic bans are there from 0 on, and those fed back from a list are not a second series. */
static void test_automatic_bans(void **state)
{
	char *text;

	(void)state;
	fixture_init();
	text = written();
	assert_non_null(strstr(text, "crmgate_bans{origin=\"auto\"} 0\n"));
	assert_non_null(strstr(text, "crmgate_bans_added_total{origin=\"auto\"} 0\n"));
	free(text);
	fx.snap.by_state[CRMG_SOURCE_BANNED] = 5;
	fx.snap.host.counter[CRMG_HOST_AUTO_BANS] = 70;
	add_origin("auto", 2);
	crmg_copy(add_ban("10.4.0.1", 1, 60)->ban.origin, CRMG_NAME_LEN, "auto");
	text = written();
	assert_non_null(strstr(text, "crmgate_bans{origin=\"auto\"} 6\n"));
	assert_int_equal(count_of(text, "\ncrmgate_bans{origin=\"auto\"}"), 1);
	assert_non_null(strstr(text, "crmgate_bans_added_total{origin=\"auto\"} 72\n"));
	free(text);
}

static void test_full_disk(void **state)
{
	FILE *full = fopen("/dev/full", "w");

	(void)state;
	fixture_init();
	assert_non_null(full);
	setvbuf(full, NULL, _IONBF, 0);
	assert_int_equal(crmg_metrics_write(&fx.snap, full), -EIO);
	fclose(full);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_requests_of_clients),
		cmocka_unit_test(test_pending),
		cmocka_unit_test(test_labels),
		cmocka_unit_test(test_series_are_bounded),
		cmocka_unit_test(test_origins_are_bounded),
		cmocka_unit_test(test_automatic_bans),
		cmocka_unit_test(test_full_disk),
	};
	int failed = cmocka_run_group_tests_name("metrics", tests, NULL, NULL);

	crmg_image_free(&fx.image);
	return failed;
}
