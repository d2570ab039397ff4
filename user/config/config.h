/* SPDX-License-Identifier: GPL-2.0 */
/* config.h - YAML policy file to model. */
#ifndef CRMGATE_CONFIG_H
#define CRMGATE_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "../base/err.h"
#include "../model/model.h"

#define CRMG_CONFIG_MAX_BYTES  (1u << 20)
#define CRMG_CONFIG_MAX_DEPTH  16
#define CRMG_CONFIG_MAX_ERRORS 1000		/* listed; the rest is not */
#define CRMG_LIST_MAX_BYTES    (64u << 20)
#define CRMG_LIST_MAX_ERRORS   20		/* listed of one list file */

/*
 * Reads the policy file at path and the list files that it names, and checks
 * the whole (crmg_model_check). Every error of the file goes to err, as
 * "path:line:column: what is wrong, and what is accepted". With strict_owner
 * (root applies), a policy or list file that group or others may write, or
 * that belongs to neither root nor the caller, is refused. Returns 0 and a
 * model with possible warnings in err, or a negative errno (-EINVAL: invalid
 * policy) with at least one error in err and *ret untouched.
 */
int crmg_config_read(const char *path, bool strict_owner, struct crmg_model **ret,
		     struct crmg_err *err);

/*
 * The same for a policy in memory, called `name` in messages. It has no place
 * that list files could be relative to, so it may not name any.
 */
int crmg_config_parse(const char *text, size_t size, const char *name,
		      struct crmg_model **ret, struct crmg_err *err);

#endif
