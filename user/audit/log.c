// SPDX-License-Identifier: GPL-2.0
/*
 * log.c - adds to the audit log. Nothing in it is ever changed or taken away; what is
 * wrong with its end is told by the entry that follows.
 */
#include "log.h"

#include <string.h>

#include "../base/util.h"
#include "who.h"

/* How far back the entry that the kernel knows is looked for: more than one command adds. */
#define TAIL_MAX (1 << 20)

/* The end of the log, as it is found. */
struct tail {
	struct crmg_audit_head head;	/* of the last entry */
	bool purged;		/* that entry is CRMG_AUDIT_PURGE */
	bool marked;		/* the entry that the kernel knows was seen, as it was */
	bool odd;		/* a whole line at the end is no entry */
	size_t torn;		/* bytes behind the last newline */
	bool complete;		/* they are an entry, of which only the newline is missing */
	uint8_t torn_hash[CRMG_AUDIT_HASH];
};

static void read_tail_line(const char *text, size_t size, const struct crmg_audit_mark *mark,
			   struct tail *ret)
{
	struct crmg_audit_line line;

	ret->odd = crmg_audit_parse(text, size, &line) < 0;
	if (ret->odd)
		return;
	ret->head = line.head;
	ret->purged = strcmp(line.what, crmg_audit_word(CRMG_AUDIT_PURGE)) == 0;
	if (mark && line.head.seq == mark->seq)
		ret->marked = crmg_audit_mark_fits(mark, &line.head);
	json_decref(line.json);
}

/* The file's last TAIL_MAX bytes, from the begin of a line on. */
static int load_tail(const struct crmg_state *state, char **ret, size_t *ret_size,
		     struct crmg_err *err)
{
	size_t size, skip, length;
	crmg_autoclose int fd = crmg_state_file(state, CRMG_AUDIT_FILE, &size, err);
	crmg_autofree char *data = NULL;
	const char *newline;
	ssize_t got;

	*ret_size = 0;
	if (fd < 0)
		return fd == -ENOENT ? 0 : fd;
	length = size < TAIL_MAX ? size : TAIL_MAX;
	data = malloc(length + 1);
	if (!data)
		return -ENOMEM;
	got = pread(fd, data, length, (off_t)(size - length));
	if (got != (ssize_t)length)
		return crmg_err_set(err, -EIO, "cannot read %s/" CRMG_AUDIT_FILE ": %s",
				    state->path, got < 0 ? strerror(errno) : "it became shorter");
	newline = size > length ? memchr(data, '\n', length) : NULL;
	skip = newline ? (size_t)(newline + 1 - data) : 0;
	memmove(data, data + skip, length - skip);
	*ret = data;
	data = NULL;
	*ret_size = length - skip;
	return 0;
}

static int read_tail(const struct crmg_state *state, const struct crmg_audit_mark *mark,
		     struct tail *ret, struct crmg_err *err)
{
	crmg_autofree char *data = NULL;
	const char *at, *end;
	size_t size;
	int code = load_tail(state, &data, &size, err);

	*ret = (struct tail){ 0 };
	if (code < 0 || !size)
		return code;
	for (at = data; (end = memchr(at, '\n', data + size - at)); at = end + 1)
		read_tail_line(at, end - at, mark, ret);
	ret->torn = data + size - at;
	if (ret->torn) {
		bool odd = ret->odd;

		read_tail_line(at, ret->torn, mark, ret);
		ret->complete = !ret->odd;
		ret->odd = odd;
		crmg_sha256(at, ret->torn, ret->torn_hash);
	}
	return 0;
}

/* What is to be added: lines of a chain. */
struct text {
	char *data;
	size_t size;
	struct crmg_audit_head head;
	json_t *who;
};

static int add(struct text *text, const struct crmg_audit_entry *entry)
{
	crmg_autofree char *line = crmg_audit_format(entry, text->who, &text->head);
	size_t length = line ? strlen(line) : 0;
	char *data = line ? realloc(text->data, text->size + length + 1) : NULL;

	if (!data)
		return -ENOMEM;
	memcpy(data + text->size, line, length + 1);
	text->data = data;
	text->size += length;
	return 0;
}

static int add_mark(struct text *text, enum crmg_audit_mark_id id, uint32_t missing,
		    const char *format, ...) __attribute__((format(printf, 4, 5)));

static int add_mark(struct text *text, enum crmg_audit_mark_id id, uint32_t missing,
		    const char *format, ...)
{
	struct crmg_audit_entry entry = {
		.missing = missing, .real_ns = crmg_clock_ns(CLOCK_REALTIME),
	};
	va_list args;

	crmg_copy(entry.what, sizeof(entry.what), crmg_audit_word(id));
	va_start(args, format);
	vsnprintf(entry.details, sizeof(entry.details), format, args);
	va_end(args);
	return add(text, &entry);
}

/* A line that was only begun is kept, ended, and vouched for by the entry behind it. */
static int add_torn(struct text *text, const struct tail *tail)
{
	char hex[CRMG_AUDIT_HEX];

	text->data = strdup("\n");
	text->size = 1;
	return !text->data ? -ENOMEM : tail->complete ? 0 :
	       add_mark(text, CRMG_AUDIT_TORN, 0, "the line before was only begun, SHA-256 %s",
			crmg_hex(tail->torn_hash, CRMG_AUDIT_HASH, hex));
}

/* What the end of the log and the kernel's mark have to say about one another. */
static int add_marks(struct text *text, const struct tail *tail,
		     const struct crmg_audit_mark *mark)
{
	uint32_t behind = mark->seq > tail->head.seq ? mark->seq - tail->head.seq : 0;
	char hex[CRMG_AUDIT_HEX];
	int code = 0;

	if ((mark->seq && !tail->marked) || tail->odd)
		code = add_mark(text, CRMG_AUDIT_DAMAGE, behind > 1 ? behind : 0,
				"the log was cut or changed: the kernel knows entry %u, hash %s..., "
				"and the log ended with %u", mark->seq,
				crmg_hex((const uint8_t *)mark->head, sizeof(mark->head), hex),
				tail->head.seq);
	if (!code && mark->lost)
		code = add_mark(text, CRMG_AUDIT_HOLE, mark->lost, "%u entr%s could not be written",
				mark->lost, mark->lost == 1 ? "y" : "ies");
	/* Written by every way that ends well: only a reboot, or rm, leaves it out. */
	if (!code && !mark->seq && tail->head.seq && !tail->purged)
		code = add_mark(text, CRMG_AUDIT_GAP, 0, "nothing was in the kernel, so nothing was "
				"enforced: after a reboot, or the pins were removed");
	return code;
}

static int append(const struct crmg_state *state, const struct crmg_audit_entry *entries,
		  size_t count, struct crmg_audit_mark *mark, struct text *text,
		  struct crmg_err *err)
{
	struct tail tail;
	int code = read_tail(state, mark, &tail, err);

	text->head = tail.head;
	if (!code && tail.torn)
		code = add_torn(text, &tail);
	if (!code && mark)
		code = add_marks(text, &tail, mark);
	for (size_t i = 0; !code && i < count; i++)
		code = add(text, &entries[i]);
	if (!code)
		code = crmg_state_append(state, CRMG_AUDIT_FILE, text->data, text->size, err);
	if (!code && mark)
		crmg_audit_mark_set(mark, &text->head);
	return code;
}

int crmg_audit_append(const struct crmg_state *state, const struct crmg_audit_entry *entries,
		      size_t count, struct crmg_audit_mark *mark, struct crmg_err *err)
{
	/* Not everybody has the lock of the instance: panic does not wait for an apply. */
	crmg_autoclose int lock = crmg_state_lock(state, CRMG_AUDIT_FILE, err);
	struct text text = { .who = crmg_audit_who() };
	int code = lock < 0 ? lock : text.who ? 0 : -ENOMEM;

	if (!code)
		code = append(state, entries, count, mark, &text, err);
	json_decref(text.who);
	free(text.data);
	return code;
}
