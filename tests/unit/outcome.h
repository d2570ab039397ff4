/* SPDX-License-Identifier: GPL-2.0 */
/* outcome.h - what a policy file led to, for the tests of config/. */
#ifndef CRMGATE_TEST_OUTCOME_H
#define CRMGATE_TEST_OUTCOME_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../../user/base/util.h"
#include "../../user/config/config.h"

struct outcome {
	int result;
	struct crmg_model *model;
	struct crmg_err err;
	char *text;		/* messages as printed */
};

static inline void outcome_done(struct outcome *o)
{
	size_t size;
	FILE *out = open_memstream(&o->text, &size);

	crmg_err_print(&o->err, out, true);
	fclose(out);
	if (o->result < 0) {
		assert_null(o->model);
		assert_true(o->err.errors > 0);
	} else {
		assert_int_equal(o->result, 0);
		assert_non_null(o->model);
		assert_int_equal(o->err.errors, 0);
	}
}

static inline struct outcome read_policy(const char *path, bool strict_owner)
{
	struct outcome o = { 0 };

	o.result = crmg_config_read(path, strict_owner, &o.model, &o.err);
	outcome_done(&o);
	return o;
}

static inline struct outcome parse_policy(const char *text, size_t size)
{
	struct outcome o = { 0 };

	o.result = crmg_config_parse(text, size, "p.yaml", &o.model, &o.err);
	outcome_done(&o);
	return o;
}

static inline void outcome_free(struct outcome *o)
{
	crmg_model_free(&o->model);
	crmg_err_clear(&o->err);
	free(o->text);
}

#define OUTCOME __attribute__((cleanup(outcome_free))) struct outcome

static inline double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1e3 + t.tv_nsec / 1e6;
}

#endif
