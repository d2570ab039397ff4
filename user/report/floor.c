// SPDX-License-Identifier: GPL-2.0
/* floor.c - what a policy wants of TLS, as text and as JSON. */
#include "show.h"

#include "names.h"

static const char *below_name(const struct crmg_binding *binding)
{
	return crmg_floor_name(binding->floor & CRMG_BINDING_FLOOR_VERSION ? CRMG_FLOOR_REFUSE
									   : CRMG_FLOOR_OBSERVE);
}

static const char *plaintext_name(const struct crmg_binding *binding)
{
	return crmg_floor_name(binding->floor & CRMG_BINDING_FLOOR_PLAINTEXT ? CRMG_FLOOR_REFUSE
									     : CRMG_FLOOR_OBSERVE);
}

char *crmg_floor_text(const struct crmg_binding *binding, char buf[CRMG_FLOOR_LEN])
{
	size_t at = 0;

	if (!binding->floor)
		return NULL;
	if (binding->tls_minimum)
		at = (size_t)snprintf(buf, CRMG_FLOOR_LEN, "%s below %s, ", below_name(binding),
				      crmg_tls_version_name(binding->tls_minimum));
	snprintf(buf + at, CRMG_FLOOR_LEN - at, "%s plaintext", plaintext_name(binding));
	return buf;
}

json_t *crmg_floor_json(const struct crmg_binding *binding)
{
	bool minimum = binding->tls_minimum;

	if (!binding->floor)
		return json_null();
	return json_pack("{s:o, s:o, s:s}",
		"minimum", minimum ? json_string(crmg_tls_version_name(binding->tls_minimum))
				   : json_null(),
		"minimum_action", minimum ? json_string(below_name(binding)) : json_null(),
		"plaintext", plaintext_name(binding));
}
