// SPDX-License-Identifier: GPL-2.0
/* next.bpf.c - the same program, for a build of the next ABI, of which one table is larger. */
#include <crmgate/abi.h>

#undef CRMG_BANS_MAX
#define CRMG_BANS_MAX 131072

#include "../../bpf/crmgate.bpf.c"
