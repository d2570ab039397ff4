// SPDX-License-Identifier: GPL-2.0
/*
 * test_evict.c - a source table without room: who may take whose place, what is left
 * of those who stay, and what becomes of who finds none.
 */
#include "conversation.h"
#include "rig.h"

#include <stdlib.h>

#include "../lib/random.h"

#define SECOND   CRMG_NS_PER_SEC
#define HOUR     (3600 * SECOND)
#define CAPACITY 1024

#define POLICY(limit) "version: 1\n" \
	"capacity: {sources: 1024, flows: 65536}\n" \
	"services: {api: {transport: tcp, ports: [443]}}\n" \
	"policies: [{name: public, service: api, limits: {packets: {" limit "}}}]\n"

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(POLICY("rate: 20/7d, burst: 20"));
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

static unsigned int passed_of(struct crmg_addr src, unsigned int offered)
{
	const struct crmg_test_packet p = tcp_packet(src, 443, ACK);

	return volley(rig, &p, offered);
}

/* A stranger of the flood: no address of those who fill the table. */
static struct crmg_addr flooder(uint32_t n)
{
	return stranger(0x800000 + n);
}

/* Packets from `sources` that proved nothing, each so many. */
static void flood(uint32_t sources, unsigned int packets_each)
{
	for (uint32_t n = 0; n < sources; n++)
		passed_of(flooder(n), packets_each);
}

/* Those who are in the table when the flood comes, and their slots as they were. */
struct resident {
	struct crmg_addr addr;
	struct crmg_slot slot;
};

static struct resident residents[CAPACITY];

/* Fills every slot with sources of one state; each has sent another number of packets. */
static void fill(enum crmg_tag_state state)
{
	unsigned int count = 0;

	for (uint32_t n = 0; n < 8 * CAPACITY; n++) {
		struct conversation c = conversation(rig, stranger(n), 40000);

		if (state == CRMG_TAG_PROVEN)
			handshake(&c);
		passed_of(stranger(n), state == CRMG_TAG_LIMITED ? 22 : 1 + n % 7);
	}
	for (uint32_t n = 0; n < 8 * CAPACITY && count < CAPACITY; n++) {
		const struct crmg_slot *slot = crmg_rig_slot(rig, "api", stranger(n));

		if (!slot)
			continue;
		assert_int_equal(crmg_rig_state(rig, "api", stranger(n)), state);
		residents[count++] = (struct resident) { stranger(n), *slot };
	}
	assert_int_equal(count, CAPACITY);
	assert_int_equal(crmg_rig_tracked(rig), CAPACITY);
}

/* How many of them were forgotten; the others have their slots unchanged in every byte. */
static unsigned int forgotten(void)
{
	unsigned int gone = 0;

	for (unsigned int i = 0; i < CAPACITY; i++) {
		const struct crmg_slot *slot = crmg_rig_slot(rig, "api", residents[i].addr);

		if (!slot)
			gone++;
		else
			assert_memory_equal(slot, &residents[i].slot, sizeof(*slot));
	}
	return gone;
}

/* D3: a table full of proven sources, and a flood of those who are not, for an hour. */
static void test_flood_keeps_the_proven(void **state)
{
	static const uint64_t after[] = { 0, SECOND, 5 * SECOND, 60 * SECOND, HOUR - 5 * SECOND };

	(void)state;
	fill(CRMG_TAG_PROVEN);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(after); i++) {
		crmg_rig_set_clock(rig, START_NS + after[i]);
		flood(20000, 1);
		flood(2000, 5);
	}
	assert_int_equal(forgotten(), 0);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_EVICTIONS), 0);
	/* And they go on where they were. */
	for (unsigned int i = 0; i < CAPACITY; i += 32) {
		unsigned int sent = (unsigned int)CRMG_TRAFFIC_PACKETS(residents[i].slot.traffic);

		assert_int_equal(passed_of(residents[i].addr, 100), 20 - sent);
	}
}

/* Who finds no slot is judged with his neighbours, as if they were one source. */
static void test_who_finds_no_slot_shares(void **state)
{
	unsigned int passed = 0, other = 0;

	(void)state;
	crmg_rig_apply(rig, POLICY("rate: 20/30m, burst: 20"));
	fill(CRMG_TAG_PROVEN);
	/* Later: the buckets that those had used who found none either are full, and free, again. */
	crmg_rig_set_clock(rig, START_NS + HOUR * 3 / 4);
	for (uint32_t n = 0; n < 256; n++) {
		passed += passed_of(flooder(n), 2);
		other += passed_of(flooder(256 + n), 1);
	}
	assert_int_equal(passed, 20);
	assert_int_equal(other, 20);
	assert_in_range(crmg_rig_host(rig, CRMG_HOST_PRESSURE), 3 * 256, 16 * CAPACITY * 8);
	assert_in_range(crmg_rig_row(rig, "api", "public").reasons[CRMG_REASON_PRESSURE],
			3 * 256 - 40, 16 * CAPACITY * 8);
}

/* A proven source that comes later finds room where another was idle for 4.3 to 8.6 s. */
static void test_new_proven_finds_room(void **state)
{
	struct conversation early = conversation(rig, flooder(1), 1);
	struct conversation late = conversation(rig, flooder(2), 1);

	(void)state;
	fill(CRMG_TAG_PROVEN);
	handshake(&early);
	assert_int_equal(crmg_rig_state(rig, "api", flooder(1)), CRMG_TAG_EMPTY);
	assert_int_equal(forgotten(), 0);
	crmg_rig_set_clock(rig, START_NS + 9 * SECOND);
	handshake(&late);
	assert_int_equal(crmg_rig_state(rig, "api", flooder(2)), CRMG_TAG_PROVEN);
	assert_int_equal(forgotten(), 1);
}

/*
 * So many clients that no line gets more than it has ways, whatever the key of the hash: of 128
 * lines one has nine of 32 once in 10^10 times.
 */
#define CLIENTS 32

/* A client that arrives while a flood fills the table has a slot as soon as it is proven. */
static void test_client_arrives_in_a_flood(void **state)
{
	(void)state;
	fill(CRMG_TAG_LIVE);
	for (uint32_t n = 0; n < CLIENTS; n++) {
		struct conversation c = conversation(rig, CRMG_TEST_V4(203, 0, 113, n), 40000);

		assert_int_equal(handshake(&c), XDP_PASS);
		assert_int_equal(crmg_rig_state(rig, "api", c.client), CRMG_TAG_PROVEN);
	}
}

/* After an hour without a packet a proven source may go, not before. */
static void test_an_hour_idle(void **state)
{
	(void)state;
	fill(CRMG_TAG_PROVEN);
	crmg_rig_set_clock(rig, START_NS + HOUR - SECOND);
	flood(4 * CAPACITY, 2);
	assert_int_equal(forgotten(), 0);
	crmg_rig_set_clock(rig, START_NS + HOUR + SECOND);
	flood(4 * CAPACITY, 2);
	assert_in_range(forgotten(), CAPACITY * 9 / 10, CAPACITY);
}

/* Who was refused something stays while his budget is not full, or a flood would refill it. */
static void test_limited_stay_while_they_owe(void **state)
{
	static const struct { uint64_t after; bool stay; } rows[] = {
		{ 0, true }, { 10 * SECOND, true }, { 95 * SECOND, true }, { 101 * SECOND, false },
	};

	(void)state;
	crmg_rig_apply(rig, POLICY("rate: 20/100s, burst: 20"));
	fill(CRMG_TAG_LIMITED);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		unsigned int gone;

		crmg_rig_set_clock(rig, START_NS + rows[i].after);
		flood(8 * CAPACITY, 2);
		gone = forgotten();
		if (rows[i].stay)
			assert_int_equal(gone, 0);
		else
			assert_in_range(gone, CAPACITY * 9 / 10, CAPACITY);
	}
}

/* Proof goes before: a proven source takes the room of a limited one that proved nothing. */
static void test_proven_goes_before_limited(void **state)
{
	(void)state;
	fill(CRMG_TAG_LIMITED);
	for (uint32_t n = 0; n < CLIENTS; n++) {
		struct conversation c = conversation(rig, CRMG_TEST_V4(203, 0, 113, n), 40000);

		handshake(&c);
		assert_int_equal(crmg_rig_state(rig, "api", c.client), CRMG_TAG_PROVEN);
	}
	assert_int_equal(forgotten(), CLIENTS);
}

/*
 * A newcomer whose line is full of others of his kind lasts until his second packet, also
 * when one for each line came in between. Three in four last; were the newest the first to
 * go, one in three would (1/e: nobody came into his line), so half parts the two. Those who
 * last get slots and leave less room, so a table takes a hundred and is emptied then.
 */
static void test_newcomers_last(void **state)
{
	const unsigned int tables = 10, clients = 100;
	unsigned int known = 0;

	(void)state;
	for (uint32_t n = 0; n < tables * clients; n++) {
		struct crmg_addr client = CRMG_TEST_V4(203, 0, 113 + (n >> 8), n & 255);

		if (n % clients == 0) {
			crmg_rig_forget(rig);
			flood(20 * CAPACITY, 1);
		}
		passed_of(client, 1);
		for (uint32_t other = 0; other < CAPACITY / CRMG_WAYS; other++)
			passed_of(stranger(n << 8 | other), 1);
		passed_of(client, 1);
		known += crmg_rig_slot(rig, "api", client) != NULL;
	}
	print_message("# %u of %u known by their second packet\n", known, tables * clients);
	assert_in_range(known, tables * clients / 2, tables * clients);
}

#define BANNING_FOR(time) "version: 1\ncapacity: {sources: 1024, flows: 65536}\n" \
	"services: {api: {ports: [443]}}\n" \
	"policies: [{name: public, service: api, limits: {packets: {rate: 20/7d, burst: 20}}, " \
	"ban: {after: 1, within: 10s, for: " time ", max: 7d}}]\n"

/* Who is banned for long does not keep the others of his line from giving way. */
static void test_a_long_ban_blocks_no_line(void **state)
{
	unsigned int found_room = 0;

	(void)state;
	crmg_rig_apply(rig, BANNING_FOR("7d"));
	fill(CRMG_TAG_PROVEN);
	for (unsigned int i = 0; i < CAPACITY; i += 2) {
		struct conversation c = conversation(rig, residents[i].addr, 40000);

		c.next++;
		for (unsigned int n = 0; n < 40; n++)
			client_sends(&c, ACK);
		assert_int_equal(crmg_rig_state(rig, "api", c.client), CRMG_TAG_BANNED);
	}
	crmg_rig_set_clock(rig, START_NS + HOUR);
	for (unsigned int i = 1; i < CAPACITY; i += 2)
		passed_of(residents[i].addr, 1);
	crmg_rig_set_clock(rig, START_NS + 25 * HOUR);
	for (uint32_t n = 0; n < 100; n++) {
		struct conversation c = conversation(rig, CRMG_TEST_V4(203, 0, 113, n), 40000);

		handshake(&c);
		found_room += crmg_rig_state(rig, "api", c.client) == CRMG_TAG_PROVEN;
	}
	/* A line in which all are banned has none: 2.4 of 100 are in one, with a deviation of 1.8. */
	print_message("# %u of 100 found room\n", found_room);
	assert_in_range(found_room, 75, 100);
}

/* Of a line full of ended bans, which are remembered for a day, half may be taken. */
static void test_ended_bans_fill_half_a_line(void **state)
{
	unsigned int found_room = 0;

	(void)state;
	crmg_rig_apply(rig, BANNING_FOR("10m"));
	fill(CRMG_TAG_PROVEN);
	for (unsigned int i = 0; i < CAPACITY; i++) {
		struct conversation c = conversation(rig, residents[i].addr, 40000);

		c.next++;
		for (unsigned int n = 0; n < 40; n++)
			client_sends(&c, ACK);
	}
	for (uint32_t n = 0; n < 200; n++) {
		struct conversation c = conversation(rig, CRMG_TEST_V4(203, 0, 113, n), 40000);

		/* The first hundred come while the bans run. */
		if (n == 100) {
			assert_int_equal(found_room, 0);
			crmg_rig_set_clock(rig, START_NS + HOUR);
		}
		handshake(&c);
		found_room += crmg_rig_state(rig, "api", c.client) == CRMG_TAG_PROVEN;
	}
	assert_in_range(found_room, 90, 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_flood_keeps_the_proven, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_who_finds_no_slot_shares, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_new_proven_finds_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_client_arrives_in_a_flood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_an_hour_idle, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_limited_stay_while_they_owe, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_proven_goes_before_limited, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_newcomers_last, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_a_long_ban_blocks_no_line, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_ended_bans_fill_half_a_line, set_up,
						tear_down),
	};

	return cmocka_run_group_tests_name("evict", tests, NULL, NULL);
}
