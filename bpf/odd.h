/* SPDX-License-Identifier: GPL-2.0 */
/*
 * odd.h - packets that are well-formed, and that no honest sender sends: probes of
 * scanners, forged sources. Also compiles natively. Knows no map and no policy.
 */
#ifndef CRMGATE_BPF_ODD_H
#define CRMGATE_BPF_ODD_H

#ifndef barrier_var
#define barrier_var(x) ((void)(x))
#endif

/*
 * Every packet is asked, and few are odd: calculated, since each branch would double what
 * the verifier has to follow behind it. 1 if x is 0, else 0.
 */
static __always_inline __u64 crmg_is_zero(__u64 x)
{
	__u64 less = x - 1;

	barrier_var(less);	/* or the compiler sees what is meant, and branches */
	return (less & ~x) >> 63;
}

/*
 * FIN, SYN, RST and ACK as a number, and those of the sixteen that are usual: SYN,
 * SYN|ACK, ACK, FIN|ACK, and RST with any of ACK and FIN|ACK.
 */
#define CRMG_FLAGS_NUMBER(flags) (((flags) & 7) | ((flags) & CRMG_TCP_ACK) >> 1)
#define CRMG_FLAGS_USUAL (1U << 2 | 1U << 10 | 1U << 8 | 1U << 9 | 1U << 4 | 1U << 12 | 1U << 13)

static __always_inline __u64 crmg_odd_flags(const struct crmg_pkt *pkt)
{
	__u64 unusual = ~CRMG_FLAGS_USUAL >> CRMG_FLAGS_NUMBER(pkt->tcp_flags) & 1;

	barrier_var(unusual);
	return unusual & crmg_is_zero(pkt->transport ^ CRMG_TRANSPORT_TCP);
}

/* 0/8, 127/8, 224/3; ::, ::1, IPv4 written as IPv6, ff00::/8: RFC 6890, RFC 4291. */
static __always_inline __u64 crmg_odd_source(const struct crmg_pkt *pkt)
{
	__u64 hi = pkt->src.hi, lo = pkt->src.lo, net = (lo & 0xffffffff) >> 24;

	if (pkt->v4)
		return crmg_is_zero(net) | crmg_is_zero(net ^ 127) | crmg_is_zero(net >> 5 ^ 7);
	return crmg_is_zero(hi >> 56 ^ 0xff) |
	       (crmg_is_zero(hi) & (crmg_is_zero(lo >> 1) | crmg_is_zero(lo >> 32 ^ 0xffff)));
}

static __always_inline __u64 crmg_odd_own(const struct crmg_pkt *pkt)
{
	return crmg_is_zero((pkt->src.lo ^ pkt->dst.lo) | (pkt->src.hi ^ pkt->dst.hi));
}

/* A SYN without ACK, and data. */
static __always_inline __u64 crmg_odd_syn(const struct crmg_pkt *pkt)
{
	__u64 headers = pkt->l4 + pkt->tcp_header;

	return crmg_is_zero(pkt->transport ^ CRMG_TRANSPORT_TCP) &
	       crmg_is_zero((pkt->tcp_flags & (CRMG_TCP_SYN | CRMG_TCP_ACK)) ^ CRMG_TCP_SYN) &
	       (headers - pkt->ip_end) >> 63;
}

/* Is anything odd about a well-formed packet? */
static __always_inline bool crmg_is_odd(const struct crmg_pkt *pkt)
{
	return crmg_odd_flags(pkt) | crmg_odd_source(pkt) | crmg_odd_own(pkt) | crmg_odd_syn(pkt);
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
