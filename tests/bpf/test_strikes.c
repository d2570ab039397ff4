// SPDX-License-Identifier: GPL-2.0
/*
 * test_strikes.c - automatic bans: what is a strike, when strikes become a ban, how
 * long it lasts, and who is never banned.
 */
#include "conversation.h"
#include "rig.h"

#include <stdio.h>

#include "../lib/random.h"

/* Far ahead of the real clock: what user space says of bans, it says of the future. */
#define TEN_YEARS_NS (3650ULL * 86400 * CRMG_NS_PER_SEC)
#define MS       1000000ULL
#define SECOND   CRMG_NS_PER_SEC
#define HOUR     (3600 * SECOND)

#define ALLOWED4 CRMG_TEST_V4(192, 0, 2, 10)

static uint64_t now;

static void set_now(uint64_t ns)
{
	now = ns;
	crmg_rig_set_clock(rig, ns);
}

/* One service; `more` stands in the policy of partners, after its limit of 100/s. */
static void start(const char *more, const char *mode, const char *balancer)
{
	char policy[1024];

	snprintf(policy, sizeof(policy),
		 "version: 1\n"
		 "capacity: {sources: 1024}\n"
		 "services: {api: {ports: [443]}}\n"
		 "clients: {partners: {prefixes: [203.0.113.0/24]%s}}\n"
		 "policies:\n"
		 "  - {name: partners, service: api, clients: partners, mode: %s,\n"
		 "     limits: {packets: {rate: 100/s, burst: 100}, connections: {rate: 1k/s},\n"
		 "              bytes: {rate: 1GB/s}}%s}\n"
		 "  - {name: public, service: api, limits: {packets: {rate: 100/s, burst: 100}}}\n"
		 "allow: [192.0.2.10]\n", balancer, mode, more);
	rig = crmg_rig_new(policy);
	set_now(TEN_YEARS_NS);
}

#define BAN ", ban: {after: 10, within: 10s, for: 60s, factor: 2, max: 200s}"

static struct conversation open_conversation(uint16_t sport)
{
	struct conversation c = conversation(rig, PEER4, sport);

	handshake(&c);
	return c;
}

static uint64_t strikes(void)
{
	return crmg_rig_host(rig, CRMG_HOST_STRIKES);
}

static uint64_t bans(void)
{
	return crmg_rig_host(rig, CRMG_HOST_AUTO_BANS);
}

static uint64_t reasons(enum crmg_reason reason)
{
	return crmg_rig_row(rig, "api", "partners").reasons[reason];
}

/* From now on one policy for everybody, of these limits. */
static void apply_alone(const char *limits, unsigned int after)
{
	char policy[512];

	snprintf(policy, sizeof(policy),
		 "version: 1\n"
		 "capacity: {sources: 1024}\n"
		 "services: {api: {ports: [443]}}\n"
		 "policies: [{name: partners, service: api, limits: {%s}, ban: {after: %u}}]\n",
		 limits, after);
	crmg_rig_apply(rig, policy);
}

/* Somebody else sends so much that the source has not most of the service's packets. */
static void others_send(unsigned int packets)
{
	const struct crmg_test_packet p = tcp_packet(ALLOWED4, 443, ACK);

	volley(rig, &p, packets);
}

/*
 * The client sends `count` segments, one every step_ns. Returns how many of them were
 * sent before it was banned; `count`: it was not.
 */
static unsigned int hammer(const struct conversation *c, unsigned int count, uint64_t step_ns)
{
	const uint64_t before = crmg_rig_row(rig, "api", "partners").reasons[CRMG_REASON_BANNED];

	for (unsigned int i = 0; i < count; i++) {
		set_now(now + step_ns);
		others_send(1);
		client_sends(c, ACK);
		if (crmg_rig_refused(rig, "api", PEER4) == CRMG_REASON_BANNED &&
		    crmg_rig_row(rig, "api", "partners").reasons[CRMG_REASON_BANNED] > before)
			return i;
	}
	return count;
}

/* Takes all of the source's budget, in a time in which nothing refills. */
static void drain(const struct conversation *c)
{
	for (int i = 0; i < 200; i++)
		client_sends(c, ACK);
}

/* Hammers until it is banned; returns the second in which that was. */
static uint64_t provoke(const struct conversation *c)
{
	assert_in_range(hammer(c, 5000, 2 * MS), 10, 4999);
	return now / SECOND;
}

/* -------------------------------------------------------- what is a strike */

static const struct {
	const char *name;
	uint8_t flags;
	int off;		/* of what it acknowledges */
	uint16_t sport;		/* the conversation is of port 40000 */
	bool strike;
} rows[] = {
	{ "a segment of the connection", ACK, 0, 40000, true },
	{ "an older acknowledgement", ACK, -500, 40000, true },
	{ "a SYN", SYN, 0, 40000, false },
	{ "a SYN of a new port", SYN, 0, 40001, false },
	{ "SYN and ACK", SYN | ACK, 0, 40000, false },
	{ "a bare packet", 0, 0, 40000, false },
	{ "no connection of that port", ACK, 0, 40001, false },
	{ "a number that was not sent", ACK, 1, 40000, false },
	{ "a number of long ago", ACK, -(1 << 24), 40000, false },
	{ "RST alone", RST, 0, 40000, false },
};

static void test_what_is_a_strike(void **state)
{
	struct conversation c;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	server_sends(&c, ACK, 1000);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_test_packet p = client_segment(&c, rows[i].flags);
		uint64_t before;

		/* Not at the begin of 100 ms, or a unit would be full at the end of them. */
		set_now(now + 20 * SECOND + 3 * MS);
		/* The source itself sends too much, also to the end of the next 100 ms. */
		drain(&c);
		set_now((now / (100 * MS) + 2) * 100 * MS - MS);
		drain(&c);
		/* Nothing was refused in these. */
		set_now(now + MS);
		p.ack += (uint32_t)rows[i].off;
		p.sport = rows[i].sport;
		before = strikes();
		for (int n = 0; n < 8; n++) {
			assert_int_equal(crmg_rig_xdp_packet(rig, &p), XDP_DROP);
			if (n == 3)
				assert_int_equal(strikes(), before + rows[i].strike);
		}
		/* All in the same 100 ms: one at most. */
		if (strikes() != before + rows[i].strike)
			fail_msg("%s: %lu strikes", rows[i].name, strikes() - before);
	}
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_PROVEN);
}

/*
 * T21: a client that uses all of its limit, while somebody forges its address, so that it
 * is refused most of what it may send: those are no strikes. Frames of 1000 bytes.
 */
static void check_client_at_its_limit(const char *limit)
{
	struct crmg_test_random random = { 3 };
	struct crmg_test_packet own, forged;
	unsigned int sent = 100, passed;
	struct conversation c;

	start("", "enforce", "");
	apply_alone(limit, 1);
	c = open_conversation(40000);
	own = client_segment(&c, ACK);
	own.payload = 1000 - 54;
	forged = own;
	forged.ack += 1;
	set_now(now + 10 * SECOND);
	passed = volley(rig, &own, sent);
	assert_int_equal(passed, sent);
	for (int ms = 1; ms <= 20000; ms++) {
		set_now(now + MS);
		volley(rig, &forged, crmg_test_below(&random, 2));
		if (ms % 10)
			continue;
		passed += volley(rig, &own, 1);
		sent++;
	}
	assert_in_range(passed, sent / 20, sent * 2 / 3);
	assert_int_equal(strikes(), 0);
	crmg_rig_free(&rig);
}

static void test_client_at_its_limit(void **state)
{
	(void)state;
	check_client_at_its_limit("packets: {rate: 100/s, burst: 100}");
	check_client_at_its_limit("bytes: {rate: 100kB/s, burst: 100kB}");
}

/* Who begins each 100 ms with a packet that proves nothing hides none of his own. */
static void test_bogus_packets_hide_no_strike(void **state)
{
	struct crmg_test_packet bogus;
	struct conversation c;
	uint64_t before;

	(void)state;
	start("", "enforce", "");
	apply_alone("packets: {rate: 100/s, burst: 100}", 100);
	c = open_conversation(40000);
	bogus = client_segment(&c, ACK);
	bogus.ack += 1;
	drain(&c);
	before = strikes();
	for (int i = 0; i < 20; i++) {
		set_now(now + 100 * MS);
		volley(rig, &bogus, 20);
		drain(&c);
	}
	assert_int_equal(strikes(), before + 20);
}

/* What was sent under another limit is no excess over the one that came after it. */
static void test_changed_limit_begins_anew(void **state)
{
	struct conversation c;
	uint64_t before;

	(void)state;
	start("", "enforce", "");
	apply_alone("packets: {rate: 1/s, burst: 100}", 100);
	c = open_conversation(40000);
	drain(&c);
	before = strikes();
	assert_true(before > 0);
	apply_alone("packets: {rate: 100/s, burst: 100}", 100);
	set_now(now + 100 * MS);
	for (int i = 0; i < 100; i++)
		client_sends(&c, ACK);
	assert_int_equal(strikes(), before);
	/* The same limit in a new generation is no other one. */
	apply_alone("packets: {rate: 100/s, burst: 100}", 99);
	drain(&c);
	assert_int_equal(strikes(), before + 1);
}

/* Only the limits that `on` names give strikes. */
static void test_limits_that_count(void **state)
{
	struct conversation c;

	(void)state;
	start(", ban: {after: 1, on: [bytes]}", "enforce", "");
	c = open_conversation(40000);
	assert_int_equal(hammer(&c, 2000, 2 * MS), 2000);
	assert_int_equal(strikes(), 0);
}

/* The limit of connections refuses SYNs, which may be forged: they hide no strike of that time. */
static void test_refused_connections_leave_strikes(void **state)
{
	struct crmg_test_packet syn;
	struct conversation c;

	(void)state;
	start("", "enforce", "");
	apply_alone("packets: {rate: 100/s, burst: 100}, connections: {rate: 1/1h}", 100);
	c = open_conversation(40000);
	syn = client_segment(&c, SYN);
	drain(&c);
	for (uint64_t n = 1; n <= 20; n++) {
		assert_int_equal(strikes(), n);
		set_now(now + 100 * MS);
		volley(rig, &syn, 20);
		drain(&c);
	}
	assert_int_equal(reasons(CRMG_REASON_CONNECTIONS), 20 * 20);
}

/* --------------------------------------------------- when, and for how long */

/* The tenth strike bans, not the ninth; the ban ends by itself, in the kernel. */
static void test_ban_begins_and_ends(void **state)
{
	struct conversation c;
	uint64_t until;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	others_send(1000);
	drain(&c);
	for (unsigned int n = 2; n <= 10; n++) {
		assert_int_equal(bans(), 0);
		assert_int_equal(strikes(), n - 1);
		set_now(now + 100 * MS);
		others_send(1000);
		drain(&c);
	}
	assert_int_equal(bans(), 1);
	assert_int_equal(crmg_rig_state(rig, "api", PEER4), CRMG_TAG_BANNED);
	until = crmg_rig_slot(rig, "api", PEER4)->auto_until_s;
	assert_int_equal(until, (now + SECOND - 1) / SECOND + 60);
	/* Also what is within the limit. */
	set_now(until * SECOND - 1);
	assert_int_equal(client_sends(&c, ACK), XDP_DROP);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_BANNED);
	set_now(now + 1);
	assert_int_equal(client_sends(&c, ACK), XDP_PASS);
	assert_int_equal(bans(), 1);
}

/* Strikes that do not fall together within the time are forgotten. */
static void test_slow_strikes_never_ban(void **state)
{
	struct conversation c;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	for (int i = 0; i < 200; i++) {
		set_now(now + 1500 * MS);
		others_send(1000);
		drain(&c);
	}
	assert_in_range(strikes(), 190, 201);
	assert_int_equal(bans(), 0);
}

/* Each ban lasts twice as long as the one before, up to max; a quiet day forgets. */
static void test_bans_grow(void **state)
{
	static const unsigned int lasts[] = { 60, 120, 200, 200 };
	struct conversation c;
	uint64_t until;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(lasts); i++) {
		uint64_t since = provoke(&c);

		until = crmg_rig_slot(rig, "api", PEER4)->auto_until_s;
		assert_in_range(until - since, lasts[i], lasts[i] + 1);
		set_now(until * SECOND);
	}
	set_now((until - 10) * SECOND + 24 * HOUR);
	provoke(&c);
	assert_int_equal(crmg_rig_detail(rig, "api", PEER4)->auto_bans, 5);
	until = crmg_rig_slot(rig, "api", PEER4)->auto_until_s;
	set_now((until + 60) * SECOND + 24 * HOUR);
	provoke(&c);
	assert_int_equal(crmg_rig_detail(rig, "api", PEER4)->auto_bans, 1);
	assert_int_equal(crmg_rig_slot(rig, "api", PEER4)->auto_until_s -
			 (now + SECOND - 1) / SECOND, 60);
}

/*
 * Who is 0.5 % over his limit, evenly or in volleys, is refused that, and not banned; nor
 * when somebody forges SYNs in its name, which its limit of connections refuses.
 */
static void test_small_excess_never_bans(void **state)
{
	enum { RATE = 2000, OFFERED = 2010, SECONDS = 100 };
	static const struct { unsigned int volley, syn_every; } cases[] = {
		{ 1, 0 }, { 20, 0 }, { 201, 0 }, { 1, 10 },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(cases); i++) {
		struct crmg_test_packet syn;
		struct conversation c;
		uint64_t refused;

		start("", "enforce", "");
		apply_alone("packets: {rate: 2000/s, burst: 210}, connections: {rate: 1/1h}", 50);
		c = open_conversation(40000);
		syn = client_segment(&c, SYN);
		for (uint64_t n = 0; n < OFFERED * SECONDS; n++) {
			if (n % cases[i].volley == 0)
				set_now(TEN_YEARS_NS + n * SECOND / OFFERED);
			if (cases[i].syn_every && n % cases[i].syn_every == 0)
				crmg_rig_xdp_packet(rig, &syn);
			client_sends(&c, ACK);
		}
		refused = reasons(CRMG_REASON_PACKETS);
		assert_in_range(refused, (OFFERED - RATE) * SECONDS - 250,
				(OFFERED - RATE) * SECONDS);
		assert_int_equal(bans() + crmg_rig_host(rig, CRMG_HOST_LARGE_SHARES), 0);
		crmg_rig_free(&rig);
	}
}

/* ------------------------------------------------------- who is not banned */

/* Half of the service's packets and more: a balancer or a NAT. An event, and no ban. */
static void test_large_share_is_not_banned(void **state)
{
	uint64_t head;
	struct conversation c;
	unsigned int told = 0;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	head = crmg_rig_event_head(rig);
	for (int i = 0; i < 5000; i++) {
		set_now(now + 2 * MS);
		/* The source passes one packet in 10 ms. */
		if (i % 10 == 0)
			others_send(1);
		client_sends(&c, ACK);
	}
	assert_int_equal(bans(), 0);
	assert_true(crmg_rig_host(rig, CRMG_HOST_LARGE_SHARES) > 0);
	for (uint64_t seq = head + 1; seq <= crmg_rig_event_head(rig); seq++) {
		const struct crmg_event *e = crmg_rig_event(rig, seq);

		assert_int_not_equal(e->kind, CRMG_EVENT_BAN);
		told += e->kind == CRMG_EVENT_SHARE;
	}
	assert_int_equal(told, crmg_rig_host(rig, CRMG_HOST_LARGE_SHARES));
	/* The same source, when others send more than it passes. */
	provoke(&c);
	assert_int_equal(bans(), 1);
}

static void check_never_banned(const char *mode, const char *balancer)
{
	struct conversation c;

	start(BAN, mode, balancer);
	c = open_conversation(40000);
	assert_int_equal(hammer(&c, 10000, 2 * MS), 10000);
	assert_int_equal(bans() + strikes(), 0);
	crmg_rig_free(&rig);
}

static void test_balancer_and_shadow(void **state)
{
	(void)state;
	check_never_banned("enforce", ", balancer: true");
	check_never_banned("shadow", "");
	check_never_banned("\"off\"", "");
}

/* A ban that was made does not hold while its policy is in shadow. */
static void test_shadow_suspends(void **state)
{
	struct conversation c;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	provoke(&c);
	crmg_rig_apply(rig, "version: 1\nmode: shadow\ncapacity: {sources: 1024}\n"
			    "services: {api: {ports: [443]}}\n"
			    "policies: [{name: partners, service: api, "
			    "limits: {packets: {rate: 100/s}}" BAN "}]\n");
	assert_int_equal(client_sends(&c, ACK), XDP_PASS);
}

/* unban ends the ban that is in force, and no later one. */
static void test_unban(void **state)
{
	struct conversation c;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(40000);
	provoke(&c);
	crmg_rig_unban(rig, "203.0.113.7");
	set_now(now + SECOND);
	assert_int_equal(client_sends(&c, ACK), XDP_PASS);
	provoke(&c);
	assert_int_equal(bans(), 2);
	assert_int_equal(client_sends(&c, ACK), XDP_DROP);
}

/* T21, D4: who forges a partner's address, but cannot see his connection, bans nobody. */
static void test_forger_bans_nobody(void **state)
{
	struct crmg_test_random random = { 21 };
	struct conversation c;
	struct crmg_test_packet p;

	(void)state;
	start(BAN, "enforce", "");
	c = open_conversation(41234);
	server_sends(&c, ACK, 1000);
	client_sends(&c, ACK);
	p = client_segment(&c, ACK);
	for (int i = 0; i < 1000000; i++) {
		p.sport = (uint16_t)crmg_test_below(&random, 65536);
		p.ack = (uint32_t)crmg_test_random(&random);
		if (i % 100 == 0)
			set_now(TEN_YEARS_NS + i * MS / 10);
		crmg_rig_xdp_packet(rig, &p);
	}
	others_send(20000);
	assert_true(crmg_rig_row(rig, "api", "partners").packets[CRMG_VERDICT_DROP] > 900000);
	print_message("# %lu strikes in a million tries\n", strikes());
	assert_in_range(strikes(), 0, 1);
	assert_int_equal(bans() + crmg_rig_host(rig, CRMG_HOST_LARGE_SHARES), 0);
	set_now(now + SECOND);
	assert_int_equal(client_sends(&c, ACK), XDP_PASS);
}

/* ------------------------------------------------------------------- floods */

/* Nobody, proven or not, takes the room of a banned source before its ban is over. */
static void test_ban_survives_a_flood(void **state)
{
	struct conversation c;
	uint64_t until;

	(void)state;
	start(", ban: {after: 10, for: 3d, max: 3d}", "enforce", "");
	c = open_conversation(40000);
	provoke(&c);
	until = crmg_rig_slot(rig, "api", PEER4)->auto_until_s * SECOND;
	for (uint64_t hours = 1; hours < 72; hours += 10) {
		set_now(TEN_YEARS_NS + hours * HOUR);
		for (uint32_t n = 0; n < 16 * 1024; n++) {
			struct conversation other = conversation(rig, stranger(n), 1);

			if (n % 4 == 0)
				handshake(&other);
			else
				client_sends(&other, ACK);
		}
	}
	assert_int_equal(crmg_rig_tracked(rig), 1024);
	set_now(until - 1);
	assert_int_equal(client_sends(&c, ACK), XDP_DROP);
	assert_int_equal(crmg_rig_refused(rig, "api", PEER4), CRMG_REASON_BANNED);
	set_now(until);
	assert_int_equal(client_sends(&c, ACK), XDP_PASS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_what_is_a_strike, tear_down),
		cmocka_unit_test_teardown(test_client_at_its_limit, tear_down),
		cmocka_unit_test_teardown(test_bogus_packets_hide_no_strike, tear_down),
		cmocka_unit_test_teardown(test_changed_limit_begins_anew, tear_down),
		cmocka_unit_test_teardown(test_limits_that_count, tear_down),
		cmocka_unit_test_teardown(test_refused_connections_leave_strikes, tear_down),
		cmocka_unit_test_teardown(test_ban_begins_and_ends, tear_down),
		cmocka_unit_test_teardown(test_slow_strikes_never_ban, tear_down),
		cmocka_unit_test_teardown(test_bans_grow, tear_down),
		cmocka_unit_test_teardown(test_small_excess_never_bans, tear_down),
		cmocka_unit_test_teardown(test_large_share_is_not_banned, tear_down),
		cmocka_unit_test_teardown(test_balancer_and_shadow, tear_down),
		cmocka_unit_test_teardown(test_shadow_suspends, tear_down),
		cmocka_unit_test_teardown(test_unban, tear_down),
		cmocka_unit_test_teardown(test_forger_bans_nobody, tear_down),
		cmocka_unit_test_teardown(test_ban_survives_a_flood, tear_down),
	};

	return cmocka_run_group_tests_name("strikes", tests, NULL, NULL);
}
