// SPDX-License-Identifier: GPL-2.0
/* why_write.c - what holds for an address, as a JSON document and as text. */
#include <string.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "names.h"
#include "patient.h"
#include "rows.h"
#include "show.h"
#include "sources.h"
#include "text.h"
#include "why.h"
#include "wide.h"

/* Who shares a budget: a prefix, or (NULL) all sources of a policy or service. */
static const char *sharers_text(const struct crmg_why_limit *limit, char buf[CRMG_ADDR_LEN])
{
	return limit->sharers.len ? crmg_format_prefix(&limit->sharers.addr, limit->sharers.len,
						       buf, CRMG_ADDR_LEN) : NULL;
}

static json_t *quota_json(const struct crmg_why_limit *limit)
{
	char per[CRMG_NUM_LEN], sharers[CRMG_ADDR_LEN];

	return json_pack("{s:s, s:s, s:s?, s:n, s:n, s:n, s:o, s:s, s:n, s:o}",
		"name", crmg_reason_name(CRMG_REASON_BYTES_OUT),
		"scope", crmg_scope_name(limit->scope),
		"prefix", sharers_text(limit, sharers),
		"rate",
		"rate_per_second",
		"burst",
		"quota", crmg_json_count(limit->quota->bytes),
		"per", crmg_quota_per(limit->quota, per, sizeof(per)),
		"max",
		"available", limit->known ? crmg_json_count(limit->available) : json_null());
}

static json_t *cap_json(const struct crmg_why_limit *limit)
{
	char sharers[CRMG_ADDR_LEN];

	return json_pack("{s:s, s:s, s:s?, s:n, s:n, s:n, s:n, s:n, s:o, s:o}",
		"name", crmg_cap_name(limit->limit),
		"scope", crmg_scope_name(limit->scope),
		"prefix", sharers_text(limit, sharers),
		"rate",
		"rate_per_second",
		"burst",
		"quota",
		"per",
		"max", crmg_json_count(limit->max),
		"available", crmg_json_count(limit->available));
}

static json_t *limits_json(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			   const struct crmg_why_service *why)
{
	struct crmg_why_limit limits[CRMG_WHY_LIMITS_MAX];
	size_t count = crmg_why_limits(snap, addr, why, limits);
	json_t *list = json_array();

	for (size_t i = 0; i < count; i++) {
		const struct crmg_why_limit *limit = &limits[i];
		char rate[CRMG_NUM_LEN], sharers[CRMG_ADDR_LEN];

		if (limit->quota || limit->max) {
			json_array_append_new(list, limit->max ? cap_json(limit)
							       : quota_json(limit));
			continue;
		}
		json_array_append_new(list, json_pack(
			"{s:s, s:s, s:s?, s:s, s:f, s:o, s:n, s:n, s:n, s:o}",
			"name", crmg_limit_name(limit->limit),
			"scope", crmg_scope_name(limit->scope),
			"prefix", sharers_text(limit, sharers),
			"rate", crmg_rate_text(limit->limit, limit->terms, rate),
			"rate_per_second", crmg_rate_per_second(limit->terms),
			"burst", crmg_json_count(limit->terms->burst),
			"quota",
			"per",
			"max",
			"available", limit->known ? crmg_json_count(limit->available)
						  : json_null()));
	}
	return list;
}

/* What was seen of the source, and what counts towards an automatic ban. */
static json_t *service_json(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			    const struct crmg_why_service *why)
{
	const struct crmg_detail *detail = &why->source.detail;
	const struct crmg_slot *slot = &why->source.slot;
	uint32_t refused_tick, reason = crmg_source_refused(slot, detail, &refused_tick);
	bool refused = why->seen && reason;
	enum crmg_scope cut_by, slowed_by;
	bool cut = crmg_why_cut(snap, addr, why, &cut_by);
	uint64_t until = crmg_banned_until(snap, why->ban, &why->source);
	const struct crmg_quotas *throttled = crmg_why_throttled(snap, addr, why, &slowed_by);
	char rate[CRMG_NUM_LEN];

	return json_pack("{s:o, s:o, s:o, s:o, s:o, s:s, s:b, s:b, s:b, s:b, s:s?, s:s?, s:s?, s:o, s:o, s:i,"
			 " s:i, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
		"service", crmg_json_text(why->service->name, sizeof(why->service->name)),
		"client", crmg_json_text(why->label->client, sizeof(why->label->client)),
		"policy", crmg_json_text(why->label->policy, sizeof(why->label->policy)),
		"gate", why->gate ? crmg_json_text(why->gate->client, sizeof(why->gate->client))
				  : json_null(),
		"lapsed", why->lapsed
			? crmg_json_text(why->lapsed->client, sizeof(why->lapsed->client))
			: json_null(),
		"mode", crmg_mode_name(why->binding->mode),
		"deny", why->binding->kind == CRMG_BINDING_DENY,
		"seen", why->seen,
		"proven", why->proven,
		"cut", cut,
		"cut_by", cut ? crmg_scope_name(cut_by) : NULL,
		"throttled_to", throttled ? crmg_throttle_text(throttled, rate) : NULL,
		"throttled_by", throttled ? crmg_scope_name(slowed_by) : NULL,
		"limits", limits_json(snap, addr, why),
		"banned_until", until ? crmg_json_until(snap, until) : json_null(),
		"automatic_bans", detail->auto_bans,
		"strikes", crmg_source_strikes(snap, detail, &why->binding->ban),
		"last_reason", refused ? json_string(crmg_reason_name(reason)) : json_null(),
		"last_refused", refused
			? crmg_json_time(crmg_tick_to_real(snap, refused_tick))
			: json_null(),
		"packets", crmg_json_count(crmg_source_packets(slot, detail)),
		crmg_requests_key(why->service), crmg_counts_requests(why->binding)
			? crmg_json_count(why->source.asked.requests) : json_null(),
		"dropped_packets", crmg_json_count(crmg_source_dropped(slot, detail)),
		"bytes_out", crmg_json_count(detail->bytes_out),
		"answers", why->seen ? crmg_patient_answers_json(snap, &why->source) : json_null(),
		"patient", why->seen ? crmg_patient_json(snap, &why->source) : json_null());
}

json_t *crmg_why_json(const struct crmg_snapshot *snap, const struct crmg_why *why)
{
	char address[CRMG_ADDR_LEN], source[CRMG_ADDR_LEN];
	json_t *services = json_array();

	for (size_t i = 0; i < why->count; i++)
		json_array_append_new(services, service_json(snap, &why->address,
							     &why->services[i]));
	return json_pack("{s:i, s:s, s:s, s:b, s:o}",
		"schema", 1,
		"address", crmg_format_addr(&why->address, address, sizeof(address)),
		"source", crmg_source_text(snap, &why->address, source, sizeof(source)),
		"panic", snap->control.panic != 0,
		"services", services);
}

static void ban_text(const struct crmg_snapshot *snap, const struct crmg_ban_entry *entry,
		     FILE *out)
{
	char prefix[CRMG_ADDR_LEN], until[CRMG_TIME_LEN];
	char origin[CRMG_ESCAPED(CRMG_NAME_LEN)], note[CRMG_ESCAPED(sizeof(entry->ban.note))];

	crmg_escape(entry->ban.note, sizeof(entry->ban.note), note, sizeof(note));
	fprintf(out, "  banned:  %s until %s by %s%s%s\n",
		crmg_format_prefix(&entry->key.addr, entry->key.len, prefix, sizeof(prefix)),
		entry->ban.until_ns == CRMG_BAN_FOREVER ? "unban"
		: crmg_format_utc(crmg_boot_to_real(snap, entry->ban.until_ns), false, until,
				  sizeof(until)),
		crmg_escape(entry->ban.origin, CRMG_NAME_LEN, origin, sizeof(origin)),
		*note ? ": " : "", note);
}

/* What is left of a limit, and who shares it. */
static void shared_text(const struct crmg_why_limit *limit, FILE *out)
{
	char sharers[CRMG_ADDR_LEN];

	if (limit->known)
		fprintf(out, ", available %llu", (unsigned long long)limit->available);
	if (limit->scope == CRMG_SCOPE_AGGREGATE)
		fprintf(out, ", shared by %s", sharers_text(limit, sharers));
	else if (limit->scope != CRMG_SCOPE_SOURCE)
		fprintf(out, ", shared by the %s", crmg_scope_name(limit->scope));
	fputc('\n', out);
}

/* Nothing: of a source alone. */
static void used_up_text(const struct crmg_addr *addr, const struct crmg_why_service *why,
			 enum crmg_scope scope, FILE *out)
{
	uint8_t len = crmg_wide_len(why->binding, addr);
	struct crmg_addr wide = crmg_addr_cut(*addr, len);
	char text[CRMG_ADDR_LEN];

	if (scope == CRMG_SCOPE_AGGREGATE)
		fprintf(out, "that all sources of %s share ",
			crmg_format_prefix(&wide, len, text, sizeof(text)));
	else if (scope != CRMG_SCOPE_SOURCE)
		fprintf(out, "that all sources of the %s share ", crmg_scope_name(scope));
}

static void slowed_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			const struct crmg_why_service *why, FILE *out)
{
	enum crmg_scope scope;
	const struct crmg_quotas *throttled = crmg_why_throttled(snap, addr, why, &scope);
	char rate[CRMG_NUM_LEN];

	if (!throttled)
		return;
	fputs("  slowed:  a budget of bytes_out ", out);
	used_up_text(addr, why, scope, out);
	fprintf(out, "is used up: no more than %s is sent\n", crmg_throttle_text(throttled, rate));
}

static void cut_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
		     const struct crmg_why_service *why, FILE *out)
{
	enum crmg_scope scope;

	if (!crmg_why_cut(snap, addr, why, &scope))
		return;
	fputs("  cut:     a budget of bytes_out ", out);
	used_up_text(addr, why, scope, out);
	fputs("is used up: nothing is sent, requests are refused\n", out);
}

static void limits_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			const struct crmg_why_service *why, FILE *out)
{
	struct crmg_why_limit limits[CRMG_WHY_LIMITS_MAX];
	size_t count = crmg_why_limits(snap, addr, why, limits);

	for (size_t i = 0; i < count; i++) {
		const struct crmg_why_limit *limit = &limits[i];
		char rate[CRMG_NUM_LEN], sharers[CRMG_ADDR_LEN];

		if (limit->quota) {
			fprintf(out, "  limit:   bytes_out %s per %s",
				crmg_format_bytes(limit->quota->bytes, rate, sizeof(rate)),
				crmg_quota_per(limit->quota, sharers, sizeof(sharers)));
			shared_text(limit, out);
			continue;
		}
		if (limit->max) {
			fprintf(out, "  limit:   %s max %u, available %llu\n",
				crmg_cap_name(limit->limit), limit->max,
				(unsigned long long)limit->available);
			continue;
		}
		fprintf(out, "  limit:   %s %s, burst %llu", crmg_limit_name(limit->limit),
			crmg_rate_text(limit->limit, limit->terms, rate), limit->terms->burst);
		shared_text(limit, out);
	}
}

static void seen_text(const struct crmg_snapshot *snap, const struct crmg_why_service *why,
		      FILE *out)
{
	const struct crmg_detail *detail = &why->source.detail;
	const struct crmg_slot *slot = &why->source.slot;
	const struct crmg_ban_terms *ban = &why->binding->ban;
	char text[CRMG_TIME_LEN], patient[CRMG_PATIENT_LEN];
	uint32_t refused_tick, reason = crmg_source_refused(slot, detail, &refused_tick);
	struct crmg_patient p;

	if (!why->seen) {
		fputs("  seen:    not in the table\n", out);
		return;
	}
	fprintf(out, "  seen:    %llu packets, ",
		(unsigned long long)crmg_source_packets(slot, detail));
	if (crmg_counts_requests(why->binding))
		fprintf(out, "%s requests, ",
			crmg_requests_text(why->service, why->binding, why->source.asked.requests,
					   text, sizeof(text)));
	fprintf(out, "%llu refused, %s\n",
		(unsigned long long)crmg_source_refusals(slot, detail),
		why->proven ? "proven" : "not proven");
	if (reason)
		fprintf(out, "  refused: last at %s: %s\n",
			crmg_format_utc(crmg_tick_to_real(snap, refused_tick), false,
					text, sizeof(text)),
			crmg_reason_name(reason));
	if (crmg_patient_find(snap, &why->source, &p)) {
		if (crmg_patient_looks(snap, &why->source))
			fprintf(out, "  patient: %s\n", crmg_patient_text(&p, patient));
		else
			fprintf(out, "  answers: %s\n", crmg_patient_answers_text(&p, patient));
	}
	if (ban->after)
		fprintf(out, "  strikes: %u of %u, %u automatic ban%s so far\n",
			crmg_source_strikes(snap, detail, ban), ban->after, detail->auto_bans,
			detail->auto_bans == 1 ? "" : "s");
}

static void service_text(const struct crmg_snapshot *snap, const struct crmg_addr *addr,
			 const struct crmg_why_service *why, bool colour, FILE *out)
{
	char service[CRMG_ESCAPED(CRMG_NAME_LEN)], policy[CRMG_ESCAPED(CRMG_NAME_LEN)];
	char client[CRMG_ESCAPED(CRMG_NAME_LEN)];

	fprintf(out, "\n%s%s%s: policy %s (client %s), mode %s%s\n", colour ? "\033[1m" : "",
		crmg_escape(why->service->name, CRMG_NAME_LEN, service, sizeof(service)),
		colour ? "\033[0m" : "",
		crmg_escape(why->label->policy, CRMG_NAME_LEN, policy, sizeof(policy)),
		crmg_escape(why->label->client, CRMG_NAME_LEN, client, sizeof(client)),
		crmg_mode_name(why->binding->mode),
		why->binding->kind == CRMG_BINDING_DENY ? ", everything is refused" : "");
	if (why->gate)
		fprintf(out, "  gate:    %s: never refused there\n",
			crmg_escape(why->gate->client, CRMG_NAME_LEN, client, sizeof(client)));
	if (why->lapsed)
		fprintf(out, "  lapsed:  the contract of %s does not hold now: see crmgate status\n",
			crmg_escape(why->lapsed->client, CRMG_NAME_LEN, client, sizeof(client)));
	if (why->ban)
		ban_text(snap, why->ban, out);
	if (crmg_auto_ban_end(snap, &why->source)) {
		struct crmg_ban_entry entry = crmg_auto_ban_entry(snap, &why->source);

		ban_text(snap, &entry, out);
	}
	limits_text(snap, addr, why, out);
	slowed_text(snap, addr, why, out);
	cut_text(snap, addr, why, out);
	seen_text(snap, why, out);
}

void crmg_why_text(const struct crmg_snapshot *snap, const struct crmg_why *why, bool colour,
		   FILE *out)
{
	char address[CRMG_ADDR_LEN], source[CRMG_ADDR_LEN];

	crmg_format_addr(&why->address, address, sizeof(address));
	crmg_source_text(snap, &why->address, source, sizeof(source));
	fprintf(out, "%s", address);
	if (strcmp(address, source) != 0)
		fprintf(out, ", counted as %s", source);
	fputs(snap->control.panic ? "; panic is on: everything passes\n" : "\n", out);
	if (!why->count)
		fputs("no service is protected\n", out);
	for (size_t i = 0; i < why->count; i++)
		service_text(snap, &why->address, &why->services[i], colour, out);
}
