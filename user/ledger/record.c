// SPDX-License-Identifier: GPL-2.0
/* record.c - a record of the ledger to its line, and back. */
#include "record.h"

#include <errno.h>
#include <string.h>

#include "../base/util.h"
#include "../report/text.h"
#include "../state/sealed.h"
#include "pseudonym.h"

static const char *const keys[] = {
#define KEY(ID, key, ...) key,
	CRMG_LEDGER_COUNTS(KEY)
};

static const char *const states[] = {
#define NAME(ID, name, ...) name,
	CRMG_LEDGER_STATES(NAME)
};

const char *crmg_ledger_state_name(enum crmg_ledger_state state)
{
	return states[state];
}

static int state_from(const char *name, enum crmg_ledger_state *ret)
{
	for (unsigned int i = 0; name && i < CRMG_LEDGER_STATE_COUNT; i++) {
		if (strcmp(states[i], name) == 0) {
			*ret = i;
			return 0;
		}
	}
	return -EBADMSG;
}

void crmg_ledger_interval_clear(struct crmg_ledger_interval *interval)
{
	free(interval->policies);
	free(interval->sources);
	*interval = (struct crmg_ledger_interval){ 0 };
}

void crmg_ledger_add(struct crmg_ledger_sums *to, const struct crmg_ledger_sums *from)
{
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		to->of[i] += from->of[i];
}

bool crmg_ledger_is_zero(const struct crmg_ledger_sums *sums)
{
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		if (sums->of[i])
			return false;
	return true;
}

uint64_t crmg_ledger_day(const struct crmg_ledger_interval *interval)
{
	bool is_long = interval->to_ns > interval->from_ns + CRMG_DAY_NS;
	uint64_t at = is_long ? interval->to_ns - 1 : interval->from_ns;

	return at / CRMG_DAY_NS * CRMG_DAY_NS;
}

/* ------------------------------------------------------------------ to text */

void crmg_ledger_sums_json(json_t *object, const struct crmg_ledger_sums *sums)
{
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		if (sums->of[i])
			json_object_set_new(object, keys[i], crmg_json_count(sums->of[i]));
}

static json_t *sums_object(const struct crmg_ledger_sums *sums)
{
	json_t *object = json_object();

	crmg_ledger_sums_json(object, sums);
	return object;
}

/* "source", or "pseudonym" and the "length" of the prefix that it stands for. */
static void add_prefix(json_t *object, const struct crmg_ledger_source *source, uint64_t day_ns)
{
	const struct crmg_pseudonym pseudonym = { source->prefix.addr, source->check };
	char prefix[CRMG_ADDR_LEN], text[CRMG_PSEUDONYM_LEN];

	if (!source->check) {
		json_object_set_new(object, "source", json_string(
			crmg_format_prefix(&source->prefix.addr, source->prefix.len, prefix,
					   sizeof(prefix))));
		return;
	}
	json_object_set_new(object, "pseudonym",
			    json_string(crmg_format_pseudonym(day_ns, &pseudonym, text)));
	json_object_set_new(object, "length", json_integer(source->prefix.len));
}

static json_t *source_json(const struct crmg_ledger_source *source, uint64_t day_ns)
{
	json_t *object = json_object();

	add_prefix(object, source, day_ns);
	json_object_set_new(object, "client", json_string(source->client));
	json_object_set_new(object, "first_seen", crmg_json_time(source->first_ns));
	json_object_set_new(object, "last_seen", crmg_json_time(source->last_ns));
	crmg_ledger_sums_json(object, &source->sums);
	return object;
}

static json_t *policy_json(const struct crmg_ledger_policy *policy)
{
	return json_pack("{s:s, s:s, s:s, s:b, s:o, s:o, s:I, s:[]}",
			 "service", policy->service, "policy", policy->policy,
			 "state", states[policy->state], "estimated", policy->estimated,
			 "other", sums_object(&policy->other),
			 "counter", sums_object(&policy->counter),
			 "row", (json_int_t)policy->row,
			 "sources");
}

/* Those that have something to tell. */
static json_t *policies_json(const struct crmg_ledger_interval *interval)
{
	crmg_autofree json_t **all = calloc(interval->policy_count + 1, sizeof(json_t *));
	json_t *told = json_array();
	size_t i;

	if (!all)
		return NULL;
	for (i = 0; i < interval->policy_count; i++)
		all[i] = policy_json(&interval->policies[i]);
	for (i = 0; i < interval->source_count; i++)
		json_array_append_new(json_object_get(all[interval->sources[i].policy], "sources"),
				      source_json(&interval->sources[i],
						  crmg_ledger_day(interval)));
	for (i = 0; i < interval->policy_count; i++) {
		const struct crmg_ledger_policy *policy = &interval->policies[i];

		if (!crmg_ledger_is_zero(&policy->other) ||
		    !crmg_ledger_is_zero(&policy->counter) ||
		    json_array_size(json_object_get(all[i], "sources")))
			json_array_append(told, all[i]);
		json_decref(all[i]);
	}
	return told;
}

static json_t *interval_json(const struct crmg_ledger_interval *interval)
{
	return json_pack("{s:I, s:o, s:o, s:s, s:I, s:o}",
			 "seq", (json_int_t)interval->seq,
			 "from", crmg_json_time(interval->from_ns),
			 "to", crmg_json_time(interval->to_ns),
			 "state", states[interval->state],
			 "generation", (json_int_t)interval->generation,
			 "policies", policies_json(interval));
}

char *crmg_ledger_format(const struct crmg_ledger_interval *interval)
{
	uint8_t hash[CRMG_SHA256_SIZE];
	json_t *json = interval_json(interval);
	char *line = crmg_seal(json, hash);

	json_decref(json);
	return line;
}

/* ---------------------------------------------------------------- from text */

static int read_number(const json_t *json, const char *key, uint64_t max, uint64_t *ret)
{
	const json_t *value = json_object_get(json, key);
	json_int_t number = json_integer_value(value);

	if (value && (!json_is_integer(value) || number < 0 || (uint64_t)number > max))
		return -EBADMSG;
	*ret = number;
	return 0;
}

static int read_time(const json_t *json, const char *key, uint64_t *ret)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text && !crmg_parse_utc(text, ret) ? 0 : -EBADMSG;
}

static int read_name(const json_t *json, const char *key, char ret[CRMG_NAME_LEN])
{
	const char *text = json_string_value(json_object_get(json, key));

	if (!text || strlen(text) >= CRMG_NAME_LEN)
		return -EBADMSG;
	crmg_copy(ret, CRMG_NAME_LEN, text);
	return 0;
}

static int read_state(const json_t *json, enum crmg_ledger_state *ret)
{
	return state_from(json_string_value(json_object_get(json, "state")), ret);
}

static int read_sums(const json_t *json, struct crmg_ledger_sums *ret)
{
	for (int i = 0; i < CRMG_LEDGER_COUNT; i++)
		if (read_number(json, keys[i], INT64_MAX, &ret->of[i]))
			return -EBADMSG;
	return 0;
}

static int read_pseudonym(const json_t *json, const char *text, uint64_t day_ns,
			  struct crmg_ledger_source *ret)
{
	struct crmg_pseudonym pseudonym;
	uint64_t day, len;

	if (crmg_parse_pseudonym(text, &day, &pseudonym) || day != day_ns ||
	    read_number(json, "length", 128, &len))
		return -EBADMSG;
	ret->prefix = (struct crmg_pfx){ .addr = pseudonym.addr, .len = (uint8_t)len };
	ret->check = pseudonym.check;
	return 0;
}

static int read_prefix(const json_t *json, uint64_t day_ns, struct crmg_ledger_source *ret)
{
	const char *pseudonym = json_string_value(json_object_get(json, "pseudonym"));
	const char *prefix = json_string_value(json_object_get(json, "source")), *why;

	if (pseudonym)
		return read_pseudonym(json, pseudonym, day_ns, ret);
	return prefix ? crmg_parse_prefix(prefix, &ret->prefix, &why) : -EBADMSG;
}

static int read_source(const json_t *json, uint64_t day_ns, struct crmg_ledger_source *ret)
{
	return !read_prefix(json, day_ns, ret) &&
	       !read_name(json, "client", ret->client) && !read_sums(json, &ret->sums) &&
	       !read_time(json, "first_seen", &ret->first_ns) &&
	       !read_time(json, "last_seen", &ret->last_ns) ? 0 : -EBADMSG;
}

static int read_policy(const json_t *json, struct crmg_ledger_interval *interval)
{
	struct crmg_ledger_policy *policy = crmg_grow(&interval->policies, &interval->policy_count,
						      sizeof(*policy));
	const json_t *sources = json_object_get(json, "sources"), *item;
	struct crmg_ledger_source *source;
	uint64_t row;
	size_t i;

	if (!policy)
		return -ENOMEM;
	if (read_name(json, "service", policy->service) ||
	    read_name(json, "policy", policy->policy) || read_state(json, &policy->state) ||
	    read_sums(json_object_get(json, "other"), &policy->other) ||
	    read_sums(json_object_get(json, "counter"), &policy->counter) ||
	    read_number(json, "row", UINT32_MAX, &row))
		return -EBADMSG;
	policy->row = row;
	policy->estimated = json_is_true(json_object_get(json, "estimated"));
	json_array_foreach(sources, i, item) {
		source = crmg_grow(&interval->sources, &interval->source_count, sizeof(*source));
		if (!source)
			return -ENOMEM;
		source->policy = interval->policy_count - 1;
		if (read_source(item, crmg_ledger_day(interval), source))
			return -EBADMSG;
	}
	return 0;
}

static int read_interval(const json_t *json, struct crmg_ledger_interval *interval)
{
	const json_t *item;
	uint64_t seq, generation;
	size_t i;
	int code = 0;

	if (read_number(json, "seq", UINT32_MAX, &seq) || !seq ||
	    read_number(json, "generation", UINT32_MAX, &generation) ||
	    read_time(json, "from", &interval->from_ns) || read_time(json, "to", &interval->to_ns) ||
	    read_state(json, &interval->state))
		return -EBADMSG;
	interval->seq = seq;
	interval->generation = generation;
	json_array_foreach(json_object_get(json, "policies"), i, item)
		if (!code)
			code = read_policy(item, interval);
	return code;
}

int crmg_ledger_parse(const char *text, size_t size, struct crmg_ledger_interval *ret)
{
	struct crmg_ledger_interval interval = { 0 };
	uint8_t hash[CRMG_SHA256_SIZE];
	json_t *json;
	int code = crmg_unseal(text, size, &json, hash);

	if (code)
		return code;
	code = read_interval(json, &interval);
	json_decref(json);
	if (code)
		crmg_ledger_interval_clear(&interval);
	else
		*ret = interval;
	return code;
}
