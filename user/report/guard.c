// SPDX-License-Identifier: GPL-2.0
/*
 * guard.c - looks the addresses up in the new image as the packet path will, and weighs
 * the traffic of now by what the new image would do with it.
 */
#include "guard.h"

#include <errno.h>
#include <string.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "sources.h"
#include "text.h"

/* A binding that refuses everything; NULL: it does not, or there is no service. */
static const struct crmg_label *refusal(const struct crmg_image *image, uint32_t service,
					const struct crmg_addr *addr)
{
	uint32_t index = crmg_image_resolve(image, service, addr);
	const struct crmg_binding *binding = crmg_image_binding(image, index);

	if (!binding || binding->kind != CRMG_BINDING_DENY || binding->mode != CRMG_MODE_ENFORCE)
		return NULL;
	return crmg_image_label(image, index);
}

/* The longest prefix of a client that holds addr; NULL: the client is `any`. */
static const struct crmg_prefix *rule_of(const struct crmg_image *image, const char *client,
					 const struct crmg_addr *addr)
{
	size_t count, clients;
	const struct crmg_prefix *p = crmg_image_section(image, CRMG_SECTION_PREFIXES, &count);
	const struct crmg_client *c = crmg_image_section(image, CRMG_SECTION_CLIENTS, &clients);
	const struct crmg_prefix *found = NULL;

	for (size_t i = 0; i < count; i++)
		if (p[i].client < clients &&
		    strncmp(c[p[i].client].name, client, CRMG_NAME_LEN) == 0 &&
		    crmg_prefix_contains(&p[i].addr, p[i].len, addr) &&
		    (!found || found->len < p[i].len))
			found = &p[i];
	return found;
}

#define RULE_LEN (3 * CRMG_ESCAPED(CRMG_NAME_LEN) + CRMG_ADDR_LEN + 64)

/* "policy bad denies client bad (198.51.100.0/24) at service web" */
static bool rule_text(const struct crmg_image *image, const struct crmg_label *label,
		      const struct crmg_addr *addr, char buf[RULE_LEN])
{
	const struct crmg_prefix *rule = rule_of(image, label->client, addr);
	char prefix[CRMG_ADDR_LEN];

	/* Names of policies, clients and services have no characters to escape. */
	snprintf(buf, RULE_LEN, "policy %s denies client %s%s%s%s at service %s", label->policy,
		 label->client, rule ? " (" : "",
		 rule ? crmg_format_prefix(&rule->addr, rule->len, prefix, sizeof(prefix)) : "",
		 rule ? ")" : "", label->service);
	return rule != NULL;
}

static int report(const struct crmg_guard *guard, bool certain, struct crmg_err *err,
		  const char *text)
{
	bool refused = certain && !guard->forced;

	crmg_err_at(err, refused ? CRMG_ERROR : CRMG_WARNING, NULL, 0, 0, "%s", text);
	return refused ? -EBUSY : 0;
}

#define FINDING_LEN (RULE_LEN + 256)

static int check_vital(const struct crmg_guard *guard, const struct crmg_vital *vital,
		       uint32_t service, struct crmg_err *err)
{
	const struct crmg_label *label = refusal(guard->next, service, &vital->addr);
	char rule[RULE_LEN], addr[CRMG_ADDR_LEN], text[FINDING_LEN];
	bool named;

	if (!label)
		return 0;
	named = rule_text(guard->next, label, &vital->addr, rule);
	snprintf(text, sizeof(text), "would refuse %s, %s: %s",
		 crmg_format_addr(&vital->addr, addr, sizeof(addr)), crmg_vital_text(vital->kind),
		 rule);
	return report(guard, named || vital->kind == CRMG_VITAL_PEER, err, text);
}

/* A host may have thousands of addresses: of a kind, the first at a service is told. */
static int check_vitals(const struct crmg_guard *guard, struct crmg_err *err)
{
	bool told[CRMG_VITAL_PEER + 1][CRMG_SERVICES_MAX + 1] = { 0 };
	int code = 0;

	for (size_t i = 0; i < guard->vitals->count; i++) {
		const struct crmg_vital *vital = &guard->vitals->items[i];
		bool peer = vital->kind == CRMG_VITAL_PEER;
		uint32_t only = peer ? crmg_image_classify(guard->next, &vital->local,
							   CRMG_TRANSPORT_TCP, vital->port) : 0;

		for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
			size_t before = err->count;

			if ((peer && s != only) || told[vital->kind][s])
				continue;
			code = check_vital(guard, vital, s, err) ? -EBUSY : code;
			told[vital->kind][s] = !peer && err->count > before;
		}
	}
	return code;
}

/* ----------------------------------------------------------------- traffic */

#define RECENT_NS   (60 * CRMG_NS_PER_SEC)
#define PACKETS_MIN 100		/* of a service: less says nothing about shares */

/* What passes at a service now, in packets a second; the means of sources since first seen. */
struct load {
	uint64_t packets;
	double rate;
	double denied;			/* of sources that the new policy refuses */
	double heaviest, heaviest_denied;	/* one source's */
	struct crmg_addr heaviest_addr, heaviest_denied_addr;
};

/* Packets that passed, of a source that sent some in the last minute; its rate. */
static uint64_t carried(const struct crmg_snapshot *snap, const struct crmg_source_record *source,
			double *ret_rate)
{
	uint32_t now = snap->mono_ns >> CRMG_SLOT_TICK_SHIFT;
	uint64_t all = crmg_source_packets(&source->slot, &source->detail);
	uint64_t dropped = crmg_source_dropped(&source->slot, &source->detail);
	uint64_t age_ns = (uint64_t)(uint32_t)(now - source->detail.first_seen)
			  << CRMG_SLOT_TICK_SHIFT;
	uint32_t idle = now - source->slot.last_seen;

	if ((int32_t)idle > (int32_t)(RECENT_NS >> CRMG_SLOT_TICK_SHIFT) || all <= dropped)
		return 0;
	if (age_ns < CRMG_NS_PER_SEC)
		age_ns = CRMG_NS_PER_SEC;
	*ret_rate = (double)(all - dropped) * CRMG_NS_PER_SEC / age_ns;
	return all - dropped;
}

static void weigh_source(const struct crmg_guard *guard, uint32_t at, unsigned int state,
			 const struct crmg_source_record *source, struct load *load)
{
	const struct crmg_service *service = crmg_image_service(guard->next, at);
	uint64_t packets;
	double rate;

	/* Who completed no handshake may be forged: what a flood uses is nobody's loss. */
	if (service->transport == CRMG_TRANSPORT_TCP && !crmg_tag_is_proven(state))
		return;
	packets = carried(guard->snap, source, &rate);
	if (!packets)
		return;
	load->packets += packets;
	load->rate += rate;
	if (rate > load->heaviest) {
		load->heaviest = rate;
		load->heaviest_addr = source->detail.addr;
	}
	if (!refusal(guard->next, at, &source->detail.addr))
		return;
	load->denied += rate;
	if (rate > load->heaviest_denied) {
		load->heaviest_denied = rate;
		load->heaviest_denied_addr = source->detail.addr;
	}
}

/* The services of the new image that carry a load, by index. */
static void weigh(const struct crmg_guard *guard, struct load loads[CRMG_SERVICES_MAX + 1])
{
	const struct crmg_image *now = guard->snap->image;
	uint32_t at[CRMG_SERVICES_MAX + 1] = { 0 };	/* service of now -> of the new image */

	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		const struct crmg_service *service = crmg_image_service(now, s);

		if (service)
			at[s] = crmg_image_service_find(guard->next, service->name);
	}
	for (uint32_t i = 0; i < guard->snap->capacity; i++) {
		struct crmg_source_record source;
		unsigned int state = crmg_source_read(guard->snap, i, &source);

		if (state && at[source.detail.service])
			weigh_source(guard, at[source.detail.service], state, &source,
				     &loads[at[source.detail.service]]);
	}
}

static int check_denied(const struct crmg_guard *guard, uint32_t service, const struct load *load,
			struct crmg_err *err)
{
	char rule[RULE_LEN], addr[CRMG_ADDR_LEN], text[FINDING_LEN];

	if (load->denied * 2 <= load->rate)
		return 0;
	rule_text(guard->next, refusal(guard->next, service, &load->heaviest_denied_addr),
		  &load->heaviest_denied_addr, rule);
	snprintf(text, sizeof(text), "would refuse %.0f %% of the packets that pass at service %s "
		 "now, most of them of %s: %s", 100 * load->denied / load->rate,
		 crmg_image_service(guard->next, service)->name,
		 crmg_source_text(guard->snap, &load->heaviest_denied_addr, addr, sizeof(addr)),
		 rule);
	return report(guard, true, err, text);
}

/* Not certain, as a burst or an old mean may mislead: figures, and the operator judges. */
static void check_limit(const struct crmg_guard *guard, uint32_t service, const struct load *load,
			struct crmg_err *err)
{
	uint32_t index = crmg_image_resolve(guard->next, service, &load->heaviest_addr);
	const struct crmg_binding *binding = crmg_image_binding(guard->next, index);
	const struct crmg_terms *terms = &crmg_image_label(guard->next, index)
						  ->terms[CRMG_LIMIT_PACKETS];
	char addr[CRMG_ADDR_LEN], text[FINDING_LEN];
	double allowed;

	if (load->heaviest * 2 <= load->rate || binding->mode != CRMG_MODE_ENFORCE ||
	    !(binding->limits & 1u << CRMG_LIMIT_PACKETS))
		return;
	allowed = (double)terms->count * CRMG_NS_PER_SEC / terms->per_ns;
	if (allowed * 2 >= load->heaviest)
		return;
	snprintf(text, sizeof(text), "policy %s lets %s pass at service %s at %.3g packets/s; it "
		 "carries %.0f %% of what passes there now, at %.3g packets/s",
		 crmg_image_label(guard->next, index)->policy,
		 crmg_source_text(guard->snap, &load->heaviest_addr, addr, sizeof(addr)),
		 crmg_image_service(guard->next, service)->name, allowed,
		 100 * load->heaviest / load->rate, load->heaviest);
	report(guard, false, err, text);
}

int crmg_guard_check(const struct crmg_guard *guard, struct crmg_err *err)
{
	struct load loads[CRMG_SERVICES_MAX + 1] = { 0 };
	int code;

	if (crmg_image_head(guard->next)->mode != CRMG_MODE_ENFORCE)
		return 0;
	code = check_vitals(guard, err);
	if (guard->snap)
		weigh(guard, loads);
	for (uint32_t s = 1; s <= CRMG_SERVICES_MAX; s++) {
		if (loads[s].packets < PACKETS_MIN)
			continue;
		code = check_denied(guard, s, &loads[s], err) ? -EBUSY : code;
		check_limit(guard, s, &loads[s], err);
	}
	return code;
}
