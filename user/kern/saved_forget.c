// SPDX-License-Identifier: GPL-2.0
/* saved_forget.c - takes a source out of what outlives a reboot, also where nothing is attached. */
#include <fcntl.h>

#include "../base/util.h"
#include "internal.h"
#include "savedfile.h"

static bool crmg_past_counts(const struct crmg_saved_budget *budget)
{
	uint64_t counts = 0;
	size_t i, back;

	for (i = 0; i < CRMG_WINDOWS_MAX; i++)
		for (back = 0; back <= CRMG_WINDOW_STAMPS; back++)
			counts |= budget->past[i].counts[back];
	return counts;
}

/* From a document and what was read of it; how many. */
static size_t crmg_budgets_erase(json_t *document, const struct crmg_saved *saved,
				 const struct crmg_pfx *source)
{
	json_t *list = json_object_get(document, "sources");
	size_t count = 0, i = saved->budget_count;

	while (i-- > 0)
		if (crmg_prefixes_meet(&saved->budgets[i].source, source) &&
		    !crmg_past_counts(&saved->budgets[i]))
			count += !json_array_remove(list, i);
	return count;
}

int crmg_saved_forget(const struct crmg_state *state, const struct crmg_pfx *source,
		      size_t *ret_count, struct crmg_err *err)
{
	crmg_autoclose int lock = crmg_state_lock(state, CRMG_SAVED_LOCK, err);
	struct crmg_saved saved = { 0 };
	json_t *document;
	int code;

	*ret_count = 0;
	if (lock < 0)
		return lock;
	code = crmg_saved_budgets_read(state, &saved, &document, err);
	if (!code && document)
		*ret_count = crmg_budgets_erase(document, &saved, source);
	if (*ret_count)
		code = crmg_save_json(state, CRMG_SAVED_BUDGETS, document, NULL, err);
	else
		json_decref(document);
	crmg_saved_free(&saved);
	return code;
}

int crmg_saved_drop_bad(const struct crmg_state *state, size_t *ret_count, struct crmg_err *err)
{
	static const char *const names[] = {
		CRMG_SAVED_BANS CRMG_STATE_BAD, CRMG_SAVED_BUDGETS CRMG_STATE_BAD,
	};
	size_t i;
	int code = 0;

	*ret_count = 0;
	for (i = 0; !code && i < CRMG_ARRAY_SIZE(names); i++) {
		*ret_count += !faccessat(state->dir, names[i], F_OK, AT_SYMLINK_NOFOLLOW);
		code = crmg_state_remove(state, names[i], err);
	}
	return code;
}
