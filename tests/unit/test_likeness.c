// SPDX-License-Identifier: GPL-2.0
/* test_likeness.c - which words count as a slip of another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "../../user/base/likeness.h"
#include "../../user/base/util.h"

static void test_likeness(void **state)
{
	static const struct {
		const char *text, *candidate;
		bool like;
	} rows[] = {
		{ "status", "status", true }, { "stauts", "status", true },
		{ "statuss", "status", true }, { "tatus", "status", true },
		{ "stats", "status", true }, { "state", "status", true },
		{ "start", "status", false },
		{ "to", "top", true }, { "tpo", "top", true }, { "xyz", "top", false }, { "", "top", false },
		{ "ban", "bans", true }, { "unban", "ban", false },
		{ "a-word-that-is-longer-than-any-word-is", "ban", false },
	};

	(void)state;
	for (size_t i = 0; i < CRMG_ARRAY_SIZE(rows); i++) {
		struct crmg_likeness like = { .word = rows[i].text };

		crmg_likeness_try(&like, rows[i].candidate);
		if ((like.best != NULL) != rows[i].like)
			fail_msg("%s, %s: %u", rows[i].text, rows[i].candidate, like.distance);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_likeness),
	};

	return cmocka_run_group_tests_name("likeness", tests, NULL, NULL);
}
