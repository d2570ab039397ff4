/* SPDX-License-Identifier: GPL-2.0 */
/*
 * conns.h - TCP connections of services under a policy that looks at them, or that server names
 * tell apart: how far each is, what went over it, and that its source's gauge counts it.
 * Set-associative, without locks; who moves a tag by compare-and-swap is the one who counts.
 * Layout: abi.h.
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
	conn->client_acked = conn->server_next;
}

/* It goes on: a RST had ended it here, and not at the server. */
static __always_inline void crmg_conn_doubt(__u32 at, __u32 gauge)
{
	struct crmg_conn *conn = crmg_conn_at(at);

	if (!conn)
		return;
	conn->gauge = gauge;
	conn->doubted = 1;
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
	if (crmg_conn_state(old) >= CRMG_CONN_OPEN)
		crmg_count_host(CRMG_HOST_CONNS_FORGOTTEN);
	if (state == CRMG_CONN_OPEN && crmg_conn_doubtful(old) &&
	    !((old ^ w->step.hash) & CRMG_CONN_HASH_MASK))
		crmg_conn_doubt(at, gauge);
	else
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

/* True if it ends here: with the server's last word, or before. Not if its begin was not seen. */
static __always_inline bool crmg_conn_ends(const struct crmg_step *step, __u64 old, __u64 new)
{
	__u64 fresh = new & ~old;

	return !(old & (CRMG_CONN_FIN_OUT | CRMG_CONN_MIDDLE)) &&
	       (fresh & CRMG_CONN_FIN_OUT || (step->last && fresh & CRMG_CONN_RESET) ||
		crmg_conn_state(new) == CRMG_CONN_CLOSED);
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
		if (crmg_conn_ends(&w->step, old, new))
			w->step.over = 1;
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

/* The same, or has to be: it keeps which server name it asked for (names.h). */
static __always_inline bool
crmg_tracks(const struct crmg_work *w, const struct crmg_binding *binding)
{
	return (binding->flags & CRMG_BINDING_CONNS || CRMG_READ_ONCE(w->names)) &&
	       w->pkt.transport == CRMG_TRANSPORT_TCP && !w->pkt.malformed &&
	       !CRMG_READ_ONCE(w->probe);
}

/* ------------------------------------------------------------ find, and ask */

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

#endif
