/* SPDX-License-Identifier: GPL-2.0 */
/* why.h - what holds for one address: policy, limits with what is left, ban. */
#ifndef CRMGATE_WHY_H
#define CRMGATE_WHY_H

#include <stdio.h>

#include <jansson.h>

#include "snapshot.h"

struct crmg_why_service {
	uint32_t index;
	const struct crmg_service *service;
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	const struct crmg_ban_entry *ban;	/* NULL: none */
	bool seen;				/* slot is valid */
	struct crmg_slot slot;
};

struct crmg_why {
	struct crmg_addr address;
	size_t count;
	struct crmg_why_service services[CRMG_SERVICES_MAX];
};

/*
 * Looks an address up at one service (its index), or at all (0), in a snapshot
 * with CRMG_SNAP_SOURCES and CRMG_SNAP_BANS.
 */
void crmg_why_find(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		   uint32_t service, struct crmg_why *ret);

/*
 * Units of a limit that may still pass at once. An address never seen has the
 * whole burst. A slot that was charged under another rate is converted: the
 * units used are kept.
 */
uint64_t crmg_why_available(const struct crmg_snapshot *snap,
			    const struct crmg_why_service *why, unsigned int limit);

/* A new document, or NULL when out of memory; and the same as text. */
json_t *crmg_why_json(const struct crmg_snapshot *snap, const struct crmg_why *why);
void crmg_why_text(const struct crmg_snapshot *snap, const struct crmg_why *why, bool colour,
		   FILE *out);

#endif
