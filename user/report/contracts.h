/* SPDX-License-Identifier: GPL-2.0 */
/* contracts.h - the contracts of clients, as text and as JSON, and which of them matter now. */
#ifndef CRMGATE_CONTRACTS_H
#define CRMGATE_CONTRACTS_H

#include <jansson.h>

#include "snapshot.h"

/* So long before a contract ends it is told: a fortnight. */
#define CRMG_CONTRACT_SOON_S (14 * 86400)

#define CRMG_HOURS_LEN 96

/* A client with a contract, in the order of the file. */
struct crmg_contractor {
	const struct crmg_client *client;
	const struct crmg_contract *contract;
	bool holds;		/* now; without hours and end: always */
	bool ended;		/* for good */
	uint64_t ends_in_s;	/* until it ends, if it has an end and did not; else 0 */
};

/* The next one from client *at on; *at is then the client behind it. False: no more. */
bool crmg_contract_next(const struct crmg_image *image, uint64_t real_ns, size_t *at,
			struct crmg_contractor *ret);

/* "Mon-Fri 07:00-20:00 Europe/Paris"; "" if it has no hours. buf is returned. */
char *crmg_hours_text(const struct crmg_contract *contract, char buf[CRMG_HOURS_LEN]);

/* New values of the three keys of a client, null where there is nothing; contract may be NULL. */
json_t *crmg_owner_json(const struct crmg_contract *contract);
json_t *crmg_until_json(const struct crmg_contract *contract);
json_t *crmg_hours_json(const struct crmg_contract *contract);

/* Why it does not hold: "ended at TIME", "outside its hours (Mon-Fri ...)". */
#define CRMG_LAPSE_LEN 128
char *crmg_lapse_text(const struct crmg_contractor *c, char buf[CRMG_LAPSE_LEN]);

#endif
