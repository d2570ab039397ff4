/* SPDX-License-Identifier: GPL-2.0 */
/*
 * quotas.c - `bytes_out`, and with it `notify_at`, `on_budget` and `throttle_to`: in bounds,
 * and in order.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "reader.h"

/* A quota while it is read. */
struct draft {
	struct crmg_model_quota quota;
	bool has_bytes, has_per;
};

static void read_bytes(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	struct draft *draft = target;
	const char *text = crmg_read_text(r, node, "a number of bytes");
	uint64_t bytes;
	int error;

	(void)arg;
	if (!text)
		return;
	error = crmg_parse_bytes(text, &bytes);
	draft->has_bytes = !error && bytes >= CRMG_QUOTA_MIN && bytes <= CRMG_QUOTA_MAX;
	if (draft->has_bytes)
		draft->quota.bytes = bytes;
	else
		crmg_read_error(r, node->place, "quota '%.64s' is %s; accepted is 64KiB to 4000GB, "
				"as 500kB, 50MB or 2GB", text,
				error == -EINVAL ? "not a number of bytes" : "out of range");
}

static void read_per(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	struct draft *draft = target;
	const char *text = crmg_read_text(r, node, "a time");
	uint64_t ns;
	int error;

	(void)arg;
	if (!text)
		return;
	error = crmg_parse_time(text, &ns);
	draft->has_per = !error && ns >= CRMG_NS_PER_SEC && !(ns % CRMG_NS_PER_SEC) &&
			 ns / CRMG_NS_PER_SEC <= CRMG_QUOTA_PER_MAX;
	if (draft->has_per)
		draft->quota.per_s = ns / CRMG_NS_PER_SEC;
	else
		crmg_read_error(r, node->place, "'%.64s' is %s; accepted is 1s to 31d in whole "
				"seconds, as 1m, 1h or 7d", text,
				error == -EINVAL ? "not a time" : "out of range");
}

static const struct crmg_key quota_keys[] = {
	{ "quota", read_bytes, 0, true },
	{ "per", read_per, 0, true },
};

static int by_time(const void *left, const void *right)
{
	const struct crmg_model_quota *a = left, *b = right;

	return (a->per_s > b->per_s) - (a->per_s < b->per_s);
}

void crmg_read_bytes_out(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret)
{
	char text[CRMG_NUM_LEN];

	if (!crmg_read_is_list(r, node, "a list of quotas ([{quota: 2GB, per: 1h}])",
			       CRMG_WINDOWS_MAX))
		return;
	ret->place = node->key->place;
	ret->count = 0;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		struct draft draft = { .quota.place = entry->place };

		crmg_read_keys(r, entry, "a quota", quota_keys, &draft);
		if (draft.has_bytes && draft.has_per)
			ret->quota[ret->count++] = draft.quota;
	}
	qsort(ret->quota, ret->count, sizeof(*ret->quota), by_time);
	for (size_t i = 1; i < ret->count; i++)
		if (ret->quota[i].per_s == ret->quota[i - 1].per_s)
			crmg_read_error(r, ret->quota[i].place, "there are two quotas per %s; keep "
					"the smaller one",
					crmg_format_time(ret->quota[i].per_s * CRMG_NS_PER_SEC, text,
							 sizeof(text)));
}

/* "80%": 1 to 99. */
void crmg_read_notify_at(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret)
{
	const char *text = crmg_read_text(r, node, "a part in percent");
	char digits[4] = "";
	size_t length = text ? strlen(text) : 0;
	uint64_t percent = 0;

	ret->notify_place = node->key->place;
	if (!text)
		return;
	if (length > 1 && length <= 3 && text[length - 1] == '%')
		memcpy(digits, text, length - 1);
	if (!crmg_parse_count(digits, &percent) && percent >= 1 && percent <= 99)
		ret->notify_at = percent;
	else
		crmg_read_error(r, node->place, "'%.64s' is not such a part; accepted is 1%% to "
				"99%%, as 80%%", text);
}

void crmg_read_on_budget(struct crmg_reader *r, const struct crmg_node *node,
			 struct crmg_model_bytes_out *ret)
{
	static const char *const names[] = {
#define X(ID, name, ...) [CRMG_ON_BUDGET_##ID] = name,
		CRMG_ON_BUDGETS(X)
#undef X
	};
	unsigned int value;

	ret->on_budget_place = node->key->place;
	if (crmg_read_choice(r, node, names, CRMG_ARRAY_SIZE(names), &value))
		ret->on_budget = value;
}

void crmg_read_throttle_to(struct crmg_reader *r, const struct crmg_node *node,
			   struct crmg_model_bytes_out *ret)
{
	const char *text = crmg_read_text(r, node, "a rate");
	uint64_t bytes, per_ns;
	unsigned __int128 per_s;
	int error;

	ret->throttle_place = node->key->place;
	if (!text)
		return;
	error = crmg_parse_byte_rate(text, &bytes, &per_ns);
	per_s = error ? 0 : (unsigned __int128)bytes * CRMG_NS_PER_SEC / per_ns;
	if (per_s >= CRMG_THROTTLE_MIN && per_s <= CRMG_THROTTLE_MAX)
		ret->throttle_to = per_s;
	else
		crmg_read_error(r, node->place, "'%.64s' is %s; accepted is 8kB/s to 100GB/s, as "
				"64kB/s", text, error == -EINVAL ? "not a rate of bytes" :
								   "out of range");
}
