// SPDX-License-Identifier: GPL-2.0
/* cmd_apply.c - puts a policy in force on what is attached, and says what changed. */
#include "../base/num.h"
#include "../base/util.h"
#include "../config/config.h"
#include "../report/diff.h"
#include "../report/text.h"
#include "cli.h"

#define FILE_LEN sizeof(((struct crmg_head *)0)->file)

/* The file that is named, or the one that the image in force was read from. */
static int file_to_read(const struct crmg_args *args, const struct crmg_image *image,
			char in_force[FILE_LEN], const char **ret, struct crmg_err *err)
{
	*ret = in_force;
	if (args->operand_count)
		*ret = args->operands[0];
	else if (!crmg_image_head(image)->file[0])
		return crmg_err_set(err, -EINVAL,
				    "no policy file is in force; name one: crmgate apply FILE");
	else
		crmg_copy(in_force, FILE_LEN, crmg_image_head(image)->file);
	return 0;
}

/* Read again, a policy in shadow stays there: only naming the file ends it. */
static enum crmg_mode mode_cap(const struct crmg_args *args, const struct crmg_image *image)
{
	return crmg_arg(args, "shadow") ? CRMG_MODE_SHADOW :
	       args->operand_count ? CRMG_MODE_ENFORCE : crmg_image_head(image)->mode_cap;
}

/* The image that the file would be in force as. */
static int compile(const struct crmg_args *args, struct crmg_kern *kern,
		   const struct crmg_image *image, struct crmg_image *ret, struct crmg_err *err)
{
	enum crmg_mode cap = mode_cap(args, image);
	size_t warnings = err->count;
	char in_force[FILE_LEN];
	const char *file;
	struct crmg_model *model = NULL;
	int code = file_to_read(args, image, in_force, &file, err);

	if (!code)
		code = crmg_config_read(file, geteuid() == 0, &model, err);
	if (!code && crmg_arg(args, "strict") && err->count > warnings)
		code = crmg_err_set(err, -EINVAL, "%s: has warnings, and --strict is given; the "
				    "policy in force stays", file);
	if (!code)
		code = crmg_kern_compile(kern, model, cap, ret, err);
	if (!code && !args->operand_count && cap == CRMG_MODE_SHADOW)
		crmg_err_warn(err, "still in shadow: 'crmgate apply %s' enforces", file);
	crmg_model_free(&model);
	return code;
}

#define CHANGES_SHOWN 40	/* as text: a feed can change thousands */

/* What is shown of an apply. */
struct outcome {
	struct crmg_changes changes;
	uint32_t generation;	/* in force now */
	uint64_t confirm_ns;	/* 0: for good */
	uint64_t until_ns;	/* CLOCK_REALTIME */
	bool dry;
};

static int show_json(const struct crmg_args *args, const struct outcome *o)
{
	return crmg_cli_json(args, json_pack("{s:i, s:I, s:b, s:o, s:o, s:o}", "schema", 1,
		"generation", (json_int_t)o->generation, "dry_run", o->dry,
		"confirm_until", o->confirm_ns ? crmg_json_time(o->until_ns) : json_null(),
		"changes", crmg_changes_json(&o->changes),
		"memory", crmg_changes_memory_json(&o->changes)));
}

static int show_text(const struct outcome *o)
{
	char at[CRMG_TIME_LEN], time[CRMG_NUM_LEN];

	crmg_changes_text(&o->changes, CHANGES_SHOWN, stdout);
	if (o->dry)
		printf("nothing was changed: generation %u is in force\n", o->generation);
	else if (o->confirm_ns)
		printf("generation %u is in force until %s (%s): 'crmgate confirm' keeps it, "
		       "'crmgate rollback' takes it back\n", o->generation,
		       crmg_format_utc(o->until_ns, false, at, sizeof(at)),
		       crmg_format_time(o->confirm_ns, time, sizeof(time)));
	else
		printf("generation %u is in force\n", o->generation);
	return crmg_cli_finish();
}

#define CONFIRM_MIN_NS CRMG_NS_PER_SEC
#define CONFIRM_MAX_NS (24 * 3600 * CRMG_NS_PER_SEC)

/* --confirm TIME; without it 0. */
static int confirm_time(const struct crmg_args *args, uint64_t *ret_ns, struct crmg_err *err)
{
	const char *text = crmg_arg(args, "confirm");

	*ret_ns = 0;
	if (!text && crmg_arg(args, "force"))
		return crmg_err_set(err, -EINVAL, "--force needs --confirm TIME: whoever is locked "
				    "out then only waits");
	if (!text)
		return 0;
	if (crmg_arg(args, "dry-run"))
		return crmg_err_set(err, -EINVAL, "--dry-run changes nothing that --confirm could "
				    "take back: give one of them");
	if (crmg_parse_time(text, ret_ns) || *ret_ns < CONFIRM_MIN_NS || *ret_ns > CONFIRM_MAX_NS)
		return crmg_err_set(err, -EINVAL, "--confirm %s: a time from 1s to 1d, such as 60s",
				    text);
	return 0;
}

/* Compares, then switches unless it is a dry run. */
static int apply(const struct crmg_args *args, struct crmg_kern *kern, struct outcome *o,
		 struct crmg_err *err)
{
	const struct crmg_image *image;
	struct crmg_image next = { 0 };
	int code = crmg_kern_image(kern, &image, err);

	if (!code)
		code = compile(args, kern, image, &next, err);
	/* Nobody may be there to see it: a timer reads feeds again. */
	if (code && !o->dry && !args->operand_count)
		crmg_kern_unread(kern, true);
	/* What only a dry run would do is no reason to refuse that. */
	if (!code)
		code = crmg_cli_guard(&next, kern, o->dry || crmg_arg(args, "force"),
				      "add --force and --confirm TIME", err);
	if (!code)
		code = crmg_diff(image, &next, crmg_kern_cpus(), &o->changes);
	if (!code) {
		o->generation = crmg_image_head(o->dry ? image : &next)->generation;
		code = o->dry ? 0 : crmg_kern_install(kern, &next, o->confirm_ns, err);
		if (!code && !o->dry)
			crmg_kern_unread(kern, false);
		o->until_ns = crmg_image_head(&next)->applied_at_ns + o->confirm_ns;
	}
	crmg_image_free(&next);
	return code;
}

static int run(const struct crmg_args *args)
{
	struct outcome o = { .dry = crmg_arg(args, "dry-run") };
	struct crmg_err err = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	int code, status;

	code = confirm_time(args, &o.confirm_ns, &err);
	if (!code)
		code = crmg_kern_open(args->instance, o.dry ? CRMG_KERN_READ : CRMG_KERN_WRITE,
				      &kern, &err);
	if (!code)
		code = apply(args, kern, &o, &err);
	if (code < 0) {
		status = crmg_cli_fail(args, code, &err);
	} else {
		crmg_cli_warnings(args, &err);
		if (!o.dry)
			crmg_cli_prove(args);
		status = args->json ? show_json(args, &o) : show_text(&o);
	}
	crmg_changes_free(&o.changes);
	return status;
}

const struct crmg_command crmg_command_apply = {
	.name = "apply",
	.operands = "[FILE]",
	.summary = "Put a policy in force, and show what it changed",
	.help = "Every packet is judged by the old policy or the new one. Counters, bans and levels\n"
		"of limits go on wherever service and policy keep their names. Without FILE the file\n"
		"in force is read again, with its list files. A policy that is not valid changes\n"
		"nothing. With --confirm the policy before comes back after that time unless\n"
		"`crmgate confirm` is given: the kernel sees to it, no process has to run. Exit status\n"
		"3: another command is changing the instance, an apply waits to be confirmed, or the\n"
		"policy has another capacity or source width than what is attached, or it would lock\n"
		"out: deny the far end of the connection that this is given over, an address of this\n"
		"host, the gateway, a resolver, or what carries most of a service's traffic now.",
	.options = (const struct crmg_option[]){
		{ "dry-run", 0, false, NULL, "show what would change, and change nothing" },
		{ "confirm", 0, false, "TIME", "go back by itself after TIME (1s to 1d) unless confirmed" },
		{ "shadow", 0, false, NULL, "decide and count, but refuse nothing" },
		{ "strict", 0, false, NULL, "a warning is an error" },
		{ "force", 0, false, NULL, "even if it would lock out; only with --confirm" },
		{ 0 },
	},
	.max_operands = 1,
	.run = run,
};
