/* SPDX-License-Identifier: GPL-2.0 */
/*
 * test_config.c - policy files to models. Each file of tests/golden/config is a
 * test of its own: NAME.yaml gives the messages of NAME.expected; only those
 * called good_* and warn_* are accepted.
 */
#include "outcome.h"

#include <dirent.h>
#include <errno.h>
#include <unistd.h>

#define GOLDEN "tests/golden/config"

static char *slurp(const char *path)
{
	crmg_autofclose FILE *file = fopen(path, "r");
	size_t size = 0;
	char *text = NULL;

	if (!file)
		fail_msg("%s: %s", path, strerror(errno));
	if (getdelim(&text, &size, 0, file) < 0) {	/* empty: nothing is said */
		free(text);
		return strdup("");
	}
	return text;
}

static void test_golden(void **state)
{
	const char *name = *state;
	bool good = !strncmp(name, "good_", 5) || !strncmp(name, "warn_", 5);
	crmg_autofree char *yaml = NULL, *expected_path = NULL, *expected = NULL;
	OUTCOME o = { 0 };

	assert_true(asprintf(&yaml, "%s.yaml", name) > 0);
	assert_true(asprintf(&expected_path, "%s.expected", name) > 0);
	expected = slurp(expected_path);
	o = read_policy(yaml, false);
	assert_string_equal(o.text, expected);
	assert_int_equal(o.result, good ? 0 : -EINVAL);
	assert_int_equal(o.err.count == 0, !strncmp(name, "good_", 5));
}

static int is_yaml(const struct dirent *entry)
{
	const char *dot = strrchr(entry->d_name, '.');

	return dot && !strcmp(dot, ".yaml");
}

static struct dirent **files;
static struct CMUnitTest *golden_tests;
static int file_count;

static void find_golden_files(void)
{
	file_count = scandir(".", &files, is_yaml, alphasort);
	if (file_count < 0)
		file_count = 0;
	golden_tests = calloc(file_count + 1, sizeof(*golden_tests));
	for (int i = 0; i < file_count; i++) {
		*strrchr(files[i]->d_name, '.') = 0;
		golden_tests[i] = (struct CMUnitTest){
			.name = files[i]->d_name, .test_func = test_golden,
			.initial_state = files[i]->d_name,
		};
	}
}

static void free_golden_files(void)
{
	for (int i = 0; i < file_count; i++)
		free(files[i]);
	free(files);
	free(golden_tests);
}

static void test_a1_corpus_is_large(void **state)
{
	int bad = 0;

	(void)state;
	for (int i = 0; i < file_count; i++)
		bad += strncmp(files[i]->d_name, "good_", 5) &&
		       strncmp(files[i]->d_name, "warn_", 5);
	assert_true(bad >= 50);
}

/* ------------------------------------------------------------------ models */

static void test_example_model(void **state)
{
	OUTCOME o = read_policy("good_example.yaml", false);
	const struct crmg_model *m = o.model;
	const struct crmg_model_policy *public;
	const struct crmg_model_limit *limit;

	(void)state;
	assert_int_equal(o.result, 0);
	assert_int_equal(m->capacity, 262144);
	assert_int_equal(m->flows, 262144);
	assert_int_equal(m->v4_prefix, 32);
	assert_int_equal(m->v6_prefix, 64);
	assert_string_equal(m->shown, "good_example.yaml");
	assert_int_equal(m->file[0], '/');

	assert_int_equal(m->service_count, 2);
	assert_string_equal(m->services[0].name, "crm-api");
	assert_int_equal(m->services[0].protocol, CRMG_PROTOCOL_TLS);
	assert_int_equal(m->services[0].port_count, 2);
	assert_int_equal(m->services[0].ports[0].first, 443);
	assert_int_equal(m->services[0].ports[0].last, 443);
	assert_int_equal(m->services[0].ports[1].first, 8443);
	assert_int_equal(m->services[0].ports[1].last, 8447);
	assert_int_equal(m->services[0].address_count, 0);
	assert_int_equal(m->services[1].address_count, 1);
	assert_int_equal(m->services[1].addresses[0].len, 96 + 16);

	assert_int_equal(m->client_count, 2);
	assert_int_equal(m->clients[0].prefix_count, 2);
	assert_int_equal(m->clients[0].file_count, 0);
	assert_int_equal(m->clients[1].prefix_count, 3);
	assert_int_equal(m->clients[1].file_count, 1);
	assert_string_equal(m->clients[1].files[0], "lists/scanners.txt");
	assert_true(m->clients[1].prefixes[0].from_file);
	assert_int_equal(m->clients[1].prefixes[0].place.line, 2);
	assert_int_equal(m->clients[1].prefixes[1].place.line, 5);
	assert_int_equal(m->clients[1].prefixes[1].place.column, 2);

	assert_int_equal(m->policy_count, 3);
	assert_int_equal(m->policies[0].limits[CRMG_LIMIT_PACKETS].terms.burst, 20000);
	public = &m->policies[1];
	assert_int_equal(public->service_count, 2);
	assert_int_equal(public->services[1], 1);
	assert_int_equal(public->client_count, 1);
	assert_true(public->clients[0] == CRMG_CLIENT_ANY);
	assert_int_equal(public->on_exceed, CRMG_ACTION_DROP);
	assert_false(public->deny);
	limit = &public->limits[CRMG_LIMIT_PACKETS];
	assert_true(limit->set && limit->terms.count == 2000 && limit->terms.burst == 4000 &&
		    limit->terms.per_ns == 1000000000);
	limit = &public->limits[CRMG_LIMIT_BYTES];
	assert_true(limit->set && limit->terms.count == 10000000 && limit->terms.burst == 10000000);
	limit = &public->limits[CRMG_LIMIT_CONNECTIONS];
	assert_true(limit->set && limit->terms.count == 20 && limit->terms.burst == 40);
	assert_true(m->policies[2].deny);
	assert_int_equal(m->policies[2].clients[0], 1);
	assert_int_equal(m->allow_count, 1);
	assert_int_equal(m->allow[0].pfx.len, 128);
}

static void test_like_model(void **state)
{
	OUTCOME o = read_policy("good_like.yaml", false);
	const struct crmg_model_policy *p;

	(void)state;
	assert_int_equal(o.result, 0);
	assert_int_equal(o.model->mode, CRMG_MODE_SHADOW);
	assert_int_equal(o.model->clients[0].prefix_count, 1);

	p = &o.model->policies[1];	/* takes over all but its name, service and clients */
	assert_int_equal(p->mode, CRMG_MODE_OFF);
	assert_int_equal(p->on_exceed, CRMG_ACTION_RESET);
	assert_int_equal(p->clients[0], 0);
	assert_true(p->limits[CRMG_LIMIT_PACKETS].terms.count == 10);
	assert_true(p->limits[CRMG_LIMIT_PACKETS].terms.per_ns == 600000000000);
	assert_true(p->limits[CRMG_LIMIT_PACKETS].terms.burst == 10);
	assert_true(p->limits[CRMG_LIMIT_BYTES].terms.burst == 65536);
	assert_false(p->limits[CRMG_LIMIT_CONNECTIONS].set);

	p = &o.model->policies[2];	/* and overrides, whichever key comes first */
	assert_int_equal(p->mode, CRMG_MODE_ENFORCE);
	assert_int_equal(p->on_exceed, CRMG_ACTION_DROP);
	assert_true(p->limits[CRMG_LIMIT_PACKETS].terms.count == 5000000);
	assert_true(p->limits[CRMG_LIMIT_PACKETS].terms.burst == 1);
	assert_true(p->limits[CRMG_LIMIT_BYTES].set);
	assert_int_equal(o.model->services[1].protocol, CRMG_PROTOCOL_QUIC);
}

static void assert_rate(const struct crmg_model_limit *limit, uint64_t per_second)
{
	assert_true(limit->set && limit->terms.count == per_second &&
		    limit->terms.per_ns == 1000000000 && limit->terms.burst == per_second);
}

static void test_budgets_model(void **state)
{
	OUTCOME o = read_policy("good_budgets.yaml", false);
	const struct crmg_model *m = o.model;
	const struct crmg_model_policy *p;

	(void)state;
	assert_int_equal(o.result, 0);
	assert_int_equal(m->flows, 131072);
	assert_rate(&m->services[0].total.limits[CRMG_LIMIT_PACKETS], 100000);
	assert_true(m->services[0].total.set);
	assert_false(m->services[1].total.set);
	assert_true(m->clients[0].balancer);
	assert_false(m->clients[1].balancer);

	for (size_t i = 0; i < 2; i++) {	/* as written, and taken over */
		p = &m->policies[i];
		assert_int_equal(p->v4_wide.bits, 20);
		assert_int_equal(p->v6_wide.bits, 40);
		assert_rate(&p->aggregate.limits[CRMG_LIMIT_PACKETS], 20000);
		assert_false(p->aggregate.limits[CRMG_LIMIT_CONNECTIONS].set);
		assert_rate(&p->total.limits[CRMG_LIMIT_CONNECTIONS], 500);
		assert_true(p->aggregate.set && p->total.set && p->ban.set);
		assert_int_equal(p->ban.terms.after, 20);
		assert_int_equal(p->ban.terms.within_ms, 2000);
		assert_int_equal(p->ban.terms.for_s, 25 * 3600);
		assert_int_equal(p->ban.terms.factor, 384);
		assert_int_equal(p->ban.terms.max_s, 25 * 3600);
		assert_int_equal(p->ban.strike_limits, 1 << CRMG_LIMIT_PACKETS);
	}
	p = &m->policies[2];	/* what is replaced is replaced as a whole */
	assert_rate(&p->aggregate.limits[CRMG_LIMIT_PACKETS], 40000);
	assert_int_equal(p->v4_wide.bits, 0);
	assert_int_equal(p->v6_wide.bits, 0);
	assert_true(p->total.limits[CRMG_LIMIT_BYTES].set);
	assert_false(p->total.limits[CRMG_LIMIT_CONNECTIONS].set);
	assert_rate(&p->limits[CRMG_LIMIT_CONNECTIONS], 20);
	assert_int_equal(p->ban.terms.after, 100);
	assert_int_equal(p->ban.terms.within_ms, 10000);
	assert_int_equal(p->ban.terms.for_s, 600);
	assert_int_equal(p->ban.terms.factor, 512);
	assert_int_equal(p->ban.terms.max_s, 600);
	assert_int_equal(p->ban.strike_limits, 0);
	assert_false(m->policies[3].ban.set || m->policies[3].aggregate.set);
}

/* What is still accepted, and the defaults. */
static void test_bans_at_the_bounds(void **state)
{
	static const struct {
		const char *ban;
		struct crmg_ban_terms terms;
		uint32_t on;
	} rows[] = {
		{ "after: 1", { 10000, 600, 86400, 512, 1 }, 0 },
		{ "after: 1k, within: 100s", { 100000, 600, 86400, 512, 1000 }, 0 },
		{ "after: 10, within: 1s, for: 1s, max: 1s", { 1000, 1, 1, 512, 10 }, 0 },
		{ "after: 10, within: 1h, for: 30d", { 3600000, 2592000, 2592000, 512, 10 }, 0 },
		{ "after: 10, within: 1001ms, for: 24h", { 1001, 86400, 86400, 512, 10 }, 0 },
		{ "after: 1, max: 365d", { 10000, 600, 31536000, 512, 1 }, 0 },
		{ "after: 1, factor: 1", { 10000, 600, 86400, 256, 1 }, 0 },
		{ "after: 1, factor: 10", { 10000, 600, 86400, 2560, 1 }, 0 },
		{ "after: 1, factor: 1.01", { 10000, 600, 86400, 259, 1 }, 0 },
		{ "after: 1, on: [packets]",
		  { 10000, 600, 86400, 512, 1 }, 1 << CRMG_LIMIT_PACKETS },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		OUTCOME o = { 0 };
		char text[200];

		snprintf(text, sizeof(text), "version: 1\nservices: {a: {ports: [1]}}\npolicies: "
			 "[{name: p, service: a, limits: {packets: {rate: 1/s}}, ban: {%s}}]\n",
			 rows[i].ban);
		o = parse_policy(text, strlen(text));
		if (o.result || memcmp(&o.model->policies[0].ban.terms, &rows[i].terms,
				       sizeof(rows[i].terms)) ||
		    o.model->policies[0].ban.strike_limits != rows[i].on)
			fail_msg("%s: %d %s", rows[i].ban, o.result, o.text);
	}
}

static void test_feed_is_cleaned(void **state)
{
	OUTCOME o = read_policy("warn_feed_gives_way.yaml", false);

	(void)state;
	assert_int_equal(o.model->clients[0].prefix_count, 1);
	assert_int_equal(o.model->clients[1].prefix_count, 2);
	assert_int_equal(o.model->clients[2].prefix_count, 0);
}

static void test_capacity_is_rounded_up(void **state)
{
	static const struct { const char *text; uint32_t slots; } rows[] = {
		{ "1024", 1024 }, { "1025", 2048 }, { "100k", 131072 }, { "262144", 262144 },
		{ "256Ki", 262144 }, { "16Mi", 16 << 20 }, { "16M", 16 << 20 },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		OUTCOME o = { 0 };
		char text[80];

		snprintf(text, sizeof(text), "version: 1\ncapacity: {sources: %s, flows: 4k}\n",
			 rows[i].text);
		o = parse_policy(text, strlen(text));
		assert_int_equal(o.result, 0);
		assert_int_equal(o.model->capacity, rows[i].slots);
		assert_int_equal(o.model->flows, 4096);
	}
}

/* Names of 32 characters are accepted whole, 33 are not. */
static void test_longest_name(void **state)
{
	static const char text[] = "version: 1\nservices:\n"
		"  a2345678901234567890123456789_-2: {ports: [1]}\n";
	OUTCOME o = parse_policy(text, strlen(text));

	(void)state;
	assert_int_equal(o.result, 0);
	assert_string_equal(o.model->services[0].name, "a2345678901234567890123456789_-2");
}

/* A burst at the bounds: what is a day less than 208 fits, and 2^40 does. */
static void test_a6_bursts_at_the_bounds(void **state)
{
	static const struct { const char *limits; bool good; } rows[] = {
		{ "packets: {rate: 1/d, burst: 208}", true },
		{ "packets: {rate: 1/d, burst: 209}", false },
		{ "packets: {rate: 1G/s, burst: 1024Gi}", true },
		{ "packets: {rate: 1/7d}", true },
		{ "packets: {rate: 1/604801s}", false },
		{ "packets: {rate: 1000000000/s}", true },
		{ "packets: {rate: 1000000001/s}", false },
		{ "packets: {rate: 10G/10s}", true },
		{ "bytes: {rate: 1kB/s, burst: 64KiB}", true },
		{ "bytes: {rate: 999B/s}", false },
		{ "bytes: {rate: 100GB/s}", true },
		{ "bytes: {rate: 100000000001B/s}", false },
		{ "bytes: {rate: 1kB/s, burst: 65535B}", false },
		{ "bytes: {rate: 1kB/s, burst: 17971200kB}", true },
		{ "bytes: {rate: 1kB/s, burst: 17971201kB}", false },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		OUTCOME o = { 0 };
		char text[200];

		snprintf(text, sizeof(text), "version: 1\nservices: {a: {ports: [1]}}\n"
			 "policies: [{name: p, service: a, limits: {%s}}]\n", rows[i].limits);
		o = parse_policy(text, strlen(text));
		if ((o.result == 0) != rows[i].good || o.err.count > 1)
			fail_msg("%s: %d %s", rows[i].limits, o.result, o.text);
	}
}

/* A second, at least 64 KiB, for bytes. */
static void test_default_bursts_of_bytes(void **state)
{
	static const struct { const char *rate; uint64_t burst; } rows[] = {
		{ "10MB/s", 10000000 }, { "1kB/s", 65536 }, { "65kB/s", 65536 },
		{ "66kB/s", 66000 }, { "600MB/1m", 10000000 }, { "100GB/s", 100000000000 },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		OUTCOME o = { 0 };
		char text[200];

		snprintf(text, sizeof(text), "version: 1\nservices: {a: {ports: [1]}}\npolicies: "
			 "[{name: p, service: a, limits: {bytes: {rate: %s}}}]\n", rows[i].rate);
		o = parse_policy(text, strlen(text));
		assert_int_equal(o.result, 0);
		assert_true(o.model->policies[0].limits[CRMG_LIMIT_BYTES].terms.burst ==
			    rows[i].burst);
	}
}

static void test_a5_nothing_of_a_file_is_kept_open(void **state)
{
	(void)state;
	for (int i = 0; i < 2000; i++) {	/* more than the usual limit of files */
		OUTCOME o = read_policy(i % 2 ? "good_example.yaml" : "list_missing.yaml", false);

		assert_int_equal(o.result, i % 2 ? 0 : -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a1_corpus_is_large),
		cmocka_unit_test(test_example_model),
		cmocka_unit_test(test_like_model),
		cmocka_unit_test(test_budgets_model),
		cmocka_unit_test(test_bans_at_the_bounds),
		cmocka_unit_test(test_feed_is_cleaned),
		cmocka_unit_test(test_capacity_is_rounded_up),
		cmocka_unit_test(test_longest_name),
		cmocka_unit_test(test_a6_bursts_at_the_bounds),
		cmocka_unit_test(test_default_bursts_of_bytes),
		cmocka_unit_test(test_a5_nothing_of_a_file_is_kept_open),
	};
	int failed;

	if (chdir(GOLDEN) < 0) {
		perror("run from the top of the source: " GOLDEN);
		return 1;
	}
	find_golden_files();
	failed = _cmocka_run_group_tests("golden", golden_tests, file_count, NULL, NULL);
	failed += cmocka_run_group_tests(tests, NULL, NULL);
	free_golden_files();
	return failed;
}
