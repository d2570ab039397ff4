/* SPDX-License-Identifier: GPL-2.0 */
/*
 * build.h - a policy on its way from model to image: what each step of
 * crmg_compile() leaves for those after it. Private to compile/.
 */
#ifndef CRMGATE_BUILD_H
#define CRMGATE_BUILD_H

#include "compile.h"
#include "prefixes.h"

/* Owners of remote prefixes are the places in the image's clients: `allow`, those of the
 * file, the gates. */
#define CRMG_OWNER_ALLOW 0
#define CRMG_OWNER_GATE(model, gate) ((model)->client_count + 1 + (gate))

struct crmg_bind {			/* a binding before it is written */
	const struct crmg_model_policy *policy;	/* NULL: built in */
	const struct crmg_model_service *at;
	const char *policy_name;
	const char *client_name;
	uint32_t owner;			/* CRMG_OWNER_NONE: any client */
	uint16_t row;
	uint16_t quotas;		/* of the policy: entry of the image's; 0: none */
	uint16_t aggregate_quotas;	/* of its aggregate: the same */
	uint16_t total_quotas;		/* of its total: the same */
	uint16_t http;			/* what its requests may be: the same */
	uint16_t contract;		/* of the client, if it may end: the same */
	uint8_t kind;			/* enum crmg_binding_kind */
	uint8_t gate;			/* 1 + index of the gate; 0: none */
	uint8_t service;		/* index in the image */
};

struct crmg_build {
	const struct crmg_model *model;
	const struct crmg_image *old;	/* in force, or NULL */
	uint32_t generation;
	enum crmg_mode mode;		/* strongest mode of any binding */
	struct crmg_err *err;
	char gate_name[CRMG_GATES_MAX][CRMG_NAME_LEN];	/* "allow@eth1": as a client */

	/* crmg_build_services: by place in the model, and by index */
	uint8_t index_of[CRMG_SERVICES_MAX];
	uint8_t base_of[CRMG_SERVICES_MAX];	/* index of the one whose ports it shares; 0: none */
	uint32_t born[CRMG_SERVICES_MAX + 1];
	uint32_t stride;		/* highest index + 1 */

	/* crmg_build_binds: [1, bind_count); by service index */
	struct crmg_bind *binds;
	size_t bind_count;
	uint16_t quotas_count;		/* of the image; 0, or with entry 0, which is unused */
	uint16_t service_quotas[CRMG_SERVICES_MAX + 1];	/* of its total: entry of the image's; 0: none */
	uint16_t contract_count;	/* the same */
	uint16_t http_count;		/* the same */
	uint16_t *contract_of;		/* by client of the model: its entry; 0: none */
	uint16_t *client_row;		/* crmg_build_rows: by client of the model */
	uint16_t none[CRMG_SERVICES_MAX + 1];
	uint16_t allow[CRMG_SERVICES_MAX + 1];

	/* crmg_build_remote: what holds at a source's address */
	struct crmg_vectors remote_vectors;
	struct crmg_table remote;

	/* crmg_build_ports: the ports of the front, and local addresses */
	uint8_t *ports;
	struct crmg_vectors local_vectors;
	struct crmg_table local;

	/* crmg_build_names */
	size_t name_count;
	struct crmg_server_name *names;	/* by service of the model */
	uint64_t *name_keys;		/* ascending */
};

/* In this order. Each returns 0, -ENOMEM, or -E2BIG with a message. */
int crmg_build_services(struct crmg_build *build);
int crmg_build_contracts(struct crmg_build *build);
int crmg_build_binds(struct crmg_build *build);
int crmg_build_rows(struct crmg_build *build);
int crmg_build_remote(struct crmg_build *build);
int crmg_build_ports(struct crmg_build *build);
int crmg_build_names(struct crmg_build *build);

/* The image, from all of the above: 0 or -ENOMEM. */
int crmg_build_image(const struct crmg_build *build, struct crmg_image *ret);

/* True if each key of the image has its name, and a name the service and base that it is of. */
bool crmg_names_are_valid(const struct crmg_image *image);

/* Bytes of an entry of a section. */
size_t crmg_entry_size(enum crmg_section_id id);

/* A limit as the limiter wants it; shift: of the limit's kind (CRMG_LIMITS). */
struct crmg_limit crmg_limit_of(const struct crmg_terms *terms, unsigned int shift);

/* Of so many bytes a second, for the quotas that throttle. */
struct crmg_limit crmg_throttle_of(uint64_t per_s);

/*
 * The first `count` kinds of limits, as the limiter wants them and as the operator
 * wrote them. Returns which are set: bit i for kind i.
 */
uint8_t crmg_write_limits(const struct crmg_model_limit *limits, unsigned int count,
			  struct crmg_limit *ret, struct crmg_terms *ret_terms);

/* What a packet is asked under a policy that is not off: CRMG_BINDING_CONNS, _PLAIN or neither. */
uint8_t crmg_binding_asks(const struct crmg_binding *binding);

/* True if the client is not one at all times. */
bool crmg_contract_may_end(const struct crmg_model_contract *contract);

/* The section of contracts; what depends on the time comes with crmg_contracts_stamp(). */
void crmg_contracts_write(const struct crmg_build *build, struct crmg_contract *ret);

/* The offsets of time zones from now on (CLOCK_REALTIME). */
void crmg_contracts_stamp(struct crmg_image *image, uint64_t now_ns);

/* bind as it stands in the image. */
void crmg_bind_write(const struct crmg_build *build, const struct crmg_bind *bind,
		     struct crmg_binding *binding, struct crmg_label *label);

#endif
