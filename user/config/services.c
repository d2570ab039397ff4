/* SPDX-License-Identifier: GPL-2.0 */
/* services.c - the section `services`: ports, transport, local addresses. */
#include <errno.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "reader.h"

#define PORTS_MAX     64
#define ADDRESSES_MAX 64
#define NAMES_MAX     64

/* A service while it is read. */
struct draft {
	struct crmg_model_service *service;
	struct crmg_place protocol_place;
};

/* Decimal digits only: "4k" is no port. Returns the port, or 0. */
static unsigned int parse_port(const char *text)
{
	uint64_t port;

	if (strspn(text, "0123456789") != strlen(text) || crmg_parse_count(text, &port) < 0 ||
	    port > UINT16_MAX)
		return 0;
	return port;
}

static bool parse_ports(const char *text, struct crmg_port_range *ret)
{
	const char *dash = strchr(text, '-');
	unsigned int first, last;
	char start[8];

	if (!dash) {
		first = last = parse_port(text);
	} else {
		if ((size_t)(dash - text) >= sizeof(start))
			return false;
		crmg_copy(start, dash - text + 1, text);
		first = parse_port(start);
		last = parse_port(dash + 1);
	}
	if (!first || !last || first > last)
		return false;
	*ret = (struct crmg_port_range){ first, last };
	return true;
}

static void read_port(struct crmg_reader *r, const struct crmg_node *node,
		      struct crmg_model_service *service)
{
	const char *text = crmg_read_text(r, node, "a port");
	struct crmg_port_range range, *place;

	if (!text)
		return;
	if (!parse_ports(text, &range)) {
		crmg_read_error(r, node->place, "'%.64s' is not a port; accepted is 1 to 65535, or "
				"a range such as 8443-8447", text);
		return;
	}
	for (size_t i = 0; i < service->port_count; i++) {
		const struct crmg_port_range *other = &service->ports[i];

		if (range.first <= other->last && other->first <= range.last) {
			crmg_read_error(r, node->place, "port %u is in this list already",
					range.first > other->first ? range.first : other->first);
			return;
		}
	}
	place = crmg_read_grow(r, &service->ports, &service->port_count, sizeof(*place));
	if (place)
		*place = range;
}

static void read_ports(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	struct draft *draft = target;

	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of ports, such as [443, 8443-8447]", PORTS_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next)
		read_port(r, entry, draft->service);
}

static bool has_address(const struct crmg_model_service *service, const struct crmg_pfx *pfx)
{
	for (size_t i = 0; i < service->address_count; i++)
		if (service->addresses[i].len == pfx->len &&
		    !crmg_addr_cmp(&service->addresses[i].addr, &pfx->addr))
			return true;
	return false;
}

static void read_addresses(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	struct crmg_model_service *service = ((struct draft *)target)->service;

	(void)arg;
	if (!crmg_read_is_list(r, node, "a list of local addresses or prefixes", ADDRESSES_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		struct crmg_pfx pfx, *place;

		if (!crmg_read_prefix(r, entry, &pfx))
			continue;
		if (has_address(service, &pfx))
			continue;
		place = crmg_read_grow(r, &service->addresses, &service->address_count,
				       sizeof(*place));
		if (place)
			*place = pfx;
	}
}

/* Copies a name in small letters; false: it is none, as DNS and TLS have them. */
static bool parse_server_name(const char *text, char *ret)
{
	const char *name = text[0] == '*' && text[1] == '.' ? text + 1 : text;
	size_t len = strlen(name), label = 0;

	if (len > CRMG_SERVER_NAME_MAX)
		return false;
	for (size_t i = 0; i <= len; i++) {
		char c = name[i] >= 'A' && name[i] <= 'Z' ? (char)(name[i] | 0x20) : name[i];
		bool hyphen = c == '-', letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
						 c == '_';

		ret[i] = c;
		if (i == 0 && name != text)
			continue;
		if (c == '.' || !c) {
			if (!label || label > 63 || name[i - 1] == '-')
				return false;
			label = 0;
		} else if (letter || (hyphen && label)) {
			label++;
		} else {
			return false;
		}
	}
	/* An address is no name: clients do not send it (RFC 6066, 3). */
	return strspn(ret, "0123456789.") != len;
}

static void read_server_names(struct crmg_reader *r, const struct crmg_node *node, void *target,
			      unsigned int arg)
{
	struct crmg_model_service *service = ((struct draft *)target)->service;

	(void)arg;
	service->names_place = node->place;
	if (!crmg_read_is_list(r, node, "a list of host names, such as [api.example.org, "
			       "\"*.example.org\"]", NAMES_MAX))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		const char *text = crmg_read_text(r, entry, "a host name");
		struct crmg_model_server_name name = { .place = entry->place }, *place;

		if (!text)
			continue;
		if (!parse_server_name(text, name.text)) {
			crmg_read_error(r, entry->place, "'%.64s' is not a host name; accepted are "
					"labels of letters, digits, '-' and '_', such as "
					"api.example.org, or *.example.org for any first label", text);
			continue;
		}
		place = crmg_read_grow(r, &service->names, &service->name_count, sizeof(*place));
		if (place)
			*place = name;
	}
}

static void read_transport(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_TRANSPORT_##ID] = name,
		CRMG_TRANSPORTS(X)
#undef X
	};
	unsigned int value;

	(void)arg;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		((struct draft *)target)->service->transport = value;
}

static const char *const protocol_names[] = {
#define X(ID, name, ...) [CRMG_PROTOCOL_##ID] = name,
	CRMG_PROTOCOLS(X)
#undef X
};

static void read_protocol(struct crmg_reader *r, const struct crmg_node *node, void *target,
			  unsigned int arg)
{
	struct draft *draft = target;
	unsigned int value;

	(void)arg;
	draft->protocol_place = node->place;
	if (crmg_read_choice(r, node, protocol_names, CRMG_ARRAY_SIZE(protocol_names), &value))
		draft->service->protocol = value;
}

static void read_sanity(struct crmg_reader *r, const struct crmg_node *node, void *target,
			unsigned int arg)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_SANITY_##ID] = name,
		CRMG_SANITIES(X)
#undef X
	};
	unsigned int value;

	(void)arg;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		((struct draft *)target)->service->sanity = value;
}

/* Which transport a protocol is carried by; raw by each. */
static void check_protocol(struct crmg_reader *r, const struct draft *draft)
{
	const struct crmg_model_service *service = draft->service;
	enum crmg_transport needed = service->protocol == CRMG_PROTOCOL_QUIC ?
				     CRMG_TRANSPORT_UDP : CRMG_TRANSPORT_TCP;

	if (service->protocol == CRMG_PROTOCOL_RAW || service->transport == needed)
		return;
	crmg_read_error(r, draft->protocol_place, "protocol %s needs transport %s",
			protocol_names[service->protocol],
			needed == CRMG_TRANSPORT_UDP ? "udp" : "tcp");
}

static void read_total(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	(void)arg;
	crmg_read_service_total(r, node, &((struct draft *)target)->service->total);
}

static const struct crmg_key service_keys[] = {
	{ "transport", read_transport, 0, false },
	{ "ports", read_ports, 0, true },
	{ "protocol", read_protocol, 0, false },
	{ "addresses", read_addresses, 0, false },
	{ "interfaces", NULL, 0, false },
	{ "server_names", read_server_names, 0, false },
	{ "sanity", read_sanity, 0, false },
	{ "total", read_total, 0, false },
};

void crmg_read_services(struct crmg_reader *r, const struct crmg_node *node, void *target,
			unsigned int arg)
{
	struct crmg_model *model = target;

	(void)arg;
	if (!crmg_read_is_map(r, node, "a mapping of services (name: {ports: [...]})"))
		return;
	if (crmg_names_make(&r->services, node->count) < 0) {
		r->no_memory = true;
		return;
	}
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		struct draft draft;
		size_t index = model->service_count;

		draft.service = crmg_read_grow(r, &model->services, &model->service_count,
					       sizeof(*draft.service));
		if (!draft.service)
			return;
		draft.service->place = draft.protocol_place = entry->key->place;
		crmg_read_name(r, entry->key, "service", draft.service->name);
		crmg_names_add(&r->services, entry->key->text, index, &index);
		crmg_read_keys(r, entry, "a service", service_keys, &draft);
		check_protocol(r, &draft);
	}
}
