/* SPDX-License-Identifier: GPL-2.0 */
/*
 * floor.h - which version of TLS a connection speaks. What the server says first is the truth:
 * a client only offers. The flow (flows.h) says what is first.
 */
#ifndef CRMGATE_BPF_FLOOR_H
#define CRMGATE_BPF_FLOOR_H

#define CRMG_GREETING_STEPS 40	/* records and extensions; ServerHello is in the first record */

/* True if what leaves may be what the server says first in its connection. */
static __always_inline bool crmg_says_first(const struct crmg_work *w)
{
	return CRMG_READ_ONCE(w->sent) & (CRMG_SENT_FIRST | CRMG_SENT_UNMET);
}

/*
 * Makes the walk over what leaves ready, as that of a connection of which nothing is known. The
 * version that is told by the first record; CRMG_TLS_VERSION_COUNT: it is for ServerHello.
 */
static __always_inline enum crmg_tls_version
crmg_greeting_open(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_walk *k = &w->walk;

	k->start = k->at = w->pkt.l4 + w->pkt.tcp_header;
	k->end = w->pkt.ip_end;
	k->base = crmg_ntohl(w->pkt.seq) - k->at;
	k->ack = 0;
	k->have = 0;
	k->ext_end = 0;
	k->aside = k->lost = k->late = 0;
	k->tls = k->leaves = 1;
	k->version = CRMG_WALK_NO_VERSION;
	__builtin_memset(&k->stream, 0, sizeof(k->stream));
	if (k->at + CRMG_TLS_HEADER > k->end ||
	    bpf_skb_load_bytes(skb, k->at, k->bytes, CRMG_TLS_HEADER) ||
	    !crmg_tls_plausible(k->bytes))
		return CRMG_TLS_VERSION_PLAINTEXT;
	return k->bytes[0] == CRMG_TLS_ALERT ? CRMG_TLS_VERSION_FAILED : CRMG_TLS_VERSION_COUNT;
}

/*
 * What the server says first, enum crmg_tls_version; CRMG_TLS_VERSION_COUNT: that is not known.
 * Of a flow that was not known only ServerHello tells something.
 */
__noinline int crmg_read_greeting(struct __sk_buff *skb, struct crmg_work *w)
{
	struct crmg_walking walking = { .ctx = skb };
	enum crmg_tls_version told;

	if (!w)
		return CRMG_TLS_VERSION_COUNT;
	told = crmg_greeting_open(skb, w);
	if (told != CRMG_TLS_VERSION_COUNT)
		return w->sent & CRMG_SENT_FIRST ? told : CRMG_TLS_VERSION_COUNT;
	walking.walk = &w->walk;
	bpf_loop(CRMG_GREETING_STEPS, crmg_walk_step_skb, &walking, 0);
	return w->walk.version < CRMG_TLS_VERSION_PLAINTEXT ? w->walk.version :
							      CRMG_TLS_VERSION_COUNT;
}

static __always_inline void crmg_version_count(struct crmg_row *row, __u32 version)
{
	if (version < CRMG_TLS_VERSION_COUNT)
		row->versions[version & (CRMG_ROW_VERSIONS - 1)]++;
}

#endif
