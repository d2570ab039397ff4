/* SPDX-License-Identifier: GPL-2.0 */
/*
 * records.h - what records bpf/tls.h finds, told one by one, and those that a naive reader finds
 * who has all of what one side said. To be included in place of walker.h.
 */
#ifndef CRMGATE_TEST_RECORDS_H
#define CRMGATE_TEST_RECORDS_H

#include <stddef.h>
#include <stdint.h>

#include "../../bpf/tlsin.h"
#include "../../bpf/tlsout.h"

struct crmg_record {
	uint32_t seq;		/* of its header */
	uint8_t type;
	uint16_t len;
};

#define CRMG_RECORDS_MAX 4096

struct crmg_records {
	struct crmg_record record[CRMG_RECORDS_MAX];
	uint32_t count;
};

static struct crmg_records crmg_found[2];	/* of what arrives, and of what leaves */

static inline void crmg_record_add(struct crmg_records *records, uint32_t seq, uint8_t type,
				   uint32_t len)
{
	if (records->count < CRMG_RECORDS_MAX)
		records->record[records->count++] = (struct crmg_record){ seq, type, (uint16_t)len };
}

/* What stands in the header that a walk is behind. */
static inline void crmg_record_found(const struct crmg_walk *k)
{
	crmg_record_add(&crmg_found[k->leaves], k->base + k->at - CRMG_TLS_HEADER, k->bytes[0],
			(uint32_t)(k->bytes[3] << 8 | k->bytes[4]));
}

static inline __u32 crmg_record_came(struct crmg_walk *k, __u32 header, __u8 type, __u32 len)
{
	crmg_record_found(k);
	return crmg_tls_came(k, header, type, len);
}

static inline void crmg_record_left(struct crmg_walk *k, __u32 end, __u8 type, __u32 len)
{
	crmg_record_found(k);
	crmg_tls_left(k, end, type, len);
}

static inline void crmg_record_hello(struct crmg_walk *k, void *ctx, crmg_tls_load *load)
{
	crmg_record_found(k);
	crmg_tls_hello(k, ctx, load);
}

#define crmg_tls_came  crmg_record_came
#define crmg_tls_left  crmg_record_left
#define crmg_tls_hello crmg_record_hello
#include "walker.h"
#undef crmg_tls_came
#undef crmg_tls_left
#undef crmg_tls_hello

/* Record by record, as far as they are: RFC 8446, 5.1. */
static inline void crmg_ref_records(const uint8_t *data, size_t size, uint32_t first,
				    struct crmg_records *ret)
{
	size_t at = 0;

	ret->count = 0;
	while (size - at >= 5) {
		uint32_t len = (uint32_t)(data[at + 3] << 8 | data[at + 4]);

		if (data[at] < 20 || data[at] > 23 || data[at + 1] != 3 || data[at + 2] > 4 ||
		    len > 16384 + 256)
			return;
		crmg_record_add(ret, first + (uint32_t)at, data[at], len);
		if (len > size - at - 5)
			return;
		at += 5 + len;
	}
}

#endif
