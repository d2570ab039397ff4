/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probe.h - probes: packets that user space runs through the attached programs
 * (BPF_PROG_TEST_RUN) to see whether they judge as the policy says. A probe takes the
 * whole path, with the policy, the bans and the code of every other packet; but what it
 * leaves is in places of its own (abi.h, "probes"), so that no source, no counter
 * of a policy and no event ever moves for one.
 *
 * What makes a packet a probe no wire can make: at XDP a secret in front of the frame,
 * where no driver puts anything; at TC the same in skb->cb.
 */
#ifndef CRMGATE_BPF_PROBE_H
#define CRMGATE_BPF_PROBE_H

#define CRMG_PROBE_SECRET (crmg_knobs.hash_key[CRMG_KEY_PROBE])

/*
 * Notes a probe. For every other packet the first comparison is all; drivers without
 * metadata say data + 1.
 */
static __always_inline bool crmg_probe_xdp(const struct xdp_md *ctx, struct crmg_work *w)
{
	const __u64 *secret = (const void *)(long)ctx->data_meta;

	if ((const void *)(secret + 1) > (const void *)(long)ctx->data ||
	    *secret != CRMG_PROBE_SECRET)
		return false;
	CRMG_WRITE_ONCE(w->probe, 1);
	return true;
}

static __always_inline bool crmg_probe_tc(const struct __sk_buff *skb)
{
	return skb->cb[0] == (__u32)CRMG_PROBE_SECRET &&
	       skb->cb[1] == (__u32)(CRMG_PROBE_SECRET >> 32);
}

/* After each packet that can have been one. */
static __always_inline void crmg_probe_end(struct crmg_work *w)
{
	CRMG_WRITE_ONCE(w->probe, 0);
}

/*
 * Where what a packet leaves goes: of a probe to the place `own`. Calculated, not branched:
 * the verifier would walk all that follows once more for each.
 */
static __always_inline __u64 crmg_place(const struct crmg_work *w, __u64 place, __u64 own)
{
	__u64 probe = CRMG_READ_ONCE(w->probe) & 1;

	return (place & (probe - 1)) + probe * own;
}

/* The line of the source table that a hash stands for. */
static __always_inline void crmg_place_line(const struct crmg_work *w, struct crmg_hash *hash)
{
	hash->line = crmg_place(w, hash->line, crmg_knobs.line_mask + 1);
}

/* The row of counters of a binding, which is also its place among totals. */
static __always_inline __u32
crmg_place_row(const struct crmg_work *w, const struct crmg_binding *binding)
{
	return crmg_place(w, binding->row, CRMG_PROBE_ROW);
}

#endif
