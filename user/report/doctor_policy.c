// SPDX-License-Identifier: GPL-2.0
/* doctor_policy.c - checks of the policy against the host: memory, ports, NAT, forwarding. */
#include "checks.h"

#include <string.h>

#include "../base/util.h"
#include "text.h"
#include "why.h"

/* The policy file, for a command to name. */
static const char *file_of(const struct crmg_checking *c)
{
	const char *file = c->patient->file ? c->patient->file :
			   crmg_image_head(c->patient->image)->file;

	return file[0] ? file : "FILE";
}

static void judge_capacity(struct crmg_checking *c)
{
	const struct crmg_head *head = crmg_image_head(c->patient->image), *now;

	if (!c->patient->snap || !c->patient->file)
		return;
	now = crmg_image_head(c->patient->snap->image);
	if (head->capacity == now->capacity && head->flows == now->flows &&
	    head->v4_prefix == now->v4_prefix && head->v6_prefix == now->v6_prefix) {
		crmg_advise(c, CRMG_GRADE_OK, "tables can stay as they are");
		return;
	}
	crmg_advise(c, CRMG_GRADE_FAIL, "capacity or source prefixes differ from what is attached: "
		    "apply would refuse this policy (%u sources, %u now)", head->capacity,
		    now->capacity);
	crmg_mend(c, "crmgate detach --all --purge; crmgate attach IFACE --policy %s", file_of(c));
}

#define SOURCE_BYTES 256		/* and some for the rest: a power of two is left anyway */

/* Slots for which there is room, with as much again for the host. */
static unsigned int capacity_for(uint64_t room)
{
	unsigned int slots = 1024;

	while (slots < 1U << 24 && slots * 2ULL * SOURCE_BYTES * 2 <= room)
		slots *= 2;
	return slots;
}

static void judge_memory(struct crmg_checking *c)
{
	struct crmg_memory memory;
	uint64_t room = c->host->memory_bytes ? c->host->memory_bytes : UINT64_MAX;
	bool group = c->host->memory_limit_bytes < room;

	crmg_memory_of(c->patient->image, c->host->cpus, &memory);
	if (group)
		room = c->host->memory_limit_bytes;
	if (c->patient->snap) {
		crmg_advise(c, CRMG_GRADE_OK, "the tables are there (%llu MiB)",
			    (unsigned long long)memory.total >> 20);
	} else if (memory.total > room) {
		crmg_advise(c, CRMG_GRADE_FAIL, "the tables need %llu MiB, %s %llu MiB",
			    (unsigned long long)memory.total >> 20, group ?
			    "the memory limit of this cgroup leaves" : "the host can give",
			    (unsigned long long)room >> 20);
		crmg_mend(c, "$EDITOR %s  # capacity: {sources: %u}, or fewer", file_of(c),
			  capacity_for(room));
	} else {
		crmg_advise(c, memory.total > room / 2 ? CRMG_GRADE_NOTE : CRMG_GRADE_OK,
			    "the tables need %llu MiB, there are %llu",
			    (unsigned long long)memory.total >> 20,
			    (unsigned long long)(room == UINT64_MAX ? 0 : room) >> 20);
	}
}

static const struct crmg_port_range *ports_of(const struct crmg_image *image,
					      const struct crmg_service *service)
{
	const struct crmg_port_range *ports = crmg_image_section(image, CRMG_SECTION_PORTS, NULL);

	return ports + service->first_port;
}

/* True if a list such as "8080,9000-9010" has every port of a range. */
static bool listed(const char *list, unsigned int first, unsigned int last)
{
	while (*list) {
		unsigned int from, to;
		int got = sscanf(list, "%u-%u", &from, &to);

		if (got == 1)
			to = from;
		if (got >= 1 && from <= first && last <= to)
			return true;
		list += strcspn(list, ",");
		list += *list == ',';
	}
	return false;
}

/* The ports of a service that this host may take for connections of its own. */
static void judge_ephemeral(struct crmg_checking *c)
{
	const struct crmg_image *image = c->patient->image;
	char ports[160] = "", names[96] = "";
	size_t used = 0, named = 0;

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(image, s);
		bool found = false;

		for (size_t p = 0; service && !service->base && p < service->port_count; p++) {
			const struct crmg_port_range *range = &ports_of(image, service)[p];
			unsigned int first = range->first, last = range->last;

			if (first > c->host->ephemeral[1] || last < c->host->ephemeral[0] ||
			    listed(c->host->reserved, first, last) || used >= sizeof(ports))
				continue;
			found = true;
			used += snprintf(ports + used, sizeof(ports) - used,
					 first == last ? "%s%u" : "%s%u-%u", used ? "," : "", first,
					 last);
		}
		if (found && named < sizeof(names))
			named += snprintf(names + named, sizeof(names) - named, "%s%s",
					  named ? ", " : "", service->name);
	}
	if (!used) {
		crmg_advise(c, CRMG_GRADE_OK, "no service has a port of ip_local_port_range");
		return;
	}
	crmg_advise(c, CRMG_GRADE_WARNING, "%s: this host may take port %s for connections of its own, "
		    "and answers to them would be limited", names, ports);
	crmg_mend(c, "sysctl -w net.ipv4.ip_local_reserved_ports=%s%s%s", c->host->reserved,
		  c->host->reserved[0] ? "," : "", ports);
}

static void judge_forwarding(struct crmg_checking *c)
{
	char names[96] = "";
	size_t used = 0;

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(c->patient->image, s);

		if (service && !service->local_count && used < sizeof(names))
			used += snprintf(names + used, sizeof(names) - used, "%s%s", used ? ", " : "",
					 service->name);
	}
	if (!used || !(c->host->forwards[0] || c->host->forwards[1])) {
		crmg_advise(c, CRMG_GRADE_OK, used ? "this host forwards nothing" :
			    "no service could take what is forwarded");
		return;
	}
	crmg_advise(c, CRMG_GRADE_WARNING, "%s: no 'addresses', and this host forwards: what goes "
		    "through it to these ports of other hosts is limited too", names);
	crmg_mend(c, "$EDITOR %s  # addresses: [this host's, and its containers'], then: crmgate "
		  "apply %s", file_of(c), file_of(c));
}

/* True if some budget that a binding is under does. */
static bool slows(const struct crmg_image *image, const struct crmg_binding *binding)
{
	for (unsigned int s = 0; s < CRMG_SCOPE_COUNT && binding->mode != CRMG_MODE_OFF; s++) {
		uint32_t at;
		const struct crmg_quotas *quotas = crmg_quotas_of(image, binding, s, &at);

		if (quotas && quotas->on_budget == CRMG_ON_BUDGET_THROTTLE)
			return true;
	}
	return false;
}

/* Services of which something throttles, of one transport: "api, export"; how many. */
static size_t throttled(const struct crmg_image *image, enum crmg_transport transport, char *buf,
			size_t size)
{
	size_t used = 0, count = 0;

	buf[0] = '\0';
	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(image, s);
		bool throttles = false;

		for (uint32_t i = 1; i <= crmg_image_head(image)->bindings; i++) {
			const struct crmg_binding *binding = crmg_image_binding(image, i);

			throttles |= binding->service == s && slows(image, binding);
		}
		if (!service || !throttles || service->transport != transport)
			continue;
		if (used < size)
			used += snprintf(buf + used, size - used, "%s%s", count ? ", " : "",
					 service->name);
		count++;
	}
	return count;
}

/* How `throttle` slows down: what TCP of this host sends waits, all else is dropped. */
static void judge_throttle(struct crmg_checking *c)
{
	bool forwards = c->host->forwards[0] || c->host->forwards[1];
	char names[96];

	if (throttled(c->patient->image, CRMG_TRANSPORT_UDP, names, sizeof(names)))
		crmg_advise(c, CRMG_GRADE_NOTE, "%s: UDP cannot be made to wait: what is over "
			    "throttle_to is dropped", names);
	if (!throttled(c->patient->image, CRMG_TRANSPORT_TCP, names, sizeof(names)))
		crmg_advise(c, CRMG_GRADE_OK, "nothing throttles TCP");
	else if (forwards)
		crmg_advise(c, CRMG_GRADE_NOTE, "%s: sockets of this host wait for throttle_to, "
			    "without loss; of what is forwarded, and of containers, that is dropped "
			    "which is over it", names);
	else
		crmg_advise(c, CRMG_GRADE_OK, "%s: sockets of this host wait for throttle_to, "
			    "without loss", names);
}

/* -------------------------------------------------------------------- DNAT */

/* Any address of a service, for a rule that does not name one. */
static uint32_t service_at(const struct crmg_image *image, const struct crmg_addr *to,
			   uint8_t transport, uint16_t port)
{
	if (to->hi || to->lo)
		return crmg_image_classify(image, to, transport, port);
	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(image, s);

		for (size_t p = 0; service && !service->base && p < service->port_count; p++)
			if (service->transport == transport &&
			    ports_of(image, service)[p].first <= port &&
			    port <= ports_of(image, service)[p].last)
				return s;
	}
	return 0;
}

/* The first port of a rule that no service takes; 0: all are taken. */
static unsigned int uncovered(const struct crmg_image *image, const struct crmg_port_map *map)
{
	static const struct crmg_addr any = { 0 };

	for (unsigned int port = map->first; port <= map->last; port++)
		if (!service_at(image, &any, map->transport, port))
			return port;
	return 0;
}

static void judge_map(struct crmg_checking *c, const struct crmg_port_map *map)
{
	const struct crmg_image *image = c->patient->image;
	uint32_t target = map->to_port && map->first ?
			  service_at(image, &map->to, map->transport, map->to_port) : 0;
	unsigned int port = target ? uncovered(image, map) : 0;
	char addr[CRMG_ADDR_LEN];

	if (!port)
		return;
	crmg_advise(c, CRMG_GRADE_FAIL, "packets for port %u go on to %s port %u of service %s by a "
		    "rule of NAT: they are judged as they arrive, and no service has port %u", port,
		    map->to.hi || map->to.lo ? crmg_format_addr(&map->to, addr, sizeof(addr)) :
		    "this host's", map->to_port, crmg_image_service(image, target)->name, port);
	crmg_mend(c, "$EDITOR %s  # add %u to the ports of %s, then: crmgate apply %s", file_of(c),
		  port, crmg_image_service(image, target)->name, file_of(c));
}

static void judge_nat(struct crmg_checking *c)
{
	const struct crmg_doctor_facts *facts = c->patient->facts;
	size_t before = c->ret->count, unknown = 0;

	if (facts->legacy_nat) {
		crmg_advise(c, CRMG_GRADE_NOTE, "the nat table of iptables-legacy is in use, which is "
			    "not read here: services have the ports from before DNAT");
		crmg_mend(c, "iptables-legacy -t nat -S | grep DNAT");
	}
	if (!facts->maps_known) {
		crmg_advise(c, CRMG_GRADE_NOTE, "rules of NAT could not be read: services have the "
			    "ports from before DNAT");
		crmg_mend(c, "nft list ruleset | grep -E 'dnat|redirect'");
	}
	for (size_t i = 0; i < facts->map_count; i++)
		if (facts->maps[i].unknown)
			unknown++;
		else
			judge_map(c, &facts->maps[i]);
	if (unknown) {
		crmg_advise(c, CRMG_GRADE_NOTE, "%zu rules of NAT take ports out of a set or a map, "
			    "which is not followed: services have the ports from before DNAT", unknown);
		crmg_mend(c, "nft list ruleset | grep -E 'dnat|redirect'");
	}
	if (c->ret->count == before)
		crmg_advise(c, CRMG_GRADE_OK, "no rule of NAT leads around a service");
}

const struct crmg_check crmg_policy_checks[] = {
	{ "capacity", judge_capacity },
	{ "memory", judge_memory },
	{ "local_ports", judge_ephemeral },
	{ "forwarding", judge_forwarding },
	{ "throttle", judge_throttle },
	{ "nat", judge_nat },
	{ 0 },
};
