// SPDX-License-Identifier: GPL-2.0
/*
 * show_limits.c - what a policy allows, as text: to each source, to sources
 * together, what may be sent to them, and when it bans. A table without rows is left out.
 */
#include <errno.h>
#include <string.h>

#include "../base/num.h"
#include "names.h"
#include "patient.h"
#include "rows.h"
#include "show.h"
#include "text.h"

#define NAME_LEN  CRMG_ESCAPED(CRMG_NAME_LEN)
#define TERMS_LEN 512

#define ALL_OF_POLICY  "all sources of the policy"
#define ALL_OF_SERVICE "all sources of the service except allow"

#define ROWS_MAX  (CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX)

char *crmg_terms_text(unsigned int mask, const struct crmg_terms *terms, char *buf, size_t size)
{
	size_t at = 0;

	snprintf(buf, size, "none");
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT && at < size; l++) {
		char rate[CRMG_NUM_LEN], burst[CRMG_NUM_LEN];

		if (!(mask >> l & 1))
			continue;
		at += (size_t)snprintf(buf + at, size - at, "%s%s %s (%s)", at ? ", " : "",
			crmg_limit_name(l), crmg_rate_text(l, &terms[l], rate),
			l == CRMG_LIMIT_BYTES
			? crmg_format_bytes(terms[l].burst, burst, sizeof(burst))
			: crmg_format_count(terms[l].burst, burst, sizeof(burst)));
	}
	return buf;
}

char *crmg_own_text(const struct crmg_binding *binding, const struct crmg_label *label, char *buf,
		    size_t size)
{
	bool first = !binding->limits;
	size_t at = strlen(crmg_terms_text(binding->limits, label->terms, buf, size));

	for (unsigned int c = 0; c < CRMG_CAP_COUNT; c++) {
		if (!binding->cap[c])
			continue;
		at = first ? 0 : at;
		if (at < size)
			at += (size_t)snprintf(buf + at, size - at, "%s%s max %u", first ? "" : ", ",
					       crmg_cap_name(c), binding->cap[c]);
		first = false;
	}
	return buf;
}

unsigned int crmg_ban_factor(const struct crmg_ban_terms *ban)
{
	return (ban->factor * 100 + (1 << (CRMG_BAN_FACTOR_SHIFT - 1))) >> CRMG_BAN_FACTOR_SHIFT;
}

static void name_cell(struct crmg_table *table, const char *field)
{
	char name[NAME_LEN];

	crmg_table_cell(table, "%s", crmg_escape(field, CRMG_NAME_LEN, name, sizeof(name)));
}

static int own_table(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "CLIENT", false }, { "MODE", false },
		{ "ON EXCEED", false }, { "RATE (BURST) OF EACH SOURCE", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);
		char terms[TERMS_LEN];

		name_cell(&table, label->service);
		name_cell(&table, label->policy);
		name_cell(&table, label->client);
		crmg_table_cell(&table, "%s", crmg_mode_name(binding->mode));
		crmg_table_cell(&table, "%s", crmg_action_name(binding->on_exceed));
		crmg_table_cell(&table, "%s", binding->kind == CRMG_BINDING_DENY ? "deny" :
				crmg_own_text(binding, label, terms, sizeof(terms)));
	}
	return crmg_table_print(&table, colour, out);
}

/* False: another binding of its row was asked for. Clients of a policy at one service share it. */
static bool is_first(uint64_t seen[ROWS_MAX / 64], const struct crmg_binding *binding)
{
	uint64_t bit = 1ULL << binding->row % 64, *word = &seen[binding->row / 64];
	bool first = !(*word & bit);

	*word |= bit;
	return first;
}

/* Calls print for the first binding of each row that has it. */
static void for_each_row(const struct crmg_image *image,
			 bool (*has)(const struct crmg_binding *binding),
			 struct crmg_table *table,
			 void (*print)(struct crmg_table *table, const struct crmg_image *image,
				       const struct crmg_binding *binding,
				       const struct crmg_label *label))
{
	uint64_t seen[ROWS_MAX / 64] = { 0 };

	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);

		if (has(binding) && is_first(seen, binding))
			print(table, image, binding, crmg_image_label(image, i));
	}
}

static bool has_aggregate(const struct crmg_binding *binding)
{
	return binding->flags & CRMG_BINDING_AGGREGATE;
}

#define SHARERS_LEN 48

static const char *sharers_text(const struct crmg_binding *binding, char buf[SHARERS_LEN])
{
	snprintf(buf, SHARERS_LEN, "sources of one IPv4 /%u or IPv6 /%u", binding->v4_wide - 96,
		 binding->v6_wide);
	return buf;
}

static void aggregate_row(struct crmg_table *table, const struct crmg_image *image,
			  const struct crmg_binding *binding, const struct crmg_label *label)
{
	(void)image;
	char terms[TERMS_LEN], sharers[SHARERS_LEN];

	name_cell(table, label->service);
	name_cell(table, label->policy);
	crmg_table_cell(table, "%s", sharers_text(binding, sharers));
	crmg_table_cell(table, "%s", crmg_terms_text(binding->aggregate_limits, label->aggregate,
						     terms, sizeof(terms)));
}

static bool has_total(const struct crmg_binding *binding)
{
	return binding->flags & CRMG_BINDING_TOTAL;
}

static void total_row(struct crmg_table *table, const struct crmg_image *image,
		      const struct crmg_binding *binding, const struct crmg_label *label)
{
	(void)image;
	char terms[TERMS_LEN];

	name_cell(table, label->service);
	name_cell(table, label->policy);
	crmg_table_cell(table, ALL_OF_POLICY);
	crmg_table_cell(table, "%s", crmg_terms_text(binding->total_limits, label->total, terms,
						     sizeof(terms)));
}

static int shared_table(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "SHARED BY", false },
		{ "RATE (BURST) TOGETHER", false },
	};
	const struct crmg_budget *budgets = crmg_image_front(image)->budgets;
	struct crmg_table table = CRMG_TABLE(columns);

	for_each_row(image, has_aggregate, &table, aggregate_row);
	for_each_row(image, has_total, &table, total_row);
	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);
		char terms[TERMS_LEN];

		if (!service || !budgets[i].limits)
			continue;
		name_cell(&table, service->name);
		crmg_table_cell(&table, "all");
		crmg_table_cell(&table, ALL_OF_SERVICE);
		crmg_table_cell(&table, "%s", crmg_terms_text(budgets[i].limits, service->total,
							      terms, sizeof(terms)));
	}
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

/* "connections, packets" */
static void strikes_text(uint32_t limits, char *buf, size_t size)
{
	size_t at = 0;

	buf[0] = '\0';
	for (unsigned int l = 0; l < CRMG_LIMIT_COUNT && at < size; l++)
		if (limits >> l & 1)
			at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? ", " : "",
					       crmg_limit_name(l));
}

static bool has_ban(const struct crmg_binding *binding)
{
	return binding->flags & CRMG_BINDING_BAN;
}

static void ban_row(struct crmg_table *table, const struct crmg_image *image,
		    const struct crmg_binding *binding, const struct crmg_label *label)
{
	(void)image;
	const struct crmg_ban_terms *ban = &binding->ban;
	char text[CRMG_NUM_LEN], strikes[128];

	name_cell(table, label->service);
	name_cell(table, label->policy);
	crmg_table_cell(table, "%u in %s", ban->after,
			crmg_format_time(ban->within_ms * (CRMG_NS_PER_SEC / 1000), text,
					 sizeof(text)));
	strikes_text(binding->strike_limits, strikes, sizeof(strikes));
	crmg_table_cell(table, "%s", strikes);
	crmg_table_cell(table, "%s", crmg_format_time(ban->for_s * CRMG_NS_PER_SEC, text,
						      sizeof(text)));
	crmg_table_cell(table, "x%s", crmg_format_hundredths(crmg_ban_factor(ban), text,
							     sizeof(text)));
	crmg_table_cell(table, "%s", crmg_format_time(ban->max_s * CRMG_NS_PER_SEC, text,
						      sizeof(text)));
}

static int bans_table(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "BAN AFTER", false },
		{ "REFUSALS BY", false }, { "FIRST BAN", true }, { "NEXT", true },
		{ "LONGEST", true },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	for_each_row(image, has_ban, &table, ban_row);
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

static bool has_quotas(const struct crmg_binding *binding)
{
	return binding->quotas;
}

static bool has_aggregate_quotas(const struct crmg_binding *binding)
{
	return binding->aggregate_quotas;
}

static bool has_total_quotas(const struct crmg_binding *binding)
{
	return binding->total_quotas;
}

static void quotas_cells(struct crmg_table *table, const struct crmg_quotas *quotas,
			 const char *whose)
{
	char text[TERMS_LEN], then[CRMG_ON_BUDGET_LEN];

	crmg_table_cell(table, "%s", crmg_quotas_text(quotas, text, sizeof(text)));
	crmg_table_cell(table, "%s", whose);
	crmg_table_cell(table, "%u%%", quotas->notify_at);
	crmg_table_cell(table, "%s", crmg_on_budget_text(quotas, then));
}

static void quotas_row(struct crmg_table *table, const struct crmg_image *image,
		       const struct crmg_binding *binding, const struct crmg_label *label)
{
	name_cell(table, label->service);
	name_cell(table, label->policy);
	quotas_cells(table, crmg_image_quotas(image, binding->quotas), "each source");
}

static void aggregate_quotas_row(struct crmg_table *table, const struct crmg_image *image,
				 const struct crmg_binding *binding, const struct crmg_label *label)
{
	char sharers[SHARERS_LEN];

	name_cell(table, label->service);
	name_cell(table, label->policy);
	quotas_cells(table, crmg_image_quotas(image, binding->aggregate_quotas),
		     sharers_text(binding, sharers));
}

static void total_quotas_row(struct crmg_table *table, const struct crmg_image *image,
			     const struct crmg_binding *binding, const struct crmg_label *label)
{
	name_cell(table, label->service);
	name_cell(table, label->policy);
	quotas_cells(table, crmg_image_quotas(image, binding->total_quotas), ALL_OF_POLICY);
}

static int quotas_table(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "BYTES OUT", false }, { "TO", false },
		{ "NOTIFY AT", true }, { "ON BUDGET", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	for_each_row(image, has_quotas, &table, quotas_row);
	for_each_row(image, has_aggregate_quotas, &table, aggregate_quotas_row);
	for_each_row(image, has_total_quotas, &table, total_quotas_row);
	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);
		uint16_t quotas = crmg_image_front(image)->budgets[i].quotas;

		if (!service || !quotas)
			continue;
		name_cell(&table, service->name);
		crmg_table_cell(&table, "all");
		quotas_cells(&table, crmg_image_quotas(image, quotas), ALL_OF_SERVICE);
	}
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

typedef const char *words_text(const struct crmg_image *image, const struct crmg_binding *binding,
			       char *buf);

static const char *floor_text(const struct crmg_image *image, const struct crmg_binding *binding,
			      char *buf)
{
	(void)image;
	return crmg_floor_text(binding, buf);
}

static const char *http_text(const struct crmg_image *image, const struct crmg_binding *binding,
			     char *buf)
{
	return crmg_http_text(crmg_image_http(image, binding->http), buf);
}

static const char *detect_text(const struct crmg_image *image, const struct crmg_binding *binding,
			       char *buf)
{
	(void)image;
	(void)buf;
	return crmg_detect_text(binding);
}

/* A key of policies, in the words of text; NULL: the policy does not have it. */
static int words_table(const struct crmg_image *image, bool colour, FILE *out, const char *key,
		       words_text *text)
{
	const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { key, false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	uint64_t seen[ROWS_MAX / 64] = { 0 };
	char buf[TERMS_LEN];

	for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
		const struct crmg_binding *binding = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);
		const char *words = text(image, binding, buf);

		if (!words || !is_first(seen, binding))
			continue;
		name_cell(&table, label->service);
		name_cell(&table, label->policy);
		crmg_table_cell(&table, "%s", words);
	}
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

int crmg_show_limits_text(const struct crmg_image *image, bool colour, FILE *out)
{
	int code = own_table(image, colour, out);

	if (!code)
		code = shared_table(image, colour, out);
	if (!code)
		code = quotas_table(image, colour, out);
	if (!code)
		code = words_table(image, colour, out, "TLS", floor_text);
	if (!code)
		code = words_table(image, colour, out, "HTTP", http_text);
	if (!code)
		code = words_table(image, colour, out, "DETECT", detect_text);
	return code ? code : bans_table(image, colour, out);
}
