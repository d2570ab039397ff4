// SPDX-License-Identifier: GPL-2.0
/* cmd_attach.c - puts the programs on interfaces. */
#include <string.h>

#include "../base/util.h"
#include "../config/config.h"
#include "../report/show.h"
#include "../report/status.h"
#include "cli.h"

/* Words of an option, in the order of the enum. */
static const char *const modes[] = { "auto", "native", "generic", "tc", NULL };
static const char *const tcs[] = { "auto", "tcx", "clsact", NULL };

static int choose(const struct crmg_args *args, const char *option, const char *const *words,
		  unsigned int *ret)
{
	const char *value = crmg_arg(args, option);

	*ret = 0;
	if (!value)
		return CRMG_EXIT_OK;
	for (; words[*ret]; (*ret)++)
		if (strcmp(words[*ret], value) == 0)
			return CRMG_EXIT_OK;
	return crmg_cli_usage(args, "--%s %s: accepted are %s, %s, %s%s%s", option, value, words[0],
			      words[1], words[2], words[3] ? ", " : "", words[3] ? words[3] : "");
}

/* The state that is there already, or NULL: what a killed attach left has no policy. */
static struct crmg_kern *open_state(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	const struct crmg_image *image;
	struct crmg_kern *kern = NULL;

	if (!crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &err) &&
	    crmg_kern_image(kern, &image, &err))
		crmg_kern_close(&kern);
	crmg_err_clear(&err);
	return kern;
}

/*
 * What it will take, before it is taken, and whether it would lock out. Without a
 * policy, state that is there already is only taken over.
 */
static int announce(const struct crmg_args *args, const struct crmg_attach_options *options,
		    struct crmg_err *err)
{
	crmg_autokern struct crmg_kern *kern = open_state(args);
	struct crmg_model *empty = NULL;
	struct crmg_image image = { 0 };
	int code;

	if (!crmg_arg(args, "rehearse") &&
	    (options->mode == CRMG_ATTACH_AUTO || options->mode == CRMG_ATTACH_NATIVE))
		crmg_cli_note(args, "in native mode the driver may reset the link for a moment");
	if (!options->model && (args->json || kern || crmg_kern_older(args->instance)))
		return 0;
	code = options->model ? 0 : crmg_model_new(&empty);
	if (!code)
		code = crmg_compile(options->model ? options->model : empty, NULL, 1,
				    options->mode_cap, &image, err);
	if (!code && options->model)
		code = crmg_cli_guard(&image, kern, false, "attach without --policy and apply it "
				      "with --force and --confirm TIME", err);
	if (!code && !args->json) {
		crmg_memory_text(&image, crmg_kern_cpus(), stdout);
		fflush(stdout);
	}
	crmg_image_free(&image);
	crmg_model_free(&empty);
	return code;
}

static int show_result(const struct crmg_args *args)
{
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_snapshot snap;
	int status = crmg_cli_snapshot(args, 0, &kern, &snap);

	if (status)
		return status;
	if (args->json)
		return crmg_cli_json(args, json_pack("{s:i, s:I, s:o}", "schema", 1,
			"generation", (json_int_t)crmg_image_head(snap.image)->generation,
			"interfaces", crmg_interfaces_json(&snap)));
	return crmg_cli_text(args, crmg_interfaces_text(&snap, crmg_cli_colour(), stdout));
}

/* 0, or the exit status: which interfaces are meant? */
static int named(const struct crmg_args *args)
{
	static const char *const own[] = { "mode", "chain", "tc" };
	bool all = crmg_arg(args, "all"), missing = crmg_arg(args, "missing");

	if (all + missing + (args->operand_count > 0) != 1)
		return crmg_cli_usage(args, "name interfaces, or --all, or --missing");
	for (size_t i = 0; (all || missing) && i < CRMG_ARRAY_SIZE(own); i++)
		if (crmg_arg(args, own[i]))
			return crmg_cli_usage(args, "--%s: each interface stays attached as it is; "
					      "name those that are to be attached anew", own[i]);
	if (missing && (crmg_arg(args, "policy") || crmg_arg(args, "shadow") ||
			crmg_arg(args, "rehearse")))
		return crmg_cli_usage(args, "--missing only puts back what was there");
	return CRMG_EXIT_OK;
}

static int mend(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	int code = crmg_kern_mend(args->instance, &err);

	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	crmg_cli_prove(args);
	return show_result(args);
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_model *model = NULL;
	bool rehearse = crmg_arg(args, "rehearse");
	unsigned int mode, tc;
	const char *file = crmg_arg(args, "policy");
	struct crmg_proof proof;
	int code = 0;

	if (named(args))
		return CRMG_EXIT_USAGE;
	if (crmg_arg(args, "missing"))
		return mend(args);
	if (choose(args, "mode", modes, &mode) || choose(args, "tc", tcs, &tc))
		return CRMG_EXIT_USAGE;
	if (crmg_arg(args, "chain") && mode == CRMG_ATTACH_TC)
		return crmg_cli_usage(args, "--chain is a place at XDP: not with --mode tc");
	if (crmg_arg(args, "shadow") && !file)
		return crmg_cli_usage(args, "--shadow needs --policy FILE");
	if (file)
		code = crmg_config_read(file, geteuid() == 0, &model, &err);
	if (!code) {
		struct crmg_attach_options options = {
			.instance = args->instance,
			.ifaces = args->operands,
			.iface_count = args->operand_count,
			.mode = mode,
			.tc = tc,
			.chain = crmg_arg(args, "chain"),
			.model = model,
			.mode_cap = crmg_arg(args, "shadow") ? CRMG_MODE_SHADOW
							     : CRMG_MODE_ENFORCE,
		};

		code = announce(args, &options, &err);
		if (!code)
			code = rehearse ? crmg_kern_rehearse(&options, &proof, &err) :
					  crmg_kern_attach(&options, &err);
		/* From an interface that was not named its programs may have been taken off. */
		if (!code && crmg_arg(args, "all") && !rehearse)
			code = crmg_kern_mend(args->instance, &err);
	}
	crmg_model_free(&model);
	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	if (rehearse)
		return crmg_cli_proof(args, &proof, true);
	crmg_cli_prove(args);
	return show_result(args);
}

const struct crmg_command crmg_command_attach = {
	.name = "attach",
	.operands = "[IFACE...]",
	.summary = "Put the programs on interfaces, and a policy in force",
	.help = "All interfaces that are named, or none; they share one state with those attached\n"
		"before. On an interface that is attached already, this build's programs take the\n"
		"place of the old ones without a gap; what an older build left in tables of another\n"
		"layout is taken over. --all does that on every interface of the instance; --missing\n"
		"only puts back what was taken off, as daemon --manage does.\n"
		"Without --policy the policy in force stays, or nothing is limited. No program of\n"
		"somebody else is replaced: where XDP has one, auto judges at TC ingress instead, with\n"
		"the same decisions. --chain takes a place in the dispatcher of libxdp, before programs\n"
		"that say nothing of their priority; they see what passes. It says why where the\n"
		"kernel, or the program that is there, does not allow it.\n"
		"--rehearse loads this build's programs beside those that are attached, runs the\n"
		"packets of a proof through them, and changes nothing. Exit status 4: one came to\n"
		"something else than the policy says.",
	.options = (const struct crmg_option[]){
		{ "all", 0, false, NULL, "this build's programs on every interface of the instance" },
		{ "missing", 0, false, NULL, "put back programs that were taken off" },
		{ "policy", 0, false, "FILE", "put this policy in force" },
		{ "shadow", 0, false, NULL, "decide and count, but refuse nothing" },
		{ "mode", 0, false, "MODE", "auto (default), native, generic XDP, or tc" },
		{ "chain", 0, false, NULL, "XDP in the dispatcher of libxdp, beside other programs" },
		{ "rehearse", 0, false, NULL, "load and test the programs, and change nothing" },
		{ "tc", 0, false, "KIND", "auto (default), tcx, or clsact" },
		{ 0 },
	},
	.max_operands = CRMG_IFACES_MAX,
	.run = run,
};
