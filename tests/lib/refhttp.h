/* SPDX-License-Identifier: GPL-2.0 */
/*
 * refhttp.h - a naive reader of HTTP/1 that has all of a connection at hand, written from what
 * README.md says is a request. Shares no code with bpf/http.h.
 */
#ifndef CRMGATE_TEST_REFHTTP_H
#define CRMGATE_TEST_REFHTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct crmg_ref_http {
	uint32_t requests;
	bool lost;	/* somewhere it was not known where a message begins */
};

struct crmg_ref_http crmg_ref_http(const uint8_t *data, size_t size);

#endif
