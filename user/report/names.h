/* SPDX-License-Identifier: GPL-2.0 */
/*
 * names.h - the words of the lists in abi.h, as CLI, JSON and metrics spell
 * them. A number outside its list (from a newer program) is "unknown".
 */
#ifndef CRMGATE_NAMES_H
#define CRMGATE_NAMES_H

#include <crmgate/abi.h>

const char *crmg_reason_name(unsigned int id);
const char *crmg_limit_name(unsigned int id);
const char *crmg_limit_unit(unsigned int id);
const char *crmg_cap_name(unsigned int id);
const char *crmg_scope_name(unsigned int id);
const char *crmg_verdict_name(unsigned int id);
const char *crmg_mode_name(unsigned int id);
const char *crmg_transport_name(unsigned int id);
const char *crmg_protocol_name(unsigned int id);
const char *crmg_class_name(unsigned int id);
const char *crmg_method_name(unsigned int id);
const char *crmg_tls_version_name(unsigned int id);
const char *crmg_floor_name(unsigned int id);
const char *crmg_action_name(unsigned int id);
const char *crmg_sanity_name(unsigned int id);
const char *crmg_oddity_name(unsigned int id);
const char *crmg_on_budget_name(unsigned int id);
const char *crmg_addresses_name(unsigned int id);
const char *crmg_detect_name(unsigned int id);
const char *crmg_event_name(unsigned int id);
const char *crmg_xdp_mode_name(unsigned int id);
const char *crmg_tc_kind_name(unsigned int id);

/* Charge scale of a limit (abi.h, CRMG_LIMITS) and the reason that it gives. */
unsigned int crmg_limit_shift(unsigned int id);
enum crmg_reason crmg_limit_reason(unsigned int id);
enum crmg_reason crmg_cap_reason(unsigned int id);

#endif
