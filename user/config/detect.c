// SPDX-License-Identifier: GPL-2.0
/* detect.c - the mapping `detect` of a policy: what is looked for over hours, and only told. */
#include "../base/util.h"
#include "reader.h"

/* There is one word so far; without the key nothing is looked for. */
static void read_what(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	static const char *const words[] = { "observe", "off" };
	struct crmg_model_detect *detect = target;
	unsigned int value;

	if (!crmg_read_choice(r, node, words, CRMG_ARRAY_SIZE(words), &value))
		return;
	detect->what &= (uint8_t)~(1u << arg);
	if (!value)
		detect->what |= (uint8_t)(1u << arg);
}

static const struct crmg_key detect_keys[] = {
#define KEY(ID, name, help) { name, read_what, CRMG_DETECT_##ID, false },
	CRMG_DETECTS(KEY)
};

void crmg_read_detect(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	struct crmg_model_policy *policy = target;

	(void)arg;
	policy->detect.place = node->key->place;
	crmg_read_keys(r, node, "'detect'", detect_keys, &policy->detect);
	if (node->kind == CRMG_NODE_MAP && !node->child)
		crmg_read_error(r, node->place, "'detect' says nothing; it needs 'patient'");
}
