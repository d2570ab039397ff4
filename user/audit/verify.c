// SPDX-License-Identifier: GPL-2.0
/*
 * verify.c - reads an audit log from the first line, and names each that was changed,
 * removed, added or put elsewhere. A line that is wrong does not make the rest of them wrong.
 */
#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "../base/util.h"
#include "log.h"

struct reader {
	const struct crmg_audit_mark *mark;
	const struct crmg_audit_head *known;
	crmg_audit_finding *finding;
	void *context;
	struct crmg_audit_verdict *ret;
	size_t bad;		/* line that is no entry, and was not reported yet */
	char bad_hash[CRMG_AUDIT_HEX];
	bool marked;
};

static void report(struct reader *reader, enum crmg_audit_severity severity, size_t line,
		   const char *format, ...) __attribute__((format(printf, 4, 5)));

static void report(struct reader *reader, enum crmg_audit_severity severity, size_t line,
		   const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	reader->ret->broken += severity == CRMG_AUDIT_BROKEN;
	reader->finding(severity, line, text, reader->context);
}

static void report_bad(struct reader *reader)
{
	if (reader->bad)
		report(reader, CRMG_AUDIT_BROKEN, reader->bad, "changed: its hash does not fit");
	reader->bad = 0;
}

static void take_bad(struct reader *reader, const char *text, size_t size)
{
	uint8_t hash[CRMG_AUDIT_HASH];

	report_bad(reader);
	reader->bad = reader->ret->lines;
	crmg_sha256(text, size, hash);
	crmg_hex(hash, CRMG_AUDIT_HASH, reader->bad_hash);
}

/* What the entries about the log itself say, and whether the line before was theirs. */
static void judge_mark(struct reader *reader, const struct crmg_audit_line *line)
{
	const char *details = json_string_value(json_object_get(line->json, "details"));
	size_t at = reader->ret->lines;

	if (strcmp(line->what, crmg_audit_word(CRMG_AUDIT_TORN)) == 0 && reader->bad && details &&
	    strstr(details, reader->bad_hash)) {
		report(reader, CRMG_AUDIT_NOTE, reader->bad,
		       "only begun: a command, or the host, died while it wrote");
		reader->bad = 0;
	} else if (strcmp(line->what, crmg_audit_word(CRMG_AUDIT_HOLE)) == 0) {
		report(reader, CRMG_AUDIT_NOTE, at, "%u entr%s could not be written then",
		       line->missing, line->missing == 1 ? "y" : "ies");
	} else if (strcmp(line->what, crmg_audit_word(CRMG_AUDIT_DAMAGE)) == 0) {
		report(reader, CRMG_AUDIT_BROKEN, at, "was written when damage was found: %s",
		       details ? details : "");
	}
}

static void judge_place(struct reader *reader, const struct crmg_audit_line *line)
{
	const struct crmg_audit_head *last = &reader->ret->head;
	uint32_t seq = line->head.seq - line->missing + 1;
	bool follows = memcmp(line->prev, last->hash, sizeof(line->prev)) == 0;
	/* The changed line before, which was reported, is what this one follows. */
	bool replaced = reader->bad && seq == last->seq + 2;

	report_bad(reader);
	if (follows ? seq == last->seq + 1 : replaced)
		return;
	if (seq > last->seq + 1)
		report(reader, CRMG_AUDIT_BROKEN, reader->ret->lines,
		       "entry %u does not follow entry %u: between them lines were removed", seq,
		       last->seq);
	else
		report(reader, CRMG_AUDIT_BROKEN, reader->ret->lines,
		       "entry %u does not follow entry %u: put elsewhere, or added", seq,
		       last->seq);
}

static void judge_heads(struct reader *reader, const struct crmg_audit_line *line)
{
	const struct crmg_audit_mark *mark = reader->mark;
	const struct crmg_audit_head *known = reader->known;

	if (mark && mark->seq == line->head.seq && !reader->marked) {
		reader->marked = crmg_audit_mark_fits(mark, &line->head);
		if (!reader->marked)
			report(reader, CRMG_AUDIT_BROKEN, reader->ret->lines,
			       "entry %u is not the one that was written: the kernel knows another "
			       "hash", line->head.seq);
	}
	if (known && known->seq == line->head.seq && !reader->ret->known) {
		reader->ret->known = memcmp(known->hash, line->head.hash,
					    sizeof(known->hash)) == 0;
		if (!reader->ret->known)
			report(reader, CRMG_AUDIT_BROKEN, reader->ret->lines,
			       "entry %u is not the one of --head: the log was made anew",
			       line->head.seq);
	}
}

static void take_line(struct reader *reader, const char *text, size_t size)
{
	struct crmg_audit_line line;

	reader->ret->lines++;
	if (crmg_audit_parse(text, size, &line) < 0) {
		take_bad(reader, text, size);
		return;
	}
	judge_mark(reader, &line);
	judge_place(reader, &line);
	judge_heads(reader, &line);
	reader->ret->head = line.head;
	json_decref(line.json);
}

/* A line without its newline: the end is missing, or the whole of it was cut off. */
static void take_rest(struct reader *reader, const char *text)
{
	const struct crmg_audit_mark *mark = reader->mark;

	report_bad(reader);
	reader->ret->lines++;
	if (*text && (!mark || mark->seq <= reader->ret->head.seq))
		report(reader, CRMG_AUDIT_NOTE, reader->ret->lines,
		       "only begun: a command, or the host, died while it wrote, or its end was cut "
		       "off");
}

static void judge_end(struct reader *reader)
{
	const struct crmg_audit_mark *mark = reader->mark;
	const struct crmg_audit_head *last = &reader->ret->head;

	report_bad(reader);
	if (mark && mark->seq > last->seq)
		report(reader, CRMG_AUDIT_BROKEN, 0, "the end was cut off: entry %u was written, and "
		       "the last one here is %u", mark->seq, last->seq);
	if (reader->known && reader->known->seq > last->seq)
		report(reader, CRMG_AUDIT_BROKEN, 0, "the end was cut off: --head is entry %u, and "
		       "the last one here is %u", reader->known->seq, last->seq);
	if (mark && mark->lost)
		report(reader, CRMG_AUDIT_NOTE, 0, "%u entr%s could not be written since",
		       mark->lost, mark->lost == 1 ? "y" : "ies");
}

int crmg_audit_verify(FILE *log, const struct crmg_audit_mark *mark,
		      const struct crmg_audit_head *known, crmg_audit_finding *finding,
		      void *context, struct crmg_audit_verdict *ret)
{
	struct reader reader = { .mark = mark, .known = known, .finding = finding,
				 .context = context, .ret = ret };
	crmg_autofree char *line = NULL;
	size_t room = 0;
	ssize_t length;

	*ret = (struct crmg_audit_verdict){ 0 };
	while ((length = getline(&line, &room, log)) > 0) {
		if (line[length - 1] == '\n')
			take_line(&reader, line, length - 1);
		else
			take_rest(&reader, line);
	}
	if (ferror(log))
		return -EIO;
	judge_end(&reader);
	return 0;
}
