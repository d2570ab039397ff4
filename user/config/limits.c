/* SPDX-License-Identifier: GPL-2.0 */
/* limits.c - the mapping `limits`: rate and burst of each kind, in bounds; limits by name. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "reader.h"

#define DAY_NS (86400 * CRMG_NS_PER_SEC)

/*
 * The time that a burst is worth at its rate must fit a quarter of the limiter's
 * 64-bit clock of 1/256 ns: 208 days.
 */
#define BURST_MAX_NS (208 * DAY_NS)

/* Units are counted, or they are bytes: how they are written, and the bounds. */
struct scale {
	int (*parse_rate)(const char *text, uint64_t *ret, uint64_t *ret_per_ns);
	int (*parse)(const char *text, uint64_t *ret);
	char *(*format)(uint64_t value, char *buf, size_t size);
	struct { uint64_t count, per_ns; } slowest, fastest;
	uint64_t min_burst;
	const char *rate_form;
	const char *rate_range;
	const char *burst_form;
};

#define BURST_MAX (1ULL << 40)

static const struct scale counts = {
	.parse_rate = crmg_parse_rate,
	.parse = crmg_parse_count,
	.format = crmg_format_count,
	.slowest = { 1, 7 * DAY_NS },
	.fastest = { 1000000000, CRMG_NS_PER_SEC },
	.min_burst = 1,
	.rate_form = "20/s, 20k/s or 10/10m",
	.rate_range = "1/7d to 1G/s",
	.burst_form = "20, 20k or 5M",
};

static const struct scale bytes = {
	.parse_rate = crmg_parse_byte_rate,
	.parse = crmg_parse_bytes,
	.format = crmg_format_bytes,
	.slowest = { 1000, CRMG_NS_PER_SEC },
	.fastest = { 100000000000, CRMG_NS_PER_SEC },
	.min_burst = 64 << 10,	/* less would never let a large frame pass */
	.rate_form = "500kB/s, 10MB/s or 2GB/1h",
	.rate_range = "1kB/s to 100GB/s",
	.burst_form = "64KiB, 10MB or 2GB",
};

/* A limit while it is read. */
struct draft {
	const struct scale *scale;
	struct crmg_terms terms;
	struct crmg_place rate_place;
	bool has_rate;
	bool burst_given;	/* and then right or wrong */
	bool has_burst;
};

/* a/b < c/d */
static bool slower(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	return (unsigned __int128)a * d < (unsigned __int128)c * b;
}

static void read_rate(struct crmg_reader *r, const struct crmg_node *node, void *target,
		      unsigned int arg)
{
	struct draft *draft = target;
	const struct scale *scale = draft->scale;
	const char *text = crmg_read_text(r, node, "a rate");
	uint64_t count, per_ns;
	int error;

	(void)arg;
	if (!text)
		return;
	error = scale->parse_rate(text, &count, &per_ns);
	if (error == -EINVAL) {
		crmg_read_error(r, node->place, "'%.64s' is not a rate; accepted is %s, as %s",
				text, scale->rate_range, scale->rate_form);
		return;
	}
	if (error < 0 || slower(count, per_ns, scale->slowest.count, scale->slowest.per_ns) ||
	    slower(scale->fastest.count, scale->fastest.per_ns, count, per_ns)) {
		crmg_read_error(r, node->place, "rate '%.64s' is out of range; accepted is %s",
				text, scale->rate_range);
		return;
	}
	draft->terms.count = count;
	draft->terms.per_ns = per_ns;
	draft->rate_place = node->place;
	draft->has_rate = true;
}

static void read_burst(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	struct draft *draft = target;
	const struct scale *scale = draft->scale;
	const char *text = crmg_read_text(r, node, "a burst");
	char least[CRMG_NUM_LEN], most[CRMG_NUM_LEN];
	uint64_t burst;
	int error;

	(void)arg;
	draft->burst_given = true;
	if (!text)
		return;
	error = scale->parse(text, &burst);
	if (!error && burst >= scale->min_burst && burst <= BURST_MAX) {
		draft->terms.burst = burst;
		draft->has_burst = true;
		return;
	}
	scale->format(scale->min_burst, least, sizeof(least));
	scale->format(BURST_MAX, most, sizeof(most));
	crmg_read_error(r, node->place, "burst '%.64s' is %s; accepted is %s to %s, as %s", text,
			error == -EINVAL ? "not a number of these units" : "out of range", least,
			most, scale->burst_form);
}

static const struct crmg_key rate_keys[] = {
	{ "rate", read_rate, 0, true },
	{ "burst", read_burst, 0, false },
};

/* What the rate counts; for bytes what comes in a second, and one large frame at least. */
static uint64_t default_burst(const struct draft *draft)
{
	uint64_t second;

	if (draft->scale == &counts)
		return draft->terms.count;
	second = (unsigned __int128)draft->terms.count * CRMG_NS_PER_SEC / draft->terms.per_ns;
	return second > bytes.min_burst ? second : bytes.min_burst;
}

/* Rate and burst together; false: said what is wrong. */
static bool check_terms(struct crmg_reader *r, const struct draft *draft)
{
	const struct crmg_terms *terms = &draft->terms;
	const char *which = draft->burst_given ? "the burst" : "the burst, by default the count,";

	if (terms->burst > BURST_MAX) {
		crmg_read_error(r, draft->rate_place, "%s is out of range; give a burst of at most "
				"1024Gi", which);
		return false;
	}
	if ((unsigned __int128)terms->burst * terms->per_ns >
	    (unsigned __int128)terms->count * BURST_MAX_NS) {
		crmg_read_error(r, draft->rate_place, "%s is worth more than 208 days of this "
				"rate; lower the burst or raise the rate", which);
		return false;
	}
	return true;
}

/* Where the limits of one scope go. */
struct scope {
	struct crmg_model_limit *limits;
	struct crmg_model_cap *caps;		/* NULL: not of this scope */
	struct crmg_model_bytes_out *bytes_out;
};

/* What is no limit of sources together. */
static void read_together(struct crmg_reader *r, const struct crmg_node *node)
{
	char what[64];

	snprintf(what, sizeof(what), "%.32s of sources together", node->key->text);
	crmg_read_not_yet(r, node->key->place, what);
}

static void read_limit(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int id)
{
	const struct scope *scope = target;
	struct crmg_model_limit *limit = &scope->limits[id];
	struct draft draft = { .scale = id == CRMG_LIMIT_BYTES ? &bytes : &counts };

	if (id >= CRMG_BUCKET_LIMITS && !scope->caps) {
		read_together(r, node);
		return;
	}
	crmg_read_keys(r, node, "a limit", rate_keys, &draft);
	if (!draft.has_rate || draft.burst_given != draft.has_burst)
		return;
	if (!draft.burst_given)
		draft.terms.burst = default_burst(&draft);
	if (check_terms(r, &draft))
		*limit = (struct crmg_model_limit){ true, draft.terms, node->key->place };
}

static void read_bytes_out(struct crmg_reader *r, const struct crmg_node *node, void *target,
			   unsigned int arg)
{
	struct scope *scope = target;

	(void)arg;
	crmg_read_bytes_out(r, node, scope->bytes_out);
}

static void read_max(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	const char *text = crmg_read_text(r, node, "a number");
	char most[CRMG_NUM_LEN];
	uint64_t max;

	(void)arg;
	if (!text)
		return;
	if (!crmg_parse_count(text, &max) && max >= 1 && max <= CRMG_CAP_MAX)
		((struct crmg_model_cap *)target)->max = max;
	else
		crmg_read_error(r, node->place, "max '%.64s' is not a number from 1 to %s", text,
				crmg_format_count(CRMG_CAP_MAX, most, sizeof(most)));
}

static const struct crmg_key cap_keys[] = {
	{ "max", read_max, 0, true },
};

/* id: CRMG_LIMIT_COUNT + enum crmg_cap */
static void read_cap(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int id)
{
	struct crmg_model_cap *caps = ((struct scope *)target)->caps;

	if (!caps) {
		read_together(r, node);
		return;
	}
	caps += id - CRMG_LIMIT_COUNT;
	crmg_read_keys(r, node, "a limit", cap_keys, caps);
	caps->place = node->key->place;
}

/* What is no limit by rate has an id of its own. */
#define BYTES_OUT_ID (CRMG_LIMIT_COUNT + CRMG_CAP_COUNT)

static const struct crmg_key limit_keys[] = {
#define X(ID, name, ...) { name, read_limit, CRMG_LIMIT_##ID, false },
	CRMG_LIMITS(X)
#undef X
#define X(ID, name, ...) { name, read_cap, CRMG_LIMIT_COUNT + CRMG_CAP_##ID, false },
	CRMG_CAPS(X)
#undef X
	{ "bytes_out", read_bytes_out, BYTES_OUT_ID, false },
};

void crmg_read_shared_limits(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_budget *budget)
{
	struct scope scope = { budget->limits, NULL, &budget->bytes_out };

	crmg_read_keys(r, node, "'limits'", limit_keys, &scope);
}

void crmg_read_source_limits(struct crmg_reader *r, const struct crmg_node *node,
			     struct crmg_model_policy *policy)
{
	struct scope scope = { policy->limits, policy->caps, &policy->bytes_out };

	crmg_read_keys(r, node, "'limits'", limit_keys, &scope);
}

/* The bit of a limit whose refusals can be strikes; 0: said what is wrong with its name. */
static uint32_t strike_bit(struct crmg_reader *r, const struct crmg_node *node)
{
	unsigned int ids[CRMG_ARRAY_SIZE(limit_keys)], choice;
	const char *names[CRMG_ARRAY_SIZE(limit_keys)];
	const struct crmg_key *other = NULL;
	char accepted[128] = "";
	size_t count = 0;

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(limit_keys); i++) {
		const struct crmg_key *key = &limit_keys[i];

		if (key->read && CRMG_STRIKE_LIMITS >> key->arg & 1) {
			crmg_list_add(accepted, sizeof(accepted), key->name);
			names[count] = key->name;
			ids[count++] = key->arg;
		} else if (node->kind == CRMG_NODE_WORD && !strcmp(key->name, node->text)) {
			other = key;
		}
	}
	if (!other)
		return crmg_read_choice(r, node, names, count, &choice) ? 1u << ids[choice] : 0;
	if (other->read && other->arg != CRMG_LIMIT_REQUESTS)
		crmg_read_error(r, node->place, "refusals by limit '%s' are no strikes: %s; "
				"accepted: %s", other->name, other->arg == BYTES_OUT_ID ?
				"it refuses what is sent to a source" :
				"it refuses SYNs, and those can be forged", accepted);
	else
		crmg_read_not_yet(r, node->place, other->name);
	return 0;
}

void crmg_read_strike_limits(struct crmg_reader *r, const struct crmg_node *node, uint32_t *ret)
{
	uint32_t limits = 0;
	bool right = true;

	if (!crmg_read_is_list(r, node, "a list of limits", CRMG_ARRAY_SIZE(limit_keys)))
		return;
	for (const struct crmg_node *entry = node->child; entry; entry = entry->next) {
		uint32_t bit = strike_bit(r, entry);

		if (limits & bit)
			crmg_read_error(r, entry->place, "limit '%s' is in this list twice",
					entry->text);
		right &= bit && !(limits & bit);
		limits |= bit;
	}
	if (right)
		*ret = limits;
}
