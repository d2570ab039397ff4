/* SPDX-License-Identifier: GPL-2.0 */
/*
 * contags.h - the tag lines of the table of connections: what a tag says, which way a new
 * connection may take, and the search for those that are gone. Layout: abi.h.
 */
#ifndef CRMGATE_BPF_CONTAGS_H
#define CRMGATE_BPF_CONTAGS_H

/*
 * Idle for so many ticks (1.07 s), a power of two, a connection is taken for one that is
 * gone; by state, its exponent in four bits. OPEN and beyond 8192 (2.4 h), more than the time of
 * TCP keepalive; SYN 8: one that the server does not answer has no socket; SYN_ACK 64: it gives
 * up after 63 s; CLOSED 64.
 */
#define CRMG_CONN_TICKS(state) (1U << (0xddd636f0U >> (state) * 4 & 0xf))
#define CRMG_CONN_END_TICKS    64	/* one that the server closed has no socket after a minute */
#define CRMG_CONN_RESET_TICKS  1	/* what it sent before it had a RST has left after a second */

/* So long (10 s) a client may take for its first request, in ticks of conn.begun. */
#define CRMG_CONN_SLOW_TICKS ((__u32)(10000000000ULL >> CRMG_SLOT_TICK_SHIFT))

/* Idle ones are looked for in one line per 2^19 ns (0.5 ms), in at most so many at once. */
#define CRMG_CONN_SWEEP_SHIFT 19
#define CRMG_CONN_SWEEP_LINES 1024

static __always_inline __u32 crmg_conn_state(__u64 tag)
{
	return tag >> CRMG_CONN_STATE_SHIFT & CRMG_CONN_STATE_MASK;
}

static __always_inline __u64 crmg_conn_age(__u64 now_ns)
{
	return now_ns >> CRMG_CONN_AGE_NS_SHIFT & CRMG_CONN_AGE_MASK;
}

/* A tag that is a little ahead was written by a CPU whose clock is. */
static __always_inline __u32 crmg_conn_idle(__u64 tag, __u64 now_ns)
{
	__u32 idle = (crmg_conn_age(now_ns) - tag) & CRMG_CONN_AGE_MASK;

	return idle & (0 - (__u32)crmg_above(CRMG_CONN_AGE_MASK - 64, idle));
}

/* True if only a RST of the client ended it, which the server need not have taken. */
static __always_inline bool crmg_conn_doubtful(__u64 tag)
{
	const __u64 ends = CRMG_CONN_FIN_IN | CRMG_CONN_FIN_OUT;

	return crmg_conn_state(tag) == CRMG_CONN_CLOSED && tag & CRMG_CONN_RESET &&
	       (tag & ends) != ends;
}

/* Time after which it is gone; shorter when an end of it was seen. */
static __always_inline __u32 crmg_conn_lasts(__u64 tag)
{
	__u32 ticks = CRMG_CONN_TICKS(crmg_conn_state(tag));
	__u32 ends = 0 - (__u32)crmg_above((tag & (CRMG_CONN_FIN_OUT | CRMG_CONN_RESET)) >> 16, 0);

	return (ticks & ~ends) | (CRMG_CONN_END_TICKS & ends);
}

/* What a tag counts in its gauge. */
static __always_inline __u64 crmg_conn_units(__u64 tag)
{
	__u32 state = crmg_conn_state(tag);

	if (state < CRMG_CONN_SYN)
		return 0;
	return state == CRMG_CONN_OPEN || state == CRMG_CONN_ASKED ? 1 : 1 | CRMG_GAUGE_HALF;
}

static __always_inline struct crmg_contags *crmg_conn_line(__u32 line)
{
	return bpf_map_lookup_elem(&contags, &line);
}

static __always_inline struct crmg_conn *crmg_conn_at(__u32 at)
{
	return bpf_map_lookup_elem(&conns, &at);
}

static __always_inline struct crmg_stream *crmg_stream_at(__u32 at)
{
	return bpf_map_lookup_elem(&streams, &at);
}

/* True if what was begun in a stream goes on behind what the client has sent. */
static __always_inline bool
crmg_conn_lacks(const struct crmg_conn *conn, const struct crmg_stream *stream)
{
	return (__s32)(stream->next - conn->client_next) > 0;
}

/* True if the first request of plain HTTP is whole. */
static __always_inline bool
crmg_conn_whole(const struct crmg_conn *conn, const struct crmg_stream *stream)
{
	return stream->count && stream->http.state == CRMG_HTTP_BOUNDARY &&
	       !crmg_conn_lacks(conn, stream);
}

/* True if a first request that still comes is slow. A clock that is behind makes none. */
static __always_inline bool crmg_conn_late(const struct crmg_conn *conn, __u64 now_ns)
{
	return (__s32)((__u32)(now_ns >> CRMG_SLOT_TICK_SHIFT) - conn->begun) >
	       (__s32)CRMG_CONN_SLOW_TICKS;
}

/* Way of a line that has this hash, or CRMG_WAYS; `skip` is not looked at. Verified once. */
__noinline __u32 crmg_conn_way(const struct crmg_contags *line, __u64 hash, __u32 skip)
{
	__u32 way = CRMG_WAYS, i;

	if (!line)
		return way;
	for (i = CRMG_WAYS; i-- > 0; ) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);

		if (tag && i != skip && !((tag ^ hash) & CRMG_CONN_HASH_MASK))
			way = i;
	}
	return way;
}

/*
 * Way of a line that a new connection may take, or CRMG_WAYS: an empty one, one that ended,
 * one that is gone, the oldest of those in their handshake; and if the new one is open,
 * one that is open, too, the one that was idle for longest. Of equals `turn` picks one.
 */
__noinline __u32
crmg_conn_victim(const struct crmg_contags *line, __u64 now_ns, __u32 open, __u32 turn)
{
	__u64 best = 0;
	__u32 i;

	if (!line)
		return CRMG_WAYS;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);
		__u32 state = crmg_conn_state(tag), idle = crmg_conn_idle(tag, now_ns);
		/* By state, four bits each: EMPTY 6, BUSY 0, CLOSED 5, SYN 3, SYN_ACK 2, rest 1 or 0. */
		__u64 class = (0x23506 | (open & 1) * 0x11100000) >> state * 4 & 0xf;
		__u64 gone = crmg_above(idle, crmg_conn_lasts(tag)) * crmg_above(state, CRMG_CONN_CLOSED);
		__u64 rank, above;

		class = (class & (gone - 1)) | gone * 4;
		rank = class << 20 | (__u64)idle << 3 | ((i ^ turn) & 7);
		above = 0 - crmg_above(rank, best);
		best = (rank & above) | (best & ~above);
	}
	return best >> 20 ? (best ^ turn) & 7 : CRMG_WAYS;
}

/*
 * Empties a tag that is still `old`, or makes it `new`, busy, for another connection.
 * Who succeeds takes it out of its gauge. The entry is read before: then it still is the tag's.
 */
static __always_inline bool crmg_conn_take_over(__u64 *tag, __u32 at, __u64 old, __u64 new)
{
	const struct crmg_conn *conn = crmg_conn_at(at);
	__u64 units = crmg_conn_units(old);
	__u32 gauge = conn ? CRMG_READ_ONCE(conn->gauge) : 0;

	if (__sync_val_compare_and_swap(tag, old, new) != old)
		return false;
	if (units)
		crmg_gauge_give(gauge, units);
	return true;
}

/* --------------------------------------------------------------- idle ones */

/*
 * True if what is open and late has not asked for anything yet. A record of TLS that is whole may
 * be a request, and wait for its answer; so may what is no HTTP, or was met in its middle. What was
 * lost track of later may not: a client can see to that.
 */
static __always_inline bool
crmg_conn_stalls(const struct crmg_conn *conn, __u32 at, __u64 tag)
{
	__u32 excused = CRMG_STREAM_OTHER | (tag & CRMG_CONN_MIDDLE ? CRMG_STREAM_LOST : 0);
	__u32 read = CRMG_READ_ONCE(conn->read);
	const struct crmg_stream *stream;

	if (read == CRMG_READ_NOT)
		return conn->client_next == conn->client_first;
	stream = crmg_stream_at(at);
	if (!stream)
		return false;
	if (read == CRMG_READ_HTTP)
		return !(stream->marks & excused) && !crmg_conn_whole(conn, stream);
	return !stream->count || crmg_conn_lacks(conn, stream);
}

/* An open one is found to be slow; another CPU that changes it knows better. */
static __always_inline void crmg_conn_review(__u64 *tag, __u32 at, __u64 old, __u64 now_ns)
{
	const struct crmg_conn *conn = crmg_conn_at(at);
	__u32 gauge;

	if (!conn || !crmg_conn_late(conn, now_ns) || !crmg_conn_stalls(conn, at, old))
		return;
	gauge = CRMG_READ_ONCE(conn->gauge);
	if (__sync_val_compare_and_swap(tag, old, old + ((__u64)(CRMG_CONN_SLOW - CRMG_CONN_OPEN)
							 << CRMG_CONN_STATE_SHIFT)) == old)
		crmg_gauge_give(gauge, 0 - CRMG_GAUGE_HALF);
}

/* Forgets those of a line that are gone, and finds slow ones. Verified once. */
__noinline int crmg_conn_expire(__u32 line_index, __u64 now_ns)
{
	struct crmg_contags *line = crmg_conn_line(line_index);
	__u32 i;

	if (!line)
		return 0;
	for (i = 0; i < CRMG_WAYS; i++) {
		__u64 tag = CRMG_READ_ONCE(line->tag[i]);

		if (tag && crmg_conn_idle(tag, now_ns) > crmg_conn_lasts(tag))
			crmg_conn_take_over(&line->tag[i], line_index * CRMG_WAYS + i, tag, 0);
		else if (crmg_conn_state(tag) == CRMG_CONN_OPEN)
			crmg_conn_review(&line->tag[i], line_index * CRMG_WAYS + i, tag, now_ns);
	}
	return 0;
}

struct crmg_sweep {
	__u64 now_ns;
	__u64 first;		/* line, without end */
};

static long crmg_sweep_step(__u32 i, void *ctx)
{
	const struct crmg_sweep *sweep = ctx;

	crmg_conn_expire((sweep->first + i) & crmg_knobs.flow_mask, sweep->now_ns);
	return 0;
}

/*
 * A part of the table, as much as is due since the last time: so all of it is looked at while
 * connections are asked for, and a CPU spends no more than 1/100 of its time here.
 */
static __always_inline void crmg_conn_sweep(__u64 now_ns)
{
	struct crmg_sweep sweep = { .now_ns = now_ns };
	struct crmg_scratch *shared = crmg_scratch();
	__u64 due = now_ns >> CRMG_CONN_SWEEP_SHIFT, lines;

	if (!shared)
		return;
	sweep.first = CRMG_READ_ONCE(shared->conn_sweep);
	lines = due - sweep.first;
	/* More than all: or none was ever looked at, or the clock of another CPU is ahead. */
	if (lines > crmg_knobs.flow_mask + 1ULL) {
		if ((__s64)lines < 0)
			return;
		sweep.first = due - crmg_knobs.flow_mask - 1;
		lines = crmg_knobs.flow_mask + 1;
		__sync_lock_test_and_set(&shared->conn_sweep, sweep.first);
	}
	if (lines > CRMG_CONN_SWEEP_LINES)
		lines = CRMG_CONN_SWEEP_LINES;
	if (lines && __sync_val_compare_and_swap(&shared->conn_sweep, sweep.first,
						 sweep.first + lines) == sweep.first)
		bpf_loop(lines, crmg_sweep_step, &sweep, 0);
}

#endif
