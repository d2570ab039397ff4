// SPDX-License-Identifier: GPL-2.0
/*
 * metrics.c - the table of metric families, and how each is written. A family
 * is one line of the table and, if its labels are new, one function.
 */
#include "metrics.h"

#include <inttypes.h>
#include <string.h>

#include "../base/util.h"
#include "names.h"
#include "problems.h"
#include "rows.h"
#include "show.h"
#include "text.h"

struct context {
	const struct crmg_snapshot *snap;
	const struct crmg_problems *problems;
	const struct crmg_policy_rows *rows;
	char **labels;		/* of rows->items[i]: service="..",policy=".." */
};

struct family {
	const char *name;
	const char *type;
	const char *help;
	void (*write)(const struct family *family, const struct context *ctx, FILE *out);
	unsigned int counter;	/* write_host: enum crmg_host_id */
};

#define LABEL_LEN (2 * CRMG_ESCAPED(CRMG_NAME_LEN))

/* A label's value: harmless for terminals, then as the format wants it. */
static const char *label_value(const char *text, size_t max, char buf[LABEL_LEN])
{
	char plain[CRMG_ESCAPED(CRMG_NAME_LEN)];
	size_t at = 0;

	crmg_escape(text, max, plain, sizeof(plain));
	for (const char *p = plain; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf[at++] = '\\';
		buf[at++] = *p;
	}
	buf[at] = '\0';
	return buf;
}

/* ------------------------------------------------- families of (service, policy) */

static void write_by_verdict(const struct family *family, const char *labels, const char *more,
			     const __u64 by_verdict[CRMG_VERDICT_COUNT], FILE *out)
{
	for (unsigned int v = 0; v < CRMG_VERDICT_COUNT; v++)
		fprintf(out, "%s{%s%s,verdict=\"%s\"} %" PRIu64 "\n", family->name, labels, more,
			crmg_verdict_name(v), (uint64_t)by_verdict[v]);
}

/* What leaves is never refused: direction out has one verdict. */
static void write_traffic(const struct family *family, const char *labels,
			  const __u64 in[CRMG_VERDICT_COUNT], uint64_t outgoing, FILE *out)
{
	write_by_verdict(family, labels, ",direction=\"in\"", in, out);
	fprintf(out, "%s{%s,direction=\"out\",verdict=\"pass\"} %" PRIu64 "\n", family->name,
		labels, outgoing);
}

static void write_packets(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_row *row = ctx->rows->items[i].row;

		write_traffic(family, ctx->labels[i], row->packets,
			      row->packets_out, out);
	}
}

static void write_bytes(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_row *row = ctx->rows->items[i].row;

		write_traffic(family, ctx->labels[i], row->bytes,
			      row->bytes_out, out);
	}
}

static void write_connections(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		if (item->service && item->service->transport == CRMG_TRANSPORT_TCP)
			write_by_verdict(family, ctx->labels[i], "",
					 item->row->connections, out);
	}
}

/* The reasons that the policy can give, from 0 on, and any other that it once gave. */
static void write_reasons(const struct family *family, const struct crmg_policy_row *item,
			  const char *labels, const __u64 *counts, FILE *out)
{
	for (unsigned int r = CRMG_REASON_FIRST_REFUSAL; r < CRMG_REASON_COUNT; r++)
		if (counts[r] || crmg_row_can_give(item, r))
			fprintf(out, "%s{%s,reason=\"%s\"} %" PRIu64 "\n", family->name, labels,
				crmg_reason_name(r), (uint64_t)counts[r]);
}

static void write_drops(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_reasons(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->reasons, out);
}

static void write_would_drop(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_reasons(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->would_drop, out);
}

static void write_mode(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		for (unsigned int m = 0; m < CRMG_MODE_COUNT; m++)
			fprintf(out, "%s{%s,mode=\"%s\"} %d\n", family->name, ctx->labels[i],
				crmg_mode_name(m), ctx->rows->items[i].binding->mode == m);
}

static void write_limits(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++) {
			const struct crmg_terms *terms = &item->label->terms[l];

			if (item->binding->limits >> l & 1)
				fprintf(out, "%s{%s,limit=\"%s\"} %.10g\n", family->name,
					ctx->labels[i], crmg_limit_name(l),
					crmg_rate_per_second(terms));
		}
	}
}

/* --------------------------------------------------------------- of the host */

static void write_host(const struct family *family, const struct context *ctx, FILE *out)
{
	fprintf(out, "%s %" PRIu64 "\n", family->name,
		(uint64_t)ctx->snap->host.counter[family->counter]);
}

static void write_tracked(const struct family *family, const struct context *ctx, FILE *out)
{
	fprintf(out, "%s %" PRIu32 "\n", family->name, ctx->snap->tracked);
}

static void write_capacity(const struct family *family, const struct context *ctx, FILE *out)
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

/* Bans by origin: what is there now, or (counter) all that were ever added. */
static void write_bans(const struct family *family, const struct context *ctx, FILE *out)
{
	const struct crmg_origin *origins = ctx->snap->origins;
	uint64_t bans[CRMG_ORIGINS_MAX] = { 0 };
	char value[LABEL_LEN];

	for (size_t i = 0; i < ctx->snap->ban_entries; i++)
		bans[origin_of(origins, ctx->snap->bans[i].ban.origin)]++;
	for (size_t i = 0; i < CRMG_ORIGINS_MAX; i++)
		if (origins[i].name[0])
			fprintf(out, "%s{origin=\"%s\"} %" PRIu64 "\n", family->name,
				label_value(origins[i].name, CRMG_NAME_LEN, value),
				family->counter ? (uint64_t)origins[i].added : bans[i]);
}

static void write_generation(const struct family *family, const struct context *ctx, FILE *out)
{
	fprintf(out, "%s %" PRIu32 "\n", family->name,
		(uint32_t)crmg_image_head(ctx->snap->image)->generation);
}

static void write_applied(const struct family *family, const struct context *ctx, FILE *out)
{
	unsigned long long ms = crmg_image_head(ctx->snap->image)->applied_at_ns / 1000000;

	fprintf(out, "%s %llu.%03llu\n", family->name, ms / 1000, ms % 1000);
}

static void write_attached(const struct family *family, const struct context *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->snap->iface_count; i++) {
		const struct crmg_iface_state *iface = &ctx->snap->ifaces[i];
		char name[LABEL_LEN];

		label_value(iface->wanted.name, sizeof(iface->wanted.name), name);
		fprintf(out, "%s{interface=\"%s\",hook=\"xdp\",mode=\"%s\"} %d\n", family->name,
			name, crmg_xdp_mode_name(iface->wanted.xdp_mode),
			iface->present && iface->xdp_ours);
		fprintf(out, "%s{interface=\"%s\",hook=\"tc\",mode=\"%s\"} %d\n", family->name,
			name, crmg_tc_kind_name(iface->wanted.tc_kind),
			iface->present && iface->tc_ours);
	}
}

static void write_problem(const struct family *family, const struct context *ctx, FILE *out)
{
	bool there[CRMG_PROBLEM_COUNT] = { false };

	for (size_t i = 0; i < ctx->problems->count; i++)
		there[ctx->problems->item[i].id] = true;
	for (unsigned int i = 0; i < CRMG_PROBLEM_COUNT; i++)
		fprintf(out, "%s{problem=\"%s\"} %d\n", family->name, crmg_problem_name(i),
			there[i]);
}

static void write_panic(const struct family *family, const struct context *ctx, FILE *out)
{
	fprintf(out, "%s %d\n", family->name, ctx->snap->control.panic != 0);
}

static void write_build(const struct family *family, const struct context *ctx, FILE *out)
{
	(void)ctx;
	fprintf(out, "%s{version=\"%s\"} 1\n", family->name, CRMG_VERSION);
}

/* ------------------------------------------------------------------ the table */

#define COUNTER "counter"
#define GAUGE   "gauge"

static const struct family families[] = {
	{ "crmgate_build_info", GAUGE, "The program that wrote this.", write_build, 0 },
	{ "crmgate_packets_total", COUNTER, "Packets of services, by policy and verdict.",
	  write_packets, 0 },
	{ "crmgate_bytes_total", COUNTER,
	  "Bytes of services on the wire, Ethernet header included, by policy and verdict.",
	  write_bytes, 0 },
	{ "crmgate_connections_total", COUNTER,
	  "New TCP connections asked for (SYN without ACK), by policy and verdict.",
	  write_connections, 0 },
	{ "crmgate_drops_total", COUNTER,
	  "Packets dropped or reset, by reason; the sum is that of these two verdicts.",
	  write_drops, 0 },
	{ "crmgate_would_drop_total", COUNTER,
	  "Packets passed in shadow mode that enforce would have refused, by reason.",
	  write_would_drop, 0 },
	{ "crmgate_policy_mode", GAUGE, "1 for the mode in which the policy is in force.",
	  write_mode, 0 },
	{ "crmgate_limit_units", GAUGE,
	  "Rate of a limit for each source, in units (packets, bytes, connections) a second.",
	  write_limits, 0 },
	{ "crmgate_policy_generation", GAUGE, "Number of the policy in force.",
	  write_generation, 0 },
	{ "crmgate_policy_applied_timestamp_seconds", GAUGE,
	  "When the policy in force was applied, in seconds since 1970.", write_applied, 0 },
	{ "crmgate_sources_tracked", GAUGE, "Sources in the table.", write_tracked, 0 },
	{ "crmgate_sources_capacity", GAUGE, "Sources that the table can hold.",
	  write_capacity, 0 },
	{ "crmgate_source_evictions_total", COUNTER,
	  "Sources forgotten to make room for others.", write_host, CRMG_HOST_EVICTIONS },
	{ "crmgate_source_pressure_total", COUNTER,
	  "Packets judged by a shared bucket because no slot was free.", write_host,
	  CRMG_HOST_PRESSURE },
	{ "crmgate_lost_races_total", COUNTER, "Charges of a limit that took more than one try.",
	  write_host, CRMG_HOST_LOST_RACES },
	{ "crmgate_bans", GAUGE, "Manual bans that have not ended.", write_bans, 0 },
	{ "crmgate_bans_added_total", COUNTER, "Manual bans added or changed.", write_bans, 1 },
	{ "crmgate_other_packets_total", COUNTER, "Packets that are for no service, passed.",
	  write_host, CRMG_HOST_OTHER },
	{ "crmgate_fragments_total", COUNTER, "Fragments without a port, passed.", write_host,
	  CRMG_HOST_FRAGMENTS },
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
	{ "crmgate_problem", GAUGE, "1 while there is such a problem; see crmgate status.",
	  write_problem, 0 },
};

static char **make_labels(const struct crmg_policy_rows *rows)
{
	char **labels = calloc(rows->count + 1, sizeof(*labels));

	for (size_t i = 0; labels && i < rows->count; i++) {
		const struct crmg_label *label = rows->items[i].label;
		char service[LABEL_LEN], policy[LABEL_LEN];

		label_value(label->service, sizeof(label->service), service);
		label_value(label->policy, sizeof(label->policy), policy);
		if (asprintf(&labels[i], "service=\"%s\",policy=\"%s\"", service, policy) < 0) {
			while (i)
				free(labels[--i]);
			free(labels);
			return NULL;
		}
	}
	return labels;
}

int crmg_metrics_write(const struct crmg_snapshot *snap, FILE *out)
{
	struct crmg_policy_rows rows;
	struct crmg_problems problems;
	struct context ctx = { snap, &problems, &rows, NULL };
	int code = crmg_policy_rows(snap, &rows);

	if (code < 0)
		return code;
	ctx.labels = make_labels(&rows);
	if (!ctx.labels) {
		crmg_policy_rows_free(&rows);
		return -ENOMEM;
	}
	crmg_problems_find(snap, &problems);
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(families); i++) {
		const struct family *family = &families[i];

		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", family->name, family->help,
			family->name, family->type);
		family->write(family, &ctx, out);
	}
	for (size_t i = 0; i < rows.count; i++)
		free(ctx.labels[i]);
	free(ctx.labels);
	crmg_policy_rows_free(&rows);
	return ferror(out) ? -EIO : 0;
}
