// SPDX-License-Identifier: GPL-2.0
/*
 * test_compile.c - whole policies: what a source meets at a service, against a
 * naive reading of the model, and what does not fit an image.
 */
#include "policy.h"

static struct policy policy;

/* What the model says of a source, prefix by prefix. */
static const char *naive(const struct crmg_model *m, size_t service, const struct crmg_addr *a)
{
	static char text[3 * CRMG_NAME_LEN];
	const char *name = "none", *client_name = "any";
	int best = -1;

	for (size_t i = 0; i < m->policy_count; i++) {
		const struct crmg_model_policy *p = &m->policies[i];

		if (p->services[0] != service)
			continue;
		if (p->clients[0] == CRMG_CLIENT_ANY) {
			if (best < 0)
				name = p->name;
			continue;
		}
		for (size_t j = 0; j < m->clients[p->clients[0]].prefix_count; j++) {
			const struct crmg_pfx *pfx = &m->clients[p->clients[0]].prefixes[j].pfx;

			if (holds(pfx, a) && pfx->len > best) {
				best = pfx->len;
				name = p->name;
				client_name = m->clients[p->clients[0]].name;
			}
		}
	}
	for (size_t i = 0; i < m->allow_count; i++)
		if (holds(&m->allow[i].pfx, a))
			name = client_name = "allow";
	snprintf(text, sizeof(text), "%s %s %s", m->services[service].name, name, client_name);
	return text;
}

/* No two clients have one prefix (model_check sees to that). */
static bool is_taken(const struct policy *p, const struct crmg_pfx *pfx)
{
	for (size_t i = 0; i < p->prefix_count; i++)
		if (memcmp(&p->prefixes[i].pfx.addr, &pfx->addr, sizeof(pfx->addr)) == 0 &&
		    p->prefixes[i].pfx.len == pfx->len)
			return true;
	return false;
}

static void draw_policy(struct policy *p, uint64_t *random)
{
	size_t services = draw_below(random, 6), clients = draw_below(random, 10), count;
	char name[CRMG_NAME_LEN];
	struct crmg_pfx pfx;

	policy_init(p);
	for (size_t i = 0; i < services; i++) {
		snprintf(name, sizeof(name), "service%zu", i);
		add_service(p, name, CRMG_TRANSPORT_TCP, 100 + i, 100 + i);
	}
	for (size_t i = 0; i < clients; i++) {
		snprintf(name, sizeof(name), "client%zu", i);
		add_client(p, name);
		count = 1 + draw_below(random, 5);
		while (count--) {
			pfx = draw_prefix(random);
			if (!is_taken(p, &pfx))
				add_prefix(p, pfx);
		}
	}
	for (size_t s = 0; s < services; s++)
		for (size_t c = 0; c <= clients; c++) {
			if (draw_below(random, 2))
				continue;
			snprintf(name, sizeof(name), "policy%zu-%zu", s, c);
			add_policy(p, name, s, c < clients ? c : CRMG_CLIENT_ANY);
		}
	for (count = draw_below(random, 4); count; count--)
		add_allow(p, draw_below(random, 3) || !p->prefix_count
				? draw_prefix(random)
				: p->prefixes[draw_below(random, p->prefix_count)].pfx);
}

static void compare_at(const struct policy *p, const struct crmg_image *image,
		       const struct crmg_pfx *pfx, uint64_t *random)
{
	struct crmg_addr probes[PROBES];

	probes_of(pfx, random, probes);
	for (size_t i = 0; i < PROBES; i++)
		for (size_t s = 0; s < p->model.service_count; s++)
			assert_string_equal(met(image, p->services[s].name, &probes[i]),
					    naive(&p->model, s, &probes[i]));
}

static void test_random_policies(void **state)
{
	uint64_t random = 2;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		struct crmg_image image;
		struct crmg_pfx pfx = draw_prefix(&random);

		draw_policy(&policy, &random);
		image = compiled(&policy, NULL, 1);
		compare_at(&policy, &image, &pfx, &random);
		for (size_t i = 0; i < policy.prefix_count; i++)
			compare_at(&policy, &image, &policy.prefixes[i].pfx, &random);
		for (size_t i = 0; i < policy.model.allow_count; i++)
			compare_at(&policy, &image, &policy.allow[i].pfx, &random);
		crmg_image_free(&image);
	}
}

/* T1: prefixes and addresses that differ only in the low 96 bits. */
static void test_low_bits_of_ipv6(void **state)
{
	static const struct {
		const char *source, *want;
	} rows[] = {
		{ "2001:db8::1", "api one a" },
		{ "2001:db8::2", "api two b" },
		{ "2001:db8::3", "api public any" },
		{ "2001:db8:0:1::1", "api public any" },
		{ "2001:db8::1:0:0:1", "api public any" },
		{ "2001:db8:1::1", "api three c" },
		{ "2001:db8:1:1::1", "api public any" },
	};
	struct crmg_image image;
	struct crmg_addr source;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "api", CRMG_TRANSPORT_TCP, 443, 443);
	add_client(&policy, "a");
	add_prefix(&policy, pfx("2001:db8::1"));
	add_client(&policy, "b");
	add_prefix(&policy, pfx("2001:db8::2"));
	add_client(&policy, "c");
	add_prefix(&policy, pfx("2001:db8:1::/64"));
	add_policy(&policy, "one", 0, 0);
	add_policy(&policy, "two", 0, 1);
	add_policy(&policy, "three", 0, 2);
	add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	image = compiled(&policy, NULL, 1);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		source = addr(rows[i].source);
		assert_string_equal(met(&image, "api", &source), rows[i].want);
	}
	crmg_image_free(&image);
}

/* Without any service or prefix there still is an image, in which nothing is found. */
static void test_empty_model(void **state)
{
	struct crmg_addr source = addr("192.0.2.1");
	struct crmg_image image;
	const uint32_t *dir;

	(void)state;
	policy_init(&policy);
	image = compiled(&policy, NULL, 1);
	assert_int_equal(crmg_image_head(&image)->bindings, 0);
	assert_int_equal(crmg_image_resolve(&image, 1, &source), 0);
	assert_int_equal(crmg_image_classify(&image, &source, CRMG_TRANSPORT_TCP, 443), 0);
	dir = crmg_image_front(&image)->dir;
	for (size_t i = 0; i < CRMG_DIR_COUNT; i++)
		assert_int_equal(dir[i], CRMG_DIR_LEAF);
	assert_int_equal(crmg_image_head(&image)->first_v6, 1);
	assert_int_equal(crmg_image_head(&image)->end_v6, 2);
	assert_int_equal(crmg_image_head(&image)->section[CRMG_SECTION_MATRIX].count, 1);
	crmg_image_free(&image);
}

/* The entry at the place of an IPv4 address a.b.0.0. */
static uint32_t entry_at(const struct crmg_image *image, uint32_t a, uint32_t b)
{
	return crmg_image_front(image)->dir[a << 8 | b];
}

/* Undivided places are leaves; a leaf is marked where the rest of a source has another one. */
static void test_directory(void **state)
{
	const uint32_t narrow = CRMG_DIR_LEAF | CRMG_DIR_NARROW;
	struct crmg_image image;
	uint32_t leaf, entry;

	(void)state;
	for (uint8_t width = 8; width <= 32; width++) {
		policy_init(&policy);
		policy.model.v4_prefix = width;
		add_service(&policy, "api", CRMG_TRANSPORT_TCP, 443, 443);
		add_client(&policy, "a");
		add_prefix(&policy, pfx("10.16.0.0/15"));
		add_prefix(&policy, pfx("10.32.1.0/24"));
		add_prefix(&policy, pfx("10.32.4.0/24"));
		add_policy(&policy, "one", 0, 0);
		image = compiled(&policy, NULL, 1);
		leaf = CRMG_DIR_NUMBER(entry_at(&image, 10, 16));
		assert_int_not_equal(leaf, 0);
		assert_int_equal(entry_at(&image, 10, 17),
				 (width < 15 ? narrow : CRMG_DIR_LEAF) | leaf);
		assert_int_equal(entry_at(&image, 10, 18), width < 15 ? narrow : CRMG_DIR_LEAF);
		assert_int_equal(entry_at(&image, 10, 33), width < 16 ? narrow : CRMG_DIR_LEAF);
		assert_int_equal(entry_at(&image, 9, 255), CRMG_DIR_LEAF);
		assert_int_equal(entry_at(&image, 11, 0), CRMG_DIR_LEAF);
		entry = entry_at(&image, 10, 32);	/* two prefixes: four keys */
		assert_int_equal(entry >> CRMG_DIR_STEPS_SHIFT, 3);
		/* 0.0.0.0, 10.16.0.0, and 10.18.0.0, from which on it is none of the client's */
		assert_int_equal(CRMG_DIR_FIRST(entry), 2);
		crmg_image_free(&image);
	}
}

static void test_head(void **state)
{
	struct crmg_image image;
	const struct crmg_head *head;

	(void)state;
	policy_init(&policy);
	policy.model.file = (char *)"/etc/crmgate/policy.yaml";
	policy.model.capacity = 4096;
	policy.model.v4_prefix = 24;
	policy.model.v6_prefix = 56;
	policy.model.mode = CRMG_MODE_SHADOW;
	image = compiled(&policy, NULL, 41);
	head = crmg_image_head(&image);
	assert_string_equal(head->file, "/etc/crmgate/policy.yaml");
	assert_int_equal(head->generation, 41);
	assert_int_equal(head->capacity, 4096);
	assert_int_equal(head->v4_prefix, 24);
	assert_int_equal(head->v6_prefix, 56);
	assert_int_equal(head->mode, CRMG_MODE_SHADOW);
	assert_int_equal(head->applied_at_ns, 0);
	assert_int_equal(head->cells, image.cell_count);
	crmg_image_free(&image);
}

/* Clients are listed as the model has them, `allow` first, with their prefixes in that order. */
static void test_clients(void **state)
{
	const struct crmg_client *clients;
	const struct crmg_prefix *prefixes;
	struct crmg_image image;
	size_t count;

	(void)state;
	policy_init(&policy);
	add_client(&policy, "late");
	add_prefix(&policy, pfx("198.51.100.0/24"));
	add_prefix(&policy, pfx("2001:db8::/32"));
	policy.clients[0].file_count = 3;
	add_client(&policy, "early");
	add_prefix(&policy, pfx("10.0.0.0/8"));
	add_allow(&policy, pfx("192.0.2.1"));
	image = compiled(&policy, NULL, 1);
	clients = crmg_image_section(&image, CRMG_SECTION_CLIENTS, &count);
	assert_int_equal(count, 3);
	assert_string_equal(clients[0].name, "allow");
	assert_int_equal(clients[0].prefix_count, 1);
	assert_string_equal(clients[1].name, "late");
	assert_int_equal(clients[1].prefix_count, 2);
	assert_int_equal(clients[1].file_count, 3);
	assert_string_equal(clients[2].name, "early");
	prefixes = crmg_image_section(&image, CRMG_SECTION_PREFIXES, &count);
	assert_int_equal(count, 4);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(prefixes[i].client, (i + 1) / 2);
	assert_int_equal(prefixes[0].len, 128);
	assert_int_equal(prefixes[1].len, 120);
	assert_int_equal(prefixes[2].addr.hi, 0x20010db800000000);
	crmg_image_free(&image);
}

/* The model does not compile: the code, one message, and nothing in *ret. */
static void refuse(const struct crmg_model *model, const char *message)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_image image = { .cell_count = 7 };

	assert_int_equal(crmg_compile(model, NULL, 1, CRMG_MODE_ENFORCE, &image, &err), -E2BIG);
	assert_int_equal(err.count, 1);
	assert_non_null(strstr(err.messages[0].text, message));
	assert_int_equal(image.cell_count, 7);
	crmg_err_clear(&err);
}

/* Whose policy holds for a source at service 1, and for what comes by a gate's interface. */
static void assert_gate(const struct crmg_image *image, const char *source, const char *name,
			const char *gate)
{
	struct crmg_addr a = addr(source);
	const struct crmg_label *label;
	uint32_t at;

	label = crmg_image_label(image, crmg_image_resolve_at(image, 1, &a, &at));
	assert_string_equal(label->policy, name);
	label = crmg_image_label(image, at);
	if (!gate != !label || (gate && strcmp(label->client, gate) != 0))
		fail_msg("%s: gate %s", source, label ? label->client : "none");
	if (gate)
		assert_string_equal(label->policy, "allow");
}

/* Beside a gate everything holds as it would without it, also what is nested in it. */
static void test_gates(void **state)
{
	struct crmg_image image;

	(void)state;
	two_clients(&policy);
	add_prefix(&policy, pfx("10.5.5.0/24"));
	add_policy(&policy, "pa", 0, 0);
	add_policy(&policy, "pb", 0, 1);
	add_policy(&policy, "public", 0, CRMG_CLIENT_ANY);
	add_allow(&policy, pfx("10.5.9.9"));
	add_gate(&policy, "eth1", pfx("10.5.0.0/16"));
	add_gate(&policy, "eth1", pfx("192.0.2.0/24"));
	add_gate(&policy, "eth2", pfx("2001:db8::/32"));
	image = compiled(&policy, NULL, 1);
	assert_gate(&image, "10.4.0.1", "pa", NULL);
	assert_gate(&image, "10.5.0.1", "pa", "allow@eth1");
	assert_gate(&image, "10.5.5.5", "pb", "allow@eth1");
	assert_gate(&image, "10.5.9.9", "allow", NULL);
	assert_gate(&image, "192.0.2.1", "public", "allow@eth1");
	assert_gate(&image, "2001:db8::1", "public", "allow@eth2");
	assert_gate(&image, "2001:db9::1", "public", NULL);
	assert_memory_equal(crmg_image_head(&image)->gate[1], "eth2\0\0\0\0\0\0\0\0\0\0\0", 16);
	crmg_image_free(&image);
}

static void test_too_many_bindings(void **state)
{
	static size_t services[CRMG_SERVICES_MAX], clients[126];
	struct crmg_model_policy *p;
	struct crmg_image image;
	char name[CRMG_NAME_LEN];

	(void)state;
	policy_init(&policy);
	for (size_t i = 0; i < CRMG_SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "service%zu", i);
		services[i] = add_service(&policy, name, CRMG_TRANSPORT_TCP, 1 + i, 1 + i);
	}
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(clients); i++) {
		snprintf(name, sizeof(name), "client%zu", i);
		clients[i] = add_client(&policy, name);
	}
	p = add_policy(&policy, "all", 0, 0);
	p->services = services;
	p->service_count = CRMG_ARRAY_SIZE(services);
	p->clients = clients;
	p->client_count = CRMG_ARRAY_SIZE(clients) - 1;
	image = compiled(&policy, NULL, 1);
	assert_int_equal(crmg_image_head(&image)->bindings, 64 * (125 + 2));
	crmg_image_free(&image);
	p->client_count++;
	refuse(&policy.model, "8192 pairs");
}

static void test_long_path(void **state)
{
	struct crmg_image image;
	char path[513];

	(void)state;
	policy_init(&policy);
	memset(path, 'a', sizeof(path));
	path[512] = '\0';
	policy.model.file = path;
	refuse(&policy.model, "512 bytes");
	path[511] = '\0';
	image = compiled(&policy, NULL, 1);
	assert_string_equal(crmg_image_head(&image)->file, path);
	crmg_image_free(&image);
}

/* Nested clients: every chain of them is another vector, until those do not fit. */
#define DEPTH 19
static void test_too_many_vectors(void **state)
{
	static struct crmg_model_prefix prefixes[DEPTH][1 << 16];
	char name[CRMG_NAME_LEN];

	(void)state;
	policy_init(&policy);
	for (size_t i = 0; i < CRMG_SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "service%zu", i);
		add_service(&policy, name, CRMG_TRANSPORT_TCP, 1 + i, 1 + i);
	}
	/* Client c has every second prefix of length 9 + c: no two /27 are in the same clients. */
	for (size_t c = 0; c < DEPTH; c++) {
		snprintf(name, sizeof(name), "client%zu", c);
		add_client(&policy, name);
		policy.clients[c].prefixes = prefixes[c];
		for (uint32_t i = 0; i < (1u << c) && i < (1u << 16); i++)
			prefixes[c][i].pfx = (struct crmg_pfx){
				.addr = { 0, CRMG_V4_MAPPED_LO |
					     (uint32_t)(2 * i + 1) << (23 - c) },
				.len = 96 + 9 + c,
			};
		policy.clients[c].prefix_count = c < 16 ? 1u << c : 1u << 16;
		snprintf(name, sizeof(name), "policy%zu", c);
		add_policy(&policy, name, c, c);
	}
	refuse(&policy.model, "nest in too many different ways");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_random_policies),
		cmocka_unit_test(test_low_bits_of_ipv6),
		cmocka_unit_test(test_empty_model),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_clients),
		cmocka_unit_test(test_gates),
		cmocka_unit_test(test_too_many_bindings),
		cmocka_unit_test(test_long_path),
		cmocka_unit_test(test_too_many_vectors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
