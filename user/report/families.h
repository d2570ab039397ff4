/* SPDX-License-Identifier: GPL-2.0 */
/*
 * families.h - what the files of metrics share. Those of a policy have its labels and are in
 * metrics_policies.c, those of a client in metrics_clients.c, those of the host in metrics.c.
 */
#ifndef CRMGATE_FAMILIES_H
#define CRMGATE_FAMILIES_H

#include <stdio.h>

#include "clients.h"
#include "problems.h"
#include "rows.h"
#include "text.h"

/* What one scrape writes from. */
struct crmg_scrape {
	const struct crmg_snapshot *snap;
	const struct crmg_problems *problems;
	const struct crmg_policy_rows *rows;
	const struct crmg_counted_clients *clients;
	char **labels;		/* of rows->items[i]: service="..",policy=".." */
};

/* Series of one name. */
struct crmg_family {
	const char *name;
	const char *type;
	const char *help;
	void (*write)(const struct crmg_family *family, const struct crmg_scrape *ctx,
		      FILE *out);
	unsigned int counter;	/* write_host: enum crmg_host_id */
};

/* Every family, in the order in which they are written. */
extern const struct crmg_family crmg_families[];
extern const size_t crmg_family_count;

#define CRMG_LABEL_LEN (2 * CRMG_ESCAPED(CRMG_NAME_LEN))

/* A label's value: harmless for terminals, then as the format wants it. buf is returned. */
const char *crmg_label_value(const char *text, size_t max, char buf[CRMG_LABEL_LEN]);

/* X(name): the families of (service, policy). */
#define CRMG_POLICY_FAMILIES(X) \
	X(packets) X(bytes) X(connections) X(requests) X(estimated) X(responses) X(failures) \
	X(handshakes) X(versions) X(drops) X(would_drop) X(mode) X(limits) X(caps) \
	X(quotas) X(notified) X(exceeded)

/* X(name): those of a client. */
#define CRMG_CLIENT_FAMILIES(X) \
	X(client_packets) X(client_bytes) X(client_requests) X(client_estimated) \
	X(feeds) X(contracts) X(ends)

#define CRMG_DECLARE_FAMILY(name)						\
	void crmg_metric_##name(const struct crmg_family *family,		\
				const struct crmg_scrape *ctx, FILE *out);
CRMG_POLICY_FAMILIES(CRMG_DECLARE_FAMILY)
CRMG_CLIENT_FAMILIES(CRMG_DECLARE_FAMILY)

#endif
