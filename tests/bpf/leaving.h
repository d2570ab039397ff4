/* SPDX-License-Identifier: GPL-2.0 */
/* leaving.h - what a service sends, frame by frame, at a time that the test sets. */
#ifndef CRMGATE_BPF_LEAVING_H
#define CRMGATE_BPF_LEAVING_H

#include "bpf_test.h"
#include "rig.h"

#include <linux/pkt_cls.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#define QUOTA(bytes) "bytes_out: [{quota: " bytes ", per: 1m}]"

static struct crmg_test_frame frame;
static uint64_t now;
static uint32_t carried;	/* bytes of payload of what leaves; on the wire it is as large as is said */

static inline void at(uint64_t ns)
{
	now = ns;
	crmg_rig_set_clock(rig, now);
}

/* A policy of services and what comes behind them: the first makes the rig. */
static inline void put_in_force(const char *services, const char *more)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s", services, more);
	if (rig)
		crmg_rig_apply(rig, text);
	else
		rig = crmg_rig_new(text);
}

/* Ports below 100 are those of UDP services. */
static inline uint8_t protocol_of(uint16_t port)
{
	return port < 100 ? IPPROTO_UDP : IPPROTO_TCP;
}

static inline uint32_t arrives(struct crmg_addr peer, uint16_t port, uint8_t flags,
			       uint32_t payload)
{
	struct crmg_test_packet p = tcp_packet(peer, port, flags);

	p.protocol = protocol_of(port);
	p.payload = payload;
	return crmg_rig_xdp_packet(rig, &p);
}

/* One frame of `bytes` on the wire; true: it left. */
static inline bool leaves_as(struct crmg_addr peer, uint16_t port, uint32_t bytes,
			     uint32_t segments)
{
	const struct crmg_rig_gso gso = { segments, segments > 1 ? 1448 : 0, bytes };
	struct crmg_test_packet p = {
		.src = peer.hi ? SERVER6 : SERVER4, .dst = peer, .sport = port, .dport = 40000,
		.protocol = protocol_of(port),
		.tcp_flags = CRMG_TEST_ACK, .payload = carried,
	};

	crmg_test_build(&p, &frame);
	return (int)crmg_rig_tc(rig, &frame, &gso) == TC_ACT_UNSPEC;
}

static inline bool leaves(struct crmg_addr peer, uint16_t port, uint32_t bytes)
{
	return leaves_as(peer, port, bytes, 1);
}

/* So many frames of 1000 bytes, as far as they leave. */
static inline unsigned int leave(struct crmg_addr peer, uint16_t port, unsigned int count)
{
	unsigned int left = 0;

	while (count--)
		left += leaves(peer, port, 1000);
	return left;
}

/* What one CPU sends: frames of 1000 bytes. */
struct sender {
	pthread_t thread;
	unsigned int cpu;
	struct crmg_addr peer;
	uint16_t port;
	unsigned int count;
};

static inline void *send_frames(void *arg)
{
	const struct sender *sender = arg;
	const struct crmg_rig_gso gso = { 1, 0, 1000 };
	struct crmg_test_packet p = {
		.src = SERVER4, .dst = sender->peer, .sport = sender->port, .dport = 40000,
		.protocol = protocol_of(sender->port),
	};
	struct crmg_test_frame *own = malloc(sizeof(*own));

	pin_to_cpu(sender->cpu);
	crmg_test_build(&p, own);
	crmg_rig_tc_repeat(rig, own, &gso, sender->count);
	free(own);
	return NULL;
}

/* CPU 0 and CPU 1 at once, each `count` frames to a source of its own, or to the same. */
static inline void leave_on_two_cpus(struct crmg_addr a, struct crmg_addr b, uint16_t port,
				     unsigned int count)
{
	struct sender senders[] = {
		{ .cpu = 0, .peer = a, .port = port, .count = count },
		{ .cpu = 1, .peer = b, .port = port, .count = count },
	};

	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&senders[i].thread, NULL, send_frames,
						&senders[i]), 0);
	for (int i = 0; i < 2; i++)
		pthread_join(senders[i].thread, NULL);
}

/* A source that is in the table. */
static inline void meet(struct crmg_addr peer, uint16_t port)
{
	for (int i = 0; i < 2; i++)
		assert_int_equal(arrives(peer, port, CRMG_TEST_ACK, 10), XDP_PASS);
}

#endif
