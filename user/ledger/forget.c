// SPDX-License-Identifier: GPL-2.0
/* forget.c - writes the files of the ledger again, without a source. */
#include "forget.h"

#include <stdio.h>
#include <string.h>

#include "../base/util.h"
#include "pseudonym.h"

/* Who is to be forgotten on a day. */
struct subject {
	struct crmg_pfx source;
	struct crmg_day_key key;
	bool has_key;		/* if not, its pseudonyms are nobody's */
};

static bool is_meant(const struct subject *subject, const struct crmg_ledger_source *entry)
{
	const struct crmg_pseudonym pseudonym = { entry->prefix.addr, entry->check };
	struct crmg_pfx prefix = entry->prefix;

	if (entry->check &&
	    (!subject->has_key || crmg_pseudonym_open(&subject->key, &pseudonym, &prefix.addr)))
		return false;
	return crmg_prefixes_meet(&prefix, &subject->source);
}

/* Gives what the source did to the others of its policy; how many entries that were. */
static size_t drop_source(struct crmg_ledger_interval *interval, const struct subject *subject)
{
	size_t count = 0, dropped;

	for (size_t i = 0; i < interval->source_count; i++) {
		const struct crmg_ledger_source *entry = &interval->sources[i];

		if (is_meant(subject, entry))
			crmg_ledger_add(&interval->policies[entry->policy].other, &entry->sums);
		else
			interval->sources[count++] = *entry;
	}
	dropped = interval->source_count - count;
	interval->source_count = count;
	return dropped;
}

/* A line (without newline) goes to out, if any, as it is, without the source, or not at all. */
static int copy_line(const char *text, size_t size, const struct subject *subject, FILE *out,
		     struct crmg_ledger_forgotten *ret)
{
	struct crmg_ledger_interval interval;
	int code = crmg_ledger_parse(text, size, &interval);
	crmg_autofree char *line = NULL;
	size_t dropped;

	if (code == -EBADMSG) {
		ret->lines += size > 0;
		return 0;
	}
	if (code)
		return code;
	dropped = drop_source(&interval, subject);
	ret->entries += dropped;
	if (dropped && out)
		line = crmg_ledger_format(&interval);
	crmg_ledger_interval_clear(&interval);
	if (!out)
		return 0;
	if (dropped && !line)
		return -ENOMEM;
	if (dropped)
		fputs(line, out);
	else
		fprintf(out, "%.*s\n", (int)size, text);
	return 0;
}

static int copy_lines(const char *data, size_t size, const struct subject *subject, FILE *out,
		      struct crmg_ledger_forgotten *ret)
{
	const char *at = data, *end;
	int code = 0;

	for (; !code && at < data + size; at = end + 1) {
		end = memchr(at, '\n', data + size - at);
		if (!end)
			end = data + size;
		code = copy_line(at, end - at, subject, out, ret);
	}
	return code;
}

/* What a day has of the subject, and a copy without it. -ENOENT, not said: there is no such day. */
static int read_day(const struct crmg_state *state, const char *name, const struct subject *subject,
		    FILE *out, struct crmg_ledger_forgotten *ret, struct crmg_err *err)
{
	crmg_autofree char *data = NULL;
	size_t size;
	int code = crmg_state_read(state, name, 2 * CRMG_LEDGER_DAY_MAX, &data, &size, err);

	*ret = (struct crmg_ledger_forgotten){ 0 };
	return code ? code : copy_lines(data, size, subject, out, ret);
}

static int write_day(const struct crmg_state *state, const char *name,
		     const struct subject *subject, struct crmg_ledger_forgotten *ret,
		     struct crmg_err *err)
{
	crmg_autofree char *copy = NULL;
	size_t copied;
	FILE *out = open_memstream(&copy, &copied);
	int code;

	if (!out)
		return -ENOMEM;
	code = read_day(state, name, subject, out, ret, err);
	if (fclose(out) && !code)
		code = -ENOMEM;
	return !code && (ret->entries || ret->lines) ?
	       crmg_state_write(state, name, copy, copied, err) : code;
}

/*
 * Looked at before the lock is taken: of most days there is nothing to write, and a daemon that
 * waits for the lock is ended as one that hangs (WatchdogSec).
 */
static int forget_day(const struct crmg_state *state, uint64_t day_ns,
		      const struct crmg_pfx *source, struct crmg_ledger_forgotten *ret,
		      struct crmg_err *err)
{
	struct crmg_ledger_forgotten found = { 0 };
	struct subject subject = { .source = *source };
	char name[CRMG_DAY_FILE_LEN];
	crmg_autoclose int lock = -1;
	int code = crmg_day_key_read(state, day_ns, &subject.key, err);

	subject.has_key = !code;
	crmg_day_file(CRMG_DAY_RECORDS, day_ns, name);
	if (!code || code == -ENOENT)
		code = read_day(state, name, &subject, NULL, &found, err);
	if (code)
		return code == -ENOENT ? 0 : code;
	lock = crmg_state_lock(state, CRMG_LEDGER_LOCK, err);
	if (lock < 0)
		return lock;
	/* Of one that was killed here names may be left. */
	crmg_state_discard(state, name);
	if (found.entries || found.lines)
		code = write_day(state, name, &subject, &found, err);
	/* Too old, and removed meanwhile. */
	if (code == -ENOENT)
		return 0;
	if (!code) {
		ret->entries += found.entries;
		ret->lines += found.lines;
	}
	return code;
}

int crmg_ledger_forget(const struct crmg_state *state, const struct crmg_pfx *source,
		       struct crmg_ledger_forgotten *ret, struct crmg_err *err)
{
	crmg_autofree uint64_t *days = NULL;
	size_t count;
	int code = crmg_days(state, CRMG_DAY_RECORDS, &days, &count, err);

	*ret = (struct crmg_ledger_forgotten){ 0 };
	for (size_t i = 0; !code && i < count; i++)
		code = forget_day(state, days[i], source, ret, err);
	return code;
}
