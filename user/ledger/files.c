// SPDX-License-Identifier: GPL-2.0
/* files.c - a file of records for each day. */
#include "files.h"

#include <fcntl.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "pseudonym.h"

/* More than the longest record: where the last one of a file is looked for. */
#define TAIL_MAX (16 << 20)

/* ------------------------------------------------------------------ writing */

/* What is to be put before the next line: an end for one that was only begun. */
static int look_at_end(const struct crmg_state *state, const char *name, size_t *ret_size,
		       const char **ret, struct crmg_err *err)
{
	crmg_autoclose int fd = crmg_state_file(state, name, ret_size, err);
	char last = '\n';

	*ret = "";
	if (fd < 0) {
		*ret_size = 0;
		return fd == -ENOENT ? 0 : fd;
	}
	if (*ret_size && pread(fd, &last, 1, (off_t)*ret_size - 1) != 1)
		return crmg_err_set(err, -EIO, "%s/%s cannot be read", state->path, name);
	if (last != '\n')
		*ret = "\n";
	return 0;
}

/* The record without its sources: they are in `other` of their policies. */
static char *format_short(const struct crmg_ledger_interval *interval)
{
	struct crmg_ledger_interval copy = *interval;
	char *line = NULL;

	copy.source_count = 0;
	copy.policies = calloc(copy.policy_count + 1, sizeof(*copy.policies));
	if (copy.policies) {
		memcpy(copy.policies, interval->policies,
		       copy.policy_count * sizeof(*copy.policies));
		for (size_t i = 0; i < interval->source_count; i++)
			crmg_ledger_add(&copy.policies[interval->sources[i].policy].other,
					&interval->sources[i].sums);
		line = crmg_ledger_format(&copy);
	}
	free(copy.policies);
	return line;
}

/* The sources under the key of the day; the array is the caller's. */
static int hide_sources(const struct crmg_state *state,
			const struct crmg_ledger_interval *interval,
			struct crmg_ledger_source **ret, struct crmg_err *err)
{
	struct crmg_ledger_source *sources;
	struct crmg_day_key key;
	int code = crmg_day_key_get(state, crmg_ledger_day(interval), &key, err);

	if (code)
		return code;
	sources = calloc(interval->source_count, sizeof(*sources));
	if (!sources)
		return -ENOMEM;
	for (size_t i = 0; i < interval->source_count; i++) {
		struct crmg_pseudonym pseudonym;

		sources[i] = interval->sources[i];
		pseudonym = crmg_pseudonym_of(&key, &sources[i].prefix.addr);
		sources[i].prefix.addr = pseudonym.addr;
		sources[i].check = pseudonym.check;
	}
	*ret = sources;
	return 0;
}

int crmg_ledger_append(const struct crmg_state *state,
		       const struct crmg_ledger_interval *interval, struct crmg_err *err)
{
	crmg_autofree struct crmg_ledger_source *hidden = NULL;
	struct crmg_ledger_interval told = *interval;
	char name[CRMG_DAY_FILE_LEN];
	crmg_autofree char *line = NULL, *text = NULL;
	const char *before;
	size_t size;
	int code = look_at_end(state, crmg_day_file(CRMG_DAY_RECORDS, crmg_ledger_day(interval), name),
			       &size, &before, err);

	if (!code && interval->pseudonyms && interval->source_count) {
		code = hide_sources(state, interval, &hidden, err);
		told.sources = hidden;
	}
	if (code)
		return code;
	line = crmg_ledger_format(&told);
	if (line && size + strlen(line) > CRMG_LEDGER_DAY_MAX) {
		free(line);
		line = format_short(interval);
	}
	if (!line || asprintf(&text, "%s%s", before, line) < 0) {
		text = NULL;
		return -ENOMEM;
	}
	return crmg_state_append(state, name, text, strlen(text), err);
}

/* ------------------------------------------------------------------ reading */

struct reading {
	crmg_ledger_visit *visit;
	void *context;
	struct crmg_ledger_damage *damage;
};

static int read_line(const struct reading *reading, const char *name, size_t number,
		     const char *text, size_t size)
{
	struct crmg_ledger_interval interval;
	int code = crmg_ledger_parse(text, size, &interval);

	if (code == -EBADMSG) {
		if (!reading->damage->lines++) {
			crmg_copy(reading->damage->first, sizeof(reading->damage->first), name);
			reading->damage->line = number;
		}
		return 0;
	}
	if (!code) {
		code = reading->visit(&interval, reading->context);
		crmg_ledger_interval_clear(&interval);
	}
	return code;
}

/* The file of a day; or its end alone, from the begin of a line on. */
static int read_day(const struct crmg_state *state, uint64_t day_ns, bool end,
		    const struct reading *reading, struct crmg_err *err)
{
	char name[CRMG_DAY_FILE_LEN];
	size_t size = 0;
	int fd = crmg_state_file(state, crmg_day_file(CRMG_DAY_RECORDS, day_ns, name), &size, err);
	crmg_autofclose FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	crmg_autofree char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t length;
	bool unread;
	int code = 0;

	if (!file) {
		if (fd >= 0)
			close(fd);
		return fd == -ENOENT ? 0 : fd < 0 ? fd : -ENOMEM;
	}
	/* The line in the middle of which the end begins is left out. */
	unread = end && size > TAIL_MAX && (fseeko(file, (off_t)size - TAIL_MAX, SEEK_SET) ||
					    getline(&line, &room, file) < 0);
	while (!code && !unread && (length = getline(&line, &room, file)) > 0) {
		number++;
		/* The end of a line that was only begun. */
		length -= line[length - 1] == '\n';
		code = read_line(reading, name, number, line, length);
	}
	return !code && (unread || ferror(file)) ?
	       crmg_err_set(err, -EIO, "%s/%s cannot be read", state->path, name) : code;
}

int crmg_ledger_read(const struct crmg_state *state, uint64_t from_ns, uint64_t to_ns,
		     crmg_ledger_visit *visit, void *context, struct crmg_ledger_damage *ret,
		     struct crmg_err *err)
{
	const struct reading reading = { .visit = visit, .context = context, .damage = ret };
	crmg_autofree uint64_t *days = NULL;
	size_t count;
	int code = crmg_days(state, CRMG_DAY_RECORDS, &days, &count, err);

	*ret = (struct crmg_ledger_damage){ 0 };
	for (size_t i = 0; !code && i < count; i++)
		if (days[i] + CRMG_DAY_NS > from_ns && days[i] <= to_ns)
			code = read_day(state, days[i], false, &reading, err);
	return code;
}

static int keep_last(const struct crmg_ledger_interval *interval, void *context)
{
	struct crmg_ledger_interval *last = context;
	struct crmg_ledger_policy *policies;

	if (interval->seq < last->seq)
		return 0;
	policies = calloc(interval->policy_count + 1, sizeof(*policies));
	if (!policies)
		return -ENOMEM;
	if (interval->policy_count)
		memcpy(policies, interval->policies, interval->policy_count * sizeof(*policies));
	crmg_ledger_interval_clear(last);
	*last = *interval;
	last->policies = policies;
	last->sources = NULL;
	last->source_count = 0;
	return 0;
}

int crmg_ledger_last(const struct crmg_state *state, uint64_t now_ns, uint32_t seq,
		     struct crmg_ledger_interval *ret, struct crmg_err *err)
{
	struct crmg_ledger_interval last = { 0 };
	struct crmg_ledger_damage damage = { 0 };
	const struct reading reading = { .visit = keep_last, .context = &last, .damage = &damage };
	crmg_autofree uint64_t *days = NULL;
	size_t count;
	int code = crmg_days(state, CRMG_DAY_RECORDS, &days, &count, err);

	/* A day without a whole record tells nothing: the one before does. */
	while (!code && count && (!last.seq || last.seq < seq || days[count] > now_ns))
		code = read_day(state, days[--count], true, &reading, err);
	if (!code && !last.seq)
		code = -ENOENT;
	if (code)
		crmg_ledger_interval_clear(&last);
	else
		*ret = last;
	return code;
}
