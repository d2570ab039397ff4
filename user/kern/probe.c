// SPDX-License-Identifier: GPL-2.0
/*
 * probe.c - one packet through one attached program: builds it, marks it (bpf/probe.h),
 * runs it, and reads what it left in the row of probes. Nothing goes to any wire.
 */
#include <string.h>

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <netinet/in.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "prove.h"

#define CRMG_PROBE_PORT 40000	/* of the source */

struct crmg_probe_frame {
	__u64 secret;		/* at XDP, in front of the frame */
	__u8 data[ETH_HLEN + sizeof(struct ipv6hdr) + sizeof(struct tcphdr)];
	__u32 len;		/* of data */
};

static void crmg_put_addr(const struct crmg_addr *addr, void *to)
{
	const __be32 words[4] = { htonl(addr->hi >> 32), htonl((__u32)addr->hi),
				  htonl(addr->lo >> 32), htonl((__u32)addr->lo) };

	memcpy(to, words, sizeof(words));
}

/* Returns where the transport header goes. */
static void *crmg_put_ip(const struct crmg_probe *probe, bool out, size_t l4, __u8 *at)
{
	const struct crmg_addr *from = out ? &probe->local : &probe->source;
	const struct crmg_addr *to = out ? &probe->source : &probe->local;
	__u8 protocol = probe->transport == CRMG_TRANSPORT_TCP ? IPPROTO_TCP : IPPROTO_UDP;

	if (crmg_addr_is_v4(&probe->source)) {
		struct iphdr ip = {
			.version = 4, .ihl = sizeof(ip) / 4, .ttl = 64, .protocol = protocol,
			.tot_len = htons(sizeof(ip) + l4),
			.saddr = htonl((__u32)from->lo), .daddr = htonl((__u32)to->lo),
		};

		memcpy(at, &ip, sizeof(ip));
		return at + sizeof(ip);
	}
	struct ipv6hdr ip6 = { .version = 6, .hop_limit = 64, .nexthdr = protocol,
			       .payload_len = htons(l4) };

	crmg_put_addr(from, &ip6.saddr);
	crmg_put_addr(to, &ip6.daddr);
	memcpy(at, &ip6, sizeof(ip6));
	return at + sizeof(ip6);
}

/* A SYN or a datagram to the service; or (out) a bare ACK or datagram of it. */
static void crmg_probe_build(const struct crmg_probe *probe, bool out, struct crmg_probe_frame *ret)
{
	bool v4 = crmg_addr_is_v4(&probe->source), tcp = probe->transport == CRMG_TRANSPORT_TCP;
	size_t l4 = tcp ? sizeof(struct tcphdr) : sizeof(struct udphdr);
	__be16 ports[2] = { htons(CRMG_PROBE_PORT), htons(probe->port) };
	struct ethhdr eth = { .h_proto = htons(v4 ? ETH_P_IP : ETH_P_IPV6) };
	void *at;

	memset(ret->data, 0, sizeof(ret->data));
	memcpy(ret->data, &eth, sizeof(eth));
	at = crmg_put_ip(probe, out, l4, ret->data + ETH_HLEN);
	ret->len = (__u8 *)at + l4 - ret->data;
	if (tcp) {
		struct tcphdr header = { .source = ports[out], .dest = ports[!out],
					 .doff = sizeof(header) / 4, .syn = !out, .ack = out };

		memcpy(at, &header, sizeof(header));
	} else {
		struct udphdr header = { .source = ports[out], .dest = ports[!out],
					 .len = htons(sizeof(header)) };

		memcpy(at, &header, sizeof(header));
	}
}

/* The row of probes, summed over CPUs. */
static int crmg_probe_row(struct crmg_prover *p, struct crmg_row *ret)
{
	__u32 row = CRMG_PROBE_ROW;

	if (bpf_map_lookup_elem(p->row, &row, p->percpu))
		return -errno;
	crmg_sum_cpus((__u64 *)ret, (const __u64 *)p->percpu, sizeof(*ret) / 8);
	return 0;
}

/* Index of the word that grew by one, or -1. */
static int crmg_grown(const __u64 *before, const __u64 *after, int count)
{
	for (int i = 0; i < count; i++)
		if (after[i] == before[i] + 1)
			return i;
	return -1;
}

/* One run, as the kind of program wants it; the verdict, or CRMG_VERDICT_COUNT. */
static int crmg_probe_xdp(int prog, struct crmg_probe_frame *frame, __u8 *ret)
{
	struct xdp_md context = {
		.data = sizeof(frame->secret), .data_end = sizeof(frame->secret) + frame->len,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = context.data_end,
		    .repeat = 1, .ctx_in = &context, .ctx_size_in = sizeof(context));
	int code = bpf_prog_test_run_opts(prog, &opts);

	*ret = opts.retval == XDP_PASS ? CRMG_VERDICT_PASS :
	       opts.retval == XDP_DROP ? CRMG_VERDICT_DROP :
	       opts.retval == XDP_TX ? CRMG_VERDICT_RESET : CRMG_VERDICT_COUNT;
	return code;
}

static int crmg_probe_skb(int prog, struct crmg_probe_frame *frame, __u8 *ret)
{
	struct __sk_buff context = {
		.cb = { (__u32)frame->secret, frame->secret >> 32 }, .wire_len = frame->len,
	};
	LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame->data, .data_size_in = frame->len,
		    .repeat = 1, .ctx_in = &context, .ctx_size_in = sizeof(context));
	int code = bpf_prog_test_run_opts(prog, &opts);

	*ret = opts.retval == (__u32)TC_ACT_UNSPEC ? CRMG_VERDICT_PASS :
	       opts.retval == TC_ACT_SHOT ? CRMG_VERDICT_DROP :
	       opts.retval == TC_ACT_REDIRECT ? CRMG_VERDICT_RESET : CRMG_VERDICT_COUNT;
	return code;
}

/* Builds and runs a probe: its verdict, and the row before and after. */
static int crmg_probe_run(struct crmg_prover *p, const struct crmg_prog *prog,
			  const struct crmg_probe *probe, struct crmg_probe_frame *frame,
			  struct crmg_row rows[2], __u8 *ret_verdict)
{
	int code = crmg_probe_row(p, &rows[0]);

	frame->secret = p->secret;
	crmg_probe_build(probe, prog->hook == CRMG_PROG_TC, frame);
	if (!code)
		code = prog->hook == CRMG_PROG_XDP ? crmg_probe_xdp(prog->fd, frame, ret_verdict) :
						     crmg_probe_skb(prog->fd, frame, ret_verdict);
	if (!code)
		code = crmg_probe_row(p, &rows[1]);
	p->probes += !code;
	return code;
}

int crmg_probe_in(struct crmg_prover *p, const struct crmg_prog *prog,
		  const struct crmg_probe *probe, struct crmg_finding *ret)
{
	struct crmg_probe_frame frame;
	struct crmg_row rows[2];
	int code = crmg_probe_run(p, prog, probe, &frame, rows, &ret->verdict), reason, refused;

	if (code)
		return code;
	reason = crmg_grown(rows[0].reasons, rows[1].reasons, CRMG_REASON_COUNT);
	refused = crmg_grown(rows[0].would_drop, rows[1].would_drop, CRMG_REASON_COUNT);
	/* Not counted, or otherwise than it says: whatever it is, it is not ours. */
	if (reason < 0 || ret->verdict == CRMG_VERDICT_COUNT ||
	    rows[1].packets[ret->verdict] != rows[0].packets[ret->verdict] + 1)
		reason = CRMG_REASON_COUNT;
	ret->reason = reason;
	ret->refused = ret->verdict != CRMG_VERDICT_PASS ? reason :
		       refused >= 0 ? refused : CRMG_REASON_OK;
	return 0;
}

int crmg_probe_out(struct crmg_prover *p, const struct crmg_prog *prog,
		   const struct crmg_probe *probe, bool *ret_counted)
{
	struct crmg_probe_frame frame;
	struct crmg_row rows[2];
	__u8 verdict;
	int code = crmg_probe_run(p, prog, probe, &frame, rows, &verdict);

	*ret_counted = !code && verdict == CRMG_VERDICT_PASS &&
		       rows[1].packets_out == rows[0].packets_out + 1 &&
		       rows[1].bytes_out == rows[0].bytes_out + frame.len;
	return code;
}
