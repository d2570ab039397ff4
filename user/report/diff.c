// SPDX-License-Identifier: GPL-2.0
/*
 * diff.c - the list of changes: services and clients by name, then what policies say
 * and who moves between them. Left out is what an apply may move without changing its
 * meaning: generation, rows, indexes.
 */
#include "diff.h"

#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "contracts.h"
#include "diff_parts.h"
#include "names.h"
#include "show.h"
#include "text.h"

static char *copied(const char *text, bool *failed)
{
	char *copy = text ? strdup(text) : NULL;

	*failed |= text && !copy;
	return copy;
}

int crmg_diff_note(struct crmg_changes *changes, enum crmg_change_kind kind, const char *what,
		   const char *field, const char *from, const char *to)
{
	struct crmg_change *change = crmg_grow(&changes->items, &changes->count, sizeof(*change));
	bool failed = false;

	if (!change)
		return -ENOMEM;
	change->kind = kind;
	change->field = field;
	change->what = copied(what, &failed);
	change->from = copied(from, &failed);
	change->to = copied(to, &failed);
	return failed ? -ENOMEM : 0;
}

char *crmg_diff_names_text(const struct crmg_diff_names *names, char buf[CRMG_DIFF_NAMES_LEN])
{
	size_t at = 0;

	buf[0] = '\0';
	for (size_t i = 0; i < names->count && i < CRMG_DIFF_NAMED; i++)
		at += (size_t)snprintf(buf + at, CRMG_DIFF_NAMES_LEN - at, "%s%s", i ? ", " : "",
				       names->name[i]);
	if (names->count > CRMG_DIFF_NAMED)
		snprintf(buf + at, CRMG_DIFF_NAMES_LEN - at, " and %zu more",
			 names->count - CRMG_DIFF_NAMED);
	return buf;
}

/* ---------------------------------------------------------------- prefixes */

static int by_prefix(const void *a, const void *b)
{
	const struct crmg_prefix *x = a, *y = b;
	int order = crmg_addr_cmp(&x->addr, &y->addr);

	return order ? order : (int)x->len - y->len;
}

/* A copy, by address and length. NULL when out of memory. */
static struct crmg_prefix *sorted(const struct crmg_prefix *prefixes, size_t count)
{
	struct crmg_prefix *copy = calloc(count + 1, sizeof(*copy));

	if (copy && count) {
		memcpy(copy, prefixes, count * sizeof(*copy));
		qsort(copy, count, sizeof(*copy), by_prefix);
	}
	return copy;
}

static void name_prefix(struct crmg_diff_names *names, const struct crmg_prefix *prefix)
{
	if (names->count < CRMG_DIFF_NAMED)
		crmg_format_prefix(&prefix->addr, prefix->len, names->name[names->count],
				   CRMG_DIFF_NAME_LEN);
	names->count++;
}

/* Those that only one list has. */
static int diff_prefixes(struct crmg_changes *changes, const char *what, const char *field,
			 const struct crmg_prefix *before, size_t old_count,
			 const struct crmg_prefix *after, size_t new_count)
{
	crmg_autofree struct crmg_prefix *old = sorted(before, old_count);
	crmg_autofree struct crmg_prefix *now = sorted(after, new_count);
	struct crmg_diff_names gone = { .count = 0 }, come = { .count = 0 };
	char text[CRMG_DIFF_NAMES_LEN];
	int code = old && now ? 0 : -ENOMEM;

	for (size_t o = 0, n = 0; !code && (o < old_count || n < new_count);) {
		int order = o == old_count ? 1 : n == new_count ? -1 : by_prefix(&old[o], &now[n]);

		if (order < 0)
			name_prefix(&gone, &old[o]);
		else if (order > 0)
			name_prefix(&come, &now[n]);
		o += order <= 0;
		n += order >= 0;
	}
	if (!code && come.count)
		code = crmg_diff_note(changes, CRMG_CHANGE_ADDED, what, field, NULL,
				      crmg_diff_names_text(&come, text));
	if (!code && gone.count)
		code = crmg_diff_note(changes, CRMG_CHANGE_REMOVED, what, field,
				      crmg_diff_names_text(&gone, text), NULL);
	return code;
}

/* ---------------------------------------------------------------- services */

#define WORDS_LEN 1024	/* 64 ranges of ports */

static int diff_words(struct crmg_changes *changes, const char *what, const char *field,
		      const char *from, const char *to)
{
	return strcmp(from, to) == 0 ? 0
	       : crmg_diff_note(changes, CRMG_CHANGE_CHANGED, what, field, from, to);
}

static const struct crmg_prefix *locals_of(const struct crmg_image *image,
					   const struct crmg_service *service)
{
	const struct crmg_prefix *locals = crmg_image_section(image, CRMG_SECTION_LOCALS, NULL);

	return locals + service->first_local;
}

static int diff_locals(struct crmg_changes *changes, const char *what,
		       const struct crmg_image *before, const struct crmg_service *old,
		       const struct crmg_image *after, const struct crmg_service *now)
{
	char from[WORDS_LEN], to[WORDS_LEN];

	/* None is any: then a list did not grow or shrink. */
	if (!old->local_count != !now->local_count)
		return diff_words(changes, what, "addresses",
				  crmg_locals_text(before, old, from, sizeof(from)),
				  crmg_locals_text(after, now, to, sizeof(to)));
	return diff_prefixes(changes, what, "addresses", locals_of(before, old), old->local_count,
			     locals_of(after, now), now->local_count);
}

/* What all sources of a service may do together; index 0: the service is not there yet. */
static int diff_total(struct crmg_changes *changes, const char *what,
		      const struct crmg_image *before, uint32_t old_index,
		      const struct crmg_image *after, uint32_t new_index)
{
	static const struct crmg_service nothing = { 0 };
	const struct crmg_service *old = old_index ? crmg_image_service(before, old_index) : &nothing;
	const struct crmg_service *now = crmg_image_service(after, new_index);
	const struct crmg_budget *was = &crmg_image_front(before)->budgets[old_index];
	const struct crmg_budget *is = &crmg_image_front(after)->budgets[new_index];
	int code = crmg_diff_limits(changes, what, CRMG_SCOPE_SERVICE,
				    (struct crmg_diff_limits){ was->limits, old->total },
				    (struct crmg_diff_limits){ is->limits, now->total });

	return code ? code : crmg_diff_quotas(changes, what, "total bytes_out",
					      crmg_image_quotas(before, was->quotas),
					      crmg_image_quotas(after, is->quotas));
}

static int diff_service(struct crmg_changes *changes, const struct crmg_image *before,
			uint32_t old_index, const struct crmg_image *after, uint32_t new_index)
{
	const struct crmg_service *old = crmg_image_service(before, old_index);
	const struct crmg_service *now = crmg_image_service(after, new_index);
	char what[CRMG_DIFF_WHAT], from[WORDS_LEN], to[WORDS_LEN];
	int code;

	snprintf(what, sizeof(what), "service %s", now->name);
	code = diff_words(changes, what, "transport", crmg_transport_name(old->transport),
			  crmg_transport_name(now->transport));
	if (!code)
		code = diff_words(changes, what, "ports",
				  crmg_ports_text(before, old, from, sizeof(from)),
				  crmg_ports_text(after, now, to, sizeof(to)));
	if (!code)
		code = diff_words(changes, what, "protocol", crmg_protocol_name(old->protocol),
				  crmg_protocol_name(now->protocol));
	if (!code)
		code = diff_words(changes, what, "sanity", crmg_sanity_name(old->sanity),
				  crmg_sanity_name(now->sanity));
	if (!code)
		code = diff_locals(changes, what, before, old, after, now);
	if (!code && !crmg_server_names_same(before, old, after, now))
		code = crmg_diff_note(changes, CRMG_CHANGE_CHANGED, what, "server_names",
				      crmg_server_names_text(before, old, from, sizeof(from)),
				      crmg_server_names_text(after, now, to, sizeof(to)));
	return code ? code : diff_total(changes, what, before, old_index, after, new_index);
}

static int diff_services(struct crmg_changes *changes, const struct crmg_image *before,
			 const struct crmg_image *after)
{
	char what[CRMG_DIFF_WHAT];
	int code = 0;

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX && !code; i++) {
		const struct crmg_service *service = crmg_image_service(before, i);

		if (!service || crmg_image_service_find(after, service->name))
			continue;
		snprintf(what, sizeof(what), "service %s", service->name);
		code = crmg_diff_note(changes, CRMG_CHANGE_REMOVED, what, NULL, NULL, NULL);
	}
	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX && !code; i++) {
		const struct crmg_service *service = crmg_image_service(after, i);
		uint32_t old = service ? crmg_image_service_find(before, service->name) : 0;

		if (old) {
			code = diff_service(changes, before, old, after, i);
		} else if (service) {
			snprintf(what, sizeof(what), "service %s", service->name);
			code = crmg_diff_note(changes, CRMG_CHANGE_ADDED, what, NULL, NULL, NULL);
			if (!code)
				code = diff_total(changes, what, before, 0, after, i);
		}
	}
	return code;
}

/* ----------------------------------------------------------------- clients */

struct client {
	const struct crmg_client *client;
	const struct crmg_prefix *prefixes;
	const struct crmg_contract *contract;	/* NULL: none */
};

static int by_client(const void *a, const void *b)
{
	const struct client *x = a, *y = b;

	return strcmp(x->client->name, y->client->name);
}

/* All of an image, by name. NULL when out of memory. */
static struct client *clients_of(const struct crmg_image *image, size_t *ret_count)
{
	const struct crmg_client *from = crmg_image_section(image, CRMG_SECTION_CLIENTS, ret_count);
	const struct crmg_prefix *at = crmg_image_section(image, CRMG_SECTION_PREFIXES, NULL);
	struct client *list = calloc(*ret_count + 1, sizeof(*list));

	if (!list)
		return NULL;
	for (size_t i = 0; i < *ret_count; i++) {
		list[i] = (struct client){ &from[i], at,
					   crmg_image_contract(image, from[i].contract) };
		at += from[i].prefix_count;
	}
	qsort(list, *ret_count, sizeof(*list), by_client);
	return list;
}

/* A contract in words; NULL: there is none. */
static int diff_contract(struct crmg_changes *changes, const char *what,
			 const struct crmg_contract *before, const struct crmg_contract *after)
{
	static const struct crmg_contract nothing = { 0 };
	const struct crmg_contract *old = before ? before : &nothing;
	const struct crmg_contract *now = after ? after : &nothing;
	char from[CRMG_HOURS_LEN] = "none", to[CRMG_HOURS_LEN] = "none";
	int code = diff_words(changes, what, "owner", *old->owner ? old->owner : "none",
			      *now->owner ? now->owner : "none");

	if (old->until_s)
		crmg_format_utc(old->until_s * CRMG_NS_PER_SEC, false, from, sizeof(from));
	if (now->until_s)
		crmg_format_utc(now->until_s * CRMG_NS_PER_SEC, false, to, sizeof(to));
	if (!code)
		code = diff_words(changes, what, "valid_until", from, to);
	crmg_hours_text(old, from);
	crmg_hours_text(now, to);
	return code ? code : diff_words(changes, what, "hours", *from ? from : "none",
					*to ? to : "none");
}

/* order as of strcmp: < 0 only before has it, > 0 only after. */
static int diff_client(struct crmg_changes *changes, int order, const struct client *before,
		       const struct client *after)
{
	char what[CRMG_DIFF_WHAT];
	int code = 0;

	snprintf(what, sizeof(what), "client %s", (order < 0 ? before : after)->client->name);
	if (order < 0)
		return crmg_diff_note(changes, CRMG_CHANGE_REMOVED, what, NULL, NULL, NULL);
	if (order > 0)
		code = crmg_diff_note(changes, CRMG_CHANGE_ADDED, what, NULL, NULL, NULL);
	if (!code && after->client->balancer != (order ? 0 : before->client->balancer))
		code = crmg_diff_note(changes, CRMG_CHANGE_CHANGED, what, "balancer",
				      after->client->balancer ? "false" : "true",
				      after->client->balancer ? "true" : "false");
	if (!code)
		code = diff_contract(changes, what, order ? NULL : before->contract,
				     after->contract);
	return code ? code : diff_prefixes(changes, what, "prefixes",
		order ? NULL : before->prefixes, order ? 0 : before->client->prefix_count,
		after->prefixes, after->client->prefix_count);
}

static int diff_clients(struct crmg_changes *changes, const struct crmg_image *before,
			const struct crmg_image *after)
{
	size_t old_count, new_count, o = 0, n = 0;
	crmg_autofree struct client *old = clients_of(before, &old_count);
	crmg_autofree struct client *now = clients_of(after, &new_count);
	int code = old && now ? 0 : -ENOMEM;

	while (!code && (o < old_count || n < new_count)) {
		int order = o == old_count ? 1 : n == new_count ? -1 : by_client(&old[o], &now[n]);

		code = diff_client(changes, order, &old[o], &now[n]);
		o += order <= 0;
		n += order >= 0;
	}
	return code;
}

/* How files have addresses, and for how long. */
static int diff_privacy(struct crmg_changes *changes, const struct crmg_head *before,
			const struct crmg_head *after)
{
	char from[CRMG_NUM_LEN], to[CRMG_NUM_LEN];
	int code = 0;

	if (before->addresses != after->addresses)
		code = crmg_diff_note(changes, CRMG_CHANGE_CHANGED, "privacy", "addresses",
				      crmg_addresses_name(before->addresses),
				      crmg_addresses_name(after->addresses));
	if (!code && before->keep_s != after->keep_s)
		code = crmg_diff_note(changes, CRMG_CHANGE_CHANGED, "privacy", "keep",
				      crmg_format_time(before->keep_s * CRMG_NS_PER_SEC, from,
						       sizeof(from)),
				      crmg_format_time(after->keep_s * CRMG_NS_PER_SEC, to,
						       sizeof(to)));
	return code;
}

int crmg_diff(const struct crmg_image *before, const struct crmg_image *after,
	      unsigned int cpus, struct crmg_changes *ret)
{
	struct crmg_changes changes = { 0 };
	int code = diff_services(&changes, before, after);

	if (!code)
		code = diff_clients(&changes, before, after);
	if (!code)
		code = crmg_diff_policies(&changes, before, after);
	if (!code)
		code = diff_privacy(&changes, crmg_image_head(before), crmg_image_head(after));
	if (!code)
		code = crmg_diff_moves(&changes, before, after);
	if (code < 0) {
		crmg_changes_free(&changes);
		return code;
	}
	crmg_memory_of(before, cpus, &changes.before);
	crmg_memory_of(after, cpus, &changes.after);
	*ret = changes;
	return 0;
}

void crmg_changes_free(struct crmg_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		free(changes->items[i].what);
		free(changes->items[i].from);
		free(changes->items[i].to);
	}
	free(changes->items);
	*changes = (struct crmg_changes){ 0 };
}
