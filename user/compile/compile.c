// SPDX-License-Identifier: GPL-2.0
/*
 * compile.c - model to image, step by step. Nothing of the image is written
 * before all of it is known, so a policy that does not fit costs nothing.
 */
#include "compile.h"

#include <stdlib.h>
#include <string.h>

#include "../base/util.h"
#include "build.h"

typedef int (*build_step)(struct crmg_build *);

static const build_step steps[] = {
	crmg_build_services,
	crmg_build_contracts,
	crmg_build_binds,
	crmg_build_rows,
	crmg_build_remote,
	crmg_build_ports,
	crmg_build_names,
};

static void build_free(struct crmg_build *b)
{
	free(b->binds);
	free(b->ports);
	free(b->names);
	free(b->name_keys);
	free(b->contract_of);
	free(b->client_row);
	crmg_vectors_free(&b->remote_vectors);
	crmg_vectors_free(&b->local_vectors);
	crmg_table_free(&b->remote);
	crmg_table_free(&b->local);
}

/* What the image's fixed widths cannot hold; the rest is found on the way. */
static int check_bounds(const struct crmg_model *model, struct crmg_err *err)
{
	const size_t room = sizeof(((struct crmg_head *)NULL)->file);

	if (model->service_count > CRMG_SERVICES_MAX)
		return crmg_err_set(err, -E2BIG, "%zu services, at most %d fit",
				    model->service_count, CRMG_SERVICES_MAX);
	if (model->gate_count > CRMG_GATES_MAX)
		return crmg_err_set(err, -E2BIG, "'allow' names %zu interfaces, at most %d fit",
				    model->gate_count, CRMG_GATES_MAX);
	if (model->client_count > CRMG_CLIENTS_MAX)
		return crmg_err_set(err, -E2BIG, "%zu clients, at most %d fit",
				    model->client_count, CRMG_CLIENTS_MAX);
	if (model->file && strlen(model->file) >= room)
		return crmg_err_set(err, -E2BIG, "the path of the policy file has %zu bytes, "
				    "at most %zu fit", strlen(model->file), room - 1);
	return 0;
}

int crmg_compile(const struct crmg_model *model, const struct crmg_image *old,
		 uint32_t generation, enum crmg_mode mode_cap, struct crmg_image *ret,
		 struct crmg_err *err)
{
	struct crmg_build build = {
		.model = model,
		.old = old,
		.generation = generation,
		.mode = model->mode < mode_cap ? model->mode : mode_cap,
		.err = err,
	};
	int r;

	for (size_t g = 0; g < model->gate_count && g < CRMG_GATES_MAX; g++)
		snprintf(build.gate_name[g], sizeof(build.gate_name[g]), "allow@%.15s",
			 model->gates[g].interface);
	r = check_bounds(model, err);
	for (size_t i = 0; r == 0 && i < CRMG_ARRAY_SIZE(steps); i++)
		r = steps[i](&build);
	if (r == 0)
		r = crmg_build_image(&build, ret);
	if (r == 0) {
		struct crmg_head *head = (struct crmg_head *)ret->cells;

		head->mode_cap = mode_cap;
		head->addresses = model->addresses;
		head->keep_s = model->keep_s;
	}
	build_free(&build);
	return r;
}

void crmg_image_free(struct crmg_image *image)
{
	free(image->cells);
	*image = (struct crmg_image){ 0 };
}
