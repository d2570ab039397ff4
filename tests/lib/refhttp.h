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
	bool open;	/* a line at the end is not whole */
	uint32_t methods;	/* bits 1 << enum crmg_method, or CRMG_METHOD_COUNT: another */
	bool smuggles;	/* servers may disagree where a message ends */
	uint32_t header;	/* bytes of the longest header or trailer, ... */
	uint32_t body;	/* ... and of the longest body, as it is announced */
};

struct crmg_ref_http crmg_ref_http(const uint8_t *data, size_t size);

#endif
