// SPDX-License-Identifier: GPL-2.0
/*
 * test_bindings.c - what a binding says (kind, mode, label, limits), and that
 * the limiter's numbers admit exactly the burst and then the rate.
 */
#include "policy.h"

#include "../../user/base/num.h"
#include "../../user/compile/build.h"

static struct policy policy;

static void test_kinds(void **state)
{
	static const struct {
		const char *source;
		enum crmg_binding_kind kind;
		const char *policy, *client;
	} rows[] = {
		{ "10.0.0.1", CRMG_BINDING_POLICY, "partners", "a" },
		{ "11.0.0.1", CRMG_BINDING_DENY, "blocked", "b" },
		{ "10.0.0.9", CRMG_BINDING_ALLOW, "allow", "allow" },
		{ "192.0.2.1", CRMG_BINDING_NO_POLICY, "none", "any" },
		{ "2001:db8::1", CRMG_BINDING_NO_POLICY, "none", "any" },
	};
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	struct crmg_model_policy *p;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	add_allow(&policy, pfx("10.0.0.9"));
	p = add_policy(&policy, "partners", 0, 0);
	p->on_exceed = CRMG_ACTION_RESET;
	p = add_policy(&policy, "blocked", 0, 1);
	p->deny = true;
	p->limits[CRMG_LIMIT_PACKETS] = (struct crmg_model_limit){
		.set = true, .terms = { 1, CRMG_NS_PER_SEC, 1 },
	};
	image = compiled(&policy, NULL, 3);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		binding = binding_of(&image, rows[i].source, &label);
		assert_int_equal(binding->kind, rows[i].kind);
		assert_int_equal(binding->generation, 3);
		assert_int_equal(binding->service, 1);
		assert_int_equal(binding->limits, 0);
		assert_int_equal(binding->on_exceed,
				 i == 0 ? CRMG_ACTION_RESET : CRMG_ACTION_DROP);
		assert_string_equal(label->service, "api");
		assert_string_equal(label->policy, rows[i].policy);
		assert_string_equal(label->client, rows[i].client);
	}
	assert_int_equal(crmg_image_head(&image)->bindings, 4);
	crmg_image_free(&image);
}

/* A policy for `any` takes the place of the built-in "none". */
static void test_any(void **state)
{
	const struct crmg_label *label;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	image = compiled(&policy, NULL, 1);
	assert_int_equal(binding_of(&image, "10.0.0.1", &label)->kind, CRMG_BINDING_POLICY);
	assert_string_equal(label->policy, "public");
	assert_string_equal(label->client, "any");
	assert_ptr_equal(crmg_image_binding(&image, crmg_image_service(&image, 1)->none_binding),
			 binding_of(&image, "192.0.2.1", &label));
	for (uint32_t i = 1; i <= crmg_image_head(&image)->bindings; i++)
		assert_string_not_equal(crmg_image_label(&image, i)->policy, "none");
	crmg_image_free(&image);
}

/* The weakest of the policy's mode, the file's and the command's. */
static void test_modes(void **state)
{
	const struct crmg_label *label;
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_image image;
	enum crmg_mode file, own, cap, least;

	(void)state;
	for (int i = 0; i < 27; i++) {
		file = i / 9;
		own = i / 3 % 3;
		cap = i % 3;
		least = file < own ? file : own;
		least = least < cap ? least : cap;
		two_clients(&policy);
		policy.model.mode = file;
		add_policy(&policy, "public", 0, CRMG_CLIENT_ANY)->mode = own;
		assert_int_equal(crmg_compile(&policy.model, NULL, 1, cap, &image, &err), 0);
		assert_int_equal(binding_of(&image, "10.0.0.1", &label)->mode, least);
		assert_int_equal(crmg_image_head(&image)->mode, file < cap ? file : cap);
		crmg_image_free(&image);
	}
}

static void test_limits_by_kind(void **state)
{
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	struct crmg_model_policy *p;
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	p = add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	p->limits[CRMG_LIMIT_CONNECTIONS] = (struct crmg_model_limit){
		.set = true, .terms = { 20, CRMG_NS_PER_SEC, 40 },
	};
	p->limits[CRMG_LIMIT_BYTES] = (struct crmg_model_limit){
		.set = true, .terms = { 10000000, CRMG_NS_PER_SEC, 65536 },
	};
	image = compiled(&policy, NULL, 1);
	binding = binding_of(&image, "10.0.0.1", &label);
	assert_int_equal(binding->limits, 1 << CRMG_LIMIT_CONNECTIONS | 1 << CRMG_LIMIT_BYTES);
	/* 50 ms in 1/256 ns; a byte each 100 ns, shifted by 16 */
	assert_int_equal(binding->limit[CRMG_LIMIT_CONNECTIONS].cost, 50000000ULL << 8);
	assert_int_equal(binding->limit[CRMG_LIMIT_CONNECTIONS].tolerance, 2000000000ULL << 8);
	assert_int_equal(binding->limit[CRMG_LIMIT_BYTES].cost, 100ULL << 8 << 16);
	assert_int_equal(binding->limit[CRMG_LIMIT_BYTES].tolerance, 6553600ULL << 8);
	assert_int_equal(binding->limit[CRMG_LIMIT_PACKETS].cost, 0);
	assert_int_equal(label->terms[CRMG_LIMIT_CONNECTIONS].count, 20);
	assert_int_equal(label->terms[CRMG_LIMIT_CONNECTIONS].per_ns, CRMG_NS_PER_SEC);
	assert_int_equal(label->terms[CRMG_LIMIT_CONNECTIONS].burst, 40);
	assert_int_equal(label->terms[CRMG_LIMIT_PACKETS].count, 0);
	crmg_image_free(&image);
}

/* Whole units that conform at once: as many as the tolerance pays for. */
static void burst_is_exact(const struct crmg_terms *t, unsigned int shift)
{
	struct crmg_limit limit = crmg_limit_of(t, shift);
	unsigned __int128 cost = limit.cost;

	assert_true((cost * t->burst) >> shift <= limit.tolerance);
	assert_true((cost * (t->burst + 1)) >> shift > limit.tolerance);
}

/* The cost of a unit differs from the true one by half of its last bit at most. */
static void rate_is_exact(const struct crmg_terms *t, unsigned int shift)
{
	struct crmg_limit limit = crmg_limit_of(t, shift);
	unsigned __int128 exact = (unsigned __int128)t->per_ns << 8 << shift;
	unsigned __int128 got = (unsigned __int128)limit.cost * t->count;

	assert_true((got > exact ? got - exact : exact - got) <= (t->count + 1) / 2);
}

static void test_burst_and_rate(void **state)
{
	uint64_t random = 3;
	struct crmg_terms t;

	(void)state;
	for (int i = 0; i < 100000; i++) {
		unsigned int shift = i % 2 ? 16 : 0;

		/* 1 .. 1G in 1 s .. 7 d, for bytes 1 kB/s .. 100 GB/s; burst 1 .. 2^30 */
		t.count = 1 + (draw(&random) & ((1ULL << draw_below(&random, 30)) - 1));
		t.per_ns = (1 + draw_below(&random, shift ? 60 : 604800)) * CRMG_NS_PER_SEC;
		t.burst = 1 + (draw(&random) & ((1ULL << draw_below(&random, 31)) - 1));
		if (shift)
			t.count = t.count * 100 + 60000;
		if (t.burst > (1ULL << 62) / (t.per_ns / t.count << 8 | 1) / 2)
			t.burst = 1;	/* beyond the cap, see below */
		burst_is_exact(&t, shift);
		rate_is_exact(&t, shift);
	}
}

static void test_bounds_of_limits(void **state)
{
	static const uint64_t week = 604800 * CRMG_NS_PER_SEC;
	static const struct {
		struct crmg_terms terms;
		unsigned int shift;
	} rows[] = {
		{ { 1, week, 1 }, 0 },
		{ { 1000000000, CRMG_NS_PER_SEC, 1 }, 0 },
		{ { 1000000000, CRMG_NS_PER_SEC, 1ULL << 40 }, 0 },
		{ { 1000, CRMG_NS_PER_SEC, 65536 }, 16 },
		{ { 100000000000, CRMG_NS_PER_SEC, 65536 }, 16 },
		{ { 100000000000, CRMG_NS_PER_SEC, 1ULL << 40 }, 16 },
		{ { 3, 7 * CRMG_NS_PER_SEC, 1 }, 0 },
	};
	struct crmg_terms huge = { 1, week, 1ULL << 40 };

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		burst_is_exact(&rows[i].terms, rows[i].shift);
		rate_is_exact(&rows[i].terms, rows[i].shift);
	}
	/* A burst that would last longer than the clock runs is cut, never wrapped. */
	assert_int_equal(crmg_limit_of(&huge, 0).tolerance, 1ULL << 62);
	/* Faster than the time unit: still not free. */
	assert_int_equal(crmg_limit_of(&(struct crmg_terms){ 1ULL << 50, 1000, 1 }, 0).cost, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),
		cmocka_unit_test(test_any),
		cmocka_unit_test(test_modes),
		cmocka_unit_test(test_limits_by_kind),
		cmocka_unit_test(test_burst_and_rate),
		cmocka_unit_test(test_bounds_of_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
