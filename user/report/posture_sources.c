// SPDX-License-Identifier: GPL-2.0
/* posture_sources.c - goes once through the table for sources near the end of a budget. */
#include <stdlib.h>

#include "../base/num.h"
#include "../base/util.h"
#include "posture_parts.h"
#include "show.h"
#include "sources.h"
#include "text.h"
#include "why.h"

/* A source, and the budget of it that has least left. */
struct near {
	uint32_t index;
	uint32_t row;			/* in ret->rows */
	unsigned int quota;
	uint64_t left;
	double share;			/* used, 0..1 */
};

/* False: it is not near the end of a budget, or has none. */
static bool is_near(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
		    uint32_t index, struct near *ret)
{
	const struct crmg_quotas *quotas = crmg_image_quotas(snap->image, binding);
	uint64_t left[CRMG_WINDOWS_MAX];

	if (!quotas)
		return false;
	*ret = (struct near){ .index = index };
	crmg_quotas_left(quotas, &snap->windows[index], snap->mono_ns, left);
	for (unsigned int q = 0; q < CRMG_WINDOWS_MAX && quotas->quota[q].terms; q++) {
		double bytes = quotas->quota[q].bytes;
		double share = left[q] < bytes ? 1 - left[q] / bytes : 0;

		if (share > ret->share) {
			ret->share = share;
			ret->quota = q;
			ret->left = left[q];
		}
	}
	return ret->share * 100 >= quotas->notify_at && ret->share > 0;
}

static int by_share(const void *a, const void *b)
{
	const struct near *x = a, *y = b;

	if (x->share != y->share)
		return x->share > y->share ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static const struct crmg_policy_row *row_of(const struct crmg_search *s, uint16_t row)
{
	for (size_t i = 0; i < s->ret->rows.count; i++)
		if (s->ret->rows.items[i].binding->row == row)
			return &s->ret->rows.items[i];
	return NULL;
}

static void tell_near(struct crmg_search *s, const struct near *near)
{
	const struct crmg_snapshot *snap = s->snap;
	const struct crmg_binding *binding;
	const struct crmg_quota *quota;
	struct crmg_source_record source;
	struct crmg_posture_item *finding;
	char left[CRMG_SHORT_LEN], bytes[CRMG_NUM_LEN], per[CRMG_NUM_LEN];

	/* The table goes on: it may be gone since it was found. */
	if (!crmg_source_read(snap, near->index, &source))
		return;
	binding = crmg_image_binding(snap->image, crmg_source_binding(snap, &source));
	if (!binding || !crmg_image_quotas(snap->image, binding))
		return;
	quota = &crmg_image_quotas(snap->image, binding)->quota[near->quota];
	finding = crmg_found(s, CRMG_POSTURE_NEAR_BUDGET, row_of(s, binding->row),
			"%.0f %% of %s per %s used, %s bytes left", near->share * 100,
			crmg_format_bytes(quota->bytes, bytes, sizeof(bytes)),
			crmg_quota_per(quota, per, sizeof(per)),
			crmg_format_short(near->left, left, sizeof(left)));
	if (!finding)
		return;
	finding->source.addr = source.detail.addr;
	finding->source.len = crmg_source_len(snap, &source.detail.addr);
}

void crmg_posture_sources(struct crmg_search *s)
{
	const struct crmg_snapshot *snap = s->snap;
	crmg_autofree struct near *list = NULL;
	size_t count = 0;

	for (uint32_t i = 0; snap->windows && i < snap->capacity; i++) {
		struct crmg_source_record source;
		const struct crmg_binding *binding;
		struct near *place, near;

		if (!snap->windows[i].window[0].terms || !crmg_source_read(snap, i, &source))
			continue;
		binding = crmg_image_binding(snap->image, crmg_source_binding(snap, &source));
		if (!binding || !is_near(snap, binding, i, &near))
			continue;
		place = crmg_grow(&list, &count, sizeof(*list));
		if (!place) {
			s->failed = true;
			return;
		}
		*place = near;
	}
	if (count)
		qsort(list, count, sizeof(*list), by_share);
	for (size_t i = 0; i < count; i++)
		tell_near(s, &list[i]);
}
