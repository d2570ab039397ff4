/* SPDX-License-Identifier: GPL-2.0 */
/* clients.c - the section `clients`: prefixes, list files, contracts. */
#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../base/num.h"
#include "reader.h"

#define FILES_MAX 16

static void read_prefixes(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	struct crmg_model_client *client = target;

	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of addresses or prefixes", CRMG_PREFIXES_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		struct crmg_model_prefix *prefix;
		struct crmg_pfx pfx;

		if (!crmg_read_prefix(r, entry, &pfx) || r->prefix_total++ >= CRMG_PREFIXES_MAX)
			continue;
		prefix = crmg_read_grow(r, &client->prefixes, &client->prefix_count,
					sizeof(*prefix));
		if (prefix)
			*prefix = (struct crmg_model_prefix){ .pfx = pfx, .place = entry->place };
	}
}

static void read_files(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of file names", FILES_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next)
		crmg_read_list_file(r, entry, target);
}

static void read_balancer(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	(void)arg;
	crmg_read_bool(r, node, &((struct crmg_model_client *)target)->balancer);
}

static void read_max_age(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	static const struct crmg_time_bounds bounds = {
		60 * CRMG_NS_PER_SEC, 365 * 86400 * CRMG_NS_PER_SEC, CRMG_NS_PER_SEC
	};

	(void)arg;
	crmg_read_time(r, node, &bounds, &((struct crmg_model_client *)target)->max_age_ns);
}

static const struct crmg_key client_keys[] = {
	{ "prefixes", read_prefixes, 0, false },
	{ "files", read_files, 0, false },
	{ "max_age", read_max_age, 0, false },
	{ "balancer", read_balancer, 0, false },
	{ "owner", crmg_read_owner, 0, false },
	{ "valid_until", crmg_read_valid_until, 0, false },
	{ "hours", crmg_read_hours, 0, false },
};

static void read_client(struct crmg_reader *r, const struct crmg_node *node,
			struct crmg_model_client *client)
{
	crmg_read_keys(r, node, "a client", client_keys, client);
	if (node->kind == CRMG_NODE_MAP && !crmg_node_get(node, "prefixes") &&
	    !crmg_node_get(node, "files"))
		crmg_read_error(r, node->place, "a client needs 'prefixes' or 'files'");
	if (client->max_age_ns && !client->file_count)
		crmg_read_error(r, node->place, "'max_age' is of list files, and there is none");
	crmg_model_sort_prefixes(client->prefixes, &client->prefix_count);
}

void crmg_read_clients(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	struct crmg_model *model = target;

	(void)arg;
	if (!crmg_read_is_map(r, node, "a mapping of clients (name: {prefixes: [...]})"))
		return;
	if (crmg_names_make(&r->clients, node->count) < 0) {
		r->no_memory = true;
		return;
	}
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		size_t index = model->client_count;
		struct crmg_model_client *client = crmg_read_grow(r, &model->clients,
								  &model->client_count,
								  sizeof(*client));

		if (!client)
			return;
		client->place = entry->key->place;
		crmg_read_name(r, entry->key, "client", client->name);
		crmg_names_add(&r->clients, entry->key->text, index, &index);
		read_client(r, entry, client);
	}
	if (r->prefix_total > CRMG_PREFIXES_MAX)
		crmg_read_error(r, node->place, "the clients need %zu prefixes, there are at most "
				"%d", r->prefix_total, CRMG_PREFIXES_MAX);
}
