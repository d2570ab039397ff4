/* SPDX-License-Identifier: GPL-2.0 */
/*
 * rows.h - the policies in force with their counters: one entry for each
 * (service, policy label), the built-in labels `none` and `allow` included.
 */
#ifndef CRMGATE_ROWS_H
#define CRMGATE_ROWS_H

#include "snapshot.h"

struct crmg_policy_row {
	const struct crmg_label *label;
	const struct crmg_binding *binding;	/* of the first client; the others' are alike */
	const struct crmg_row *row;		/* never NULL */
	const struct crmg_service *service;
	char *clients;				/* names, joined by "," */
};

struct crmg_policy_rows {
	struct crmg_policy_row *items;		/* by service, then in the order of the file */
	size_t count;
};

/* All of the image in force; free with crmg_policy_rows_free(). 0 or -ENOMEM. */
int crmg_policy_rows(const struct crmg_snapshot *snap, struct crmg_policy_rows *ret);
void crmg_policy_rows_free(struct crmg_policy_rows *rows);

/*
 * The refusals that a policy can give as it is in force. Others can still have
 * counts, from limits that it had before an apply.
 */
bool crmg_row_can_give(const struct crmg_policy_row *row, enum crmg_reason reason);

/* True if sources of one wider prefix have limits or budgets together. */
bool crmg_has_aggregate(const struct crmg_binding *binding);

/* True if the requests of its connections are counted: there is a limit of them. */
bool crmg_counts_requests(const struct crmg_binding *binding);

/* The name of their number in JSON; as text: "-" if they are not counted, "~5" an estimate. */
const char *crmg_asked_key(bool estimated);
char *crmg_asked_text(bool counted, bool estimated, uint64_t requests, char *buf, size_t size);

/* The same of a service, and of a policy at it. */
const char *crmg_requests_key(const struct crmg_service *service);
char *crmg_requests_text(const struct crmg_service *service, const struct crmg_binding *binding,
			 uint64_t requests, char *buf, size_t size);

/* True of a service whose requests can be told, exactly or as an estimate. */
bool crmg_has_requests(const struct crmg_service *service);

/* True of a policy of which it is counted what its requests were answered. */
bool crmg_has_responses(const struct crmg_policy_row *item);

/* True if TLS handshakes that fail are counted. */
bool crmg_counts_handshakes(const struct crmg_policy_row *item);

/* True of a service whose connections are counted by version of TLS. */
bool crmg_has_versions(const struct crmg_service *service);

/*
 * Connections of the versions in a mask of 1 << enum crmg_tls_version: their number, and as
 * "1.2 120, 1.3 3"; buf is returned.
 */
uint64_t crmg_versions(const struct crmg_row *row, unsigned int versions);
char *crmg_versions_text(const struct crmg_row *row, unsigned int versions, char *buf,
			 size_t size);

/* Packets dropped or reset; packets that shadow let pass; arrived altogether. */
uint64_t crmg_row_dropped(const struct crmg_row *row);
uint64_t crmg_row_would_drop(const struct crmg_row *row);
uint64_t crmg_row_sum(const __u64 by_verdict[CRMG_VERDICT_COUNT]);

/* Bits 1 << reason: the refusals by a limit or a budget. */
unsigned int crmg_limit_reasons(void);

/*
 * Refusals that happened, or would have but for shadow, for the reasons in a mask: their
 * number, and as "packets 120, bytes 3"; buf is returned.
 */
uint64_t crmg_refusals(const struct crmg_row *row, unsigned int reasons);
char *crmg_refusals_text(const struct crmg_row *row, unsigned int reasons, char *buf,
			 size_t size);

/* The ban, if any, that holds for a source (an address cut to len) at a service. */
const struct crmg_ban_entry *crmg_ban_of(const struct crmg_snapshot *snap,
					 const struct crmg_addr *addr, uint32_t service);

#endif
