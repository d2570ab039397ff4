// SPDX-License-Identifier: GPL-2.0
/* http.c - what the requests of a policy may be, as text and as JSON. */
#include "show.h"

#include <string.h>

#include "../base/util.h"
#include "names.h"

char *crmg_http_text(const struct crmg_binding *binding, char buf[CRMG_HTTP_LEN])
{
	char methods[CRMG_HTTP_LEN] = "";

	if (!binding->methods)
		return NULL;
	for (unsigned int m = 0; m < CRMG_METHOD_COUNT; m++)
		if (binding->methods >> m & 1)
			crmg_list_add(methods, sizeof(methods), crmg_method_name(m));
	snprintf(buf, CRMG_HTTP_LEN, "methods %s", methods);
	return buf;
}

json_t *crmg_http_json(const struct crmg_binding *binding)
{
	json_t *methods;

	if (!binding->methods)
		return json_null();
	methods = json_array();
	for (unsigned int m = 0; m < CRMG_METHOD_COUNT; m++)
		if (binding->methods >> m & 1)
			json_array_append_new(methods, json_string(crmg_method_name(m)));
	return json_pack("{s:o}", "methods", methods);
}
