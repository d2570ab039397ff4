// SPDX-License-Identifier: GPL-2.0
/* patient_watch.c - tells of patient sources, each once an hour. */
#include <stdlib.h>

#include "../base/num.h"
#include "../base/util.h"
#include "patient.h"

struct crmg_patient_told {
	uint64_t check;
	uint64_t mono_ns;
};

/* The source that a note is of, if it still has its slot. */
static bool whose(const struct crmg_snapshot *snap, const struct crmg_patience *patience,
		  struct crmg_source_record *ret)
{
	return patience->check && patience->index < snap->capacity &&
	       crmg_source_read(snap, patience->index, ret) && ret->slot.check == patience->check;
}

static bool is_news(const struct crmg_patient_told *told, uint64_t check, uint64_t mono_ns)
{
	return told->check != check || mono_ns - told->mono_ns >= CRMG_PATIENT_AGAIN_NS;
}

int crmg_patient_look(struct crmg_patient_watch *watch, const struct crmg_snapshot *snap,
		      crmg_patient_tell *tell, void *ctx)
{
	unsigned int count = 0;
	uint32_t looked;

	if (!snap->patience)
		return 0;
	if (!watch->told)
		watch->told = calloc(CRMG_PATIENTS, sizeof(*watch->told));
	if (!watch->told)
		return -ENOMEM;
	/* Goes on where the round before stopped, so that each has its turn. */
	for (looked = 0; looked < CRMG_PATIENTS && count < CRMG_PATIENT_ROUND; looked++) {
		uint32_t i = watch->next++ % CRMG_PATIENTS;
		const struct crmg_patience *patience = &snap->patience[i];
		const struct crmg_service *service;
		struct crmg_source_record source;
		char text[CRMG_PATIENT_LEN];
		struct crmg_patient p;
		struct crmg_pfx pfx;

		if (!patience->check || !is_news(&watch->told[i], patience->check, snap->mono_ns) ||
		    !whose(snap, patience, &source) || !crmg_patient_looks(snap, &source) ||
		    !crmg_patient_find(snap, &source, &p) ||
		    p.score < CRMG_PATIENT_SCORE)
			continue;
		service = crmg_image_service(snap->image, source.detail.service);
		pfx = (struct crmg_pfx){ source.detail.addr,
					 crmg_source_len(snap, &source.detail.addr) };
		watch->told[i] = (struct crmg_patient_told){ patience->check, snap->mono_ns };
		tell(ctx, &pfx, service->name, crmg_patient_text(&p, text));
		count++;
	}
	return 0;
}

void crmg_patient_watch_free(struct crmg_patient_watch *watch)
{
	free(watch->told);
	watch->told = NULL;
}
