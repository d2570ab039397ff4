/* SPDX-License-Identifier: GPL-2.0 */
/*
 * decide.h - the single exit of a packet that is for a service: turns a reason
 * into a verdict, counts it for policy and source, reports a refusal.
 */
#ifndef CRMGATE_BPF_DECIDE_H
#define CRMGATE_BPF_DECIDE_H

static __always_inline struct crmg_row *crmg_row(__u32 row)
{
	__u32 chunk = row / CRMG_ROW_CHUNK, i = row % CRMG_ROW_CHUNK;
	void *map = bpf_map_lookup_elem(&rows, &chunk);

	return map ? bpf_map_lookup_elem(map, &i) : NULL;
}

/* Counters of a client; NULL: it is none of the policy file. */
static __always_inline struct crmg_client_row *crmg_client_row(__u32 row)
{
	return row ? bpf_map_lookup_elem(&client_rows, &row) : NULL;
}

/*
 * Counts packets of len bytes in all that arrived, and requests that begin in them, for a
 * client. A function of its own, verified once.
 */
__noinline int
crmg_count_client(__u32 row, __u32 verdict, __u32 packets, __u32 len, __u32 requests)
{
	struct crmg_client_row *client = crmg_client_row(row);

	if (!client || verdict >= CRMG_VERDICT_COUNT)
		return 0;
	client->packets[verdict] += packets;
	client->bytes[verdict] += len;
	if (verdict == CRMG_VERDICT_PASS)
		client->requests += requests;
	return 0;
}

/* True if the reason is that TLS is not spoken as the policy wants it (floor.h). */
static __always_inline bool crmg_is_floor(enum crmg_reason reason)
{
	return reason == CRMG_REASON_PLAINTEXT || reason == CRMG_REASON_TLS_VERSION;
}

#define CRMG_FORMS \
	(1ULL << CRMG_REASON_PLAINTEXT | 1ULL << CRMG_REASON_TLS_VERSION | \
	 1ULL << CRMG_REASON_SANITY | 1ULL << CRMG_REASON_UNREADABLE | \
	 1ULL << CRMG_REASON_METHOD | 1ULL << CRMG_REASON_MAX_HEADER | \
	 1ULL << CRMG_REASON_MAX_BODY)

/* True if what a packet is, and not how many there are, is the reason. Without a branch. */
static __always_inline bool crmg_is_form(enum crmg_reason reason)
{
	return CRMG_FORMS >> reason & 1;
}

/* True if nothing can come of its connection: both ends are told when a RST answers it. */
static __always_inline bool crmg_ends_both(enum crmg_reason reason)
{
	return (CRMG_FORMS | 1ULL << CRMG_REASON_HANDSHAKE_FAILURES) >> reason & 1;
}

/*
 * Bans by hand hold in every mode; all else is refused only by a policy that enforces, and a
 * floor only if it refuses.
 */
static __always_inline bool crmg_enforced(const struct crmg_binding *binding,
					  enum crmg_reason reason)
{
	__u8 refuses = reason == CRMG_REASON_PLAINTEXT ? CRMG_BINDING_FLOOR_PLAINTEXT :
							 CRMG_BINDING_FLOOR_VERSION;

	return reason == CRMG_REASON_BANNED ||
	       (binding->mode == CRMG_MODE_ENFORCE &&
		(!crmg_is_floor(reason) || binding->floor & refuses));
}

static __always_inline void
crmg_count_at(__u32 index, enum crmg_verdict verdict, enum crmg_reason reason,
	      enum crmg_reason refused, const struct crmg_source *source)
{
	struct crmg_row *row = crmg_row(index);
	__u32 why = reason, would = refused, what = verdict;

	if (!row)
		return;
	/* The compiler knows these for small and would drop the masks; the verifier does not. */
	barrier_var(why);
	barrier_var(would);
	barrier_var(what);
	what &= CRMG_VERDICT_COUNT - 1;
	row->packets[what] += source->packets;
	row->bytes[what] += source->len;
	if (source->syn)
		row->connections[what]++;
	row->reasons[why & (CRMG_ROW_REASONS - 1)] += source->packets;
	if (refused != CRMG_REASON_OK && verdict == CRMG_VERDICT_PASS)
		row->would_drop[would & (CRMG_ROW_REASONS - 1)] += source->packets;
}

static __always_inline void
crmg_count_row(const struct crmg_binding *binding, enum crmg_verdict verdict,
	       enum crmg_reason reason, enum crmg_reason refused,
	       const struct crmg_source *source)
{
	crmg_count_at(binding->row, verdict, reason, refused, source);
	if (binding->client_row)
		crmg_count_client(binding->client_row, verdict, source->packets, source->len, 0);
}

/* Those that begin in the packet, if there are any. */
static __always_inline void
crmg_count_requests(const struct crmg_work *w, const struct crmg_binding *binding,
		    enum crmg_verdict verdict)
{
	__u32 begun = CRMG_READ_ONCE(w->walk.begun);
	struct crmg_row *row = begun ? crmg_row(binding->row) : NULL;
	__u32 what = verdict;

	barrier_var(what);
	if (row)
		row->requests[what & (CRMG_VERDICT_COUNT - 1)] += begun;
}

static __always_inline void
crmg_count_passed(struct crmg_work *w, const struct crmg_binding *binding,
		  const struct crmg_source *source)
{
	if (binding->service <= CRMG_SERVICES_MAX)
		w->passed[binding->service] += source->packets;
}

/* Counts arriving packets, of len bytes in all, for their source. */
static __always_inline void crmg_count_slot(struct crmg_slot *slot, __u64 packets, __u32 len)
{
	__sync_fetch_and_add(&slot->traffic, packets << CRMG_TRAFFIC_SHIFT | len);
}

/* True if a word of the slot is nearly full. The fast path leaves such a slot alone. */
static __always_inline bool crmg_slot_full(const struct crmg_slot *slot)
{
	return (CRMG_READ_ONCE(slot->traffic) & CRMG_TRAFFIC_FULL) |
	       (CRMG_READ_ONCE(slot->refusals) & CRMG_REFUSALS_FULL);
}

/* True if what the slot says of its last refusal was of an earlier time. */
static __always_inline bool
crmg_refusal_over(const struct crmg_slot *slot, __u32 tick, __u32 seen)
{
	return tick / CRMG_REFUSALS_TICKS != seen / CRMG_REFUSALS_TICKS &&
	       CRMG_REFUSALS_REASON(CRMG_READ_ONCE(slot->refusals));
}

/*
 * Has the source completed a handshake by now? Asked for its first packets, and then
 * every 8.6 s: what it sends without a connection would else pay for the look-up.
 */
#define CRMG_PROOF_TICKS 512

static __always_inline bool
crmg_proof_due(const struct crmg_slot *slot, const struct crmg_source *source, __u32 tick,
	       __u32 seen)
{
	return !source->proven &&
	       (tick / CRMG_PROOF_TICKS != seen / CRMG_PROOF_TICKS ||
		CRMG_READ_ONCE(slot->traffic) < CRMG_PROOF_PACKETS << CRMG_TRAFFIC_SHIFT);
}

/* A packet on its way to a verdict. */
struct crmg_case {
	const struct crmg_front *front;
	struct crmg_work *work;
	struct crmg_slot *slot;		/* of the source; NULL: it has none, or headers lie */
	struct crmg_detail *detail;	/* NULL when slot is */
	struct crmg_standing standing;
};

/* The detail of a slot that was just found. The verifier learns: either both, or neither. */
static __always_inline void crmg_case_detail(struct crmg_case *c)
{
	c->detail = c->slot ? crmg_detail_at(c->work->source.index) : NULL;
	if (!c->detail)
		c->slot = NULL;
}

/* Which limit of the source itself refused; CRMG_LIMIT_COUNT: something else did. */
static __always_inline __u32 crmg_limit_of(enum crmg_reason reason)
{
	__u32 id;

#pragma unroll
	for (id = 0; id < CRMG_LIMIT_COUNT; id++)
		if (reason == crmg_limit_reason(id))
			return id;
	return CRMG_LIMIT_COUNT;
}

/* It was: the detail keeps it from now on. */
static __noinline void crmg_refusal_keep(struct crmg_slot *slot, __u32 index, __u32 seen)
{
	__u32 reason = CRMG_REFUSALS_REASON(__sync_fetch_and_and(&slot->refusals,
								 CRMG_REFUSALS_NUMBER(~0U)));
	struct crmg_detail *detail = crmg_detail_at(index);

	if (!reason || !detail)
		return;
	detail->last_reason = reason;
	detail->last_refused = seen;
}

/*
 * Counts a refusal and notes its reason; returns their number since the last carry. If
 * another CPU counts at the same time no reason is noted, and the next refusal notes it.
 */
static __always_inline __u32
crmg_refusals_add(struct crmg_slot *slot, enum crmg_reason reason, __u32 packets)
{
	__u32 word = __sync_fetch_and_add(&slot->refusals, packets) + packets;
	__u32 number = CRMG_REFUSALS_NUMBER(word);

	__sync_val_compare_and_swap(&slot->refusals, word,
				    (__u32)reason << CRMG_REFUSALS_SHIFT | number);
	return number;
}

/*
 * True if one of the source was refused lately for the same reason: no event is due, and its
 * tag says already that it is limited.
 */
static __always_inline bool
crmg_refused_lately(const struct crmg_slot *slot, const struct crmg_source *source,
		    enum crmg_reason reason)
{
	return source->state >= CRMG_TAG_LIMITED &&
	       CRMG_REFUSALS_REASON(CRMG_READ_ONCE(slot->refusals)) == reason;
}

/* Such a refusal is counted, and that is all. */
static __always_inline void crmg_refused_again(struct crmg_slot *slot, __u32 packets)
{
	__sync_fetch_and_add(&slot->refusals, packets);
	crmg_count_host(CRMG_HOST_SUPPRESSED);
}

static __always_inline struct crmg_telling
crmg_telling(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	return (struct crmg_telling){
		.addr = c->detail ? &c->detail->addr : NULL,
		.standing = &c->standing,
		.kind = reason >= CRMG_REASON_CONNECTIONS && !crmg_is_form(reason) ?
			CRMG_EVENT_EXCEEDED : CRMG_EVENT_REFUSED,
		.reason = reason,
		.verdict = verdict,
		.len = c->work->pkt.v4 ? crmg_knobs.v4_len : crmg_knobs.v6_len,
	};
}

/* What a refusal leaves at its source: counters, an event. Returns whether it is a strike. */
static __noinline bool
crmg_refused(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	const struct crmg_binding *binding = c->standing.binding;
	struct crmg_telling telling = crmg_telling(c, reason, verdict);
	__u64 now_ns = c->work->source.now_ns;
	__u32 packets = c->work->source.packets;
	__u32 limit = crmg_limit_of(reason), refusals;
	struct crmg_detail *detail = c->detail;
	struct crmg_slot *slot = c->slot;
	bool strike;

	/* What comes of a connection that has its answer is no refusal more. */
	if (c->work->probe || crmg_answered(c->work))
		return false;
	if (!slot || !detail) {
		crmg_count_host(CRMG_HOST_SUPPRESSED);
		return false;
	}
	if (crmg_enforced(binding, reason) && !(binding->flags & CRMG_BINDING_BAN) &&
	    crmg_refused_lately(slot, &c->work->source, reason)) {
		crmg_refused_again(slot, packets);
		return false;
	}
	crmg_source_mark(&c->work->source, CRMG_TAG_LIMITED);
	refusals = crmg_refusals_add(slot, reason, packets) +
		   (detail->carried_refusals << CRMG_REFUSALS_CARRY);
	if (verdict == CRMG_VERDICT_PASS)
		__sync_fetch_and_add(&detail->shadow_refusals, packets);
	strike = limit < CRMG_LIMIT_COUNT && verdict != CRMG_VERDICT_PASS &&
		 binding->flags & CRMG_BINDING_BAN &&
		 crmg_strikes(slot, detail, binding, c->work, limit);
	detail->last_reason = reason;
	crmg_report(c->front, detail, &telling, refusals, now_ns);
	if (!strike)
		detail->last_refused = now_ns >> CRMG_SLOT_TICK_SHIFT;
	return strike;
}

/* The strike counts, and what comes of it is told. */
static __noinline void
crmg_struck(const struct crmg_case *c, enum crmg_reason reason, enum crmg_verdict verdict)
{
	struct crmg_telling telling = crmg_telling(c, reason, verdict);
	enum crmg_strike strike;

	if (!c->slot || !c->detail)
		return;
	strike = crmg_strike(c->slot, c->detail, c->standing.binding, &c->work->source);
	c->detail->last_refused = c->work->source.now_ns >> CRMG_SLOT_TICK_SHIFT;
	crmg_report_strike(c->front, &telling, strike);
}

/* True if the host has not sent too many RST lately. */
static __always_inline bool crmg_reset_granted(__u64 now_ns)
{
	const __u64 cost = (CRMG_NS_PER_SEC << CRMG_UNITS_PER_NS_SHIFT) / CRMG_RESETS_PER_SEC;
	struct crmg_scratch *shared = crmg_scratch();

	if (shared && crmg_charge(&shared->reset_tat, now_ns << CRMG_UNITS_PER_NS_SHIFT, cost,
				  cost * CRMG_RESETS_PER_SEC / 10) == CRMG_CHARGED)
		return true;
	crmg_count_host(CRMG_HOST_RESETS_CAPPED);
	return false;
}

/*
 * Only to a source that is proven: else who forges an address has this host send RSTs
 * there. What is malformed proves nothing, so a segment that is answered is well-formed.
 * A source that was cut is told in any case: nothing comes of its open connections. So is one
 * that is torn.
 */
static __always_inline bool crmg_may_reset(const struct crmg_case *c, enum crmg_reason reason)
{
	const struct crmg_source *source = &c->work->source;
	const struct crmg_pkt *pkt = &c->work->pkt;
	bool ends = (reason == CRMG_REASON_BYTES_OUT || reason == CRMG_REASON_AGGREGATE ||
		     reason == CRMG_REASON_TOTAL) &&
		    CRMG_READ_ONCE(c->work->spent) && pkt->tcp_flags & CRMG_TCP_ACK;

	if ((c->standing.binding->on_exceed == CRMG_ACTION_DROP && !ends &&
	     !CRMG_READ_ONCE(c->work->walk.torn)) || !source->proven ||
	    pkt->transport != CRMG_TRANSPORT_TCP || pkt->tcp_flags & CRMG_TCP_RST)
		return false;
	return crmg_reset_granted(source->now_ns);
}

/* What a packet that is refused is answered with. */
static __always_inline enum crmg_verdict
crmg_refusal_verdict(const struct crmg_case *c, enum crmg_reason reason)
{
	const __u64 silent = 1ULL << CRMG_REASON_SANITY | 1ULL << CRMG_REASON_EARLY |
			     1ULL << CRMG_REASON_UNREADABLE;
	__u64 torn = CRMG_READ_ONCE(c->work->walk.torn);
	__u32 answer = crmg_is_asked(reason) ? CRMG_READ_ONCE(c->work->reply.answer) :
					       CRMG_ANSWER_NONE;

	if (answer == CRMG_ANSWER_ENDED)
		return CRMG_VERDICT_REJECT;
	if (answer == CRMG_ANSWER_LATER || (silent >> reason & 1 & ~torn) ||
	    !crmg_may_reset(c, reason))
		return CRMG_VERDICT_DROP;
	return answer == CRMG_ANSWER_TEXT ? CRMG_VERDICT_REJECT : CRMG_VERDICT_RESET;
}

/* Counts, and turns the reason into the verdict; the caller carries it out. */
static __always_inline enum crmg_verdict
crmg_decide(const struct crmg_case *c, enum crmg_reason reason)
{
	const struct crmg_binding *binding = c->standing.binding;
	const struct crmg_source *source = &c->work->source;
	enum crmg_verdict verdict = CRMG_VERDICT_PASS;
	enum crmg_reason refused = CRMG_REASON_OK;

	if (reason >= CRMG_REASON_FIRST_REFUSAL) {
		refused = reason;
		if (!crmg_enforced(binding, reason))
			reason = CRMG_REASON_OK;
		else
			verdict = crmg_forget_verdict(c->work, crmg_refusal_verdict(c, reason));
	}
	crmg_count_at(crmg_place_row(c->work, binding), verdict, reason, refused, source);
	crmg_count_client(crmg_place(c->work, binding->client_row, 0), verdict, source->packets,
			  source->len, CRMG_READ_ONCE(c->work->walk.begun));
	crmg_count_requests(c->work, binding, verdict);
	if (verdict == CRMG_VERDICT_PASS && !CRMG_READ_ONCE(c->work->probe))
		crmg_count_passed(c->work, binding, source);
	if (c->slot) {
		crmg_count_slot(c->slot, source->packets, source->len);
		if (source->syn && verdict == CRMG_VERDICT_PASS)
			__sync_fetch_and_add(&c->detail->connections, 1);
	}
	/* What came early is no fault of the source's: it is sent again. */
	if (refused != CRMG_REASON_OK && refused != CRMG_REASON_EARLY &&
	    crmg_refused(c, refused, verdict))
		crmg_struck(c, refused, verdict);
	return verdict;
}

#endif
