// SPDX-License-Identifier: GPL-2.0
/* wrong.bpf.c - a build that the kernel accepts and that enforces nothing: it passes what it drops. */
#include <linux/bpf.h>

#define XDP_DROP XDP_PASS

#include "../../bpf/crmgate.bpf.c"
