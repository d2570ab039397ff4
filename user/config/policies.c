/* SPDX-License-Identifier: GPL-2.0 */
/* policies.c - the section `policies`, in the order of the file: `like` looks back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/util.h"
#include "reader.h"

#define LIKE_DEPTH_MAX 4
#define LIKENESS_MAX   50	/* errors with a "did you mean" */

/* The names of an array of the model, whose structs all begin with the name. */
struct kind {
	const char *word;
	struct crmg_names *names;
	const char *array;
	size_t stride;
	size_t count;
};

/* The name that was probably meant, or NULL. Thousands are compared; not for ever. */
static const char *likely_name(const struct crmg_reader *r, const char *text,
			       const struct kind *kind)
{
	struct crmg_likeness likeness = { .word = text };

	if (r->err->errors - r->errors_before >= LIKENESS_MAX)
		return NULL;
	for (size_t i = 0; i < kind->count; i++)
		crmg_likeness_try(&likeness, kind->array + i * kind->stride);
	return likeness.best;
}

static void unknown_name(struct crmg_reader *r, const struct crmg_node *node, const char *text,
			 const struct kind *kind)
{
	const char *likely = likely_name(r, text, kind);

	if (likely)
		crmg_read_error(r, node->place, "there is no %s '%.64s'; did you mean '%s'?",
				kind->word, text, likely);
	else
		crmg_read_error(r, node->place, "there is no %s '%.64s'; it must be in the section "
				"'%ss'", kind->word, text, kind->word);
}

static int by_index(const void *left, const void *right)
{
	size_t a = *(const size_t *)left, b = *(const size_t *)right;

	return (a > b) - (a < b);
}

/* The same name twice in a list is an error. The list is sorted by index. */
static void drop_repeats(struct crmg_reader *r, const struct crmg_node *node,
			 size_t *indexes, size_t *count, const struct kind *kind)
{
	size_t kept = 0;

	qsort(indexes, *count, sizeof(*indexes), by_index);
	for (size_t i = 0; i < *count; i++) {
		if (!kept || indexes[i] != indexes[kept - 1]) {
			indexes[kept++] = indexes[i];
			continue;
		}
		crmg_read_error(r, node->place, "%s '%s' is in this list twice", kind->word,
				indexes[i] == CRMG_CLIENT_ANY ? "any" :
				kind->array + indexes[i] * kind->stride);
	}
	*count = kept;
}

static void read_reference(struct crmg_reader *r, const struct crmg_node *node,
			   const struct kind *kind, size_t **indexes, size_t *count)
{
	const char *text = crmg_read_text(r, node, "a name");
	size_t index, *place;

	if (!text)
		return;
	if (kind->names == &r->clients && !strcmp(text, "any")) {
		index = CRMG_CLIENT_ANY;
	} else if (!crmg_names_find(kind->names, text, &index)) {
		unknown_name(r, node, text, kind);
		return;
	}
	place = crmg_read_grow(r, indexes, count, sizeof(*place));
	if (place)
		*place = index;
}

/* A name, or a list of names. */
static void read_references(struct crmg_reader *r, const struct crmg_node *node,
			    const struct kind *kind, size_t **indexes, size_t *count)
{
	if (node->kind != CRMG_NODE_LIST) {
		read_reference(r, node, kind, indexes, count);
		return;
	}
	if (!crmg_read_is_list(r, node, "a list of names", CRMG_CLIENTS_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next)
		read_reference(r, entry, kind, indexes, count);
	if (*count)
		drop_repeats(r, node, *indexes, count, kind);
}

static void read_service(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	struct crmg_model_policy *policy = target;
	struct kind kind = {
		"service", &r->services, (const char *)r->model->services,
		sizeof(r->model->services[0]), r->model->service_count,
	};

	(void)arg;
	read_references(r, node, &kind, &policy->services, &policy->service_count);
}

static void read_clients(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	struct crmg_model_policy *policy = target;
	struct kind kind = {
		"client", &r->clients, (const char *)r->model->clients,
		sizeof(r->model->clients[0]), r->model->client_count,
	};

	(void)arg;
	read_references(r, node, &kind, &policy->clients, &policy->client_count);
}

static void read_name(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	struct crmg_model_policy *policy = target;
	size_t index = policy - r->model->policies, first;

	(void)arg;
	if (!crmg_read_text(r, node, "a name") || !crmg_read_name(r, node, "policy", policy->name))
		return;
	if (!crmg_names_add(&r->policies, node->text, index, &first))
		crmg_read_error(r, node->place, "policy '%s' is there twice, first in line %u",
				policy->name, r->model->policies[first].place.line);
}

static void move_quotas(struct crmg_model_bytes_out *bytes_out, struct crmg_place place)
{
	bytes_out->place = place;
	for (size_t i = 0; i < bytes_out->count; i++)
		bytes_out->quota[i].place = place;
}

/* What a policy took over stands, for messages, where it says so. */
static void move_places(struct crmg_model_policy *policy, struct crmg_place place)
{
	for (size_t i = 0; i < CRMG_LIMIT_COUNT; i++) {
		policy->limits[i].place = place;
		policy->aggregate.limits[i].place = place;
		policy->total.limits[i].place = place;
	}
	for (size_t i = 0; i < CRMG_CAP_COUNT; i++)
		policy->caps[i].place = place;
	policy->aggregate.place = policy->v4_wide.place = policy->v6_wide.place = place;
	policy->total.place = policy->ban.place = policy->floor.place = place;
	policy->http.place = place;
	policy->floor.minimum_place = (struct crmg_place){ 0 };
	if (policy->detect.place.line)
		policy->detect.place = place;
	policy->bytes_out.notify_place = place;
	if (policy->bytes_out.on_budget_place.line)
		policy->bytes_out.on_budget_place = place;
	policy->bytes_out.throttle_place = (struct crmg_place){ 0 };
	policy->aggregate.bytes_out.throttle_place = (struct crmg_place){ 0 };
	policy->total.bytes_out.throttle_place = (struct crmg_place){ 0 };
	move_quotas(&policy->bytes_out, place);
	move_quotas(&policy->aggregate.bytes_out, place);
	move_quotas(&policy->total.bytes_out, place);
}

/* Takes over what `like` names. */
static void take_over(struct crmg_reader *r, const struct crmg_node *node,
		      struct crmg_model_policy *policy)
{
	size_t index = policy - r->model->policies, from;
	const struct crmg_model_policy *other;
	struct kind kind = {
		"policy", &r->policies, (const char *)r->model->policies,
		sizeof(r->model->policies[0]), index,
	};
	const char *text = crmg_read_text(r, node, "the name of a policy");

	if (!text)
		return;
	if (!crmg_names_find(&r->policies, text, &from)) {
		const char *likely = likely_name(r, text, &kind);

		crmg_read_error(r, node->place, "there is no policy '%.64s' before this one%s%s%s",
				text, likely ? "; did you mean '" : "", likely ? likely : "",
				likely ? "'?" : "");
		return;
	}
	r->like_depth[index] = r->like_depth[from] + 1;
	if (r->like_depth[index] > LIKE_DEPTH_MAX) {
		crmg_read_error(r, node->place, "'like' is followed more than %d times from here; "
				"name the first policy of the chain", LIKE_DEPTH_MAX);
		r->like_depth[index] = 0;	/* said once, not for the rest of the chain */
		return;
	}
	other = &r->model->policies[from];
	policy->deny = other->deny;
	policy->mode = other->mode;
	policy->on_exceed = other->on_exceed;
	policy->aggregate = other->aggregate;
	policy->v4_wide = other->v4_wide;
	policy->v6_wide = other->v6_wide;
	policy->total = other->total;
	policy->ban = other->ban;
	policy->floor = other->floor;
	policy->detect = other->detect;
	policy->http = other->http;
	policy->bytes_out = other->bytes_out;
	memcpy(policy->limits, other->limits, sizeof(policy->limits));
	memcpy(policy->caps, other->caps, sizeof(policy->caps));
	move_places(policy, node->place);
}

/* `like` is taken before all other keys, wherever it stands. */
static void read_like(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	(void)r;
	(void)node;
	(void)target;
	(void)arg;
}

static void read_policy_mode(struct crmg_reader *r, const struct crmg_node *node, void *target,
			     unsigned int arg)
{
	crmg_read_mode(r, node, &((struct crmg_model_policy *)target)->mode, arg);
}

static void read_deny(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	(void)arg;
	crmg_read_bool(r, node, &((struct crmg_model_policy *)target)->deny);
}

static void read_policy_limits(struct crmg_reader *r, const struct crmg_node *node,
			       void *target, unsigned int arg)
{
	(void)arg;
	crmg_read_source_limits(r, node, target);
}

static void read_notify_at(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	(void)arg;
	crmg_read_notify_at(r, node, &((struct crmg_model_policy *)target)->bytes_out);
}

static void read_on_budget(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	(void)arg;
	crmg_read_on_budget(r, node, &((struct crmg_model_policy *)target)->bytes_out);
}

static void read_throttle_to(struct crmg_reader *r, const struct crmg_node *node, void *target,
			     unsigned int arg)
{
	(void)arg;
	crmg_read_throttle_to(r, node, &((struct crmg_model_policy *)target)->bytes_out);
}

static void read_policy_total(struct crmg_reader *r, const struct crmg_node *node, void *target,
			      unsigned int arg)
{
	(void)arg;
	crmg_read_policy_total(r, node, &((struct crmg_model_policy *)target)->total);
}

static void read_on_exceed(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_ACTION_##ID] = name,
		CRMG_ACTIONS(X)
#undef X
	};
	unsigned int value;

	(void)arg;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		((struct crmg_model_policy *)target)->on_exceed = value;
}

static const struct crmg_key policy_keys[] = {
	{ "name", read_name, 0, true },
	{ "service", read_service, 0, true },
	{ "clients", read_clients, 0, false },
	{ "like", read_like, 0, false },
	{ "mode", read_policy_mode, 0, false },
	{ "deny", read_deny, 0, false },
	{ "limits", read_policy_limits, 0, false },
	{ "on_exceed", read_on_exceed, 0, false },
	{ "total", read_policy_total, 0, false },
	{ "aggregate", crmg_read_aggregate, 0, false },
	{ "tls", crmg_read_floor, 0, false },
	{ "http", crmg_read_http, 0, false },
	{ "ban", crmg_read_ban, 0, false },
	{ "detect", crmg_read_detect, 0, false },
	{ "notify_at", read_notify_at, 0, false },
	{ "on_budget", read_on_budget, 0, false },
	{ "throttle_to", read_throttle_to, 0, false },
};

static void read_policy(struct crmg_reader *r, const struct crmg_node *node,
			struct crmg_model_policy *policy)
{
	const struct crmg_node *like;

	policy->place = node->place;
	policy->mode = CRMG_MODE_ENFORCE;
	like = node->kind == CRMG_NODE_MAP ? crmg_node_get(node, "like") : NULL;
	if (like)
		take_over(r, like, policy);
	crmg_read_keys(r, node, "a policy", policy_keys, policy);
	if (node->kind == CRMG_NODE_MAP && !crmg_node_get(node, "clients")) {
		size_t *any = crmg_read_grow(r, &policy->clients, &policy->client_count,
					     sizeof(*any));

		if (any)
			*any = CRMG_CLIENT_ANY;
	}
}

void crmg_read_policies(struct crmg_reader *r, const struct crmg_node *node)
{
	struct crmg_model *model = r->model;

	if (!crmg_read_is_list(r, node, "a list of policies ('- name: ...')", SIZE_MAX))
		return;
	r->like_depth = calloc(node->count, 1);
	if (!r->like_depth || crmg_names_make(&r->policies, node->count) < 0) {
		r->no_memory = true;
		return;
	}
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		struct crmg_model_policy *policy = crmg_read_grow(r, &model->policies,
								  &model->policy_count,
								  sizeof(*policy));

		if (!policy)
			return;
		read_policy(r, entry, policy);
	}
}
