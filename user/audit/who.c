// SPDX-License-Identifier: GPL-2.0
/* who.c - the user of this process, from the kernel first and the environment last. */
#include "who.h"

#include <pwd.h>
#include <string.h>

#include "../base/util.h"
#include "../report/text.h"

/* A user's name; null if the number has none, or is none. Several threads may ask. */
static json_t *name_of(uid_t uid)
{
	struct passwd user, *found = NULL;
	char names[1024];

	if (uid != (uid_t)-1)
		(void)getpwuid_r(uid, &user, names, sizeof(names), &found);
	return found ? crmg_json_text(found->pw_name, SIZE_MAX) : json_null();
}

json_t *crmg_audit_who(void)
{
	const char *sudo = getenv("SUDO_USER");
	char path[32], parent[32], boot[CRMG_BOOT_ID_LEN];
	uid_t login = (uid_t)crmg_number_read("/proc/self/loginuid", -1);
	json_t *login_user = name_of(login), *user = name_of(getuid());
	json_t *sudo_user = sudo && *sudo ? crmg_json_text(sudo, 64) : json_null();
	json_t *best = !json_is_null(login_user) ? login_user
		       : !json_is_null(sudo_user) ? sudo_user : user, *ret;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)getppid());
	ret = json_pack("{s:O, s:o, s:o, s:o, s:I, s:I, s:i, s:o, s:s}",
		"user", best,
		"login_user", login_user,
		"login_uid", login == (uid_t)-1 ? json_null() : json_integer(login),
		"sudo_user", sudo_user,
		"uid", (json_int_t)getuid(), "euid", (json_int_t)geteuid(),
		"pid", (int)getpid(),
		"parent", crmg_json_text(crmg_line_read(path, parent, sizeof(parent)), sizeof(parent)),
		"boot", crmg_boot_id(boot));
	json_decref(user);
	return ret;
}
