// SPDX-License-Identifier: GPL-2.0
/*
 * sent.c - writes down what sources, those of a wider prefix together, and all of a policy or a
 * service, were sent under budgets of more than an hour: the time that each eighth of a quota
 * still counts.
 */
#include <string.h>

#include <bpf/bpf.h>
#include <crmgate/hash.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "../report/why.h"
#include "../report/wide.h"
#include "internal.h"
#include "savedfile.h"

#define CRMG_PARTS      256	/* of a quota: by these is chosen who is written down */

/*
 * How near a source is to the end of a quota of more than an hour, [1, CRMG_PARTS]; 0: nothing
 * counts in any of them.
 */
static unsigned int crmg_windows_part(const struct crmg_windows *windows, uint64_t mono_ns)
{
	uint64_t part, most = 0;
	size_t i;

	for (i = 0; i < CRMG_WINDOWS_MAX; i++) {
		const struct crmg_window *w = &windows->window[i];
		uint64_t eighth = crmg_terms_eighth(w->terms);

		if (!eighth || crmg_terms_per_s(w->terms) <= CRMG_KEPT_PER_S)
			continue;
		part = crmg_window_level(w, crmg_window_since(w, mono_ns));
		part = (part * (CRMG_PARTS / 8) + eighth - 1) / eighth;
		most = part > most ? part : most;
	}
	return most < CRMG_PARTS ? most : CRMG_PARTS;
}

/*
 * Who was sent something: the slots of the table, behind them what is in map "kept", and then
 * the entries of wider prefixes.
 */
struct crmg_sent {
	const struct crmg_snapshot *snap;
	struct crmg_wides wides;
	struct crmg_setup setup;
	__u64 *checks;			/* of kept */
	struct crmg_kept *kept;
	__u32 kept_count;
};

/* In one batch, for which all of the map has room. */
static int crmg_kept_read(struct crmg_kern *kern, struct crmg_sent *sent)
{
	const struct crmg_scratch *scratch = kern->view[CRMG_MAP_SCRATCH].memory;
	__u32 count = CRMG_KEPT_MAX, at;

	if (!__atomic_load_n(&scratch->kept, __ATOMIC_RELAXED))
		return 0;
	sent->checks = calloc(count, sizeof(*sent->checks));
	sent->kept = calloc(count, sizeof(*sent->kept));
	if (!sent->checks || !sent->kept)
		return -ENOMEM;
	if (bpf_map_lookup_batch(kern->map[CRMG_MAP_KEPT], NULL, &at, sent->checks, sent->kept,
				 &count, NULL) && errno != ENOENT)
		return -errno;
	sent->kept_count = count;
	return 0;
}

static void crmg_sent_free(struct crmg_sent *sent)
{
	free(sent->checks);
	free(sent->kept);
}

int crmg_kept_forget(struct crmg_kern *kern, const struct crmg_snapshot *snap,
		     const struct crmg_pfx *source, struct crmg_err *err)
{
	struct crmg_sent sent = { .snap = snap };
	int code = crmg_kept_read(kern, &sent);
	__u32 i;

	for (i = 0; !code && i < sent.kept_count; i++) {
		const struct crmg_kept *kept = &sent.kept[i];
		const struct crmg_pfx pfx = { kept->addr, crmg_source_len(snap, &kept->addr) };

		if (crmg_prefixes_meet(&pfx, source) &&
		    !crmg_windows_count(&kept->windows, snap->mono_ns) &&
		    bpf_map_delete_elem(kern->map[CRMG_MAP_KEPT], &sent.checks[i]) && errno != ENOENT)
			code = -errno;
	}
	crmg_sent_free(&sent);
	return code ? crmg_err_set(err, code, "cannot erase what a source was sent: %s",
				   strerror(-code)) : 0;
}

/* Behind it the indexes of wider prefixes begin. */
static uint32_t crmg_sent_sources(const struct crmg_sent *sent)
{
	return sent->snap->capacity + sent->kept_count;
}

static uint32_t crmg_sent_count(const struct crmg_sent *sent)
{
	return crmg_sent_sources(sent) + crmg_wides_count(sent->snap);
}

/* crmg_windows_part() of the windows of one of them; 0 too of a slot that is not in use. */
static unsigned int crmg_sent_part(const struct crmg_sent *sent, uint32_t index,
				   struct crmg_windows *ret)
{
	const struct crmg_snapshot *snap = sent->snap;
	struct crmg_wide_entry wide;

	if (index >= crmg_sent_sources(sent)) {
		if (!crmg_wide_read(&sent->wides, index - crmg_sent_sources(sent), &wide))
			return 0;
		*ret = wide.windows;
	} else if (index >= snap->capacity) {
		*ret = sent->kept[index - snap->capacity].windows;
	} else {
		if (!crmg_tag_in_use(crmg_tag_state_of(snap, index)) ||
		    !snap->windows[index].window[0].terms)
			return 0;
		crmg_windows_copy(&snap->windows[index], ret);
	}
	return crmg_windows_part(ret, snap->mono_ns);
}

/* False: the slot is not in use any more. */
static bool crmg_sent_whose(const struct crmg_sent *sent, uint32_t index, struct crmg_addr *ret,
			    uint8_t *ret_service, uint64_t *ret_check)
{
	const struct crmg_kept *kept = sent->kept + (index - sent->snap->capacity);
	struct crmg_source_record found;

	if (index >= sent->snap->capacity) {
		*ret = kept->addr;
		*ret_service = kept->service;
		*ret_check = sent->checks[index - sent->snap->capacity];
		return true;
	}
	if (!crmg_source_read(sent->snap, index, &found))
		return false;
	*ret = found.detail.addr;
	*ret_service = found.detail.service;
	*ret_check = found.slot.check;
	return true;
}

/*
 * The least part that is written down: those who have more of it are not as many as
 * CRMG_SAVED_BUDGETS_MAX, and with those who have it they are, if there are so many.
 */
static unsigned int crmg_least_part(const struct crmg_sent *sent)
{
	uint32_t having[CRMG_PARTS + 1] = { 0 }, count = 0, i;
	struct crmg_windows windows;
	unsigned int part;

	for (i = 0; i < crmg_sent_count(sent); i++)
		having[crmg_sent_part(sent, i, &windows)]++;
	for (part = CRMG_PARTS; part > 1; part--) {
		count += having[part];
		if (count >= CRMG_SAVED_BUDGETS_MAX)
			break;
	}
	return part;
}

static json_t *crmg_window_json(const struct crmg_window *w, uint64_t mono_ns)
{
	struct crmg_window_past past;
	json_t *left = json_array();
	size_t i;

	crmg_window_past(w, mono_ns, &past);
	for (i = 0; i <= CRMG_WINDOW_STAMPS; i++)
		json_array_append_new(left, json_integer((json_int_t)past.counts[i]));
	return json_pack("{s:I, s:I, s:I, s:o}",
			 "per_seconds", (json_int_t)crmg_terms_per_s(past.terms),
			 "eighth_bytes", (json_int_t)crmg_terms_eighth(past.terms),
			 "used_bytes", (json_int_t)past.used, "left", left);
}

uint64_t crmg_check_of(const struct crmg_setup *setup, const struct crmg_addr *addr,
			      uint8_t service, uint16_t share)
{
	struct crmg_hash hash;

	crmg_hash_of(setup->hash_key, 0, addr, service, share, &hash);
	return hash.check;
}

/*
 * The policy of the part of a source that has that check; "": prefixes do not divide it, NULL:
 * the slot is another's by now.
 */
static const char *crmg_part_policy(const struct crmg_sent *sent, const struct crmg_addr *addr,
				    uint8_t service, uint64_t check)
{
	const struct crmg_image *image = sent->snap->image;
	const char *name = crmg_image_service(image, service)->name;
	uint32_t i;

	if (crmg_check_of(&sent->setup, addr, service, 0) == check)
		return "";
	for (i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);

		if (binding && label && !strcmp(label->service, name) &&
		    crmg_check_of(&sent->setup, addr, service, binding->row) == check)
			return label->policy;
	}
	return NULL;
}

static json_t *crmg_windows_json(const struct crmg_windows *windows, uint64_t mono_ns)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < CRMG_WINDOWS_MAX && crmg_terms_eighth(windows->window[i].terms); i++)
		json_array_append_new(list, crmg_window_json(&windows->window[i], mono_ns));
	return list;
}

static json_t *crmg_wide_json(const struct crmg_sent *sent, uint32_t index)
{
	const struct crmg_snapshot *snap = sent->snap;
	char source[CRMG_ADDR_LEN];
	struct crmg_wide_entry wide;
	const struct crmg_label *label;

	if (!crmg_wide_read(&sent->wides, index, &wide))
		return NULL;
	label = crmg_image_label(snap->image, wide.binding);
	return json_pack("{s:s, s:s, s:s, s:o}", "source",
			 crmg_format_prefix(&wide.pfx.addr, wide.pfx.len, source, sizeof(source)),
			 "service", label->service, "policy", label->policy,
			 "windows", crmg_windows_json(&wide.windows, snap->mono_ns));
}

/* NULL: it is another's by now. */
static json_t *crmg_budget_json(const struct crmg_sent *sent, uint32_t index,
				const struct crmg_windows *windows)
{
	const struct crmg_snapshot *snap = sent->snap;
	const char *policy;
	char source[CRMG_ADDR_LEN];
	struct crmg_addr addr;
	uint8_t service;
	uint64_t check;

	if (index >= crmg_sent_sources(sent))
		return crmg_wide_json(sent, index - crmg_sent_sources(sent));
	if (!crmg_sent_whose(sent, index, &addr, &service, &check) ||
	    !crmg_image_service(snap->image, service))
		return NULL;
	policy = crmg_part_policy(sent, &addr, service, check);
	if (!policy)
		return NULL;
	return json_pack("{s:s, s:s, s:s, s:o}",
			 "source", crmg_source_text(snap, &addr, source, sizeof(source)),
			 "service", crmg_image_service(snap->image, service)->name,
			 "policy", policy, "windows", crmg_windows_json(windows, snap->mono_ns));
}

/*
 * At most CRMG_SAVED_BUDGETS_MAX, those who are nearest to the end of their quotas. Sources go on
 * while they are looked at, so each is looked at once. From the end, so that where too many are
 * as near a prefix, which stands for many, is among them.
 */
static json_t *crmg_sources_json(const struct crmg_sent *sent)
{
	unsigned int least = crmg_least_part(sent), part;
	json_t *nearest = json_array(), *tied = json_array(), *list;
	struct crmg_windows windows;
	uint32_t i = crmg_sent_count(sent);
	size_t at;

	while (i-- > 0) {
		part = crmg_sent_part(sent, i, &windows);
		list = part > least ? nearest : tied;
		if (part >= least && json_array_size(list) < CRMG_SAVED_BUDGETS_MAX)
			json_array_append_new(list, crmg_budget_json(sent, i, &windows));
	}
	for (at = 0; json_array_size(nearest) < CRMG_SAVED_BUDGETS_MAX &&
	     at < json_array_size(tied); at++)
		json_array_append(nearest, json_array_get(tied, at));
	json_decref(tied);
	return nearest;
}

/* Appends what was sent to all under a policy, or (policy "") of a service, if it is to be kept. */
static void crmg_total_append(const struct crmg_snapshot *snap, uint32_t at, const char *service,
			      const char *policy, json_t *list)
{
	struct crmg_windows windows;

	crmg_windows_copy(&snap->total_windows[at].windows, &windows);
	if (crmg_windows_part(&windows, snap->mono_ns))
		json_array_append_new(list, json_pack("{s:s, s:s, s:o}", "service", service,
			"policy", policy, "windows", crmg_windows_json(&windows, snap->mono_ns)));
}

/* Clients of a policy at a service share its row, and so its total: it may be there twice. */
static json_t *crmg_totals_json(const struct crmg_snapshot *snap)
{
	const struct crmg_budget *budgets = crmg_image_front(snap->image)->budgets;
	json_t *list = json_array();
	uint32_t i;

	for (i = 1; snap->total_windows && i <= crmg_image_head(snap->image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(snap->image, i);
		const struct crmg_label *label = crmg_image_label(snap->image, i);

		if (binding->total_quotas)
			crmg_total_append(snap, binding->row, label->service, label->policy, list);
	}
	for (i = 1; snap->total_windows && i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(snap->image, i);

		if (service && budgets[i].quotas)
			crmg_total_append(snap, CRMG_TOTAL_SERVICES + i, service->name, "", list);
	}
	return list;
}

int crmg_budgets_json(struct crmg_kern *kern, const struct crmg_snapshot *snap, json_t **ret,
		      struct crmg_err *err)
{
	struct crmg_sent sent = { .snap = snap };
	char boot[CRMG_BOOT_ID_LEN];
	int code = crmg_setup_read(kern, &sent.setup, err);

	crmg_wides_of(snap, &sent.wides);
	if (!code) {
		code = crmg_kept_read(kern, &sent);
		if (code)
			crmg_err_set(err, code, "cannot read what sources were sent: %s",
				     strerror(-code));
	}
	if (!code)
		*ret = json_pack("{s:i, s:s, s:I, s:o, s:o}", "version", CRMG_SAVED_VERSION,
				 "boot_id", crmg_boot_id(boot),
				 "monotonic_ns", (json_int_t)snap->mono_ns,
				 "sources", crmg_sources_json(&sent),
				 "totals", crmg_totals_json(snap));
	crmg_sent_free(&sent);
	return code;
}
