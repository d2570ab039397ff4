/* SPDX-License-Identifier: GPL-2.0 */
/*
 * names.h - services that share their ports with another, the base, and are told from it by the
 * host name that a TLS client asks for. The connection (conns.h) keeps what its first segment
 * said; all that is of no known connection, or comes before, is the base's.
 */
#ifndef CRMGATE_BPF_NAMES_H
#define CRMGATE_BPF_NAMES_H

#include "tlsname.h"

#define CRMG_NAMED_ASK (~0U)	/* the segment is the first of its connection: it can tell */

/* What a connection keeps of it. */
#define CRMG_NAMED(service, born) ((__u32)(born) << 8 | (service))

/*
 * What is kept of the connection of the packet: 0: nothing, CRMG_NAMED(), or CRMG_NAMED_ASK, and
 * then where its first byte is in w->walk. A function of its own, verified once.
 */
__noinline int crmg_named_kept(struct crmg_work *w, __u32 in)
{
	const struct crmg_conn *conn;
	__u32 kept;
	__u64 tag;

	if (!w || w->pkt.transport != CRMG_TRANSPORT_TCP || w->pkt.malformed || w->probe)
		return 0;
	w->source.syn = crmg_is_syn(&w->pkt);
	if (w->pkt.tcp_flags & CRMG_TCP_SYN)
		return 0;
	conn = crmg_conn_find(w, in, &tag);
	/* It keeps its name to the last ACK; and a RST need not have ended it at the server. */
	if (!conn && w->step.way < CRMG_WAYS && crmg_conn_state(tag) == CRMG_CONN_CLOSED) {
		conn = crmg_conn_of(&w->step);
		in = 0;
	}
	if (!conn)
		return 0;
	kept = CRMG_NAMED(conn->named, conn->named_born);
	/* Only of what the server may take: nobody else is to give a connection its name. */
	if (!kept && in && crmg_conn_takes(conn, tag, &w->pkt) && crmg_first_at(w))
		return CRMG_NAMED_ASK;
	return kept;
}

static long crmg_name_hash_step(__u32 i, void *arg)
{
	return crmg_name_byte(((const struct crmg_walking *)arg)->walk, i);
}

/* Reads the name that the first segment of a connection asks for; 0: none is known. */
#define CRMG_NAME_READER(name, type, load) \
static long name##_step(__u32 i, void *arg) \
{ \
	const struct crmg_walking *walking = arg; \
\
	(void)i; \
	return crmg_name_step(walking->walk, walking->ctx, load); \
} \
\
__noinline int name(type *ctx, struct crmg_work *w, __u32 base) \
{ \
	struct crmg_walking walking = { .ctx = ctx }; \
\
	if (!w || !crmg_name_open(&w->walk, ctx, load)) \
		return 0; \
	walking.walk = &w->walk; \
	bpf_loop(CRMG_NAME_STEPS, name##_step, &walking, 0); \
	if (!crmg_name_load(&w->walk, ctx, load, base)) \
		return 0; \
	bpf_loop(CRMG_SERVER_NAME_MAX, crmg_name_hash_step, &walking, 0); \
	return 1; \
}
CRMG_NAME_READER(crmg_name_xdp, struct xdp_md, bpf_xdp_load_bytes_of)
CRMG_NAME_READER(crmg_name_skb, struct __sk_buff, bpf_skb_load_bytes_of)

/* Reads the name that w->pkt asks for, under the context that its frame is in. */
typedef int crmg_name_reader(void *ctx, struct crmg_work *w, __u32 base);

struct crmg_name_compare {
	const struct crmg_front *front;
	const struct crmg_walk *walk;
	__u32 cell;		/* of the names */
	__u32 first;		/* word of that which is compared */
	__u32 from;		/* byte of that which was read */
	__u32 differs;
};

static long crmg_name_compare_step(__u32 i, void *arg)
{
	struct crmg_name_compare *c = arg;
	const __u64 *word = crmg_entry(c->front, c->cell, c->first + i, 3);

	c->differs = !word || !crmg_name_word_is(c->walk, c->from, i, *word);
	return c->differs;
}

/* The service of the name from byte `from` on, which has this hash; 0: the image has none. */
static __noinline __u32
crmg_name_find(const struct crmg_front *front, const struct crmg_work *w, __u64 hash, __u32 from)
{
	const struct crmg_section *section = front->head.section;
	__u32 count = section[CRMG_SECTION_NAMEKEYS].count;
	struct crmg_name_compare compare = {
		.front = front, .walk = &w->walk, .from = from,
		.cell = section[CRMG_SECTION_NAMES].cell,
	};
	struct crmg_search search = {
		.front = front, .key = CRMG_NAME_KEY(hash, 0xffff),
		.cell = section[CRMG_SECTION_NAMEKEYS].cell,
	};
	const __u64 *key;
	const __u8 *last;
	__u32 at;

	if (!count)
		return 0;
	at = crmg_search(&search, 0, count);
	key = crmg_entry(front, search.cell, at, 3);
	if (!key || CRMG_NAME_KEY(*key, 0xffff) != search.key)
		return 0;
	at = CRMG_NAME_INDEX(*key);
	compare.first = at * CRMG_SERVER_NAME_WORDS;
	bpf_loop(CRMG_SERVER_NAME_WORDS, crmg_name_compare_step, &compare, 0);
	if (compare.differs)
		return 0;
	last = crmg_entry(front, compare.cell, at * CRMG_SERVER_NAME_CELLS + 1, CRMG_CELL_SHIFT);
	return last ? last[CRMG_CELL - 1] : 0;
}

/* Low byte of the `born` of a service that shares the ports of `base`, + 256; 0: it does not. */
static __noinline __u32
crmg_named_born(const struct crmg_front *front, __u32 service, __u32 base)
{
	const struct crmg_service *s;

	if (service >= front->head.section[CRMG_SECTION_SERVICES].count)
		return 0;
	s = crmg_entry(front, front->head.section[CRMG_SECTION_SERVICES].cell,
		       service * CRMG_SERVICE_CELLS, CRMG_CELL_SHIFT);
	return s && s->base == base ? (s->born & 0xff) | 0x100 : 0;
}

/* The connection that the packet is of, as crmg_named_kept() found it, keeps what it was told. */
static __always_inline void crmg_named_keep(struct crmg_work *w, __u32 service, __u32 born)
{
	struct crmg_conn *conn = w->step.way < CRMG_WAYS ? crmg_conn_of(&w->step) : NULL;

	if (!conn)
		return;
	CRMG_WRITE_ONCE(conn->named_born, born);
	CRMG_WRITE_ONCE(conn->named, service);
}

/*
 * The service of the name that was read, or (told: CRMG_NAMED()) that a connection keeps, if it is
 * one of the base's still; else the base.
 */
static __noinline __u32
crmg_named_of(const struct crmg_front *front, struct crmg_work *w, __u32 told, __u32 base)
{
	__u32 service = told & 0xff, born;

	if (told == CRMG_NAMED_ASK) {
		service = crmg_name_find(front, w, w->walk.name.hash, 0);
		if (!service && w->walk.name.dot)
			service = crmg_name_find(front, w, w->walk.name.parent, w->walk.name.dot);
	}
	if (!service || service > CRMG_SERVICES_MAX)
		return base;
	born = crmg_named_born(front, service, base);
	if (!born || (told != CRMG_NAMED_ASK && (born & 0xff) != told >> 8))
		return base;
	if (told == CRMG_NAMED_ASK)
		crmg_named_keep(w, service, born & 0xff);
	w->named = 1;
	return service;
}

/* The service of a packet at the ports of `base`. reader: NULL if it leaves. */
static __always_inline __u32
crmg_named(const struct crmg_front *front, struct crmg_work *w, __u32 base, void *ctx,
	   crmg_name_reader *reader)
{
	__u32 told;

	w->named = 0;
	w->names = front->head.named >> ((base - 1) & 63) & 1;
	if (!CRMG_READ_ONCE(w->names))
		return base;
	told = crmg_named_kept(w, reader != NULL);
	if (told == CRMG_NAMED_ASK && (!reader || !reader(ctx, w, base)))
		return base;
	return told ? crmg_named_of(front, w, told, base) : base;
}

/* Not inline: who calls this has the frame of the deepest chain of calls. */
static __noinline __u32
crmg_named_xdp(struct xdp_md *ctx, const struct crmg_front *front, struct crmg_work *w, __u32 base)
{
	return crmg_named(front, w, base, ctx, (crmg_name_reader *)crmg_name_xdp);
}

static __noinline __u32
crmg_named_skb(struct __sk_buff *skb, const struct crmg_front *front, struct crmg_work *w,
	       __u32 base)
{
	return crmg_named(front, w, base, skb, (crmg_name_reader *)crmg_name_skb);
}

#endif
