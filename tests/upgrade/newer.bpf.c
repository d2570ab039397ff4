// SPDX-License-Identifier: GPL-2.0
/* newer.bpf.c - a build with another program and the same layouts: it reads the clock each time. */
#define CRMG_CLOCK_BATCH 1

#include "../../bpf/crmgate.bpf.c"
