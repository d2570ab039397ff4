// SPDX-License-Identifier: GPL-2.0
/* event.c - writes events; every text of theirs may come from elsewhere. */
#include "event.h"

#include "../base/addr.h"
#include "names.h"
#include "sources.h"
#include "text.h"

/* A refusal was judged: it has a verdict and a reason. */
static bool is_judged(const struct crmg_event *event)
{
	return event->kind == CRMG_EVENT_EXCEEDED || event->kind == CRMG_EVENT_REFUSED;
}

/*
 * Also a budget that is nearly used up. Of an automatic ban, or of one that was not made, the
 * limit that was exceeded is the reason.
 */
static bool has_reason(const struct crmg_event *event)
{
	return is_judged(event) || (event->reason && (event->kind == CRMG_EVENT_BAN ||
						      event->kind == CRMG_EVENT_SHARE ||
						      event->kind == CRMG_EVENT_BUDGET));
}

/* NULL: it tells of no address. */
static const char *who_text(const struct crmg_event *event, const char *who,
			    char buf[CRMG_ADDR_LEN])
{
	if (who || !event->len)
		return who;
	return crmg_format_prefix(&event->addr, event->len, buf, CRMG_ADDR_LEN);
}

json_t *crmg_event_json(const struct crmg_event *event, uint64_t boot_to_real_ns,
			const char *who)
{
	bool judged = is_judged(event);
	char at[CRMG_TIME_LEN], address[CRMG_ADDR_LEN];

	who = who_text(event, who, address);
	return json_pack("{s:i, s:o, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"schema", 1,
		"seq", crmg_json_count(event->seq),
		"time", crmg_format_utc(event->time_ns + boot_to_real_ns, true, at, sizeof(at)),
		"event", crmg_event_name(event->kind),
		"address", who ? json_string(who) : json_null(),
		"service", event->service[0] ? crmg_json_text(event->service, CRMG_NAME_LEN)
					     : json_null(),
		"policy", event->policy[0] ? crmg_json_text(event->policy, CRMG_NAME_LEN)
					   : json_null(),
		"verdict", judged ? json_string(crmg_verdict_name(event->verdict)) : json_null(),
		"reason", has_reason(event) ? json_string(crmg_reason_name(event->reason))
					    : json_null(),
		"count", crmg_json_count(event->count),
		"generation", crmg_json_count(event->generation),
		"detail", crmg_json_text(event->detail, sizeof(event->detail)));
}

void crmg_event_text(const struct crmg_event *event, uint64_t boot_to_real_ns, const char *who,
		     FILE *out)
{
	char at[CRMG_TIME_LEN], address[CRMG_ADDR_LEN], text[CRMG_ESCAPED(sizeof(event->detail))];

	who = who_text(event, who, address);
	fprintf(out, "%s %-8s",
		crmg_format_utc(event->time_ns + boot_to_real_ns, true, at, sizeof(at)),
		crmg_event_name(event->kind));
	if (who)
		fprintf(out, " %s", who);
	if (event->service[0])
		fprintf(out, " %s", crmg_escape(event->service, CRMG_NAME_LEN, text,
						sizeof(text)));
	if (event->policy[0])
		fprintf(out, "/%s", crmg_escape(event->policy, CRMG_NAME_LEN, text,
						sizeof(text)));
	if (is_judged(event))
		fprintf(out, " %s: %s, %llu packet%s", crmg_verdict_name(event->verdict),
			crmg_reason_name(event->reason), event->count,
			event->count == 1 ? "" : "s");
	else if (has_reason(event))
		fprintf(out, " %s: %s", event->kind == CRMG_EVENT_SHARE ? "not banned"
			: event->kind == CRMG_EVENT_BUDGET ? "nearly used up" : CRMG_ORIGIN_AUTO,
			crmg_reason_name(event->reason));
	if (event->detail[0])
		fprintf(out, " %s", crmg_escape(event->detail, sizeof(event->detail), text,
						sizeof(text)));
	fputc('\n', out);
}
