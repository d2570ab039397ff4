/* SPDX-License-Identifier: GPL-2.0 */
/* names.c - names to indexes. */
#include <errno.h>
#include <string.h>

#include "reader.h"

int crmg_names_make(struct crmg_names *names, size_t room)
{
	if (!hcreate_r(room + room / 2 + 8, &names->table))
		return -ENOMEM;
	names->made = true;
	return 0;
}

void crmg_names_free(struct crmg_names *names)
{
	if (names->made)
		hdestroy_r(&names->table);
	names->made = false;
}

bool crmg_names_find(struct crmg_names *names, const char *name, size_t *ret)
{
	ENTRY query = { .key = (char *)name }, *found;

	if (!names->made || !hsearch_r(query, FIND, &found, &names->table))
		return false;
	*ret = (size_t)found->data;
	return true;
}

bool crmg_names_add(struct crmg_names *names, const char *name, size_t index, size_t *ret)
{
	ENTRY entry = { (char *)name, (void *)index }, *found;

	if (crmg_names_find(names, name, ret))
		return false;
	hsearch_r(entry, ENTER, &found, &names->table);
	return true;
}
