/* SPDX-License-Identifier: GPL-2.0 */
/*
 * probe.h - which packets prove a policy, and what each must come to. Pure: they are run
 * by kern/, and judged there against what is computed here.
 */
#ifndef CRMGATE_PROBE_H
#define CRMGATE_PROBE_H

#include "compile.h"

/* A packet of a source that a binding holds for, to a port of its service. */
struct crmg_probe {
	struct crmg_addr source;
	struct crmg_addr local;
	uint32_t binding;
	uint16_t port;		/* host order */
	uint8_t transport;	/* enum crmg_transport */
	uint8_t service;
};

/*
 * One probe for each binding and IP version that any packet can come under: from a
 * documentation prefix (RFC 5737, 3849) where the binding holds for one, else from the
 * first address that it holds for. Contracts are judged at real_ns; where one begins or
 * ceases to hold within a minute of it nothing is expected. *ret is the caller's to free. 0
 * or -ENOMEM.
 */
int crmg_probes_of(const struct crmg_image *image, uint64_t real_ns, struct crmg_probe **ret,
		   size_t *ret_count);

/* What a packet must come to. */
struct crmg_finding {
	uint8_t verdict;	/* enum crmg_verdict */
	uint8_t reason;		/* enum crmg_reason: what it is counted under */
	uint8_t refused;	/* what it was, or in shadow would have been, refused for; OK: nothing */
};

/* What else decides beside the policy. */
struct crmg_probe_state {
	bool panic;
	bool banned;			/* by hand */
	enum crmg_reason exhausted;	/* what a limit that is used up refuses with; OK: none is */
};

struct crmg_finding crmg_probe_expect(const struct crmg_binding *binding,
				      const struct crmg_probe_state *state);

#endif
