/* SPDX-License-Identifier: GPL-2.0 */
/* decide_states.h - what comes before some rows of decide_rows.h: connections, and requests. */
#ifndef CRMGATE_DECIDE_STATES_H
#define CRMGATE_DECIDE_STATES_H

/* Both sources were sent all that they may be in a minute. */
static void spend(struct crmg_rig *rig)
{
	struct conversation c[] = {
		conversation(rig, PUBLIC4, 40000), conversation(rig, PUBLIC6, 40000),
	};

	for (int i = 0; i < 2; i++) {
		c[i].dport = 9007;
		handshake(&c[i]);
		for (int n = 0; n < 100; n++)
			server_sends(&c[i], ACK, 1000);
	}
}

/* As many handshakes as there may be at once; and as many connections. */
static void begin_some(struct crmg_rig *rig)
{
	for (uint16_t n = 0; n < 2; n++) {
		struct conversation c = conversation(rig, PUBLIC4, 10000 + n);

		c.dport = 9008;
		client_sends(&c, SYN);
	}
}

static void open_some(struct crmg_rig *rig)
{
	for (uint16_t n = 0; n < 3; n++) {
		struct conversation c = conversation(rig, PUBLIC4, 10000 + n);

		c.dport = 9008;
		handshake(&c);
	}
}

/* A request in place of the payload. */
#define REQUEST "GET / HTTP/1.1\n\n"
#define REQUEST_LEN (sizeof(REQUEST) - 1)
/* The first number of the server's data: what does not acknowledge it is not read. */
#define REQUEST_ACK 5001
#define REQUEST_AT(number) \
	{ TCP4(PUBLIC4, 9009, ACK), .seq = number, .ack = REQUEST_ACK, .payload = REQUEST_LEN }

static void request(struct crmg_test_frame *f)
{
	memcpy(f->data + f->len - REQUEST_LEN, REQUEST, REQUEST_LEN);
}

#define OTHER_REQUEST "PUT / HTTP/1.1\n\n"

static void other_request(struct crmg_test_frame *f)
{
	memcpy(f->data + f->len - REQUEST_LEN, OTHER_REQUEST, REQUEST_LEN);
}

/* All of the payload, which has 1001 bytes, is a line that does not end. */
static void long_header(struct crmg_test_frame *f)
{
	memset(f->data + f->len - 1001, 'x', 1001);
}

#define LONG_BODY "GET / HTTP/1.1\nContent-Length: 1001\n\n"
#define LONG_BODY_LEN (sizeof(LONG_BODY) - 1)

static void long_body(struct crmg_test_frame *f)
{
	memcpy(f->data + f->len - LONG_BODY_LEN, LONG_BODY, LONG_BODY_LEN);
}

/* A ClientHello of TLS 1.0, whole in its segment and without extensions. */
#define HELLO_LEN (5 + 4 + 2 + 32 + 1 + 2 + 2 + 2)

static void put_hello(struct crmg_test_frame *f, size_t len)
{
	static const uint8_t head[] = { 22, 3, 1, 0, HELLO_LEN - 5, 1, 0, 0, HELLO_LEN - 9, 3, 1 };
	static const uint8_t tail[] = { 0, 0, 2, 0, 47, 1, 0 };
	uint8_t hello[HELLO_LEN];

	memset(hello, 0x5a, HELLO_LEN);
	memcpy(hello, head, sizeof(head));
	memcpy(hello + HELLO_LEN - sizeof(tail), tail, sizeof(tail));
	memcpy(f->data + f->len - len, hello, len);
}

static void old_hello(struct crmg_test_frame *f) { put_hello(f, HELLO_LEN); }
static void part_of_hello(struct crmg_test_frame *f) { put_hello(f, REQUEST_LEN); }

/* The first segment of a connection that has to speak TLS. */
#define FIRST(bytes) { TCP4(PUBLIC4, 9010, ACK), .seq = 1001, .payload = bytes }

static void shake_hands(struct crmg_rig *rig)
{
	struct conversation c = conversation(rig, PUBLIC4, 40000);

	c.dport = 9010;
	handshake(&c);
}

/* One request, the first of its connection. */
static void ask_at(struct crmg_rig *rig, uint16_t dport)
{
	struct conversation c = conversation(rig, PUBLIC4, 40000);
	struct crmg_test_packet p = REQUEST_AT(1001);
	struct crmg_test_frame f;

	p.dport = c.dport = dport;
	c.next = REQUEST_ACK - 1;
	handshake(&c);
	crmg_test_build(&p, &f);
	request(&f);
	crmg_rig_xdp(rig, &f, NULL);
}

/* As many as there may be. */
static void ask(struct crmg_rig *rig)
{
	ask_at(rig, 9009);
}

/* A segment behind it and so many bytes of answer; the one to what the server took for a guess. */
#define GUESS_OF(answered, bytes) \
	{ TCP4(PUBLIC4, 9011, ACK), .seq = 1001 + REQUEST_LEN, .ack = REQUEST_ACK + (answered), \
	  .payload = bytes }
#define GUESS_AT(answered) GUESS_OF(answered, REQUEST_LEN)
#define REFUSAL "HTTP/1.1 401 No\n"
#define REFUSAL_LEN (sizeof(REFUSAL) - 1)

static void ask_first(struct crmg_rig *rig)
{
	ask_at(rig, 9011);
}

/* The first segment behind a handshake that failed; PUBLIC4 may have one an hour. */
#define GREETING \
	{ TCP4(PUBLIC4, 9012, ACK), .seq = 1001, .ack = REQUEST_ACK, .payload = HELLO_LEN }

static void fail_once(struct crmg_rig *rig)
{
	struct conversation c = conversation(rig, PUBLIC4, 40001);
	struct crmg_test_packet p;
	struct crmg_test_frame f;

	c.dport = 9012;
	handshake(&c);
	p = client_segment(&c, ACK);
	p.payload = HELLO_LEN;
	crmg_test_build(&p, &f);
	old_hello(&f);
	crmg_rig_xdp(rig, &f, NULL);
	server_sends(&c, FIN | ACK, 0);
	c = conversation(rig, PUBLIC4, 40000);
	c.dport = 9012;
	c.next = REQUEST_ACK - 1;
	handshake(&c);
}

static void guess(struct crmg_rig *rig)
{
	const struct crmg_test_packet answer = {
		.src = SERVER4, .dst = PUBLIC4, .protocol = IPPROTO_TCP, .sport = 9011,
		.dport = 40000, .seq = REQUEST_ACK, .ack = 1001 + REQUEST_LEN, .tcp_flags = ACK,
		.payload = REFUSAL_LEN,
	};
	struct crmg_test_frame f;

	ask_at(rig, 9011);
	crmg_test_build(&answer, &f);
	memcpy(f.data + f.len - REFUSAL_LEN, REFUSAL, REFUSAL_LEN);
	crmg_rig_tc(rig, &f, NULL);
}

#endif
