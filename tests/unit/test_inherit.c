// SPDX-License-Identifier: GPL-2.0
/*
 * test_inherit.c - from one generation to the next: service indexes and counter
 * rows stay with their names, and nothing new gets a place of the old image.
 */
#include "policy.h"

static struct policy policy;

/* A model of services and policies by name; a policy is for `any`. */
static struct crmg_image generation(const struct crmg_image *old, uint32_t number,
				    const char *const *services, const char *const *policies)
{
	policy_init(&policy);
	for (size_t i = 0; services[i]; i++) {
		add_service(&policy, services[i], CRMG_TRANSPORT_TCP, 100 + i, 100 + i);
		if (policies[i])
			add_policy(&policy, policies[i], i, CRMG_CLIENT_ANY);
	}
	return compiled(&policy, old, number);
}

#define LIST(...) ((const char *const[]){ __VA_ARGS__, NULL })

static uint32_t born(const struct crmg_image *image, const char *service)
{
	return crmg_image_service(image, crmg_image_service_find(image, service))->born;
}

/* The row of (service, policy); 0: there is none. */
static uint16_t row_of(const struct crmg_image *image, const char *service, const char *name)
{
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++)
		if (strcmp(crmg_image_label(image, i)->service, service) == 0 &&
		    strcmp(crmg_image_label(image, i)->policy, name) == 0)
			return crmg_image_binding(image, i)->row;
	return 0;
}

static bool uses_row(const struct crmg_image *image, uint16_t row)
{
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++)
		if (crmg_image_binding(image, i)->row == row)
			return true;
	return false;
}

static void test_same_policy(void **state)
{
	struct crmg_image one = generation(NULL, 1, LIST("a", "b"), LIST("pa", "pb"));
	struct crmg_image two = generation(&one, 2, LIST("b", "a"), LIST("pb", "pa"));

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *service = i ? "b" : "a", *name = i ? "pb" : "pa";

		assert_int_equal(crmg_image_service_find(&one, service), i + 1);
		assert_int_equal(crmg_image_service_find(&two, service), i + 1);
		assert_int_equal(born(&two, service), 1);
		assert_int_not_equal(row_of(&one, service, name), 0);
		assert_int_equal(row_of(&two, service, name), row_of(&one, service, name));
		assert_int_equal(row_of(&two, service, "allow"), row_of(&one, service, "allow"));
	}
	crmg_image_free(&one);
	crmg_image_free(&two);
}

static void test_renamed_service(void **state)
{
	struct crmg_image one = generation(NULL, 1, LIST("a", "b"), LIST("p", "q"));
	struct crmg_image two = generation(&one, 2, LIST("a", "c"), LIST("p", "q"));
	struct crmg_image three = generation(&two, 3, LIST("a", "c", "b"), LIST("p", "q", "q"));

	(void)state;
	/* Index 2 may still be in use by packets of generation 1, so "c" gets 3. */
	assert_int_equal(crmg_image_service_find(&two, "a"), 1);
	assert_int_equal(crmg_image_service_find(&two, "b"), 0);
	assert_int_equal(crmg_image_service_find(&two, "c"), 3);
	assert_int_equal(born(&two, "c"), 2);
	assert_null(crmg_image_service(&two, 2));
	assert_false(uses_row(&one, row_of(&two, "c", "q")));
	assert_false(uses_row(&one, row_of(&two, "c", "allow")));
	/* Removed and added again: the same index perhaps, but born anew. */
	assert_int_equal(crmg_image_service_find(&three, "b"), 2);
	assert_int_equal(born(&three, "b"), 3);
	assert_int_equal(born(&three, "a"), 1);
	assert_int_equal(born(&three, "c"), 2);
	assert_false(uses_row(&two, row_of(&three, "b", "q")));
	crmg_image_free(&one);
	crmg_image_free(&two);
	crmg_image_free(&three);
}

static void test_other_transport(void **state)
{
	struct crmg_image one = generation(NULL, 1, LIST("a"), LIST("p")), two;

	(void)state;
	policy.services[0].transport = CRMG_TRANSPORT_UDP;
	two = compiled(&policy, &one, 2);
	assert_int_equal(crmg_image_service_find(&two, "a"), 2);
	assert_int_equal(born(&two, "a"), 2);
	assert_false(uses_row(&one, row_of(&two, "a", "p")));
	assert_false(uses_row(&one, row_of(&two, "a", "allow")));
	crmg_image_free(&one);
	crmg_image_free(&two);
}

static void test_renamed_policy(void **state)
{
	struct crmg_image one = generation(NULL, 1, LIST("a"), LIST("p"));
	struct crmg_image two = generation(&one, 2, LIST("a"), LIST("renamed"));
	struct crmg_image three = generation(&two, 3, LIST("a"), LIST("p"));

	(void)state;
	assert_int_equal(row_of(&two, "a", "allow"), row_of(&one, "a", "allow"));
	assert_false(uses_row(&one, row_of(&two, "a", "renamed")));
	assert_int_equal(row_of(&two, "a", "p"), 0);
	/* The name comes back: a row that generation 2 does not use, zeroed by apply. */
	assert_false(uses_row(&two, row_of(&three, "a", "p")));
	crmg_image_free(&one);
	crmg_image_free(&two);
	crmg_image_free(&three);
}

/* The row of a client; 0: there is none. */
static uint16_t client_row(const struct crmg_image *image, const char *name)
{
	const struct crmg_client *clients;
	size_t count;

	clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
	for (size_t i = 0; i < count; i++)
		if (strcmp(clients[i].name, name) == 0)
			return clients[i].row;
	return 0;
}

static struct crmg_image with_clients(const struct crmg_image *old, uint32_t number,
				      const char *const *clients)
{
	policy_init(&policy);
	add_service(&policy, "a", CRMG_TRANSPORT_TCP, 100, 100);
	for (size_t i = 0; clients[i]; i++)
		add_policy(&policy, clients[i], 0, add_client(&policy, clients[i]));
	return compiled(&policy, old, number);
}

static void test_clients(void **state)
{
	struct crmg_image one = with_clients(NULL, 1, LIST("x", "y"));
	struct crmg_image two = with_clients(&one, 2, LIST("z", "y"));
	struct crmg_image three = with_clients(&two, 3, LIST("x", "y", "z"));
	uint64_t bits[CRMG_CLIENT_ROWS / 64 + 1];

	(void)state;
	assert_int_equal(client_row(&one, "allow"), 0);
	assert_int_not_equal(client_row(&one, "x"), 0);
	assert_int_not_equal(client_row(&one, "x"), client_row(&one, "y"));
	assert_int_equal(client_row(&two, "y"), client_row(&one, "y"));
	/* What packets of generation 1 may still count in is left alone. */
	assert_int_not_equal(client_row(&two, "z"), client_row(&one, "x"));
	assert_int_equal(client_row(&three, "z"), client_row(&two, "z"));
	assert_int_equal(crmg_image_last_client_row(&two), client_row(&two, "z"));
	crmg_image_new_client_rows(&three, &two, bits);
	assert_int_equal(bits[0], 1ULL << client_row(&three, "x"));
	for (uint32_t i = 1; i <= crmg_image_head(&one)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(&one, i);

		assert_int_equal(crmg_image_binding(&one, i)->client_row,
				 client_row(&one, label->client));
	}
	crmg_image_free(&one);
	crmg_image_free(&two);
	crmg_image_free(&three);
}

/* A policy for several clients counts them together; of several services, apart. */
static void test_shared_row(void **state)
{
	static size_t both[] = { 0, 1 };
	struct crmg_model_policy *p;
	struct crmg_image image;
	uint16_t rows[4];
	size_t count = 0;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "a", CRMG_TRANSPORT_TCP, 1, 1);
	add_service(&policy, "b", CRMG_TRANSPORT_TCP, 2, 2);
	add_client(&policy, "x");
	add_client(&policy, "y");
	p = add_policy(&policy, "p", 0, 0);
	p->services = p->clients = both;
	p->service_count = p->client_count = 2;
	image = compiled(&policy, NULL, 1);
	for (uint32_t i = 1; i <= crmg_image_head(&image)->bindings; i++)
		if (strcmp(crmg_image_label(&image, i)->policy, "p") == 0)
			rows[count++] = crmg_image_binding(&image, i)->row;
	assert_int_equal(count, 4);
	assert_int_equal(rows[0], rows[1]);
	assert_int_equal(rows[2], rows[3]);
	assert_int_not_equal(rows[0], rows[2]);
	crmg_image_free(&image);
}

/* All 64 at once: a new service gets the place of one that goes with this apply. */
static void test_no_free_index(void **state)
{
	char names[65][CRMG_NAME_LEN];
	const char *services[65] = { NULL }, *policies[65] = { NULL };
	struct crmg_image one, two;

	(void)state;
	for (size_t i = 0; i < 65; i++)
		snprintf(names[i], sizeof(names[i]), "s%zu", i);
	for (size_t i = 0; i < 64; i++)
		services[i] = names[i];
	one = generation(NULL, 1, services, policies);
	services[10] = names[64];
	two = generation(&one, 2, services, policies);
	assert_int_equal(crmg_image_service_find(&two, "s64"), 11);
	assert_int_equal(born(&two, "s64"), 2);
	assert_int_equal(crmg_image_service_find(&two, "s63"), 64);
	assert_false(uses_row(&one, row_of(&two, "s64", "none")));
	assert_int_equal(row_of(&two, "s63", "none"), row_of(&one, "s63", "none"));
	crmg_image_free(&one);
	crmg_image_free(&two);
}

/* Random generations: a name that stays keeps its row, every other row is free in the old. */
static void test_many_generations(void **state)
{
	static const char *const names[] = { "a", "b", "c", "d", "e" };
	static const char *const labels[] = { "p", "q", "r", NULL };
	struct crmg_image old = { 0 }, image;
	uint64_t random = 4;

	(void)state;
	for (uint32_t number = 1; number < 500; number++) {
		const char *services[6] = { NULL }, *policies[6] = { NULL };
		size_t count = 0;

		for (size_t i = 0; i < CRMG_ARRAY_SIZE(names); i++) {
			if (draw_below(&random, 3) == 0)
				continue;
			services[count] = names[i];
			policies[count++] = labels[draw_below(&random, 4)];
		}
		image = generation(number > 1 ? &old : NULL, number, services, policies);
		for (uint32_t i = 1; number > 1 && i <= crmg_image_head(&image)->bindings; i++) {
			const struct crmg_label *label = crmg_image_label(&image, i);
			uint16_t row = crmg_image_binding(&image, i)->row;
			uint16_t before = row_of(&old, label->service, label->policy);

			if (before)
				assert_int_equal(row, before);
			else
				assert_false(uses_row(&old, row));
		}
		if (number > 1)
			crmg_image_free(&old);
		old = image;
	}
	/* 5 services of 4 labels, and the same again while they change. */
	assert_false(uses_row(&old, 2 * 5 * 4));
	crmg_image_free(&old);
}

static void test_new_rows(void **state)
{
	struct crmg_image one = generation(NULL, 1, LIST("a", "b"), LIST("p", "q"));
	struct crmg_image two = generation(&one, 2, LIST("a", "b"), LIST("p", "other"));
	uint64_t bits[CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX / 64];
	uint16_t row = row_of(&two, "b", "other");

	(void)state;
	assert_int_equal(crmg_image_new_rows(&one, NULL, bits), 4);
	assert_int_equal(bits[0], 0x1e);
	assert_int_equal(crmg_image_new_rows(&two, &one, bits), row);
	assert_int_equal(bits[0], 1ULL << row);
	for (size_t i = 1; i < CRMG_ARRAY_SIZE(bits); i++)
		assert_int_equal(bits[i], 0);
	crmg_image_free(&one);
	crmg_image_free(&two);
}

static const struct crmg_label *label_of(const struct crmg_image *image, const char *name)
{
	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++)
		if (strcmp(crmg_image_label(image, i)->policy, name) == 0)
			return crmg_image_label(image, i);
	fail_msg("no policy %s", name);
	return NULL;
}

static uint64_t since_of(const struct crmg_image *image, const char *name)
{
	return label_of(image, name)->shadow_since_ns;
}

static uint64_t counted_of(const struct crmg_image *image, const char *name)
{
	return label_of(image, name)->counted_since_ns;
}

/*
 * A policy is in shadow since it came into shadow, and counted since it has its name,
 * whatever is applied in between.
 */
static void test_since(void **state)
{
	struct crmg_image one, two, three, four;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "a", CRMG_TRANSPORT_TCP, 1, 1);
	add_service(&policy, "b", CRMG_TRANSPORT_TCP, 2, 2);
	add_policy(&policy, "p", 0, CRMG_CLIENT_ANY)->mode = CRMG_MODE_SHADOW;
	add_policy(&policy, "q", 1, CRMG_CLIENT_ANY);
	one = compiled(&policy, NULL, 1);
	crmg_image_stamp(&one, NULL, 1000);
	assert_int_equal(crmg_image_head(&one)->applied_at_ns, 1000);
	assert_int_equal(since_of(&one, "p"), 1000);
	assert_int_equal(since_of(&one, "q"), 0);
	assert_int_equal(since_of(&one, "allow"), 0);
	assert_int_equal(counted_of(&one, "q"), 1000);

	policy.policies[1].mode = CRMG_MODE_SHADOW;
	two = compiled(&policy, &one, 2);
	crmg_image_stamp(&two, &one, 2000);
	assert_int_equal(since_of(&two, "p"), 1000);
	assert_int_equal(since_of(&two, "q"), 2000);

	policy.policies[0].mode = CRMG_MODE_ENFORCE;
	three = compiled(&policy, &two, 3);
	crmg_image_stamp(&three, &two, 3000);
	assert_int_equal(since_of(&three, "p"), 0);
	assert_int_equal(since_of(&three, "q"), 2000);
	assert_int_equal(counted_of(&three, "q"), 1000);

	policy.policies[0].mode = CRMG_MODE_SHADOW;
	crmg_copy(policy.policies[1].name, CRMG_NAME_LEN, "r");
	four = compiled(&policy, &three, 4);
	crmg_image_stamp(&four, &three, 4000);
	assert_int_equal(since_of(&four, "p"), 4000);
	assert_int_equal(since_of(&four, "r"), 4000);
	assert_int_equal(counted_of(&four, "p"), 1000);
	assert_int_equal(counted_of(&four, "r"), 4000);
	crmg_image_free(&one);
	crmg_image_free(&two);
	crmg_image_free(&three);
	crmg_image_free(&four);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_same_policy),
		cmocka_unit_test(test_renamed_service),
		cmocka_unit_test(test_other_transport),
		cmocka_unit_test(test_renamed_policy),
		cmocka_unit_test(test_shared_row),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_no_free_index),
		cmocka_unit_test(test_many_generations),
		cmocka_unit_test(test_new_rows),
		cmocka_unit_test(test_since),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
