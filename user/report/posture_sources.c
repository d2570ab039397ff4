// SPDX-License-Identifier: GPL-2.0
/* posture_sources.c - who is near the end of a budget: goes once through the table of sources. */
#include <stdlib.h>

#include "../base/num.h"
#include "../base/util.h"
#include "posture_parts.h"
#include "show.h"
#include "sources.h"
#include "text.h"
#include "why.h"
#include "wide.h"

/* The budget that has least left, and the source or wider prefix whose it is. */
struct near {
	struct crmg_pfx wide;		/* len 0: it is of a source, ... */
	uint32_t index;			/* ... at this slot; else: of the binding */
	uint32_t row;			/* in ret->rows */
	unsigned int quota;
	uint64_t left;
	double share;			/* used, 0..1 */
};

/* False: they are not near the end of a budget, or have none. */
static bool is_near(const struct crmg_snapshot *snap, const struct crmg_quotas *quotas,
		    const struct crmg_windows *windows, struct near *ret)
{
	uint64_t left[CRMG_WINDOWS_MAX];

	*ret = (struct near){ .share = 0 };
	if (!quotas)
		return false;
	crmg_quotas_left(quotas, windows, snap->mono_ns, left);
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

/* whose: of sources together; "": of the one that the finding names. */
static struct crmg_posture_item *tell_quota(struct crmg_search *s,
					    const struct crmg_policy_row *row,
					    const struct crmg_quotas *quotas,
					    const struct near *near, const char *whose)
{
	const struct crmg_quota *quota = &quotas->quota[near->quota];
	char left[CRMG_SHORT_LEN], bytes[CRMG_NUM_LEN], per[CRMG_NUM_LEN];

	return crmg_found(s, CRMG_POSTURE_NEAR_BUDGET, row, "%s%.0f %% of %s per %s used, %s bytes "
			  "left", whose, near->share * 100,
			  crmg_format_bytes(quota->bytes, bytes, sizeof(bytes)),
			  crmg_quota_per(quota, per, sizeof(per)),
			  crmg_format_short(near->left, left, sizeof(left)));
}

static void tell_wide(struct crmg_search *s, const struct near *near)
{
	const struct crmg_image *image = s->snap->image;
	const struct crmg_binding *binding = crmg_image_binding(image, near->index);
	struct crmg_posture_item *finding;

	finding = tell_quota(s, row_of(s, binding->row),
			     crmg_image_quotas(image, binding->aggregate_quotas), near,
			     "all its sources together: ");
	if (finding)
		finding->source = near->wide;
}

static void tell_near(struct crmg_search *s, const struct near *near)
{
	const struct crmg_snapshot *snap = s->snap;
	const struct crmg_binding *binding;
	struct crmg_source_record source;
	struct crmg_posture_item *finding;

	if (near->wide.len) {
		tell_wide(s, near);
		return;
	}
	/* The table goes on: it may be gone since it was found. */
	if (!crmg_source_read(snap, near->index, &source))
		return;
	binding = crmg_image_binding(snap->image, crmg_source_binding(snap, &source));
	if (!binding || !binding->quotas)
		return;
	finding = tell_quota(s, row_of(s, binding->row),
			     crmg_image_quotas(snap->image, binding->quotas), near, "");
	if (!finding)
		return;
	finding->source.addr = source.detail.addr;
	finding->source.len = crmg_source_len(snap, &source.detail.addr);
}

/* Those that all sources of a policy, or of a service, share. */
static void tell_totals(struct crmg_search *s)
{
	static const char *const whose[CRMG_SCOPE_COUNT] = {
		[CRMG_SCOPE_POLICY] = "all sources of the policy: ",
		[CRMG_SCOPE_SERVICE] = "all sources of the service: ",
	};
	uint64_t told = 0;	/* bit: services */

	for (size_t i = 0; s->snap->total_windows && i < s->ret->rows.count; i++) {
		const struct crmg_policy_row *row = &s->ret->rows.items[i];

		for (unsigned int scope = CRMG_SCOPE_POLICY; scope < CRMG_SCOPE_COUNT; scope++) {
			uint32_t at;
			const struct crmg_quotas *quotas =
				crmg_quotas_of(s->snap->image, row->binding, scope, &at);
			uint64_t bit = 1ULL << (row->binding->service - 1);
			struct near near;

			if (!quotas || (scope == CRMG_SCOPE_SERVICE && told & bit))
				continue;
			if (scope == CRMG_SCOPE_SERVICE)
				told |= bit;
			if (is_near(s->snap, quotas, &s->snap->total_windows[at].windows, &near))
				tell_quota(s, row, quotas, &near, whose[scope]);
		}
	}
}

/* False: out of memory. */
static bool add_near(struct crmg_search *s, struct near **list, size_t *count,
		     const struct near *near)
{
	struct near *place = crmg_grow(list, count, sizeof(**list));

	if (place)
		*place = *near;
	else
		s->failed = true;
	return place;
}

static bool add_wides(struct crmg_search *s, struct near **list, size_t *count)
{
	const struct crmg_image *image = s->snap->image;
	struct crmg_wides wides;

	crmg_wides_of(s->snap, &wides);
	for (uint32_t i = 0; i < crmg_wides_count(s->snap); i++) {
		const struct crmg_binding *binding;
		struct crmg_wide_entry entry;
		struct near near;

		if (!crmg_wide_read(&wides, i, &entry))
			continue;
		binding = crmg_image_binding(image, entry.binding);
		if (!is_near(s->snap, crmg_image_quotas(image, binding->aggregate_quotas),
			     &entry.windows, &near))
			continue;
		near.wide = entry.pfx;
		near.index = entry.binding;
		if (!add_near(s, list, count, &near))
			return false;
	}
	return true;
}

void crmg_posture_sources(struct crmg_search *s)
{
	const struct crmg_snapshot *snap = s->snap;
	crmg_autofree struct near *list = NULL;
	size_t count = 0;

	tell_totals(s);
	if (!add_wides(s, &list, &count))
		return;
	for (uint32_t i = 0; snap->windows && i < snap->capacity; i++) {
		struct crmg_source_record source;
		const struct crmg_binding *binding;
		struct near near;

		if (!snap->windows[i].window[0].terms || !crmg_source_read(snap, i, &source))
			continue;
		binding = crmg_image_binding(snap->image, crmg_source_binding(snap, &source));
		if (!binding || !is_near(snap, crmg_image_quotas(snap->image, binding->quotas),
					 &snap->windows[i], &near))
			continue;
		near.index = i;
		if (!add_near(s, &list, &count, &near))
			return;
	}
	if (count)
		qsort(list, count, sizeof(*list), by_share);
	for (size_t i = 0; i < count; i++)
		tell_near(s, &list[i]);
}
