/* SPDX-License-Identifier: GPL-2.0 */
/* budgets.c - limits that sources share: `total` of a policy or service, `aggregate`. */
#include "../base/util.h"
#include "reader.h"

/* target: of a budget. */
static void read_shared_limits(struct crmg_reader *r, const struct crmg_node *node, void *target,
			       unsigned int arg)
{
	(void)arg;
	if (node->kind == CRMG_NODE_MAP && !node->count)
		crmg_read_error(r, node->place, "a limit is needed here, such as "
				"{packets: {rate: 20k/s}}");
	else
		crmg_read_shared_limits(r, node, target);
}

static void read_total_throttle_to(struct crmg_reader *r, const struct crmg_node *node,
				   void *target, unsigned int arg)
{
	(void)arg;
	crmg_read_throttle_to(r, node, &((struct crmg_model_budget *)target)->bytes_out);
}

static const struct crmg_key total_keys[] = {
	{ "limits", read_shared_limits, 0, true },
	{ "throttle_to", read_total_throttle_to, 0, false },
};

static void read_total_notify_at(struct crmg_reader *r, const struct crmg_node *node, void *target,
				 unsigned int arg)
{
	(void)arg;
	crmg_read_notify_at(r, node, &((struct crmg_model_budget *)target)->bytes_out);
}

static void read_total_on_budget(struct crmg_reader *r, const struct crmg_node *node, void *target,
				 unsigned int arg)
{
	(void)arg;
	crmg_read_on_budget(r, node, &((struct crmg_model_budget *)target)->bytes_out);
}

/* A policy says for all its budgets what comes of them, but for the rates; a service is none. */
static const struct crmg_key service_total_keys[] = {
	{ "limits", read_shared_limits, 0, true },
	{ "notify_at", read_total_notify_at, 0, false },
	{ "on_budget", read_total_on_budget, 0, false },
	{ "throttle_to", read_total_throttle_to, 0, false },
};

void crmg_read_policy_total(struct crmg_reader *r, const struct crmg_node *node,
			    struct crmg_model_budget *total)
{
	*total = (struct crmg_model_budget){ .set = true, .place = node->key->place };
	crmg_read_keys(r, node, "'total'", total_keys, total);
}

void crmg_read_service_total(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_budget *total)
{
	*total = (struct crmg_model_budget){ .set = true, .place = node->key->place };
	crmg_read_keys(r, node, "'total'", service_total_keys, total);
}

/* Shorter than a source is only known when all of the file is: see crmg_model_check(). */
static void read_width(struct crmg_reader *r, const struct crmg_node *node,
		       struct crmg_model_width *width, unsigned int most)
{
	uint64_t bits;

	if (crmg_read_count(r, node, 1, most, &bits))
		*width = (struct crmg_model_width){ bits, node->place };
}

static void read_v4_wide(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	(void)arg;
	read_width(r, node, &((struct crmg_model_policy *)target)->v4_wide, 31);
}

static void read_v6_wide(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	(void)arg;
	read_width(r, node, &((struct crmg_model_policy *)target)->v6_wide, 127);
}

static void read_aggregate_limits(struct crmg_reader *r, const struct crmg_node *node,
				  void *target, unsigned int arg)
{
	read_shared_limits(r, node, &((struct crmg_model_policy *)target)->aggregate, arg);
}

static void read_aggregate_throttle_to(struct crmg_reader *r, const struct crmg_node *node,
				       void *target, unsigned int arg)
{
	read_total_throttle_to(r, node, &((struct crmg_model_policy *)target)->aggregate, arg);
}

static const struct crmg_key aggregate_keys[] = {
	{ "ipv4", read_v4_wide, 0, false },
	{ "ipv6", read_v6_wide, 0, false },
	{ "limits", read_aggregate_limits, 0, true },
	{ "throttle_to", read_aggregate_throttle_to, 0, false },
};

void crmg_read_aggregate(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	struct crmg_model_policy *policy = target;

	(void)arg;
	policy->aggregate = (struct crmg_model_budget){ .set = true, .place = node->key->place };
	policy->v4_wide = policy->v6_wide = (struct crmg_model_width){ 0 };
	crmg_read_keys(r, node, "'aggregate'", aggregate_keys, policy);
}
