/* SPDX-License-Identifier: GPL-2.0 */
/* why.h - what holds for one address: policy, limits with what is left, ban. */
#ifndef CRMGATE_WHY_H
#define CRMGATE_WHY_H

#include <stdio.h>

#include <jansson.h>

#include "../base/addr.h"
#include "sources.h"

struct crmg_why_service {
	uint32_t index;
	const struct crmg_service *service;
	const struct crmg_binding *binding;
	const struct crmg_label *label;
	const struct crmg_label *gate;		/* holds by one interface instead; NULL: nothing */
	const struct crmg_label *lapsed;	/* of a client whose contract does not hold; NULL */
	const struct crmg_ban_entry *ban;	/* manual; NULL: none */
	bool seen;				/* source is valid */
	bool proven;				/* the source completed a TCP handshake */
	struct crmg_source_record source;
	struct crmg_windows windows;		/* what was sent to it */
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

/* One budget that a packet of the address is charged to. */
struct crmg_why_limit {
	unsigned int limit;
	enum crmg_scope scope;
	const struct crmg_terms *terms;		/* as the operator wrote it, ... */
	const struct crmg_quota *quota;		/* not NULL: of bytes_out; limit is not valid */
	uint32_t max;				/* not 0: limit is an enum crmg_cap, so many at once */
	struct crmg_pfx sharers;		/* scope source, aggregate: whose budget it is */
	bool known;				/* available is valid: not for rates of aggregates */
	uint64_t available;			/* units that may still pass at once */
};

#define CRMG_WHY_LIMITS_MAX \
	(CRMG_CAP_COUNT + (CRMG_LIMIT_COUNT + CRMG_WINDOWS_MAX) * CRMG_SCOPE_COUNT)

/* Bytes that may still be sent at once, of each quota. */
void crmg_quotas_left(const struct crmg_quotas *quotas, const struct crmg_windows *windows,
		      uint64_t mono_ns, uint64_t ret[CRMG_WINDOWS_MAX]);

/* Whole, unless packets came in between each time: then the last of them may be half counted. */
void crmg_windows_copy(const struct crmg_windows *there, struct crmg_windows *ret);

/*
 * Those that hold for a binding in a scope, or NULL; *ret_at: entry of snap->total_windows that
 * has what was sent, of a policy or service. That of an aggregate: crmg_wide_find().
 */
const struct crmg_quotas *crmg_quotas_of(const struct crmg_image *image,
					 const struct crmg_binding *binding,
					 enum crmg_scope scope, uint32_t *ret_at);

/* True if something was refused under the quotas, and they let no other eighth out yet. */
bool crmg_quotas_spent(const struct crmg_quotas *quotas, const struct crmg_windows *windows,
		       uint64_t mono_ns);

/* True if those at that entry (0: none) were used up, and refuse requests under the binding. */
bool crmg_total_cut(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
		    uint32_t at);

/*
 * True if requests of the source are refused since a budget was used up; *ret_scope: whose,
 * the narrowest.
 */
bool crmg_why_cut(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		  const struct crmg_why_service *why, enum crmg_scope *ret_scope);

/*
 * The quotas that slow the source down since one was used up, of several those with the lowest
 * rate; NULL: none does. *ret_scope: whose they are.
 */
const struct crmg_quotas *crmg_why_throttled(const struct crmg_snapshot *snap,
					     const struct crmg_addr *addr,
					     const struct crmg_why_service *why,
					     enum crmg_scope *ret_scope);

/*
 * The limits of addr in the order of decision, into ret[CRMG_WHY_LIMITS_MAX]; returns how
 * many. An address never seen has the whole burst. What was charged under another
 * rate is converted: the units used are kept. Which bucket an aggregate has for its rates
 * depends on a key that is not ours to read.
 */
size_t crmg_why_limits(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		       const struct crmg_why_service *why, struct crmg_why_limit *ret);

/* A new document, or NULL when out of memory; and the same as text. */
json_t *crmg_why_json(const struct crmg_snapshot *snap, const struct crmg_why *why);
void crmg_why_text(const struct crmg_snapshot *snap, const struct crmg_why *why, bool colour,
		   FILE *out);

#endif
