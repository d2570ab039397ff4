/* SPDX-License-Identifier: GPL-2.0 */
/*
 * check.h - parts of crmg_model_check(). Each adds what it finds to err; those
 * that return int return 0 or -ENOMEM.
 */
#ifndef CRMGATE_CHECK_H
#define CRMGATE_CHECK_H

#include "model.h"

#define crmg_check_error(model, err, place, ...) \
	crmg_err_at(err, CRMG_ERROR, (model)->shown, (place).line, (place).column, __VA_ARGS__)
#define crmg_check_warn(model, err, place, ...) \
	crmg_err_at(err, CRMG_WARNING, (model)->shown, (place).line, (place).column, __VA_ARGS__)

#define CRMG_CHECK_ALLOW UINT32_MAX
#define CRMG_CHECK_MESSAGES_MAX 20	/* of one kind about prefixes; then only their number */

/* A prefix of a client, or of `allow`, with the way back to it. */
struct crmg_check_entry {
	struct crmg_pfx pfx;
	uint32_t client;	/* index, or CRMG_CHECK_ALLOW */
	uint32_t index;		/* in the client's, or allow's, prefixes */
};

/* What clients are for: bit s of a mask is service s. */
struct crmg_check_use {
	uint64_t services;	/* some policy names the client there */
	uint64_t denied;	/* of these, those that deny */
};

/* Every prefix of the model: IPv4 first, then by (address, length, client). */
struct crmg_check_entries {
	struct crmg_check_entry *entry;
	size_t v4_count;
	size_t count;
};

/* The prefix of the model that the entry is, and the file that it stands in. */
struct crmg_model_prefix *crmg_check_prefix(const struct crmg_model *model,
					    const struct crmg_check_entry *entry);
const char *crmg_check_file(const struct crmg_model *model, const struct crmg_check_entry *entry);

/*
 * One prefix in two clients. True if prefixes of feeds were taken out of the
 * model: entries no longer fit it then.
 */
bool crmg_check_prefixes(struct crmg_model *model, const struct crmg_check_use *use,
			 const struct crmg_check_entries *entries, struct crmg_err *err);

/*
 * Limits, budgets and bans of each policy and service: what the transport has not,
 * what `deny` excludes, and, only if err has no error, what can have no effect.
 */
void crmg_check_limits(const struct crmg_model *model, struct crmg_err *err);

/* The same of what is looked for over hours. */
void crmg_check_detect(const struct crmg_model *model, struct crmg_err *err);

/* The same of the versions of TLS that policies want. */
void crmg_check_floor(const struct crmg_model *model, struct crmg_err *err);

/*
 * Services with names: that each shares its ports with one that has none, no name is of two, and
 * what is asked of connections before their name is known is asked by the one without.
 */
void crmg_check_names(const struct crmg_model *model, struct crmg_err *err);

/* The same of what may be sent to sources. */
void crmg_check_quotas(const struct crmg_model *model, struct crmg_err *err);

/* Words for protocols, by enum crmg_protocol (check_answers.c). */
extern const char *const crmg_check_protocols[];

/* The same of caps, by enum crmg_cap. */
extern const char *const crmg_check_caps[];

/* Names of limits, by enum crmg_limit_id (check_limits.c). */
extern const char *const crmg_check_kinds[];

/* The same of what requests are answered. */
void crmg_check_answers(const struct crmg_model *model, struct crmg_err *err);

/* Entries of `allow` with an interface: that none lies in another, or is allowed anyway. */
void crmg_check_allow(const struct crmg_model *model, struct crmg_err *err);

/*
 * Prefixes without effect: those that stand twice, and each entry i that has a
 * taker[i]: one, maybe of several, that has its addresses instead. NULL: none.
 */
void crmg_check_idle(const struct crmg_model *model, const struct crmg_check_entries *entries,
		     const struct crmg_check_entry *const *taker, struct crmg_err *err);

/* Clients, policies and prefixes without effect. At most CRMG_SERVICES_MAX services. */
int crmg_check_reach(const struct crmg_model *model, const struct crmg_check_use *use,
		     const struct crmg_check_entries *entries, struct crmg_err *err);

#endif
