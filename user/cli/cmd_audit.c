// SPDX-License-Identifier: GPL-2.0
/* cmd_audit.c - shows the audit log, proves that it is what was written, prints its head. */
#include <fcntl.h>
#include <string.h>

#include "../audit/log.h"
#include "../base/num.h"
#include "../base/util.h"
#include "../report/text.h"
#include "cli.h"

/* The log of the instance, or the copy that --file names; *ret NULL: nothing was written. */
static int open_log(const struct crmg_args *args, FILE **ret, struct crmg_err *err)
{
	const char *file = crmg_arg(args, "file");
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	int fd, code;

	*ret = NULL;
	if (file) {
		fd = open(file, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return crmg_err_set(err, -errno, "%s: %s", file, strerror(errno));
	} else {
		code = crmg_state_open(args->instance, false, &state, err);
		fd = code ? code : crmg_state_file(&state, CRMG_AUDIT_FILE, NULL, err);
		if (fd < 0)
			return fd == -ENOENT ? 0 : fd;
	}
	*ret = fdopen(fd, "re");
	if (*ret)
		return 0;
	close(fd);
	return -ENOMEM;
}

/* --------------------------------------------------------------------- show */

static const char *text_of(const json_t *json, const char *key)
{
	const char *text = json_string_value(json_object_get(json, key));

	return text ? text : "";
}

static void show_line(const json_t *json, struct crmg_table *table)
{
	const char *keys[] = { "time", "user", "what" };
	char text[CRMG_ESCAPED(256)], more[64];

	crmg_table_cell(table, "%lld", (long long)json_integer_value(json_object_get(json, "seq")));
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(keys); i++)
		crmg_table_cell(table, "%s", crmg_escape(text_of(json, keys[i]), 64, text,
							 sizeof(text)));
	snprintf(more, sizeof(more), *text_of(json, "within") ? "a /%d in %.40s " : "",
		 (int)json_integer_value(json_object_get(json, "length")), text_of(json, "within"));
	crmg_table_cell(table, "%s%s", more, crmg_escape(text_of(json, "details"), 256, text,
							 sizeof(text)));
}

static int show(const struct crmg_args *args, FILE *log)
{
	static const struct crmg_column columns[] = {
		{ "ENTRY", true }, { "TIME", false }, { "USER", false }, { "WHAT", false },
		{ "DETAILS", false },
	};
	struct crmg_table table = CRMG_TABLE(columns);
	json_t *entries = json_array();
	crmg_autofree char *line = NULL;
	size_t room = 0, unread = 0;
	ssize_t length;

	while (log && (length = getline(&line, &room, log)) > 0) {
		json_t *json = json_loadb(line, length, 0, NULL);

		if (!json)
			unread++;
		else if (args->json)
			json_array_append(entries, json);
		else
			show_line(json, &table);
		json_decref(json);
	}
	if (unread)
		crmg_cli_note(args, "%zu line%s no entr%s: crmgate audit verify says more", unread,
			      unread == 1 ? " is" : "s are", unread == 1 ? "y" : "ies");
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:o}", "schema", 1, "entries", entries));
	json_decref(entries);
	return crmg_cli_text(args, crmg_table_print(&table, crmg_cli_colour(), stdout));
}

/* ------------------------------------------------------------------- verify */

struct findings {
	json_t *json;		/* NULL: print them */
};

static void take_finding(enum crmg_audit_severity severity, size_t line, const char *text,
			 void *context)
{
	const struct findings *findings = context;
	const char *word = severity == CRMG_AUDIT_BROKEN ? "broken" : "note";
	char escaped[CRMG_ESCAPED(256)];

	if (findings->json)
		json_array_append_new(findings->json, json_pack("{s:s, s:o, s:o}", "severity", word,
			"line", line ? json_integer((json_int_t)line) : json_null(),
			"text", crmg_json_text(text, SIZE_MAX)));
	else if (line)
		printf("%s: line %zu: %s\n", word, line, crmg_escape(text, 256, escaped,
								     sizeof(escaped)));
	else
		printf("%s: %s\n", word, crmg_escape(text, 256, escaped, sizeof(escaped)));
}

static char *head_text(const struct crmg_audit_head *head, char *buf, size_t size)
{
	char hex[CRMG_AUDIT_HEX];

	snprintf(buf, size, "%u:%s", head->seq, crmg_hex(head->hash, CRMG_AUDIT_HASH, hex));
	return buf;
}

static int head_from(const char *text, struct crmg_audit_head *ret)
{
	const char *colon = strchr(text, ':');
	char number[16];
	uint64_t seq;

	if (!colon || colon - text >= (ptrdiff_t)sizeof(number) ||
	    strlen(colon + 1) != CRMG_AUDIT_HEX - 1)
		return -EINVAL;
	crmg_copy(number, colon - text + 1, text);
	if (crmg_parse_count(number, &seq) < 0 || !seq || seq > UINT32_MAX)
		return -EINVAL;
	ret->seq = seq;
	return crmg_unhex(colon + 1, CRMG_AUDIT_HASH, ret->hash);
}

/* The kernel's mark; false: there is none (nothing pinned, a copy, no right to read it). */
static bool read_mark(const struct crmg_args *args, struct crmg_audit_mark *ret)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_snapshot snap;
	bool found = !crmg_arg(args, "file") &&
		     !crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &ignored) &&
		     !crmg_kern_snapshot(kern, 0, &snap, &ignored) &&
		     (snap.control.audit.seq || snap.control.audit.lost);

	crmg_err_clear(&ignored);
	if (found)
		*ret = snap.control.audit;
	return found;
}

static int print_verdict(const struct crmg_args *args, const struct crmg_audit_verdict *verdict,
			 bool marked, json_t *findings)
{
	char head[CRMG_AUDIT_HEX + 12];

	head_text(&verdict->head, head, sizeof(head));
	if (findings)
		return crmg_cli_json(args, json_pack("{s:i, s:b, s:I, s:s, s:b, s:b, s:o}",
			"schema", 1, "intact", !verdict->broken,
			"lines", (json_int_t)verdict->lines, "head", head,
			"kernel_compared", marked, "head_found", verdict->known,
			"findings", findings));
	printf("%s: %zu line%s, head %s\n", verdict->broken ? "broken" : "intact", verdict->lines,
	       verdict->lines == 1 ? "" : "s", head);
	if (verdict->known)
		puts("the entry of --head is in it");
	else if (!marked)
		puts("not compared with the kernel, where nothing is known of it: that the end was "
		     "cut off, or all of it made anew, only --head can tell");
	return crmg_cli_finish();
}

static int verify(const struct crmg_args *args, FILE *log)
{
	const char *head = crmg_arg(args, "head");
	struct findings findings = { args->json ? json_array() : NULL };
	struct crmg_audit_verdict verdict;
	struct crmg_audit_mark mark;
	struct crmg_audit_head known;
	bool marked = read_mark(args, &mark);
	crmg_autofclose FILE *nothing = log ? NULL : fopen("/dev/null", "re");
	int code, status;

	if (head && head_from(head, &known) < 0) {
		json_decref(findings.json);
		return crmg_cli_usage(args, "--head: what `crmgate audit head` printed, like 12:9f86...");
	}
	if (!log && !nothing)
		return crmg_cli_text(args, -errno);
	code = crmg_audit_verify(log ? log : nothing, marked ? &mark : NULL, head ? &known : NULL,
				 take_finding, &findings, &verdict);
	if (code < 0)
		return crmg_cli_text(args, code);
	status = print_verdict(args, &verdict, marked, findings.json);
	return status ? status : verdict.broken ? CRMG_EXIT_FAILED : CRMG_EXIT_OK;
}

/* --------------------------------------------------------------------- head */

static void ignore_finding(enum crmg_audit_severity severity, size_t line, const char *text,
			   void *context)
{
	(void)severity;
	(void)line;
	(void)text;
	(void)context;
}

/* Only of a log that is intact: what is copied must be worth comparing with. */
static int print_head(const struct crmg_args *args, FILE *log)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_audit_verdict verdict = { 0 };
	char text[CRMG_AUDIT_HEX + 12];
	int code = log ? crmg_audit_verify(log, NULL, NULL, ignore_finding, NULL, &verdict) : 0;

	if (code < 0)
		return crmg_cli_text(args, code);
	if (!verdict.head.seq)
		return crmg_cli_fail(args, crmg_err_set(&err, -ENOENT, "the audit log has no entry"),
				     &err);
	if (verdict.broken)
		return crmg_cli_fail(args, crmg_err_set(&err, -EBADMSG, "the audit log is broken; "
				     "crmgate audit verify says where"), &err);
	head_text(&verdict.head, text, sizeof(text));
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:s}", "schema", 1, "head", text));
	puts(text);
	return crmg_cli_finish();
}

static int run(const struct crmg_args *args)
{
	static const struct {
		const char *word;
		int (*run)(const struct crmg_args *args, FILE *log);
	} parts[] = { { "show", show }, { "verify", verify }, { "head", print_head } };
	const char *word = args->operand_count ? args->operands[0] : "show";
	struct crmg_err err = CRMG_ERR_INIT;
	crmg_autofclose FILE *log = NULL;
	int code;

	for (size_t i = 0; i < CRMG_ARRAY_SIZE(parts); i++) {
		if (strcmp(parts[i].word, word) != 0)
			continue;
		if (crmg_arg(args, "head") && parts[i].run != verify)
			return crmg_cli_usage(args, "--head: only with verify");
		code = open_log(args, &log, &err);
		return code < 0 ? crmg_cli_fail(args, code, &err) : parts[i].run(args, log);
	}
	return crmg_cli_usage(args, "\"%s\": accepted are show, verify, head", word);
}

const struct crmg_command crmg_command_audit = {
	.name = "audit",
	.operands = "[show|verify|head]",
	.summary = "Who changed what and when, and whether the log of it is whole",
	.help = "Policies, bans, panic, attach, detach and gaps in enforcement, one line of JSON each,\n"
		"in /var/lib/crmgate/INSTANCE/audit.log. Each line has the hash of the one before it:\n"
		"verify names lines that were changed, removed, added or put elsewhere (exit status 1),\n"
		"and compares the end with what the kernel knows. There is no key, so root can write\n"
		"another log and start over: copy what head prints to another host now and then, and\n"
		"verify --head proves that the log still contains it. Addresses of bans are cut to\n"
		"/24 or /48, notes left out. A full disk holds up no command: the log then has a hole,\n"
		"which says how many entries it lacks.",
	.options = (const struct crmg_option[]){
		{ "head", 0, false, "HEAD", "verify: this entry must be in it, as `audit head` printed" },
		{ "file", 0, false, "FILE", "another log: a copy, on any host" },
		{ 0 },
	},
	.max_operands = 1,
	.run = run,
};
