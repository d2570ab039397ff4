/* SPDX-License-Identifier: GPL-2.0 */
/*
 * knobs.h - load-time settings, from map "setup". The verifier sees them as
 * constants: masks cost nothing and bounds are known.
 */
#ifndef CRMGATE_BPF_KNOBS_H
#define CRMGATE_BPF_KNOBS_H

const volatile struct {
	__u32 capacity;		/* slots, a power of two */
	__u32 line_mask;	/* capacity / CRMG_WAYS - 1 */
	__u64 v4_mask_lo;	/* cuts a mapped IPv4 address to a source */
	__u64 v6_mask_hi;
	__u64 v6_mask_lo;
	__u8 v4_len;		/* the same as lengths: 96 + 8..32, 32..128 */
	__u8 v6_len;
	__u64 hash_key[16];	/* secret, or an attacker picks collisions */
} crmg_knobs = {
	.capacity = 1024,
	.line_mask = 1024 / CRMG_WAYS - 1,
};

#endif
