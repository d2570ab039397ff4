/* SPDX-License-Identifier: GPL-2.0 */
/* event.h - one event as a line of text or of JSON. */
#ifndef CRMGATE_EVENT_H
#define CRMGATE_EVENT_H

#include <stdio.h>

#include <jansson.h>

#include "snapshot.h"

/*
 * boot_to_real_ns: CLOCK_REALTIME - CLOCK_BOOTTIME. who: stands for the address; NULL: that is told
 * itself. NULL when out of memory.
 */
json_t *crmg_event_json(const struct crmg_event *event, uint64_t boot_to_real_ns,
			const char *who);

void crmg_event_text(const struct crmg_event *event, uint64_t boot_to_real_ns, const char *who,
		     FILE *out);

#endif
