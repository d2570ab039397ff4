// SPDX-License-Identifier: GPL-2.0
/* http.c - the mapping `http` of a policy: what its requests may be. */
#include "../base/util.h"
#include "reader.h"

static void read_methods(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name) [CRMG_METHOD_##ID] = name,
		CRMG_METHODS(X)
#undef X
	};
	struct crmg_model_http *http = target;
	unsigned int method;

	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of methods ([GET, POST])", CRMG_ARRAY_SIZE(names)))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		if (!crmg_read_choice(r, entry, names, CRMG_ARRAY_SIZE(names), &method))
			continue;
		if (http->methods >> method & 1)
			crmg_read_error(r, entry->place, "method '%s' is in this list twice",
					names[method]);
		http->methods |= 1u << method;
	}
}

static const struct crmg_key http_keys[] = {
	{ "methods", read_methods, 0, true },
	{ "max_header", NULL, 0, false },
	{ "max_body", NULL, 0, false },
};

void crmg_read_http(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg)
{
	struct crmg_model_http http = { .set = true, .place = node->key->place };

	(void)arg;
	crmg_read_keys(r, node, "'http'", http_keys, &http);
	((struct crmg_model_policy *)target)->http = http;
}
