// SPDX-License-Identifier: GPL-2.0
/*
 * test_prefixes.c - which binding the packet path finds for an address, against the
 * look-up of user space: random policies, small ones that stand in the front as a whole
 * and large ones that do not, under every kind of source width.
 */
#include "bpf_test.h"

#include <stdio.h>
#include <stdlib.h>

#include "../../user/base/addr.h"
#include "../lib/random.h"

#define SEED      20260217
#define ADDRESSES 100000	/* a policy */
#define CLIENTS   8
#define MANY      6000		/* prefixes: their keys do not all fit the front */
#define TEXT_SIZE (512 * 1024)

static const uint16_t ports[] = { 443, 8080 };

struct world {
	struct crmg_test_random random;
	struct crmg_pfx prefixes[MANY];
	size_t count;
	char text[TEXT_SIZE];
	size_t len;
};

static struct world world = { .random = { SEED } };

static void add_text(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void add_text(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	world.len += vsnprintf(world.text + world.len, TEXT_SIZE - world.len, format, args);
	va_end(args);
	assert_true(world.len < TEXT_SIZE);
}

/* A few networks in which prefixes nest and addresses meet them, else any address. */
static struct crmg_addr draw_address(void)
{
	uint64_t a = crmg_test_random(&world.random), b = crmg_test_random(&world.random);
	struct crmg_addr addr;

	if (a & 1) {
		addr = (struct crmg_addr) { 0, CRMG_V4_MAPPED_LO | (uint32_t)b };
		if (a & 6)
			addr.lo = CRMG_V4_MAPPED_LO | 0x0a100000 | (b & 0x000f03ff);
		return addr;
	}
	addr = (struct crmg_addr) { 0x2000000000000000 | b >> 3, b };
	if (a & 6)
		addr = (struct crmg_addr) { 0x20010db800000000 | (b & 0xf000f), b >> 16 & 0xff };
	return addr;
}

static bool is_taken(const struct crmg_pfx *pfx)
{
	for (size_t i = 0; i < world.count; i++)
		if (world.prefixes[i].len == pfx->len &&
		    crmg_addr_cmp(&world.prefixes[i].addr, &pfx->addr) == 0)
			return true;
	return false;
}

/* A prefix that nobody else has, of any length from 8 bits on. */
static void add_prefix(const char *before)
{
	char text[64];
	struct crmg_pfx pfx;

	do {
		pfx.addr = draw_address();
		pfx.len = crmg_addr_is_v4(&pfx.addr)
			? 104 + crmg_test_below(&world.random, 25)
			: 8 + crmg_test_below(&world.random, 121);
		pfx.addr = crmg_addr_cut(pfx.addr, pfx.len);
	} while (is_taken(&pfx));
	world.prefixes[world.count++] = pfx;
	crmg_format_prefix(&pfx.addr, pfx.len, text, sizeof(text));
	add_text("%s\"%s\"", before, text);
}

/* One policy a client, without a limit that could refuse, and for some clients none. */
static const char *draw_policy(uint32_t prefixes, uint32_t v4_width, uint32_t v6_width)
{
	world.len = world.count = 0;
	add_text("version: 1\ncapacity: {sources: 65536}\n"
		 "sources: {ipv4_prefix: %u, ipv6_prefix: %u}\n"
		 "services:\n  web: {transport: tcp, ports: [443]}\n"
		 "  api: {transport: tcp, ports: [8080]}\nclients:\n", v4_width, v6_width);
	for (uint32_t c = 0; c < CLIENTS; c++) {
		add_text("  c%u: {prefixes: ", c);
		for (uint32_t i = 0; i < prefixes / CLIENTS; i++)
			add_prefix(i ? ", " : "[");
		add_text("]}\n");
	}
	add_text("policies:\n");
	for (uint32_t c = 0; c < CLIENTS; c++)
		add_text("  - {name: p%u, service: [%s], clients: c%u,\n"
			 "     limits: {packets: {rate: 1G/s, burst: 100G}}}\n", c,
			 c % 3 == 0 ? "web" : c % 3 == 1 ? "api" : "web, api", c);
	add_text("  - {name: rest, service: [web], clients: any,\n"
		 "     limits: {packets: {rate: 1G/s, burst: 100G}}}\nallow: ");
	add_prefix("[");
	add_text("]\n");
	return world.text;
}

/* Every packet passes, so a binding is told by its counter. */
static void compare_bindings(struct crmg_rig *rig, const uint64_t *expected)
{
	const struct crmg_image *image = crmg_rig_image(rig);

	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(image, i);
		struct crmg_row row = crmg_rig_row(rig, label->service, label->policy);

		if (row.packets[CRMG_VERDICT_PASS] != expected[i])
			fail_msg("%s of %s: %llu packets, not %llu", label->policy, label->service,
				 row.packets[CRMG_VERDICT_PASS],
				 (unsigned long long)expected[i]);
	}
}

static void compare_policy(uint32_t prefixes, uint32_t v4_width, uint32_t v6_width)
{
	struct crmg_rig *rig = crmg_rig_new(draw_policy(prefixes, v4_width, v6_width));
	const struct crmg_image *image = crmg_rig_image(rig);
	uint64_t expected[2 * (CLIENTS + 2) + 1] = { 0 };

	for (uint32_t n = 0; n < ADDRESSES; n++) {
		uint32_t which = crmg_test_below(&world.random, CRMG_ARRAY_SIZE(ports));
		struct crmg_test_packet packet = tcp_packet(draw_address(), ports[which], 0x10);
		uint32_t service = crmg_image_service_find(image, which ? "api" : "web");

		expected[crmg_image_resolve(image, service, &packet.src)]++;
		assert_int_equal(crmg_rig_xdp_packet(rig, &packet), XDP_PASS);
	}
	print_message("# %u prefixes, sources of /%u and /%u\n", prefixes, v4_width, v6_width);
	compare_bindings(rig, expected);
	crmg_rig_free(&rig);
}

static void test_small_policies(void **state)
{
	static const uint8_t v4_widths[] = { 8, 12, 15, 16, 24, 32 };
	static const uint8_t v6_widths[] = { 32, 48, 60, 64, 96, 128 };

	(void)state;
	print_message("# seed %u\n", SEED);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(v4_widths); i++)
		compare_policy(CLIENTS * (1 + 3 * i), v4_widths[i], v6_widths[i]);
}

static void test_large_policies(void **state)
{
	(void)state;
	compare_policy(MANY - CLIENTS, 32, 64);
	compare_policy(MANY - CLIENTS, 24, 56);
	compare_policy(MANY - CLIENTS, 10, 128);
	compare_policy(CLIENTS * 200, 16, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_small_policies),
		cmocka_unit_test(test_large_policies),
	};

	return cmocka_run_group_tests_name("prefixes", tests, NULL, NULL);
}
