/* SPDX-License-Identifier: GPL-2.0 */
/*
 * odd.h - packets that are well-formed, and that no honest sender sends: probes of
 * scanners, forged sources. Also compiles natively. Knows no map and no policy.
 */
#ifndef CRMGATE_BPF_ODD_H
#define CRMGATE_BPF_ODD_H

#include "once.h"

/*
 * FIN, SYN, RST, ACK and the transport as a number; and those that are usual: of TCP SYN,
 * SYN|ACK, ACK, FIN|ACK, and RST with any of ACK and FIN|ACK; all of UDP.
 */
#define CRMG_FLAGS_NUMBER(pkt) (((pkt)->tcp_flags & 7) | ((pkt)->tcp_flags & CRMG_TCP_ACK) >> 1 | \
				(pkt)->transport << 4)
#define CRMG_FLAGS_USUAL (1U << 2 | 1U << 10 | 1U << 8 | 1U << 9 | 1U << 4 | 1U << 12 | 1U << 13 | \
			  0xffffU << (CRMG_TRANSPORT_UDP << 4))

/*
 * 1 or 0, as the next one. Every packet is asked and few are odd, so it is calculated: a
 * branch for each would double what the verifier has to follow behind it.
 */
static __always_inline __u64 crmg_odd_flags(const struct crmg_pkt *pkt)
{
	__u64 usual = CRMG_FLAGS_USUAL >> (CRMG_FLAGS_NUMBER(pkt) & 31);

	barrier_var(usual);
	return ~usual & 1;
}

/* A SYN without ACK that carries data. The flags of UDP are 0. */
static __always_inline __u64 crmg_odd_syn(const struct crmg_pkt *pkt)
{
	__u64 syn = pkt->tcp_flags & ~(pkt->tcp_flags >> 3), headers = pkt->l4 + pkt->tcp_header;

	barrier_var(syn);
	return syn >> 1 & (headers - pkt->ip_end) >> 63;
}

/* 0/8, 127/8, 224/3; ::, ::1, IPv4 written as IPv6, ff00::/8: RFC 6890, RFC 4291. */
static __always_inline bool crmg_odd_source(const struct crmg_pkt *pkt)
{
	__u32 net = (__u32)pkt->src.lo >> 24;

	if (pkt->v4)
		return net - 1 >= 223 || net == 127;
	if (pkt->src.hi)
		return pkt->src.hi >> 56 == 0xff;
	return pkt->src.lo <= 1 || pkt->src.lo >> 32 == 0xffff;
}

/*
 * Asked, like the source, where a packet resolves whose it is: an address that was odd
 * once is resolved for every packet. One that another local address knows as a usual
 * source, and that then sends to itself, is noticed only where it is known as this
 * host's (own.h).
 */
static __always_inline bool crmg_odd_own(const struct crmg_pkt *pkt)
{
	return pkt->src.lo == pkt->dst.lo && pkt->src.hi == pkt->dst.hi;
}

/* What: bit i for oddity i. fast_open: the stack takes data on a SYN. */
static __always_inline __u32 crmg_oddities(const struct crmg_pkt *pkt, bool fast_open)
{
	__u32 odd = 0;

	if (crmg_odd_flags(pkt))
		odd |= pkt->tcp_flags & CRMG_TCP_SYN ? 1 << CRMG_ODDITY_SYN_FIN :
		       pkt->tcp_flags & CRMG_TCP_FIN ? 1 << CRMG_ODDITY_XMAS :
						       1 << CRMG_ODDITY_NULL;
	if (crmg_odd_source(pkt))
		odd |= 1 << CRMG_ODDITY_SOURCE;
	if (crmg_odd_own(pkt))
		odd |= 1 << CRMG_ODDITY_OWN;
	if (!fast_open && crmg_odd_syn(pkt))
		odd |= 1 << CRMG_ODDITY_SYN_DATA;
	return odd;
}

#endif
