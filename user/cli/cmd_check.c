// SPDX-License-Identifier: GPL-2.0
/* cmd_check.c - validates a policy file; needs neither root nor anything attached. */
#include "../base/util.h"
#include "../config/config.h"
#include "../report/show.h"
#include "cli.h"

static json_t *with_messages(json_t *document, const struct crmg_err *err)
{
	json_t *list = json_array();

	for (size_t i = 0; i < err->count; i++) {
		const struct crmg_message *m = &err->messages[i];

		json_array_append_new(list, json_pack("{s:s, s:s?, s:i, s:i, s:s}",
			"severity", m->severity == CRMG_ERROR ? "error" : "warning",
			"file", m->file, "line", m->line, "column", m->column, "text", m->text));
	}
	json_object_set_new(document, "messages", list);
	return document;
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_model *model = NULL;
	struct crmg_image image = { 0 };
	unsigned int cpus = crmg_kern_cpus();
	int code, status;

	code = crmg_config_read(args->operands[0], false, &model, &err);
	if (!code)
		code = crmg_compile(model, NULL, 1, CRMG_MODE_ENFORCE, &image, &err);
	crmg_model_free(&model);
	if (code < 0) {
		if (args->json)
			crmg_cli_json(args, with_messages(json_pack("{s:i, s:b}", "schema", 1,
								    "valid", 0), &err));
		/* The policy does not fit: not valid either. */
		return crmg_cli_fail(args, code == -E2BIG ? -EINVAL : code, &err);
	}
	if (args->json) {
		json_t *document = crmg_summary_json(&image, cpus);

		json_object_set_new(document, "valid", json_true());
		status = crmg_cli_json(args, with_messages(document, &err));
	} else {
		printf("%s: valid\n", args->operands[0]);
		status = crmg_cli_text(args, crmg_summary_text(&image, cpus, crmg_cli_colour(),
							       stdout));
	}
	crmg_cli_warnings(args, &err);
	crmg_image_free(&image);
	return status;
}

const struct crmg_command crmg_command_check = {
	.name = "check",
	.operands = "FILE",
	.summary = "Validate a policy file and show what it compiles to",
	.help = "All errors of the file are listed, as file:line:column. Prints services, clients,\n"
		"limits of each source and shared ones, automatic bans, and the memory that the policy\n"
		"will take on this machine. Needs no root, and changes nothing. Exit status 2: the\n"
		"policy is not valid.",
	.min_operands = 1,
	.max_operands = 1,
	.run = run,
};
