// SPDX-License-Identifier: GPL-2.0
/* ledgerargs.c - which part of the ledger a command is about. */
#include "ledgerargs.h"

#include <errno.h>

#include "../base/util.h"
#include "../ledger/pseudonym.h"

static int read_day(const struct crmg_args *args, const char *option, uint64_t *ret_ns)
{
	const char *text = crmg_arg(args, option);

	if (!text || !crmg_parse_date(text, ret_ns))
		return CRMG_EXIT_OK;
	return crmg_cli_usage(args, "--%s %s: a day (UTC), like 2026-11-30", option, text);
}

int crmg_ledger_args(const struct crmg_args *args, struct crmg_ledger_wanted *ret)
{
	const char *source = crmg_arg(args, "source"), *why;
	struct crmg_pseudonym pseudonym;
	int status;

	*ret = (struct crmg_ledger_wanted){ .filter.to_ns = crmg_clock_ns(CLOCK_REALTIME) };
	status = read_day(args, "from", &ret->filter.from_ns);
	if (!status)
		status = read_day(args, "to", &ret->filter.to_ns);
	if (status)
		return status;
	if (ret->filter.from_ns > ret->filter.to_ns)
		return crmg_cli_usage(args, "--from is later than --to, or than today (UTC)");
	if (!source)
		return CRMG_EXIT_OK;
	ret->filter.source = &ret->source;
	if (!crmg_parse_pseudonym(source, &ret->filter.day_ns, &pseudonym)) {
		ret->source = (struct crmg_pfx){ .addr = pseudonym.addr };
		ret->filter.check = pseudonym.check;
	} else if (crmg_parse_prefix(source, &ret->source, &why) < 0) {
		return crmg_cli_usage(args, "--source %s: %s; an address or a prefix, like "
				      "203.0.113.0/24, or a pseudonym of the ledger", source, why);
	}
	return CRMG_EXIT_OK;
}

int crmg_ledger_add_up(const struct crmg_args *args, const struct crmg_ledger_filter *filter,
		       struct crmg_ledger_totals *ret)
{
	crmg_autostate struct crmg_state state = CRMG_STATE_INIT;
	struct crmg_err err = CRMG_ERR_INIT;
	int code = crmg_state_open(args->instance, false, &state, &err);

	*ret = (struct crmg_ledger_totals){ .filter = filter };
	if (!code)
		code = crmg_ledger_totals(&state, filter, ret, &err);
	if (code && code != -ENOENT)
		return crmg_cli_fail(args, code, &err);
	if (ret->damage.lines)
		crmg_cli_note(args, "%zu damaged line%s left out, the first is line %zu of %s/%s",
			      ret->damage.lines, ret->damage.lines == 1 ? "" : "s",
			      ret->damage.line, state.path, ret->damage.first);
	if (ret->hidden)
		crmg_cli_note(args, "%zu entr%s under pseudonyms left out: only `crmgate reveal` can "
			      "tell whether an address is among them", ret->hidden,
			      ret->hidden == 1 ? "y" : "ies");
	if (!ret->records)
		crmg_cli_note(args, "there is no record of this time; `crmgate daemon --manage` "
			      "keeps the ledger");
	return CRMG_EXIT_OK;
}
