// SPDX-License-Identifier: GPL-2.0
/* bans.c - manual bans: the hash map that packets look into, changed and read. */
#include <string.h>

#include <bpf/bpf.h>

#include "../base/util.h"
#include "../report/sources.h"
#include "internal.h"

#define CRMG_BAN_BATCH 4096	/* more than any bucket of the hash can hold */

struct crmg_ban_batch {
	struct crmg_ban_key keys[CRMG_BAN_BATCH];
	struct crmg_ban values[CRMG_BAN_BATCH];
};

static int crmg_ban_append(struct crmg_kern *kern, const struct crmg_ban_key *key,
			   const struct crmg_ban *ban)
{
	struct crmg_ban_entry *entry = crmg_grow(&kern->bans, &kern->ban_count, sizeof(*entry));

	if (!entry)
		return -ENOMEM;
	*entry = (struct crmg_ban_entry){ *key, *ban };
	return 0;
}

/*
 * Reads all bans into kern->bans, without the expired ones, which *ret_expired, if
 * not NULL, gets. In batches of buckets: that ends also while others write.
 */
static int crmg_bans_scan(struct crmg_kern *kern, struct crmg_ban_key **ret_expired,
			  size_t *ret_expired_count, struct crmg_err *err)
{
	crmg_autofree struct crmg_ban_batch *batch = malloc(sizeof(*batch));
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME);
	__u32 in = 0, out = 0, count, i;
	bool first = true, last = false;
	int code = batch ? 0 : -ENOMEM;

	kern->ban_count = 0;
	while (!code && !last) {
		count = CRMG_BAN_BATCH;
		if (bpf_map_lookup_batch(kern->map[CRMG_MAP_BANS], first ? NULL : &in, &out,
					 batch->keys, batch->values, &count, NULL)) {
			if (errno != ENOENT)
				return crmg_err_set(err, -errno, "cannot read the bans: %s",
						    strerror(errno));
			last = true;
		}
		for (i = 0; i < count && !code; i++) {
			if (batch->values[i].until_ns > now) {
				code = crmg_ban_append(kern, &batch->keys[i], &batch->values[i]);
			} else if (ret_expired) {
				struct crmg_ban_key *key = crmg_grow(ret_expired, ret_expired_count,
								     sizeof(*key));

				if (key)
					*key = batch->keys[i];
				else
					code = -ENOMEM;
			}
		}
		in = out;
		first = false;
	}
	return code ? crmg_err_set(err, code, "out of memory") : 0;
}

int crmg_bans_read(struct crmg_kern *kern, struct crmg_err *err)
{
	return crmg_bans_scan(kern, NULL, NULL, err);
}

static int crmg_ban_delete(struct crmg_kern *kern, const struct crmg_ban_key *key)
{
	return bpf_map_delete_elem(kern->map[CRMG_MAP_BANS], key) && errno != ENOENT ? -errno : 0;
}

/* Reads the bans and removes those that are over. */
static int crmg_bans_begin(struct crmg_kern *kern, struct crmg_err *err)
{
	crmg_autofree struct crmg_ban_key *expired = NULL;
	size_t count = 0, i;
	const struct crmg_image *image;
	int code = crmg_kern_image(kern, &image, err);

	if (!code)
		code = crmg_bans_scan(kern, &expired, &count, err);
	for (i = 0; !code && i < count; i++)
		code = crmg_ban_delete(kern, &expired[i]);
	return code;
}

const char *crmg_ban_service(const struct crmg_kern *kern, uint8_t index)
{
	const struct crmg_service *service = crmg_image_service(&kern->image, index);

	return service ? service->name : "";
}

/* Writes the entries [0, count) of bans; a failure leaves those before it. */
static int crmg_bans_write(struct crmg_kern *kern, const struct crmg_ban_entry *bans,
			   size_t count, struct crmg_err *err)
{
	size_t i;

	for (i = 0; i < count; i++)
		if (bpf_map_update_elem(kern->map[CRMG_MAP_BANS], &bans[i].key, &bans[i].ban, 0))
			return crmg_err_set(err, -errno, "cannot write a ban: %s",
					    strerror(errno));
	return 0;
}

/* The entry that a request asks for. */
static struct crmg_ban_entry crmg_ban_entry_of(const struct crmg_ban_request *request,
					       uint64_t now)
{
	struct crmg_ban_entry entry = {
		.key = { .addr = request->prefix.addr, .len = request->prefix.len,
			 .service = request->service },
		.ban = { .added_ns = now,
			 .until_ns = request->for_ns > CRMG_BAN_FOREVER - now ?
				     CRMG_BAN_FOREVER : now + request->for_ns },
	};

	crmg_copy(entry.ban.origin, sizeof(entry.ban.origin), request->origin);
	crmg_copy(entry.ban.note, sizeof(entry.ban.note), request->note);
	return entry;
}

/* Adds to kern->bans what is wanted and not there yet, and checks that there is room. */
static int crmg_bans_plan(struct crmg_kern *kern, const struct crmg_ban_entry *wanted,
			  size_t count, struct crmg_err *err)
{
	struct crmg_ban ban;
	size_t i;

	for (i = 0; i < count; i++)
		if (bpf_map_lookup_elem(kern->map[CRMG_MAP_BANS], &wanted[i].key, &ban) &&
		    crmg_ban_append(kern, &wanted[i].key, &wanted[i].ban))
			return crmg_err_set(err, -ENOMEM, "out of memory");
	if (kern->ban_count > CRMG_BANS_MAX)
		return crmg_err_set(err, -E2BIG, "needs %zu bans, the table has room for %u: "
				    "'crmgate bans' lists them, 'unban' makes room",
				    kern->ban_count, CRMG_BANS_MAX);
	if (crmg_ban_index_check(kern))
		return crmg_err_set(err, -E2BIG, "bans of more than %u different prefix lengths of "
				    "one family: unban some, or use lengths that are there",
				    CRMG_BAN_LENGTHS);
	return 0;
}

/* Counts a ban for its origin. What finds no free entry is counted by the last one. */
static void crmg_origin_count(struct crmg_kern *kern, const char *name)
{
	struct crmg_origin *origins = kern->view[CRMG_MAP_ORIGINS].memory;
	size_t i;

	for (i = 0; i < CRMG_ORIGINS_MAX - 1; i++)
		if (!origins[i].name[0] || !strcmp(origins[i].name, name))
			break;
	if (!origins[i].name[0])
		crmg_copy(origins[i].name, sizeof(origins[i].name),
			  i < CRMG_ORIGINS_MAX - 1 ? name : "other");
	origins[i].added++;
}

int crmg_bans_add(struct crmg_kern *kern, const struct crmg_ban_request *bans, size_t count,
		  struct crmg_err *err)
{
	crmg_autofree struct crmg_ban_entry *wanted = calloc(count + 1, sizeof(*wanted));
	uint64_t now = crmg_clock_ns(CLOCK_BOOTTIME);
	size_t i;
	int code = wanted ? crmg_bans_begin(kern, err) : -ENOMEM;

	for (i = 0; !code && i < count; i++) {
		code = crmg_ban_check(&kern->image, &bans[i].prefix, err);
		wanted[i] = crmg_ban_entry_of(&bans[i], now);
	}
	if (!code)
		code = crmg_bans_plan(kern, wanted, count, err);
	if (!code) {
		crmg_ban_index_open(kern);
		code = crmg_bans_write(kern, wanted, count, err);
		/* Where the map holds less than was planned, packets have to know how much. */
		if (!code || !crmg_bans_scan(kern, NULL, NULL, err))
			crmg_ban_index_close(kern);
	}
	return code;
}

int crmg_kern_ban(struct crmg_kern *kern, const struct crmg_ban_request *bans, size_t count,
		  struct crmg_err *err)
{
	int code = crmg_bans_add(kern, bans, count, err);
	size_t i;

	for (i = 0; !code && i < count; i++) {
		crmg_origin_count(kern, bans[i].origin);
		crmg_event_add(kern, CRMG_EVENT_BAN, &bans[i].prefix,
			       crmg_ban_service(kern, bans[i].service), "%s%s%s",
			       bans[i].origin, bans[i].note[0] ? ": " : "", bans[i].note);
	}
	crmg_audit_flush(kern, err);
	return code;
}

/* Drops entry i of kern->bans, in the kernel as well. */
static int crmg_ban_remove(struct crmg_kern *kern, size_t i)
{
	int code = crmg_ban_delete(kern, &kern->bans[i].key);

	if (!code)
		kern->bans[i] = kern->bans[--kern->ban_count];
	return code;
}

static int crmg_pfx_cmp(const void *a, const void *b)
{
	const struct crmg_pfx *x = a, *y = b;

	return x->len != y->len ? x->len - y->len : crmg_addr_cmp(&x->addr, &y->addr);
}

bool crmg_pfx_listed(const struct crmg_pfx *sorted, size_t count, const struct crmg_pfx *pfx)
{
	return bsearch(pfx, sorted, count, sizeof(*sorted), crmg_pfx_cmp);
}

/* Removes the manual bans that are wanted away, and adds their number to *removed. */
static int crmg_manual_unban(struct crmg_kern *kern, const struct crmg_pfx *sorted, size_t count,
			     const struct crmg_unban_filter *filter, size_t *removed,
			     struct crmg_err *err)
{
	size_t i = 0;
	int code = 0;

	while (!code && i < kern->ban_count) {
		struct crmg_ban_entry entry = kern->bans[i];
		struct crmg_pfx pfx = { entry.key.addr, entry.key.len };

		if ((filter->origin && strcmp(entry.ban.origin, filter->origin)) ||
		    (filter->service && entry.key.service != filter->service) ||
		    !crmg_pfx_listed(sorted, count, &pfx)) {
			i++;
			continue;
		}
		code = crmg_ban_remove(kern, i);
		if (code)
			crmg_err_set(err, code, "cannot remove a ban: %s", strerror(-code));
		else
			crmg_event_add(kern, CRMG_EVENT_UNBAN, &pfx,
				       crmg_ban_service(kern, entry.key.service), "%s",
				       entry.ban.origin);
		*removed += !code;
	}
	return code;
}

int crmg_kern_unban(struct crmg_kern *kern, const struct crmg_pfx *prefixes, size_t count,
		    const struct crmg_unban_filter *filter, size_t *ret_removed,
		    struct crmg_err *err)
{
	crmg_autofree struct crmg_pfx *sorted = calloc(count + 1, sizeof(*sorted));
	static const struct crmg_unban_filter any;
	size_t removed = 0;
	int code = sorted ? crmg_bans_begin(kern, err) : -ENOMEM;

	if (code)
		return code;
	if (!filter)
		filter = &any;
	memcpy(sorted, prefixes, count * sizeof(*sorted));
	qsort(sorted, count, sizeof(*sorted), crmg_pfx_cmp);
	crmg_ban_index_open(kern);
	code = crmg_manual_unban(kern, sorted, count, filter, &removed, err);
	if (!code && (!filter->origin || !strcmp(filter->origin, CRMG_ORIGIN_AUTO)))
		removed += crmg_auto_unban(kern, sorted, count, filter->service);
	crmg_ban_index_close(kern);
	crmg_audit_flush(kern, err);
	if (!code)
		*ret_removed = removed;
	return code;
}

int crmg_bans_prune(struct crmg_kern *kern, const struct crmg_image *old,
		    const struct crmg_image *image, struct crmg_err *err)
{
	size_t i = 0, removed = 0;
	int code = crmg_bans_scan(kern, NULL, NULL, err);

	while (!code && i < kern->ban_count) {
		uint8_t index = kern->bans[i].key.service;
		const struct crmg_service *was = crmg_image_service(old, index);
		const struct crmg_service *is = crmg_image_service(image, index);

		if (!index || (is && was && is->born == was->born)) {
			i++;
			continue;
		}
		if (!removed)
			crmg_ban_index_open(kern);
		code = crmg_ban_remove(kern, i);
		removed += !code;
	}
	if (removed) {
		crmg_err_warn(err, "%zu bans of services that are gone were removed", removed);
		crmg_ban_index_close(kern);
	}
	return code;
}

int crmg_bans_settle(struct crmg_kern *kern, struct crmg_err *err)
{
	int code;

	if (!crmg_ban_index_is_open(kern))
		return 0;
	code = crmg_bans_begin(kern, err);
	return code ? code : crmg_ban_index_close(kern);
}
