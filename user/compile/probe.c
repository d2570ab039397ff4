// SPDX-License-Identifier: GPL-2.0
/* probe.c - see probe.h. Addresses come from the image's own intervals, so that none is missed. */
#include "probe.h"

#include <errno.h>
#include <stdlib.h>

#include "../base/addr.h"
#include "../base/num.h"
#include "../base/util.h"

#define V4(a, b, c, d) { 0, CRMG_V4_MAPPED_LO | (uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d) }

static const struct crmg_addr documentation[] = {
	V4(192, 0, 2, 77), V4(198, 51, 100, 77), V4(203, 0, 113, 77),
	{ 0x20010db800000000, 77 },
};

/* Where a service that listens on any address is asked. */
static const struct crmg_addr locals[] = { V4(192, 0, 2, 1), { 0x20010db800000000, 1 } };

enum version { IPV4, IPV6, VERSIONS };

static enum version version_of(const struct crmg_addr *addr)
{
	return crmg_addr_is_v4(addr) ? IPV4 : IPV6;
}

/* Of a leaf, the first address of each version. */
struct first {
	struct crmg_addr addr[VERSIONS];
	bool there[VERSIONS];
};

struct making {
	const struct crmg_image *image;
	uint64_t real_ns;
	struct first *firsts;
	size_t leaves;
	bool (*seen)[VERSIONS];		/* by binding */
	struct crmg_probe *list;
	size_t count;
};

static void note_first(struct making *m, uint32_t leaf, const struct crmg_addr *addr)
{
	enum version version = version_of(addr);

	if (leaf >= m->leaves || m->firsts[leaf].there[version])
		return;
	m->firsts[leaf].addr[version] = *addr;
	m->firsts[leaf].there[version] = true;
}

/* Walks the intervals of remote addresses, those below a /64 too. */
static void find_firsts(struct making *m)
{
	const uint32_t *leaves = crmg_image_section(m->image, CRMG_SECTION_LEAVES, NULL);
	const uint64_t *keys = crmg_image_section(m->image, CRMG_SECTION_KEYS, NULL);
	const uint64_t *subs = crmg_image_section(m->image, CRMG_SECTION_SUBS, NULL);
	const struct crmg_head *head = crmg_image_head(m->image);

	for (uint32_t i = 0; i < head->end_v6; i++) {
		struct crmg_addr addr = { keys[i], 0 };
		uint64_t sub;

		if (i < head->first_v6)
			addr = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | keys[i] >> 32 };
		if (!(leaves[i] & CRMG_LEAF_SUB)) {
			note_first(m, leaves[i], &addr);
			continue;
		}
		sub = subs[leaves[i] & ~CRMG_LEAF_SUB];
		for (uint32_t k = CRMG_SUB_FIRST(sub); k < CRMG_SUB_END(sub); k++) {
			addr.lo = keys[k];
			note_first(m, leaves[k], &addr);
		}
	}
}

/* An address and port at which the service is reached by that IP version. */
static bool find_local(const struct crmg_image *image, uint32_t index, enum version version,
		       struct crmg_probe *ret)
{
	const struct crmg_prefix *own = crmg_image_section(image, CRMG_SECTION_LOCALS, NULL);
	const struct crmg_port_range *ports = crmg_image_section(image, CRMG_SECTION_PORTS, NULL);
	const struct crmg_service *service = crmg_image_service(image, index);
	uint32_t count = service->local_count ? service->local_count : 1;

	for (uint32_t p = 0; p < service->port_count; p++)
		for (uint32_t l = 0; l < count; l++) {
			ret->port = ports[service->first_port + p].first;
			ret->local = service->local_count ? own[service->first_local + l].addr
							  : locals[version];
			if (version_of(&ret->local) == version &&
			    crmg_image_classify(image, &ret->local, service->transport,
						ret->port) == index)
				return true;
		}
	return false;
}

/* How far from a moment at which a contract changes the clocks are surely on one side of it. */
#define SURE_NS (60 * CRMG_NS_PER_SEC)

/* The binding of a source at a service; 0: it is about to change. */
static uint32_t binding_of(const struct making *m, uint32_t service, const struct crmg_addr *source)
{
	uint32_t found = crmg_image_resolve(m->image, service, source);
	uint32_t before = crmg_image_standing(m->image, found, m->real_ns - SURE_NS);

	return crmg_image_standing(m->image, found, m->real_ns + SURE_NS) == before ? before : 0;
}

static int add(struct making *m, uint32_t service, const struct crmg_addr *source)
{
	enum version version = version_of(source);
	struct crmg_probe probe = {
		.source = *source,
		.binding = binding_of(m, service, source),
		.transport = crmg_image_service(m->image, service)->transport,
		.service = (uint8_t)service,
	}, *grown;

	if (!probe.binding || m->seen[probe.binding][version] ||
	    !find_local(m->image, service, version, &probe))
		return 0;
	grown = crmg_grow(&m->list, &m->count, sizeof(*m->list));
	if (!grown)
		return -ENOMEM;
	m->seen[probe.binding][version] = true;
	*grown = probe;
	return 0;
}

static int add_service(struct making *m, uint32_t service)
{
	int code = 0;

	for (size_t i = 0; !code && i < CRMG_ARRAY_SIZE(documentation); i++)
		code = add(m, service, &documentation[i]);
	for (size_t leaf = 0; !code && leaf < m->leaves; leaf++)
		for (int version = 0; !code && version < VERSIONS; version++)
			if (m->firsts[leaf].there[version])
				code = add(m, service, &m->firsts[leaf].addr[version]);
	return code;
}

int crmg_probes_of(const struct crmg_image *image, uint64_t real_ns, struct crmg_probe **ret,
		   size_t *ret_count)
{
	const struct crmg_head *head = crmg_image_head(image);
	size_t stride = head->section[CRMG_SECTION_SERVICES].count;
	struct making m = {
		.image = image,
		.real_ns = real_ns,
		.leaves = stride ? head->section[CRMG_SECTION_MATRIX].count / stride : 0,
	};
	crmg_autofree void *firsts = calloc(m.leaves + 1, sizeof(*m.firsts));
	crmg_autofree void *seen = calloc(head->bindings + 1, sizeof(*m.seen));
	int code = firsts && seen ? 0 : -ENOMEM;

	m.firsts = firsts;
	m.seen = seen;
	if (!code)
		find_firsts(&m);
	for (uint32_t s = 1; !code && s <= CRMG_SERVICES_MAX; s++)
		if (crmg_image_service(image, s))
			code = add_service(&m, s);
	if (code) {
		free(m.list);
		return code;
	}
	*ret = m.list;
	*ret_count = m.count;
	return 0;
}

/* Product, "how a packet is decided": what refuses first, and whether that holds in this mode. */
struct crmg_finding crmg_probe_expect(const struct crmg_binding *binding,
				      const struct crmg_probe_state *state)
{
	bool decides = binding->mode != CRMG_MODE_OFF, banned = false;
	struct crmg_finding f = { CRMG_VERDICT_PASS, CRMG_REASON_OK, CRMG_REASON_OK };

	if (binding->kind == CRMG_BINDING_NO_POLICY)
		f.reason = CRMG_REASON_NO_POLICY;
	if (state->panic) {
		f.reason = CRMG_REASON_PANIC;
	} else if (binding->kind == CRMG_BINDING_ALLOW) {
		f.reason = CRMG_REASON_ALLOWED;
	} else if (state->banned) {
		f.refused = CRMG_REASON_BANNED;
		banned = true;
	} else if (binding->kind == CRMG_BINDING_DENY && decides) {
		f.refused = CRMG_REASON_DENIED;
	} else if (decides) {
		f.refused = (uint8_t)state->exhausted;
	}
	if (f.refused == CRMG_REASON_OK)
		return f;
	if (banned || binding->mode == CRMG_MODE_ENFORCE) {
		f.verdict = CRMG_VERDICT_DROP;
		f.reason = f.refused;
	} else {
		f.reason = CRMG_REASON_OK;
	}
	return f;
}
