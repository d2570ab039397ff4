/* SPDX-License-Identifier: GPL-2.0 */
/* talk.h - a conversation in which the client says something, and the server answers. */
#ifndef CRMGATE_TEST_TALK_H
#define CRMGATE_TEST_TALK_H

#include "conversation.h"
#include "rig.h"

#include <linux/pkt_cls.h>

/* A connection, and how much of it the client has sent. */
struct talk {
	struct conversation c;
	uint32_t next;
};

static struct crmg_rig_output reply;	/* what became of the last segment */

static inline struct talk talk(struct crmg_addr client, uint16_t sport)
{
	struct talk t = { conversation(rig, client, sport), 1001 };

	handshake(&t.c);
	return t;
}

/* A segment with these flags and this text at this number; what became of it. */
static inline uint32_t sends_at(const struct talk *t, uint8_t flags, uint32_t seq, const char *text,
				size_t len)
{
	struct crmg_test_packet p = client_segment(&t->c, flags);
	static struct crmg_test_frame frame;

	p.seq = seq;
	p.payload = (uint32_t)len;
	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - len, text, len);
	return crmg_rig_xdp(rig, &frame, &reply);
}

static inline uint32_t says_at(const struct talk *t, uint32_t seq, const char *text, size_t len)
{
	return sends_at(t, ACK, seq, text, len);
}

/* The next segment. One that is dropped is not sent yet. */
static inline uint32_t says(struct talk *t, const char *text, size_t len)
{
	uint32_t action = says_at(t, t->next, text, len);

	if (action == XDP_PASS)
		t->next += (uint32_t)len;
	return action;
}

/*
 * The header of a long body that the server never gets, and in its place requests, which seem to be
 * of the body and sent again.
 */
static inline void hides(struct talk *t, const char *requests)
{
	static const char decoy[] = "POST / HTTP/1.1\r\nContent-Length: 1000000000\r\n\r\n";

	assert_int_equal(says_at(t, t->next, decoy, strlen(decoy)), XDP_PASS);
	assert_int_equal(says(t, requests, strlen(requests)), XDP_PASS);
}

/* A segment of the server that acknowledges all that the client has sent. */
static inline void server_says(struct talk *t, uint8_t flags, uint32_t len)
{
	const struct crmg_test_packet p = {
		.src = t->c.client.hi ? SERVER6 : SERVER4, .dst = t->c.client,
		.protocol = IPPROTO_TCP, .sport = t->c.dport, .dport = t->c.sport,
		.seq = t->c.next, .ack = t->next, .tcp_flags = flags, .payload = len,
	};

	crmg_rig_tc_packet(rig, &p);
	t->c.next += len + !!(flags & SYN);
}

static inline void answers(struct talk *t)
{
	server_says(t, ACK, 10);
}

/* The server sends this text at this number. False: it is refused. */
static inline bool server_says_at(const struct talk *t, uint32_t seq, const char *text)
{
	const struct crmg_test_packet p = {
		.src = t->c.client.hi ? SERVER6 : SERVER4, .dst = t->c.client,
		.protocol = IPPROTO_TCP, .sport = t->c.dport, .dport = t->c.sport,
		.seq = seq, .ack = t->next, .tcp_flags = ACK, .payload = (uint32_t)strlen(text),
	};
	static struct crmg_test_frame frame;

	crmg_test_build(&p, &frame);
	memcpy(frame.data + frame.len - p.payload, text, p.payload);
	return (int)crmg_rig_tc(rig, &frame, NULL) == TC_ACT_UNSPEC;
}

static inline void server_says_text(struct talk *t, const char *text)
{
	server_says_at(t, t->c.next, text);
	t->c.next += (uint32_t)strlen(text);
}

#endif
