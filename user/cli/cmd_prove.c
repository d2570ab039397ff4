// SPDX-License-Identifier: GPL-2.0
/* cmd_prove.c - the proof of enforcement, now; and at the end of other commands. */
#include <string.h>

#include "cli.h"

void crmg_cli_prove(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_proof proof;
	int code = crmg_kern_prove(args->instance, -1, &proof, &err);

	if (code < 0) {
		crmg_cli_note(args, "warning: enforcement is not proven: %s",
			      err.count ? err.messages[0].text : strerror(-code));
	} else if (proof.failures) {
		crmg_cli_note(args, "warning: not enforced: %s%s", proof.text[0],
			      proof.failures > 1 ? ", and more: crmgate status" : "");
	}
	crmg_err_clear(&err);
}

int crmg_cli_proof(const struct crmg_args *args, const struct crmg_proof *proof, bool rehearsed)
{
	int status;

	if (args->json) {
		json_t *texts = json_array();

		for (int i = 0; i < CRMG_PROOF_TEXTS && proof->text[i][0]; i++)
			json_array_append_new(texts, json_string(proof->text[i]));
		status = crmg_cli_json(args, json_pack("{s:i, s:b, s:b, s:I, s:I, s:I, s:I, s:o}",
			"schema", 1, "proven", !proof->failures, "rehearsed", rehearsed,
			"generation", (json_int_t)proof->generation,
			"packets", (json_int_t)proof->probes,
			"programs", (json_int_t)proof->programs,
			"failures", (json_int_t)proof->failures, "texts", texts));
	} else {
		for (int i = 0; i < CRMG_PROOF_TEXTS && proof->text[i][0]; i++)
			printf("%snot %senforced: %s\n", rehearsed ? "would " : "",
			       rehearsed ? "be " : "", proof->text[i]);
		printf("generation %u: %u packets through %u programs, %u failures%s\n",
		       proof->generation, proof->probes, proof->programs, proof->failures,
		       rehearsed ? "; nothing was changed" : "");
		status = crmg_cli_finish();
	}
	return status == CRMG_EXIT_OK && proof->failures ? CRMG_EXIT_NOT_ENFORCED : status;
}

static int run(const struct crmg_args *args)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_proof proof;
	int code = crmg_kern_prove(args->instance, -1, &proof, &err);

	if (code < 0)
		return crmg_cli_fail(args, code, &err);
	crmg_cli_warnings(args, &err);
	return crmg_cli_proof(args, &proof, false);
}

const struct crmg_command crmg_command_prove = {
	.name = "prove",
	.operands = "",
	.summary = "Run packets through the attached programs, to prove what is enforced",
	.help = "For each policy of each service at least one packet goes through the programs behind\n"
		"the links, in the kernel and to no wire, within its limits and with each of them used\n"
		"up, and must come to what the policy says. No source, no counter of a policy and no\n"
		"event moves for it. attach, apply and resume do the same at their end. Exit status 4:\n"
		"something is not enforced.",
	.run = run,
};
