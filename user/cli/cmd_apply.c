// SPDX-License-Identifier: GPL-2.0
/* cmd_apply.c - puts a policy in force on what is attached, and says what changed. */
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

static int apply(const struct crmg_args *args, struct crmg_kern *kern,
		 const struct crmg_image *image, uint32_t *ret_generation, struct crmg_err *err)
{
	char in_force[FILE_LEN];
	const char *file;
	struct crmg_model *model = NULL;
	/* Read again, a policy in shadow stays there: only naming the file ends it. */
	enum crmg_mode cap = crmg_arg(args, "shadow") ? CRMG_MODE_SHADOW :
			     args->operand_count ? CRMG_MODE_ENFORCE :
			     crmg_image_head(image)->mode_cap;
	int code = file_to_read(args, image, in_force, &file, err);

	if (!code)
		code = crmg_config_read(file, geteuid() == 0, &model, err);
	if (!code && crmg_arg(args, "strict") && err->count)
		code = crmg_err_set(err, -EINVAL, "%s: has warnings, and --strict is given; the "
				    "policy in force stays", file);
	if (!code)
		code = crmg_kern_apply(kern, model, cap, ret_generation, err);
	if (!code && !args->operand_count && cap == CRMG_MODE_SHADOW)
		crmg_err_warn(err, "still in shadow: 'crmgate apply %s' enforces", file);
	crmg_model_free(&model);
	return code;
}

#define CHANGES_SHOWN 40	/* as text: a feed can change thousands */

static void change_text(char sign, const char *name, void *context)
{
	char text[CRMG_ESCAPED(CRMG_DIFF_NAME)];
	size_t *changes = context;

	if (++*changes > CHANGES_SHOWN)
		return;
	printf("%c %s\n", sign, crmg_escape(name, CRMG_DIFF_NAME, text, sizeof(text)));
}

static void change_json(char sign, const char *name, void *context)
{
	json_array_append_new(context, json_pack("{s:s, s:o}",
		"change", sign == '+' ? "added" : sign == '-' ? "removed" : "changed",
		"what", crmg_json_text(name, CRMG_DIFF_NAME)));
}

static int show_changes(const struct crmg_args *args, const struct crmg_diff_items *before,
			const struct crmg_diff_items *after, uint32_t generation)
{
	size_t count = 0;

	if (args->json) {
		json_t *changes = json_array();

		crmg_diff(before, after, change_json, changes);
		return crmg_cli_json(args, json_pack("{s:i, s:I, s:o}", "schema", 1, "generation",
						     (json_int_t)generation, "changes", changes));
	}
	crmg_diff(before, after, change_text, &count);
	if (count > CHANGES_SHOWN)
		printf("... and %zu more changes; -j lists all\n", count - CHANGES_SHOWN);
	printf("generation %u is in force\n", generation);
	return crmg_cli_finish();
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT, ignored = CRMG_ERR_INIT;
	crmg_autokern struct crmg_kern *kern = NULL;
	struct crmg_diff_items before = { 0 }, after = { 0 }, *shown = &after;
	const struct crmg_image *image;
	uint32_t generation;
	int code, status;

	code = crmg_kern_open(args->instance, CRMG_KERN_WRITE, &kern, &err);
	if (!code)
		code = crmg_kern_image(kern, &image, &err);
	if (!code)
		code = crmg_diff_items(image, &before);
	if (!code)
		code = apply(args, kern, image, &generation, &err);
	if (code < 0) {
		status = crmg_cli_fail(args, code, &err);
	} else {
		/* In force: that the difference cannot be shown is no failure of the apply. */
		if (crmg_kern_image(kern, &image, &ignored) || crmg_diff_items(image, &after)) {
			crmg_err_warn(&err, "what changed cannot be shown: out of memory");
			shown = &before;
		}
		crmg_cli_warnings(args, &err);
		status = show_changes(args, &before, shown, generation);
	}
	crmg_err_clear(&ignored);
	crmg_diff_items_free(&before);
	crmg_diff_items_free(&after);
	return status;
}

const struct crmg_command crmg_command_apply = {
	.name = "apply",
	.operands = "[FILE]",
	.summary = "Put a policy in force, and show what it changed",
	.help = "Every packet is judged by the old policy or the new one. Counters, bans and levels\n"
		"of limits go on wherever service and policy keep their names. Without FILE the file\n"
		"in force is read again, with its list files. A policy that is not valid changes\n"
		"nothing. Exit status 3: another command is changing the instance, or the policy has\n"
		"another capacity or source width than what is attached.",
	.options = (const struct crmg_option[]){
		{ "shadow", 0, false, NULL, "decide and count, but refuse nothing" },
		{ "strict", 0, false, NULL, "a warning is an error" },
		{ 0 },
	},
	.max_operands = 1,
	.run = run,
};
