/* SPDX-License-Identifier: GPL-2.0 */
/* checks.h - what the files of the doctor's checks share. */
#ifndef CRMGATE_CHECKS_H
#define CRMGATE_CHECKS_H

#include "doctor.h"

/* A check at work. */
struct crmg_checking {
	const struct crmg_patient *patient;
	const struct crmg_host_facts *host;
	const struct crmg_iface_facts *iface;	/* NULL: about the host or the policy */
	const struct crmg_iface_state *state;	/* of iface, if it is attached; else NULL */
	const char *id;
	struct crmg_diagnosis *ret;
	bool failed;			/* out of memory */
};

struct crmg_check {
	const char *id;
	void (*judge)(struct crmg_checking *c);
};

/* Each ends with id NULL. */
extern const struct crmg_check crmg_host_checks[];	/* doctor_host.c */
extern const struct crmg_check crmg_policy_checks[];	/* doctor_policy.c */
extern const struct crmg_check crmg_iface_checks[];	/* doctor_iface.c: one interface */

/* Adds an advice. */
void crmg_advise(struct crmg_checking *c, enum crmg_grade grade, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* The command that mends what was advised last. */
void crmg_mend(struct crmg_checking *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

#endif
