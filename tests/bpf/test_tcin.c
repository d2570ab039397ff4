// SPDX-License-Identifier: GPL-2.0
/*
 * test_tcin.c - what only TC ingress meets: a tag beside the packet, and segments that GRO
 * put together. They count, and are charged, as what was on the wire. The verdicts that
 * it shares with XDP are in test_decide.c and test_reset.c.
 */
#include "conversation.h"
#include "rig.h"

#include <bpf/bpf.h>
#include <linux/pkt_cls.h>

#include "vlan_push.skel.h"

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443]}\n"
	"  slow: {transport: tcp, ports: [444]}\n"
	"  heavy: {transport: tcp, ports: [445]}\n"
	"  seen: {transport: tcp, ports: [446]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"policies:\n"
	"  - {name: api, service: api, clients: any, on_exceed: reset,\n"
	"     limits: {packets: {rate: 100/s, burst: 10}}}\n"
	"  - {name: slow, service: slow, clients: any,\n"
	"     limits: {packets: {rate: 1/7d, burst: 2}}}\n"
	"  - {name: heavy, service: heavy, clients: any,\n"
	"     limits: {bytes: {rate: 1kB/s, burst: 64KiB}}}\n"
	"  - {name: seen, service: seen, clients: any, mode: shadow,\n"
	"     limits: {packets: {rate: 1/s, burst: 1}}}\n";

static struct crmg_test_frame frame;

/* Segments of 100 bytes, as many as are given, in one packet to a port. */
static struct crmg_test_packet merged(uint16_t port, uint32_t segments)
{
	struct crmg_test_packet p = tcp_packet(PEER4, port, ACK);

	p.payload = 100 * segments;
	return p;
}

#define HEADERS 54	/* Ethernet, IPv4, TCP */

/* Runs it as the kernel hands it over; counted: by who built it. */
static int arrives(const struct crmg_test_packet *p, uint32_t segments, bool counted)
{
	const struct crmg_rig_gso gso = { counted ? segments : 0, segments ? 100 : 0, 0 };

	crmg_test_build(p, &frame);
	return (int)crmg_rig_tc_by(crmg_rig_tc_in_fd(rig), &frame, &gso);
}

static int arrive(uint16_t port, uint32_t segments)
{
	const struct crmg_test_packet p = merged(port, segments);

	return arrives(&p, segments, true);
}

/* Packets and bytes are those of the segments, each with its headers. */
static void test_counts(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "api", "api"), is;
	const struct crmg_slot *slot;

	(void)state;
	crmg_rig_forget(rig);
	assert_int_equal(arrive(443, 7), TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.packets[CRMG_VERDICT_PASS] - was.packets[CRMG_VERDICT_PASS], 7);
	assert_int_equal(is.reasons[CRMG_REASON_OK] - was.reasons[CRMG_REASON_OK], 7);
	assert_int_equal(is.bytes[CRMG_VERDICT_PASS] - was.bytes[CRMG_VERDICT_PASS],
			 7 * (HEADERS + 100));
	slot = crmg_rig_slot(rig, "api", PEER4);
	assert_non_null(slot);
	assert_int_equal(CRMG_TRAFFIC_PACKETS(slot->traffic), 7);
	assert_int_equal(CRMG_TRAFFIC_BYTES(slot->traffic), 7 * (HEADERS + 100));
}

/* A guest's packets (virtio) say how large segments are, and not how many. */
static void test_uncounted(void **state)
{
	struct crmg_test_packet p = merged(443, 7);
	struct crmg_row was = crmg_rig_row(rig, "api", "api"), is;

	(void)state;
	crmg_rig_forget(rig);
	p.payload -= 99;
	assert_int_equal(arrives(&p, 7, false), TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.packets[CRMG_VERDICT_PASS] - was.packets[CRMG_VERDICT_PASS], 7);
	assert_int_equal(is.bytes[CRMG_VERDICT_PASS] - was.bytes[CRMG_VERDICT_PASS],
			 7 * HEADERS + p.payload);
}

/* A limit means the same as in native mode: n segments take n units, all or none. */
static void test_packets_limit(void **state)
{
	(void)state;
	crmg_rig_forget(rig);
	assert_int_equal(arrive(443, 11), TC_ACT_SHOT);
	assert_int_equal(arrive(443, 6), TC_ACT_UNSPEC);
	assert_int_equal(arrive(443, 5), TC_ACT_SHOT);
	assert_int_equal(arrive(443, 4), TC_ACT_UNSPEC);
	assert_int_equal(arrive(443, 1), TC_ACT_SHOT);
	/* 29 ms are two units, and nine tenths of a third. */
	crmg_rig_set_clock(rig, START_NS + 29 * CRMG_NS_PER_SEC / 1000);
	assert_int_equal(arrive(443, 3), TC_ACT_SHOT);
	assert_int_equal(arrive(443, 2), TC_ACT_UNSPEC);
	crmg_rig_set_clock(rig, START_NS);
}

static void test_bytes_limit(void **state)
{
	const uint32_t each = 30 * (HEADERS + 100);

	(void)state;
	crmg_rig_forget(rig);
	for (uint32_t sent = each; sent <= 65536; sent += each)
		assert_int_equal(arrive(445, 30), TC_ACT_UNSPEC);
	assert_int_equal(arrive(445, 30), TC_ACT_SHOT);
}

/* What a packet costs is a week: any number of them is too much, and none wraps to nothing. */
static void test_cost_does_not_wrap(void **state)
{
	(void)state;
	crmg_rig_forget(rig);
	assert_int_equal(arrive(444, 1), TC_ACT_UNSPEC);
	for (uint32_t segments = 2; segments < 65536; segments += segments / 2) {
		const struct crmg_test_packet p = merged(444, 2);
		const struct crmg_rig_gso gso = { segments, 100, 0 };

		crmg_test_build(&p, &frame);
		assert_int_equal((int)crmg_rig_tc_by(crmg_rig_tc_in_fd(rig), &frame, &gso),
				 TC_ACT_SHOT);
	}
	assert_int_equal(arrive(444, 1), TC_ACT_UNSPEC);
	assert_int_equal(arrive(444, 1), TC_ACT_SHOT);
}

/* The refusals of a source are packets too, or `top` would not add up. */
static void test_refusals(void **state)
{
	struct crmg_row was = crmg_rig_row(rig, "seen", "seen"), is;
	const struct crmg_slot *slot;

	(void)state;
	crmg_rig_forget(rig);
	for (int i = 0; i < 3; i++)
		assert_int_equal(arrive(446, 5), TC_ACT_UNSPEC);
	slot = crmg_rig_slot(rig, "seen", PEER4);
	assert_non_null(slot);
	assert_int_equal(CRMG_REFUSALS_NUMBER(slot->refusals), 15);
	assert_int_equal(crmg_rig_detail(rig, "seen", PEER4)->shadow_refusals, 15);
	is = crmg_rig_row(rig, "seen", "seen");
	assert_int_equal(is.would_drop[CRMG_REASON_PACKETS] - was.would_drop[CRMG_REASON_PACKETS],
			 15);
}

/* A first packet leaves only a tag where room is scarce; the second segment has a slot. */
static void test_first_is_more_than_one(void **state)
{
	unsigned int with_slot[2] = { 0 };

	(void)state;
	for (uint32_t merge = 0; merge < 2; merge++) {
		crmg_rig_forget(rig);
		/* Four a line, so three find it more than half empty. */
		for (uint32_t i = 0; i < 512; i++) {
			struct crmg_test_packet p = merged(443, 1 + merge);

			p.src = stranger(i);
			arrives(&p, 1 + merge, true);
			with_slot[merge] += crmg_rig_slot(rig, "api", p.src) != NULL;
		}
	}
	/* By chance 412.5 and 507.9, with deviations of 6.9 and 2.6. */
	assert_in_range(with_slot[0], 1, 470);
	assert_in_range(with_slot[1], 480, 512);
}

/* Runs the frame with a tag beside it. */
static int tagged(const struct crmg_test_packet *p)
{
	struct vlan_push *skel = vlan_push__open_and_load();
	int fd = crmg_rig_tc_in_fd(rig), action;
	uint32_t zero = 0;

	assert_non_null(skel);
	assert_int_equal(bpf_map_update_elem(bpf_map__fd(skel->maps.next), &zero, &fd, BPF_ANY), 0);
	crmg_test_build(p, &frame);
	action = (int)crmg_rig_tc_by(bpf_program__fd(skel->progs.vlan_push), &frame, NULL);
	vlan_push__destroy(skel);
	return action;
}

/* T5: the outer tag is mostly not in the packet, but it was on the wire; C5: two at most. */
static void test_tags(void **state)
{
	static const uint16_t vlan = CRMG_TEST_ETH_VLAN;
	struct crmg_test_packet p = tcp_packet(PEER4, 443, ACK);
	struct crmg_row was = crmg_rig_row(rig, "api", "api"), is;
	uint64_t other;

	(void)state;
	crmg_rig_forget(rig);
	assert_int_equal(tagged(&p), TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.bytes[CRMG_VERDICT_PASS] - was.bytes[CRMG_VERDICT_PASS], frame.len + 4);

	was = is;
	p.vlan[0] = vlan;
	assert_int_equal(tagged(&p), TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.bytes[CRMG_VERDICT_PASS] - was.bytes[CRMG_VERDICT_PASS], frame.len + 4);

	was = is;
	other = crmg_rig_host(rig, CRMG_HOST_OTHER);
	p.vlan[1] = vlan;
	assert_int_equal(tagged(&p), TC_ACT_UNSPEC);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.packets[CRMG_VERDICT_PASS], was.packets[CRMG_VERDICT_PASS]);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_OTHER), other + 1);
}

/* One RST answers all segments of a packet; refused are as many as there were. */
static void test_reset_of_many(void **state)
{
	struct crmg_row was, is;
	uint64_t sent;

	(void)state;
	crmg_rig_forget(rig);
	prove(rig, PEER4, 443);
	was = crmg_rig_row(rig, "api", "api");
	sent = crmg_rig_host(rig, CRMG_HOST_RESETS);
	assert_int_equal(arrive(443, 20), TC_ACT_REDIRECT);
	is = crmg_rig_row(rig, "api", "api");
	assert_int_equal(is.packets[CRMG_VERDICT_RESET] - was.packets[CRMG_VERDICT_RESET], 20);
	assert_int_equal(crmg_rig_host(rig, CRMG_HOST_RESETS), sent + 1);
}

static int set_up(void **state)
{
	(void)state;
	rig = crmg_rig_new(policy);
	crmg_rig_set_tc_ingress(rig, true);
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_uncounted),
		cmocka_unit_test(test_packets_limit),
		cmocka_unit_test(test_bytes_limit),
		cmocka_unit_test(test_cost_does_not_wrap),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_first_is_more_than_one),
		cmocka_unit_test(test_tags),
		cmocka_unit_test(test_reset_of_many),
	};

	return cmocka_run_group_tests_name("TC ingress", tests, set_up, tear_down);
}
