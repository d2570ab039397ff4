// SPDX-License-Identifier: GPL-2.0
/* commands.c - the command table. */
#include "../base/util.h"
#include "cli.h"

#define COMMAND(name) &crmg_command_##name,
const struct crmg_command *const crmg_commands[] = { CRMG_COMMANDS(COMMAND) };
const size_t crmg_command_count = CRMG_ARRAY_SIZE(crmg_commands);
