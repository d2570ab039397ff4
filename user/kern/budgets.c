// SPDX-License-Identifier: GPL-2.0
/*
 * budgets.c - reads back what sent.c wrote, and puts it into map "kept", where each source
 * finds it with its first packet. No clock on the wall has a say: in the boot that wrote it
 * the time since then has passed, in another one the time since that began.
 */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "internal.h"
#include "savedfile.h"

/* False: it makes no sense. */
static bool crmg_past_read(const json_t *from, uint64_t elapsed_ns, struct crmg_window_past *ret)
{
	json_int_t per_s, eighth, used;
	const json_t *left, *item;
	uint64_t elapsed;
	size_t i;

	if (json_unpack((json_t *)from, "{s:I, s:I, s:I, s:o}", "per_seconds", &per_s,
			"eighth_bytes", &eighth, "used_bytes", &used, "left", &left) ||
	    per_s < 1 || per_s > CRMG_QUOTA_PER_MAX || eighth < 1 ||
	    eighth > (json_int_t)(CRMG_QUOTA_MAX / 8) || used < 0 || used >= eighth ||
	    json_array_size(left) != CRMG_WINDOW_STAMPS + 1)
		return false;
	ret->terms = crmg_terms_of((uint64_t)eighth * 8, (uint32_t)per_s);
	ret->used = (uint64_t)used;
	elapsed = elapsed_ns / crmg_terms_unit_ns(ret->terms);
	json_array_foreach(left, i, item) {
		json_int_t counts = json_integer_value(item);

		if (!json_is_integer(item) || counts < 0 || counts > CRMG_WINDOW_FULL)
			return false;
		ret->counts[i] = crmg_window_less((uint64_t)counts, elapsed);
	}
	return true;
}

static bool crmg_budget_read(const json_t *from, uint64_t elapsed_ns,
			     struct crmg_saved_budget *ret)
{
	const char *source, *service, *policy, *why;
	const json_t *windows, *window;
	size_t i;

	if (json_unpack((json_t *)from, "{s:s, s:s, s:s, s:o}", "source", &source, "service",
			&service, "policy", &policy, "windows", &windows) ||
	    crmg_parse_prefix(source, &ret->source, &why) || !crmg_is_name(service) ||
	    (policy[0] && !crmg_is_name(policy)) || !json_is_array(windows) ||
	    json_array_size(windows) > CRMG_WINDOWS_MAX)
		return false;
	crmg_copy(ret->service, sizeof(ret->service), service);
	crmg_copy(ret->policy, sizeof(ret->policy), policy);
	json_array_foreach(windows, i, window)
		if (!crmg_past_read(window, elapsed_ns, &ret->past[i]))
			return false;
	return true;
}

int crmg_budgets_read(const json_t *document, struct crmg_saved *saved)
{
	crmg_autofree struct crmg_saved_budget *budgets = NULL;
	uint64_t elapsed = crmg_clock_ns(CLOCK_MONOTONIC);
	const json_t *sources, *source;
	char ours[CRMG_BOOT_ID_LEN];
	const char *boot;
	json_int_t then;
	size_t i, count;
	int version;

	if (json_unpack((json_t *)document, "{s:i, s:s, s:I, s:o}", "version", &version, "boot_id",
			&boot, "monotonic_ns", &then, "sources", &sources) ||
	    version != CRMG_SAVED_VERSION || then < 0 || !json_is_array(sources) ||
	    json_array_size(sources) > CRMG_SAVED_BUDGETS_MAX)
		return -EINVAL;
	if (!strcmp(boot, crmg_boot_id(ours)))
		elapsed = crmg_window_less(elapsed, (uint64_t)then);
	count = json_array_size(sources);
	budgets = calloc(count + 1, sizeof(*budgets));
	if (!budgets)
		return -ENOMEM;
	json_array_foreach(sources, i, source)
		if (!crmg_budget_read(source, elapsed, &budgets[i]))
			return -EINVAL;
	saved->budgets = budgets;
	saved->budget_count = count;
	budgets = NULL;
	return 0;
}

/* What the hash of a source takes of its policy: see crmg_part_policy(). -1: there is none. */
static int crmg_part_share(const struct crmg_image *image, const struct crmg_saved_budget *budget)
{
	uint32_t i;

	if (!budget->policy[0])
		return 0;
	for (i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(image, i);

		if (label && !strcmp(label->service, budget->service) &&
		    !strcmp(label->policy, budget->policy))
			return crmg_image_binding(image, i)->row;
	}
	return -1;
}

/* 0, 1: left out, or negative errno. */
static int crmg_budget_put(struct crmg_kern *kern, const struct crmg_setup *setup,
			   const struct crmg_saved_budget *budget)
{
	uint32_t service = crmg_image_service_find(&kern->image, budget->service);
	const struct crmg_addr *addr = &budget->source.addr;
	uint8_t len = crmg_addr_is_v4(addr) ? 96 + setup->v4_prefix : setup->v6_prefix;
	uint64_t now = crmg_clock_ns(CLOCK_MONOTONIC), check;
	int share = crmg_part_share(&kern->image, budget);
	struct crmg_kept kept = { .addr = *addr, .service = (uint8_t)service };
	size_t i;

	if (!service || share < 0 || budget->source.len != len)
		return 1;
	for (i = 0; i < CRMG_WINDOWS_MAX && budget->past[i].terms; i++) {
		struct crmg_window *w = &kept.windows.window[i];

		crmg_window_adopt(w, &budget->past[i], budget->past[i].terms, now);
		w->terms |= CRMG_WINDOW_ARMED;
	}
	check = crmg_check_of(setup, addr, (uint8_t)service, (uint16_t)share);
	return bpf_map_update_elem(kern->map[CRMG_MAP_KEPT], &check, &kept, 0) ? -errno : 0;
}

int crmg_saved_budgets(struct crmg_kern *kern, const struct crmg_saved *saved,
		       size_t *ret_count, size_t *ret_left_out, struct crmg_err *err)
{
	struct crmg_scratch *scratch = kern->view[CRMG_MAP_SCRATCH].memory;
	size_t count = 0, left_out = 0, i;
	const struct crmg_image *image;
	struct crmg_setup setup;
	int code = crmg_kern_image(kern, &image, err);

	if (!code)
		code = crmg_setup_read(kern, &setup, err);
	for (i = 0; !code && i < saved->budget_count; i++) {
		int one = crmg_budget_put(kern, &setup, &saved->budgets[i]);

		count += !one;
		left_out += one > 0;
		if (one < 0)
			code = crmg_err_set(err, one, "cannot write what a source was sent: %s",
					    strerror(-one));
	}
	if (count)
		__atomic_store_n(&scratch->kept, 1, __ATOMIC_RELEASE);
	*ret_count = count;
	*ret_left_out = left_out;
	return code;
}
