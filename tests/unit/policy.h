/* SPDX-License-Identifier: GPL-2.0 */
/*
 * policy.h - models built by hand for the tests of compile/, so that they need
 * no YAML and can be odd. Names and lists belong to the struct; no freeing.
 */
#ifndef CRMGATE_TEST_POLICY_H
#define CRMGATE_TEST_POLICY_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "../../user/base/util.h"
#include "../../user/compile/compile.h"

struct policy {
	struct crmg_model model;
	struct crmg_model_service services[CRMG_SERVICES_MAX];
	struct crmg_model_client clients[256];
	struct crmg_model_policy policies[256];
	struct crmg_model_prefix prefixes[1024], allow[64];
	struct crmg_model_gate gates[2];
	struct crmg_port_range ports[256];
	struct crmg_pfx addresses[256];
	size_t indexes[512];		/* one service and one client a policy */
	size_t prefix_count, port_count, address_count;
};

static inline void policy_init(struct policy *p)
{
	memset(p, 0, sizeof(*p));
	p->model = (struct crmg_model){
		.capacity = 1024,
		.flows = 1024,
		.v4_prefix = 32,
		.v6_prefix = 64,
		.mode = CRMG_MODE_ENFORCE,
		.keep_s = 30 * 86400,
		.services = p->services,
		.clients = p->clients,
		.policies = p->policies,
		.allow = p->allow,
		.gates = p->gates,
	};
}

static inline struct crmg_pfx pfx(const char *text)
{
	struct crmg_pfx ret;
	const char *why;

	if (crmg_parse_prefix(text, &ret, &why) < 0)
		fail_msg("%s: %s", text, why);
	return ret;
}

static inline struct crmg_addr addr(const char *text)
{
	return pfx(text).addr;
}

/* A service with one range of ports; its place in the model is returned. */
static inline size_t add_service(struct policy *p, const char *name, enum crmg_transport transport,
				 uint16_t first, uint16_t last)
{
	struct crmg_model_service *s = &p->services[p->model.service_count];

	crmg_copy(s->name, sizeof(s->name), name);
	s->transport = transport;
	s->ports = &p->ports[p->port_count++];
	s->ports[0] = (struct crmg_port_range){ first, last };
	s->port_count = 1;
	s->addresses = &p->addresses[p->address_count];
	return p->model.service_count++;
}

/* One more local address of the service that was added last. */
static inline void add_address(struct policy *p, struct crmg_pfx address)
{
	p->addresses[p->address_count++] = address;
	p->services[p->model.service_count - 1].address_count++;
}

static inline size_t add_client(struct policy *p, const char *name)
{
	struct crmg_model_client *c = &p->clients[p->model.client_count];

	crmg_copy(c->name, sizeof(c->name), name);
	c->prefixes = &p->prefixes[p->prefix_count];
	return p->model.client_count++;
}

/* One more prefix of the client that was added last. */
static inline void add_prefix(struct policy *p, struct crmg_pfx prefix)
{
	p->prefixes[p->prefix_count++].pfx = prefix;
	p->clients[p->model.client_count - 1].prefix_count++;
}

static inline void add_allow(struct policy *p, struct crmg_pfx prefix)
{
	p->allow[p->model.allow_count++].pfx = prefix;
}

/* One more prefix that is allowed by one interface; a gate has its prefixes in a row. */
static inline void add_gate(struct policy *p, const char *interface, struct crmg_pfx prefix)
{
	struct crmg_model_gate *gate = &p->gates[p->model.gate_count];

	p->prefixes[p->prefix_count].pfx = prefix;
	if (p->model.gate_count && strcmp(gate[-1].interface, interface) == 0) {
		gate[-1].prefix_count++;
	} else {
		crmg_copy(gate->interface, sizeof(gate->interface), interface);
		gate->prefixes = &p->prefixes[p->prefix_count];
		gate->prefix_count = 1;
		p->model.gate_count++;
	}
	p->prefix_count++;
}

static inline struct crmg_model_policy *add_policy(struct policy *p, const char *name,
						   size_t service, size_t client)
{
	size_t *indexes = &p->indexes[2 * p->model.policy_count];
	struct crmg_model_policy *policy = &p->policies[p->model.policy_count++];

	indexes[0] = service;
	indexes[1] = client;
	crmg_copy(policy->name, sizeof(policy->name), name);
	policy->services = &indexes[0];
	policy->service_count = 1;
	policy->clients = &indexes[1];
	policy->client_count = 1;
	policy->mode = CRMG_MODE_ENFORCE;
	return policy;
}

/* Compiles what must compile; the image is valid and belongs to the caller. */
static inline struct crmg_image compiled(const struct policy *p, const struct crmg_image *old,
					 uint32_t generation)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_image image = { 0 };

	assert_int_equal(crmg_compile(&p->model, old, generation, CRMG_MODE_ENFORCE, &image, &err),
			 0);
	assert_int_equal(err.count, 0);
	assert_int_equal(crmg_image_validate(&image), 0);
	return image;
}

/* The policy that a source meets at a service: "service policy client". */
static inline const char *met(const struct crmg_image *image, const char *service,
			      const struct crmg_addr *source)
{
	static char text[3 * CRMG_NAME_LEN];
	const struct crmg_label *label;
	uint32_t index = crmg_image_service_find(image, service);

	label = crmg_image_label(image, crmg_image_resolve(image, index, source));
	if (!label)
		return "nothing";
	snprintf(text, sizeof(text), "%s %s %s", label->service, label->policy, label->client);
	return text;
}

/* The binding that a source meets at service 1, and its label. */
static inline const struct crmg_binding *binding_of(const struct crmg_image *image,
						    const char *source,
						    const struct crmg_label **ret_label)
{
	struct crmg_addr a = addr(source);
	uint32_t index = crmg_image_resolve(image, 1, &a);

	*ret_label = crmg_image_label(image, index);
	return crmg_image_binding(image, index);
}

/* One service; the client "a" is 10.0.0.0/8, "b" is 11.0.0.0/8. */
static inline void two_clients(struct policy *p)
{
	policy_init(p);
	add_service(p, "api", CRMG_TRANSPORT_TCP, 443, 443);
	add_client(p, "a");
	add_prefix(p, pfx("10.0.0.0/8"));
	add_client(p, "b");
	add_prefix(p, pfx("11.0.0.0/8"));
}

/* splitmix64: the same numbers in every run. */
static inline uint64_t draw(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

/* Uniform enough in [0, below). */
static inline uint32_t draw_below(uint64_t *state, uint32_t below)
{
	return (draw(state) >> 32) * below >> 32;
}

/*
 * A prefix out of a small world, so that prefixes nest, touch and share their
 * ends: 10.x.y.z and 2001:db8:x:y:z::w, and now and then the whole family.
 */
static inline struct crmg_pfx draw_prefix(uint64_t *state)
{
	static const uint8_t edge[] = { 0, 0, 1, 127, 128, 255 };
#define EDGE() ((uint64_t)edge[draw_below(state, sizeof(edge))])
	struct crmg_pfx p;

	if (draw_below(state, 2)) {
		p.addr = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO | EDGE() << 24 | EDGE() << 16 |
					     EDGE() << 8 | EDGE() };
		p.len = 96 + draw_below(state, 33);
	} else {
		p.addr.hi = (draw_below(state, 8) ? 0x20010db800000000 : EDGE() << 56) |
			    EDGE() << 16 | EDGE();
		p.addr.lo = EDGE() << 56 | EDGE() << 8 | EDGE();
		p.len = draw_below(state, 129);
	}
#undef EDGE
	p.addr = crmg_addr_cut(p.addr, p.len);
	return p;
}

/* Addresses at and beside the ends of a prefix, and one inside. */
#define PROBES 5
static inline void probes_of(const struct crmg_pfx *p, uint64_t *state, struct crmg_addr *ret)
{
	unsigned __int128 first = (unsigned __int128)p->addr.hi << 64 | p->addr.lo;
	unsigned __int128 size = p->len ? (unsigned __int128)1 << (128 - p->len) : 0;
	unsigned __int128 any = (unsigned __int128)draw(state) << 64 | draw(state);
	unsigned __int128 probes[PROBES] = {
		first, first + size - 1, first - 1, first + size, first + (any & (size - 1)),
	};

	for (int i = 0; i < PROBES; i++)
		ret[i] = (struct crmg_addr){ probes[i] >> 64, probes[i] };
}

static inline bool holds(const struct crmg_pfx *p, const struct crmg_addr *a)
{
	return crmg_addr_is_v4(&p->addr) == crmg_addr_is_v4(a) &&
	       crmg_prefix_contains(&p->addr, p->len, a);
}

#endif
