/* SPDX-License-Identifier: GPL-2.0 */
/* banargs.h - what ban and unban share: prefixes from the line, a file, or stdin. */
#ifndef CRMGATE_BANARGS_H
#define CRMGATE_BANARGS_H

#include "../report/bans.h"
#include "cli.h"

/*
 * Collects the operands and the list of -f into list. EXIT_OK, or prints what is
 * wrong. Free with crmg_banlist_free(), also after a failure.
 */
int crmg_cli_banlist(const struct crmg_args *args, struct crmg_banlist *list);

#endif
