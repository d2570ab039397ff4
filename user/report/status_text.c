// SPDX-License-Identifier: GPL-2.0
/* status_text.c - status for people: aligned, and problems last, where they are read. */
#include <errno.h>
#include <string.h>

#include "clients.h"
#include "contracts.h"
#include "names.h"
#include "rows.h"
#include "status.h"
#include "text.h"

static const char *name_of(const char *field, char buf[CRMG_ESCAPED(CRMG_NAME_LEN)])
{
	return crmg_escape(field, CRMG_NAME_LEN, buf, CRMG_ESCAPED(CRMG_NAME_LEN));
}

/* What a table holds, and (as long as that is remembered) when it was too small. */
static void sources_text(const struct crmg_snapshot *snap, FILE *out)
{
	const __u64 *host = snap->host.counter;
	uint32_t banned = snap->by_state[CRMG_SOURCE_BANNED];
	char age[CRMG_SHORT_LEN];

	fprintf(out, "sources:  %u of %u tracked (%u proven, %u limited, %u banned), "
		"%llu forgotten for others\n", snap->tracked, snap->capacity,
		snap->by_state[CRMG_SOURCE_PROVEN], snap->by_state[CRMG_SOURCE_LIMITED], banned,
		host[CRMG_HOST_EVICTIONS]);
	if (snap->pressure_ns)
		fprintf(out, "pressure: %llu packets found no slot, the last %s ago\n",
			host[CRMG_HOST_PRESSURE],
			crmg_format_age(snap->boot_ns > snap->pressure_ns
					? snap->boot_ns - snap->pressure_ns : 0, age,
					sizeof(age)));
	fprintf(out, "bans:     %u manual, %u automatic\n", snap->ban_count, banned);
}

/* Clients that are under the policy for any, since their contracts do not hold now. */
static void contracts_text(const struct crmg_snapshot *snap, FILE *out)
{
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], why[CRMG_LAPSE_LEN];
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(snap->image, snap->real_ns, &at, &c);)
		if (!c.holds)
			fprintf(out, "contract: client %s counts as any: %s\n",
				name_of(c.client->name, name), crmg_lapse_text(&c, why));
}

/* An apply that waits, or one that nobody confirmed and nobody has put away yet. */
static void pending_text(const struct crmg_snapshot *snap, FILE *out)
{
	const struct crmg_control *control = &snap->control;
	char at[CRMG_TIME_LEN], left[CRMG_SHORT_LEN];

	if (snap->pending.generation)
		fprintf(out, "confirm:  generation %u comes back at %s (in %s) unless `crmgate "
			"confirm`\n", snap->pending.previous,
			crmg_format_utc(snap->pending.until_ns, false, at, sizeof(at)),
			crmg_format_age(snap->pending.until_ns - snap->real_ns, left,
					sizeof(left)));
	else if (control->confirm_until_ns && control->confirm_until_ns <= snap->mono_ns)
		fprintf(out, "confirm:  generation %u was not confirmed, it ended %s ago\n",
			control->confirm_generation,
			crmg_format_age(snap->mono_ns - control->confirm_until_ns, left,
					sizeof(left)));
}

void crmg_proof_text(const struct crmg_snapshot *snap, FILE *out)
{
	const struct crmg_proof *proof = &snap->proof;
	char age[CRMG_SHORT_LEN];

	if (!proof->boot_ns) {
		fputs("proof:    none yet: crmgate prove\n", out);
		return;
	}
	fprintf(out, "proof:    %s, generation %u, %u packets through %u programs, %s ago%s\n",
		proof->failures ? "NOT enforced" : "enforced", proof->generation, proof->probes,
		proof->programs, crmg_format_age(snap->boot_ns > proof->boot_ns
						 ? snap->boot_ns - proof->boot_ns : 0, age,
						 sizeof(age)),
		proof->period_s ? "" : ", repeated by nobody");
	for (int i = 0; i < CRMG_PROOF_TEXTS && proof->text[i][0]; i++)
		fprintf(out, "          %.*s\n", CRMG_PROOF_TEXT, proof->text[i]);
}

/* "null 3, own 1": odd packets, if there were any. */
static void odd_text(const struct crmg_snapshot *snap, FILE *out)
{
	const char *before = "odd:      ";

	for (unsigned int i = 0; i < CRMG_ODDITY_COUNT; i++) {
		if (!snap->host.odd[i])
			continue;
		fprintf(out, "%s%s %llu", before, crmg_oddity_name(i), snap->host.odd[i]);
		before = ", ";
	}
	if (*before == ',')
		fputs(" packets of services\n", out);
}

void crmg_policy_text(const struct crmg_snapshot *snap, FILE *out)
{
	const struct crmg_head *head = crmg_image_head(snap->image);
	char file[CRMG_ESCAPED(sizeof(head->file))], at[CRMG_TIME_LEN], age[CRMG_SHORT_LEN];

	crmg_escape(head->file, sizeof(head->file), file, sizeof(file));
	fprintf(out, "policy:   %s, generation %u, applied %s (%s ago)%s%s\n",
		*file ? file : "none, nothing is limited", head->generation,
		crmg_format_utc(head->applied_at_ns, false, at, sizeof(at)),
		crmg_format_age(snap->real_ns > head->applied_at_ns
				? snap->real_ns - head->applied_at_ns : 0, age, sizeof(age)),
		head->mode == CRMG_MODE_ENFORCE ? "" : ", at most ",
		head->mode == CRMG_MODE_ENFORCE ? "" : crmg_mode_name(head->mode));
	pending_text(snap, out);
}

static void head_text(const struct crmg_snapshot *snap, const char *instance, FILE *out)
{
	fprintf(out, "crmgate %s, instance %s\n", CRMG_VERSION, instance);
	crmg_policy_text(snap, out);
	contracts_text(snap, out);
	crmg_proof_text(snap, out);
	sources_text(snap, out);
	fprintf(out, "other:    %llu packets for no service, %llu fragments\n",
		snap->host.counter[CRMG_HOST_OTHER], snap->host.counter[CRMG_HOST_FRAGMENTS]);
	odd_text(snap, out);
}

/* "native", or in a dispatcher of libxdp "native, 1 of 2": which of its programs it is. */
static void xdp_cell(struct crmg_table *table, const struct crmg_iface_state *iface)
{
	const char *mode = !iface->present ? "gone"
			 : iface->xdp_ours ? crmg_xdp_mode_name(iface->wanted.xdp_mode)
			 : iface->xdp_foreign ? "foreign" : "none";

	if (iface->present && iface->xdp_ours && iface->chain_at)
		crmg_table_cell(table, "%s, %u of %u", mode, iface->chain_at,
				iface->chain_programs);
	else
		crmg_table_cell(table, "%s%s", mode, iface->present && iface->xdp_ours &&
				iface->wanted.chained ? ", chain" : "");
}

int crmg_interfaces_text(const struct crmg_snapshot *snap, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "INTERFACE", false }, { "XDP", false }, { "TC", false }, { "SINCE", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);

	if (!snap->iface_count) {
		fputs("no interface is attached\n", out);
		return 0;
	}
	for (size_t i = 0; i < snap->iface_count; i++) {
		const struct crmg_iface_state *iface = &snap->ifaces[i];
		char name[CRMG_ESCAPED(CRMG_NAME_LEN)], at[CRMG_TIME_LEN];

		crmg_table_cell(&table, "%s", crmg_escape(iface->wanted.name,
				sizeof(iface->wanted.name), name, sizeof(name)));
		xdp_cell(&table, iface);
		crmg_table_cell(&table, "%s", !iface->present ? "gone"
				: crmg_tc_kind_name(iface->tc_ours ? iface->wanted.tc_kind
								   : CRMG_TC_NONE));
		crmg_table_cell(&table, "%s", crmg_format_utc(iface->wanted.attached_at_ns,
							      false, at, sizeof(at)));
	}
	return crmg_table_print(&table, colour, out);
}

/* "shadow, 3d": the mode, and how long that has been shadow. */
static void mode_text(const struct crmg_snapshot *snap, const struct crmg_policy_row *item,
		      char *buf, size_t size)
{
	uint64_t since = item->label->shadow_since_ns;
	char age[CRMG_SHORT_LEN];

	snprintf(buf, size, "%s%s%s", crmg_mode_name(item->binding->mode), since ? ", " : "",
		 since ? crmg_format_age(snap->real_ns > since ? snap->real_ns - since : 0, age,
					 sizeof(age)) : "");
}

static int policies_text(const struct crmg_snapshot *snap, const struct crmg_policy_rows *rows,
			 bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "MODE", false },
		{ "PASSED", true }, { "DROPPED", true }, { "WOULD DROP", true },
		{ "CONNECTIONS", true }, { "REQUESTS", true },
		{ "BYTES IN", true }, { "BYTES OUT", true },
		{ "REFUSALS", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], number[CRMG_SHORT_LEN], reasons[256];
	char mode[2 * CRMG_SHORT_LEN];

	fputc('\n', out);
	if (!rows->count) {
		fputs("no service is protected\n", out);
		return 0;
	}
	for (size_t i = 0; i < rows->count; i++) {
		const struct crmg_policy_row *item = &rows->items[i];
		const struct crmg_row *row = item->row;

		crmg_table_cell(&table, "%s", name_of(item->label->service, name));
		crmg_table_cell(&table, "%s", name_of(item->label->policy, name));
		mode_text(snap, item, mode, sizeof(mode));
		crmg_table_cell(&table, "%s", mode);
		crmg_table_cell(&table, "%llu", row->packets[CRMG_VERDICT_PASS]);
		crmg_table_cell(&table, "%llu", (unsigned long long)crmg_row_dropped(row));
		crmg_table_cell(&table, "%llu", (unsigned long long)crmg_row_would_drop(row));
		crmg_table_cell(&table, "%llu",
				(unsigned long long)crmg_row_sum(row->connections));
		crmg_table_cell(&table, "%s", crmg_requests_text(item->service, item->binding,
								 crmg_row_sum(row->requests),
								 number, sizeof(number)));
		crmg_table_cell(&table, "%s", crmg_format_short(crmg_row_sum(row->bytes),
								number, sizeof(number)));
		crmg_table_cell(&table, "%s", crmg_format_short(row->bytes_out, number,
								sizeof(number)));
		crmg_table_cell(&table, "%s", crmg_refusals_text(row, ~0u, reasons,
								 sizeof(reasons)));
	}
	return crmg_table_print(&table, colour, out);
}

/* Connections by version of TLS, where any were counted. */
static int versions_text(const struct crmg_policy_rows *rows, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false }, { "CONNECTIONS BY VERSION OF TLS", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], versions[256];
	bool any = false;

	for (size_t i = 0; i < rows->count; i++) {
		const struct crmg_policy_row *item = &rows->items[i];

		if (!crmg_versions(item->row, ~0u))
			continue;
		crmg_table_cell(&table, "%s", name_of(item->label->service, name));
		crmg_table_cell(&table, "%s", name_of(item->label->policy, name));
		crmg_table_cell(&table, "%s", crmg_versions_text(item->row, ~0u, versions,
								 sizeof(versions)));
		any = true;
	}
	if (!any)
		return 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

/* How often budgets of bytes_out were nearly used up, and used up, where any was. */
static int budgets_text(const struct crmg_policy_rows *rows, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "POLICY", false },
		{ "BUDGETS NEARLY USED UP", true }, { "USED UP", true },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)];

	for (size_t i = 0; i < rows->count; i++) {
		const struct crmg_policy_row *item = &rows->items[i];
		const struct crmg_row *row = item->row;

		if (!row->budgets_notified && !row->budgets_exceeded)
			continue;
		crmg_table_cell(&table, "%s", name_of(item->label->service, name));
		crmg_table_cell(&table, "%s", name_of(item->label->policy, name));
		crmg_table_cell(&table, "%llu", row->budgets_notified);
		crmg_table_cell(&table, "%llu", row->budgets_exceeded);
	}
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

/* Those that sent or were sent anything. What is refused on the way out is counted by policy only. */
static int clients_text(const struct crmg_counted_clients *clients, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "CLIENT", false }, { "PASSED IN", true }, { "DROPPED IN", true },
		{ "REQUESTS", true }, { "BYTES IN", true }, { "BYTES OUT", true },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	char name[CRMG_ESCAPED(CRMG_NAME_LEN)], number[CRMG_SHORT_LEN];

	for (size_t i = 0; i < clients->count; i++) {
		const struct crmg_counted_client *item = &clients->items[i];
		const struct crmg_client_row *row = item->row;

		if (!crmg_row_sum(row->packets) && !row->bytes_out)
			continue;
		crmg_table_cell(&table, "%s", name_of(item->client->name, name));
		crmg_table_cell(&table, "%llu", row->packets[CRMG_VERDICT_PASS]);
		crmg_table_cell(&table, "%llu", (unsigned long long)crmg_client_dropped(row));
		crmg_table_cell(&table, "%s", crmg_asked_text(item->asks, item->estimated,
							      row->requests, number,
							      sizeof(number)));
		crmg_table_cell(&table, "%s", crmg_format_short(crmg_row_sum(row->bytes),
								number, sizeof(number)));
		crmg_table_cell(&table, "%s", crmg_format_short(row->bytes_out, number,
								sizeof(number)));
	}
	if (!table.cell_count)
		return table.failed ? -ENOMEM : 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

static void problems_text(const struct crmg_problems *problems, bool colour, FILE *out)
{
	fputc('\n', out);
	if (!problems->count)
		fputs("no problems\n", out);
	for (size_t i = 0; i < problems->count; i++)
		fprintf(out, "%sproblem:%s %s: %s\n", colour ? "\033[31m" : "",
			colour ? "\033[0m" : "", crmg_problem_name(problems->item[i].id),
			problems->item[i].text);
}

int crmg_status_text(const struct crmg_snapshot *snap, const char *instance,
		     const struct crmg_problems *problems, bool colour, FILE *out)
{
	struct crmg_counted_clients clients = { 0 };
	struct crmg_policy_rows rows;
	int code = crmg_policy_rows(snap, &rows);

	if (code < 0)
		return code;
	code = crmg_counted_clients(snap, &clients);
	if (!code) {
		head_text(snap, instance, out);
		fputc('\n', out);
		code = crmg_interfaces_text(snap, colour, out);
	}
	if (!code)
		code = policies_text(snap, &rows, colour, out);
	if (!code)
		code = versions_text(&rows, colour, out);
	if (!code)
		code = budgets_text(&rows, colour, out);
	if (!code)
		code = clients_text(&clients, colour, out);
	if (!code)
		problems_text(problems, colour, out);
	crmg_counted_clients_free(&clients);
	crmg_policy_rows_free(&rows);
	return code;
}
