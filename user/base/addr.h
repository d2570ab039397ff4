/* SPDX-License-Identifier: GPL-2.0 */
/* addr.h - addresses and prefixes as text and as struct crmg_addr (abi.h). */
#ifndef CRMGATE_ADDR_H
#define CRMGATE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#define CRMG_ADDR_LEN 56	/* longest text of a prefix, with NUL */

struct crmg_pfx {
	struct crmg_addr addr;	/* host bits are 0 */
	uint8_t len;		/* 0..128; IPv4: its length + 96 */
};

/*
 * "192.0.2.0/24", "2001:db8::/32", or an address alone (/32, /128). Host bits
 * must be 0; no zone, no leading zeros in IPv4, no IPv4-mapped IPv6. Returns 0
 * or -EINVAL; then *ret_why says in a few words what is wrong (static text).
 */
int crmg_parse_prefix(const char *text, struct crmg_pfx *ret, const char **ret_why);

/* An address alone. */
int crmg_parse_addr(const char *text, struct crmg_addr *ret, const char **ret_why);

/* Prefix as text; without "/len" when it is a single address. buf is returned. */
char *crmg_format_prefix(const struct crmg_addr *addr, uint8_t len, char *buf, size_t size);
char *crmg_format_addr(const struct crmg_addr *addr, char *buf, size_t size);

static inline bool crmg_addr_is_v4(const struct crmg_addr *a)
{
	return a->hi == 0 && (a->lo >> 32) == 0xffff;
}

/* From network order, 4 or 16 bytes. */
struct crmg_addr crmg_addr_from_bytes(const void *bytes, bool v4);

/* The address with all bits after the first len (0..128) cleared. */
struct crmg_addr crmg_addr_cut(struct crmg_addr addr, uint8_t len);

/* As much of a prefix as is no address of a person: its /24, or /48, unless it is wider. */
struct crmg_pfx crmg_addr_outline(const struct crmg_pfx *prefix);

/* True if the prefix (pfx, len) contains addr. */
bool crmg_prefix_contains(const struct crmg_addr *pfx, uint8_t len, const struct crmg_addr *addr);

/* True if one of them contains the other. */
bool crmg_prefixes_meet(const struct crmg_pfx *a, const struct crmg_pfx *b);

/* memcmp order: numeric. */
int crmg_addr_cmp(const struct crmg_addr *a, const struct crmg_addr *b);

#endif
