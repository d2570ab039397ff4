/* SPDX-License-Identifier: GPL-2.0 */
/* rig.h - the rig of a test program that has one at a time, and the end of its tests. */
#ifndef CRMGATE_TEST_RIG_H
#define CRMGATE_TEST_RIG_H

#include "bpf_test.h"

static struct crmg_rig *rig;

static int tear_down(void **state)
{
	(void)state;
	crmg_rig_free(&rig);
	return 0;
}

#endif
