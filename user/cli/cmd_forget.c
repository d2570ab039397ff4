// SPDX-License-Identifier: GPL-2.0
/* cmd_forget.c - erases a source from the ledger, from tables and from events. */
#include <string.h>

#include "../base/util.h"
#include "../kern/saved.h"
#include "../ledger/forget.h"
#include "../report/bans.h"
#include "told.h"

struct forgotten {
	struct crmg_ledger_forgotten files;
	size_t budgets;		/* that outlive a reboot */
	size_t bad;		/* files that were put aside as damaged */
	size_t sources;
};

/*
 * Under the lock of the ledger: a daemon that writes a record now has read the tables before,
 * and another one finds nothing in them.
 */
static int erase_tables(const struct crmg_args *args, const struct crmg_state *state,
			const struct crmg_pfx *source, struct crmg_kern **ret_kern,
			struct forgotten *ret, struct crmg_err *err)
{
	crmg_autoclose int lock = -1;
	int code;

	if (state->dir >= 0) {
		lock = crmg_state_lock(state, CRMG_LEDGER_LOCK, err);
		if (lock < 0)
			return lock;
	}
	code = crmg_cli_kern(args, ret_kern, err);
	return !code && *ret_kern ? crmg_kern_forget(*ret_kern, source, &ret->sources, err) : code;
}

static int forget(const struct crmg_args *args, const struct crmg_pfx *source, const char *note,
		  struct forgotten *ret, struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	const char *text = "a source was erased";
	int code = crmg_cli_folder(args, &state, err), told;

	if (!code)
		code = erase_tables(args, &state, source, &kern, ret, err);
	/* Busy, or not allowed: nothing was begun. */
	if (code && !kern)
		return code;
	/* Who is killed in the files, which may be many, has left a trace. */
	if (!code)
		code = crmg_cli_tell(kern, &state, CRMG_EVENT_FORGET, "a source is being erased", note,
				     err);
	/* No command waits for them. */
	if (kern)
		crmg_kern_unlock(kern);
	if (!code && state.dir >= 0)
		code = crmg_ledger_forget(&state, source, &ret->files, err);
	if (!code && state.dir >= 0)
		code = crmg_saved_forget(&state, source, &ret->budgets, err);
	if (!code && state.dir >= 0)
		code = crmg_saved_drop_bad(&state, &ret->bad, err);
	if (code)
		text = "a source was erased in part: to be done again";
	else if (!ret->files.entries && !ret->files.lines && !ret->bad && !ret->sources &&
		 !ret->budgets)
		text = "nothing was known of a source that was to be erased";
	told = crmg_cli_tell(kern, &state, CRMG_EVENT_FORGET, text, note, err);
	return code ? code : told;
}

static int print(const struct crmg_args *args, const struct forgotten *done)
{
	if (done->files.lines)
		crmg_cli_note(args, "%zu damaged line%s of the ledger could have named it, and went too",
			      done->files.lines, done->files.lines == 1 ? "" : "s");
	if (done->bad)
		crmg_cli_note(args, "%zu damaged file%s that had been put aside could have named it, and "
			      "went too", done->bad, done->bad == 1 ? "" : "s");
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:I, s:I, s:I, s:I, s:I}", "schema", 1,
			"ledger_entries", (json_int_t)done->files.entries,
			"damaged_lines", (json_int_t)done->files.lines,
			"damaged_files", (json_int_t)done->bad,
			"sources", (json_int_t)done->sources,
			"saved_budgets", (json_int_t)done->budgets));
	printf("erased: %zu entr%s of the ledger, %zu source%s of the tables, %zu saved budget%s\n",
	       done->files.entries, done->files.entries == 1 ? "y" : "ies", done->sources,
	       done->sources == 1 ? "" : "s", done->budgets, done->budgets == 1 ? "" : "s");
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
		"log, which has no whole address, tells that something was erased, and not what; also\n"
		"if nothing was known of it, which is no failure. Of days whose addresses are\n"
		"pseudonyms it is found as long as there is the key. Files and lines that are damaged\n"
		"could name anybody, and go too: also bans.json.bad and budgets.json.bad. Copies of\n"
		"the files elsewhere are yours to look after.",
	.options = (const struct crmg_option[]){
		{ "note", 0, false, "TEXT", "why, for the audit log: name nobody in it" },
		{ 0 },
	},
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
