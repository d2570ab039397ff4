// SPDX-License-Identifier: GPL-2.0
/*
 * metrics.c - the table of metric families, and how those of the host are written.
 * A family is one line of the table and, if its labels are new, one function.
 */
#include "metrics.h"

#include <inttypes.h>
#include <string.h>

#include "../base/util.h"
#include "contracts.h"
#include "families.h"
#include "names.h"
#include "sources.h"

static void write_host(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	fprintf(out, "%s %" PRIu64 "\n", family->name,
		(uint64_t)ctx->snap->host.counter[family->counter]);
}

static void write_tracked(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	fprintf(out, "%s %" PRIu32 "\n", family->name, ctx->snap->tracked);
}

static void write_odd(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (unsigned int i = 0; i < CRMG_ODDITY_COUNT; i++)
		fprintf(out, "%s{oddity=\"%s\"} %" PRIu64 "\n", family->name, crmg_oddity_name(i),
			(uint64_t)ctx->snap->host.odd[i]);
}

static void write_states(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (unsigned int i = 0; i < CRMG_SOURCE_STATE_COUNT; i++)
		fprintf(out, "%s{state=\"%s\"} %" PRIu32 "\n", family->name,
			crmg_source_state_name(i), ctx->snap->by_state[i]);
}

static void write_capacity(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	fprintf(out, "%s %" PRIu32 "\n", family->name, ctx->snap->capacity);
}

/* The entry of an origin. Who found none free is counted by the last, "other". */
static size_t origin_of(const struct crmg_origin *origins, const char *name)
{
	size_t i = 0;

	while (i < CRMG_ORIGINS_MAX - 1 && strncmp(origins[i].name, name, CRMG_NAME_LEN) != 0)
		i++;
	return i;
}

static void write_origin(const struct crmg_family *family, const char *origin, uint64_t bans,
			 FILE *out)
{
	char value[CRMG_LABEL_LEN];

	fprintf(out, "%s{origin=\"%s\"} %" PRIu64 "\n", family->name,
		crmg_label_value(origin, CRMG_NAME_LEN, value), bans);
}

/*
 * Bans by origin: what is there now, or (counter) all that were ever added. An automatic
 * ban that was fed back from a list is a ban of the table, and of the same origin.
 */
static void write_bans(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	const struct crmg_snapshot *snap = ctx->snap;
	const struct crmg_origin *origins = snap->origins;
	uint64_t bans[CRMG_ORIGINS_MAX] = { 0 };
	uint64_t automatic = family->counter ? snap->host.counter[CRMG_HOST_AUTO_BANS]
					     : snap->by_state[CRMG_SOURCE_BANNED];
	size_t fed_back = origin_of(origins, CRMG_ORIGIN_AUTO);

	for (size_t i = 0; i < snap->ban_entries; i++)
		bans[origin_of(origins, snap->bans[i].ban.origin)]++;
	for (size_t i = 0; family->counter && i < CRMG_ORIGINS_MAX; i++)
		bans[i] = origins[i].added;
	if (strncmp(origins[fed_back].name, CRMG_ORIGIN_AUTO, CRMG_NAME_LEN) == 0)
		automatic += bans[fed_back];
	write_origin(family, CRMG_ORIGIN_AUTO, automatic, out);
	for (size_t i = 0; i < CRMG_ORIGINS_MAX; i++)
		if (origins[i].name[0] &&
		    strncmp(origins[i].name, CRMG_ORIGIN_AUTO, CRMG_NAME_LEN) != 0)
			write_origin(family, origins[i].name, bans[i], out);
}

static void write_generation(const struct crmg_family *family, const struct crmg_scrape *ctx,
			     FILE *out)
{
	fprintf(out, "%s %" PRIu32 "\n", family->name,
		(uint32_t)crmg_image_head(ctx->snap->image)->generation);
}

static void write_applied(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	unsigned long long ms = crmg_image_head(ctx->snap->image)->applied_at_ns / 1000000;

	fprintf(out, "%s %llu.%03llu\n", family->name, ms / 1000, ms % 1000);
}

static void write_pending(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	fprintf(out, "%s %d\n", family->name, ctx->snap->pending.generation != 0);
}

static void write_attached(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	for (size_t i = 0; i < ctx->snap->iface_count; i++) {
		const struct crmg_iface_state *iface = &ctx->snap->ifaces[i];
		char name[CRMG_LABEL_LEN];

		crmg_label_value(iface->wanted.name, sizeof(iface->wanted.name), name);
		fprintf(out, "%s{interface=\"%s\",hook=\"%s\",mode=\"%s\"} %d\n", family->name,
			name, iface->wanted.xdp_mode == CRMG_XDP_TC ? "tc" : "xdp",
			crmg_xdp_mode_name(iface->wanted.xdp_mode),
			iface->present && iface->xdp_ours);
		fprintf(out, "%s{interface=\"%s\",hook=\"tc\",mode=\"%s\"} %d\n", family->name,
			name, crmg_tc_kind_name(iface->wanted.tc_kind),
			iface->present && iface->tc_ours);
	}
}

static void write_problem(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	bool there[CRMG_PROBLEM_COUNT] = { false };

	for (size_t i = 0; i < ctx->problems->count; i++)
		there[ctx->problems->item[i].id] = true;
	for (unsigned int i = 0; i < CRMG_PROBLEM_COUNT; i++)
		fprintf(out, "%s{problem=\"%s\"} %d\n", family->name, crmg_problem_name(i),
			there[i]);
}

static void write_panic(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	fprintf(out, "%s %d\n", family->name, ctx->snap->control.panic != 0);
}

static void write_enforced(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	fprintf(out, "%s %d\n", family->name, crmg_is_enforced(ctx->snap, ctx->problems));
}

static void write_proven(const struct crmg_family *family, const struct crmg_scrape *ctx,
			 FILE *out)
{
	unsigned long long ms = ctx->snap->proof.real_ns / 1000000;

	fprintf(out, "%s %llu.%03llu\n", family->name, ms / 1000, ms % 1000);
}

/* When the managing daemon last showed that it lives, by the wall clock of now. */
static void write_beat(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	const struct crmg_snapshot *snap = ctx->snap;
	uint64_t seen = snap->control.manager_ns;
	uint64_t ms = seen ? (snap->real_ns - (snap->boot_ns - seen)) / 1000000 : 0;

	fprintf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", family->name, ms / 1000, ms % 1000);
}

/* Its last record, by the time of the kernel's mark. */
static void write_ledger(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	uint64_t ms = ctx->snap->control.ledger.to_ns / 1000000;

	fprintf(out, "%s %" PRIu64 ".%03" PRIu64 "\n", family->name, ms / 1000, ms % 1000);
}

static void write_ledger_records(const struct crmg_family *family, const struct crmg_scrape *ctx,
				 FILE *out)
{
	fprintf(out, "%s %u\n", family->name, ctx->snap->control.ledger.seq);
}

static void write_build(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	(void)ctx;
	fprintf(out, "%s{version=\"%s\"} 1\n", family->name, CRMG_VERSION);
}

/* ------------------------------------------------------------------ the table */

#define COUNTER "counter"
#define GAUGE   "gauge"

const struct crmg_family crmg_families[] = {
	{ "crmgate_build_info", GAUGE, "The program that wrote this.", write_build, 0 },
	{ "crmgate_packets_total", COUNTER, "Packets of services, by policy and verdict.",
	  crmg_metric_packets, 0 },
	{ "crmgate_bytes_total", COUNTER,
	  "Bytes of services on the wire, Ethernet header included, by policy and verdict.",
	  crmg_metric_bytes, 0 },
	{ "crmgate_connections_total", COUNTER,
	  "New TCP connections asked for (SYN without ACK), by policy and verdict.",
	  crmg_metric_connections, 0 },
	{ "crmgate_requests_total", COUNTER,
	  "Requests of plain HTTP, where the policy has them read, by policy and verdict.",
	  crmg_metric_requests, 0 },
	{ "crmgate_requests_estimated_total", COUNTER,
	  "The same under TLS: an estimate, whose error crmgate calibrate measures.",
	  crmg_metric_estimated, 0 },
	{ "crmgate_responses_total", COUNTER,
	  "Answers to requests of plain HTTP, where the policy has them read, by class of the status.",
	  crmg_metric_responses, 0 },
	{ "crmgate_auth_failures_total", COUNTER,
	  "Requests of plain HTTP that were answered 401 or 403.", crmg_metric_failures, 0 },
	{ "crmgate_handshake_failures_total", COUNTER,
	  "TLS handshakes that failed, where they are limited.", crmg_metric_handshakes, 0 },
	{ "crmgate_tls_connections_total", COUNTER,
	  "Connections of services of TLS, by what the server said first: the version, or none.",
	  crmg_metric_versions, 0 },
	{ "crmgate_drops_total", COUNTER,
	  "Packets refused, by reason; the sum is that of all verdicts but pass.",
	  crmg_metric_drops, 0 },
	{ "crmgate_would_drop_total", COUNTER,
	  "Packets passed in shadow, or below a floor that is observed, by reason.",
	  crmg_metric_would_drop, 0 },
	{ "crmgate_policy_mode", GAUGE, "1 for the mode in which the policy is in force.",
	  crmg_metric_mode, 0 },
	{ "crmgate_limit_units", GAUGE,
	  "Rate of a limit in units (packets, bytes, connections, requests) a second, by who shares it.",
	  crmg_metric_limits, 0 },
	{ "crmgate_limit_max", GAUGE,
	  "So many (connections, handshakes) a source may have at once.", crmg_metric_caps, 0 },
	{ "crmgate_quota_bytes", GAUGE,
	  "Bytes that may be sent in any interval of that length, by who shares them.",
	  crmg_metric_quotas, 0 },
	{ "crmgate_budgets_notified_total", COUNTER,
	  "Times that a source, or all together, came to notify_at of a budget of bytes_out.",
	  crmg_metric_notified, 0 },
	{ "crmgate_budgets_exceeded_total", COUNTER,
	  "Times that a source, or all together, came to the end of a budget of bytes_out.",
	  crmg_metric_exceeded, 0 },
	{ "crmgate_policy_generation", GAUGE, "Number of the policy in force.",
	  write_generation, 0 },
	{ "crmgate_policy_applied_timestamp_seconds", GAUGE,
	  "When the policy in force was applied, in seconds since 1970.", write_applied, 0 },
	{ "crmgate_feed_age_seconds", GAUGE,
	  "Time since the oldest list file of a client was written, of those that are in force.",
	  crmg_metric_feeds, 0 },
	{ "crmgate_client_packets_total", COUNTER,
	  "Packets of a client to all services, by verdict.", crmg_metric_client_packets, 0 },
	{ "crmgate_client_bytes_total", COUNTER, "Bytes of a client, as crmgate_bytes_total.",
	  crmg_metric_client_bytes, 0 },
	{ "crmgate_client_requests_total", COUNTER,
	  "Requests of a client that passed, where a policy has them read.",
	  crmg_metric_client_requests, 0 },
	{ "crmgate_client_requests_estimated_total", COUNTER,
	  "The same if some are under TLS: an estimate.", crmg_metric_client_estimated, 0 },
	{ "crmgate_client_contract_holds", GAUGE,
	  "1 while the contract of a client holds, 0 while it counts as any.", crmg_metric_contracts, 0 },
	{ "crmgate_client_valid_until_timestamp_seconds", GAUGE,
	  "When the contract of a client ends, in seconds since 1970.", crmg_metric_ends, 0 },
	{ "crmgate_policy_pending_confirm", GAUGE,
	  "1 while the policy in force waits to be confirmed, and goes back by itself.",
	  write_pending, 0 },
	{ "crmgate_sources_tracked", GAUGE, "Sources in the table.", write_tracked, 0 },
	{ "crmgate_sources", GAUGE, "Sources in the table, by what is known of them.",
	  write_states, 0 },
	{ "crmgate_sources_capacity", GAUGE, "Sources that the table can hold.",
	  write_capacity, 0 },
	{ "crmgate_source_evictions_total", COUNTER,
	  "Sources forgotten to make room for others.", write_host, CRMG_HOST_EVICTIONS },
	{ "crmgate_source_pressure_total", COUNTER,
	  "Packets judged by a shared bucket because no slot was free.", write_host,
	  CRMG_HOST_PRESSURE },
	{ "crmgate_aggregates_full_total", COUNTER,
	  "Packets not charged to what a wider prefix may be sent, as no place was free.",
	  write_host, CRMG_HOST_AGGREGATES_FULL },
	{ "crmgate_sources_proven_total", COUNTER,
	  "Sources that completed a TCP handshake for the first time.", write_host,
	  CRMG_HOST_PROVEN },
	{ "crmgate_lost_races_total", COUNTER, "Charges of a limit that took more than one try.",
	  write_host, CRMG_HOST_LOST_RACES },
	{ "crmgate_strikes_total", COUNTER, "Refusals that count towards an automatic ban.",
	  write_host, CRMG_HOST_STRIKES },
	{ "crmgate_connections_forgotten_total", COUNTER,
	  "Open connections forgotten to make room for others: not counted until the server speaks.",
	  write_host, CRMG_HOST_CONNS_FORGOTTEN },
	{ "crmgate_large_share_total", COUNTER,
	  "Automatic bans not made: the source has most of the service's packets.", write_host,
	  CRMG_HOST_LARGE_SHARES },
	{ "crmgate_bans", GAUGE, "Bans that have not ended.", write_bans, 0 },
	{ "crmgate_bans_added_total", COUNTER, "Bans added or changed.", write_bans, 1 },
	{ "crmgate_other_packets_total", COUNTER, "Packets that are for no service, passed.",
	  write_host, CRMG_HOST_OTHER },
	{ "crmgate_fragments_total", COUNTER, "Fragments without a port, passed.", write_host,
	  CRMG_HOST_FRAGMENTS },
	{ "crmgate_odd_packets_total", COUNTER,
	  "Packets of services that no honest sender sends, observed or refused, by what is odd.",
	  write_odd, 0 },
	{ "crmgate_resets_total", COUNTER, "TCP resets sent.", write_host, CRMG_HOST_RESETS },
	{ "crmgate_resets_suppressed_total", COUNTER,
	  "Refusals dropped because the host had sent too many resets.", write_host,
	  CRMG_HOST_RESETS_CAPPED },
	{ "crmgate_events_total", COUNTER, "Events written by the packet path.", write_host,
	  CRMG_HOST_EVENTS },
	{ "crmgate_events_suppressed_total", COUNTER,
	  "Refusals that have no event of their own.", write_host, CRMG_HOST_SUPPRESSED },
	{ "crmgate_events_capped_total", COUNTER,
	  "Events left out because the host had too many.", write_host, CRMG_HOST_CAPPED },
	{ "crmgate_interface_attached", GAUGE,
	  "1 while the program is on a wanted interface, 0 while it is not.",
	  write_attached, 0 },
	{ "crmgate_panic", GAUGE, "1 while panic lets everything pass.", write_panic, 0 },
	{ "crmgate_enforcement_ok", GAUGE,
	  "1 while the last proof found everything enforced, and is fresh.", write_enforced, 0 },
	{ "crmgate_enforcement_proven_timestamp_seconds", GAUGE,
	  "When packets were last run through the programs to prove it; 0: never.",
	  write_proven, 0 },
	{ "crmgate_manager_heartbeat_timestamp_seconds", GAUGE,
	  "When daemon --manage last showed that it lives, each second; 0: none runs.",
	  write_beat, 0 },
	{ "crmgate_ledger_timestamp_seconds", GAUGE,
	  "Until when the ledger is on the disk; 0: it has no record of what is attached now.",
	  write_ledger, 0 },
	{ "crmgate_ledger_record", GAUGE, "Number of the last record of the ledger; 0: as above.",
	  write_ledger_records, 0 },
	{ "crmgate_problem", GAUGE, "1 while there is such a problem; see crmgate status.",
	  write_problem, 0 },
};
const size_t crmg_family_count = CRMG_ARRAY_SIZE(crmg_families);

static char **make_labels(const struct crmg_policy_rows *rows)
{
	char **labels = calloc(rows->count + 1, sizeof(*labels));

	for (size_t i = 0; labels && i < rows->count; i++) {
		const struct crmg_label *label = rows->items[i].label;
		char service[CRMG_LABEL_LEN], policy[CRMG_LABEL_LEN];

		crmg_label_value(label->service, sizeof(label->service), service);
		crmg_label_value(label->policy, sizeof(label->policy), policy);
		if (asprintf(&labels[i], "service=\"%s\",policy=\"%s\"", service, policy) < 0) {
			while (i)
				free(labels[--i]);
			free(labels);
			return NULL;
		}
	}
	return labels;
}

static void write_families(const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < crmg_family_count; i++) {
		const struct crmg_family *family = &crmg_families[i];

		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			family->name, family->type);
		family->write(family, ctx, out);
	}
}

int crmg_metrics_write(const struct crmg_snapshot *snap, FILE *out)
{
	struct crmg_counted_clients clients = { 0 };
	struct crmg_policy_rows rows = { 0 };
	struct crmg_problems problems;
	struct crmg_scrape ctx = { snap, &problems, &rows, &clients, NULL };
	int code = crmg_policy_rows(snap, &rows);

	if (!code)
		code = crmg_counted_clients(snap, &clients);
	ctx.labels = code ? NULL : make_labels(&rows);
	if (!code && !ctx.labels)
		code = -ENOMEM;
	if (!code) {
		crmg_problems_find(snap, &problems);
		write_families(&ctx, out);
	}
	for (size_t i = 0; ctx.labels && i < rows.count; i++)
		free(ctx.labels[i]);
	free(ctx.labels);
	crmg_counted_clients_free(&clients);
	crmg_policy_rows_free(&rows);
	return code ? code : ferror(out) ? -EIO : 0;
}
