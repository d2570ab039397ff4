/* SPDX-License-Identifier: GPL-2.0 */
/*
 * num.h - the one strict parser of numbers with units, and its way back.
 *
 * Nothing is guessed: no sign, no leading zeros, no white space, no rest.
 * Every parser returns 0, -EINVAL (not of this form) or -ERANGE (form is
 * right, value does not fit 64 bits), and leaves *ret alone on failure.
 */
#ifndef CRMGATE_NUM_H
#define CRMGATE_NUM_H

#include <stddef.h>
#include <stdint.h>

#define CRMG_NS_PER_SEC 1000000000ULL

/* "20", "20k", "5M", "1G"; also Ki, Mi, Gi. A fraction is not accepted. */
int crmg_parse_count(const char *text, uint64_t *ret);

/* "500B", "10kB", "10MB", "2GB", "10MiB": the B is required. */
int crmg_parse_bytes(const char *text, uint64_t *ret);

/* "2", "1.5", "2.25": at most two decimals, to hundredths. */
int crmg_parse_hundredths(const char *text, uint64_t *ret);

/* "10s", "1m", "24h", "7d", "250ms": to nanoseconds. The number is required. */
int crmg_parse_time(const char *text, uint64_t *ret_ns);

/* "20/s", "20k/s", "10/10m": a count per a time (number before it optional). */
int crmg_parse_rate(const char *text, uint64_t *ret_count, uint64_t *ret_per_ns);

/* "10MB/s": bytes per a time. */
int crmg_parse_byte_rate(const char *text, uint64_t *ret_bytes, uint64_t *ret_per_ns);

/* The shortest form that parses back to the same value; buf is returned. */
char *crmg_format_count(uint64_t count, char *buf, size_t size);
char *crmg_format_bytes(uint64_t bytes, char *buf, size_t size);
char *crmg_format_hundredths(uint64_t hundredths, char *buf, size_t size);
char *crmg_format_time(uint64_t ns, char *buf, size_t size);
char *crmg_format_rate(uint64_t count, uint64_t per_ns, char *buf, size_t size);
char *crmg_format_byte_rate(uint64_t bytes, uint64_t per_ns, char *buf, size_t size);

#define CRMG_NUM_LEN 48		/* enough for each of the above */

#endif
