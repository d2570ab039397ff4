// SPDX-License-Identifier: GPL-2.0
/* metrics_policies.c - writes the metric families that have a service and a policy. */
#include <inttypes.h>

#include "../base/num.h"
#include "families.h"
#include "names.h"
#include "show.h"

const char *crmg_label_value(const char *text, size_t max, char buf[CRMG_LABEL_LEN])
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

static void write_by_verdict(const struct crmg_family *family, const char *labels, const char *more,
			     const __u64 by_verdict[CRMG_VERDICT_COUNT], FILE *out)
{
	for (unsigned int v = 0; v < CRMG_VERDICT_COUNT; v++)
		fprintf(out, "%s{%s%s,verdict=\"%s\"} %" PRIu64 "\n", family->name, labels, more,
			crmg_verdict_name(v), (uint64_t)by_verdict[v]);
}

/* Of what leaves something is only refused by a budget that cuts or throttles, or a floor of TLS. */
static void write_traffic(const struct crmg_family *family, const struct crmg_policy_row *item,
			  const char *labels, const __u64 in[CRMG_VERDICT_COUNT],
			  uint64_t outgoing, uint64_t dropped, FILE *out)
{
	write_by_verdict(family, labels, ",direction=\"in\"", in, out);
	fprintf(out, "%s{%s,direction=\"out\",verdict=\"pass\"} %" PRIu64 "\n", family->name,
		labels, outgoing);
	if (dropped || item->binding->flags & CRMG_BINDING_CUTS ||
	    crmg_binding_throttles(item->binding) ||
	    item->binding->floor & CRMG_BINDING_FLOOR_REFUSES)
		fprintf(out, "%s{%s,direction=\"out\",verdict=\"drop\"} %" PRIu64 "\n",
			family->name, labels, dropped);
}

void crmg_metric_packets(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_row *row = ctx->rows->items[i].row;

		write_traffic(family, &ctx->rows->items[i], ctx->labels[i], row->packets,
			      row->packets_out, row->dropped_out, out);
	}
}

void crmg_metric_bytes(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_row *row = ctx->rows->items[i].row;

		write_traffic(family, &ctx->rows->items[i], ctx->labels[i], row->bytes,
			      row->bytes_out, row->dropped_bytes_out, out);
	}
}

void crmg_metric_connections(const struct crmg_family *family, const struct crmg_scrape *ctx,
			     FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		if (item->service && item->service->transport == CRMG_TRANSPORT_TCP)
			write_by_verdict(family, ctx->labels[i], "",
					 item->row->connections, out);
	}
}

/* Where they are counted, or once were: exactly, or as an estimate. */
static void write_requests(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   bool estimated, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		if (!item->service ||
		    (item->service->protocol == CRMG_PROTOCOL_TLS) != estimated)
			continue;
		if (crmg_counts_requests(item->binding) || crmg_row_sum(item->row->requests))
			write_by_verdict(family, ctx->labels[i], "", item->row->requests, out);
	}
}

void crmg_metric_requests(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	write_requests(family, ctx, false, out);
}

void crmg_metric_estimated(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	write_requests(family, ctx, true, out);
}

/* What they were answered, where they are counted exactly. */
void crmg_metric_responses(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		if (!crmg_has_responses(item))
			continue;
		for (unsigned int c = 0; c < CRMG_CLASS_COUNT; c++)
			fprintf(out, "%s{%s,class=\"%s\"} %" PRIu64 "\n", family->name,
				ctx->labels[i], crmg_class_name(c),
				(uint64_t)item->row->responses[c]);
	}
}

static void write_failures(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   bool (*counts)(const struct crmg_policy_row *), FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		if (counts(&ctx->rows->items[i]))
			fprintf(out, "%s{%s} %" PRIu64 "\n", family->name, ctx->labels[i],
				(uint64_t)ctx->rows->items[i].row->failures);
}

void crmg_metric_failures(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	write_failures(family, ctx, crmg_has_responses, out);
}

void crmg_metric_handshakes(const struct crmg_family *family, const struct crmg_scrape *ctx,
			    FILE *out)
{
	write_failures(family, ctx, crmg_counts_handshakes, out);
}

/* Those with which each connection of TLS counts once, from 0 on. */
void crmg_metric_versions(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_policy_row *item = &ctx->rows->items[i];

		if (!item->service || !crmg_has_versions(item->service))
			continue;
		for (unsigned int v = 0; v < CRMG_TLS_VERSION_COUNT; v++)
			fprintf(out, "%s{%s,version=\"%s\"} %" PRIu64 "\n", family->name,
				ctx->labels[i], crmg_tls_version_name(v),
				(uint64_t)item->row->versions[v]);
	}
}

/* The reasons that the policy can give, from 0 on, and any other that it once gave. */
static void write_reasons(const struct crmg_family *family, const struct crmg_policy_row *item,
			  const char *labels, const __u64 *counts, FILE *out)
{
	for (unsigned int r = CRMG_REASON_FIRST_REFUSAL; r < CRMG_REASON_COUNT; r++)
		if (counts[r] || crmg_row_can_give(item, r))
			fprintf(out, "%s{%s,reason=\"%s\"} %" PRIu64 "\n", family->name, labels,
				crmg_reason_name(r), (uint64_t)counts[r]);
}

void crmg_metric_drops(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_reasons(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->reasons, out);
}

void crmg_metric_would_drop(const struct crmg_family *family, const struct crmg_scrape *ctx,
			    FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_reasons(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->would_drop, out);
}

void crmg_metric_mode(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		for (unsigned int m = 0; m < CRMG_MODE_COUNT; m++)
			fprintf(out, "%s{%s,mode=\"%s\"} %d\n", family->name, ctx->labels[i],
				crmg_mode_name(m), ctx->rows->items[i].binding->mode == m);
}

/* The limits of one scope; those of a service stand under the reserved name "total". */
static void write_scope(const struct crmg_family *family, const char *labels, enum crmg_scope scope,
			unsigned int limits, const struct crmg_terms *terms, FILE *out)
{
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT; l++)
		if (limits >> l & 1)
			fprintf(out, "%s{%s,limit=\"%s\",scope=\"%s\"} %.10g\n", family->name,
				labels, crmg_limit_name(l), crmg_scope_name(scope),
				crmg_rate_per_second(&terms[l]));
}

/* Labels of a service's own limits; buf is returned, or NULL: there is no such service. */
static const char *service_labels(const struct crmg_image *image, uint32_t index,
				  char buf[CRMG_LABEL_LEN + 40])
{
	const struct crmg_service *service = crmg_image_service(image, index);
	char name[CRMG_LABEL_LEN];

	if (!service)
		return NULL;
	snprintf(buf, CRMG_LABEL_LEN + 40, "service=\"%s\",policy=\"total\"",
		 crmg_label_value(service->name, sizeof(service->name), name));
	return buf;
}

static void write_service_limits(const struct crmg_family *family, const struct crmg_scrape *ctx,
				 FILE *out)
{
	const struct crmg_image *image = ctx->snap->image;
	char labels[CRMG_LABEL_LEN + 40];

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++)
		if (service_labels(image, s, labels))
			write_scope(family, labels, CRMG_SCOPE_SERVICE,
				    crmg_image_front(image)->budgets[s].limits,
				    crmg_image_service(image, s)->total, out);
}

void crmg_metric_limits(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_binding *binding = ctx->rows->items[i].binding;
		const struct crmg_label *label = ctx->rows->items[i].label;

		write_scope(family, ctx->labels[i], CRMG_SCOPE_SOURCE, binding->limits,
			    label->terms, out);
		write_scope(family, ctx->labels[i], CRMG_SCOPE_AGGREGATE,
			    binding->aggregate_limits, label->aggregate, out);
		write_scope(family, ctx->labels[i], CRMG_SCOPE_POLICY, binding->total_limits,
			    label->total, out);
	}
	write_service_limits(family, ctx, out);
}

void crmg_metric_caps(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		for (unsigned int c = 0; c < CRMG_CAP_COUNT; c++)
			if (ctx->rows->items[i].binding->cap[c])
				fprintf(out, "%s{%s,limit=\"%s\",scope=\"%s\"} %u\n",
					family->name, ctx->labels[i], crmg_cap_name(c),
					crmg_scope_name(CRMG_SCOPE_SOURCE),
					ctx->rows->items[i].binding->cap[c]);
}

/* quotas NULL: none. */
static void write_quotas(const struct crmg_family *family, const char *labels,
			 enum crmg_scope scope, const struct crmg_quotas *quotas, FILE *out)
{
	char per[CRMG_NUM_LEN];

	for (size_t q = 0; quotas && q < CRMG_WINDOWS_MAX && quotas->quota[q].terms; q++)
		fprintf(out, "%s{%s,scope=\"%s\",per=\"%s\"} %" PRIu64 "\n", family->name, labels,
			crmg_scope_name(scope), crmg_quota_per(&quotas->quota[q], per, sizeof(per)),
			(uint64_t)quotas->quota[q].bytes);
}

void crmg_metric_quotas(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	const struct crmg_image *image = ctx->snap->image;
	char labels[CRMG_LABEL_LEN + 40];

	for (size_t i = 0; i < ctx->rows->count; i++) {
		const struct crmg_binding *binding = ctx->rows->items[i].binding;

		write_quotas(family, ctx->labels[i], CRMG_SCOPE_SOURCE,
			     crmg_image_quotas(image, binding->quotas), out);
		write_quotas(family, ctx->labels[i], CRMG_SCOPE_AGGREGATE,
			     crmg_image_quotas(image, binding->aggregate_quotas), out);
		write_quotas(family, ctx->labels[i], CRMG_SCOPE_POLICY,
			     crmg_image_quotas(image, binding->total_quotas), out);
	}
	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++)
		if (service_labels(image, s, labels))
			write_quotas(family, labels, CRMG_SCOPE_SERVICE,
				     crmg_image_quotas(image,
						       crmg_image_front(image)->budgets[s].quotas),
				     out);
}

/* Of policies that have budgets, or had. */
static void write_budgets(const struct crmg_family *family, const struct crmg_policy_row *item,
			  const char *labels, uint64_t times, FILE *out)
{
	if (times || item->binding->quotas || item->binding->aggregate_quotas ||
	    item->binding->total_quotas)
		fprintf(out, "%s{%s} %" PRIu64 "\n", family->name, labels, times);
}

void crmg_metric_notified(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_budgets(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->budgets_notified, out);
}

void crmg_metric_exceeded(const struct crmg_family *family, const struct crmg_scrape *ctx,
			  FILE *out)
{
	for (size_t i = 0; i < ctx->rows->count; i++)
		write_budgets(family, &ctx->rows->items[i], ctx->labels[i],
			      ctx->rows->items[i].row->budgets_exceeded, out);
}
