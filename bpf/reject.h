/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reject.h - answers a request that was refused with 429 of HTTP and the end of the
 * connection, in place of the server (answers.h says when), under XDP. What the client sends
 * then acknowledges bytes that the server never sent: the first such segment goes on as the
 * RST that the server expects, the others are acknowledged, so that neither end keeps a
 * socket. When the answer is lost the request comes again, and so does the answer.
 */
#ifndef CRMGATE_BPF_REJECT_H
#define CRMGATE_BPF_REJECT_H

#define CRMG_REJECT_LEN     96	/* bytes of text */
#define CRMG_REJECT_RETRY   53	/* the last digit of Retry-After in it; blanks before it are none */
#define CRMG_REJECT_DIGITS  9

/* Data, since a string that only the program knows would be a section that libbpf cannot load. */
const volatile char crmg_reject_text[CRMG_REJECT_LEN + 1] =
	"HTTP/1.1 429 Too Many Requests\r\n"
	"Retry-After:          \r\n"
	"Content-Length: 0\r\n"
	"Connection: close\r\n"
	"\r\n";

/*
 * Room for the option of timestamps, which a stack may insist on once it was agreed on (RFC 7323,
 * 3.2); filled up with no-operations where the client sent none.
 */
struct crmg_reject_tcp {
	struct tcphdr tcp;
	__be32 option[3];
};

#define CRMG_TCP_NOPS       0x01010101
#define CRMG_TCP_TIMESTAMPS 0x0101080a	/* two no-operations, kind 8, 10 bytes */

/* The other end's timestamps, turned round: what it echoes is what this end said last. */
static __always_inline void crmg_reject_options(struct crmg_reject_tcp *h, __u32 tcp_header)
{
	__be32 value = h->option[1];

	if (tcp_header >= sizeof(*h) && h->option[0] == bpf_htonl(CRMG_TCP_TIMESTAMPS)) {
		h->option[1] = h->option[2];
		h->option[2] = value;
		return;
	}
	h->option[0] = h->option[1] = h->option[2] = bpf_htonl(CRMG_TCP_NOPS);
}

/* Writes the text; the sum of it, for crmg_csum_fold(). */
static __always_inline __u64 crmg_reject_write(__u8 *text, __u32 retry_s)
{
	__u32 i;

#pragma unroll
	for (i = 0; i < CRMG_REJECT_LEN; i++)
		text[i] = crmg_reject_text[i];
#pragma unroll
	for (i = 0; i < CRMG_REJECT_DIGITS; i++) {
		if (retry_s || !i)
			text[CRMG_REJECT_RETRY - i] = '0' + retry_s % 10;
		retry_s /= 10;
	}
	return crmg_csum_words(text, CRMG_REJECT_LEN / 2);
}

/* The header of TCP, with the same checksum as that of a RST. */
static __always_inline void
crmg_reject_tcp(struct crmg_reject_tcp *h, const struct crmg_reset *reset, bool text, __u64 pseudo,
		__u64 sum)
{
	__builtin_memset(&h->tcp, 0, sizeof(h->tcp));
	h->tcp.source = reset->sport;
	h->tcp.dest = reset->dport;
	h->tcp.seq = reset->seq;
	h->tcp.ack_seq = reset->ack_seq;
	h->tcp.doff = sizeof(*h) / 4;
	h->tcp.ack = 1;
	h->tcp.psh = text;
	h->tcp.fin = text;
	crmg_tcp_seal(&h->tcp, pseudo, crmg_csum_words(h, sizeof(*h) / 2) + sum);
}

/* What is behind the header of IP. */
static __always_inline long
crmg_reject_body(struct crmg_reject_tcp *h, const void *end, const struct crmg_work *w,
		 const struct crmg_reset *reset, bool text, __u64 pseudo)
{
	__u8 *body = (void *)(h + 1);
	__u64 sum = 0;

	if ((void *)body > end)
		return -1;
	crmg_reject_options(h, w->pkt.tcp_header);
	if (text) {
		if ((void *)(body + CRMG_REJECT_LEN) > end)
			return -1;
		sum = crmg_reject_write(body, w->reply.retry_s);
	}
	crmg_reject_tcp(h, reset, text, pseudo, sum);
	return 0;
}

/* Turns the frame into an answer, with the text or without. */
static __noinline long
crmg_xdp_answer(struct xdp_md *ctx, const struct crmg_work *w, const struct crmg_reset *reset,
		bool text)
{
	__u32 bytes = sizeof(struct crmg_reject_tcp) + (text ? CRMG_REJECT_LEN : 0);
	const struct crmg_pkt *pkt = &w->pkt;
	__u32 ip = pkt->v4 ? sizeof(struct iphdr) : sizeof(struct ipv6hdr);
	void *data, *end;

	if (bpf_xdp_adjust_tail(ctx, (int)(pkt->l3 + ip + bytes - pkt->len)))
		return -1;
	data = crmg_xdp_back(ctx, pkt);
	end = (void *)(long)ctx->data_end;
	if (!data)
		return -1;
	if (pkt->v4) {
		struct iphdr *v4 = data;

		return (void *)(v4 + 1) > end ? -1 :
		       crmg_reject_body((void *)(v4 + 1), end, w, reset, text,
					crmg_back_v4(v4, bytes));
	} else {
		struct ipv6hdr *v6 = data;

		return (void *)(v6 + 1) > end ? -1 :
		       crmg_reject_body((void *)(v6 + 1), end, w, reset, text,
					crmg_back_v6(v6, bytes));
	}
}

/* Sends the server the end of a connection in which it was not the one who answered last. */
static __always_inline int
crmg_reject_end(struct xdp_md *ctx, struct crmg_work *w, struct crmg_rejected *rejected)
{
	struct crmg_reset reset;

	rejected->state = CRMG_REJECTING_ENDED;
	w->step.state = CRMG_CONN_CLOSED;
	crmg_conn_move(w);
	crmg_reset_onward(&w->pkt, &reset);
	reset.seq = bpf_htonl(rejected->request);
	/* Turned round twice it goes on. */
	return crmg_xdp_bare(ctx, &w->pkt) || crmg_xdp_turn(ctx, &w->pkt, &reset) ||
	       crmg_xdp_turn(ctx, &w->pkt, &reset) ? XDP_DROP : XDP_PASS;
}

/*
 * The action, or XDP_ABORTED: there is no room for an answer in the frame. A function of its
 * own, verified once.
 */
__noinline int crmg_xdp_reject(struct xdp_md *ctx, struct crmg_work *w)
{
	struct crmg_rejected *rejected;
	const struct crmg_pkt *pkt;
	struct crmg_stream *stream;
	struct crmg_reset reset;
	__u32 seq, taken;
	bool first, text;

	if (!w)
		return XDP_DROP;
	pkt = &w->pkt;
	stream = crmg_stream_at(w->walk.entry);
	if (!stream)
		return XDP_DROP;
	first = text = !crmg_answered(w);
	seq = bpf_ntohl(pkt->seq);
	taken = crmg_segment_taken(pkt);
	rejected = &stream->rejected;
	crmg_reset_from(pkt, &reset);
	if (!first && taken && seq == rejected->request && bpf_ntohl(pkt->ack) == rejected->answer) {
		w->reply.retry_s = rejected->retry_s;
		text = true;
	} else if (!first && rejected->state != CRMG_REJECTING_ENDED) {
		return crmg_reject_end(ctx, w, rejected);
	} else if (!first && (!taken || pkt->tcp_flags & CRMG_TCP_RST)) {
		return XDP_DROP;
	} else if (!first) {
		reset.seq = bpf_htonl(rejected->answer + CRMG_REJECT_LEN + 1);
	}
	reset.ack_seq = bpf_htonl(seq + taken);
	if (crmg_xdp_answer(ctx, w, &reset, text))
		return first ? XDP_ABORTED : XDP_DROP;
	if (first) {
		*rejected = (struct crmg_rejected){ .request = seq, .answer = bpf_ntohl(pkt->ack),
						    .retry_s = w->reply.retry_s,
						    .state = CRMG_REJECTING_SAID };
	}
	return XDP_TX;
}

#endif
