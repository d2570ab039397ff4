/* SPDX-License-Identifier: GPL-2.0 */
/*
 * segments.h - what segments do to the connection that they are of (conns.h).
 *
 * What is counted is what the server holds a socket for, so the server is believed and the
 * client is not: a connection that is met in its middle begins with what the server sends,
 * and a RST ends it when it has the number that the server waits for, until the server speaks.
 */
#ifndef CRMGATE_BPF_SEGMENTS_H
#define CRMGATE_BPF_SEGMENTS_H

/* ----------------------------------------------------------- what arrives */

/* Bytes of a segment, and one for a FIN. */
static __always_inline __u32 crmg_segment_taken(const struct crmg_pkt *pkt)
{
	return crmg_payload(pkt) + (pkt->tcp_flags & CRMG_TCP_FIN);
}

static __always_inline bool crmg_seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/*
 * True if a segment acknowledges what the server may take: something of the last 8 MiB that it
 * sent, or of all that the client has not acknowledged yet, which is a window that it gave.
 */
static __always_inline bool
crmg_conn_follows(const struct crmg_conn *conn, const struct crmg_pkt *pkt)
{
	__u32 behind = conn->server_next - crmg_ntohl(pkt->ack);
	__u32 flight = conn->server_next - conn->client_acked;

	return behind < CRMG_FLOW_WINDOW || (behind <= flight && flight < CRMG_WALK_HOP);
}

/*
 * True if the server may take something of the segment: it acknowledges what the server has
 * sent, and ends in its window (RFC 9293, 3.10.7.4). Who only knows the addresses and ports
 * has to guess both; who begins a connection from an address that is not his, all of one.
 */
static __always_inline bool
crmg_conn_takes(const struct crmg_conn *conn, __u64 tag, const struct crmg_pkt *pkt)
{
	__u32 ahead = crmg_ntohl(pkt->seq) + crmg_segment_taken(pkt) - conn->server_acked - 1;
	__u32 behind = conn->server_next - crmg_ntohl(pkt->ack), state = crmg_conn_state(tag);

	if ((pkt->tcp_flags & (CRMG_TCP_ACK | CRMG_TCP_RST | CRMG_TCP_SYN)) != CRMG_TCP_ACK ||
	    state == CRMG_CONN_SYN)
		return false;
	return ahead < CRMG_FLOW_WINDOW &&
	       (state == CRMG_CONN_SYN_ACK ? !behind : crmg_conn_follows(conn, pkt));
}

/*
 * True if it may take it though it acknowledges what was acknowledged before: Linux does as long as
 * that is within the largest window that the client ever had, which scaling bounds to 1 GiB. Where
 * only a part of what the server sends is seen, what is acknowledged is ahead, and not behind.
 */
static __always_inline bool
crmg_conn_lags(const struct crmg_conn *conn, __u64 tag, const struct crmg_pkt *pkt)
{
	__u32 ahead = crmg_ntohl(pkt->seq) + crmg_segment_taken(pkt) - conn->server_acked - 1;
	__u32 behind = conn->server_next - crmg_ntohl(pkt->ack);

	return (pkt->tcp_flags & (CRMG_TCP_ACK | CRMG_TCP_RST | CRMG_TCP_SYN)) == CRMG_TCP_ACK &&
	       crmg_conn_state(tag) != CRMG_CONN_SYN && ahead < CRMG_FLOW_WINDOW &&
	       behind >= CRMG_FLOW_WINDOW && behind < CRMG_WALK_HOP;
}

/*
 * A RST. RFC 5961: only the number that the server waits for ends a connection, one with
 * another is answered. Which that is, is known where what came and what the server has agree;
 * else it is open until the server was silent. So is one that a RST had ended wrongly before.
 */
static __always_inline void
crmg_conn_reset(struct crmg_step *step, const struct crmg_conn *conn, __u64 tag, __u32 seq)
{
	bool asked = crmg_conn_state(tag) == CRMG_CONN_SYN;

	if (!asked && seq - conn->server_acked < CRMG_FLOW_WINDOW)
		step->marks = CRMG_CONN_RESET;
	step->last = seq == conn->client_next;
	if (seq == conn->client_next && (asked || seq == conn->server_acked) && !conn->doubted)
		step->state = CRMG_CONN_CLOSED;
}

/*
 * What a connection becomes by data of the client, which was read; 0: what it was. Where nothing is
 * read any byte is a request, of plain HTTP one that is whole. Of all else an answer tells, so who
 * still sends after 10 s is slow: whoever waits for one is silent.
 */
static __always_inline __u32 crmg_conn_asks(const struct crmg_work *w, const struct crmg_conn *conn)
{
	__u32 read = CRMG_READ_ONCE(conn->read);
	const struct crmg_stream *stream;

	if (read == CRMG_READ_NOT)
		return CRMG_CONN_ASKED;
	stream = crmg_stream_at(w->step.line * CRMG_WAYS + (w->step.way & (CRMG_WAYS - 1)));
	if (stream && read == CRMG_READ_HTTP && crmg_conn_whole(conn, stream))
		return CRMG_CONN_ASKED;
	return w->half_max && crmg_conn_late(conn, w->source.now_ns) ? CRMG_CONN_SLOW : 0;
}

/* Who acknowledges more than before, and less than was sent, has it. */
static __always_inline void
crmg_conn_acknowledged(struct crmg_conn *conn, const struct crmg_pkt *pkt, __u32 end)
{
	__u32 acked = CRMG_READ_ONCE(conn->client_acked), ack = crmg_ntohl(pkt->ack);

	if (pkt->tcp_flags & CRMG_TCP_ACK && end - conn->server_acked < CRMG_FLOW_WINDOW &&
	    ack - acked <= conn->server_next - acked)
		CRMG_WRITE_ONCE(conn->client_acked, ack);
}

/* A segment that is no SYN, and goes on to the server. */
__noinline int crmg_conn_came(struct crmg_work *w)
{
	struct crmg_conn *conn;
	__u32 seq, end, flags;
	bool takes;
	__u64 tag;

	if (!w)
		return 0;
	conn = crmg_conn_find(w, true, &tag);
	if (!conn)
		return 0;
	flags = w->pkt.tcp_flags;
	seq = crmg_ntohl(w->pkt.seq);
	end = seq + crmg_segment_taken(&w->pkt);
	takes = crmg_conn_takes(conn, tag, &w->pkt);
	__sync_fetch_and_add(&conn->packets_in, w->source.packets);
	__sync_fetch_and_add(&conn->bytes_in, w->source.len);
	if (flags & CRMG_TCP_RST) {
		crmg_conn_reset(&w->step, conn, tag, seq);
		return crmg_conn_move(w);
	}
	crmg_conn_acknowledged(conn, &w->pkt, end);
	if (takes && !crmg_seq_after(seq, conn->client_next) &&
	    crmg_seq_after(end, conn->client_next)) {
		CRMG_WRITE_ONCE(conn->client_next, end);
		if (crmg_conn_state(tag) < CRMG_CONN_ASKED && end - seq > !!(flags & CRMG_TCP_FIN))
			w->step.state = crmg_conn_asks(w, conn);
	}
	if (crmg_conn_state(tag) == CRMG_CONN_SYN_ACK && flags & CRMG_TCP_ACK &&
	    crmg_ntohl(w->pkt.ack) == conn->server_next) {
		if (!w->step.state)
			w->step.state = CRMG_CONN_OPEN;
		w->step.marks = CRMG_CONN_PROVEN;
	}
	if (flags & CRMG_TCP_FIN && takes)
		w->step.marks |= CRMG_CONN_FIN_IN;
	/* Met in its middle, the client's FIN may have been before that. */
	if (tag & CRMG_CONN_MIDDLE && tag & CRMG_CONN_FIN_OUT && flags & CRMG_TCP_ACK &&
	    crmg_ntohl(w->pkt.ack) == conn->server_next)
		w->step.state = CRMG_CONN_CLOSED;
	return crmg_conn_move(w);
}

/* What became of a segment that arrived. Of one that was dropped the server knows nothing. */
static __always_inline void crmg_conn_judged(struct crmg_work *w, bool passed)
{
	if (!passed) {
		if (!w->step.begun)
			return;
		w->step.state = CRMG_CONN_CLOSED;
		crmg_conn_move(w);
	} else if (!w->source.syn) {
		crmg_conn_came(w);
	} else if (!w->step.begun) {
		crmg_conn_ask(w, 0, 0);
	}
}

/* ------------------------------------------------------------ what leaves */

/*
 * True if what the server sends begins a connection that is not known, or is thought to have
 * ended. One that was just reset may say what it had to say before it knew.
 */
static __always_inline bool crmg_conn_speaks(__u64 tag, __u32 flags, __u64 now_ns)
{
	if ((flags & (CRMG_TCP_ACK | CRMG_TCP_RST | CRMG_TCP_FIN)) != CRMG_TCP_ACK)
		return false;
	if (flags & CRMG_TCP_SYN)
		return !tag || crmg_conn_state(tag) == CRMG_CONN_CLOSED;
	return !tag || (crmg_conn_doubtful(tag) &&
			crmg_conn_idle(tag, now_ns) > CRMG_CONN_RESET_TICKS);
}

/*
 * The server answered a SYN: `ack` is where what the client sends begins. Unless it is the
 * answer sent again, the ports are used again, and nothing of the connection before holds.
 */
static __always_inline void
crmg_conn_answered(struct crmg_conn *conn, __u32 ack, bool again)
{
	if (again && ack == conn->client_first)
		return;
	conn->client_next = ack;
	conn->client_first = ack;
	conn->client_acked = conn->server_next;
	conn->doubted = 0;
	CRMG_WRITE_ONCE(conn->named, 0);
	CRMG_WRITE_ONCE(conn->named_born, 0);
	CRMG_WRITE_ONCE(conn->read, CRMG_READ_NOT);
}

/* How far the server is, by a segment that it sends. What it has came, in whatever order. */
static __always_inline void crmg_conn_said(struct crmg_conn *conn, const struct crmg_pkt *pkt)
{
	__u32 syn = !!(pkt->tcp_flags & CRMG_TCP_SYN), ack = crmg_ntohl(pkt->ack);
	__u32 next = crmg_ntohl(pkt->seq) + crmg_segment_taken(pkt) + syn;

	if (syn || crmg_seq_after(next, conn->server_next))
		CRMG_WRITE_ONCE(conn->server_next, next);
	CRMG_WRITE_ONCE(conn->server_acked, ack);
	if (crmg_seq_after(ack, conn->client_next))
		CRMG_WRITE_ONCE(conn->client_next, ack);
}

/*
 * True if what the server sends shows that it was asked for something. Under TLS only what its
 * records are does (requests.h); 100 of HTTP is not the answer yet.
 */
static __always_inline bool
crmg_conn_answers(const struct crmg_conn *conn, const struct crmg_pkt *pkt)
{
	__u32 read = CRMG_READ_ONCE(conn->read);
	__u32 least = read == CRMG_READ_HTTP ? CRMG_TLS_CONTINUE + 1 : 1;

	return read != CRMG_READ_TLS && conn->client_next != conn->client_first &&
	       crmg_segment_taken(pkt) - (pkt->tcp_flags & CRMG_TCP_FIN) >= least;
}

/* A segment that the server sends, in w->pkt; source and clock are set. */
__noinline int crmg_conn_left(struct crmg_work *w)
{
	struct crmg_conn *conn;
	__u32 flags;
	bool again;
	__u64 tag;
	int gauge;

	if (!w)
		return 0;
	conn = crmg_conn_find(w, false, &tag);
	flags = w->pkt.tcp_flags;
	if (!conn) {
		/* Of one that ended, or just ends, or never was, or that another CPU writes. */
		if (!crmg_conn_speaks(tag, flags, w->source.now_ns)) {
			conn = crmg_conn_doubtful(tag) ? crmg_conn_of(&w->step) : NULL;
			if (conn && !(flags & CRMG_TCP_RST))
				crmg_conn_said(conn, &w->pkt);
			return 0;
		}
		gauge = crmg_gauge_take(w->source.hash.check, 0, 0, !!(flags & CRMG_TCP_SYN));
		if (gauge < 0)
			return 0;
		w->step.marks = flags & CRMG_TCP_SYN ? 0 : CRMG_CONN_MIDDLE;
		crmg_conn_begin(w, gauge, flags & CRMG_TCP_SYN ? CRMG_CONN_SYN_ACK : CRMG_CONN_OPEN);
		if (!w->step.begun)
			return 0;
		conn = crmg_conn_of(&w->step);
		if (!conn)
			return 0;
		w->step.marks = 0;
	}
	__sync_fetch_and_add(&conn->packets_out, w->source.packets);
	__sync_fetch_and_add(&conn->bytes_out, w->source.len);
	w->step.was = crmg_conn_state(tag);
	w->step.clears = CRMG_CONN_RESET;
	if (flags & CRMG_TCP_SYN)
		w->step.clears |= CRMG_CONN_FIN_IN | CRMG_CONN_FIN_OUT | CRMG_CONN_MIDDLE;
	/* It may be ours (reset.h), of which the server knows nothing. */
	if (flags & CRMG_TCP_RST) {
		w->step.state = CRMG_CONN_CLOSED;
		w->step.clears = 0;
		w->step.marks = CRMG_CONN_RESET;
		return crmg_conn_move(w);
	}
	again = conn->server_next == crmg_ntohl(w->pkt.seq) + 1;
	crmg_conn_said(conn, &w->pkt);
	if (flags & CRMG_TCP_SYN) {
		crmg_conn_answered(conn, crmg_ntohl(w->pkt.ack), again);
		w->step.state = CRMG_CONN_SYN_ACK;
	} else if (w->step.begun || crmg_conn_answers(conn, &w->pkt)) {
		w->step.state = CRMG_CONN_ASKED;
	} else if (crmg_segment_taken(&w->pkt)) {
		w->step.state = CRMG_CONN_OPEN;
	}
	if (flags & CRMG_TCP_FIN)
		w->step.marks |= CRMG_CONN_FIN_OUT;
	return crmg_conn_move(w);
}

#endif
