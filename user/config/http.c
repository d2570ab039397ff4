// SPDX-License-Identifier: GPL-2.0
/* http.c - the mapping `http` of a policy: what its requests may be. */
#include <errno.h>
#include <stddef.h>

#include "../base/num.h"
#include "../base/util.h"
#include "reader.h"

enum { MAX_HEADER, MAX_BODY };

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

/* A number of bytes in bounds, into the member of struct crmg_model_http that arg says. */
static void read_most(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	static const struct {
		uint64_t least, most;
		size_t at;
	} bounds[] = {
		[MAX_HEADER] = { CRMG_HEADER_MIN, CRMG_HEADER_MAX,
				 offsetof(struct crmg_model_http, max_header) },
		[MAX_BODY] = { CRMG_BODY_MIN, CRMG_BODY_MAX,
			       offsetof(struct crmg_model_http, max_body) },
	};
	const char *text = crmg_read_text(r, node, "a number of bytes");
	char least[CRMG_NUM_LEN], most[CRMG_NUM_LEN];
	uint64_t bytes;
	int error;

	if (!text)
		return;
	error = crmg_parse_bytes(text, &bytes);
	if (!error && bytes >= bounds[arg].least && bytes <= bounds[arg].most) {
		*(uint32_t *)((char *)target + bounds[arg].at) = (uint32_t)bytes;
		return;
	}
	crmg_read_error(r, node->place, "'%.64s' is %s; accepted is %s to %s, as 8kB or 16KiB", text,
			error == -EINVAL ? "not a number of bytes" : "out of range",
			crmg_format_bytes(bounds[arg].least, least, sizeof(least)),
			crmg_format_bytes(bounds[arg].most, most, sizeof(most)));
}

static const struct crmg_key http_keys[] = {
	{ "methods", read_methods, 0, false },
	{ "max_header", read_most, MAX_HEADER, false },
	{ "max_body", read_most, MAX_BODY, false },
};

void crmg_read_http(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg)
{
	struct crmg_model_http http = { .set = true, .place = node->key->place };

	(void)arg;
	crmg_read_keys(r, node, "'http'", http_keys, &http);
	if (node->kind == CRMG_NODE_MAP && !node->child)
		crmg_read_error(r, node->place, "'http' says nothing; it needs 'methods', 'max_header' "
				"or 'max_body'");
	((struct crmg_model_policy *)target)->http = http;
}
