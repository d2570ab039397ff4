/* SPDX-License-Identifier: GPL-2.0 */
/*
 * conns.h - TCP connections of services under a policy with a cap: how far each is, what
 * went over it, and that its source's gauge counts it. Set-associative, without
 * locks; who moves a tag by compare-and-swap is the one who counts. Layout: abi.h.
 *
 * What is counted is what the server holds a socket for, so the server is believed and the
 * client is not: a connection that is met in its middle begins with what the server sends,
 * and a RST ends it when it has the number that the server waits for.
 */
#ifndef CRMGATE_BPF_CONNS_H
#define CRMGATE_BPF_CONNS_H

#define CRMG_CONN_CHANGES 8	/* tries of one that another CPU changes at the same time */

/* The entry that a step is about. */
static __always_inline struct crmg_conn *crmg_conn_of(const struct crmg_step *step)
{
	return crmg_conn_at(step->line * CRMG_WAYS + (step->way & (CRMG_WAYS - 1)));
}

/* ------------------------------------------------------- begin and change */

static __always_inline void
crmg_conn_write(const struct crmg_work *w, __u32 at, __u32 gauge, bool in)
{
	struct crmg_conn *conn = crmg_conn_at(at);
	__u32 seq = crmg_ntohl(w->pkt.seq), ack = crmg_ntohl(w->pkt.ack);

	if (!conn)
		return;
	__builtin_memset(conn, 0, sizeof(*conn));
	conn->gauge = gauge;
	conn->begun = w->source.now_ns >> CRMG_SLOT_TICK_SHIFT;
	conn->client_next = in ? seq + 1 : ack;
	/* Met in its middle it had a first one that is not known. */
	conn->client_first = conn->client_next - !!(w->step.marks & CRMG_CONN_MIDDLE);
	conn->server_next = in ? 0 : seq;
	conn->server_acked = in ? 0 : ack;
}

/*
 * Gives a connection that entry `gauge` counts a tag: way w->step.way, that was closed, or a
 * victim's. Two CPUs that meet one at once see each other, and who does gives way. One that
 * finds no room is not known, and not counted. (It is counted by who calls this: one function
 * within the other is more than the stack of 6.1 holds.)
 */
__noinline int crmg_conn_begin(struct crmg_work *w, __u32 gauge, __u32 state)
{
	struct crmg_contags *line;
	__u64 busy, old;
	__u32 way, at;
	bool in;

	if (!w)
		return 0;
	in = state == CRMG_CONN_SYN;
	line = crmg_conn_line(w->step.line);
	if (!line)
		goto none;
	way = w->step.way;
	if (way >= CRMG_WAYS)
		way = crmg_conn_victim(line, w->source.now_ns, state == CRMG_CONN_OPEN,
				       w->step.hash >> CRMG_CONN_HASH_SHIFT);
	if (way >= CRMG_WAYS)
		goto none;
	way &= CRMG_WAYS - 1;
	at = w->step.line * CRMG_WAYS + way;
	old = CRMG_READ_ONCE(line->tag[way]);
	busy = w->step.hash | (__u64)CRMG_CONN_BUSY << CRMG_CONN_STATE_SHIFT |
	       crmg_conn_age(w->source.now_ns);
	if (crmg_conn_state(old) == CRMG_CONN_BUSY ||
	    !crmg_conn_take_over(&line->tag[way], at, old, busy))
		goto none;
	if (crmg_conn_way(line, w->step.hash, way) < CRMG_WAYS) {
		__sync_lock_test_and_set(&line->tag[way], 0);
		goto none;
	}
	if (crmg_conn_state(old) == CRMG_CONN_OPEN)
		crmg_count_host(CRMG_HOST_CONNS_FORGOTTEN);
	crmg_conn_write(w, at, gauge, in);
	/* A full barrier: the entry is written before anybody can see it in use. */
	__sync_lock_test_and_set(&line->tag[way], w->step.hash | w->step.marks |
				 (__u64)state << CRMG_CONN_STATE_SHIFT |
				 crmg_conn_age(w->source.now_ns));
	w->step.way = way;
	w->step.begun = 1;
	return 0;
none:
	crmg_gauge_give(gauge, state < CRMG_CONN_OPEN ? 1 | CRMG_GAUGE_HALF : 1);
	return 0;
}

/* The tag after a step. */
static __always_inline __u64 crmg_conn_next(const struct crmg_step *step, __u64 tag, __u64 now_ns)
{
	const __u64 ends = CRMG_CONN_FIN_IN | CRMG_CONN_FIN_OUT;
	__u64 state = crmg_conn_state(tag), to = step->state;

	tag = (tag | step->marks) & ~step->clears;
	if (to == CRMG_CONN_CLOSED || (tag & ends) == ends)
		state = CRMG_CONN_CLOSED;
	else if (to > state)
		state = to;
	return (tag & ~(CRMG_CONN_AGE_MASK | (__u64)CRMG_CONN_STATE_MASK << CRMG_CONN_STATE_SHIFT)) |
	       state << CRMG_CONN_STATE_SHIFT | crmg_conn_age(now_ns);
}

/*
 * Takes the step that w->step says, if the connection is known and goes on; what it counts
 * no more goes back. Another CPU may change the same tag; it may not be lost.
 */
__noinline int crmg_conn_move(struct crmg_work *w)
{
	const struct crmg_conn *conn;
	struct crmg_contags *line;
	__u32 try, gauge;
	__u64 *tag, old, new;

	if (!w)
		return 0;
	line = crmg_conn_line(w->step.line);
	conn = crmg_conn_of(&w->step);
	if (!line || !conn)
		return 0;
	tag = &line->tag[w->step.way & (CRMG_WAYS - 1)];
	for (try = 0; try < CRMG_CONN_CHANGES; try++) {
		old = CRMG_READ_ONCE(*tag);
		if (crmg_conn_state(old) < CRMG_CONN_SYN ||
		    (old ^ w->step.hash) & CRMG_CONN_HASH_MASK)
			return 0;
		new = crmg_conn_next(&w->step, old, w->source.now_ns);
		gauge = CRMG_READ_ONCE(conn->gauge);
		if (new == old)
			return 0;
		if (__sync_val_compare_and_swap(tag, old, new) != old)
			continue;
		if (crmg_conn_units(old) != crmg_conn_units(new))
			crmg_gauge_give(gauge, crmg_conn_units(old) - crmg_conn_units(new));
		return 0;
	}
	return 0;
}

/* True if the connection of the packet is known, or can be. */
static __always_inline bool
crmg_has_conn(const struct crmg_work *w, const struct crmg_binding *binding)
{
	return binding->flags & CRMG_BINDING_CONNS && w->pkt.transport == CRMG_TRANSPORT_TCP &&
	       !w->pkt.malformed && !CRMG_READ_ONCE(w->probe);
}

/* ----------------------------------------------------------- what arrives */

/* Looks for the connection; its entry, or NULL if it is not known or has ended. */
static __always_inline struct crmg_conn *crmg_conn_find(struct crmg_work *w, bool in, __u64 *ret)
{
	const struct crmg_pkt *pkt = &w->pkt;
	struct crmg_contags *line;
	struct crmg_flow_key key;

	key = in ? crmg_flow_key(&pkt->src, &pkt->dst, pkt->sport, pkt->dport) :
		   crmg_flow_key(&pkt->dst, &pkt->src, pkt->dport, pkt->sport);
	w->step = (struct crmg_step){ .hash = key.conn, .line = key.line, .way = CRMG_WAYS };
	*ret = 0;
	line = crmg_conn_line(w->step.line);
	if (!line)
		return NULL;
	w->step.way = crmg_conn_way(line, w->step.hash, CRMG_WAYS);
	if (w->step.way >= CRMG_WAYS)
		return NULL;
	*ret = CRMG_READ_ONCE(line->tag[w->step.way & (CRMG_WAYS - 1)]);
	if (crmg_conn_state(*ret) < CRMG_CONN_SYN)
		return NULL;
	return crmg_conn_of(&w->step);
}

/*
 * A SYN: of a connection that is known it is one more, else it begins one, within the
 * caps (0: any number). Returns enum crmg_reason. A function of its own, verified once.
 */
__noinline int crmg_conn_ask(struct crmg_work *w, __u32 open_max, __u32 half_max)
{
	__u64 tag;
	int gauge;

	if (!w)
		return CRMG_REASON_OK;
	crmg_conn_sweep(w->source.now_ns);
	if (crmg_conn_find(w, true, &tag))
		return crmg_conn_move(w);
	if (crmg_conn_state(tag) == CRMG_CONN_BUSY)
		return CRMG_REASON_OK;
	gauge = crmg_gauge_take(w->source.hash.check, open_max, half_max, 1);
	return gauge < 0 ? -gauge : crmg_conn_begin(w, gauge, CRMG_CONN_SYN);
}

/* Bytes of a segment, and one for a FIN. */
static __always_inline __u32 crmg_segment_taken(const struct crmg_pkt *pkt)
{
	return pkt->ip_end - pkt->l4 - pkt->tcp_header + (pkt->tcp_flags & CRMG_TCP_FIN);
}

static __always_inline bool crmg_seq_after(__u32 a, __u32 b)
{
	return (__s32)(a - b) > 0;
}

/* A segment that is no SYN, and goes on to the server. */
__noinline int crmg_conn_came(struct crmg_work *w)
{
	struct crmg_conn *conn;
	__u32 seq, taken, flags;
	__u64 tag;

	if (!w)
		return 0;
	conn = crmg_conn_find(w, true, &tag);
	if (!conn)
		return 0;
	flags = w->pkt.tcp_flags;
	seq = crmg_ntohl(w->pkt.seq);
	taken = crmg_segment_taken(&w->pkt);
	__sync_fetch_and_add(&conn->packets_in, w->source.packets);
	__sync_fetch_and_add(&conn->bytes_in, w->source.len);
	if (flags & CRMG_TCP_RST) {
		/* RFC 5961: one with another number is answered, and ends nothing. */
		if (seq == conn->server_acked || seq == conn->client_next)
			w->step.state = CRMG_CONN_CLOSED;
		else
			w->step.marks = CRMG_CONN_RESET;
		return crmg_conn_move(w);
	}
	if (taken && !crmg_seq_after(seq, conn->client_next) &&
	    crmg_seq_after(seq + taken, conn->client_next))
		CRMG_WRITE_ONCE(conn->client_next, seq + taken);
	if (crmg_conn_state(tag) == CRMG_CONN_SYN_ACK && flags & CRMG_TCP_ACK &&
	    crmg_ntohl(w->pkt.ack) == conn->server_next) {
		w->step.state = CRMG_CONN_OPEN;
		w->step.marks = CRMG_CONN_PROVEN;
	}
	if (flags & CRMG_TCP_FIN)
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

/* A segment that the server sends, in w->pkt; source and clock are set. */
__noinline int crmg_conn_left(struct crmg_work *w)
{
	struct crmg_conn *conn;
	__u32 next, taken, flags;
	__u64 tag;
	int gauge;

	if (!w)
		return 0;
	conn = crmg_conn_find(w, false, &tag);
	flags = w->pkt.tcp_flags;
	taken = crmg_segment_taken(&w->pkt);
	if (!conn) {
		/* Of one that ended, or just ends, or never was, or that another CPU writes. */
		if (tag || !(flags & CRMG_TCP_ACK) || flags & (CRMG_TCP_RST | CRMG_TCP_FIN))
			return 0;
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
	w->step.clears = CRMG_CONN_RESET;
	/* Ports that are used again: nothing of the connection before holds. */
	if (flags & CRMG_TCP_SYN)
		w->step.clears |= CRMG_CONN_FIN_IN | CRMG_CONN_FIN_OUT | CRMG_CONN_MIDDLE;
	if (flags & CRMG_TCP_RST) {
		w->step.state = CRMG_CONN_CLOSED;
		return crmg_conn_move(w);
	}
	next = crmg_ntohl(w->pkt.seq) + taken + !!(flags & CRMG_TCP_SYN);
	if (flags & CRMG_TCP_SYN || crmg_seq_after(next, conn->server_next))
		CRMG_WRITE_ONCE(conn->server_next, next);
	CRMG_WRITE_ONCE(conn->server_acked, crmg_ntohl(w->pkt.ack));
	if (flags & CRMG_TCP_SYN)
		w->step.state = CRMG_CONN_SYN_ACK;
	else if (taken)
		w->step.state = CRMG_CONN_OPEN;
	if (flags & CRMG_TCP_FIN)
		w->step.marks |= CRMG_CONN_FIN_OUT;
	return crmg_conn_move(w);
}

#endif
