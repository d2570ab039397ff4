// SPDX-License-Identifier: GPL-2.0
/*
 * test_validate.c - images that were cut or damaged: each field of the head,
 * each kind of index, and random bytes, after which nothing may be read outside
 * (run it with SAN=1 too).
 */
#include "policy.h"

static struct policy policy;

/* A limit in each scope, a ban, and what requests may be. */
static void add_limits(struct crmg_model_policy *p)
{
	struct crmg_model_limit *const limits[] = {
		&p->limits[CRMG_LIMIT_PACKETS], &p->aggregate.limits[CRMG_LIMIT_PACKETS],
		&p->total.limits[CRMG_LIMIT_PACKETS], &policy.services[0].total.limits[0],
	};

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(limits); i++)
		*limits[i] = (struct crmg_model_limit){ .set = true, .terms = { 1, 1000, 1 } };
	p->aggregate.set = p->total.set = p->ban.set = policy.services[0].total.set = true;
	p->ban.terms = (struct crmg_ban_terms){
		.within_ms = 10000, .for_s = 600, .max_s = 86400, .factor = 512, .after = 20,
	};
	p->bytes_out = (struct crmg_model_bytes_out){
		.count = 2, .quota = { { 1000000, 60 }, { 5000000, 3600 } },
		.on_budget = CRMG_ON_BUDGET_CUT,
	};
	policy.services[0].protocol = CRMG_PROTOCOL_HTTP;
	p->http = (struct crmg_model_http){ .set = true, .methods = 1, .max_header = 1000 };
}

static struct crmg_model_server_name server_names[] = { { .text = "a.example" }, { .text = ".b" } };

/* A policy that has every section. */
static struct crmg_image full_image(void)
{
	policy_init(&policy);
	policy.model.file = (char *)"/etc/crmgate/policy.yaml";
	add_service(&policy, "web", CRMG_TRANSPORT_TCP, 443, 443);
	add_service(&policy, "left", CRMG_TRANSPORT_TCP, 8080, 8090);
	add_address(&policy, pfx("10.0.0.0/24"));
	add_address(&policy, pfx("2001:db8::1"));
	add_service(&policy, "right", CRMG_TRANSPORT_TCP, 8080, 8080);
	add_address(&policy, pfx("10.0.1.0/24"));
	add_address(&policy, pfx("2001:db8::2"));
	add_service(&policy, "api", CRMG_TRANSPORT_TCP, 443, 443);
	policy.services[3].names = server_names;
	policy.services[3].name_count = CRMG_ARRAY_SIZE(server_names);
	policy.services[3].names_place.line = 1;
	add_client(&policy, "a");
	add_prefix(&policy, pfx("203.0.113.0/24"));
	add_prefix(&policy, pfx("2001:db8:7::5"));
	policy.clients[0].contract.until_s = 1;
	add_limits(add_policy(&policy, "partners", 0, 0));
	add_policy(&policy, "public", 1, CRMG_CLIENT_ANY);
	add_allow(&policy, pfx("192.0.2.10"));
	return compiled(&policy, NULL, 7);
}

static struct crmg_image copy_of(const struct crmg_image *image)
{
	struct crmg_image copy = { malloc(image->cell_count * CRMG_CELL), image->cell_count };

	assert_non_null(copy.cells);
	memcpy(copy.cells, image->cells, image->cell_count * CRMG_CELL);
	return copy;
}

/* Writes value over size bytes at offset; the image must be refused, then it is mended. */
static void refuse_value(struct crmg_image *image, size_t offset, size_t size, uint64_t value)
{
	uint8_t *at = (uint8_t *)image->cells + offset;
	uint64_t kept = 0;

	memcpy(&kept, at, size);
	memcpy(at, &value, size);
	if (crmg_image_validate(image) != -EINVAL)
		fail_msg("offset %zu, value %#lx was accepted", offset, (unsigned long)value);
	memcpy(at, &kept, size);
	assert_int_equal(crmg_image_validate(image), 0);
}

#define FIELD(name) offsetof(struct crmg_head, name), sizeof(((struct crmg_head *)NULL)->name)

static void test_head(void **state)
{
	static const struct {
		size_t offset, size;
		uint64_t value;
	} rows[] = {
		{ FIELD(magic), 0 },
		{ FIELD(magic), 0x63726d67 },
		{ FIELD(abi), CRMG_ABI + 1 },
		{ FIELD(generation), 0 },
		{ FIELD(generation), 8 },	/* not that of the bindings */
		{ FIELD(bindings), CRMG_BINDINGS_MAX },
		{ FIELD(bindings), UINT32_MAX },
		{ FIELD(bindings), 1 },
		{ FIELD(cells), 0 },
		{ FIELD(cells), CRMG_FRONT_CELLS },
		{ FIELD(cells), UINT64_MAX },
		{ FIELD(first_v6), 0 },
		{ FIELD(first_v6), 1 },
		{ FIELD(first_v6), 10000 },
		{ FIELD(end_v6), 0 },
		{ FIELD(end_v6), 10000 },
		{ FIELD(lend_v6), 0 },
		{ FIELD(lend_v6), 10000 },
		{ FIELD(lfirst_v6), 0 },
		{ FIELD(lfirst_v6), 1 },
		{ FIELD(lfirst_v6), 10000 },
		{ FIELD(capacity), 0 },
		{ FIELD(capacity), 512 },
		{ FIELD(capacity), 1025 },
		{ FIELD(flows), 0 },
		{ FIELD(flows), 512 },
		{ FIELD(flows), 1025 },
		{ FIELD(v4_prefix), 7 },
		{ FIELD(v4_prefix), 33 },
		{ FIELD(v6_prefix), 31 },
		{ FIELD(v6_prefix), 129 },
		{ FIELD(mode), CRMG_MODE_COUNT },
	};
	struct crmg_image image = full_image();
	struct crmg_head *head = (struct crmg_head *)image.cells;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++)
		refuse_value(&image, rows[i].offset, rows[i].size, rows[i].value);
	memset(head->file, 'x', sizeof(head->file));
	assert_int_equal(crmg_image_validate(&image), -EINVAL);
	crmg_image_free(&image);
}

static void test_sections(void **state)
{
	struct crmg_image image = full_image();
	const struct crmg_head *head = crmg_image_head(&image);

	(void)state;
	for (size_t i = 0; i < CRMG_SECTION_COUNT; i++) {
		size_t at = offsetof(struct crmg_head, section[i]);
		size_t count_at = at + offsetof(struct crmg_section, count);
		uint32_t count = head->section[i].count;

		assert_int_not_equal(count, 0);
		refuse_value(&image, at, 4, 0);
		refuse_value(&image, at, 4, CRMG_IMAGE_SECTIONS - 1);
		refuse_value(&image, at, 4, head->cells);
		refuse_value(&image, at, 4, UINT32_MAX);
		refuse_value(&image, count_at, 4, UINT32_MAX);
		refuse_value(&image, count_at, 4, 0);
		refuse_value(&image, count_at, 4, count - 1);
	}
	crmg_image_free(&image);
}

static void test_truncated(void **state)
{
	struct crmg_image image = full_image(), nothing = { 0 };

	(void)state;
	for (size_t cells = 0; cells < image.cell_count; cells += cells < 16 ? 1 : 97) {
		struct crmg_image cut = { image.cells, cells };

		assert_int_equal(crmg_image_validate(&cut), -EINVAL);
	}
	image.cell_count--;
	assert_int_equal(crmg_image_validate(&image), -EINVAL);
	assert_int_equal(crmg_image_validate(&nothing), -EINVAL);
	crmg_image_free(&image);
}

/* Offset in the image of entry i of a section. */
static size_t entry_at(const struct crmg_image *image, enum crmg_section_id id, size_t i,
		       size_t size)
{
	const uint8_t *first = crmg_image_section(image, id, NULL);

	return first - (const uint8_t *)image->cells + i * size;
}

/* Index of the first divided /64 among leaves. */
static size_t first_divided(const struct crmg_image *image, enum crmg_section_id id)
{
	size_t count, i = 0;
	const uint32_t *leaves = crmg_image_section(image, id, &count);

	while (i < count && !(leaves[i] & CRMG_LEAF_SUB))
		i++;
	assert_true(i < count);
	return i;
}

static void test_indexes(void **state)
{
	static const struct {
		enum crmg_section_id keys, leaves, subs;
	} spaces[] = {
		{ CRMG_SECTION_KEYS, CRMG_SECTION_LEAVES, CRMG_SECTION_SUBS },
		{ CRMG_SECTION_LKEYS, CRMG_SECTION_LLEAVES, CRMG_SECTION_LSUBS },
	};
	struct crmg_image image = full_image();
	const struct crmg_section *section = crmg_image_head(&image)->section;
	size_t at;

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(spaces); i++) {
		uint32_t keys = section[spaces[i].keys].count;
		uint32_t subs = section[spaces[i].subs].count;

		at = entry_at(&image, spaces[i].leaves, 0, 4);
		refuse_value(&image, at, 4, 1000);
		refuse_value(&image, at, 4, CRMG_LEAF_SUB | subs);
		at = entry_at(&image, spaces[i].leaves, keys - 1, 4);
		refuse_value(&image, at, 4, CRMG_LEAF_SUB | 0);
		refuse_value(&image, at, 4, UINT32_MAX);
		at = entry_at(&image, spaces[i].leaves, first_divided(&image, spaces[i].leaves), 4);
		refuse_value(&image, at, 4, CRMG_LEAF_SUB | subs);
		at = entry_at(&image, spaces[i].keys, 0, 8);
		refuse_value(&image, at, 8, 1);
		at = entry_at(&image, spaces[i].subs, subs - 1, 8);
		refuse_value(&image, at, 8, (uint64_t)(keys + 1) << 32 | (keys - 2));
		refuse_value(&image, at, 8, (uint64_t)keys << 32 | keys);
		refuse_value(&image, at, 8, (uint64_t)keys << 32 | (keys - 1));
		refuse_value(&image, at, 8, 0);
	}
	crmg_image_free(&image);
}

static void test_directory(void **state)
{
	struct crmg_image image = full_image();
	const struct crmg_head *head = crmg_image_head(&image);
	const size_t v4 = offsetof(struct crmg_front, dir[0]);
	const size_t v6 = offsetof(struct crmg_front, dir[CRMG_DIR_V6]);
	const size_t last = offsetof(struct crmg_front, dir[CRMG_DIR_COUNT - 1]);

	(void)state;
	refuse_value(&image, v4, 4, head->first_v6);
	refuse_value(&image, v4, 4, CRMG_DIR_LEAF | 1000);
	refuse_value(&image, v4, 4, CRMG_DIR_NARROW);
	refuse_value(&image, v4, 4, (CRMG_DIR_STEPS_MAX + 1) << CRMG_DIR_STEPS_SHIFT);
	refuse_value(&image, v6, 4, head->first_v6 - 1);
	refuse_value(&image, v6, 4, head->end_v6);
	refuse_value(&image, last, 4, head->end_v6);
	refuse_value(&image, last, 4, UINT32_MAX);
	crmg_image_free(&image);
}

static void test_quotas(void **state)
{
	struct crmg_image image = full_image();
	size_t binding = offsetof(struct crmg_front, bindings[1]);
	size_t quotas = entry_at(&image, CRMG_SECTION_QUOTAS, 1, sizeof(struct crmg_quotas));
	size_t terms = offsetof(struct crmg_quota, terms), one = sizeof(struct crmg_quota);
	const uint64_t mb = 1000000 / 8;

	(void)state;
	refuse_value(&image, binding + offsetof(struct crmg_binding, quotas), 2, 2);
	refuse_value(&image, binding + offsetof(struct crmg_binding, on_budget), 1,
		     CRMG_ON_BUDGET_COUNT);
	refuse_value(&image, binding + sizeof(struct crmg_binding) +
		     offsetof(struct crmg_binding, quotas), 2, 2);
	refuse_value(&image, quotas + terms, 8, 0);
	refuse_value(&image, quotas + terms, 8, mb << CRMG_TERMS_SHIFT);
	refuse_value(&image, quotas + terms, 8, mb << CRMG_TERMS_SHIFT | 3600);
	refuse_value(&image, quotas + terms, 8, (mb + 1) << CRMG_TERMS_SHIFT | 60);
	refuse_value(&image, quotas + offsetof(struct crmg_quota, bytes), 8, CRMG_QUOTA_MIN - 1);
	refuse_value(&image, quotas + offsetof(struct crmg_quota, notify), 8, 1000001);
	refuse_value(&image, quotas + 3 * one + terms, 8, mb << CRMG_TERMS_SHIFT | 86400);
	refuse_value(&image, quotas + offsetof(struct crmg_quotas, on_budget), 1,
		     CRMG_ON_BUDGET_COUNT);
	refuse_value(&image, quotas + offsetof(struct crmg_quotas, notify_at), 1, 100);
	refuse_value(&image, quotas + offsetof(struct crmg_quotas, throttle_to), 8, 64000);
	refuse_value(&image, quotas + offsetof(struct crmg_quotas, throttle.cost), 8, 1);
	refuse_value(&image, quotas + offsetof(struct crmg_quotas, on_budget), 1,
		     CRMG_ON_BUDGET_THROTTLE);
	crmg_image_free(&image);
}

static void test_entries(void **state)
{
	struct crmg_image image = full_image();
	size_t binding = offsetof(struct crmg_front, bindings[1]);
	size_t service = entry_at(&image, CRMG_SECTION_SERVICES, 1, sizeof(struct crmg_service));
	size_t label = entry_at(&image, CRMG_SECTION_LABELS, 1, sizeof(struct crmg_label));
	size_t client = entry_at(&image, CRMG_SECTION_CLIENTS, 1, sizeof(struct crmg_client));
	size_t prefix = entry_at(&image, CRMG_SECTION_PREFIXES, 1, sizeof(struct crmg_prefix));
	size_t name = entry_at(&image, CRMG_SECTION_NAMES, 1, sizeof(struct crmg_server_name));
	size_t key = entry_at(&image, CRMG_SECTION_NAMEKEYS, 1, sizeof(uint64_t));
	char *names[] = {
		(char *)image.cells + service,
		(char *)image.cells + label + offsetof(struct crmg_label, service),
		(char *)image.cells + label + offsetof(struct crmg_label, policy),
		(char *)image.cells + label + offsetof(struct crmg_label, client),
		(char *)image.cells + client,
	};

	(void)state;
	refuse_value(&image, binding + offsetof(struct crmg_binding, generation), 4, 6);
	refuse_value(&image, binding + offsetof(struct crmg_binding, row), 2, 0);
	refuse_value(&image, binding + offsetof(struct crmg_binding, row), 2, 16384);
	refuse_value(&image, binding + offsetof(struct crmg_binding, kind), 1, CRMG_BINDING_COUNT);
	refuse_value(&image, binding + offsetof(struct crmg_binding, mode), 1, CRMG_MODE_COUNT);
	refuse_value(&image, binding + offsetof(struct crmg_binding, on_exceed), 1,
		     CRMG_ACTION_COUNT);
	refuse_value(&image, binding + offsetof(struct crmg_binding, limits), 1,
		     1 << CRMG_LIMIT_COUNT);
	refuse_value(&image, binding + offsetof(struct crmg_binding, service), 1, 0);
	refuse_value(&image, binding + offsetof(struct crmg_binding, service), 1, 65);
	refuse_value(&image, service + offsetof(struct crmg_service, none_binding), 2, 0);
	refuse_value(&image, service + offsetof(struct crmg_service, allow_binding), 2, 8191);
	refuse_value(&image, service + offsetof(struct crmg_service, transport), 1,
		     CRMG_TRANSPORT_COUNT);
	refuse_value(&image, service + offsetof(struct crmg_service, protocol), 1,
		     CRMG_PROTOCOL_COUNT);
	refuse_value(&image, service + offsetof(struct crmg_service, first_port), 4, UINT32_MAX);
	refuse_value(&image, service + offsetof(struct crmg_service, port_count), 4, 5);
	refuse_value(&image, service + offsetof(struct crmg_service, local_count), 4, 5);
	refuse_value(&image, service + offsetof(struct crmg_service, base), 1, 1);
	refuse_value(&image, service + offsetof(struct crmg_service, base), 1, 65);
	refuse_value(&image, service + offsetof(struct crmg_service, name_count), 4, 3);
	refuse_value(&image, name + offsetof(struct crmg_server_name, service), 1, 1);
	refuse_value(&image, name + offsetof(struct crmg_server_name, base), 1, 0);
	refuse_value(&image, name + CRMG_SERVER_NAME_MAX, 1, 'x');
	refuse_value(&image, key, 2, 2);
	refuse_value(&image, key, 8, 0);
	refuse_value(&image, prefix + offsetof(struct crmg_prefix, client), 2, 2);
	refuse_value(&image, prefix + offsetof(struct crmg_prefix, len), 1, 129);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(names); i++) {
		char kept[CRMG_NAME_LEN];

		memcpy(kept, names[i], CRMG_NAME_LEN);
		memset(names[i], 'x', CRMG_NAME_LEN);
		assert_int_equal(crmg_image_validate(&image), -EINVAL);
		memcpy(names[i], kept, CRMG_NAME_LEN);
		assert_int_equal(crmg_image_validate(&image), 0);
	}
	crmg_image_free(&image);
}

#define REFUSE(image, base, type, field, value) \
	refuse_value(image, (base) + offsetof(struct type, field), \
		     sizeof(((struct type *)NULL)->field), value)

/* Masks, widths and terms of what is wider than a source. */
static void test_scopes(void **state)
{
	struct crmg_image image = full_image();
	size_t limited = offsetof(struct crmg_front, bindings[1]);	/* partners of web */
	size_t none = offsetof(struct crmg_front, bindings[3]);		/* none of web */
	const uint8_t flags = crmg_image_binding(&image, 1)->flags;
	size_t client = entry_at(&image, CRMG_SECTION_CLIENTS, 1, sizeof(struct crmg_client));

	(void)state;
	assert_int_equal(flags, CRMG_BINDING_WIDER | CRMG_BINDING_BAN | CRMG_BINDING_CUTS |
				CRMG_BINDING_CONNS);
	REFUSE(&image, limited, crmg_binding, flags, flags | CRMG_BINDING_BALANCER << 1);
	REFUSE(&image, limited, crmg_binding, flags, flags & ~CRMG_BINDING_AGGREGATE);
	REFUSE(&image, limited, crmg_binding, flags, flags & ~CRMG_BINDING_TOTAL);
	REFUSE(&image, limited, crmg_binding, aggregate_limits, 0);
	REFUSE(&image, limited, crmg_binding, aggregate_limits, 1 << CRMG_BUCKET_LIMITS);
	REFUSE(&image, limited, crmg_binding, total_limits, 0);
	REFUSE(&image, limited, crmg_binding, total_limits, 1 << CRMG_BUCKET_LIMITS);
	REFUSE(&image, limited, crmg_binding, v4_wide, 96);
	REFUSE(&image, limited, crmg_binding, v4_wide, 128);
	REFUSE(&image, limited, crmg_binding, v6_wide, 0);
	REFUSE(&image, limited, crmg_binding, v6_wide, 65);	/* longer than a source */
	REFUSE(&image, limited, crmg_binding, ban.after, 0);
	REFUSE(&image, limited, crmg_binding, strike_limits, 0);
	REFUSE(&image, limited, crmg_binding, strike_limits, 1 << CRMG_LIMIT_COUNT);
	REFUSE(&image, limited, crmg_binding, strike_limits,
	       1 << CRMG_LIMIT_PACKETS | 1 << CRMG_LIMIT_CONNECTIONS);
	REFUSE(&image, limited, crmg_binding, ban.within_ms, 999);
	REFUSE(&image, limited, crmg_binding, ban.within_ms, 3600001);
	REFUSE(&image, limited, crmg_binding, ban.for_s, 0);
	REFUSE(&image, limited, crmg_binding, ban.max_s, 599);
	REFUSE(&image, limited, crmg_binding, ban.factor, 255);
	assert_int_equal(crmg_image_binding(&image, 3)->kind, CRMG_BINDING_NO_POLICY);
	REFUSE(&image, none, crmg_binding, flags, CRMG_BINDING_BAN);
	REFUSE(&image, none, crmg_binding, flags, CRMG_BINDING_BALANCER);
	REFUSE(&image, offsetof(struct crmg_front, budgets[1]), crmg_budget, limits,
	       1 << CRMG_BUCKET_LIMITS);
	REFUSE(&image, offsetof(struct crmg_front, budgets[CRMG_SERVICES_MAX]), crmg_budget,
	       limits, 255);
	REFUSE(&image, client, crmg_client, balancer, 2);
	crmg_image_free(&image);
}

/* What requests may be: who refers to it, and its terms. */
static void test_http(void **state)
{
	struct crmg_image image = full_image();
	size_t limited = offsetof(struct crmg_front, bindings[1]);
	size_t none = offsetof(struct crmg_front, bindings[3]);
	uint16_t http = crmg_image_binding(&image, 1)->http;
	size_t terms = entry_at(&image, CRMG_SECTION_HTTP, http, sizeof(struct crmg_http_terms));

	(void)state;
	assert_int_not_equal(http, 0);
	REFUSE(&image, limited, crmg_binding, http,
	       crmg_image_head(&image)->section[CRMG_SECTION_HTTP].count);
	REFUSE(&image, limited, crmg_binding, http, UINT16_MAX);
	REFUSE(&image, limited, crmg_binding, reads, 0);
	REFUSE(&image, limited, crmg_binding, protocol, CRMG_PROTOCOL_TLS);
	REFUSE(&image, none, crmg_binding, http, http);
	REFUSE(&image, terms, crmg_http_terms, methods, 1U << CRMG_METHOD_COUNT);
	REFUSE(&image, terms, crmg_http_terms, max_header, CRMG_HEADER_MIN - 1);
	REFUSE(&image, terms, crmg_http_terms, max_header, CRMG_HEADER_MAX + 1);
	REFUSE(&image, terms, crmg_http_terms, max_body, CRMG_BODY_MIN - 1);
	REFUSE(&image, terms, crmg_http_terms, max_body, CRMG_BODY_MAX + 1);
	crmg_image_free(&image);
}

/* Everything that can be asked of an image, for the sanitizer. */
static void use(const struct crmg_image *image, uint64_t *random)
{
	struct crmg_addr probes[PROBES];
	struct crmg_pfx p = draw_prefix(random);
	struct crmg_memory memory;
	struct crmg_image next;

	probes_of(&p, random, probes);
	for (size_t i = 0; i < PROBES; i++) {
		for (uint32_t s = 0; s < 66; s += 13)
			crmg_image_label(image, crmg_image_resolve(image, s, &probes[i]));
		crmg_image_service(image, crmg_image_classify(image, &probes[i], i & 1,
							      8080 + i));
	}
	crmg_memory_of(image, 2, &memory);
	next = compiled(&policy, image, crmg_image_head(image)->generation + 1);
	crmg_image_free(&next);
}

/* One to eight random bytes, in the head and sections rather than in the empty bindings. */
static void damage(struct crmg_image *image, uint64_t *random)
{
	const size_t size = image->cell_count * CRMG_CELL, ports = CRMG_IMAGE_PORTS * CRMG_CELL;
	const struct crmg_section *ranges = &crmg_image_head(image)->section[CRMG_SECTION_PORTS];
	const size_t sections = CRMG_IMAGE_SECTIONS * CRMG_CELL;
	const struct {
		size_t start, size;
		uint32_t share;		/* in 16 */
	} parts[] = {
		{ 0, 256, 1 },
		{ ports, size - ports, 2 },
		{ CRMG_IMAGE_BINDINGS * CRMG_CELL, 16 * CRMG_CELL, 3 },
		{ offsetof(struct crmg_front, dir), 4 * CRMG_DIR_COUNT, 2 },
		{ sections, (ranges->cell + 1) * CRMG_CELL - sections, 8 },
	};

	for (uint32_t bytes = 1 + draw_below(random, 8); bytes; bytes--) {
		uint32_t i = 0, pick = draw_below(random, 16);

		for (; pick >= parts[i].share; i++)
			pick -= parts[i].share;
		((uint8_t *)image->cells)[parts[i].start + draw_below(random, parts[i].size)] =
			draw(random);
	}
}

static void test_random_damage(void **state)
{
	struct crmg_image image = full_image();
	uint64_t random = 6;
	int accepted = 0;

	(void)state;
	for (int round = 0; round < 1000; round++) {
		struct crmg_image damaged = copy_of(&image);

		damage(&damaged, &random);
		if (crmg_image_validate(&damaged) == 0) {
			use(&damaged, &random);
			accepted++;
		}
		crmg_image_free(&damaged);
	}
	/* Both happen, or the test would show nothing. */
	assert_in_range(accepted, 50, 950);
	crmg_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_sections),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_indexes),
		cmocka_unit_test(test_directory),
		cmocka_unit_test(test_quotas),
		cmocka_unit_test(test_entries),
		cmocka_unit_test(test_scopes),
		cmocka_unit_test(test_http),
		cmocka_unit_test(test_random_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
