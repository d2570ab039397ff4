/* SPDX-License-Identifier: GPL-2.0 */
/*
 * servername.h - how a server name is found among those of the image: its hash, the same for
 * what arrives and for what the compiler writes. It needs no secret: a name that is found is
 * compared as a whole.
 */
#ifndef CRMGATE_SERVERNAME_H
#define CRMGATE_SERVERNAME_H

#include <crmgate/abi.h>

/* FNV-1a: of names of one base, begun with that. */
static inline __attribute__((always_inline)) __u64 crmg_name_hash(__u64 hash, __u8 byte)
{
	return (hash ^ byte) * 0x100000001b3ULL;
}

static inline __attribute__((always_inline)) __u64 crmg_name_begin(__u8 base)
{
	return crmg_name_hash(0xcbf29ce484222325ULL, base);
}

#endif
