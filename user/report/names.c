// SPDX-License-Identifier: GPL-2.0
/*
 * names.c - words for the numbers of abi.h, generated from its lists. Holds no
 * list of its own but the two that abi.h has as plain enums.
 */
#include "names.h"

#include "../base/util.h"

#define NAME(ID, name, ...) name,
#define LOOKUP(function, ...)							\
	const char *function(unsigned int id)					\
	{									\
		static const char *const names[] = { __VA_ARGS__ };		\
										\
		return id < CRMG_ARRAY_SIZE(names) ? names[id] : "unknown";	\
	}

LOOKUP(crmg_reason_name, CRMG_REASONS(NAME))
LOOKUP(crmg_limit_name, CRMG_LIMITS(NAME))
LOOKUP(crmg_cap_name, CRMG_CAPS(NAME))
LOOKUP(crmg_scope_name, CRMG_SCOPES(NAME))
LOOKUP(crmg_verdict_name, CRMG_VERDICTS(NAME))
LOOKUP(crmg_mode_name, CRMG_MODES(NAME))
LOOKUP(crmg_transport_name, CRMG_TRANSPORTS(NAME))
LOOKUP(crmg_protocol_name, CRMG_PROTOCOLS(NAME))
LOOKUP(crmg_class_name, CRMG_CLASSES(NAME))
LOOKUP(crmg_method_name, CRMG_METHODS(NAME))
LOOKUP(crmg_tls_version_name, CRMG_TLS_VERSIONS(NAME))
LOOKUP(crmg_floor_name, CRMG_FLOORS(NAME))
LOOKUP(crmg_action_name, CRMG_ACTIONS(NAME))
LOOKUP(crmg_sanity_name, CRMG_SANITIES(NAME))
LOOKUP(crmg_oddity_name, CRMG_ODDITIES(NAME))
LOOKUP(crmg_on_budget_name, CRMG_ON_BUDGETS(NAME))
LOOKUP(crmg_addresses_name, CRMG_ADDRESSES(NAME))
LOOKUP(crmg_detect_name, CRMG_DETECTS(NAME))
LOOKUP(crmg_event_name, CRMG_EVENTS(NAME))
LOOKUP(crmg_xdp_mode_name, "none", "native", "generic", "tc")
LOOKUP(crmg_tc_kind_name, "none", "tcx", "clsact")

#define UNIT(ID, name, unit, ...) unit,
LOOKUP(crmg_limit_unit, CRMG_LIMITS(UNIT))

unsigned int crmg_limit_shift(unsigned int id)
{
#define SHIFT(ID, name, unit, shift, ...) shift,
	static const unsigned char shifts[] = { CRMG_LIMITS(SHIFT) };

	return shifts[id];
}

enum crmg_reason crmg_limit_reason(unsigned int id)
{
#define REASON(ID, ...) CRMG_REASON_##ID,
	static const enum crmg_reason reasons[] = { CRMG_LIMITS(REASON) };

	return reasons[id];
}

enum crmg_reason crmg_cap_reason(unsigned int id)
{
	static const enum crmg_reason reasons[] = { CRMG_CAPS(REASON) };

	return reasons[id];
}
