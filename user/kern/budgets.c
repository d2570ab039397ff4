// SPDX-License-Identifier: GPL-2.0
/*
 * budgets.c - reads back what sent.c wrote, and puts it into map "kept", where each source
 * finds it with its first packet; of prefixes and totals where they have it. No clock on the wall
 * has a say: in the boot that wrote it the time since then has passed, in another one the time
 * since that began.
 */
#include <string.h>

#include <bpf/bpf.h>
#include <crmgate/hash.h>

#include "../base/util.h"
#include "../report/wide.h"
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

/* Whose it is, a source apart, and what was sent. */
static bool crmg_budget_read(const json_t *from, uint64_t elapsed_ns,
			     struct crmg_saved_budget *ret)
{
	const char *service, *policy;
	const json_t *windows, *window;
	size_t i;

	if (json_unpack((json_t *)from, "{s:s, s:s, s:o}", "service", &service, "policy", &policy,
			"windows", &windows) || !crmg_is_name(service) ||
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

static bool crmg_source_budget_read(const json_t *from, uint64_t elapsed_ns,
				    struct crmg_saved_budget *ret)
{
	const char *source, *why;

	return !json_unpack((json_t *)from, "{s:s}", "source", &source) &&
	       !crmg_parse_prefix(source, &ret->source, &why) &&
	       crmg_budget_read(from, elapsed_ns, ret);
}

/* A list of at most so many, each read by `read`: 0, -ENOMEM or -EINVAL. */
static int crmg_budget_list(const json_t *list, size_t most, uint64_t elapsed_ns,
			    bool (*read)(const json_t *, uint64_t, struct crmg_saved_budget *),
			    struct crmg_saved_budget **ret, size_t *ret_count)
{
	crmg_autofree struct crmg_saved_budget *budgets = NULL;
	const json_t *one;
	size_t i;

	if (!json_is_array(list) || json_array_size(list) > most)
		return -EINVAL;
	budgets = calloc(json_array_size(list) + 1, sizeof(*budgets));
	if (!budgets)
		return -ENOMEM;
	json_array_foreach(list, i, one)
		if (!read(one, elapsed_ns, &budgets[i]))
			return -EINVAL;
	*ret = budgets;
	*ret_count = i;
	budgets = NULL;
	return 0;
}

int crmg_budgets_read(const json_t *document, struct crmg_saved *saved)
{
	uint64_t elapsed = crmg_clock_ns(CLOCK_MONOTONIC);
	const json_t *sources, *totals = NULL;
	char ours[CRMG_BOOT_ID_LEN];
	const char *boot;
	json_int_t then;
	int version, code;

	if (json_unpack((json_t *)document, "{s:i, s:s, s:I, s:o, s?o}", "version", &version,
			"boot_id", &boot, "monotonic_ns", &then, "sources", &sources, "totals",
			&totals) ||
	    version != CRMG_SAVED_VERSION || then < 0)
		return -EINVAL;
	if (!strcmp(boot, crmg_boot_id(ours)))
		elapsed = crmg_window_less(elapsed, (uint64_t)then);
	code = crmg_budget_list(sources, CRMG_SAVED_BUDGETS_MAX, elapsed, crmg_source_budget_read,
				&saved->budgets, &saved->budget_count);
	if (!code && totals)
		code = crmg_budget_list(totals, CRMG_BINDINGS_MAX + CRMG_SERVICES_MAX, elapsed,
					crmg_budget_read, &saved->totals, &saved->total_count);
	return code;
}

/* The first binding of the policy of a budget at its service; 0: there is none. */
static uint32_t crmg_budget_binding(const struct crmg_image *image,
				    const struct crmg_saved_budget *budget)
{
	uint32_t i;

	for (i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_label *label = crmg_image_label(image, i);

		if (label && !strcmp(label->service, budget->service) &&
		    !strcmp(label->policy, budget->policy))
			return i;
	}
	return 0;
}

/* What the hash of a source takes of its policy: see crmg_part_policy(). -1: there is none. */
static int crmg_part_share(const struct crmg_image *image, const struct crmg_saved_budget *budget)
{
	uint32_t i = budget->policy[0] ? crmg_budget_binding(image, budget) : 0;

	if (!budget->policy[0])
		return 0;
	return i ? crmg_image_binding(image, i)->row : -1;
}

/* ret: nothing was sent yet. */
static void crmg_windows_put(const struct crmg_saved_budget *budget, uint64_t now,
			     struct crmg_windows *ret)
{
	size_t i;

	for (i = 0; i < CRMG_WINDOWS_MAX && budget->past[i].terms; i++) {
		struct crmg_window *w = &ret->window[i];

		crmg_window_adopt(w, &budget->past[i], budget->past[i].terms, now);
		w->terms |= CRMG_WINDOW_ARMED;
	}
}

/* Of all together, on a state that no packet has seen. */
static void crmg_total_put(struct crmg_kern *kern, const struct crmg_saved_budget *total)
{
	struct crmg_total_windows *there = kern->view[CRMG_MAP_TOTAL_WINDOWS].memory;
	uint32_t service = crmg_image_service_find(&kern->image, total->service);
	int row = total->policy[0] ? crmg_part_share(&kern->image, total)
				   : (int)(CRMG_TOTAL_SERVICES + service);

	if (service && row >= 0)
		crmg_windows_put(total, crmg_clock_ns(CLOCK_MONOTONIC), &there[row].windows);
}

/* Of a wider prefix, on a state that no packet has seen: 0, or 1: it is left out. */
static int crmg_wide_put(struct crmg_kern *kern, const struct crmg_setup *setup,
			 const struct crmg_saved_budget *budget, uint8_t service)
{
	struct crmg_total_windows *there = kern->view[CRMG_MAP_TOTAL_WINDOWS].memory;
	const struct crmg_addr *addr = &budget->source.addr;
	uint32_t i = crmg_budget_binding(&kern->image, budget);
	const struct crmg_binding *binding = crmg_image_binding(&kern->image, i);
	struct crmg_hash hash;

	if (!i || !binding->aggregate_quotas || budget->source.len != crmg_wide_len(binding, addr))
		return 1;
	crmg_hash_of(setup->hash_key, CRMG_WIDE_LINES(setup->capacity) - 1, addr, service,
		     CRMG_HASH_AGGREGATE | binding->row, &hash);
	there += CRMG_TOTALS + hash.line * CRMG_WIDE_WAYS;
	for (i = 0; i < CRMG_WIDE_WAYS && there[i].check; i++)
		;
	if (i == CRMG_WIDE_WAYS)
		return 1;
	there[i].addr = *addr;
	there[i].row = binding->row;
	there[i].len = budget->source.len;
	there[i].check = crmg_hash_wide(&hash, budget->source.len);
	crmg_windows_put(budget, crmg_clock_ns(CLOCK_MONOTONIC), &there[i].windows);
	return 0;
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

	if (service && budget->source.len < len && budget->policy[0])
		return crmg_wide_put(kern, setup, budget, (uint8_t)service);
	if (!service || share < 0 || budget->source.len != len)
		return 1;
	crmg_windows_put(budget, now, &kept.windows);
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
	for (i = 0; !code && i < saved->total_count; i++)
		crmg_total_put(kern, &saved->totals[i]);
	if (count)
		__atomic_store_n(&scratch->kept, 1, __ATOMIC_RELEASE);
	*ret_count = count;
	*ret_left_out = left_out;
	return code;
}
