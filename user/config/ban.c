/* SPDX-License-Identifier: GPL-2.0 */
/* ban.c - the mapping `ban` of a policy: when sources are banned, and for how long. */
#include <errno.h>

#include "../base/num.h"
#include "../base/util.h"
#include "reader.h"

#define MS_NS     (CRMG_NS_PER_SEC / 1000)
#define MINUTE_NS (60 * CRMG_NS_PER_SEC)
#define DAY_NS    (86400 * CRMG_NS_PER_SEC)

#define STRIKE_MS 100		/* the packet path counts at most one strike in so long */

/* A ban while it is read. A time of 0 is not known: it was wrong, or `max` is not there. */
struct draft {
	struct crmg_ban_terms terms;
	uint32_t strike_limits;
	uint64_t within_ns, for_ns, max_ns;
	struct crmg_place after_place, max_place;
};

static void read_after(struct crmg_reader *r, const struct crmg_node *node, void *target,
		       unsigned int arg)
{
	struct draft *draft = target;
	uint64_t after;

	(void)arg;
	draft->after_place = node->place;
	if (crmg_read_count(r, node, 1, 1000, &after))
		draft->terms.after = after;
	}

static void read_within(struct crmg_reader *r, const struct crmg_node *node, void *target,
			unsigned int arg)
{
	static const struct crmg_time_bounds bounds = { CRMG_NS_PER_SEC, 60 * MINUTE_NS, MS_NS };
	struct draft *draft = target;

	(void)arg;
	crmg_read_time(r, node, &bounds, &draft->within_ns);
}

static void read_for(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	static const struct crmg_time_bounds bounds = { CRMG_NS_PER_SEC, 30 * DAY_NS, CRMG_NS_PER_SEC };
	struct draft *draft = target;

	(void)arg;
	crmg_read_time(r, node, &bounds, &draft->for_ns);
}

static void read_max(struct crmg_reader *r, const struct crmg_node *node, void *target,
		     unsigned int arg)
{
	static const struct crmg_time_bounds bounds = { CRMG_NS_PER_SEC, 365 * DAY_NS, CRMG_NS_PER_SEC };
	struct draft *draft = target;

	(void)arg;
	draft->max_place = node->place;
	crmg_read_time(r, node, &bounds, &draft->max_ns);
}

static void read_factor(struct crmg_reader *r, const struct crmg_node *node, void *target,
			unsigned int arg)
{
	struct draft *draft = target;
	const char *text = crmg_read_text(r, node, "a number");
	uint64_t hundredths = 0;
	int error;

	(void)arg;
	if (!text)
		return;
	error = crmg_parse_hundredths(text, &hundredths);
	if (!error && hundredths >= 100 && hundredths <= 1000) {
		draft->terms.factor = ((hundredths << CRMG_BAN_FACTOR_SHIFT) + 50) / 100;
		return;
	}
	crmg_read_error(r, node->place, "'%.64s' is %s; accepted is 1 to 10, as 2, 1.5 or 1.25",
			text, error == -EINVAL ? "not such a number" : "out of range");
}

static void read_on(struct crmg_reader *r, const struct crmg_node *node, void *target,
		    unsigned int arg)
{
	struct draft *draft = target;

	(void)arg;
	crmg_read_strike_limits(r, node, &draft->strike_limits);
}

static const struct crmg_key ban_keys[] = {
	{ "after", read_after, 0, true },
	{ "within", read_within, 0, false },
	{ "for", read_for, 0, false },
	{ "factor", read_factor, 0, false },
	{ "max", read_max, 0, false },
	{ "on", read_on, 0, false },
};

/* Numbers that are right alone, together. */
static void check_terms(struct crmg_reader *r, const struct draft *draft)
{
	uint64_t most = draft->within_ns / (STRIKE_MS * MS_NS);
	char within[CRMG_NUM_LEN], first[CRMG_NUM_LEN];

	if (draft->within_ns && draft->terms.after > most)
		crmg_read_error(r, draft->after_place, "%u strikes cannot be reached within %s, "
				"where at most one in %d ms counts; accepted is 1 to %llu, or a "
				"longer 'within'", draft->terms.after,
				crmg_format_time(draft->within_ns, within, sizeof(within)),
				STRIKE_MS, (unsigned long long)most);
	if (draft->max_ns && draft->max_ns < draft->for_ns)
		crmg_read_error(r, draft->max_place, "'max' is shorter than the first ban; "
				"accepted is %s ('for') or longer",
				crmg_format_time(draft->for_ns, first, sizeof(first)));
}

void crmg_read_ban(struct crmg_reader *r, const struct crmg_node *node, void *target,
		   unsigned int arg)
{
	struct crmg_model_policy *policy = target;
	struct draft draft = {
		.terms.factor = 2 << CRMG_BAN_FACTOR_SHIFT,
		.within_ns = 10 * CRMG_NS_PER_SEC,
		.for_ns = 10 * MINUTE_NS,
	};

	(void)arg;
	crmg_read_keys(r, node, "'ban'", ban_keys, &draft);
	check_terms(r, &draft);
	if (!draft.max_ns)	/* who is banned for longer than a day at once needs no 'max' */
		draft.max_ns = draft.for_ns > DAY_NS ? draft.for_ns : DAY_NS;
	draft.terms.within_ms = draft.within_ns / MS_NS;
	draft.terms.for_s = draft.for_ns / CRMG_NS_PER_SEC;
	draft.terms.max_s = draft.max_ns / CRMG_NS_PER_SEC;
	policy->ban = (struct crmg_model_ban){
		true, draft.terms, draft.strike_limits, node->key->place,
	};
}
