/* SPDX-License-Identifier: GPL-2.0 */
/*
 * fuzz_config.c - libFuzzer entry: any bytes as a policy file. Either there is a
 * model and no error, or no model and at least one. Corpus: tests/golden/config.
 */
#include <stdint.h>
#include <stdlib.h>

#include "../../user/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct crmg_err err = CRMG_ERR_INIT;
	struct crmg_model *model = NULL;
	int r = crmg_config_parse((const char *)data, size, "fuzz.yaml", &model, &err);

	if ((r == 0) != (model != NULL) || (r == 0) != (err.errors == 0))
		abort();
	crmg_err_clear(&err);
	crmg_model_free(&model);
	return 0;
}
