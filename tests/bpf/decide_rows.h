/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decide_rows.h - the rows of test_decide.c: the policy in force, packets, and
 * what must become of each. Names begin with the defect or case they stand for.
 */
#ifndef CRMGATE_DECIDE_ROWS_H
#define CRMGATE_DECIDE_ROWS_H

#include "conversation.h"

#define ECHO4    8
#define NS6      135	/* neighbour solicitation */
#define RA6      134	/* router advertisement */
#define BIG6     2	/* packet too big */

static const char policy[] =
	"version: 1\n"
	"capacity: {sources: 1024}\n"
	"services:\n"
	"  api: {transport: tcp, ports: [443, 8443-8447]}\n"
	"  dns: {transport: udp, ports: [53]}\n"
	"  bare: {transport: tcp, ports: [9000]}\n"
	"  quiet: {transport: tcp, ports: [9001]}\n"
	"  idle: {transport: tcp, ports: [9002]}\n"
	"  angry: {transport: tcp, ports: [9003]}\n"
	"  spent: {transport: tcp, ports: [9007]}\n"
	"  busy: {transport: tcp, ports: [9008]}\n"
	"  asked: {transport: tcp, ports: [9009], protocol: http}\n"
	"  floor: {transport: tcp, ports: [9010], protocol: tls}\n"
	"  guarded: {transport: tcp, ports: [9011], protocol: http}\n"
	"  greeted: {transport: tcp, ports: [9012], protocol: tls}\n"
	"  shared: {transport: tcp, ports: [9004],\n"
	"           total: {limits: {connections: {rate: 3/s, burst: 3}}}}\n"
	"  strict: {transport: tcp, ports: [9005], sanity: refuse}\n"
	"  stern: {transport: tcp, ports: [9006], sanity: refuse}\n"
	"clients:\n"
	"  partners: {prefixes: [203.0.113.0/24, \"2001:db8:7::/48\"]}\n"
	"  enemies: {prefixes: [198.51.100.0/24, \"2001:db8:bad::/48\", 203.0.113.66/32]}\n"
	"policies:\n"
	"  - {name: partners, service: api, clients: partners,\n"
	"     limits: {packets: {rate: 100/s, burst: 100}}}\n"
	"  - {name: enemies, service: [api, quiet], clients: enemies, deny: true}\n"
	"  - {name: public, service: api, clients: any,\n"
	"     limits: {connections: {rate: 2/s, burst: 2}, packets: {rate: 5/s, burst: 5},\n"
	"              bytes: {rate: 1kB/s, burst: 64KiB}}}\n"
	"  - {name: dns, service: dns, clients: any, on_exceed: drop,\n"
	"     limits: {packets: {rate: 5/s, burst: 5}}}\n"
	"  - {name: quiet, service: quiet, clients: any, mode: shadow,\n"
	"     limits: {packets: {rate: 5/s, burst: 5}}}\n"
	"  - {name: idle, service: idle, clients: any, mode: \"off\",\n"
	"     limits: {packets: {rate: 5/s, burst: 5}}}\n"
	"  - {name: angry, service: angry, clients: any, on_exceed: reset,\n"
	"     limits: {packets: {rate: 5/s, burst: 5}}}\n"
	"  - {name: busy, service: busy, clients: any,\n"
	"     limits: {open_connections: {max: 3}, half_open: {max: 2}}}\n"
	"  - {name: asked, service: asked, clients: any, limits: {requests: {rate: 1/s, burst: 1}}}\n"
	"  - {name: guarded, service: guarded, clients: any,\n"
	"     limits: {auth_failures: {rate: 1/h, burst: 1}}, http: {methods: [GET],\n"
	"     max_header: 1kB, max_body: 1kB}}\n"
	"  - {name: greeted, service: greeted, clients: any,\n"
	"     limits: {handshake_failures: {rate: 1/h, burst: 1}}}\n"
	"  - {name: floor, service: floor, clients: any,\n"
	"     tls: {minimum: \"1.2\", minimum_action: refuse, plaintext: refuse}}\n"
	"  - {name: spent, service: spent, clients: any, on_budget: cut,\n"
	"     limits: {bytes_out: [{quota: 64KiB, per: 1m}]}}\n"
	"  - {name: shared, service: shared, clients: any,\n"
	"     limits: {packets: {rate: 9/s, burst: 9}, bytes: {rate: 1kB/s, burst: 64KiB}},\n"
	"     aggregate: {limits: {packets: {rate: 5/s, burst: 5}}},\n"
	"     total: {limits: {bytes: {rate: 1kB/s, burst: 64KiB}}}}\n"
	"  - {name: stern, service: stern, clients: any, on_exceed: reset, mode: shadow,\n"
	"     limits: {packets: {rate: 5/s, burst: 5}}}\n"
	"allow: [192.0.2.10/32, \"2001:db8:a::/64\"]\n";

#define ALLOWED4 CRMG_TEST_V4(192, 0, 2, 10)
#define ENEMY4   CRMG_TEST_V4(198, 51, 100, 9)
#define ENEMY6   CRMG_TEST_V6(0x20010db80bad0000, 9)
#define NESTED4  CRMG_TEST_V4(203, 0, 113, 66)
#define BANNED4  CRMG_TEST_V4(100, 64, 0, 1)
#define BANNED6  CRMG_TEST_V6(0x20010db8dead0000, 1)
#define PUBLIC4  CRMG_TEST_V4(10, 1, 2, 3)
#define PUBLIC6  CRMG_TEST_V6(0x20010db8ffff0000, 3)

#define VLAN CRMG_TEST_ETH_VLAN
#define QINQ CRMG_TEST_ETH_QINQ

/* Begins a packet: TCP or UDP to a service, IPv4 or IPv6; more fields may follow. */
#define TCP4(from, port, fl) .src = from, .dst = SERVER4, .protocol = IPPROTO_TCP, \
	.sport = 40000, .dport = port, .tcp_flags = fl
#define TCP6(from, port, fl) .src = from, .dst = SERVER6, .protocol = IPPROTO_TCP, \
	.sport = 40000, .dport = port, .tcp_flags = fl
#define UDP4(from, port) .src = from, .dst = SERVER4, .protocol = IPPROTO_UDP, \
	.sport = 40000, .dport = port, .payload = 20
#define UDP6(from, port) .src = from, .dst = SERVER6, .protocol = IPPROTO_UDP, \
	.sport = 40000, .dport = port, .payload = 20

/* What becomes of a packet for a service, and where it is counted. */
#define OUTCOME(ver, why, svc, pol) .verdict = CRMG_VERDICT_##ver, \
	.reason = CRMG_REASON_##why, .service = svc, .policy = pol
#define PASSED(why, svc, pol)   OUTCOME(PASS, why, svc, pol)
#define DROPPED(why, svc, pol)  OUTCOME(DROP, why, svc, pol)
#define ANSWERED(why, svc, pol) OUTCOME(RESET, why, svc, pol)

struct row {
	const char *name;
	struct crmg_test_packet packet;
	unsigned int before;		/* packets of the same kind sent before */
	enum crmg_verdict verdict;
	enum crmg_reason reason;	/* of the verdict */
	const char *service;		/* NULL: for none */
	const char *policy;
	enum crmg_reason would;		/* shadow: would have been refused for */
	bool opens;			/* counts as a connection */
	void (*lie)(struct crmg_test_frame *frame);
	void (*prepare)(struct crmg_rig *rig);
	void (*twist)(struct crmg_rig *rig, bool on);	/* during the last packet only */
};

/* ------------------------------------------------------------ lies, states */

static void lie_doff(struct crmg_test_frame *f) { crmg_test_set_doff(f, 4); }
static void lie_long_doff(struct crmg_test_frame *f) { crmg_test_set_doff(f, 15); }
static void lie_ihl(struct crmg_test_frame *f) { crmg_test_set_ihl(f, 4); }
static void lie_long_ihl(struct crmg_test_frame *f) { crmg_test_set_ihl(f, 15); }
static void lie_long_total(struct crmg_test_frame *f) { crmg_test_set_ip_len(f, 1000); }
static void lie_short_total(struct crmg_test_frame *f) { crmg_test_set_ip_len(f, 39); }
static void lie_no_total(struct crmg_test_frame *f) { crmg_test_set_ip_len(f, 0); }
static void lie_udp_short(struct crmg_test_frame *f) { crmg_test_set_udp_len(f, 7); }
static void lie_udp_long(struct crmg_test_frame *f) { crmg_test_set_udp_len(f, 29); }
static void cut_ports(struct crmg_test_frame *f) { crmg_test_truncate(f, f->l4 + 3); }
static void cut_tcp(struct crmg_test_frame *f) { crmg_test_truncate(f, f->l4 + 19); }
static void cut_udp(struct crmg_test_frame *f) { crmg_test_truncate(f, f->l4 + 4); }
static void reserved_byte(struct crmg_test_frame *f) { f->data[f->ext[0] + 1] = 0xff; }

/* A version that is not the EtherType's. */
static void lie_version(struct crmg_test_frame *f)
{
	f->data[f->l3] ^= 0x20;
}

/* PUBLIC4 at the service that resets. */
static void prove_angry(struct crmg_rig *r)
{
	prove(r, PUBLIC4, 9003);
}

/* Fills the table with sources that were refused something, so that none goes. */
static void fill_table(struct crmg_rig *r)
{
	struct crmg_test_packet p = tcp_packet(PUBLIC4, 443, ACK);

	for (uint32_t n = 0; n < 4 * 1024; n++) {
		p.src = CRMG_TEST_V4(11, 0, n >> 8, n);
		for (int i = 0; i < 8; i++)
			crmg_rig_xdp_packet(r, &p);
	}
}

/* ------------------------------------------------------------------- rows */

#include "decide_states.h"

static const struct row rows[] = {
	/* what is not for a service */
	{ "arp", .packet = { .ethertype = CRMG_TEST_ETH_ARP, .src = ENEMY4, .dst = SERVER4 } },
	{ "C7 ping of an enemy", .packet = { .src = ENEMY4, .dst = SERVER4,
	  .protocol = IPPROTO_ICMP, .icmp_type = ECHO4 } },
	{ "T2 neighbour solicitation", .packet = { .src = ENEMY6, .dst = SERVER6,
	  .protocol = IPPROTO_ICMPV6, .icmp_type = NS6 } },
	{ "T2 router advertisement", .packet = { .src = ENEMY6, .dst = SERVER6,
	  .protocol = IPPROTO_ICMPV6, .icmp_type = RA6 } },
	{ "T2 packet too big", .packet = { .src = ENEMY6, .dst = SERVER6,
	  .protocol = IPPROTO_ICMPV6, .icmp_type = BIG6, .payload = 1232 } },
	{ "another port", .packet = { TCP4(ENEMY4, 22, SYN) } },
	{ "C7 DHCP", .packet = { UDP4(ENEMY4, 67) } },
	{ "the port of a TCP service, over UDP", .packet = { UDP4(ENEMY4, 443) } },
	{ "the port of a UDP service, over TCP", .packet = { TCP4(ENEMY4, 53, SYN) } },
	{ "T23 the service's port as source port", .packet = { .src = ENEMY4, .dst = SERVER4,
	  .protocol = IPPROTO_TCP, .sport = 443, .dport = 40000, .tcp_flags = ACK } },
	{ "C6 IP in IP", .packet = { .src = ENEMY4, .dst = SERVER4, .protocol = IPPROTO_IPIP,
	  .payload = 40 } },
	{ "C6 GRE", .packet = { .src = ENEMY4, .dst = SERVER4, .protocol = IPPROTO_GRE,
	  .payload = 40 } },
	{ "C6 MPLS", .packet = { .ethertype = 0x8847, .src = ENEMY4, .payload = 60 } },
	{ "C6 PPPoE", .packet = { .ethertype = 0x8864, .src = ENEMY4, .payload = 60 } },
	{ "C5 three tags", .packet = { TCP4(ENEMY4, 443, SYN), .vlan = { QINQ, VLAN, VLAN } } },
	{ "C4 no next header", .packet = { .src = ENEMY6, .dst = SERVER6,
	  .protocol = IPPROTO_NONE } },
	{ "C4 nine extension headers", .packet = { TCP6(ENEMY6, 443, SYN), .ext = { { 0, 8 },
	  { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 }, { 60, 8 },
	  { 60, 8 } } } },
	{ "ports cut off", .packet = { TCP4(ENEMY4, 443, SYN) }, .lie = cut_ports },
	{ "C2 ihl 4", .packet = { TCP4(ENEMY4, 443, SYN), .payload = 40 }, .lie = lie_ihl },
	{ "C2 ihl beyond the frame", .packet = { TCP4(ENEMY4, 443, SYN) }, .lie = lie_long_ihl },
	{ "version 6 in an IPv4 frame", .packet = { TCP4(ENEMY4, 443, SYN) },
	  .lie = lie_version },
	{ "version 4 in an IPv6 frame", .packet = { TCP6(ENEMY6, 443, SYN) },
	  .lie = lie_version },
	{ "T19 a later fragment", .packet = { TCP4(ENEMY4, 443, SYN), .fragment_offset = 8,
	  .payload = 64 }, .reason = CRMG_REASON_FRAGMENT },
	{ "T19 the last fragment", .packet = { TCP4(ENEMY4, 443, SYN), .fragment_offset = 1480,
	  .payload = 64 }, .reason = CRMG_REASON_FRAGMENT },
	{ "C3 a later IPv6 fragment", .packet = { TCP6(ENEMY6, 443, SYN), .ext = { { 44, 8 } },
	  .fragment_offset = 1232, .payload = 64 }, .reason = CRMG_REASON_FRAGMENT },

	/* what passes a service */
	{ "within the policy", .packet = { TCP4(PUBLIC4, 443, SYN) }, .opens = true,
	  PASSED(OK, "api", "public") },
	{ "a range of ports", .packet = { TCP4(PUBLIC4, 8445, ACK) },
	  PASSED(OK, "api", "public") },
	{ "C3 an atomic fragment", .packet = { TCP6(PUBLIC6, 443, SYN), .ext = { { 44, 8 } } },
	  .opens = true, PASSED(OK, "api", "public") },
	{ "T19 a first fragment", .packet = { TCP4(PUBLIC4, 443, ACK), .more_fragments = true,
	  .payload = 64 }, PASSED(OK, "api", "public") },
	{ "a first fragment of UDP", .packet = { UDP4(PUBLIC4, 53), .more_fragments = true },
	  .lie = lie_udp_long, PASSED(OK, "dns", "dns") },
	{ "C4 fragment header's reserved byte", .packet = { TCP6(PUBLIC6, 443, ACK),
	  .ext = { { 44, 8 } } }, .lie = reserved_byte, PASSED(OK, "api", "public") },
	{ "padding of the link", .packet = { TCP4(PUBLIC4, 443, ACK), .trailer = 6 },
	  PASSED(OK, "api", "public") },
	{ "C4 jumbo", .packet = { TCP6(PEER6, 443, ACK), .payload = 65530 },
	  PASSED(OK, "api", "partners") },
	{ "a client's own limits", .packet = { TCP4(PEER4, 443, ACK) }, .before = 50,
	  PASSED(OK, "api", "partners") },
	{ "allowed", .packet = { TCP4(ALLOWED4, 443, ACK) }, .before = 1000,
	  PASSED(ALLOWED, "api", "allow") },
	{ "no policy", .packet = { TCP4(ENEMY4, 9000, ACK) }, .before = 1000,
	  PASSED(NO_POLICY, "bare", "none") },
	{ "panic", .packet = { TCP4(ENEMY4, 443, SYN) }, .twist = crmg_rig_panic, .opens = true,
	  PASSED(PANIC, "api", "enemies") },
	{ "panic goes before malformed", .packet = { TCP4(PUBLIC4, 443, SYN) }, .lie = lie_doff,
	  .twist = crmg_rig_panic, PASSED(PANIC, "api", "public") },
	{ "shadow passes", .packet = { TCP4(PUBLIC4, 9001, ACK) }, .before = 9,
	  .would = CRMG_REASON_PACKETS, PASSED(OK, "quiet", "quiet") },
	{ "off is not even a shadow", .packet = { TCP4(PUBLIC4, 9002, ACK) }, .before = 9,
	  PASSED(OK, "idle", "idle") },

	/* what is refused */
	{ "packets", .packet = { TCP4(PUBLIC4, 443, ACK) }, .before = 5,
	  DROPPED(PACKETS, "api", "public") },
	{ "connections", .packet = { TCP4(PUBLIC4, 443, SYN) }, .before = 2, .opens = true,
	  DROPPED(CONNECTIONS, "api", "public") },
	{ "bytes", .packet = { TCP4(PUBLIC4, 443, ACK), .payload = 30000 }, .before = 2,
	  DROPPED(BYTES, "api", "public") },
	{ "reset", .packet = { TCP4(PUBLIC4, 9003, ACK) }, .prepare = prove_angry, .before = 5,
	  ANSWERED(PACKETS, "angry", "angry") },
	{ "reset of a SYN", .packet = { TCP4(PUBLIC4, 9003, SYN) }, .prepare = prove_angry,
	  .before = 5, .opens = true, ANSWERED(PACKETS, "angry", "angry") },
	{ "a forged SYN gets no RST", .packet = { TCP4(PUBLIC4, 9003, SYN) }, .before = 5,
	  .opens = true, DROPPED(PACKETS, "angry", "angry") },
	{ "a forged ACK gets no RST", .packet = { TCP4(PUBLIC4, 9003, ACK) }, .before = 5,
	  DROPPED(PACKETS, "angry", "angry") },
	{ "a RST is never answered", .packet = { TCP4(PUBLIC4, 9003, RST) },
	  .prepare = prove_angry, .before = 5, DROPPED(PACKETS, "angry", "angry") },
	{ "what is malformed is never answered", .packet = { TCP4(PUBLIC4, 9003, SYN) },
	  .prepare = prove_angry, .lie = lie_doff, DROPPED(MALFORMED, "angry", "angry") },
	{ "UDP", .packet = { UDP4(PUBLIC4, 53) }, .before = 5, DROPPED(PACKETS, "dns", "dns") },
	{ "UDP over IPv6", .packet = { UDP6(PUBLIC6, 53) }, .before = 5,
	  DROPPED(PACKETS, "dns", "dns") },
	{ "T3 hop-by-hop and destination options", .packet = { TCP6(PUBLIC6, 443, ACK),
	  .ext = { { 0, 8 }, { 60, 16 } } }, .before = 5, DROPPED(PACKETS, "api", "public") },
	{ "T4 authentication header", .packet = { TCP6(PUBLIC6, 443, ACK),
	  .ext = { { 51, 28 } } }, .before = 5, DROPPED(PACKETS, "api", "public") },
	{ "C4 eight extension headers", .packet = { TCP6(PUBLIC6, 443, ACK), .ext = { { 0, 8 },
	  { 60, 8 }, { 43, 24 }, { 51, 24 }, { 135, 8 }, { 139, 40 }, { 140, 8 }, { 60, 264 } } },
	  .before = 5, DROPPED(PACKETS, "api", "public") },
	{ "IPv4 options", .packet = { TCP4(PUBLIC4, 443, ACK), .ip_options = 40 }, .before = 5,
	  DROPPED(PACKETS, "api", "public") },
	{ "C5 one tag", .packet = { TCP4(PUBLIC4, 443, ACK), .vlan = { VLAN } }, .before = 5,
	  DROPPED(PACKETS, "api", "public") },
	{ "C5 two tags", .packet = { TCP6(PUBLIC6, 443, ACK), .vlan = { QINQ, VLAN } },
	  .before = 5, DROPPED(PACKETS, "api", "public") },
	{ "denied", .packet = { TCP4(ENEMY4, 443, SYN) }, .opens = true,
	  DROPPED(DENIED, "api", "enemies") },
	{ "denied over IPv6", .packet = { TCP6(ENEMY6, 443, ACK) },
	  DROPPED(DENIED, "api", "enemies") },
	{ "D10 the longer prefix", .packet = { TCP4(NESTED4, 443, ACK) },
	  DROPPED(DENIED, "api", "enemies") },
	{ "banned", .packet = { TCP4(BANNED4, 443, ACK) }, DROPPED(BANNED, "api", "public") },
	{ "banned over IPv6", .packet = { TCP6(BANNED6, 443, ACK) },
	  DROPPED(BANNED, "api", "public") },
	{ "a ban holds in shadow", .packet = { TCP4(BANNED4, 9001, ACK) },
	  DROPPED(BANNED, "quiet", "quiet") },
	{ "a ban holds in off", .packet = { TCP4(BANNED4, 9002, ACK) },
	  DROPPED(BANNED, "idle", "idle") },
	{ "a ban holds without a policy", .packet = { TCP4(BANNED4, 9000, ACK) },
	  DROPPED(BANNED, "bare", "none") },
	{ "a banned address may ping", .packet = { .src = BANNED4, .dst = SERVER4,
	  .protocol = IPPROTO_ICMP, .icmp_type = ECHO4 } },
	{ "doff 4", .packet = { TCP4(PUBLIC4, 443, SYN) }, .lie = lie_doff,
	  DROPPED(MALFORMED, "api", "public") },
	{ "doff beyond the packet", .packet = { TCP6(PUBLIC6, 443, SYN) }, .lie = lie_long_doff,
	  DROPPED(MALFORMED, "api", "public") },
	{ "C2 total length beyond the frame", .packet = { TCP4(PUBLIC4, 443, SYN) },
	  .lie = lie_long_total, DROPPED(MALFORMED, "api", "public") },
	{ "C2 payload length beyond the frame", .packet = { TCP6(PUBLIC6, 443, SYN) },
	  .lie = lie_long_total, DROPPED(MALFORMED, "api", "public") },
	{ "C2 total length in the header", .packet = { TCP4(PUBLIC4, 443, SYN) },
	  .lie = lie_short_total, DROPPED(MALFORMED, "api", "public") },
	{ "C2 total length 0", .packet = { TCP4(PUBLIC4, 443, SYN) }, .lie = lie_no_total,
	  DROPPED(MALFORMED, "api", "public") },
	{ "C2 payload length 0", .packet = { TCP6(PUBLIC6, 443, SYN) }, .lie = lie_no_total,
	  DROPPED(MALFORMED, "api", "public") },
	{ "C1 half a TCP header", .packet = { TCP4(PUBLIC4, 443, SYN) }, .lie = cut_tcp,
	  DROPPED(MALFORMED, "api", "public") },
	{ "C3 a first fragment without the TCP header", .packet = { TCP4(PUBLIC4, 443, SYN),
	  .more_fragments = true }, .lie = cut_tcp, DROPPED(MALFORMED, "api", "public") },
	{ "half a UDP header", .packet = { UDP4(PUBLIC4, 53) }, .lie = cut_udp,
	  DROPPED(MALFORMED, "dns", "dns") },
	{ "UDP length 7", .packet = { UDP4(PUBLIC4, 53) }, .lie = lie_udp_short,
	  DROPPED(MALFORMED, "dns", "dns") },
	{ "UDP length beyond the packet", .packet = { UDP4(PUBLIC4, 53) }, .lie = lie_udp_long,
	  DROPPED(MALFORMED, "dns", "dns") },
	{ "malformed goes before allow", .packet = { TCP4(ALLOWED4, 443, SYN) }, .lie = lie_doff,
	  DROPPED(MALFORMED, "api", "allow") },
	{ "the budget of a wider prefix", .packet = { TCP4(PUBLIC4, 9004, ACK) }, .before = 5,
	  DROPPED(AGGREGATE, "shared", "shared") },
	{ "D6 a /48 around the /64", .packet = { TCP6(PUBLIC6, 9004, ACK) }, .before = 5,
	  DROPPED(AGGREGATE, "shared", "shared") },
	{ "the total of a service, asked before packets", .packet = { TCP4(PUBLIC4, 9004, SYN) },
	  .before = 3, .opens = true, DROPPED(TOTAL, "shared", "shared") },
	{ "a source's own bytes, asked before the policy's", .packet = { TCP4(PUBLIC4, 9004, ACK),
	  .payload = 30000 }, .before = 2, DROPPED(BYTES, "shared", "shared") },
	{ "allowed, in spite of a total", .packet = { TCP4(ALLOWED4, 9004, SYN) }, .before = 100,
	  .opens = true, PASSED(ALLOWED, "shared", "allow") },
	{ "C9 no flags", .packet = { TCP4(PUBLIC4, 9005, 0) }, DROPPED(SANITY, "strict", "none") },
	{ "C9 all flags", .packet = { TCP6(PUBLIC6, 9005, 0x3f) },
	  DROPPED(SANITY, "strict", "none") },
	{ "C9 a SYN with data", .packet = { TCP4(PUBLIC4, 9005, SYN), .payload = 1 },
	  .opens = true, DROPPED(SANITY, "strict", "none") },
	{ "C8 from loopback", .packet = { TCP4(CRMG_TEST_V4(127, 0, 0, 1), 9005, ACK) },
	  .before = 3, DROPPED(SANITY, "strict", "none") },
	{ "C8 from multicast", .packet = { TCP6(CRMG_TEST_V6(0xff02000000000000, 1), 9005, ACK) },
	  .before = 3, DROPPED(SANITY, "strict", "none") },
	{ "C8 from its own address", .packet = { TCP4(SERVER4, 9005, SYN) }, .opens = true,
	  DROPPED(SANITY, "strict", "none") },
	{ "C8 the same over IPv6", .packet = { TCP6(SERVER6, 9005, ACK) }, .before = 3,
	  DROPPED(SANITY, "strict", "none") },
	{ "what is odd is refused only where the service says so",
	  .packet = { TCP4(SERVER4, 443, 0) }, PASSED(OK, "api", "public") },
	{ "what is odd has a limit too", .packet = { TCP4(SERVER4, 443, 0) }, .before = 5,
	  DROPPED(PACKETS, "api", "public") },
	{ "allow goes before sanity", .packet = { TCP4(ALLOWED4, 9005, 0) },
	  PASSED(ALLOWED, "strict", "allow") },
	{ "what is odd, in shadow", .packet = { TCP4(PUBLIC4, 9006, 0) }, .before = 9,
	  .would = CRMG_REASON_SANITY, PASSED(OK, "stern", "stern") },
	{ "a request after the budget", .packet = { TCP4(PUBLIC4, 9007, ACK), .payload = 1 },
	  .prepare = spend, ANSWERED(BYTES_OUT, "spent", "spent") },
	{ "a connection after the budget", .packet = { TCP6(PUBLIC6, 9007, SYN) },
	  .prepare = spend, .opens = true, DROPPED(BYTES_OUT, "spent", "spent") },
	{ "an end after the budget", .packet = { TCP4(PUBLIC4, 9007, ACK | FIN) },
	  .prepare = spend, PASSED(OK, "spent", "spent") },
	{ "one handshake too many", .packet = { TCP4(PUBLIC4, 9008, SYN) },
	  .prepare = begin_some, .opens = true, DROPPED(HALF_OPEN, "busy", "busy") },
	{ "one connection too many", .packet = { TCP4(PUBLIC4, 9008, SYN) },
	  .prepare = open_some, .opens = true, DROPPED(OPEN_CONNECTIONS, "busy", "busy") },
	{ "what is no SYN has no cap", .packet = { TCP4(PUBLIC4, 9008, ACK) },
	  .prepare = open_some, PASSED(OK, "busy", "busy") },
	{ "connections of another source", .packet = { TCP6(PUBLIC6, 9008, SYN) },
	  .prepare = open_some, .opens = true, PASSED(OK, "busy", "busy") },
	{ "plaintext where TLS is wanted", .packet = FIRST(REQUEST_LEN), .prepare = shake_hands,
	  .lie = request, DROPPED(PLAINTEXT, "floor", "floor") },
	{ "a hello of TLS 1.0", .packet = FIRST(HELLO_LEN), .prepare = shake_hands,
	  .lie = old_hello, DROPPED(TLS_VERSION, "floor", "floor") },
	{ "T22 a part of a hello of TLS 1.0", .packet = FIRST(REQUEST_LEN), .prepare = shake_hands,
	  .lie = part_of_hello, PASSED(OK, "floor", "floor") },
	{ "one request too many", .packet = REQUEST_AT(1001 + REQUEST_LEN), .prepare = ask,
	  .lie = request, DROPPED(REQUESTS, "asked", "asked") },
	{ "a request behind one that is missing", .packet = REQUEST_AT(1001 + 2 * REQUEST_LEN),
	  .prepare = ask, .lie = request, DROPPED(EARLY, "asked", "asked") },
	{ "urgent data where requests count",
	  .packet = { TCP4(PUBLIC4, 9009, ACK | CRMG_TEST_URG), .payload = 1 },
	  DROPPED(UNREADABLE, "asked", "asked") },
	{ "a first fragment where requests count",
	  .packet = { TCP4(PUBLIC4, 9009, ACK), .more_fragments = true, .payload = 4 },
	  DROPPED(UNREADABLE, "asked", "asked") },
	{ "the same over IPv6", .packet = { TCP6(PUBLIC6, 9009, ACK), .more_fragments = true,
	  .ext = { { 44, 8 } }, .payload = 4 },
	  DROPPED(UNREADABLE, "asked", "asked") },
	{ "a datagram that is its only fragment", .packet = { TCP6(PUBLIC6, 9009, ACK),
	  .ext = { { 44, 8 } }, .payload = 4 }, PASSED(OK, "asked", "asked") },
	{ "a first fragment where they do not", .packet = { TCP4(PUBLIC4, 443, ACK),
	  .more_fragments = true, .payload = 4 }, PASSED(OK, "api", "public") },
	{ "a method that is not named", .packet = GUESS_AT(0),
	  .prepare = ask_first, .lie = other_request, DROPPED(METHOD, "guarded", "guarded") },
	{ "a header that is too long", .packet = GUESS_OF(0, 1001),
	  .prepare = ask_first, .lie = long_header, DROPPED(MAX_HEADER, "guarded", "guarded") },
	{ "a body that is too long", .packet = GUESS_OF(0, LONG_BODY_LEN),
	  .prepare = ask_first, .lie = long_body, DROPPED(MAX_BODY, "guarded", "guarded") },
	{ "a request after one too many that failed", .packet = GUESS_AT(REFUSAL_LEN),
	  .prepare = guess, .lie = request, DROPPED(AUTH_FAILURES, "guarded", "guarded") },
	{ "a hello after one too many that failed", .packet = GREETING, .prepare = fail_once,
	  .lie = old_hello, DROPPED(HANDSHAKE_FAILURES, "greeted", "greeted") },
	{ "contention", .packet = { TCP4(PUBLIC4, 443, ACK) }, .before = 1,
	  .twist = crmg_rig_set_contended, DROPPED(CONTENTION, "api", "public") },
	{ "T9 a table without room", .packet = { TCP4(PUBLIC4, 443, ACK) }, .prepare = fill_table,
	  .before = 200, DROPPED(PRESSURE, "api", "public") },
};

#endif
