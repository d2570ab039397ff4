// SPDX-License-Identifier: GPL-2.0
/* metrics_clients.c - writes the metric families that have a client. */
#include <inttypes.h>

#include "contracts.h"
#include "families.h"
#include "names.h"

static void write_by_verdict(const struct crmg_family *family, const char *client, const char *more,
			     const __u64 by_verdict[CRMG_VERDICT_COUNT], FILE *out)
{
	for (unsigned int v = 0; v < CRMG_VERDICT_COUNT; v++)
		fprintf(out, "%s{client=\"%s\"%s,verdict=\"%s\"} %" PRIu64 "\n", family->name,
			client, more, crmg_verdict_name(v), (uint64_t)by_verdict[v]);
}

static const char *name_of(const struct crmg_counted_client *item, char buf[CRMG_LABEL_LEN])
{
	return crmg_label_value(item->client->name, sizeof(item->client->name), buf);
}

void crmg_metric_client_packets(const struct crmg_family *family, const struct crmg_scrape *ctx,
				FILE *out)
{
	char name[CRMG_LABEL_LEN];

	for (size_t i = 0; i < ctx->clients->count; i++)
		write_by_verdict(family, name_of(&ctx->clients->items[i], name), "",
				 ctx->clients->items[i].row->packets, out);
}

void crmg_metric_client_bytes(const struct crmg_family *family, const struct crmg_scrape *ctx,
			      FILE *out)
{
	char name[CRMG_LABEL_LEN];

	for (size_t i = 0; i < ctx->clients->count; i++) {
		const struct crmg_counted_client *item = &ctx->clients->items[i];

		write_by_verdict(family, name_of(item, name), ",direction=\"in\"",
				 item->row->bytes, out);
		fprintf(out, "%s{client=\"%s\",direction=\"out\",verdict=\"pass\"} %" PRIu64 "\n",
			family->name, name, (uint64_t)item->row->bytes_out);
	}
}

static void write_requests(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   bool estimated, FILE *out)
{
	char name[CRMG_LABEL_LEN];

	for (size_t i = 0; i < ctx->clients->count; i++) {
		const struct crmg_counted_client *item = &ctx->clients->items[i];

		if (item->asks && item->estimated == estimated)
			fprintf(out, "%s{client=\"%s\"} %" PRIu64 "\n", family->name,
				name_of(item, name), (uint64_t)item->row->requests);
	}
}

void crmg_metric_client_requests(const struct crmg_family *family, const struct crmg_scrape *ctx,
				 FILE *out)
{
	write_requests(family, ctx, false, out);
}

void crmg_metric_client_estimated(const struct crmg_family *family, const struct crmg_scrape *ctx,
				  FILE *out)
{
	write_requests(family, ctx, true, out);
}

/* Of each client with list files. */
void crmg_metric_feeds(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	size_t count;
	const struct crmg_client *clients = crmg_image_section(ctx->snap->image,
							       CRMG_SECTION_CLIENTS, &count);

	for (size_t i = 0; i < count; i++) {
		uint64_t now = ctx->snap->real_ns, at = clients[i].feed_ns;
		char name[CRMG_LABEL_LEN];

		if (at)
			fprintf(out, "%s{client=\"%s\"} %.3f\n", family->name,
				crmg_label_value(clients[i].name, CRMG_NAME_LEN, name),
				now > at ? (now - at) / 1e9 : 0.0);
	}
}

/* Of each client with a contract that can end: does it hold now? */
void crmg_metric_contracts(const struct crmg_family *family, const struct crmg_scrape *ctx,
			   FILE *out)
{
	const struct crmg_snapshot *snap = ctx->snap;
	char name[CRMG_LABEL_LEN];
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(snap->image, snap->real_ns, &at, &c);)
		fprintf(out, "%s{client=\"%s\"} %d\n", family->name,
			crmg_label_value(c.client->name, CRMG_NAME_LEN, name), c.holds);
}

/* Of each with an end. */
void crmg_metric_ends(const struct crmg_family *family, const struct crmg_scrape *ctx, FILE *out)
{
	const struct crmg_snapshot *snap = ctx->snap;
	char name[CRMG_LABEL_LEN];
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(snap->image, snap->real_ns, &at, &c);)
		if (c.contract->until_s)
			fprintf(out, "%s{client=\"%s\"} %" PRIu64 "\n", family->name,
				crmg_label_value(c.client->name, CRMG_NAME_LEN, name),
				(uint64_t)c.contract->until_s);
}
