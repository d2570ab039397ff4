// SPDX-License-Identifier: GPL-2.0
/* servernames.c - the server names of services, as text and as JSON. */
#include "show.h"

#include <stdio.h>
#include <string.h>

#include "text.h"

/* Name n of a service, as the policy file has it; NULL: it has no more. */
static const char *name_at(const struct crmg_image *image, const struct crmg_service *service,
			   uint32_t n, char buf[CRMG_SERVER_NAME_MAX + 2])
{
	const struct crmg_server_name *names = crmg_image_section(image, CRMG_SECTION_NAMES, NULL);
	const char *text;

	if (n >= service->name_count)
		return NULL;
	text = names[service->first_name + n].text;
	snprintf(buf, CRMG_SERVER_NAME_MAX + 2, "%s%s", text[0] == '.' ? "*" : "", text);
	return buf;
}

char *crmg_server_names_text(const struct crmg_image *image, const struct crmg_service *service,
			     char *buf, size_t size)
{
	char one[CRMG_SERVER_NAME_MAX + 2];
	size_t at = 0;

	snprintf(buf, size, "none");
	for (uint32_t n = 0; name_at(image, service, n, one); n++) {
		if (at + strlen(one) + sizeof(",..") > size) {
			snprintf(buf + at, size - at, "..");
			return buf;
		}
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? "," : "", one);
	}
	return buf;
}

bool crmg_server_names_same(const struct crmg_image *a, const struct crmg_service *of_a,
			    const struct crmg_image *b, const struct crmg_service *of_b)
{
	const struct crmg_server_name *names_a = crmg_image_section(a, CRMG_SECTION_NAMES, NULL);
	const struct crmg_server_name *names_b = crmg_image_section(b, CRMG_SECTION_NAMES, NULL);

	if (of_a->name_count != of_b->name_count)
		return false;
	for (uint32_t n = 0; n < of_a->name_count; n++)
		if (strcmp(names_a[of_a->first_name + n].text, names_b[of_b->first_name + n].text))
			return false;
	return true;
}

json_t *crmg_server_names_json(const struct crmg_image *image, const struct crmg_service *service)
{
	char one[CRMG_SERVER_NAME_MAX + 2];
	json_t *list = json_array();

	for (uint32_t n = 0; name_at(image, service, n, one); n++)
		json_array_append_new(list, json_string(one));
	return list;
}

int crmg_server_names_table(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "PORTS OF", false }, { "SERVER NAME", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char one[CRMG_SERVER_NAME_MAX + 2];
	bool any = false;

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);
		const struct crmg_service *base;

		if (!service || !service->base)
			continue;
		base = crmg_image_service(image, service->base);
		for (uint32_t n = 0; name_at(image, service, n, one); n++) {
			any = true;
			crmg_table_cell(&table, "%s", service->name);
			crmg_table_cell(&table, "%s", base ? base->name : "-");
			crmg_table_cell(&table, "%s", one);
		}
	}
	if (!any)
		return 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}
