/* SPDX-License-Identifier: GPL-2.0 */
/* rows.h - the rows of packet.c, to be included once, behind what warms them. */
#ifndef CRMGATE_BENCH_ROWS_H
#define CRMGATE_BENCH_ROWS_H

#define TCP4(port, flags, ...) .packet = { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, \
	.sport = 40000, .dport = (port), .seq = 1000, .tcp_flags = (flags), __VA_ARGS__ }
#define TCP6(port, flags, ...) .packet = { .src = PEER6, .dst = SERVER6, .protocol = IPPROTO_TCP, \
	.sport = 40000, .dport = (port), .seq = 1000, .tcp_flags = (flags), __VA_ARGS__ }
#define DATA4(port, ...) TCP4(port, CRMG_TEST_ACK, .payload = 10, __VA_ARGS__)	/* 64 bytes */
#define SENT4(port) .packet = { .src = SERVER4, .dst = PEER4, .protocol = IPPROTO_TCP, \
	.sport = (port), .dport = 40000, .seq = 1000, .tcp_flags = CRMG_TEST_ACK, .payload = 10 }
#define SYN4(port)       TCP4(port, CRMG_TEST_SYN, .trailer = 6)		/* 60 bytes */

/* A port of the client's for each. */
#define SPEECH_ROW(name, port, kind, bytes, parts) { name, BENCH_CRMGATE, BENCH_XDP, BASE_ANY, \
	XDP_PASS, warm_speech, false, \
	.packet = { .src = PEER4, .dst = SERVER4, .protocol = IPPROTO_TCP, \
		    .sport = 41000 + __COUNTER__, .dport = (port), .tcp_flags = CRMG_TEST_ACK }, \
	.speech = { kind, bytes, parts }, \
	.next = &(uint32_t){ 0 } }

#define TWO_EXTS { { IPPROTO_HOPOPTS, 8 }, { IPPROTO_DSTOPTS, 8 } }

static const struct row rows[] = {
	{ "one array slot", BENCH_SLOT, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "two limits, exact", BENCH_EXACT, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "LRU hash", BENCH_LRU, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "known", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "known, SYN", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  SYN4(PORT_SERVICE) },
	{ "not for a service", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_OTHER) },
	{ "over the limit", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_DROP, warm_known, false,
	  DATA4(PORT_LIMITED) },
	{ "over, RST", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_TX, warm_proven, true,
	  SYN4(PORT_RESET) },
	{ "denied prefix", BENCH_CRMGATE, BENCH_XDP, BASE_DENIED, XDP_DROP, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "banned", BENCH_CRMGATE, BENCH_XDP, BASE_BANNED, XDP_DROP, warm_known, false,
	  DATA4(PORT_SERVICE) },
	{ "IPv6, two extensions", BENCH_CRMGATE, BENCH_XDP, 0, XDP_PASS, warm_known, false,
	  TCP6(PORT_SERVICE, CRMG_TEST_ACK, .payload = 10, .ext = TWO_EXTS) },
	{ "VLAN", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_known, false,
	  DATA4(PORT_SERVICE, .vlan = { CRMG_TEST_ETH_VLAN }) },
	{ "egress", BENCH_CRMGATE, BENCH_TC, BASE_ANY, (uint32_t)TC_ACT_UNSPEC, warm_asked, false,
	  SENT4(PORT_SERVICE) },
	{ "egress, four budgets", BENCH_CRMGATE, BENCH_TC, BASE_ANY, (uint32_t)TC_ACT_UNSPEC,
	  warm_asked, false, SENT4(PORT_BUDGETS) },
	{ "egress, and of a prefix", BENCH_CRMGATE, BENCH_TC, BASE_ANY, (uint32_t)TC_ACT_UNSPEC,
	  warm_asked, false, SENT4(PORT_WIDE) },
	{ "egress, and a total", BENCH_CRMGATE, BENCH_TC, BASE_ANY, (uint32_t)TC_ACT_UNSPEC,
	  warm_asked, false, SENT4(PORT_TOTAL) },
	{ "known, capped", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_proven, false,
	  DATA4(PORT_CAPPED) },
	{ "egress, capped", BENCH_CRMGATE, BENCH_TC, BASE_ANY, (uint32_t)TC_ACT_UNSPEC, warm_asked,
	  false, SENT4(PORT_CAPPED) },
	SPEECH_ROW("capped, 1442 bytes", PORT_CAPPED, SPEECH_BODY, 1442, 0),
	SPEECH_ROW("capped, 500 bytes", PORT_CAPPED, SPEECH_HEADER, 500, 0),
	{ "capped, ACK", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_proven, false,
	  TCP4(PORT_CAPPED, CRMG_TEST_ACK, .trailer = 6) },
	{ "HTTP, ACK", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_proven, false,
	  TCP4(PORT_HTTP, CRMG_TEST_ACK, .trailer = 6) },
	SPEECH_ROW("HTTP, body", PORT_HTTP, SPEECH_BODY, 1442, 0),
	SPEECH_ROW("HTTP, header of 500 bytes", PORT_HTTP, SPEECH_HEADER, 500, 0),
	{ "TLS, ACK", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, XDP_PASS, warm_proven, false,
	  TCP4(PORT_TLS, CRMG_TEST_ACK, .trailer = 6) },
	SPEECH_ROW("TLS, within a record", PORT_TLS, SPEECH_RECORD, 1442, 0),
	SPEECH_ROW("TLS, 1 record", PORT_TLS, SPEECH_RECORDS, 1442, 1),
	SPEECH_ROW("TLS, 14 records", PORT_TLS, SPEECH_RECORDS, 1442, 14),
	SPEECH_ROW("TLS, 14 records of HTTP/2", PORT_TLS, SPEECH_FRAMES, 1442, 14),
	{ "one array slot, flood", BENCH_SLOT, BENCH_XDP, BASE_ANY, XDP_PASS, warm_flood, false,
	  SYN4(PORT_SERVICE) },
	{ "LRU hash, flood", BENCH_LRU, BENCH_XDP, BASE_ANY, XDP_PASS, warm_flood, false,
	  SYN4(PORT_SERVICE) },
	{ "known, flood", BENCH_CRMGATE, BENCH_XDP, BASE_ANY, ANY_ACTION, warm_flood, false,
	  SYN4(PORT_SERVICE) },
};

#endif
