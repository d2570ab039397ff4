/* SPDX-License-Identifier: GPL-2.0 */
/*
 * reader.h - what the readers of single sections share: messages with a place,
 * mappings by a table of keys, words, numbers, names. A reader says what is wrong
 * and goes on; that something was wrong is known from err->errors.
 */
#ifndef CRMGATE_READER_H
#define CRMGATE_READER_H

#include <search.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/likeness.h"
#include "../base/err.h"
#include "../model/model.h"
#include "node.h"

/* Names of one kind to indexes of the model's array. */
struct crmg_names {
	struct hsearch_data table;
	bool made;
};

struct crmg_reader {
	const char *file;		/* as messages name it */
	bool lists;			/* list files may be read, relative to file */
	bool strict_owner;
	struct crmg_err *err;
	size_t errors_before;		/* err->errors when this file was begun */
	bool no_memory;
	struct crmg_model *model;
	struct crmg_names services;
	struct crmg_names clients;
	struct crmg_names policies;
	unsigned char *like_depth;	/* of each policy so far */
	size_t prefix_total;		/* of all clients, lists included */
	const struct crmg_node *later;	/* `policies`: read when all names are known */
};

/* One key of a mapping. read NULL: of the schema, but not available yet. */
struct crmg_key {
	const char *name;
	void (*read)(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg);
	unsigned int arg;
	bool required;
};

/* A message about a node; errors beyond CRMG_CONFIG_MAX_ERRORS are left out. */
void crmg_read_error(struct crmg_reader *r, struct crmg_place at, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void crmg_read_not_yet(struct crmg_reader *r, struct crmg_place at, const char *what);

/* As crmg_grow(); without memory the reader is marked and NULL returned. */
void *crmg_read_grow(struct crmg_reader *r, void *array, size_t *count, size_t size);

/* Calls the reader of each key of the mapping, in the order of the file. */
void crmg_read_map(struct crmg_reader *r, const struct crmg_node *node, const char *what,
		   const struct crmg_key *keys, size_t count, void *target);
#define crmg_read_keys(r, node, what, keys, target) \
	crmg_read_map(r, node, what, keys, CRMG_ARRAY_SIZE(keys), target)

/*
 * Is the node of that kind? If not, `wanted` ("a list of ports") goes into the
 * message. A list must have 1 to max entries.
 */
bool crmg_read_is_map(struct crmg_reader *r, const struct crmg_node *node, const char *wanted);
bool crmg_read_is_list(struct crmg_reader *r, const struct crmg_node *node, const char *wanted,
		       size_t max);

/* The text of a word, or NULL. */
const char *crmg_read_text(struct crmg_reader *r, const struct crmg_node *node,
			   const char *wanted);

/* A number within bounds, true or false, one of names[count] (by index). */
bool crmg_read_count(struct crmg_reader *r, const struct crmg_node *node, uint64_t min,
		     uint64_t max, uint64_t *ret);
bool crmg_read_bool(struct crmg_reader *r, const struct crmg_node *node, bool *ret);
bool crmg_read_choice(struct crmg_reader *r, const struct crmg_node *node,
		      const char *const *names, size_t count, unsigned int *ret);

/* A time within bounds, a multiple of the unit; 0 if it is none. */
struct crmg_time_bounds {
	uint64_t least_ns, most_ns, unit_ns;
};
void crmg_read_time(struct crmg_reader *r, const struct crmg_node *node,
		    const struct crmg_time_bounds *bounds, uint64_t *ret_ns);

/* An address or prefix. */
bool crmg_read_prefix(struct crmg_reader *r, const struct crmg_node *node,
		      struct crmg_pfx *ret);

/* The name of a service, a client or a policy (what); ret is untouched if it cannot be. */
bool crmg_read_name(struct crmg_reader *r, const struct crmg_node *node, const char *what,
		    char ret[CRMG_NAME_LEN]);

int crmg_names_make(struct crmg_names *names, size_t room);
void crmg_names_free(struct crmg_names *names);
/* name must live as long as names. True; false if it is there already (its index in *ret). */
bool crmg_names_add(struct crmg_names *names, const char *name, size_t index, size_t *ret);
bool crmg_names_find(struct crmg_names *names, const char *name, size_t *ret);

/* Adds the prefixes of the list file that the node names. */
void crmg_read_list_file(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_client *client);

/* Sections. */
void crmg_read_services(struct crmg_reader *r, const struct crmg_node *node, void *target,
			unsigned int arg);
void crmg_read_clients(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg);
/* target: a struct crmg_model_client. */
void crmg_read_owner(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg);
void crmg_read_valid_until(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg);
void crmg_read_hours(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg);
void crmg_read_policies(struct crmg_reader *r, const struct crmg_node *node);
void crmg_read_allow(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg);
void crmg_read_shared_limits(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_budget *budget);
void crmg_read_source_limits(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_policy *policy);
void crmg_read_bytes_out(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret);
void crmg_read_notify_at(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret);
void crmg_read_on_budget(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret);
void crmg_read_throttle_to(struct crmg_reader *r, const struct crmg_node *node,
			   struct crmg_model_bytes_out *ret);
void crmg_read_policy_total(struct crmg_reader *r, const struct crmg_node *node,
			    struct crmg_model_budget *total);
void crmg_read_service_total(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_budget *total);
/* target: a struct crmg_model_policy. */
void crmg_read_aggregate(struct crmg_reader *r, const struct crmg_node *node, void *target,
			 unsigned int arg);
void crmg_read_detect(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg);
void crmg_read_http(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg);
void crmg_read_floor(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg);
void crmg_read_ban(struct crmg_reader *r, const struct crmg_node *node, void *target,
		   unsigned int arg);
/* A list of CRMG_STRIKE_LIMITS by name; bit i of *ret: kind i. Untouched if one is wrong. */
void crmg_read_strike_limits(struct crmg_reader *r, const struct crmg_node *node, uint32_t *ret);
void crmg_read_mode(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg);

#endif
