/* SPDX-License-Identifier: GPL-2.0 */
/*
 * contract.h - does a client's contract hold at a moment? One answer for the packet path
 * and for reports.
 */
#ifndef CRMGATE_CONTRACT_H
#define CRMGATE_CONTRACT_H

#include <crmgate/abi.h>

#define CRMG_DAY_S 86400

/* Day of the week of 1970-01-01, a Thursday, where Monday is 0. */
#define CRMG_EPOCH_WEEKDAY 3

/* 1 if a >= b, both below 2^63, else 0; without a branch, as the verifier walks each both ways. */
static inline __attribute__((always_inline)) __u64 crmg_not_before(__u64 a, __u64 b)
{
	return (a - b) >> 63 ^ 1;
}

_Static_assert(CRMG_CONTRACT_SHIFTS == 8, "the search has another number of steps");

/* now_s: seconds since 1970, of UTC. */
static inline __attribute__((always_inline)) int
crmg_contract_holds(const struct crmg_contract *contract, __u64 now_s)
{
	const struct crmg_shift *shift = contract->shift;
	__u64 at, weekday, second;

	if (contract->until_s && now_s >= contract->until_s)
		return 0;
	if (!contract->days)
		return 1;
	at = crmg_not_before(now_s, shift[4].from_s) * 4;
	/* Bounded at each use: 6.1 does not see that it is, and the compiler must not. */
	asm volatile("" : "+r"(at));
	at += crmg_not_before(now_s, shift[(at + 2) & 7].from_s) * 2;
	at += crmg_not_before(now_s, shift[(at + 1) & 7].from_s);
	now_s += (__s64)shift[at & 7].offset_s;
	weekday = (now_s / CRMG_DAY_S + CRMG_EPOCH_WEEKDAY) % 7;
	second = now_s % CRMG_DAY_S;
	return contract->days >> weekday & crmg_not_before(second, contract->begin_s) &
	       ~crmg_not_before(second, contract->end_s) & 1;
}

#endif
