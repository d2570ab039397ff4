/* SPDX-License-Identifier: GPL-2.0 */
/*
 * flows.h - TCP flows, and what they prove. An address can be forged; but whoever
 * acknowledges what the server has sent to an address receives there. A flow is
 * eight bytes in a line of eight, chosen by a keyed hash: the server's next
 * sequence number, written where packets leave, compared where they arrive.
 *
 * Nothing is ever refused because a flow is not known. Layout: abi.h.
 */
#ifndef CRMGATE_BPF_FLOWS_H
#define CRMGATE_BPF_FLOWS_H

/*
 * What a client acknowledges lies at most so far behind what the server has sent: no
 * window is larger. A forger has to guess the ports and then one in 2^9 numbers.
 */
#define CRMG_FLOW_WINDOW (1U << 23)

/* An open flow of which nothing left for so long (two minutes) gives way to a handshake. */
#define CRMG_FLOW_IDLE_TICKS 14

/* So many packets of a source without proof are asked for one; later ones now and then (decide.h). */
#define CRMG_PROOF_PACKETS 8ULL

struct crmg_flow_key {
	__u64 hash;		/* in its place of a flow */
	__u64 conn;		/* in its place of a connection's tag (conns.h) */
	__u32 line;
};

/* The same at both ends: source and sport are the client's, local and dport the server's. */
static __always_inline struct crmg_flow_key
crmg_flow_key(const struct crmg_addr *source, const struct crmg_addr *local, __u16 sport,
	      __u16 dport)
{
	const volatile __u64 *k = crmg_knobs.hash_key;
	__u64 h = k[16] + (__u32)source->lo * k[17] + (__u32)local->lo * k[18] +
		  ((__u64)sport << 16 | dport) * k[19];

	if (source->hi)
		h += (source->hi >> 32) * k[20] + (__u32)source->hi * k[21] +
		     (source->lo >> 32) * k[22] + (local->lo >> 32) * k[23];
	h ^= h >> 32;
	h *= k[12] | 1;
	h ^= h >> 29;
	return (struct crmg_flow_key){
		.hash = h & (0xfffffULL << CRMG_FLOW_HASH_SHIFT),
		/* Not the bits that chose the line. */
		.conn = h << 32 | h >> 56 << CRMG_CONN_HASH_SHIFT,
		.line = h >> 32 & crmg_knobs.flow_mask,
	};
}

static __always_inline __u64
crmg_flow_make(__u64 hash, __u32 seq, enum crmg_flow_state state, __u64 now_ns)
{
	return (__u64)seq << CRMG_FLOW_SEQ_SHIFT | hash | (__u64)state << CRMG_FLOW_STATE_SHIFT |
	       (now_ns >> CRMG_FLOW_AGE_NS_SHIFT & CRMG_FLOW_AGE_MASK);
}

static __always_inline __u32 crmg_flow_state(__u64 flow)
{
	return flow >> CRMG_FLOW_STATE_SHIFT & 0xf;
}

static __always_inline __u32 crmg_flow_seq(__u64 flow)
{
	return flow >> CRMG_FLOW_SEQ_SHIFT;
}

/* Way of a line that has this hash, or CRMG_WAYS. A function of its own, verified once. */
__noinline __u32 crmg_flow_way(const struct crmg_flows *line, __u64 hash)
{
	__u32 way = CRMG_WAYS, i;

	if (!line)
		return way;
	for (i = CRMG_WAYS; i-- > 0; ) {
		__u64 flow = CRMG_READ_ONCE(line->flow[i]);

		if (flow && !((flow ^ hash) & 0xfffffULL << CRMG_FLOW_HASH_SHIFT))
			way = i;
	}
	return way;
}

/*
 * Way of a line that a new flow may take, or CRMG_WAYS: an empty one, else the oldest
 * handshake that nobody completed, else an idle flow; a flow in which data went out may
 * take the oldest of all. So a flood of SYNs replaces only its own; of those that are
 * equally old, `turn` (by chance) picks one, or it would always be the newest.
 */
__noinline __u32
crmg_flow_victim(const struct crmg_flows *line, __u32 age, __u32 open, __u32 turn)
{
	__u64 best = 0;
	int i;

	if (!line)
		return CRMG_WAYS;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 flow = CRMG_READ_ONCE(line->flow[i]);
		__u32 state = crmg_flow_state(flow);
		__u32 idle = (age - (__u32)flow) & CRMG_FLOW_AGE_MASK;
		__u64 may_go = crmg_above(idle, CRMG_FLOW_IDLE_TICKS) | !!open;
		/* EMPTY 3, SYN_ACK 2, the others 1 or 0 */
		__u64 class = crmg_above(CRMG_FLOW_OPEN, state) * (3 - state) +
			      crmg_above(state, CRMG_FLOW_SYN_ACK) * may_go;
		__u64 rank = class << 16 | idle << 3 | ((i ^ turn) & 7);
		__u64 above = 0 - crmg_above(rank, best);

		best = (rank & above) | (best & ~above);
	}
	return best >> 16 ? (best ^ turn) & 7 : CRMG_WAYS;
}

/* ------------------------------------------------------------ what leaves */

/* The way that it has now, or CRMG_WAYS. */
static __always_inline __u32
crmg_flow_put(struct crmg_flows *line, __u32 way, __u64 flow, __u64 now_ns)
{
	bool open = crmg_flow_state(flow) >= CRMG_FLOW_OPEN;

	if (way >= CRMG_WAYS)
		way = crmg_flow_victim(line, now_ns >> CRMG_FLOW_AGE_NS_SHIFT, open,
				       flow >> CRMG_FLOW_HASH_SHIFT);
	if (way < CRMG_WAYS)
		CRMG_WRITE_ONCE(line->flow[way & 7], flow);
	return way;
}

/* What is known of a segment that a service sends. */
#define CRMG_SENT_AGAIN  1	/* it may have been sent before, and is not sent again if it is lost */
#define CRMG_SENT_FIRST  2	/* nothing was sent before in this flow but the handshake */
#define CRMG_SENT_UNMET  4	/* it is data of a flow that was not known */
#define CRMG_SENT_ON     8	/* with FIRST: what was said first before goes on in it */
#define CRMG_SENT_BEHIND 16	/* it lies behind what was refused, and not sent again yet */

/* What a flow becomes by a segment, and what is known of that. */
struct crmg_saying {
	__u32 next;
	__u32 state;
	__u32 sent;		/* CRMG_SENT_* */
	__u32 said;		/* bytes of it that were read before */
};

/*
 * Data in a flow in which not all of what the server says first has been read. Whoever forwards
 * for a server may see a part that follows on one that is missing or was refused: nothing is
 * read behind a gap, and nothing gets past what was refused.
 */
static __always_inline void crmg_flow_begins(struct crmg_saying *s, __u64 old, __u32 seq)
{
	__u32 from = crmg_flow_seq(old), was = crmg_flow_state(old), ahead = seq - from;
	bool gap = ahead && ahead < CRMG_FLOW_WINDOW;

	if (was == CRMG_FLOW_GREETS && gap)
		return;
	if (gap || (was >= CRMG_FLOW_SILENCED && (__s32)(s->next - from) <= 0)) {
		s->sent = gap && was == CRMG_FLOW_SILENCED ? CRMG_SENT_BEHIND | CRMG_SENT_AGAIN :
			  gap ? 0 : CRMG_SENT_AGAIN;
		s->next = from;
		s->state = was;
		return;
	}
	/* More than a window went unseen, or the word is of another connection with this hash. */
	if (ahead && was < CRMG_FLOW_SILENCED) {
		s->sent = CRMG_SENT_UNMET;
		return;
	}
	s->sent |= CRMG_SENT_FIRST;
	if (was == CRMG_FLOW_SILENCED)
		s->sent |= CRMG_SENT_AGAIN;
	if (was >= CRMG_FLOW_SILENCED && 0 - ahead < CRMG_FLOW_WINDOW) {
		s->sent |= CRMG_SENT_ON;
		s->said = 0 - ahead;
	}
}

/*
 * A segment that a service sends. A SYN-ACK begins a flow. Data begins one too, where
 * none is known: the stack sends none before the handshake is complete. CRMG_SENT_*, and
 * w->flow. A function of its own, for the stack of who calls it.
 */
__noinline __u32 crmg_flow_sent(struct crmg_work *w, __u64 now_ns)
{
	__u32 seq, way, ends, taken;
	const struct crmg_pkt *pkt;
	struct crmg_flow_key key;
	struct crmg_flows *line;
	struct crmg_saying s;
	__u64 old;

	if (!w)
		return CRMG_SENT_AGAIN;
	w->flow.at = ~0U;
	pkt = &w->pkt;
	seq = crmg_ntohl(pkt->seq);
	ends = !!(pkt->tcp_flags & (CRMG_TCP_SYN | CRMG_TCP_FIN));
	taken = crmg_payload(pkt) + ends;
	s = (struct crmg_saying){ .next = seq + taken };
	/* A bare ACK says nothing, and a SYN without ACK is not a server's. */
	if (pkt->malformed || !taken || pkt->tcp_flags & CRMG_TCP_RST ||
	    !(pkt->tcp_flags & CRMG_TCP_ACK))
		return CRMG_SENT_AGAIN;
	key = crmg_flow_key(&pkt->dst, &pkt->src, pkt->dport, pkt->sport);
	line = bpf_map_lookup_elem(&flows, &key.line);
	if (!line)
		return CRMG_SENT_AGAIN;
	s.state = taken > ends ? CRMG_FLOW_TALKS : CRMG_FLOW_OPEN;
	way = crmg_flow_way(line, key.hash);
	old = way < CRMG_WAYS ? CRMG_READ_ONCE(line->flow[way & 7]) : 0;
	if (pkt->tcp_flags & CRMG_TCP_SYN) {
		s.state = CRMG_FLOW_SYN_ACK;
	} else if (way < CRMG_WAYS) {
		if (crmg_flow_state(old) != CRMG_FLOW_TALKS && s.state == CRMG_FLOW_TALKS) {
			crmg_flow_begins(&s, old, seq);
		} else {
			/* A FIN gets nothing past its first words, which are to come again. */
			if (crmg_flow_state(old) > CRMG_FLOW_TALKS)
				s.next = crmg_flow_seq(old);
			/* Sent again: the server is as far already, or farther. */
			else if (crmg_flow_state(old) >= CRMG_FLOW_OPEN &&
				 (__s32)(s.next - crmg_flow_seq(old)) <= 0) {
				s.next = crmg_flow_seq(old);
				s.sent = CRMG_SENT_AGAIN;
			}
			if (crmg_flow_state(old) > s.state)
				s.state = crmg_flow_state(old);
		}
	} else if (s.state == CRMG_FLOW_TALKS) {
		s.sent = CRMG_SENT_UNMET;
	}
	w->flow.word = crmg_flow_make(key.hash, s.next, s.state, now_ns);
	way = crmg_flow_put(line, way, w->flow.word, now_ns);
	w->flow.at = way < CRMG_WAYS ? key.line * CRMG_WAYS + way : ~0U;
	w->flow.was = old;
	w->flow.said = s.said;
	return s.sent;
}

/* What the segment that was sent last made of its flow, unless another CPU has changed that. */
static __always_inline void crmg_flow_change(const struct crmg_work *w, __u64 new)
{
	__u32 line_index = w->flow.at / CRMG_WAYS;
	struct crmg_flows *line = bpf_map_lookup_elem(&flows, &line_index);

	if (line)
		__sync_val_compare_and_swap(&line->flow[w->flow.at & 7], w->flow.word, new);
}

/*
 * It does not leave: when it is sent again that is the first time. A flow that was not known
 * before is now, as far as where the segment begins.
 */
static __always_inline void crmg_flow_back(const struct crmg_work *w)
{
	__u64 was = w->flow.was;

	if (!was)
		was = (__u32)w->flow.word |
		      (__u64)crmg_ntohl(w->pkt.seq) << CRMG_FLOW_SEQ_SHIFT;
	crmg_flow_change(w, was);
}

/*
 * The segment that was sent last is refused, from what was not read before on: nothing gets past
 * that until it is sent again. Or what the server says first goes on behind it.
 */
static __always_inline void
crmg_flow_becomes(const struct crmg_work *w, enum crmg_flow_state state)
{
	__u64 new = w->flow.word & ~(0xfULL << CRMG_FLOW_STATE_SHIFT);

	if (state == CRMG_FLOW_SILENCED)
		new = (__u32)new | (__u64)(crmg_ntohl(w->pkt.seq) + w->flow.said)
				   << CRMG_FLOW_SEQ_SHIFT;
	crmg_flow_change(w, new | (__u64)state << CRMG_FLOW_STATE_SHIFT);
}

/* ----------------------------------------------------------- what arrives */

/* What an arriving segment acknowledges, if it is known; verified once. */
__noinline int crmg_flow_acked(__u32 line_index, __u64 hash, __u32 ack, __u64 now_ns)
{
	struct crmg_flows *line = bpf_map_lookup_elem(&flows, &line_index);
	__u64 flow;
	__u32 way;

	if (!line)
		return false;
	way = crmg_flow_way(line, hash);
	if (way >= CRMG_WAYS)
		return false;
	flow = CRMG_READ_ONCE(line->flow[way & 7]);
	if (crmg_flow_state(flow) >= CRMG_FLOW_OPEN)
		return crmg_flow_seq(flow) - ack < CRMG_FLOW_WINDOW;
	if (ack != crmg_flow_seq(flow))
		return false;
	__sync_val_compare_and_swap(&line->flow[way & 7], flow,
				    crmg_flow_make(hash, ack, CRMG_FLOW_OPEN, now_ns));
	return true;
}

/* True if what arrives acknowledges something, which a forged packet can do as well. */
static __always_inline bool crmg_flow_may_prove(const struct crmg_pkt *pkt)
{
	return pkt->transport == CRMG_TRANSPORT_TCP && !pkt->malformed &&
	       (pkt->tcp_flags & (CRMG_TCP_ACK | CRMG_TCP_SYN)) == CRMG_TCP_ACK;
}

/*
 * Forgets the flow of an arriving segment, which is to end; 1 if it is known to be open. A
 * function of its own, verified once.
 */
__noinline int crmg_flow_end(const struct crmg_pkt *pkt)
{
	struct crmg_flow_key key;
	struct crmg_flows *line;
	__u64 flow;
	__u32 way;

	if (!pkt || !crmg_flow_may_prove(pkt))
		return false;
	key = crmg_flow_key(&pkt->src, &pkt->dst, pkt->sport, pkt->dport);
	line = bpf_map_lookup_elem(&flows, &key.line);
	if (!line)
		return false;
	way = crmg_flow_way(line, key.hash);
	if (way >= CRMG_WAYS)
		return false;
	flow = CRMG_READ_ONCE(line->flow[way & 7]);
	/* A handshake of which nobody asked whether it was completed: this segment completes it. */
	return crmg_flow_state(flow) >= CRMG_FLOW_SYN_ACK &&
	       crmg_flow_seq(flow) - crmg_ntohl(pkt->ack) <
		       (crmg_flow_state(flow) == CRMG_FLOW_SYN_ACK ? 1 : CRMG_FLOW_WINDOW) &&
	       __sync_val_compare_and_swap(&line->flow[way & 7], flow, 0) == flow;
}

/*
 * True if an arriving segment acknowledges what only the one who receives at its source
 * address can know: the handshake, or data of a flow that is known to be open.
 */
static __always_inline bool crmg_flow_proves(const struct crmg_pkt *pkt, __u64 now_ns)
{
	struct crmg_flow_key key;

	if (!crmg_flow_may_prove(pkt))
		return false;
	key = crmg_flow_key(&pkt->src, &pkt->dst, pkt->sport, pkt->dport);
	return crmg_flow_acked(key.line, key.hash, crmg_ntohl(pkt->ack), now_ns);
}

#endif
