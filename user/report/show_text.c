// SPDX-License-Identifier: GPL-2.0
/* show_text.c - parts of a compiled policy as text. Prefixes are counted, not listed. */
#include <string.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "contracts.h"
#include "names.h"
#include "show.h"
#include "text.h"

#define NAME_LEN CRMG_ESCAPED(CRMG_NAME_LEN)

static const char *name_of(const char *field, char buf[NAME_LEN])
{
	return crmg_escape(field, CRMG_NAME_LEN, buf, NAME_LEN);
}

static int policy_text(const struct crmg_image *image, bool colour, FILE *out)
{
	const struct crmg_head *head = crmg_image_head(image);
	char file[CRMG_ESCAPED(sizeof(head->file))], at[CRMG_TIME_LEN], keep[CRMG_NUM_LEN];

	(void)colour;
	crmg_escape(head->file, sizeof(head->file), file, sizeof(file));
	fprintf(out, "file:       %s\n", *file ? file : "none, nothing is limited");
	fprintf(out, "generation: %u\n", head->generation);
	if (head->applied_at_ns)
		fprintf(out, "applied:    %s\n",
			crmg_format_utc(head->applied_at_ns, false, at, sizeof(at)));
	fprintf(out, "mode:       at most %s\n", crmg_mode_name(head->mode));
	fprintf(out, "capacity:   %u sources, %u flows\n", head->capacity, head->flows);
	fprintf(out, "source:     IPv4 /%u, IPv6 /%u\n", head->v4_prefix, head->v6_prefix);
	fprintf(out, "privacy:    addresses %s, files kept %s\n",
		crmg_addresses_name(head->addresses),
		crmg_format_time(head->keep_s * CRMG_NS_PER_SEC, keep, sizeof(keep)));
	return 0;
}

char *crmg_ports_text(const struct crmg_image *image, const struct crmg_service *service,
		      char *buf, size_t size)
{
	size_t count, at = 0;
	const struct crmg_port_range *ports = crmg_image_section(image, CRMG_SECTION_PORTS,
								 &count);

	buf[0] = '\0';
	for (size_t i = 0; i < service->port_count && service->first_port + i < count; i++) {
		const struct crmg_port_range *range = &ports[service->first_port + i];
		char one[16];

		if (range->first == range->last)
			snprintf(one, sizeof(one), "%u", range->first);
		else
			snprintf(one, sizeof(one), "%u-%u", range->first, range->last);
		if (at + strlen(one) + sizeof(",..") > size) {
			snprintf(buf + at, size - at, "..");
			return buf;
		}
		at += (size_t)snprintf(buf + at, size - at, "%s%s", at ? "," : "", one);
	}
	return buf;
}

char *crmg_locals_text(const struct crmg_image *image, const struct crmg_service *service,
		       char *buf, size_t size)
{
	size_t count;
	const struct crmg_prefix *locals = crmg_image_section(image, CRMG_SECTION_LOCALS, &count);
	char first[CRMG_ADDR_LEN];

	if (!service->local_count || service->first_local >= count) {
		snprintf(buf, size, "any");
		return buf;
	}
	locals += service->first_local;
	crmg_format_prefix(&locals->addr, locals->len, first, sizeof(first));
	if (service->local_count == 1)
		snprintf(buf, size, "%s", first);
	else
		snprintf(buf, size, "%s and %u more", first, service->local_count - 1);
	return buf;
}

static int services_text(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "SERVICE", false }, { "TRANSPORT", false }, { "PROTOCOL", false },
		{ "PORTS", false }, { "ADDRESSES", false }, { "SANITY", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	int code;

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(image, i);
		char name[NAME_LEN], ports[64], locals[CRMG_ADDR_LEN + 32];

		if (!service)
			continue;
		crmg_table_cell(&table, "%s", name_of(service->name, name));
		crmg_table_cell(&table, "%s", crmg_transport_name(service->transport));
		crmg_table_cell(&table, "%s", crmg_protocol_name(service->protocol));
		crmg_table_cell(&table, "%s",
				crmg_ports_text(image, service, ports, sizeof(ports)));
		crmg_table_cell(&table, "%s",
				crmg_locals_text(image, service, locals, sizeof(locals)));
		crmg_table_cell(&table, "%s", crmg_sanity_name(service->sanity));
	}
	code = crmg_table_print(&table, colour, out);
	return code ? code : crmg_server_names_table(image, colour, out);
}

/* Nothing where no client has one. */
static int contracts_text(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "CLIENT", false }, { "OWNER", false }, { "VALID UNTIL", false },
		{ "HOURS", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	struct crmg_contractor c;

	for (size_t at = 0; crmg_contract_next(image, 0, &at, &c);) {
		char name[NAME_LEN], owner[CRMG_ESCAPED(CRMG_OWNER_MAX)], until[CRMG_TIME_LEN];
		char hours[CRMG_HOURS_LEN];

		crmg_escape(c.contract->owner, CRMG_OWNER_MAX, owner, sizeof(owner));
		crmg_table_cell(&table, "%s", name_of(c.client->name, name));
		crmg_table_cell(&table, "%s", *owner ? owner : "-");
		crmg_table_cell(&table, "%s", c.contract->until_s
				? crmg_format_utc(c.contract->until_s * CRMG_NS_PER_SEC, false, until,
						  sizeof(until)) : "-");
		crmg_table_cell(&table, "%s", c.contract->days
				? crmg_hours_text(c.contract, hours) : "-");
	}
	if (!table.cell_count)
		return 0;
	fputc('\n', out);
	return crmg_table_print(&table, colour, out);
}

static int clients_text(const struct crmg_image *image, bool colour, FILE *out)
{
	static const struct crmg_column columns[] = {
		{ "CLIENT", false }, { "PREFIXES", true }, { "FILES", true },
		{ "WRITTEN", false }, { "BALANCER", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	size_t count;
	int code;
	const struct crmg_client *clients = crmg_image_section(image, CRMG_SECTION_CLIENTS,
							       &count);

	for (size_t i = 0; i < count; i++) {
		char name[NAME_LEN], at[CRMG_TIME_LEN];

		crmg_table_cell(&table, "%s", name_of(clients[i].name, name));
		crmg_table_cell(&table, "%u", clients[i].prefix_count);
		crmg_table_cell(&table, "%u", clients[i].file_count);
		crmg_table_cell(&table, "%s", clients[i].feed_ns
				? crmg_format_utc(clients[i].feed_ns, false, at, sizeof(at)) : "-");
		crmg_table_cell(&table, "%s", clients[i].balancer ? "yes" : "no");
	}
	code = crmg_table_print(&table, colour, out);
	return code ? code : contracts_text(image, colour, out);
}

static int (*const parts[CRMG_SHOW_COUNT])(const struct crmg_image *, bool, FILE *) = {
	[CRMG_SHOW_POLICY]   = policy_text,
	[CRMG_SHOW_SERVICES] = services_text,
	[CRMG_SHOW_CLIENTS]  = clients_text,
	[CRMG_SHOW_LIMITS]   = crmg_show_limits_text,
};

int crmg_show_text(const struct crmg_image *image, enum crmg_show what, bool colour, FILE *out)
{
	return parts[what](image, colour, out);
}

void crmg_memory_text(const struct crmg_image *image, unsigned int cpus, FILE *out)
{
	struct crmg_memory memory;
	double mib = 1 << 20;

	crmg_memory_of(image, cpus, &memory);
	fprintf(out, "memory: %.1f MiB (sources %.1f, flows %.1f, policy %.1f, counters of %u CPUs "
		"%.1f, bans %.1f, events %.1f)\n", memory.total / mib, memory.sources / mib,
		memory.flows / mib, memory.policy / mib, cpus, memory.counters / mib,
		memory.bans / mib, memory.events / mib);
}

int crmg_summary_text(const struct crmg_image *image, unsigned int cpus, bool colour, FILE *out)
{
	static const enum crmg_show order[] = {
		CRMG_SHOW_SERVICES, CRMG_SHOW_CLIENTS, CRMG_SHOW_LIMITS,
	};
	const struct crmg_head *head = crmg_image_head(image);

	fprintf(out, "%u bindings of client to service, at most %s, %u sources, IPv4 /%u, "
		"IPv6 /%u, %u flows\n", head->bindings, crmg_mode_name(head->mode),
		head->capacity, head->v4_prefix, head->v6_prefix, head->flows);
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		int code;

		fputc('\n', out);
		code = parts[order[i]](image, colour, out);
		if (code < 0)
			return code;
	}
	fputc('\n', out);
	crmg_memory_text(image, cpus, out);
	return 0;
}
