// SPDX-License-Identifier: GPL-2.0
/* cmd_forget.c - erases a source from the ledger, from tables and from events. */
#include <string.h>

#include "../audit/log.h"
#include "../base/util.h"
#include "../ledger/forget.h"
#include "../report/bans.h"
#include "../report/names.h"
#include "cli.h"

struct forgotten {
	struct crmg_ledger_forgotten files;
	size_t sources;
};

static int from_files(const struct crmg_state *state, const struct crmg_pfx *source,
		      struct forgotten *ret, struct crmg_err *err)
{
	return state->dir < 0 ? 0 : crmg_ledger_forget(state, source, &ret->files, err);
}

/* Where nothing is in the kernel the log has no mark to compare itself with. */
static int tell_log(const struct crmg_state *state, const char *note, struct crmg_err *err)
{
	struct crmg_audit_entry entry = {
		.real_ns = crmg_clock_ns(CLOCK_REALTIME),
	};

	if (state->dir < 0)
		return 0;
	crmg_copy(entry.what, sizeof(entry.what), crmg_event_name(CRMG_EVENT_FORGET));
	snprintf(entry.details, sizeof(entry.details), CRMG_FORGET_TEXT "%s%s", *note ? ": " : "",
		 note);
	return crmg_audit_append(state, &entry, 1, NULL, err);
}

/*
 * The tables first, under the lock of the ledger: a daemon that writes a record now has read
 * them before, and another one finds nothing in them.
 */
static int forget(const struct crmg_args *args, const struct crmg_pfx *source, const char *note,
		  struct forgotten *ret, struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_err absent = CRMG_ERR_INIT;
	crmg_autoclose int lock = -1;
	int code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, &absent);

	if (code && code != -ENOENT)
		crmg_err_set(err, code, "%s", absent.count ? absent.messages[0].text : strerror(-code));
	crmg_err_clear(&absent);
	if (code == -ENOENT)
		code = 0;
	if (!code)
		code = crmg_state_open(args->instance, false, &state, err);
	if (!code)
		lock = crmg_state_lock(&state, CRMG_LEDGER_LOCK, err);
	if (code == -ENOENT)
		code = 0;
	else if (!code && lock < 0)
		code = lock;
	if (!code && kern)
		code = crmg_kern_forget(kern, source, &ret->sources, err);
	if (!code)
		code = from_files(&state, source, ret, err);
	if (!code && kern)
		crmg_kern_forgotten(kern, note);
	else if (!code)
		code = tell_log(&state, note, err);
	return code;
}

static int print(const struct crmg_args *args, const struct forgotten *done)
{
	if (done->files.lines)
		crmg_cli_note(args, "%zu damaged line%s of the ledger could have named it, and went too",
			      done->files.lines, done->files.lines == 1 ? "" : "s");
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:I, s:I, s:I}", "schema", 1,
			"ledger_entries", (json_int_t)done->files.entries,
			"damaged_lines", (json_int_t)done->files.lines,
			"sources", (json_int_t)done->sources));
	printf("erased: %zu entr%s of the ledger, %zu source%s of the tables\n", done->files.entries,
	       done->files.entries == 1 ? "y" : "ies", done->sources, done->sources == 1 ? "" : "s");
	return crmg_cli_finish();
}

static int run(const struct crmg_args *args)
{
	const char *text = args->operands[0], *note = crmg_arg(args, "note"), *why;
	struct crmg_err err = CRMG_ERR_INIT;
	struct forgotten done = { 0 };
	struct crmg_pfx source;
	int code;

	if (crmg_parse_prefix(text, &source, &why) < 0)
		return crmg_cli_usage(args, "%s: %s; an address or a prefix, like 203.0.113.0/24", text,
				      why);
	if (!source.len || (crmg_addr_is_v4(&source.addr) && source.len == 96))
		return crmg_cli_usage(args, "%s is everybody: to erase all, stop the daemon and remove "
				      CRMG_STATE_BASE "/%s/ledger-*", text, args->instance);
	if (note && !crmg_is_note(note))
		return crmg_cli_usage(args, "--note: at most %d bytes of text, no control characters",
				      CRMG_BAN_NOTE_MAX);
	code = forget(args, &source, note ? note : "", &done, &err);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	return print(args, &done);
}

const struct crmg_command crmg_command_forget = {
	.name = "forget",
	.operands = "PREFIX",
	.summary = "Erase a source from the ledger, from tables and from events",
	.help = "What is known of the addresses of PREFIX, and of those sources that they are a part of:\n"
		"in the ledger their bytes are of nobody from now on, the sums stay. Bans stay in force,\n"
		"and what still limits a source until it has run out; only root sees these. The audit\n"
		"log, which has no whole address, tells that something was erased, and not what.\n"
		"Copies of the files elsewhere are yours to look after.",
	.options = (const struct crmg_option[]){
		{ "note", 0, false, "TEXT", "why, for the audit log: name nobody in it" },
		{ 0 },
	},
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
