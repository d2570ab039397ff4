// SPDX-License-Identifier: GPL-2.0
/*
 * validate.c - whether an image can be trusted with its own indexes. An image
 * that passes is never read outside, whatever it says; that it means what the
 * operator wants is the compiler's business.
 */
#include "build.h"

#include <string.h>

#include <crmgate/contract.h>
#include <crmgate/window.h>

#include "../base/util.h"

/* True if text ends inside its field. */
#define IS_TEXT(field) (memchr((field), '\0', sizeof(field)) != NULL)

static bool head_is_valid(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);

	return head->magic == CRMG_IMAGE_MAGIC && head->abi >= CRMG_IMAGE_SINCE &&
	       head->abi <= CRMG_ABI && head->generation &&
	       head->bindings < CRMG_BINDINGS_MAX &&
	       head->cells > CRMG_FRONT_CELLS && head->cells <= image->cell_count &&
	       head->capacity >= 1024 && !(head->capacity & (head->capacity - 1)) &&
	       head->flows >= 1024 && !(head->flows & (head->flows - 1)) &&
	       head->v4_prefix >= 8 && head->v4_prefix <= 32 &&
	       head->v6_prefix >= 32 && head->v6_prefix <= 128 &&
	       head->mode < CRMG_MODE_COUNT && IS_TEXT(head->file);
}

static bool sections_are_inside(const struct crmg_head *head)
{
	for (size_t i = 0; i < CRMG_SECTION_COUNT; i++) {
		uint64_t bytes = (uint64_t)head->section[i].count * crmg_entry_size(i);

		if (head->section[i].cell < CRMG_IMAGE_SECTIONS ||
		    head->section[i].cell > head->cells ||
		    bytes > (head->cells - head->section[i].cell) << CRMG_CELL_SHIFT)
			return false;
	}
	return true;
}

/* Counts that depend on each other. */
static bool counts_are_valid(const struct crmg_head *head)
{
	const struct crmg_section *s = head->section;
	uint32_t stride = s[CRMG_SECTION_SERVICES].count;

	return stride >= 1 && stride <= CRMG_SERVICES_MAX + 1 &&
	       s[CRMG_SECTION_LABELS].count == head->bindings + 1 &&
	       s[CRMG_SECTION_KEYS].count == s[CRMG_SECTION_LEAVES].count &&
	       s[CRMG_SECTION_LKEYS].count == s[CRMG_SECTION_LLEAVES].count &&
	       s[CRMG_SECTION_MATRIX].count >= stride &&
	       s[CRMG_SECTION_MATRIX].count % stride == 0 &&
	       s[CRMG_SECTION_GROUPS].count % CRMG_PORT_GROUP == 0 &&
	       s[CRMG_SECTION_NAMEKEYS].count == s[CRMG_SECTION_NAMES].count &&
	       s[CRMG_SECTION_CLIENTS].count >= 1 &&
	       s[CRMG_SECTION_CLIENTS].count <= CRMG_CLIENTS_MAX + 1 + CRMG_GATES_MAX;
}

/* What the packet path shifts by, divides by and looks up beside a source's own limits. */
static bool scopes_are_valid(const struct crmg_head *head, const struct crmg_binding *b)
{
	const uint8_t own = CRMG_BINDING_AGGREGATE | CRMG_BINDING_TOTAL | CRMG_BINDING_BAN |
			    CRMG_BINDING_BALANCER;
	const uint8_t asks = CRMG_BINDING_PLAIN | CRMG_BINDING_CONNS;
	bool judges = b->kind == CRMG_BINDING_POLICY && b->mode != CRMG_MODE_OFF;

	if (b->flags & ~(own | CRMG_BINDING_SERVICE | asks | CRMG_BINDING_CUTS) ||
	    (b->flags & asks) != (judges ? crmg_binding_asks(b) : 0) ||
	    b->aggregate_limits >> CRMG_BUCKET_LIMITS || b->total_limits >> CRMG_BUCKET_LIMITS ||
	    !(b->flags & CRMG_BINDING_AGGREGATE) != !b->aggregate_limits ||
	    !(b->flags & CRMG_BINDING_TOTAL) != !b->total_limits)
		return false;
	if (b->kind != CRMG_BINDING_POLICY)
		return !(b->flags & own);
	return b->v4_wide > 96 && b->v4_wide < 128 && b->v4_wide <= 96 + head->v4_prefix &&
	       b->v6_wide > 0 && b->v6_wide < 128 && b->v6_wide <= head->v6_prefix;
}

static bool ban_is_valid(const struct crmg_binding *b)
{
	const struct crmg_ban_terms *ban = &b->ban;

	if (b->detect >> CRMG_DETECT_COUNT ||
	    (b->detect && !(b->limits & 1 << CRMG_LIMIT_REQUESTS)))
		return false;
	if (!(b->flags & CRMG_BINDING_BAN))
		return true;
	return ban->after && b->strike_limits && !(b->strike_limits & ~CRMG_STRIKE_LIMITS) &&
	       ban->within_ms >= 1000 && ban->within_ms <= 3600 * 1000 && ban->for_s &&
	       ban->for_s <= ban->max_s && ban->factor >= 1 << CRMG_BAN_FACTOR_SHIFT;
}

static bool throttle_is_valid(const struct crmg_quotas *quotas)
{
	uint64_t to = quotas->throttle_to;
	struct crmg_limit limit = { 0 };

	if (quotas->on_budget == CRMG_ON_BUDGET_THROTTLE) {
		if (to < CRMG_THROTTLE_MIN || to > CRMG_THROTTLE_MAX)
			return false;
		limit = crmg_throttle_of(to);
	} else if (to) {
		return false;
	}
	return !memcmp(&quotas->throttle, &limit, sizeof(limit));
}

/* Every entry but the first: in order, and such that the packet path can divide by it. */
static bool quotas_are_valid(const struct crmg_image *image)
{
	const struct crmg_quotas *quotas;
	size_t count;

	quotas = crmg_image_section(image, CRMG_SECTION_QUOTAS, &count);
	for (size_t i = 1; i < count; i++) {
		const struct crmg_quota *q = quotas[i].quota;

		if (!q->terms || quotas[i].on_budget >= CRMG_ON_BUDGET_COUNT ||
		    quotas[i].notify_at > 99 || !throttle_is_valid(&quotas[i]))
			return false;
		for (size_t n = 0; n < CRMG_WINDOWS_MAX; n++)
			if (q[n].terms && (q[n].bytes < CRMG_QUOTA_MIN || q[n].bytes > CRMG_QUOTA_MAX ||
			     !crmg_terms_per_s(q[n].terms) || q[n].notify > q[n].bytes ||
			     q[n].terms != crmg_terms_of(q[n].bytes, crmg_terms_per_s(q[n].terms)) ||
			     (n && crmg_terms_per_s(q[n - 1].terms) >= crmg_terms_per_s(q[n].terms))))
				return false;
		for (size_t n = 1; n < CRMG_WINDOWS_MAX; n++)
			if (q[n].terms && !q[n - 1].terms)
				return false;
	}
	return true;
}

static bool contracts_are_valid(const struct crmg_image *image)
{
	const struct crmg_contract *contracts;
	size_t count;

	contracts = crmg_image_section(image, CRMG_SECTION_CONTRACTS, &count);
	for (size_t i = 1; i < count; i++)
		if (!IS_TEXT(contracts[i].zone) || !IS_TEXT(contracts[i].owner) ||
		    contracts[i].days >> 7 || contracts[i].end_s > CRMG_DAY_S)
			return false;
	return true;
}

/* Where a contract does not hold, `any` does, which has none. */
static bool binding_contract_is_valid(const struct crmg_image *image,
				      const struct crmg_binding *b)
{
	const struct crmg_binding *fallback = crmg_image_binding(image, b->fallback);

	if (!b->contract)
		return !b->fallback;
	return crmg_image_contract(image, b->contract) && fallback && !fallback->contract &&
	       fallback->service == b->service;
}

static bool binding_quotas_are_valid(const struct crmg_image *image, const struct crmg_binding *b)
{
	uint32_t count = crmg_image_head(image)->section[CRMG_SECTION_QUOTAS].count;
	uint16_t service = crmg_image_front(image)->budgets[b->service].quotas;
	bool own = b->quotas || b->aggregate_quotas || b->total_quotas;

	if ((b->quotas && b->quotas >= count) ||
	    (b->aggregate_quotas && b->aggregate_quotas >= count) ||
	    (b->total_quotas && b->total_quotas >= count) ||
	    (own && b->kind != CRMG_BINDING_POLICY))
		return false;
	return own || (service && b->flags & CRMG_BINDING_SERVICE) ||
	       !(b->flags & CRMG_BINDING_CUTS);
}

static bool floor_is_valid(const struct crmg_binding *b)
{
	const uint8_t known = CRMG_BINDING_FLOOR | CRMG_BINDING_FLOOR_REFUSES;
	bool set = b->floor & CRMG_BINDING_FLOOR;

	if (b->floor & ~known || b->tls_minimum > CRMG_TLS_VERSION_13)
		return false;
	if (!set)
		return !b->floor && !b->tls_minimum;
	return b->kind == CRMG_BINDING_POLICY && b->protocol == CRMG_PROTOCOL_TLS;
}

/* max: 0, or from min on. */
static bool is_bound(uint32_t max, uint32_t min, uint32_t most)
{
	return !max || (max >= min && max <= most);
}

static bool http_is_valid(const struct crmg_image *image, const struct crmg_binding *b)
{
	const struct crmg_http_terms *http;

	if (!b->http)
		return true;
	if (b->http >= crmg_image_head(image)->section[CRMG_SECTION_HTTP].count || !b->reads ||
	    b->kind != CRMG_BINDING_POLICY || b->protocol != CRMG_PROTOCOL_HTTP)
		return false;
	http = crmg_image_http(image, b->http);
	return !(http->methods >> CRMG_METHOD_COUNT) &&
	       is_bound(http->max_header, CRMG_HEADER_MIN, CRMG_HEADER_MAX) &&
	       is_bound(http->max_body, CRMG_BODY_MIN, CRMG_BODY_MAX);
}

static bool bindings_are_valid(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);

	for (uint32_t i = 1; i <= head->bindings; i++) {
		const struct crmg_binding *b = crmg_image_binding(image, i);
		const struct crmg_label *label = crmg_image_label(image, i);

		if (b->gate > (b->kind == CRMG_BINDING_ALLOW ? CRMG_GATES_MAX : 0) ||
		    b->sanity >= CRMG_SANITY_COUNT || b->generation != head->generation || b->row == 0 ||
		    b->row >= CRMG_ROW_CHUNK * CRMG_ROW_CHUNKS_MAX ||
		    b->client_row >= CRMG_CLIENT_ROWS ||
		    b->kind >= CRMG_BINDING_COUNT || b->mode >= CRMG_MODE_COUNT ||
		    b->on_exceed >= CRMG_ACTION_COUNT || b->limits >> CRMG_LIMIT_COUNT ||
		    b->on_budget >= CRMG_ON_BUDGET_COUNT || b->protocol >= CRMG_PROTOCOL_COUNT ||
		    !crmg_image_service(image, b->service) ||
		    !binding_quotas_are_valid(image, b) || !scopes_are_valid(head, b) ||
		    !ban_is_valid(b) || !floor_is_valid(b) || !http_is_valid(image, b) ||
		    !binding_contract_is_valid(image, b))
			return false;
		if (!IS_TEXT(label->service) || !IS_TEXT(label->policy) || !IS_TEXT(label->client))
			return false;
	}
	return true;
}

static bool range_is_inside(uint32_t first, uint32_t count, uint32_t total)
{
	return first <= total && count <= total - first;
}

static bool services_are_valid(const struct crmg_image *image)
{
	const struct crmg_front *front = crmg_image_front(image);
	const struct crmg_section *section = crmg_image_head(image)->section;
	const struct crmg_service *services;
	size_t count;

	services = crmg_image_section(image, CRMG_SECTION_SERVICES, &count);
	for (size_t i = 0; i < count; i++) {
		const struct crmg_service *s = &services[i];

		if (!IS_TEXT(s->name) || s->transport >= CRMG_TRANSPORT_COUNT ||
		    s->protocol >= CRMG_PROTOCOL_COUNT ||
		    !range_is_inside(s->first_port, s->port_count,
				     section[CRMG_SECTION_PORTS].count) ||
		    !range_is_inside(s->first_local, s->local_count,
				     section[CRMG_SECTION_LOCALS].count) ||
		    !range_is_inside(s->first_name, s->name_count,
				     section[CRMG_SECTION_NAMES].count))
			return false;
		if (s->base && (!s->name[0] || s->base == i || !crmg_image_service(image, s->base)))
			return false;
		if (s->name[0] && (!crmg_image_binding(image, s->none_binding) ||
				   !crmg_image_binding(image, s->allow_binding)))
			return false;
	}
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(front->budgets); i++)
		if (front->budgets[i].limits >> CRMG_BUCKET_LIMITS ||
		    (front->budgets[i].quotas &&
		     front->budgets[i].quotas >= section[CRMG_SECTION_QUOTAS].count))
			return false;
	return true;
}

/* The prefixes are those of the first client, then of the second, and so on. */
static bool clients_are_valid(const struct crmg_image *image)
{
	const struct crmg_client *clients;
	const struct crmg_prefix *prefixes;
	size_t count, prefix_count, at = 0;

	clients = crmg_image_section(image, CRMG_SECTION_CLIENTS, &count);
	prefixes = crmg_image_section(image, CRMG_SECTION_PREFIXES, &prefix_count);
	for (size_t i = 0; i < count; i++) {
		if (!IS_TEXT(clients[i].name) || clients[i].balancer > 1 ||
		    (clients[i].contract && !crmg_image_contract(image, clients[i].contract)) ||
		    clients[i].row >= CRMG_CLIENT_ROWS || clients[i].prefix_count > prefix_count - at)
			return false;
		for (size_t end = at + clients[i].prefix_count; at < end; at++)
			if (prefixes[at].client != i || prefixes[at].len > 128)
				return false;
	}
	return at == prefix_count;
}

/* A leaf of a gate points at another one. */
static bool gates_are_valid(const struct crmg_image *image, uint32_t leaves)
{
	for (uint32_t leaf = 0; leaf < leaves; leaf++)
		if (crmg_image_at_leaf(image, 0, leaf) > leaves)
			return false;
	return true;
}

/* Both families begin with 0; what follows them are the ranges of divided /64. */
static bool families_are_valid(const struct crmg_image *image, uint32_t first_v6, uint32_t end_v6,
			       enum crmg_section_id keys_id, enum crmg_section_id subs_id)
{
	size_t count, sub_count;
	const uint64_t *keys = crmg_image_section(image, keys_id, &count);
	const uint64_t *subs = crmg_image_section(image, subs_id, &sub_count);

	return end_v6 == (sub_count ? CRMG_SUB_FIRST(subs[0]) : count) && end_v6 <= count &&
	       first_v6 > 0 && first_v6 < end_v6 && keys[0] == 0 && keys[first_v6] == 0;
}

/* A place is a leaf below limit, or begins at a key of its own family. */
static bool dir_is_valid(const struct crmg_image *image, uint32_t limit)
{
	const struct crmg_head *head = crmg_image_head(image);
	const uint32_t *dir = crmg_image_front(image)->dir;

	for (size_t i = 0; i < CRMG_DIR_COUNT; i++) {
		uint32_t first = CRMG_DIR_FIRST(dir[i]);

		if (dir[i] & CRMG_DIR_LEAF) {
			if (CRMG_DIR_NUMBER(dir[i]) >= limit)
				return false;
		} else if (dir[i] & CRMG_DIR_NARROW || CRMG_DIR_STEPS(dir[i]) > CRMG_DIR_STEPS_MAX ||
			   first < (i < CRMG_DIR_V6 ? 0 : head->first_v6) ||
			   first >= (i < CRMG_DIR_V6 ? head->first_v6 : head->end_v6)) {
			return false;
		}
	}
	return true;
}

/* Leaves are below limit; a divided /64 has a range of keys of its own, not divided again. */
static bool leaves_are_valid(const struct crmg_image *image, enum crmg_section_id keys_id,
			     enum crmg_section_id leaves_id, enum crmg_section_id subs_id,
			     uint32_t limit)
{
	const uint64_t *keys = crmg_image_section(image, keys_id, NULL);
	const uint64_t *subs;
	const uint32_t *leaves;
	size_t count, sub_count, end;

	leaves = crmg_image_section(image, leaves_id, &count);
	subs = crmg_image_section(image, subs_id, &sub_count);
	for (size_t i = 0; i < sub_count; i++) {
		end = CRMG_SUB_END(subs[i]);
		if (CRMG_SUB_FIRST(subs[i]) < (i ? CRMG_SUB_END(subs[i - 1]) : 2) ||
		    CRMG_SUB_FIRST(subs[i]) >= end || end > count ||
		    keys[CRMG_SUB_FIRST(subs[i])] != 0)
			return false;
	}
	end = sub_count ? CRMG_SUB_FIRST(subs[0]) : count;
	for (size_t i = 0; i < count; i++) {
		uint32_t leaf = leaves[i];

		if (leaf & CRMG_LEAF_SUB ? i >= end || (leaf & ~CRMG_LEAF_SUB) >= sub_count
					 : leaf >= limit)
			return false;
	}
	return true;
}

/* Without groups there is no local address space. */
static bool locals_are_valid(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);
	const uint8_t *ports = crmg_image_front(image)->ports;
	size_t group_count = head->section[CRMG_SECTION_GROUPS].count;
	uint8_t most = group_count ? UINT8_MAX : CRMG_PORT_GROUP - 1;

	for (size_t i = 0; i < CRMG_TRANSPORT_COUNT * 65536; i++)
		if (ports[i] > most)
			return false;
	if (!group_count)
		return !head->section[CRMG_SECTION_LKEYS].count && !head->lfirst_v6 &&
		       !head->lend_v6;
	return families_are_valid(image, head->lfirst_v6, head->lend_v6, CRMG_SECTION_LKEYS,
				  CRMG_SECTION_LSUBS);
}

int crmg_image_validate(const struct crmg_image *image)
{
	const struct crmg_head *head = crmg_image_head(image);
	uint32_t leaves, groups;

	if (!image->cells || image->cell_count <= CRMG_FRONT_CELLS || !head_is_valid(image) ||
	    !sections_are_inside(head) || !counts_are_valid(head))
		return -EINVAL;
	leaves = head->section[CRMG_SECTION_MATRIX].count /
		 head->section[CRMG_SECTION_SERVICES].count;
	groups = head->section[CRMG_SECTION_GROUPS].count / CRMG_PORT_GROUP;
	if (!services_are_valid(image) || !crmg_names_are_valid(image) || !contracts_are_valid(image) ||
	    !bindings_are_valid(image) || !quotas_are_valid(image) ||
	    !clients_are_valid(image) || !locals_are_valid(image) ||
	    !families_are_valid(image, head->first_v6, head->end_v6, CRMG_SECTION_KEYS,
				CRMG_SECTION_SUBS) ||
	    !dir_is_valid(image, leaves) || !gates_are_valid(image, leaves) ||
	    !leaves_are_valid(image, CRMG_SECTION_KEYS, CRMG_SECTION_LEAVES, CRMG_SECTION_SUBS,
			      leaves) ||
	    !leaves_are_valid(image, CRMG_SECTION_LKEYS, CRMG_SECTION_LLEAVES,
			      CRMG_SECTION_LSUBS, groups))
		return -EINVAL;
	return 0;
}
