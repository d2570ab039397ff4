/* SPDX-License-Identifier: GPL-2.0 */
/* quotas.c - budgets of bytes that leave: as text, and what is left of one. */
#include <stdio.h>
#include <string.h>

#include <crmgate/window.h>

#include "../base/num.h"
#include "names.h"
#include "show.h"
#include "why.h"

#define CRMG_COPY_TRIES 64

char *crmg_quota_per(const struct crmg_quota *quota, char *buf, size_t size)
{
	return crmg_format_time(crmg_terms_per_s(quota->terms) * CRMG_NS_PER_SEC, buf, size);
}

char *crmg_quotas_text(const struct crmg_quotas *quotas, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < CRMG_WINDOWS_MAX && quotas->quota[i].terms && at < size; i++) {
		char bytes[CRMG_NUM_LEN], per[CRMG_NUM_LEN];

		at += (size_t)snprintf(buf + at, size - at, "%s%s per %s", at ? ", " : "",
			crmg_format_bytes(quotas->quota[i].bytes, bytes, sizeof(bytes)),
			crmg_quota_per(&quotas->quota[i], per, sizeof(per)));
	}
	return buf;
}

char *crmg_throttle_text(const struct crmg_quotas *quotas, char buf[CRMG_NUM_LEN])
{
	if (quotas->on_budget != CRMG_ON_BUDGET_THROTTLE)
		return NULL;
	return crmg_format_byte_rate(quotas->throttle_to, CRMG_NS_PER_SEC, buf, CRMG_NUM_LEN);
}

char *crmg_on_budget_text(const struct crmg_quotas *quotas, char buf[CRMG_ON_BUDGET_LEN])
{
	char rate[CRMG_NUM_LEN];
	const char *to = crmg_throttle_text(quotas, rate);

	snprintf(buf, CRMG_ON_BUDGET_LEN, "%s%s%s", crmg_on_budget_name(quotas->on_budget),
		 to ? " to " : "", to ? to : "");
	return buf;
}

/* What a policy changed that sent nothing since is taken over here as the next packet will. */
void crmg_quotas_left(const struct crmg_quotas *quotas, const struct crmg_windows *windows,
		      uint64_t mono_ns, uint64_t ret[CRMG_WINDOWS_MAX])
{
	struct crmg_window_past past[CRMG_WINDOWS_MAX];
	struct crmg_windows now = *windows;
	__u64 changed = 0;

	for (size_t i = 0; i < CRMG_WINDOWS_MAX; i++)
		changed |= (now.window[i].terms & ~CRMG_WINDOW_FLAGS) ^ quotas->quota[i].terms;
	if (changed)
		crmg_windows_adopt(&now, quotas->quota, past, mono_ns);
	for (size_t i = 0; i < CRMG_WINDOWS_MAX; i++) {
		const struct crmg_window *w = &now.window[i];

		ret[i] = crmg_window_less(8 * crmg_terms_eighth(w->terms),
					  crmg_window_level(w, crmg_window_since(w, mono_ns)));
	}
}

void crmg_windows_copy(const struct crmg_windows *there, struct crmg_windows *ret)
{
	struct crmg_windows again;
	int tries = 0;

	memcpy(&again, there, sizeof(again));
	do {
		*ret = again;
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		memcpy(&again, there, sizeof(again));
	} while ((memcmp(&again, ret, sizeof(again)) || again.window[0].terms & CRMG_WINDOW_BUSY) &&
		 ++tries < CRMG_COPY_TRIES);
}

const struct crmg_quotas *crmg_quotas_of(const struct crmg_image *image,
					 const struct crmg_binding *binding,
					 enum crmg_scope scope, uint32_t *ret_at)
{
	switch (scope) {
	case CRMG_SCOPE_SOURCE:
		return crmg_image_quotas(image, binding->quotas);
	case CRMG_SCOPE_AGGREGATE:
		*ret_at = 0;
		return crmg_image_quotas(image, binding->aggregate_quotas);
	case CRMG_SCOPE_POLICY:
		*ret_at = binding->row;
		return crmg_image_quotas(image, binding->total_quotas);
	case CRMG_SCOPE_SERVICE:
		*ret_at = CRMG_TOTAL_SERVICES + binding->service;
		return !(binding->flags & CRMG_BINDING_SERVICE) ? NULL :
		       crmg_image_quotas(image, crmg_image_front(image)->budgets[binding->service]
						.quotas);
	default:
		return NULL;
	}
}

bool crmg_quotas_spent(const struct crmg_quotas *quotas, const struct crmg_windows *windows,
		       uint64_t mono_ns)
{
	for (size_t i = 0; i < CRMG_WINDOWS_MAX && quotas->quota[i].terms; i++) {
		const struct crmg_window *w = &windows->window[i];

		if (w->terms & CRMG_WINDOW_OVER &&
		    (w->terms & ~CRMG_WINDOW_FLAGS) == quotas->quota[i].terms &&
		    crmg_window_shut(w, crmg_window_since(w, mono_ns)))
			return true;
	}
	return false;
}

/* The packet path ends a cut with the first packet that may pass, which may be a while. */
bool crmg_total_cut(const struct crmg_snapshot *snap, const struct crmg_binding *binding,
		    uint32_t at)
{
	struct crmg_total_windows total;
	bool closed = false;

	if (!at || !snap->total_windows || binding->mode == CRMG_MODE_OFF)
		return false;
	total = snap->total_windows[at];
	if (total.cut != binding->generation)
		return false;
	for (size_t i = 0; i < CRMG_WINDOWS_MAX; i++) {
		const struct crmg_window *w = &total.windows.window[i];

		closed |= crmg_window_shut(w, crmg_window_since(w, snap->mono_ns));
	}
	return closed;
}
