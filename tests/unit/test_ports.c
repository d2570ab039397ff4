// SPDX-License-Identifier: GPL-2.0
/*
 * test_ports.c - which service a local address and port belong to, for ports
 * of one service, shared ports, and random ones against a naive reading.
 */
#include "policy.h"

#include <arpa/inet.h>

static struct policy policy;

/* Name of the service at a local address, transport and port. */
static const char *at(const struct crmg_image *image, const char *local,
		      enum crmg_transport transport, uint16_t port)
{
	struct crmg_addr a = addr(local);
	uint32_t index = crmg_image_classify(image, &a, transport, port);

	return index ? crmg_image_service(image, index)->name : "";
}

static void test_ports_alone(void **state)
{
	static const struct {
		enum crmg_transport transport;
		uint16_t port;
		const char *want;
	} rows[] = {
		{ CRMG_TRANSPORT_TCP, 442, "" },	{ CRMG_TRANSPORT_TCP, 443, "web" },
		{ CRMG_TRANSPORT_TCP, 444, "web" },	{ CRMG_TRANSPORT_TCP, 445, "" },
		{ CRMG_TRANSPORT_UDP, 443, "quic" },	{ CRMG_TRANSPORT_UDP, 444, "" },
		{ CRMG_TRANSPORT_TCP, 65535, "last" },	{ CRMG_TRANSPORT_TCP, 65534, "" },
		{ CRMG_TRANSPORT_UDP, 1, "first" },	{ CRMG_TRANSPORT_UDP, 0, "" },
		{ CRMG_TRANSPORT_TCP, 47873, "" },	/* 443 with its bytes swapped */
	};
	struct crmg_image image;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "web", CRMG_TRANSPORT_TCP, 443, 444);
	add_service(&policy, "quic", CRMG_TRANSPORT_UDP, 443, 443);
	add_service(&policy, "last", CRMG_TRANSPORT_TCP, 65535, 65535);
	add_service(&policy, "first", CRMG_TRANSPORT_UDP, 1, 1);
	image = compiled(&policy, NULL, 1);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		assert_string_equal(at(&image, "192.0.2.1", rows[i].transport, rows[i].port),
				    rows[i].want);
		assert_string_equal(at(&image, "2001:db8::1", rows[i].transport, rows[i].port),
				    rows[i].want);
	}
	assert_int_equal(crmg_image_head(&image)->section[CRMG_SECTION_GROUPS].count, 0);
	assert_int_equal(crmg_image_head(&image)->section[CRMG_SECTION_LKEYS].count, 0);
	crmg_image_free(&image);
}

/* The packet path indexes with the port as it is in the packet. */
static void test_port_byte_order(void **state)
{
	struct crmg_image image;
	const uint8_t *ports;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "web", CRMG_TRANSPORT_TCP, 443, 443);
	add_service(&policy, "quic", CRMG_TRANSPORT_UDP, 443, 443);
	image = compiled(&policy, NULL, 1);
	ports = (const uint8_t *)&image.cells[CRMG_IMAGE_PORTS];
	assert_int_equal(ports[htons(443)], 1);
	assert_int_equal(ports[1 << 16 | htons(443)], 2);
	assert_int_equal(ports[443], 0);
	crmg_image_free(&image);
}

/* A service with addresses is only there, also when it has the port alone. */
static void test_addresses(void **state)
{
	struct crmg_image image;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "inner", CRMG_TRANSPORT_TCP, 8080, 8080);
	add_address(&policy, pfx("10.1.0.0/16"));
	add_address(&policy, pfx("2001:db8::80"));
	add_service(&policy, "left", CRMG_TRANSPORT_TCP, 443, 443);
	add_address(&policy, pfx("10.1.0.0/24"));
	add_service(&policy, "right", CRMG_TRANSPORT_TCP, 443, 450);
	add_address(&policy, pfx("10.1.1.0/24"));
	add_address(&policy, pfx("2001:db8::/64"));
	image = compiled(&policy, NULL, 1);
	assert_string_equal(at(&image, "10.1.0.0", CRMG_TRANSPORT_TCP, 8080), "inner");
	assert_string_equal(at(&image, "10.1.255.255", CRMG_TRANSPORT_TCP, 8080), "inner");
	assert_string_equal(at(&image, "10.0.255.255", CRMG_TRANSPORT_TCP, 8080), "");
	assert_string_equal(at(&image, "10.2.0.0", CRMG_TRANSPORT_TCP, 8080), "");
	assert_string_equal(at(&image, "2001:db8::80", CRMG_TRANSPORT_TCP, 8080), "inner");
	assert_string_equal(at(&image, "2001:db8::81", CRMG_TRANSPORT_TCP, 8080), "");
	assert_string_equal(at(&image, "10.1.0.7", CRMG_TRANSPORT_TCP, 443), "left");
	assert_string_equal(at(&image, "10.1.1.7", CRMG_TRANSPORT_TCP, 443), "right");
	assert_string_equal(at(&image, "10.1.2.7", CRMG_TRANSPORT_TCP, 443), "");
	assert_string_equal(at(&image, "2001:db8::80", CRMG_TRANSPORT_TCP, 443), "right");
	assert_string_equal(at(&image, "2001:db8::80", CRMG_TRANSPORT_TCP, 450), "right");
	assert_string_equal(at(&image, "10.1.0.7", CRMG_TRANSPORT_TCP, 450), "");
	assert_string_equal(at(&image, "10.1.0.7", CRMG_TRANSPORT_UDP, 443), "");
	crmg_image_free(&image);
}

/* Where no service with addresses is, one without them has the port. */
static void test_service_everywhere(void **state)
{
	struct crmg_image image;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "here", CRMG_TRANSPORT_TCP, 443, 443);
	add_address(&policy, pfx("10.1.0.0/16"));
	add_service(&policy, "everywhere", CRMG_TRANSPORT_TCP, 443, 443);
	image = compiled(&policy, NULL, 1);
	assert_string_equal(at(&image, "10.1.0.1", CRMG_TRANSPORT_TCP, 443), "here");
	assert_string_equal(at(&image, "10.2.0.1", CRMG_TRANSPORT_TCP, 443), "everywhere");
	assert_string_equal(at(&image, "2001:db8::1", CRMG_TRANSPORT_TCP, 443), "everywhere");
	crmg_image_free(&image);
}

/* The service of a port whose longest address contains local; without addresses: any. */
static const char *naive(const struct crmg_model *m, const struct crmg_addr *local,
			 enum crmg_transport transport, uint16_t port)
{
	const char *name = "";
	int best = -2;

	for (size_t i = 0; i < m->service_count; i++) {
		const struct crmg_model_service *s = &m->services[i];

		if (s->transport != transport || port < s->ports->first || port > s->ports->last)
			continue;
		if (!s->address_count && best < -1) {
			best = -1;
			name = s->name;
		}
		for (size_t a = 0; a < s->address_count; a++)
			if (holds(&s->addresses[a], local) && s->addresses[a].len > best) {
				best = s->addresses[a].len;
				name = s->name;
			}
	}
	return name;
}

/* Two services may not be for one port and address (model_check sees to that). */
static bool overlaps(const struct policy *p, const struct crmg_pfx *pfx)
{
	for (size_t i = 0; i < p->address_count; i++)
		if (holds(pfx, &p->addresses[i].addr) || holds(&p->addresses[i], &pfx->addr))
			return true;
	return false;
}

static void draw_services(struct policy *p, uint64_t *random)
{
	size_t count = 1 + draw_below(random, 8), addresses;
	char name[CRMG_NAME_LEN];
	struct crmg_pfx pfx;
	uint16_t first;

	policy_init(p);
	for (size_t i = 0; i < count; i++) {
		snprintf(name, sizeof(name), "s%zu", i);
		first = 100 + draw_below(random, 6);
		add_service(p, name, draw_below(random, 2), first, first + draw_below(random, 4));
		for (addresses = 1 + draw_below(random, 5); addresses; addresses--) {
			pfx = draw_prefix(random);
			if (!overlaps(p, &pfx))
				add_address(p, pfx);
		}
		/* One that found no room shares no port: it would be everywhere. */
		if (!p->services[i].address_count)
			p->services[i].ports[0] = (struct crmg_port_range){ 200 + i, 200 + i };
	}
}

static void test_random_services(void **state)
{
	struct crmg_addr probes[PROBES];
	uint64_t random = 5;
	uint32_t index;

	(void)state;
	for (int round = 0; round < 500; round++) {
		struct crmg_image image;

		draw_services(&policy, &random);
		image = compiled(&policy, NULL, 1);
		for (size_t i = 0; i < policy.address_count * 2 * 110; i++) {
			enum crmg_transport transport = i & 1;
			uint16_t port = 99 + i / 2 % 110;

			probes_of(&policy.addresses[i / 220], &random, probes);
			for (size_t j = 0; j < PROBES; j++) {
				index = crmg_image_classify(&image, &probes[j], transport, port);
				assert_string_equal(
					index ? crmg_image_service(&image, index)->name : "",
					naive(&policy.model, &probes[j], transport, port));
			}
		}
		crmg_image_free(&image);
	}
}

/*
 * Ranges that begin one after another and end one after another: 64 sets of
 * services while they begin and 63 while they end, which is all that fit.
 */
static void test_too_many_groups(void **state)
{
	static struct crmg_port_range two_ranges[2] = { { 0 }, { 1000, 1000 } };
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_image image;
	char name[CRMG_NAME_LEN];

	(void)state;
	policy_init(&policy);
	for (uint16_t i = 0; i < CRMG_SERVICES_MAX; i++) {
		snprintf(name, sizeof(name), "s%u", i);
		add_service(&policy, name, CRMG_TRANSPORT_TCP, 1 + i, 100 + i);
		add_address(&policy, (struct crmg_pfx){
			{ 0, CRMG_V4_MAPPED_LO | 0x0a000000 | i }, 128 });
	}
	image = compiled(&policy, NULL, 1);
	assert_string_equal(at(&image, "10.0.0.63", CRMG_TRANSPORT_TCP, 163), "s63");
	assert_string_equal(at(&image, "10.0.0.62", CRMG_TRANSPORT_TCP, 163), "");
	assert_string_equal(at(&image, "10.0.0.62", CRMG_TRANSPORT_TCP, 162), "s62");
	crmg_image_free(&image);

	/* s5 alone at one more port is one set more. */
	two_ranges[0] = policy.services[5].ports[0];
	policy.services[5].ports = two_ranges;
	policy.services[5].port_count = 2;
	assert_int_equal(crmg_compile(&policy.model, NULL, 1, CRMG_MODE_ENFORCE, &image, &err),
			 -E2BIG);
	assert_int_equal(err.count, 1);
	assert_non_null(strstr(err.messages[0].text, "share ports"));
	crmg_err_clear(&err);
}

/* Ranges and addresses are listed by service, in the order of the model. */
static void test_lists(void **state)
{
	const struct crmg_service *service;
	const struct crmg_port_range *ports;
	const struct crmg_prefix *locals;
	struct crmg_image image;

	(void)state;
	policy_init(&policy);
	add_service(&policy, "a", CRMG_TRANSPORT_TCP, 1, 2);
	add_service(&policy, "b", CRMG_TRANSPORT_UDP, 3, 4);
	add_address(&policy, pfx("10.0.0.0/8"));
	add_address(&policy, pfx("2001:db8::1"));
	policy.services[1].protocol = CRMG_PROTOCOL_QUIC;
	image = compiled(&policy, NULL, 1);
	ports = crmg_image_section(&image, CRMG_SECTION_PORTS, NULL);
	locals = crmg_image_section(&image, CRMG_SECTION_LOCALS, NULL);
	service = crmg_image_service(&image, 2);
	assert_string_equal(service->name, "b");
	assert_int_equal(service->transport, CRMG_TRANSPORT_UDP);
	assert_int_equal(service->protocol, CRMG_PROTOCOL_QUIC);
	assert_int_equal(service->port_count, 1);
	assert_int_equal(ports[service->first_port].first, 3);
	assert_int_equal(ports[service->first_port].last, 4);
	assert_int_equal(service->local_count, 2);
	assert_int_equal(locals[service->first_local].len, 104);
	assert_int_equal(locals[service->first_local].client, 0xffff);
	assert_int_equal(locals[service->first_local + 1].addr.lo, 1);
	assert_int_equal(crmg_image_service(&image, 1)->local_count, 0);
	crmg_image_free(&image);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ports_alone),
		cmocka_unit_test(test_port_byte_order),
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_service_everywhere),
		cmocka_unit_test(test_random_services),
		cmocka_unit_test(test_too_many_groups),
		cmocka_unit_test(test_lists),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
