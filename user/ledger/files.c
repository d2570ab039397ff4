// SPDX-License-Identifier: GPL-2.0
/* files.c - a file of records for each day. */
#include "files.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"

#define BEFORE "ledger-"
#define AFTER  ".jsonl"

/* More than the longest record: where the last one of a file is looked for. */
#define TAIL_MAX (16 << 20)

int crmg_parse_date(const char *text, uint64_t *ret_real_ns)
{
	char time[CRMG_TIME_LEN];

	if (strlen(text) != CRMG_DATE_LEN - 1)
		return -EINVAL;
	snprintf(time, sizeof(time), "%sT00:00:00Z", text);
	return crmg_parse_utc(time, ret_real_ns);
}

char *crmg_format_date(uint64_t real_ns, char buf[CRMG_DATE_LEN])
{
	char time[CRMG_TIME_LEN];

	crmg_copy(buf, CRMG_DATE_LEN, crmg_format_utc(real_ns, false, time, sizeof(time)));
	return buf;
}

uint64_t crmg_ledger_day(const struct crmg_ledger_interval *interval)
{
	bool is_long = interval->to_ns > interval->from_ns + CRMG_DAY_NS;
	uint64_t at = is_long ? interval->to_ns - 1 : interval->from_ns;

	return at / CRMG_DAY_NS * CRMG_DAY_NS;
}

char *crmg_ledger_file(uint64_t day_ns, char buf[sizeof(CRMG_LEDGER_NAME)])
{
	char date[CRMG_DATE_LEN];

	snprintf(buf, sizeof(CRMG_LEDGER_NAME), BEFORE "%s" AFTER, crmg_format_date(day_ns, date));
	return buf;
}

static int day_of(const char *name, uint64_t *ret_ns)
{
	char date[CRMG_DATE_LEN];

	if (strlen(name) != sizeof(CRMG_LEDGER_NAME) - 1 ||
	    strncmp(name, BEFORE, strlen(BEFORE)) != 0 ||
	    strcmp(name + strlen(BEFORE) + CRMG_DATE_LEN - 1, AFTER) != 0)
		return -EINVAL;
	crmg_copy(date, sizeof(date), name + strlen(BEFORE));
	return crmg_parse_date(date, ret_ns);
}

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

int crmg_ledger_append(const struct crmg_state *state,
		       const struct crmg_ledger_interval *interval, struct crmg_err *err)
{
	char name[sizeof(CRMG_LEDGER_NAME)];
	crmg_autofree char *line = crmg_ledger_format(interval);
	crmg_autofree char *text = NULL;
	const char *before;
	size_t size;
	int code = line ? look_at_end(state, crmg_ledger_file(crmg_ledger_day(interval), name), &size,
				      &before, err) : -ENOMEM;

	if (code)
		return code;
	if (size + strlen(line) > CRMG_LEDGER_DAY_MAX) {
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

static int by_day(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int crmg_ledger_days(const struct crmg_state *state, uint64_t **ret, size_t *ret_count,
		     struct crmg_err *err)
{
	int fd = openat(state->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), code;
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	uint64_t day, *days = NULL, *grown;
	size_t count = 0;

	if (!dir) {
		code = -errno;
		if (fd >= 0)
			close(fd);
		return crmg_err_set(err, code, "%s: %s", state->path, strerror(-code));
	}
	while ((entry = readdir(dir))) {
		if (day_of(entry->d_name, &day))
			continue;
		grown = crmg_grow(&days, &count, sizeof(*days));
		if (!grown)
			break;
		*grown = day;
	}
	closedir(dir);
	if (entry) {
		free(days);
		return -ENOMEM;
	}
	if (count)
		qsort(days, count, sizeof(*days), by_day);
	*ret = days;
	*ret_count = count;
	return 0;
}

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
	char name[sizeof(CRMG_LEDGER_NAME)];
	size_t size = 0;
	int fd = crmg_state_file(state, crmg_ledger_file(day_ns, name), &size, err), code = 0;
	crmg_autofclose FILE *file = fd < 0 ? NULL : fdopen(fd, "re");
	crmg_autofree char *line = NULL;
	size_t room = 0, number = 0;
	ssize_t length;
	bool unread;

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
	int code = crmg_ledger_days(state, &days, &count, err);

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
	int code = crmg_ledger_days(state, &days, &count, err);

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

/* Days went by in the time of this clock, as they do not when it jumps. */
static bool is_settled(const uint64_t *days, size_t count, uint64_t now_ns)
{
	size_t whole = 0;

	for (size_t i = 0; i < count; i++)
		whole += days[i] + CRMG_DAY_NS <= now_ns && days[i] + 8 * CRMG_DAY_NS > now_ns;
	return whole >= 2;
}

size_t crmg_ledger_expire(const struct crmg_state *state, uint64_t now_ns, uint64_t keep_ns,
			  struct crmg_err *err)
{
	char name[sizeof(CRMG_LEDGER_NAME)];
	crmg_autofree uint64_t *days = NULL;
	size_t count = 0, removed = 0;

	if (crmg_ledger_days(state, &days, &count, err) || !is_settled(days, count, now_ns))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (days[i] + CRMG_DAY_NS + keep_ns <= now_ns)
			removed += !crmg_state_remove(state, crmg_ledger_file(days[i], name), err);
	return removed;
}
