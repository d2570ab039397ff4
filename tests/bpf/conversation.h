/* SPDX-License-Identifier: GPL-2.0 */
/*
 * conversation.h - one TCP connection as the programs see it: what the client
 * sends arrives at XDP, what the server sends leaves through TC.
 */
#ifndef CRMGATE_CONVERSATION_H
#define CRMGATE_CONVERSATION_H

#include "bpf_test.h"

#define SYN CRMG_TEST_SYN
#define ACK CRMG_TEST_ACK
#define RST CRMG_TEST_RST
#define FIN CRMG_TEST_FIN

struct conversation {
	struct crmg_rig *rig;
	struct crmg_addr client;
	uint16_t sport;
	uint16_t dport;		/* of the service */
	uint32_t next;		/* next sequence number of the server */
};

/* Between a client's port and port 443, before the first packet. */
static inline struct conversation conversation(struct crmg_rig *rig, struct crmg_addr client,
					       uint16_t sport)
{
	return (struct conversation) {
		.rig = rig, .client = client, .sport = sport, .dport = 443,
		.next = 0x9e3779b9u * (sport + (uint32_t)client.lo),
	};
}

/* A segment of the client, its SYN or what comes next, that acknowledges all that came. */
static inline struct crmg_test_packet client_segment(const struct conversation *c, uint8_t flags)
{
	struct crmg_test_packet p = tcp_packet(c->client, c->dport, flags);

	p.sport = c->sport;
	p.seq += !(flags & SYN);
	p.ack = c->next;
	return p;
}

static inline uint32_t client_sends(const struct conversation *c, uint8_t flags)
{
	const struct crmg_test_packet p = client_segment(c, flags);

	return crmg_rig_xdp_packet(c->rig, &p);
}

static inline void server_sends(struct conversation *c, uint8_t flags, uint32_t payload)
{
	const struct crmg_test_packet p = {
		.src = c->client.hi ? SERVER6 : SERVER4, .dst = c->client,
		.protocol = IPPROTO_TCP, .sport = c->dport, .dport = c->sport,
		.seq = c->next, .ack = 1001, .tcp_flags = flags, .payload = payload,
	};

	crmg_rig_tc_packet(c->rig, &p);
	c->next += payload + !!(flags & (SYN | FIN));
}

/* The three packets of a handshake; what became of the last. */
static inline uint32_t handshake(struct conversation *c)
{
	client_sends(c, SYN);
	server_sends(c, SYN | ACK, 0);
	return client_sends(c, ACK);
}

/* Proves a source at the service of a port, with a handshake of one of its addresses. */
static inline void prove(struct crmg_rig *rig, struct crmg_addr client, uint16_t dport)
{
	struct conversation c = conversation(rig, client, 39999);

	c.dport = dport;
	handshake(&c);
}

#endif
