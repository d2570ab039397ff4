// SPDX-License-Identifier: GPL-2.0
/* test_probe.c - there is a probe for all that a policy says, and it expects what product says. */
#include "policy.h"

#include "../../user/compile/probe.h"

static struct policy policy;

static const struct crmg_probe *find(const struct crmg_probe *probes, size_t count,
				     const char *source, uint8_t service)
{
	struct crmg_addr a = addr(source);

	for (size_t i = 0; i < count; i++)
		if (!crmg_addr_cmp(&probes[i].source, &a) && probes[i].service == service)
			return &probes[i];
	fail_msg("no probe from %s", source);
	return NULL;
}

static void test_sources(void **state)
{
	const struct crmg_probe *probe;
	struct crmg_probe *probes;
	struct crmg_image image;
	size_t count;

	(void)state;
	two_clients(&policy);
	add_service(&policy, "dns", CRMG_TRANSPORT_UDP, 53, 54);
	add_address(&policy, pfx("10.9.0.0/16"));
	add_client(&policy, "host");
	add_prefix(&policy, pfx("2001:db8:5::5"));	/* divides a /64 */
	add_policy(&policy, "partners", 0, 0);
	add_policy(&policy, "single", 0, 2);
	image = compiled(&policy, NULL, 1);
	assert_int_equal(crmg_probes_of(&image, 0, &probes, &count), 0);

	/* api: none by both versions, partners, single; dns: none, by IPv4 only. */
	assert_int_equal(count, 5);
	find(probes, count, "192.0.2.77", 1);
	find(probes, count, "2001:db8::4d", 1);
	probe = find(probes, count, "10.0.0.0", 1);
	assert_string_equal(crmg_image_label(&image, probe->binding)->policy, "partners");
	assert_int_equal(probe->port, 443);
	probe = find(probes, count, "2001:db8:5::5", 1);
	assert_string_equal(crmg_image_label(&image, probe->binding)->policy, "single");
	probe = find(probes, count, "192.0.2.77", 2);
	assert_int_equal(probe->port, 53);
	assert_int_equal(probe->transport, CRMG_TRANSPORT_UDP);
	assert_true(probe->local.lo == addr("10.9.0.0").lo);
	free(probes);
	crmg_image_free(&image);
}

/* Whoever any packet can come under has a probe, which comes under it. */
static void test_all(void **state)
{
	uint64_t seed = 1;

	(void)state;
	for (int round = 0; round < 200; round++) {
		bool covered[64] = { false };
		struct crmg_pfx drawn[40];
		struct crmg_probe *probes;
		struct crmg_image image;
		size_t count, n = 1 + draw_below(&seed, 40);

		policy_init(&policy);
		add_service(&policy, "api", CRMG_TRANSPORT_TCP, 443, 443);
		for (size_t i = 0; i < n; i++) {
			char name[16];

			snprintf(name, sizeof(name), "c%zu", i);
			drawn[i] = draw_prefix(&seed);
			add_policy(&policy, name, 0, add_client(&policy, name));
			add_prefix(&policy, drawn[i]);
		}
		image = compiled(&policy, NULL, 1);
		assert_int_equal(crmg_probes_of(&image, 0, &probes, &count), 0);
		for (size_t i = 0; i < count; i++) {
			assert_int_equal(crmg_image_resolve(&image, 1, &probes[i].source),
					 probes[i].binding);
			assert_int_equal(crmg_image_classify(&image, &probes[i].local,
							     probes[i].transport, probes[i].port),
					 probes[i].service);
			covered[probes[i].binding] = true;
		}
		for (size_t i = 0; i < n; i++) {
			struct crmg_addr around[PROBES];

			probes_of(&drawn[i], &seed, around);
			for (int k = 0; k < PROBES; k++)
				assert_true(covered[crmg_image_resolve(&image, 1, &around[k])]);
		}
		free(probes);
		crmg_image_free(&image);
	}
}

static void test_expected(void **state)
{
	enum { PASS = CRMG_VERDICT_PASS, DROP = CRMG_VERDICT_DROP };
#define B(id) CRMG_BINDING_##id
#define M(id) CRMG_MODE_##id
#define R(id) CRMG_REASON_##id
	static const struct {
		uint8_t kind, mode;
		struct crmg_probe_state state;
		struct crmg_finding finding;
	} rows[] = {
		{ B(POLICY), M(ENFORCE), { false, false, R(OK) }, { PASS, R(OK), R(OK) } },
		{ B(POLICY), M(ENFORCE), { false, false, R(BYTES) }, { DROP, R(BYTES), R(BYTES) } },
		{ B(POLICY), M(SHADOW), { false, false, R(TOTAL) }, { PASS, R(OK), R(TOTAL) } },
		{ B(POLICY), M(OFF), { false, false, R(TOTAL) }, { PASS, R(OK), R(OK) } },
		{ B(POLICY), M(OFF), { false, true, R(OK) }, { DROP, R(BANNED), R(BANNED) } },
		{ B(POLICY), M(ENFORCE), { true, true, R(BYTES) }, { PASS, R(PANIC), R(OK) } },
		{ B(DENY), M(ENFORCE), { false, false, R(OK) }, { DROP, R(DENIED), R(DENIED) } },
		{ B(DENY), M(SHADOW), { false, false, R(OK) }, { PASS, R(OK), R(DENIED) } },
		{ B(DENY), M(OFF), { false, false, R(OK) }, { PASS, R(OK), R(OK) } },
		{ B(ALLOW), M(ENFORCE), { false, true, R(OK) }, { PASS, R(ALLOWED), R(OK) } },
		{ B(NO_POLICY), M(ENFORCE), { false, false, R(OK) }, { PASS, R(NO_POLICY), R(OK) } },
		{ B(NO_POLICY), M(ENFORCE), { false, true, R(OK) }, { DROP, R(BANNED), R(BANNED) } },
		{ B(NO_POLICY), M(ENFORCE), { false, false, R(TOTAL) }, { DROP, R(TOTAL), R(TOTAL) } },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_binding binding = { .kind = rows[i].kind, .mode = rows[i].mode };
		struct crmg_finding f = crmg_probe_expect(&binding, &rows[i].state);

		if (memcmp(&f, &rows[i].finding, sizeof(f)) != 0)
			fail_msg("row %zu: verdict %u, reason %u, refused %u", i, f.verdict,
				 f.reason, f.refused);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sources),
		cmocka_unit_test(test_all),
		cmocka_unit_test(test_expected),
	};

	return cmocka_run_group_tests_name("probe", tests, NULL, NULL);
}
