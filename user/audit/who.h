/* SPDX-License-Identifier: GPL-2.0 */
/* who.h - who runs this command, as far as an auditor can be told. */
#ifndef CRMGATE_AUDIT_WHO_H
#define CRMGATE_AUDIT_WHO_H

#include <jansson.h>

/*
 * A new object: "user", the name to read; "login_user" and "login_uid", set by the kernel
 * at log-in and kept by su and sudo (null: no log-in, as with systemd and cron);
 * "sudo_user", what the environment claims (root can write anything there); "uid",
 * "euid", "pid", "parent" (its name) and "boot" (the kernel's boot id). NULL: out of
 * memory.
 */
json_t *crmg_audit_who(void);

#endif
