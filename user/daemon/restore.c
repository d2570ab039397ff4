// SPDX-License-Identifier: GPL-2.0
/*
 * restore.c - after a reboot. The compiled policy comes back, not the file that it was made
 * of, which may be broken now; the file is read only when that image cannot be used.
 */
#include "restore.h"

#include <string.h>

#include "../base/util.h"
#include "../config/config.h"
#include "../kern/saved.h"

struct restoring {
	const char *instance;
	struct crmg_saved *saved;
};

static bool is_pinned(const char *instance)
{
	struct crmg_err ignored = CRMG_ERR_INIT;
	const struct crmg_image *image;
	struct crmg_kern *kern = NULL;
	int code = crmg_kern_open(instance, CRMG_KERN_READ, &kern, &ignored);

	/* Without a policy it is what an attach left that was killed. */
	if (!code)
		code = crmg_kern_image(kern, &image, &ignored);
	crmg_kern_close(&kern);
	crmg_err_clear(&ignored);
	/* What is there and cannot be opened is not made anew over it. */
	return code != -ENOENT;
}

/* The policy from its file: NULL if there is none, or it is broken (a warning in err). */
static struct crmg_model *read_policy(const struct crmg_saved *saved, struct crmg_err *err)
{
	struct crmg_err why = CRMG_ERR_INIT;
	struct crmg_model *model = NULL;

	if (saved->file[0] && crmg_config_read(saved->file, true, &model, &why))
		crmg_err_warn(err, "%s: %s: nothing is limited until 'crmgate apply FILE'",
			      saved->file, why.count ? why.messages[0].text : "cannot be read");
	crmg_err_clear(&why);
	return model;
}

/* No policy, in tables of the size that they had: any policy of before can be applied again. */
static struct crmg_model *no_policy(const struct crmg_saved *saved)
{
	struct crmg_model *model = NULL;

	if (!saved->capacity || crmg_model_new(&model))
		return NULL;
	model->capacity = saved->capacity;
	model->flows = saved->flows;
	model->v4_prefix = saved->v4_prefix;
	model->v6_prefix = saved->v6_prefix;
	return model;
}

/* How many came back. */
static size_t put_bans(struct crmg_kern *kern, const struct restoring *r, struct crmg_err *err)
{
	struct crmg_saved *saved = r->saved;
	size_t count = 0, left_out = 0;

	if (crmg_saved_ban(kern, saved, &count, &left_out, err)) {
		saved->incomplete = true;
		crmg_err_warn(err, "no ban came back");
		crmg_saved_keep(r->instance, CRMG_SAVED_BANS, err);
	} else if (left_out) {
		crmg_err_warn(err, "%zu bans did not come back: of services that are gone, of "
			      "addresses that are never banned, or more than there is room for",
			      left_out);
	}
	return count;
}

static size_t put_budgets(struct crmg_kern *kern, const struct restoring *r, struct crmg_err *err)
{
	struct crmg_saved *saved = r->saved;
	size_t count = 0, left_out = 0;

	if (crmg_saved_budgets(kern, saved, &count, &left_out, err)) {
		saved->incomplete = true;
		crmg_err_warn(err, "not all budgets came back: %zu sources begin anew",
			      saved->budget_count - count);
		crmg_saved_keep(r->instance, CRMG_SAVED_BUDGETS, err);
	} else if (left_out) {
		crmg_err_warn(err, "the budgets of %zu sources did not come back: their services "
			      "are gone, or sources are of another width now", left_out);
	}
	return count;
}

/* Bans, budgets and panic, on a state that nobody sees yet: what is killed here begins anew. */
static int complete(struct crmg_kern *kern, void *ctx, struct crmg_err *err)
{
	const struct restoring *r = ctx;
	struct crmg_saved *saved = r->saved;
	const struct crmg_image *image;
	size_t bans, budgets;
	char text[200];
	int code;

	if (saved->panic)
		crmg_kern_panic(kern, true, "the state before the reboot");
	bans = put_bans(kern, r, err);
	budgets = put_budgets(kern, r, err);
	code = crmg_kern_image(kern, &image, err);
	if (code)
		return code;
	snprintf(text, sizeof(text), "after a reboot: generation %u, %zu bans, budgets of %zu "
		 "sources, %zu interfaces to attach", crmg_image_head(image)->generation, bans,
		 budgets, saved->iface_count);
	crmg_kern_note(kern, CRMG_EVENT_RESTORED, text);
	crmg_kern_trouble(kern, CRMG_TROUBLE_INCOMPLETE, saved->incomplete,
			  "not all came back after a reboot");
	return 0;
}

static int attach(const char *instance, struct crmg_saved *saved, struct crmg_err *err)
{
	struct restoring restoring = { instance, saved };
	struct crmg_attach_options options = {
		.instance = instance, .mode_cap = saved->mode_cap,
		.wanted = saved->ifaces, .wanted_count = saved->iface_count,
		.complete = complete, .ctx = &restoring,
	};
	struct crmg_model *model = NULL;
	int code;

	if (saved->image.cells) {
		options.image = &saved->image;
	} else {
		model = read_policy(saved, err);
		saved->incomplete |= !model;
		if (!model)
			model = no_policy(saved);
		options.model = model;
	}
	code = crmg_kern_attach(&options, err);
	crmg_model_free(&model);
	return code;
}

int crmg_restore(const char *instance, struct crmg_err *err)
{
	struct crmg_saved saved;
	int code;

	if (is_pinned(instance))
		return 0;
	code = crmg_saved_read(instance, &saved, err);
	if (code)
		return code == -ENOENT ? 0 : code;
	code = attach(instance, &saved, err);
	crmg_saved_free(&saved);
	/* A command was faster: what is attached now holds. */
	return code == -EEXIST ? 0 : code;
}
