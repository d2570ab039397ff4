// SPDX-License-Identifier: GPL-2.0
/*
 * diff_moves.c - which addresses meet another policy. Every prefix of both images
 * begins and ends somewhere: between two such places one look-up tells for all, so the
 * answer is exact however prefixes nest.
 */
#include "diff_parts.h"

#include <string.h>

#include "../base/util.h"

/* At one service. */
struct move {
	const struct crmg_label *from, *to;
	struct crmg_diff_names ranges;
};

/* A service that both images have, by its two indexes. */
struct common {
	uint32_t before, after;
};

struct moves {
	const struct crmg_image *before, *after;
	struct common service[CRMG_SERVICES_MAX];
	size_t service_count;
	struct move *list;
	size_t count;
};

static struct crmg_addr next(struct crmg_addr addr)
{
	addr.lo++;
	addr.hi += !addr.lo;
	return addr;
}

static struct crmg_addr previous(struct crmg_addr addr)
{
	addr.hi -= !addr.lo;
	addr.lo--;
	return addr;
}

static struct crmg_addr last_of(struct crmg_addr addr, uint8_t len)
{
	addr.hi |= len >= 64 ? 0 : ~0ULL >> len;
	addr.lo |= len <= 64 ? ~0ULL : len == 128 ? 0 : ~0ULL >> (len - 64);
	return addr;
}

static struct crmg_addr *add_places(const struct crmg_image *image, struct crmg_addr *at)
{
	size_t count;
	const struct crmg_prefix *prefix = crmg_image_section(image, CRMG_SECTION_PREFIXES, &count);

	for (size_t i = 0; i < count; i++) {
		*at++ = prefix[i].addr;
		*at++ = next(last_of(prefix[i].addr, prefix[i].len));
	}
	return at;
}

static int by_addr(const void *a, const void *b)
{
	return crmg_addr_cmp(a, b);
}

/*
 * Where a prefix, or a family, begins or has ended: ascending, each once, from the first
 * address on. NULL when out of memory.
 */
static struct crmg_addr *places_of(const struct crmg_image *before,
				   const struct crmg_image *after, size_t *ret_count)
{
	size_t old, now, count, kept = 0;
	struct crmg_addr *list, *end;

	crmg_image_section(before, CRMG_SECTION_PREFIXES, &old);
	crmg_image_section(after, CRMG_SECTION_PREFIXES, &now);
	list = calloc(2 * (old + now) + 3, sizeof(*list));
	if (!list)
		return NULL;
	end = add_places(after, add_places(before, list));
	*end++ = (struct crmg_addr){ 0, 0 };
	*end++ = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO };
	*end++ = (struct crmg_addr){ 0, CRMG_V4_MAPPED_LO + (1ULL << 32) };
	count = end - list;
	qsort(list, count, sizeof(*list), by_addr);
	for (size_t i = 0; i < count; i++)
		if (!kept || crmg_addr_cmp(&list[kept - 1], &list[i]) != 0)
			list[kept++] = list[i];
	*ret_count = kept;
	return list;
}

/* "10.0.0.0/8", or "10.0.0.1-10.0.0.5" where it is no prefix. */
static void range_text(const struct crmg_addr *first, const struct crmg_addr *last,
		       char buf[CRMG_DIFF_NAME_LEN])
{
	char from[CRMG_ADDR_LEN], to[CRMG_ADDR_LEN];

	for (unsigned int len = crmg_addr_is_v4(first) ? 96 : 0; len <= 128; len++) {
		struct crmg_addr cut = crmg_addr_cut(*first, len), end = last_of(*first, len);

		if (crmg_addr_cmp(&cut, first) == 0 && crmg_addr_cmp(&end, last) == 0) {
			crmg_format_prefix(first, len, buf, CRMG_DIFF_NAME_LEN);
			return;
		}
	}
	snprintf(buf, CRMG_DIFF_NAME_LEN, "%s-%s", crmg_format_addr(first, from, sizeof(from)),
		 crmg_format_addr(last, to, sizeof(to)));
}

/* Adds a range to the moves between two labels. Few are distinct: as many as changes of policy. */
static int add_range(struct moves *m, const struct crmg_label *from, const struct crmg_label *to,
		     const struct crmg_addr *first, const struct crmg_addr *last)
{
	struct move *move = NULL;

	for (size_t i = m->count; i-- && !move;)
		if (m->list[i].from == from && m->list[i].to == to)
			move = &m->list[i];
	if (!move) {
		move = crmg_grow(&m->list, &m->count, sizeof(*move));
		if (!move)
			return -ENOMEM;
		move->from = from;
		move->to = to;
	}
	if (move->ranges.count < CRMG_DIFF_NAMED)
		range_text(first, last, move->ranges.name[move->ranges.count]);
	move->ranges.count++;
	return 0;
}

/* What the addresses of two leaves meet: true and the labels, if it differs at a service. */
static bool differs(const struct moves *m, size_t service, uint32_t old_leaf, uint32_t new_leaf,
		    const struct crmg_label **ret_from, const struct crmg_label **ret_to)
{
	const struct common *at = &m->service[service];

	*ret_from = crmg_image_label(m->before,
				     crmg_image_at_leaf(m->before, at->before, old_leaf));
	*ret_to = crmg_image_label(m->after, crmg_image_at_leaf(m->after, at->after, new_leaf));
	return strcmp((*ret_from)->policy, (*ret_to)->policy) != 0;
}

static int find_moves(struct moves *m)
{
	size_t count = 0;
	crmg_autofree struct crmg_addr *place = places_of(m->before, m->after, &count);
	int code = place ? 0 : -ENOMEM;

	for (size_t i = 0, end; i < count && !code; i = end) {
		const uint32_t old_leaf = crmg_image_leaf(m->before, &place[i]);
		const uint32_t new_leaf = crmg_image_leaf(m->after, &place[i]);
		struct crmg_addr last = { ~0ULL, ~0ULL };

		/* A range goes on while both stay the same, within a family. */
		for (end = i + 1; end < count; end++)
			if (crmg_addr_is_v4(&place[end]) != crmg_addr_is_v4(&place[i]) ||
			    crmg_image_leaf(m->before, &place[end]) != old_leaf ||
			    crmg_image_leaf(m->after, &place[end]) != new_leaf)
				break;
		if (end < count)
			last = previous(place[end]);
		for (size_t s = 0; s < m->service_count && !code; s++) {
			const struct crmg_label *from, *to;

			if (differs(m, s, old_leaf, new_leaf, &from, &to))
				code = add_range(m, from, to, &place[i], &last);
		}
	}
	return code;
}

/* "public for any", or where it says the same, "none" or "allow". */
static void meets_text(const struct crmg_label *label, char buf[CRMG_DIFF_WHAT])
{
	if (strcmp(label->policy, label->client) == 0 || strcmp(label->policy, "none") == 0)
		snprintf(buf, CRMG_DIFF_WHAT, "%s", label->policy);
	else
		snprintf(buf, CRMG_DIFF_WHAT, "%s for %s", label->policy, label->client);
}

static int note(struct crmg_changes *changes, const struct move *move)
{
	char what[CRMG_DIFF_NAMES_LEN + CRMG_NAME_LEN + 8], from[CRMG_DIFF_WHAT],
	     to[CRMG_DIFF_WHAT], ranges[CRMG_DIFF_NAMES_LEN];

	if (strcmp(move->from->client, move->to->client) == 0) {
		snprintf(what, sizeof(what), "client %s at %s", move->to->client,
			 move->to->service);
		return crmg_diff_note(changes, CRMG_CHANGE_MOVED, what, "policy",
				      move->from->policy, move->to->policy);
	}
	snprintf(what, sizeof(what), "%s at %s", crmg_diff_names_text(&move->ranges, ranges),
		 move->to->service);
	meets_text(move->from, from);
	meets_text(move->to, to);
	return crmg_diff_note(changes, CRMG_CHANGE_MOVED, what, "policy", from, to);
}

int crmg_diff_moves(struct crmg_changes *changes, const struct crmg_image *before,
		    const struct crmg_image *after)
{
	struct moves m = { .before = before, .after = after };
	int code;

	for (uint32_t i = 1; i <= CRMG_SERVICES_MAX; i++) {
		const struct crmg_service *service = crmg_image_service(after, i);
		uint32_t old = service ? crmg_image_service_find(before, service->name) : 0;

		if (old)
			m.service[m.service_count++] = (struct common){ old, i };
	}
	code = find_moves(&m);
	for (size_t i = 0; i < m.count && !code; i++)
		code = note(changes, &m.list[i]);
	free(m.list);
	return code;
}
