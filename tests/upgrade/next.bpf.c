// SPDX-License-Identifier: GPL-2.0
/* next.bpf.c - the same program, for a build of the next ABI. */
#include "../../bpf/crmgate.bpf.c"
