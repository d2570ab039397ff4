/* SPDX-License-Identifier: GPL-2.0 */
/*
 * refparse.h - what a frame is, by a second, naive reading of the RFCs. It is
 * the judge of bpf/parse.h and may share nothing with it; slow is fine.
 */
#ifndef CRMGATE_TEST_REFPARSE_H
#define CRMGATE_TEST_REFPARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

enum crmg_ref_class {
	CRMG_REF_OTHER,		/* cannot be for a service: passes */
	CRMG_REF_FRAGMENT,	/* a later fragment: passes, counted */
	CRMG_REF_L4,		/* TCP or UDP with readable ports */
};

struct crmg_ref {
	enum crmg_ref_class class;
	/* all below: only with CRMG_REF_L4 */
	bool malformed;
	bool fragment;		/* the first of several */
	enum crmg_transport transport;
	struct crmg_addr src;
	struct crmg_addr dst;
	uint16_t sport;
	uint16_t dport;
	uint8_t tcp_flags;	/* 0 for UDP, and if malformed */
};

struct crmg_ref crmg_ref_parse(const uint8_t *frame, size_t len);

#endif
