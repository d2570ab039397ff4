// SPDX-License-Identifier: GPL-2.0
/*
 * banindex.c - what makes the look-up of a ban cheap: the prefix lengths in use, a filter by
 * the first 16 bits, and the epoch that says when a source has to ask again. While bans are
 * changed the epoch is odd: no source keeps what it found (bpf/resolve.h), and the index
 * covers the bans before and after. So a command that is killed leaves what the map says.
 */
#include <string.h>

#include "../base/util.h"
#include "internal.h"

static void crmg_filter_add(struct crmg_ban_filter *filter, const struct crmg_ban_key *key)
{
	bool v4 = crmg_addr_is_v4(&key->addr) && key->len >= 96;
	uint32_t len = v4 ? key->len - 96 : key->len;
	uint32_t first = v4 ? (uint32_t)key->addr.lo >> 16 : 65536 + (uint32_t)(key->addr.hi >> 48);
	uint32_t count = len >= 16 ? 1 : 1u << (16 - len), i;

	for (i = first; i < first + count; i++)
		filter->word[i / 64] |= 1ULL << (i % 64);
}

/* Adds len to a family's list: -ENOSPC if it has too many already. */
static int crmg_length_add(uint8_t *lengths, uint8_t *count, uint8_t len)
{
	uint8_t i;

	for (i = 0; i < *count; i++)
		if (lengths[i] == len)
			return 0;
	if (*count == CRMG_BAN_LENGTHS)
		return -ENOSPC;
	lengths[(*count)++] = len;
	return 0;
}

/* What control has to say about a list of bans. */
static int crmg_control_of(const struct crmg_ban_entry *bans, size_t count,
			   const struct crmg_head *head, struct crmg_control *control)
{
	size_t i;
	int code;

	control->v4_lengths = control->v6_lengths = 0;
	control->v4_narrow = control->v6_narrow = 0;
	control->bans = count;
	for (i = 0; i < count; i++) {
		const struct crmg_ban_key *key = &bans[i].key;
		bool v4 = crmg_addr_is_v4(&key->addr) && key->len >= 96;

		code = v4 ? crmg_length_add(control->v4_length, &control->v4_lengths, key->len) :
			    crmg_length_add(control->v6_length, &control->v6_lengths, key->len);
		if (code)
			return code;
		if (v4)
			control->v4_narrow |= key->len > head->v4_prefix + 96;
		else
			control->v6_narrow |= key->len > head->v6_prefix;
	}
	return 0;
}

int crmg_ban_index_check(const struct crmg_kern *kern)
{
	struct crmg_control control = { 0 };

	return crmg_control_of(kern->bans, kern->ban_count, crmg_image_head(&kern->image), &control);
}

bool crmg_ban_index_is_open(const struct crmg_kern *kern)
{
	const struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory;

	return control->ban_epoch & 1;
}

/* Lengths that are new go behind those in use: no packet misses one of these. */
static void crmg_lengths_widen(__u8 *length, __u8 *lengths, const __u8 *wanted, __u8 count)
{
	for (__u8 i = 0; i < count; i++) {
		if (*lengths == CRMG_BAN_LENGTHS || memchr(length, wanted[i], *lengths))
			continue;
		length[*lengths] = wanted[i];
		__atomic_store_n(lengths, *lengths + 1, __ATOMIC_RELEASE);
	}
}

void crmg_ban_index_open(struct crmg_kern *kern)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory, wanted = { 0 };
	struct crmg_ban_filter *live = kern->view[CRMG_MAP_BANFILTER].memory;

	__atomic_or_fetch(&control->ban_epoch, 1, __ATOMIC_SEQ_CST);
	(void)crmg_control_of(kern->bans, kern->ban_count, crmg_image_head(&kern->image), &wanted);
	for (size_t i = 0; i < kern->ban_count; i++)
		crmg_filter_add(live, &kern->bans[i].key);
	control->v4_narrow |= wanted.v4_narrow;
	control->v6_narrow |= wanted.v6_narrow;
	crmg_lengths_widen(control->v4_length, &control->v4_lengths, wanted.v4_length,
			   wanted.v4_lengths);
	crmg_lengths_widen(control->v6_length, &control->v6_lengths, wanted.v6_length,
			   wanted.v6_lengths);
}

int crmg_ban_index_close(struct crmg_kern *kern)
{
	struct crmg_control *control = kern->view[CRMG_MAP_CONTROL].memory, wanted = { 0 };
	struct crmg_ban_filter *live = kern->view[CRMG_MAP_BANFILTER].memory;
	static struct crmg_ban_filter filter;
	int code = crmg_control_of(kern->bans, kern->ban_count, crmg_image_head(&kern->image),
				   &wanted);
	size_t i;

	if (code)
		return code;
	memset(&filter, 0, sizeof(filter));
	for (i = 0; i < kern->ban_count; i++)
		crmg_filter_add(&filter, &kern->bans[i].key);
	for (i = 0; i < CRMG_ARRAY_SIZE(filter.word); i++)
		__atomic_store_n(&live->word[i], filter.word[i], __ATOMIC_RELAXED);
	memcpy(control->v4_length, wanted.v4_length, sizeof(wanted.v4_length));
	memcpy(control->v6_length, wanted.v6_length, sizeof(wanted.v6_length));
	control->v4_narrow = wanted.v4_narrow;
	control->v6_narrow = wanted.v6_narrow;
	control->v4_lengths = wanted.v4_lengths;
	control->v6_lengths = wanted.v6_lengths;
	control->bans = wanted.bans;
	/* Even again, and another one than before. */
	__atomic_store_n(&control->ban_epoch, (control->ban_epoch | 1) + 1, __ATOMIC_SEQ_CST);
	return 0;
}
