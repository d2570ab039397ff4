// SPDX-License-Identifier: GPL-2.0
/* allow.c - the section `allow`: prefixes, of any interface or of one. */
#include <string.h>

#include "../base/util.h"
#include "reader.h"

#define ALLOW_MAX 4096

/* An entry of `allow` while it is read. */
struct allowed {
	struct crmg_pfx pfx;
	bool read;			/* pfx is one */
	const struct crmg_node *interface;
};

static void read_allowed_prefix(struct crmg_reader *r, const struct crmg_node *node, void *target,
				unsigned int arg)
{
	struct allowed *entry = target;

	(void)arg;
	entry->read = crmg_read_prefix(r, node, &entry->pfx);
	if (entry->read && (entry->pfx.len == 0 ||
			    (entry->pfx.len == 96 && crmg_addr_is_v4(&entry->pfx.addr)))) {
		crmg_read_error(r, node->place, "/0 would allow everybody; to refuse nothing, say "
				"'mode: shadow'");
		entry->read = false;
	}
}

static void read_interface(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	const char *name = crmg_read_text(r, node, "the name of an interface");

	(void)arg;
	if (!name)
		return;
	if (!*name || strlen(name) >= sizeof(((struct crmg_model_gate *)0)->interface) ||
	    strpbrk(name, "/ \t"))
		crmg_read_error(r, node->place, "'%.64s' is not the name of an interface", name);
	else
		((struct allowed *)target)->interface = node;
}

static const struct crmg_key allow_keys[] = {
	{ "prefix", read_allowed_prefix, 0, true },
	{ "interface", read_interface, 0, true },
};

/* The gate of an interface, a new one if it was not named before; NULL: no room. */
static struct crmg_model_gate *gate_of(struct crmg_reader *r, struct crmg_model *model,
				       const struct crmg_node *interface)
{
	struct crmg_model_gate *gate;

	for (size_t i = 0; i < model->gate_count; i++)
		if (strcmp(model->gates[i].interface, interface->text) == 0)
			return &model->gates[i];
	if (model->gate_count == CRMG_GATES_MAX) {
		crmg_read_error(r, interface->place, "'allow' names more than %d interfaces",
				CRMG_GATES_MAX);
		return NULL;
	}
	gate = crmg_read_grow(r, &model->gates, &model->gate_count, sizeof(*gate));
	if (gate)
		crmg_copy(gate->interface, sizeof(gate->interface), interface->text);
	return gate;
}

static void read_allowed(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model *model)
{
	struct crmg_model_prefix **prefixes = &model->allow, *prefix;
	size_t *count = &model->allow_count;
	struct allowed entry = { .read = false };
	struct crmg_model_gate *gate;

	if (node->kind == CRMG_NODE_MAP)
		crmg_read_keys(r, node, "an entry of 'allow'", allow_keys, &entry);
	else
		read_allowed_prefix(r, node, &entry, 0);
	if (!entry.read || (node->kind == CRMG_NODE_MAP && !entry.interface))
		return;
	if (entry.interface) {
		gate = gate_of(r, model, entry.interface);
		if (!gate)
			return;
		prefixes = &gate->prefixes;
		count = &gate->prefix_count;
	}
	prefix = crmg_read_grow(r, prefixes, count, sizeof(*prefix));
	if (prefix)
		*prefix = (struct crmg_model_prefix){ .pfx = entry.pfx, .place = node->place };
}

void crmg_read_allow(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	struct crmg_model *model = target;

	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of addresses or prefixes", ALLOW_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next)
		read_allowed(r, entry, model);
	crmg_model_sort_prefixes(model->allow, &model->allow_count);
	for (size_t i = 0; i < model->gate_count; i++)
		crmg_model_sort_prefixes(model->gates[i].prefixes, &model->gates[i].prefix_count);
}
