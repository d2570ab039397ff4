// SPDX-License-Identifier: GPL-2.0
/*
 * book.c - the difference between two readings of the kernel's counters. Of each slot of the
 * source table and of each policy it knows what was counted the last time.
 */
#include <errno.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/rows.h"
#include "../report/text.h"
#include "kept.h"

/* Sources named in a record: a botnet must not fill the disk. */
#define SOURCES_MAX 16384

/* ------------------------------------------------------------- what is kept */

int crmg_ledger_policy_at(struct crmg_ledger_book *book, const char *service, const char *name)
{
	struct crmg_ledger_interval *kept = &book->kept;
	uint64_t key = crmg_hash(name, strlen(name), crmg_hash(service, strlen(service), 0));
	uint32_t at = crmg_map_find(&book->policy_index, key);
	struct crmg_ledger_policy *policy;

	if (at != CRMG_MAP_NONE)
		return (int)at;
	policy = crmg_grow(&kept->policies, &kept->policy_count, sizeof(*policy));
	if (!policy || !crmg_grow(&book->tallies, &book->tally_count, sizeof(*book->tallies)) ||
	    crmg_map_put(&book->policy_index, key, kept->policy_count - 1))
		return -ENOMEM;
	crmg_copy(policy->service, sizeof(policy->service), service);
	crmg_copy(policy->policy, sizeof(policy->policy), name);
	return (int)kept->policy_count - 1;
}

int crmg_ledger_go_on(struct crmg_ledger_book *book, const struct crmg_ledger_policy *policy,
		      const struct crmg_ledger_tally *tally)
{
	int at = crmg_ledger_policy_at(book, policy->service, policy->policy);

	if (at < 0)
		return at;
	book->kept.policies[at].counter = policy->counter;
	book->kept.policies[at].row = policy->row;
	/* What an apply ends was counted until then as it was. */
	book->kept.policies[at].estimated = tally->estimated;
	book->tallies[at].state = tally->state;
	book->tallies[at].estimated = tally->estimated;
	return 0;
}

/* Where a source is summed up; NULL in *ret: there is no place left for it. */
static int source_at(struct crmg_ledger_book *book, uint32_t policy, const char *client,
		     const struct crmg_pfx *prefix, struct crmg_ledger_source **ret)
{
	struct crmg_ledger_interval *kept = &book->kept;
	uint64_t key = crmg_hash(client, strlen(client),
				 crmg_hash(&prefix->addr, sizeof(prefix->addr),
					   (uint64_t)policy << 8 | prefix->len));
	uint32_t at = crmg_map_find(&book->source_index, key);
	struct crmg_ledger_source *source;

	*ret = NULL;
	if (at != CRMG_MAP_NONE) {
		source = &kept->sources[at];
		if (source->policy == policy && strcmp(source->client, client) == 0 &&
		    source->prefix.len == prefix->len &&
		    !crmg_addr_cmp(&source->prefix.addr, &prefix->addr))
			*ret = source;
		return 0;
	}
	if (kept->source_count == SOURCES_MAX)
		return 0;
	source = crmg_grow(&kept->sources, &kept->source_count, sizeof(*source));
	if (!source || crmg_map_put(&book->source_index, key, kept->source_count - 1))
		return -ENOMEM;
	source->policy = policy;
	source->prefix = *prefix;
	crmg_copy(source->client, sizeof(source->client), client);
	*ret = source;
	return 0;
}

/* ------------------------------------------------------------------ sources */

/* Of the image in force; or of the one before, if that is what the source was last judged by. */
static const struct crmg_label *label_of(const struct crmg_ledger_book *book,
					 const struct crmg_snapshot *snap,
					 const struct crmg_source_record *source)
{
	uint64_t resolved = source->slot.resolved;
	uint32_t binding = CRMG_SLOT_BINDING(resolved);

	if (CRMG_SLOT_GENERATION(resolved) == crmg_image_head(snap->image)->generation ||
	    CRMG_SLOT_GENERATION(resolved) != book->generation || !binding ||
	    binding > book->label_count)
		return crmg_source_label(snap, source);
	return &book->labels[binding - 1];
}

static int keep_labels(struct crmg_ledger_book *book, const struct crmg_image *image)
{
	uint32_t count = crmg_image_head(image)->bindings;
	struct crmg_label *labels = calloc(count + 1, sizeof(*labels));

	if (!labels)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		labels[i] = *crmg_image_label(image, i + 1);
	free(book->labels);
	book->labels = labels;
	book->label_count = count;
	book->generation = crmg_image_head(image)->generation;
	return 0;
}

static int add_source(struct crmg_ledger_book *book, const struct crmg_snapshot *snap,
		      const struct crmg_source_record *source,
		      const struct crmg_ledger_sums *sums)
{
	const struct crmg_label *label = label_of(book, snap, source);
	struct crmg_pfx prefix = crmg_ledger_shown(snap, &source->detail.addr);
	uint64_t first = crmg_tick_to_real(snap, source->detail.first_seen);
	uint64_t last = crmg_tick_to_real(snap, source->slot.last_seen);
	struct crmg_ledger_source *to;
	int policy = label ? crmg_ledger_policy_at(book, label->service, label->policy) : -ENOENT;
	int code;

	if (policy < 0)
		return policy == -ENOENT ? 0 : policy;
	code = source_at(book, policy, label->client, &prefix, &to);
	if (code || !to)
		return code;
	/* Of what is summed up here, nothing was before this record. */
	first = first > book->kept.from_ns ? first : book->kept.from_ns;
	to->first_ns = to->first_ns && to->first_ns < first ? to->first_ns : first;
	to->last_ns = to->last_ns > last ? to->last_ns : last;
	crmg_ledger_add(&to->sums, sums);
	crmg_ledger_add(&book->tallies[policy].named, sums);
	return 0;
}

int crmg_ledger_book_sources(struct crmg_ledger_book *book, const struct crmg_snapshot *snap)
{
	int code = 0;

	if (snap->capacity != book->capacity)
		return -EINVAL;
	for (uint32_t i = 0; !code && i < snap->capacity; i++) {
		struct crmg_source_record source;
		struct crmg_ledger_sums sums;
		unsigned int state;

		if (!crmg_tag_in_use(crmg_tag_state_of(snap, i)))
			continue;
		state = crmg_source_read(snap, i, &source);
		if (!state)
			continue;
		sums = crmg_ledger_since(&book->bases[i], &source);
		/* Of it a part may be in an earlier record already. */
		if (book->known_ns &&
		    crmg_tick_to_real(snap, source.detail.first_seen) <= book->known_ns)
			continue;
		/* The address of another one may be forged: who is named could be anybody. */
		if (!crmg_ledger_is_zero(&sums) && crmg_tag_is_proven(state))
			code = add_source(book, snap, &source, &sums);
	}
	book->known_ns = 0;
	return code;
}

/* ----------------------------------------------------------------- policies */

static struct crmg_ledger_sums row_sums(const struct crmg_row *row)
{
	return (struct crmg_ledger_sums){ {
		[CRMG_LEDGER_PACKETS] = crmg_row_sum(row->packets),
		[CRMG_LEDGER_BYTES] = crmg_row_sum(row->bytes),
		[CRMG_LEDGER_BYTES_OUT] = row->bytes_out,
		[CRMG_LEDGER_CONNECTIONS] = row->connections[CRMG_VERDICT_PASS],
		[CRMG_LEDGER_REQUESTS] = row->requests[CRMG_VERDICT_PASS],
		[CRMG_LEDGER_DROPPED] = crmg_row_dropped(row),
	} };
}

static enum crmg_ledger_state state_of(const struct crmg_binding *binding)
{
	switch (binding->mode) {
	case CRMG_MODE_SHADOW:
		return CRMG_LEDGER_STATE_SHADOW;
	case CRMG_MODE_OFF:
		return CRMG_LEDGER_STATE_OFF;
	default:
		return CRMG_LEDGER_STATE_ENFORCED;
	}
}

static bool is_anew(const struct crmg_ledger_sums *now, const struct crmg_ledger_sums *before)
{
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		if (now->of[i] < before->of[i])
			return true;
	return false;
}

static void add_policy(struct crmg_ledger_book *book, size_t at, struct crmg_ledger_sums now,
		       enum crmg_ledger_state state, bool estimated)
{
	struct crmg_ledger_policy *policy = &book->kept.policies[at];
	struct crmg_ledger_sums *named = &book->tallies[at].named, over = { 0 };
	bool anew = is_anew(&now, &policy->counter);

	for (int i = 0; i < CRMG_LEDGER_COUNT; i++) {
		uint64_t grown = now.of[i] - (anew ? 0 : policy->counter.of[i]);

		if (!book->blind && grown > named->of[i])
			policy->other.of[i] += grown - named->of[i];
		else if (!book->blind)
			over.of[i] = named->of[i] - grown;
	}
	policy->counter = now;
	policy->state = crmg_ledger_weaker(policy->state, state);
	policy->estimated |= estimated;
	*named = (struct crmg_ledger_sums){ 0 };
	book->tallies[at].over = over;
	book->tallies[at].state = state;
	book->tallies[at].estimated = estimated;
}

static bool is_taken(const struct crmg_ledger_book *book, uint32_t row)
{
	for (size_t i = 0; i < book->tally_count; i++)
		if (book->tallies[i].present && book->kept.policies[i].row == row)
			return true;
	return false;
}

/*
 * What a policy counted that an apply took away: its row is as it left it until the apply
 * after that one, which may give it another name. So it is read once.
 */
static void add_removed(struct crmg_ledger_book *book, size_t at, const struct crmg_snapshot *snap)
{
	struct crmg_ledger_policy *policy = &book->kept.policies[at];
	const struct crmg_ledger_tally *tally = &book->tallies[at];
	uint32_t generation = crmg_image_head(snap->image)->generation, row = policy->row;
	struct crmg_ledger_sums now;

	policy->row = 0;
	/* Or a rollback, to a smaller number, and what was applied after it. */
	if (!row || row >= snap->row_count || generation > book->generation + 1 ||
	    is_taken(book, row))
		return;
	now = row_sums(&snap->rows[row]);
	if (!is_anew(&now, &policy->counter))
		add_policy(book, at, now, tally->state, tally->estimated);
}

/*
 * What a source did before it went over to another policy, by an apply or the hours of its
 * client, may be named under the new one and was counted by the old: it is not of others there.
 * The same holds of a packet that is counted for its source and not yet for its policy.
 */
static void settle_over(struct crmg_ledger_book *book, size_t at)
{
	struct crmg_ledger_sums *over = &book->tallies[at].over;
	struct crmg_ledger_policy *policies = book->kept.policies;

	for (size_t p = 0; p < book->tally_count && !crmg_ledger_is_zero(over); p++) {
		if (strcmp(policies[p].service, policies[at].service) != 0)
			continue;
		for (int i = 0; i < CRMG_LEDGER_COUNT; i++) {
			uint64_t most = policies[p].other.of[i];
			uint64_t part = over->of[i] < most ? over->of[i] : most;

			policies[p].other.of[i] -= part;
			over->of[i] -= part;
		}
	}
	*over = (struct crmg_ledger_sums){ 0 };
}

int crmg_ledger_book_policies(struct crmg_ledger_book *book, const struct crmg_snapshot *snap,
			      enum crmg_ledger_state state)
{
	struct crmg_policy_rows rows = { 0 };
	int code = crmg_policy_rows(snap, &rows), at;

	for (size_t i = 0; i < book->tally_count; i++)
		book->tallies[i].present = false;
	for (size_t i = 0; !code && i < rows.count; i++) {
		const struct crmg_policy_row *row = &rows.items[i];

		at = crmg_ledger_policy_at(book, row->label->service, row->label->policy);
		if (at < 0) {
			code = at;
			break;
		}
		add_policy(book, at, row_sums(row->row), state_of(row->binding),
			   row->service && row->service->protocol == CRMG_PROTOCOL_TLS);
		book->kept.policies[at].row = row->binding->row;
		book->tallies[at].present = true;
	}
	crmg_policy_rows_free(&rows);
	for (size_t i = 0; !code && i < book->tally_count; i++)
		if (!book->tallies[i].present)
			add_removed(book, i, snap);
	for (size_t i = 0; !code && i < book->tally_count; i++)
		settle_over(book, i);
	if (!code && (!book->labels || book->generation != crmg_image_head(snap->image)->generation))
		code = keep_labels(book, snap->image);
	book->blind = false;
	/* Whoever was to be hidden when he was read stays so. */
	book->kept.pseudonyms |= crmg_image_head(snap->image)->addresses == CRMG_ADDRESSES_PSEUDONYM;
	book->kept.to_ns = snap->real_ns;
	book->kept.generation = book->generation;
	book->kept.state = crmg_ledger_weaker(book->kept.state, state);
	return code;
}

/* -------------------------------------------------------------------- write */

/* The next record, to be begun: policies that are in force stay, with what they counted. */
static int prepare_next(const struct crmg_ledger_book *book, struct crmg_ledger_book *ret)
{
	const struct crmg_ledger_interval *kept = &book->kept;
	int code = 0;

	*ret = (struct crmg_ledger_book){
		.kept = { .from_ns = kept->to_ns, .to_ns = kept->to_ns },
	};
	for (size_t i = 0; !code && i < kept->policy_count; i++)
		if (book->tallies[i].present)
			code = crmg_ledger_go_on(ret, &kept->policies[i], &book->tallies[i]);
	return code;
}

void crmg_ledger_kept_free(struct crmg_ledger_book *book)
{
	crmg_ledger_interval_clear(&book->kept);
	crmg_map_free(&book->policy_index);
	crmg_map_free(&book->source_index);
	free(book->tallies);
}

static void begin_next(struct crmg_ledger_book *book, const struct crmg_ledger_book *next)
{
	crmg_ledger_kept_free(book);
	book->kept = next->kept;
	book->policy_index = next->policy_index;
	book->source_index = next->source_index;
	book->tallies = next->tallies;
	book->tally_count = next->tally_count;
}

int crmg_ledger_book_write(struct crmg_ledger_book *book, const struct crmg_state *state,
			   struct crmg_ledger_mark *mark, struct crmg_err *err)
{
	struct crmg_ledger_book next;
	int code = prepare_next(book, &next);

	/* Once it is on the disk nothing may fail, or it would be counted again. */
	book->kept.seq = book->seq + 1;
	if (!code)
		code = crmg_ledger_append(state, &book->kept, err);
	if (code) {
		crmg_ledger_kept_free(&next);
		return code;
	}
	book->seq++;
	*mark = (struct crmg_ledger_mark){
		.to_ns = book->kept.to_ns, .seq = book->seq, .first = book->first,
	};
	begin_next(book, &next);
	return 0;
}

void crmg_ledger_book_unname(struct crmg_ledger_book *book)
{
	struct crmg_ledger_interval *kept = &book->kept;

	for (size_t i = 0; i < kept->source_count; i++)
		crmg_ledger_add(&kept->policies[kept->sources[i].policy].other, &kept->sources[i].sums);
	free(kept->sources);
	kept->sources = NULL;
	kept->source_count = 0;
	crmg_map_free(&book->source_index);
}

uint64_t crmg_ledger_book_from(const struct crmg_ledger_book *book)
{
	return book->kept.from_ns;
}
