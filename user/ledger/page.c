// SPDX-License-Identifier: GPL-2.0
/*
 * page.c - the page for who has to report a leak: figures, when they are less than whole, and
 * what they do not say. Whole numbers, as they are evidence.
 */
#include "page.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "../base/num.h"
#include "../report/text.h"

static const char *time_text(uint64_t ns, char buf[CRMG_TIME_LEN])
{
	return crmg_format_utc(ns, false, buf, CRMG_TIME_LEN);
}

static void write_head(const struct crmg_ledger_page *page, FILE *out)
{
	const struct crmg_ledger_filter *filter = page->totals->filter;
	char source[CRMG_ADDR_LEN], host[CRMG_ESCAPED(64)];
	char from[CRMG_DATE_LEN], to[CRMG_DATE_LEN], time[CRMG_TIME_LEN], begin[CRMG_TIME_LEN];

	fprintf(out, "# What was sent to %s\n\n",
		crmg_ledger_wanted_text(filter, source));
	fprintf(out, "* Days (UTC): %s to %s\n",
		filter->from_ns ? crmg_format_date(filter->from_ns, from) : "the first that is kept",
		crmg_format_date(filter->to_ns, to));
	if (page->totals->records)
		fprintf(out, "* Records: %zu, from %s to %s\n", page->totals->records,
			time_text(page->totals->from_ns, begin), time_text(page->totals->to_ns, time));
	else
		fputs("* Records: none\n", out);
	fprintf(out, "* Host: %s, instance %s\n* Made: %s by crmgate " CRMG_VERSION "\n\n",
		crmg_escape(page->host, 64, host, sizeof(host)), page->instance,
		time_text(page->now_ns, time));
}

static void write_row(const struct crmg_ledger_row *row, FILE *out)
{
	char date[CRMG_DATE_LEN], source[CRMG_ADDR_LEN], first[CRMG_TIME_LEN], last[CRMG_TIME_LEN];

	fprintf(out, "| %s | %s | %s | %s | %s |", crmg_format_date(row->key.day_ns, date),
		crmg_ledger_source_text(row, source),
		row->key.service, row->key.policy, row->key.client);
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		fprintf(out, " %" PRIu64 " |", row->sums.of[i]);
	fprintf(out, " %s | %s | %s |\n", crmg_ledger_state_name(row->key.state),
		time_text(row->first_ns, first), time_text(row->last_ns, last));
}

/* True if a row is of more than what was asked for: its address was cut. */
static bool is_wider(const struct crmg_ledger_totals *totals)
{
	for (size_t i = 0; i < totals->row_count; i++)
		if (!totals->rows[i].key.check && totals->rows[i].key.len < totals->filter->source->len)
			return true;
	return false;
}

/* How addresses are kept, where that is why figures may be missed, or are of others too. */
static void write_kept(const struct crmg_ledger_totals *totals, FILE *out)
{
	if (totals->hidden)
		fprintf(out, "Addresses of these days are pseudonyms in the ledger, in %zu entries: `crmgate "
			"reveal` tells which are of this source, and each has a page of its own.\n\n",
			totals->hidden);
	if (is_wider(totals))
		fputs("The ledger has wider prefixes than this source: what follows is of all in the "
		      "prefixes that it names.\n\n", out);
}

static void write_rows(const struct crmg_ledger_totals *totals, FILE *out)
{
	fputs("## How much\n\n", out);
	if (!totals->row_count)
		fputs("No record names this source.\n\n", out);
	write_kept(totals, out);
	if (!totals->row_count)
		return;
	fprintf(out, "At most **%" PRIu64 " bytes** left to it, over %" PRIu64 " new connections.\n\n",
		totals->sum.of[CRMG_LEDGER_BYTES_OUT], totals->sum.of[CRMG_LEDGER_CONNECTIONS]);
	fputs("| day | source | service | policy | client |", out);
#define TITLE(ID, key, ...) fputs(" " key " |", out);
	CRMG_LEDGER_COUNTS(TITLE)
	fputs(" enforcement | first seen | last seen |\n|---|---|---|---|---|", out);
#define RIGHT(...) fputs("---:|", out);
	CRMG_LEDGER_COUNTS(RIGHT)
	fputs("---|---|---|\n", out);
	for (size_t i = 0; i < totals->row_count; i++)
		write_row(&totals->rows[i], out);
	fputc('\n', out);
}

static void write_gaps(const struct crmg_ledger_totals *totals, FILE *out)
{
	char from[CRMG_TIME_LEN], to[CRMG_TIME_LEN];

	fputs("## When it was not enforced, or is not known\n\n", out);
	for (size_t i = 0; i < totals->gap_count; i++)
		fprintf(out, "* %s to %s: %s\n", time_text(totals->gaps[i].from_ns, from),
			time_text(totals->gaps[i].to_ns, to),
			crmg_ledger_gap_name(&totals->gaps[i]));
	if (!totals->gap_count)
		fputs("At no time between the first and the last record.\n", out);
	fputc('\n', out);
#define MEANS(ID, name, help) fputs("* " name ": " help "\n", out);
	CRMG_LEDGER_STATES(MEANS)
	fputs("* unknown: there is no record: nothing was attached, the host was off, or it was "
	      "removed\n\n", out);
}

static void write_limits(const struct crmg_ledger_page *page, FILE *out)
{
	fputs("## What these figures do not say\n\n"
	      "* bytes_out is counted on the wire: headers, TLS and what was sent again are in it. It is "
	      "an upper bound of what left.\n"
	      "* Nothing is known of the content: not which records, nor whether any.\n"
	      "* A source is an address, or as much of it as the ledger keeps; others may share it.\n"
	      "* Counted is what left by the interfaces that were attached, from the ports of the "
	      "services.\n", out);
	fprintf(out, "* In these days %" PRIu64 " bytes of all %" PRIu64 " left to no source that is "
		"named; some of them may have gone to this one.\n", page->unnamed_bytes_out,
		page->all_bytes_out);
	if (page->totals->hidden)
		fprintf(out, "* %zu rows of these days are under pseudonyms, and only `crmgate reveal` "
			"can tell which of them are of this source.\n", page->totals->hidden);
	if (page->totals->damage.lines)
		fprintf(out, "* %zu lines of the ledger are damaged and not in the figures.\n",
			page->totals->damage.lines);
}

void crmg_ledger_page(const struct crmg_ledger_page *page, FILE *out)
{
	write_head(page, out);
	write_rows(page->totals, out);
	write_gaps(page->totals, out);
	write_limits(page, out);
}
