/* SPDX-License-Identifier: GPL-2.0 */
/*
 * model.h - a policy file as the operator means it: names resolved to indexes,
 * numbers to base units, files read. No YAML, no kernel.
 */
#ifndef CRMGATE_MODEL_H
#define CRMGATE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "../base/addr.h"
#include "../base/err.h"

/* Place in the policy file, for messages of the whole-policy checks. */
struct crmg_place {
	unsigned int line;
	unsigned int column;
};

struct crmg_model_limit {
	bool set;
	struct crmg_terms terms;	/* count per per_ns, burst: bytes or units */
	struct crmg_place place;
};

/* So many at once of what CRMG_CAPS names. */
struct crmg_model_cap {
	uint32_t max;			/* 0: any number */
	struct crmg_place place;
};

struct crmg_model_quota {
	uint64_t bytes;
	uint32_t per_s;
	struct crmg_place place;
};

/* bytes_out: what may be sent, and what comes of it when that was sent. */
struct crmg_model_bytes_out {
	size_t count;			/* 0: anything */
	struct crmg_model_quota quota[CRMG_WINDOWS_MAX];	/* shortest time first */
	struct crmg_place place;	/* of its key */
	uint8_t notify_at;		/* percent; 0: the default */
	struct crmg_place notify_place;
	enum crmg_on_budget on_budget;
	struct crmg_place on_budget_place;	/* line 0: the default */
	uint64_t throttle_to;		/* bytes a second; 0: not said */
	struct crmg_place throttle_place;	/* line 0: not said, or taken over */
};

#define CRMG_NOTIFY_AT 80

/* Limits that sources share; set: the file has them, and then at least one. */
struct crmg_model_budget {
	bool set;
	struct crmg_model_limit limits[CRMG_LIMIT_COUNT];
	struct crmg_model_bytes_out bytes_out;	/* of a policy's: quotas and throttle_to, no more */
	struct crmg_place place;	/* of its key */
};

struct crmg_model_width {
	uint8_t bits;			/* 0: the default */
	struct crmg_place place;
};

/* The least of TLS that connections have to speak. */
struct crmg_model_floor {
	bool set;
	enum crmg_tls_version minimum;		/* CRMG_TLS_VERSION_SSL3: any */
	enum crmg_floor below;			/* what is done about older ones, ... */
	enum crmg_floor plaintext;		/* ... and about what is no TLS */
	struct crmg_place place;		/* of its key */
	struct crmg_place minimum_place;	/* of a minimum without a word of what is done; line 0 */
};

/* What requests may be. */
struct crmg_model_http {
	bool set;
	uint32_t methods;		/* bits 1 << enum crmg_method; 0: not said */
	uint32_t max_header;		/* bytes; 0: not said */
	uint32_t max_body;
	struct crmg_place place;	/* of its key */
};

/* Automatic bans. */
struct crmg_model_ban {
	bool set;
	struct crmg_ban_terms terms;
	uint32_t strike_limits;		/* 0: all of the policy's that can give strikes */
	struct crmg_place place;	/* of its key */
};

/* What is looked for in a source over hours. */
struct crmg_model_detect {
	uint8_t what;			/* bit i: enum crmg_detect i */
	struct crmg_place place;	/* of its key; line 0: not said */
};

/* A host name, in small letters; of "*.example.org" what follows the asterisk. */
struct crmg_model_server_name {
	char text[CRMG_SERVER_NAME_MAX + 1];
	struct crmg_place place;
};

struct crmg_model_service {
	char name[CRMG_NAME_LEN];
	enum crmg_transport transport;
	enum crmg_protocol protocol;
	enum crmg_sanity sanity;
	struct crmg_port_range *ports;
	size_t port_count;
	struct crmg_pfx *addresses;	/* none: any */
	size_t address_count;
	struct crmg_model_server_name *names;	/* none: it has what no other of its ports has */
	size_t name_count;
	struct crmg_place names_place;	/* of their key; line 0: it has none */
	struct crmg_model_budget total;	/* of everybody except `allow` */
	struct crmg_place place;
};

struct crmg_model_prefix {
	struct crmg_pfx pfx;
	bool from_file;			/* out of a list file: a feed */
	uint8_t file;			/* which of the client's, then */
	struct crmg_place place;	/* in the policy file (of the list, for a feed) */
	struct crmg_place again;	/* in the policy file, where it stands once more; line 0: none */
};

/* Until when, and in which hours, a client is one; else it counts as any. */
struct crmg_model_contract {
	char owner[CRMG_OWNER_MAX + 1];	/* "": not said */
	uint64_t until_s;		/* seconds since 1970; 0: without end */
	uint8_t days;			/* bit i, Monday is 0; 0: it has no hours */
	uint32_t begin_s;		/* of a local day, [begin, end) */
	uint32_t end_s;
	char zone[CRMG_ZONE_LEN];
};

struct crmg_model_client {
	char name[CRMG_NAME_LEN];
	struct crmg_model_prefix *prefixes;	/* sorted by (address, length), no duplicates */
	size_t prefix_count;
	char **files;			/* list files, as messages name them */
	size_t file_count;
	uint64_t feed_ns;		/* CLOCK_REALTIME: the oldest of them was written; 0: none */
	uint64_t max_age_ns;		/* of it, before it is a problem; 0: any */
	bool balancer;			/* never banned */
	struct crmg_model_contract contract;
	struct crmg_place place;
};

/* Prefixes that are allowed where they arrive by one interface. */
struct crmg_model_gate {
	char interface[16];
	struct crmg_model_prefix *prefixes;	/* sorted, no duplicates */
	size_t prefix_count;
};

#define CRMG_CLIENT_ANY SIZE_MAX

struct crmg_model_policy {
	char name[CRMG_NAME_LEN];
	size_t *services;		/* indexes, ascending, each once */
	size_t service_count;
	size_t *clients;		/* the same; CRMG_CLIENT_ANY is the last */
	size_t client_count;
	bool deny;
	enum crmg_mode mode;
	enum crmg_action on_exceed;
	struct crmg_model_limit limits[CRMG_LIMIT_COUNT];
	struct crmg_model_cap caps[CRMG_CAP_COUNT];
	struct crmg_model_bytes_out bytes_out;
	struct crmg_model_budget aggregate;
	struct crmg_model_width v4_wide;	/* of the aggregate, both */
	struct crmg_model_width v6_wide;
	struct crmg_model_budget total;
	struct crmg_model_ban ban;
	struct crmg_model_floor floor;
	struct crmg_model_detect detect;
	struct crmg_model_http http;
	struct crmg_place place;
};

/* Entries of a table: a power of two. */
#define CRMG_CAPACITY_MIN 1024
#define CRMG_CAPACITY_MAX (16 << 20)

struct crmg_model {
	char *file;			/* absolute path */
	char *shown;			/* as the operator named it: for messages */
	uint32_t capacity;		/* slots of sources, rounded up to a power of two */
	uint32_t flows;			/* TCP flows, the same */
	uint8_t v4_prefix;		/* 8..32 */
	uint8_t v6_prefix;		/* 32..128 */
	enum crmg_mode mode;
	enum crmg_addresses addresses;
	uint32_t keep_s;		/* files with addresses */
	struct crmg_model_service *services;
	size_t service_count;
	struct crmg_model_client *clients;
	size_t client_count;
	struct crmg_model_policy *policies;
	size_t policy_count;
	struct crmg_model_prefix *allow;
	size_t allow_count;
	struct crmg_model_gate *gates;
	size_t gate_count;
};

/*
 * An empty model with the defaults (no services): nothing is limited.
 * Returns 0 or -ENOMEM.
 */
int crmg_model_new(struct crmg_model **ret);
void crmg_model_free(struct crmg_model **model);

/*
 * The service without names that has what a service with names takes a part of: the first one
 * that shares a port and an address with it; NULL: none does, or the service has no names.
 */
const struct crmg_model_service *crmg_model_base(const struct crmg_model *model,
						 const struct crmg_model_service *service);

/* True if a packet can be for both by its transport and address; the first port of both, or 0. */
unsigned int crmg_model_shared_port(const struct crmg_model_service *a,
				    const struct crmg_model_service *b);

/* Sorts prefixes by (address, length) and drops what is there twice, but for its place. */
void crmg_model_sort_prefixes(struct crmg_model_prefix *prefixes, size_t *count);

/*
 * The checks that need the whole policy: overlaps of services, two policies
 * for one (service, client), one prefix in two clients, limits the protocol
 * cannot have, budgets that contradict each other, too many of something. Adds
 * every finding to err; also settles
 * a feed's prefix that another client has (the feed's is removed, a warning).
 * What can never apply is a warning, looked for only if err has no error.
 * Returns 0 (warnings possible), -EINVAL or -ENOMEM.
 */
int crmg_model_check(struct crmg_model *model, struct crmg_err *err);

#endif
