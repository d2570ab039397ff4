/* SPDX-License-Identifier: GPL-2.0 */
/* prove.h - what the files of a proof of enforcement share: prove.c, probe.c, exhaust.c. */
#ifndef CRMGATE_KERN_PROVE_H
#define CRMGATE_KERN_PROVE_H

#include "../compile/probe.h"
#include "internal.h"

/* A program that is attached; the first two judge, the last one counts what leaves. */
struct crmg_prog {
	enum crmg_prog_hook { CRMG_PROG_XDP, CRMG_PROG_TC_IN, CRMG_PROG_TC } hook;
	int fd;
	char where[40];		/* "eth0 xdp" */
};

/* A proof while it runs. */
struct crmg_prover {
	struct crmg_kern *kern;
	const struct crmg_snapshot *snap;
	struct crmg_proof *proof;	/* that it comes to */
	__u64 secret;
	int row;			/* map of the row of probes */
	struct crmg_row *percpu;	/* room for it */
	__u32 probes;
	const struct crmg_prog *rehearsed;	/* instead of those that are attached */
	size_t rehearsed_count;
};

/* Of proofs: they may run beside any other command, but not beside one another. */
int crmg_prove_lock(const char *instance, struct crmg_err *err);

/* For the maps of kern. Negative errno, said in err; else crmg_prover_done(). */
int crmg_prover_init(struct crmg_prover *p, struct crmg_kern *kern, struct crmg_proof *proof,
		     struct crmg_err *err);
void crmg_prover_done(struct crmg_prover *p);

/*
 * Runs the probes of the policy in force; what they come to is in p->proof, of which all
 * else is as before. Again while another policy or program came in between: then it said
 * nothing. *snap is the state that was proven.
 */
int crmg_prove_settled(struct crmg_prover *p, struct crmg_snapshot *snap,
		       const struct crmg_proof *before, struct crmg_err *err);

/* ---------------------------------------------------------------- oneway.c */

/* A service of which for some time packets left, and none came by XDP: into p->proof. */
void crmg_prove_ways(struct crmg_prover *p);

/* ----------------------------------------------------------------- probe.c */

/* Runs a probe through a program that judges: what it came to. Negative errno: it cannot be run. */
int crmg_probe_in(struct crmg_prover *p, const struct crmg_prog *prog,
		  const struct crmg_probe *probe, struct crmg_finding *ret);

/* Runs the answer to it through a program that counts: was it counted, and passed on? */
int crmg_probe_out(struct crmg_prover *p, const struct crmg_prog *prog,
		   const struct crmg_probe *probe, bool *ret_counted);

/* --------------------------------------------------------------- exhaust.c */

/* Makes the places of probes as new: no source known, every budget full. */
void crmg_places_clear(struct crmg_prover *p);

/* Limits of a binding, one after the other: start with all 0. */
struct crmg_exhausting {
	enum crmg_scope scope;
	__u32 limit;		/* enum crmg_limit_id */
};

/*
 * After a probe of the binding: uses up the limit that is next, so that the same probe must
 * be refused, and leaves all others full. The reason in *ret; false: there was no more.
 */
bool crmg_exhaust_next(struct crmg_prover *p, const struct crmg_probe *probe,
		       struct crmg_exhausting *e, enum crmg_reason *ret);

#endif
