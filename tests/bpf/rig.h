/* SPDX-License-Identifier: GPL-2.0 */
/* rig.h - the rig of a test program that has one at a time; the begin and end of its tests. */
#ifndef CRMGATE_TEST_RIG_H
#define CRMGATE_TEST_RIG_H

#include "bpf_test.h"

static struct crmg_rig *rig;

/* A new rig under this policy, at START_NS. */
static inline int set_up_policy(const char *text)
{
	rig = crmg_rig_new(text);
	crmg_rig_set_clock(rig, START_NS);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	crmg_rig_free(&rig);
	return 0;
}

/* One that begins with `up`, and ends its rig. */
#define TEST(name, up) cmocka_unit_test_setup_teardown(name, up, tear_down)

/* Its policy is the test's initial state. */
static inline int set_up_under(void **state)
{
	return set_up_policy(*state);
}

/* One under this policy. */
#define TEST_UNDER(name, policy) \
	cmocka_unit_test_prestate_setup_teardown(name, set_up_under, tear_down, (void *)(policy))

#endif
