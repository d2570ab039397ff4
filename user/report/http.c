// SPDX-License-Identifier: GPL-2.0
/* http.c - what the requests of a policy may be, as text and as JSON. */
#include "show.h"

#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "names.h"

static size_t add_bound(char buf[CRMG_HTTP_LEN], size_t at, const char *key, uint32_t bytes)
{
	char text[CRMG_NUM_LEN];

	if (!bytes)
		return at;
	return at + (size_t)snprintf(buf + at, CRMG_HTTP_LEN - at, "%s%s %s", at ? "; " : "", key,
				     crmg_format_bytes(bytes, text, sizeof(text)));
}

char *crmg_http_text(const struct crmg_http_terms *http, char buf[CRMG_HTTP_LEN])
{
	char methods[CRMG_HTTP_LEN / 2 + 64] = "";
	size_t at = 0;

	if (!http)
		return NULL;
	buf[0] = 0;
	for (unsigned int m = 0; m < CRMG_METHOD_COUNT; m++)
		if (http->methods >> m & 1)
			crmg_list_add(methods, sizeof(methods), crmg_method_name(m));
	if (methods[0])
		at = (size_t)snprintf(buf, CRMG_HTTP_LEN, "methods %s", methods);
	at = add_bound(buf, at, "max_header", http->max_header);
	add_bound(buf, at, "max_body", http->max_body);
	return buf;
}

static json_t *methods_json(uint32_t methods)
{
	json_t *list;

	if (!methods)
		return json_null();
	list = json_array();
	for (unsigned int m = 0; m < CRMG_METHOD_COUNT; m++)
		if (methods >> m & 1)
			json_array_append_new(list, json_string(crmg_method_name(m)));
	return list;
}

static json_t *bytes_json(uint32_t bytes)
{
	return bytes ? json_integer(bytes) : json_null();
}

json_t *crmg_http_json(const struct crmg_http_terms *http)
{
	if (!http)
		return json_null();
	return json_pack("{s:o, s:o, s:o}", "methods", methods_json(http->methods),
			 "max_header", bytes_json(http->max_header),
			 "max_body", bytes_json(http->max_body));
}
