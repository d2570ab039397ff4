// SPDX-License-Identifier: GPL-2.0
/* days.c - the files of days: which there are, and which are too old. */
#include "days.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"

#define BEFORE "ledger-"

static const char *const after[] = {
#define AFTER(ID, end) end,
	CRMG_DAY_FILES(AFTER)
};

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

char *crmg_day_file(enum crmg_day_file kind, uint64_t day_ns, char buf[CRMG_DAY_FILE_LEN])
{
	char date[CRMG_DATE_LEN];

	snprintf(buf, CRMG_DAY_FILE_LEN, BEFORE "%s%s", crmg_format_date(day_ns, date), after[kind]);
	return buf;
}

static int day_of(const char *name, enum crmg_day_file kind, uint64_t *ret_ns)
{
	size_t length = strlen(BEFORE) + CRMG_DATE_LEN - 1;
	char date[CRMG_DATE_LEN];

	if (strlen(name) < length || strncmp(name, BEFORE, strlen(BEFORE)) != 0 ||
	    strcmp(name + length, after[kind]) != 0)
		return -EINVAL;
	crmg_copy(date, sizeof(date), name + strlen(BEFORE));
	return crmg_parse_date(date, ret_ns);
}

static int by_day(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int crmg_days(const struct crmg_state *state, enum crmg_day_file kind, uint64_t **ret,
	      size_t *ret_count, struct crmg_err *err)
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
		if (day_of(entry->d_name, kind, &day))
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

/* Days went by in the time of this clock, as they do not when it jumps. */
static bool is_settled(const uint64_t *days, size_t count, uint64_t now_ns)
{
	size_t whole = 0;

	for (size_t i = 0; i < count; i++)
		whole += days[i] + CRMG_DAY_NS <= now_ns && days[i] + 8 * CRMG_DAY_NS > now_ns;
	return whole >= 2;
}

static size_t expire(const struct crmg_state *state, enum crmg_day_file kind, const uint64_t *days,
		     size_t count, uint64_t before_ns, struct crmg_err *err)
{
	char name[CRMG_DAY_FILE_LEN];
	size_t removed = 0;

	for (size_t i = 0; i < count; i++)
		if (days[i] + CRMG_DAY_NS <= before_ns)
			removed += !crmg_state_remove(state, crmg_day_file(kind, days[i], name), err);
	return removed;
}

size_t crmg_days_expire(const struct crmg_state *state, uint64_t now_ns, uint64_t keep_ns,
			struct crmg_err *err)
{
	crmg_autofree uint64_t *days = NULL, *keys = NULL;
	size_t count = 0, key_count = 0;

	if (crmg_days(state, CRMG_DAY_RECORDS, &days, &count, err) ||
	    !is_settled(days, count, now_ns))
		return 0;
	/* Keys first: without them the rest is of nobody. */
	if (!crmg_days(state, CRMG_DAY_KEY, &keys, &key_count, err))
		expire(state, CRMG_DAY_KEY, keys, key_count, now_ns - keep_ns, err);
	return expire(state, CRMG_DAY_RECORDS, days, count, now_ns - keep_ns, err);
}
