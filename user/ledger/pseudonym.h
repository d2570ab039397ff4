/* SPDX-License-Identifier: GPL-2.0 */
/*
 * pseudonym.h - an address under the key of its day (UTC): one block of AES-128. Who has the
 * key can tell the address, and nobody else; each day the same address has another pseudonym.
 * Keys are files of mode 0600 in the state folder, ledger-2026-11-30.key.
 */
#ifndef CRMGATE_LEDGER_PSEUDONYM_H
#define CRMGATE_LEDGER_PSEUDONYM_H

#include <stdint.h>

#include <crmgate/abi.h>

#include "../base/err.h"
#include "../state/state.h"

struct crmg_day_key {
	uint64_t day_ns;		/* first moment of the day */
	uint8_t key[16];
};

/*
 * The key of a day. -ENOENT, not said: there is none, or none any more. -EBADMSG: what is
 * there is no key.
 */
int crmg_day_key_read(const struct crmg_state *state, uint64_t day_ns, struct crmg_day_key *ret,
		      struct crmg_err *err);

/* The same; one that is not there is made, and on the disk when this returns. */
int crmg_day_key_get(const struct crmg_state *state, uint64_t day_ns, struct crmg_day_key *ret,
		     struct crmg_err *err);

/* What an address is under a key; zero: none. */
struct crmg_pseudonym {
	struct crmg_addr addr;		/* encrypted */
	uint32_t check;			/* CRMG_PSEUDONYM_SET, and 16 bits of both and of the key */
};

#define CRMG_PSEUDONYM_SET (1u << 16)

struct crmg_pseudonym crmg_pseudonym_of(const struct crmg_day_key *key,
					const struct crmg_addr *addr);

/* The way back: 0, or -EINVAL: it was not made with this key, or is mistyped. */
int crmg_pseudonym_open(const struct crmg_day_key *key, const struct crmg_pseudonym *pseudonym,
			struct crmg_addr *ret);

/* "2026-11-30-", 32 digits of the address and 4 of the check; buf is returned. */
#define CRMG_PSEUDONYM_LEN (11 + 32 + 4 + 1)
char *crmg_format_pseudonym(uint64_t day_ns, const struct crmg_pseudonym *pseudonym,
			    char buf[CRMG_PSEUDONYM_LEN]);

/* 0 or -EINVAL. */
int crmg_parse_pseudonym(const char *text, uint64_t *ret_day_ns, struct crmg_pseudonym *ret);

#endif
