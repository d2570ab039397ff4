/* SPDX-License-Identifier: GPL-2.0 */
/*
 * patient.h - sources that take much, bit by bit, and keep to every limit: a score out of how
 * they asked (abi.h, "patience"). Only told, never acted on: what it is tuned on is in
 * tests/unit/test_patient.c, which prints how often it is wrong.
 */
#ifndef CRMGATE_PATIENT_H
#define CRMGATE_PATIENT_H

#include <stdbool.h>

#include <jansson.h>

#include "sources.h"

/* From here on a score is told. */
#define CRMG_PATIENT_SCORE 60

/* A source is told of again after so long. */
#define CRMG_PATIENT_AGAIN_NS (3600 * CRMG_NS_PER_SEC)

/* What a score is made of. */
struct crmg_patient {
	uint64_t answers;	/* between two requests, that were noted */
	double equal;		/* share of them within two neighbouring buckets of bytes, 0..1 */
	unsigned int size_at;	/* the first of these */
	double steady;		/* the same of gaps */
	unsigned int gap_at;
	unsigned int parts;	/* of the last CRMG_PATIENCE_PARTS, those in which it asked */
	double out_in;		/* bytes out for one in, since it was first seen */
	unsigned int score;	/* 0..100 */
};

/* Of how a source asked, and what went in and out; mono_ns: now. Pure. */
void crmg_patient_judge(const struct crmg_patience *patience, uint64_t bytes_in,
			uint64_t bytes_out, uint64_t mono_ns, struct crmg_patient *ret);

/* True if the policy of a source looks for patient ones. */
bool crmg_patient_looks(const struct crmg_snapshot *snap, const struct crmg_source_record *source);

/* How a source of the table asks, whatever its policy; false: nothing is noted of it. */
bool crmg_patient_find(const struct crmg_snapshot *snap, const struct crmg_source_record *source,
		       struct crmg_patient *ret);

/* "96% of 430 answers of 1KiB to 4KiB, 95% of gaps 4.3s to 17s", cut to size. buf is returned. */
#define CRMG_PATIENT_LEN 136
char *crmg_patient_answers_text(const struct crmg_patient *patient, char buf[CRMG_PATIENT_LEN]);

/* The same between "score 87: " and ", 18 of 64 parts of 18m, 3.1 out for 1 in". */
char *crmg_patient_text(const struct crmg_patient *patient, char buf[CRMG_PATIENT_LEN]);

/* A new object; null: the policy of the source does not look, or nothing is noted of it. */
json_t *crmg_patient_json(const struct crmg_snapshot *snap,
			  const struct crmg_source_record *source);

/* A new object, with both histograms; null: nothing is noted of the source. */
json_t *crmg_patient_answers_json(const struct crmg_snapshot *snap,
				  const struct crmg_source_record *source);

/* What a policy says of `detect`: "patient observe", or NULL; and as JSON. */
const char *crmg_detect_text(const struct crmg_binding *binding);
json_t *crmg_detect_json(const struct crmg_binding *binding);

/* Who was told of; zero: nobody yet. */
struct crmg_patient_watch {
	struct crmg_patient_told *told;		/* CRMG_PATIENTS of them */
	uint32_t next;				/* to look at, modulo CRMG_PATIENTS */
};

/* At most so many are told of in one round. */
#define CRMG_PATIENT_ROUND 50

typedef void crmg_patient_tell(void *ctx, const struct crmg_pfx *source, const char *service,
			       const char *text);

/*
 * Goes through a snapshot with CRMG_SNAP_SOURCES and tells of each source whose policy looks
 * for patient ones and whose score is CRMG_PATIENT_SCORE or more; of the same one not again
 * before CRMG_PATIENT_AGAIN_NS. -ENOMEM.
 */
int crmg_patient_look(struct crmg_patient_watch *watch, const struct crmg_snapshot *snap,
		      crmg_patient_tell *tell, void *ctx);
void crmg_patient_watch_free(struct crmg_patient_watch *watch);

#endif
