/* SPDX-License-Identifier: GPL-2.0 */
/*
 * compile.h - model to image (abi.h): pure, no kernel. What must outlive an
 * apply by its name (service indexes, counter rows) is taken from the image in
 * force; what is new gets places that the image in force does not use.
 */
#ifndef CRMGATE_COMPILE_H
#define CRMGATE_COMPILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <crmgate/abi.h>

#include "../base/err.h"
#include "../model/model.h"

/* A compiled policy in memory: cells * CRMG_CELL bytes, the head first. */
struct crmg_image {
	struct crmg_cell *cells;
	size_t cell_count;
};

/*
 * Compiles model. old: the image in force, or NULL. generation: of the new
 * image, above the old one's. mode_cap: strongest mode allowed beside the
 * file's own (--shadow: CRMG_MODE_SHADOW; else CRMG_MODE_ENFORCE). Returns 0,
 * -ENOMEM, -E2BIG (more of something than there is room for; said in err).
 */
int crmg_compile(const struct crmg_model *model, const struct crmg_image *old,
		 uint32_t generation, enum crmg_mode mode_cap, struct crmg_image *ret,
		 struct crmg_err *err);
void crmg_image_free(struct crmg_image *image);

/*
 * Notes that image comes into force now (CLOCK_REALTIME) in the place of old, which may be
 * NULL: a policy that was in shadow already has been so since then, and one that was
 * counted already goes on with its counters. The hours of contracts are reckoned from now on.
 */
void crmg_image_stamp(struct crmg_image *image, const struct crmg_image *old, uint64_t now_ns);

/*
 * Checks magic, abi, that every section lies inside, and that every index in
 * them does: nothing below reads outside an image that passes. 0 or -EINVAL.
 */
int crmg_image_validate(const struct crmg_image *image);

/* True if what is sent to its sources is slowed down when a budget of the policy is used up. */
static inline bool crmg_binding_throttles(const struct crmg_binding *binding)
{
	return binding->mode != CRMG_MODE_OFF &&
	       binding->on_budget == CRMG_ON_BUDGET_THROTTLE;
}

static inline const struct crmg_head *crmg_image_head(const struct crmg_image *image)
{
	return (const struct crmg_head *)image->cells;
}

static inline const struct crmg_front *crmg_image_front(const struct crmg_image *image)
{
	return (const struct crmg_front *)image->cells;
}

/* First entry of a section; its number of entries in *ret_count if not NULL. */
const void *crmg_image_section(const struct crmg_image *image, enum crmg_section_id id,
			       size_t *ret_count);

/* Binding and label by index [1, head->bindings]; NULL outside. */
const struct crmg_binding *crmg_image_binding(const struct crmg_image *image, uint32_t index);
const struct crmg_label *crmg_image_label(const struct crmg_image *image, uint32_t index);

/*
 * What may be sent, as a binding (quotas, aggregate_quotas, total_quotas) or a budget says; NULL:
 * anything.
 */
const struct crmg_quotas *crmg_image_quotas(const struct crmg_image *image, uint16_t index);

/* What requests may be, as a binding says; NULL: anything. */
const struct crmg_http_terms *crmg_image_http(const struct crmg_image *image, uint16_t index);

/* Service by index 1..64 or by name; NULL if there is none. */
const struct crmg_service *crmg_image_service(const struct crmg_image *image, uint32_t index);
uint32_t crmg_image_service_find(const struct crmg_image *image, const char *name);

/*
 * What the packet path would find, computed the same way (used by `why`, and
 * by tests as a check of the look-up structure): binding of a source address at
 * a service. 0 if the service does not exist.
 */
uint32_t crmg_image_resolve(const struct crmg_image *image, uint32_t service,
			    const struct crmg_addr *addr);

/*
 * The same; *ret_gate: the binding that holds instead for what arrives by one interface
 * (head.gate), or 0.
 */
uint32_t crmg_image_resolve_at(const struct crmg_image *image, uint32_t service,
			       const struct crmg_addr *addr, uint32_t *ret_gate);

/*
 * A contract by index: of a binding or a client; NULL: none. Whether it holds at a time
 * (CLOCK_REALTIME); without one it does.
 */
const struct crmg_contract *crmg_image_contract(const struct crmg_image *image, uint32_t index);
bool crmg_image_holds(const struct crmg_image *image, uint32_t contract, uint64_t real_ns);

/* The binding that holds at a time where `index` was found: itself, or while its client's
 * contract does not hold the one for `any`. */
uint32_t crmg_image_standing(const struct crmg_image *image, uint32_t index, uint64_t real_ns);

/*
 * The same in two steps: all addresses of one leaf meet the same bindings. service: one
 * that there is.
 */
uint32_t crmg_image_leaf(const struct crmg_image *image, const struct crmg_addr *addr);
uint32_t crmg_image_at_leaf(const struct crmg_image *image, uint32_t service, uint32_t leaf);

/* Service index of a local address, transport and port (host order); 0: none. */
uint32_t crmg_image_classify(const struct crmg_image *image, const struct crmg_addr *local,
			     enum crmg_transport transport, uint16_t port);

/*
 * Rows of image that are in no binding of old (old may be NULL): apply zeroes
 * them before image comes into force. bits: CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX
 * / 64 words. Returns the highest row used by image.
 */
uint32_t crmg_image_new_rows(const struct crmg_image *image, const struct crmg_image *old,
			     uint64_t *bits);

/* The same of rows of clients, of which bits has CRMG_CLIENT_ROWS / 64 + 1 words. */
void crmg_image_new_client_rows(const struct crmg_image *image, const struct crmg_image *old,
				uint64_t *bits);
uint32_t crmg_image_last_client_row(const struct crmg_image *image);

/* Bytes of kernel memory, for the summary of `check` and before load. */
struct crmg_memory {
	uint64_t sources;	/* tags, slots, details, proved, windows, kept, and shared budgets */
	uint64_t flows;
	uint64_t policy;	/* the image; twice while it is switched */
	uint64_t counters;	/* all CPUs */
	uint64_t bans;		/* before the first ban; each takes some 200 bytes more */
	uint64_t events;
	uint64_t total;		/* at the peak: while a policy is switched */
};
void crmg_memory_of(const struct crmg_image *image, unsigned int cpus, struct crmg_memory *ret);

/* Its `sources` alone, for a table of so many slots. */
uint64_t crmg_memory_sources(uint32_t capacity);

#endif
