/* SPDX-License-Identifier: GPL-2.0 */
/* file.h - a whole file in memory, or one message why not. */
#ifndef CRMGATE_FILE_H
#define CRMGATE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Reads the regular file at path: at most max bytes, never waiting, and neither
 * shorter nor longer than it said it was. strict_owner: as crmg_config_read().
 * The text has a NUL behind its *ret_size bytes; the caller frees it. It was written at
 * *ret_written_ns (CLOCK_REALTIME; may be NULL). On failure
 * returns a negative errno, and why[size] says in words what is wrong.
 */
int crmg_file_read(const char *path, size_t max, bool strict_owner, char **ret,
		   size_t *ret_size, uint64_t *ret_written_ns, char *why, size_t size);

#endif
