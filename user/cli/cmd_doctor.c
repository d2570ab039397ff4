// SPDX-License-Identifier: GPL-2.0
/* cmd_doctor.c - what would make native mode, TC or the policy fail here. Changes nothing. */
#include "../base/util.h"
#include "../config/config.h"
#include "../report/doctor.h"
#include "cli.h"

/* The interfaces that are attached in this network namespace; the names belong to snap. */
static size_t attached(const struct crmg_snapshot *snap, char *ret[CRMG_IFACES_MAX])
{
	size_t count = 0;

	for (size_t i = 0; i < snap->iface_count; i++)
		if (snap->ifaces[i].present)
			ret[count++] = (char *)snap->ifaces[i].wanted.name;
	return count;
}

/* The policy to judge: of a file, in force, or none. image is the caller's to free. */
static int policy_of(const char *file, const struct crmg_snapshot *snap, struct crmg_image *image,
		     struct crmg_err *err)
{
	struct crmg_model *model = NULL;
	int code;

	if (!file && snap)
		return 0;
	code = file ? crmg_config_read(file, geteuid() == 0, &model, err) : crmg_model_new(&model);
	if (!code)
		code = crmg_compile(model, NULL, 1, CRMG_MODE_ENFORCE, image, err);
	crmg_model_free(&model);
	return code == -E2BIG ? -EINVAL : code;
}

static int show(const struct crmg_args *args, const struct crmg_patient *patient)
{
	struct crmg_diagnosis diagnosis;
	int code = crmg_diagnose(patient, &diagnosis), status;
	bool fails = crmg_diagnosis_grade(&diagnosis) == CRMG_GRADE_FAIL;

	if (code < 0)
		status = crmg_cli_text(args, code);
	else if (args->json)
		status = crmg_cli_json(args, crmg_diagnosis_json(&diagnosis));
	else
		status = crmg_cli_text(args, crmg_diagnosis_text(&diagnosis,
								 crmg_arg(args, "all"), stdout));
	crmg_diagnosis_free(&diagnosis);
	return status == CRMG_EXIT_OK && fails ? CRMG_EXIT_NOT_ENFORCED : status;
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT, ignored = CRMG_ERR_INIT;
	const char *file = crmg_arg(args, "policy");
	crmg_autokern struct crmg_kern *kern = NULL;
	char **names = args->operands, *present[CRMG_IFACES_MAX];
	size_t count = args->operand_count;
	struct crmg_doctor_facts facts = { 0 };
	struct crmg_image image = { 0 };
	struct crmg_snapshot snap;
	bool there = !crmg_kern_open(args->instance, CRMG_KERN_READ, &kern, &ignored) &&
		     !crmg_kern_snapshot(kern, 0, &snap, &ignored);
	int code = policy_of(file, there ? &snap : NULL, &image, &err), status;

	if (!code && there && !count) {
		names = present;
		count = attached(&snap, present);
	}
	if (!code)
		code = crmg_kern_doctor(names, count, there ? &snap : NULL, &facts);
	if (code < 0) {
		status = crmg_cli_fail(args, code, &err);
	} else {
		crmg_cli_warnings(args, &err);
		status = show(args, &(struct crmg_patient){
			.instance = args->instance,
			.facts = &facts,
			.image = image.cells ? &image : snap.image,
			.file = file,
			.snap = there ? &snap : NULL,
		});
	}
	crmg_doctor_facts_free(&facts);
	crmg_image_free(&image);
	crmg_err_clear(&ignored);
	return status;
}

const struct crmg_command crmg_command_doctor = {
	.name = "doctor",
	.operands = "[IFACE...]",
	.summary = "What would make native mode, TC or the policy fail here, and what mends it",
	.help = "Looks at the kernel, the rights of who asks, bpffs, memory, the interfaces (without\n"
		"a name: those that are attached, else those of the default routes), and at the policy\n"
		"against ports, NAT and forwarding of this host: that of --policy, else that in force.\n"
		"Needs nothing that is attached, and never changes anything; to try whether the kernel\n"
		"takes programs, it loads two that do nothing and lets them go. Each line says how much\n"
		"it matters (note, warning, fail), and below it stands the command that mends it. Exit\n"
		"status 4: a fail, something would not be enforced.",
	.options = (const struct crmg_option[]){
		{ "policy", 0, false, "FILE", "judge this policy instead of the one in force" },
		{ "all", 0, false, NULL, "what is ok too" },
		{ 0 },
	},
	.max_operands = CRMG_IFACES_MAX,
	.run = run,
};
