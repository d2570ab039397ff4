/* SPDX-License-Identifier: GPL-2.0 */
/* top.h - the live screen of top. */
#ifndef CRMGATE_CLI_TOP_H
#define CRMGATE_CLI_TOP_H

#include "../report/top.h"
#include "cli.h"

/*
 * Shows the sources that use most, each second anew, until q. rows[max] is for
 * the selection. *ret_status: the exit status. Returns false when the terminal
 * cannot show a screen; then nothing was done.
 */
bool crmg_top_screen(const struct crmg_args *args, struct crmg_kern *kern, enum crmg_top_by by,
		     struct crmg_top_row *rows, size_t max, int *ret_status);

#endif
