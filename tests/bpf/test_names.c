// SPDX-License-Identifier: GPL-2.0
/*
 * test_names.c - services that share a port and are told apart by server names: which packets are
 * whose, and what a connection keeps of its name, over retransmissions and policies.
 */
#include "talk.h"

#include "../lib/hello.h"

#define POLICY(named) \
	"version: 1\n" \
	"capacity: {sources: 1024, flows: 1024}\n" \
	"services:\n" \
	"  web: {transport: tcp, ports: [443], protocol: tls}\n" \
	named \
	"policies:\n" \
	"  - {name: public, service: web, clients: any, limits: {open_connections: {max: 2}}}\n"

#define API "  api: {ports: [443], protocol: tls, server_names: [api.example.org]}\n"
#define ANY "  rest: {ports: [443], protocol: tls, server_names: [\"*.example.org\", Other.example]}\n"

static const char plain[] = POLICY(API ANY);
static const char few[] = POLICY(API ANY)
	"  - {name: few, service: api, clients: any, limits: {packets: {rate: 1/h, burst: 3}}}\n";
static const char cut[] = POLICY(API ANY)
	"  - {name: cut, service: api, clients: any, limits: {bytes_out: [{quota: 64KiB, per: 1h}]},\n"
	"     on_budget: cut, on_exceed: reset}\n";
static const char out[] = POLICY(API ANY)
	"  - {name: out, service: api, clients: any, limits: {bytes_out: [{quota: 64KiB, per: 1h}]},\n"
	"     on_budget: cut}\n";

static uint64_t packets(const char *service, const char *policy)
{
	return crmg_rig_row(rig, service, policy).packets[CRMG_VERDICT_PASS];
}

static struct hello asks(const char *name)
{
	return hello_asking(name, strlen(name));
}

static uint32_t said(struct talk *t, const struct hello *h)
{
	return says(t, (const char *)h->bytes, h->len);
}

/* A connection that asks for the name (NULL: for none), and says something else after that. */
static struct talk talks(uint16_t sport, const char *name)
{
	struct hello h = name ? asks(name) : hello_asking(NULL, 0);
	struct talk t = talk(PEER4, sport);

	assert_int_equal(said(&t, &h), XDP_PASS);
	assert_int_equal(says(&t, "more", 4), XDP_PASS);
	return t;
}

/* Where the hello and what follows it are counted. */
static void check_name(const char *name, uint64_t api, uint64_t any)
{
	uint64_t before[] = { packets("web", "public"), packets("api", "none"), packets("rest", "none") };
	static uint16_t sport = 40000;
	struct talk t = talks(sport++, name);

	assert_int_equal(packets("api", "none") - before[1], api);
	assert_int_equal(packets("rest", "none") - before[2], any);
	assert_int_equal(packets("web", "public") - before[0], 4 - api - any);
	/* It gives its place back. */
	assert_int_equal(sends_at(&t, RST | ACK, 1001, "", 0), XDP_PASS);
	crmg_rig_forget(rig);
}

static void test_names(void **state)
{
	char longest[260];

	(void)state;
	check_name("api.example.org", 2, 0);
	check_name("API.Example.ORG", 2, 0);
	check_name("www.example.org", 0, 2);
	check_name("other.example", 0, 2);
	check_name("a.www.example.org", 0, 0);
	check_name("example.org", 0, 0);
	check_name(".example.org", 0, 0);
	check_name("api.example.or", 0, 0);
	check_name("api.example.orgs", 0, 0);
	check_name("org", 0, 0);
	check_name(NULL, 0, 0);
	memset(longest, 'a', sizeof(longest));
	longest[253] = 0;
	memcpy(longest + 253 - 12, ".example.org", 12);
	check_name(longest, 0, 2);
	memcpy(longest + 254 - 12, ".example.org", 13);
	check_name(longest, 0, 0);
}

/* The name is in the first segment, or the connection has none. */
static void test_segments(void **state)
{
	struct hello h = asks("api.example.org");
	struct talk t = talk(PEER4, 40000);

	(void)state;
	assert_int_equal(says(&t, (const char *)h.bytes, 60), XDP_PASS);
	assert_int_equal(says(&t, (const char *)h.bytes + 60, h.len - 60), XDP_PASS);
	assert_int_equal(says(&t, "more", 4), XDP_PASS);
	assert_int_equal(packets("api", "none"), 0);
	/* It need not have all of the hello. */
	t = talk(PEER4, 40001);
	assert_int_equal(says(&t, (const char *)h.bytes, h.len - 40), XDP_PASS);
	assert_int_equal(says(&t, (const char *)h.bytes + h.len - 40, 40), XDP_PASS);
	assert_int_equal(packets("api", "none"), 2);
	/* What the server cannot take says nothing. */
	t = talk(PEER4, 40002);
	t.c.next += 1 << 24;
	assert_int_equal(said(&t, &h), XDP_PASS);
	assert_int_equal(packets("api", "none"), 2);
}

/* Dropped, and sent again: it is the same connection. */
static void test_again(void **state)
{
	struct hello h = asks("api.example.org"), other = asks("www.example.org");
	struct talk t = talk(PEER4, 40000);

	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(says_at(&t, 1001, (const char *)h.bytes, h.len), XDP_PASS);
	assert_int_equal(packets("api", "few"), 3);
	assert_int_equal(says_at(&t, 1001, (const char *)h.bytes, h.len), XDP_DROP);
	assert_int_equal(says_at(&t, 1001, (const char *)other.bytes, other.len), XDP_DROP);
	/* Others of the source go on. */
	t = talk(PEER4, 40001);
	assert_int_equal(said(&t, &other), XDP_PASS);
	assert_int_equal(packets("rest", "none"), 1);
	assert_int_equal(packets("api", "few"), 3);
}

/* Connections begin at the base: its cap counts those with names too, and forgets none. */
static void test_cap(void **state)
{
	struct talk first = talks(40000, "api.example.org"), second = talks(40001, NULL);
	struct conversation third = conversation(rig, PEER4, 40002);

	(void)state;
	(void)second;
	assert_int_equal(client_sends(&third, SYN), XDP_DROP);
	server_says(&first, FIN | ACK, 0);
	first.c.next++;
	assert_int_equal(sends_at(&first, FIN | ACK, first.next, "", 0), XDP_PASS);
	assert_int_equal(client_sends(&third, SYN), XDP_PASS);
}

/*
 * Whose name's budget is used up is refused after the SYN, which is the base's: what was refused
 * so is no open connection.
 */
static void test_cut_is_closed(void **state)
{
	struct talk named = talks(40000, "api.example.org");
	struct hello h = asks("api.example.org");
	struct conversation c;

	(void)state;
	for (int i = 0; i < 70; i++)
		server_says(&named, ACK, 1000);
	assert_int_equal(sends_at(&named, RST | ACK, named.next, "", 0), XDP_PASS);
	for (uint16_t i = 0; i < 5; i++) {
		struct talk t = talk(PEER4, 41000 + i);

		assert_int_not_equal(said(&t, &h), XDP_DROP);
	}
	c = conversation(rig, PEER4, 42000);
	assert_int_equal(client_sends(&c, SYN), XDP_PASS);
}

/* What leaves is charged to the name's budget, and that of another goes on. */
static void test_out(void **state)
{
	struct talk named = talks(40000, "api.example.org"), base = talks(40001, NULL);
	uint64_t web = crmg_rig_row(rig, "web", "public").bytes_out;
	struct crmg_row row;

	(void)state;
	for (int i = 0; i < 70; i++)
		server_says(&named, ACK, 1000);
	row = crmg_rig_row(rig, "api", "out");
	assert_in_range(row.bytes_out, 57344, 65536);
	assert_true(row.dropped_out > 0);
	assert_int_equal(crmg_rig_row(rig, "web", "public").bytes_out, web);
	server_says(&base, ACK, 1000);
	assert_true(crmg_rig_row(rig, "web", "public").bytes_out > web);
}

/* A connection is of the service that it got, while that is there: never of another. */
static void test_applies(void **state)
{
	struct talk t = talks(40000, "api.example.org");
	uint64_t base = packets("web", "public");

	(void)state;
	/* The name moves: what is open stays. */
	crmg_rig_apply(rig, POLICY("  api: {ports: [443], protocol: tls, server_names: [a.example]}\n"));
	assert_int_equal(says(&t, "more", 4), XDP_PASS);
	assert_int_equal(packets("api", "none"), 3);
	/* The service goes. */
	crmg_rig_apply(rig, POLICY(""));
	assert_int_equal(says(&t, "more", 4), XDP_PASS);
	assert_int_equal(packets("web", "public"), base + 1);
	/* Its index is given to another one. */
	crmg_rig_apply(rig, POLICY("  new: {ports: [443], protocol: tls, server_names: [b.example]}\n"));
	assert_int_equal(crmg_image_service_find(crmg_rig_image(rig), "new"), 2);
	assert_int_equal(says(&t, "more", 4), XDP_PASS);
	assert_int_equal(packets("new", "none"), 0);
	assert_int_equal(packets("web", "public"), base + 2);
}

/* In TC ingress, and by IPv6. */
static void test_hooks(void **state)
{
	struct hello h = asks("www.example.org");
	struct talk t;

	(void)state;
	t = talk(PEER6, 40000);
	assert_int_equal(said(&t, &h), XDP_PASS);
	crmg_rig_set_tc_ingress(rig, true);
	t = talk(PEER4, 40000);
	assert_int_equal(said(&t, &h), XDP_PASS);
	assert_int_equal(packets("rest", "none"), 2);
}

/* One that is met in its middle, or forgotten, is the base's. */
static void test_unknown(void **state)
{
	struct hello h = asks("api.example.org");
	struct talk t = { conversation(rig, PEER4, 40000), 1001 };

	(void)state;
	server_says(&t, ACK, 100);
	assert_int_equal(said(&t, &h), XDP_PASS);
	assert_int_equal(packets("api", "none"), 0);
	assert_int_equal(packets("web", "public"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST_UNDER(test_names, plain),
		TEST_UNDER(test_segments, plain),
		TEST_UNDER(test_again, few),
		TEST_UNDER(test_cap, plain),
		TEST_UNDER(test_cut_is_closed, cut),
		TEST_UNDER(test_out, out),
		TEST_UNDER(test_applies, plain),
		TEST_UNDER(test_hooks, plain),
		TEST_UNDER(test_unknown, plain),
	};

	return cmocka_run_group_tests_name("names", tests, NULL, NULL);
}
