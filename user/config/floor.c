// SPDX-License-Identifier: GPL-2.0
/* floor.c - the mapping `tls` of a policy: which versions it wants, and whether plaintext. */
#include "../base/util.h"
#include "reader.h"

/* A floor while it is read. */
struct draft {
	struct crmg_model_floor floor;
	bool has_action;
	struct crmg_place action_place;
};

static void read_minimum(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_TLS_VERSION_##ID] = name,
		CRMG_TLS_VERSIONS(X)
#undef X
	};
	const unsigned int first = CRMG_TLS_VERSION_10, count = CRMG_TLS_VERSION_13 - first + 1;
	struct draft *draft = target;
	unsigned int value;

	(void)arg;
	draft->floor.minimum_place = node->place;
	if (crmg_read_choice(r, node, names + first, count, &value))
		draft->floor.minimum = first + value;
}

static bool read_action(struct crmg_reader *r, const struct crmg_node *node, enum crmg_floor *ret)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_FLOOR_##ID] = name,
		CRMG_FLOORS(X)
#undef X
	};
	unsigned int value;

	if (!crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		return false;
	*ret = value;
	return true;
}

static void read_minimum_action(struct crmg_reader *r, const struct crmg_node *node, void *target,
				unsigned int arg)
{
	struct draft *draft = target;

	(void)arg;
	draft->has_action = true;
	draft->action_place = node->place;
	read_action(r, node, &draft->floor.below);
}

static void read_plaintext(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	(void)arg;
	read_action(r, node, &((struct draft *)target)->floor.plaintext);
}

static const struct crmg_key floor_keys[] = {
	{ "minimum", read_minimum, 0, false },
	{ "minimum_action", read_minimum_action, 0, false },
	{ "plaintext", read_plaintext, 0, false },
};

void crmg_read_floor(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	struct crmg_model_policy *policy = target;
	struct draft draft = { .floor = { .set = true, .place = node->key->place } };
	bool has_minimum;

	(void)arg;
	crmg_read_keys(r, node, "'tls'", floor_keys, &draft);
	has_minimum = draft.floor.minimum_place.line;
	if (draft.has_action && !has_minimum)
		crmg_read_error(r, draft.action_place, "'minimum_action' needs a 'minimum': 1.0, 1.1, "
				"1.2 or 1.3");
	else if (node->kind == CRMG_NODE_MAP && !node->child)
		crmg_read_error(r, node->place, "'tls' says nothing; it needs 'minimum', 'plaintext' "
				"or both");
	if (draft.has_action)
		draft.floor.minimum_place = (struct crmg_place){ 0 };
	policy->floor = draft.floor;
}
