// SPDX-License-Identifier: GPL-2.0
/* cmd_reveal.c - who is behind a pseudonym of the ledger, and which are of an address. */
#include <string.h>

#include "../base/util.h"
#include "../ledger/reveal.h"
#include "../report/bans.h"
#include "told.h"

struct asked {
	const char *note;
	uint64_t day_ns;		/* of a pseudonym */
	struct crmg_pseudonym pseudonym;	/* check 0: none, but who has some */
	struct crmg_pfx source;
};

static int ask(const struct crmg_args *args, struct asked *ret)
{
	const char *text = args->operands[0], *why;

	ret->note = crmg_arg(args, "note");
	if (!ret->note || !*ret->note || !crmg_is_note(ret->note))
		return crmg_cli_usage(args, "--note TEXT is needed, for the audit log: why; at most %d "
				      "bytes of text, no control characters", CRMG_BAN_NOTE_MAX);
	if (crmg_parse_pseudonym(text, &ret->day_ns, &ret->pseudonym) &&
	    crmg_parse_prefix(text, &ret->source, &why) < 0)
		return crmg_cli_usage(args, "%s: neither a pseudonym, like 2026-11-30-0123... with 36 "
				      "digits, nor an address or a prefix", text);
	return CRMG_EXIT_OK;
}

/* Not told before the log has it; the log has who tried in vain, too. */
static int tell(struct crmg_kern *kern, const struct crmg_state *state, const char *what,
		const char *outcome, const struct asked *asked, struct crmg_err *err)
{
	char text[CRMG_ADDR_LEN + 32];
	int code;

	snprintf(text, sizeof(text), "%s%s", what, outcome);
	code = crmg_cli_tell(kern, state, CRMG_EVENT_REVEAL, text, asked->note, err);

	return code ? crmg_err_set(err, -EIO, "the audit log cannot be written, so nothing is told")
		    : 0;
}

static int print_address(const struct crmg_args *args, const struct crmg_addr *addr)
{
	char text[CRMG_ADDR_LEN];

	crmg_format_addr(addr, text, sizeof(text));
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:s, s:s}", "schema", 1, "pseudonym",
						     args->operands[0], "address", text));
	puts(text);
	return crmg_cli_finish();
}

static int print_pseudonyms(const struct crmg_args *args, const struct crmg_revealed *found)
{
	json_t *list = json_array();

	for (size_t i = 0; i < found->count; i++)
		json_array_append_new(list, json_string(found->items[i].text));
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:o}", "schema", 1, "pseudonyms", list));
	json_decref(list);
	for (size_t i = 0; i < found->count; i++)
		puts(found->items[i].text);
	return crmg_cli_finish();
}

static int reveal(const struct crmg_args *args, const struct asked *asked, int *ret_status,
		  struct crmg_err *err)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_revealed found = { 0 };
	struct crmg_addr addr;
	char text[64];
	int code = crmg_cli_kern(args, &kern, err), told;

	/* The ledger may be long, and reading it changes nothing: no command waits for that. */
	if (kern)
		crmg_kern_unlock(kern);
	if (!code)
		code = crmg_cli_folder(args, &state, err);
	if (!code && state.dir < 0)
		code = crmg_err_set(err, -ENOENT, "instance '%s' has no ledger and no keys",
				    args->instance);
	if (code)
		return code;
	if (asked->pseudonym.check) {
		code = crmg_reveal_address(&state, asked->day_ns, &asked->pseudonym, &addr, err);
		told = tell(kern, &state, args->operands[0], code ? " (failed)" : "", asked,
			    err);
		if (!code && !told)
			*ret_status = print_address(args, &addr);
		return code ? code : told;
	}
	code = crmg_reveal_pseudonyms(&state, &asked->source, &found, err);
	snprintf(text, sizeof(text), "%zu pseudonym%s of an address", found.count,
		 found.count == 1 ? "" : "s");
	told = tell(kern, &state, code ? "pseudonyms of an address" : text,
		    code ? " (failed)" : "", asked, err);
	if (!code && !told)
		*ret_status = print_pseudonyms(args, &found);
	free(found.items);
	return code ? code : told;
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct asked asked = { 0 };
	int status = ask(args, &asked), code;

	if (status)
		return status;
	code = reveal(args, &asked, &status, &err);
	if (code)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	return status;
}

const struct crmg_command crmg_command_reveal = {
	.name = "reveal",
	.operands = "PSEUDONYM|PREFIX",
	.summary = "Who is behind a pseudonym of the ledger",
	.help = "With `privacy: {addresses: pseudonym}` the ledger has addresses encrypted, under a key\n"
		"for each day. This tells the address (of IPv6: the begin of the source, a /64 unless\n"
		"the policy says otherwise); with an address or a prefix, under which pseudonyms the\n"
		"ledger has it. The audit log is told first, of the pseudonym and of the note, never\n"
		"of the address; a try that fails is in it too. When the key was destroyed, as days are by\n"
		"`keep`, nobody can tell.",
	.options = (const struct crmg_option[]){
		{ "note", 0, false, "TEXT", "why, for the audit log: name nobody in it; needed" },
		{ 0 },
	},
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
