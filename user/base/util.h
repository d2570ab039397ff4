/* SPDX-License-Identifier: GPL-2.0 */
/* util.h - ownership on locals, and what libc lacks. */
#ifndef CRMGATE_UTIL_H
#define CRMGATE_UTIL_H

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define CRMG_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

static inline void crmg_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void crmg_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void crmg_cleanup_fclose(FILE **f)
{
	if (*f)
		fclose(*f);
}

/* On a local: released when it goes out of scope. */
#define crmg_autofree   __attribute__((cleanup(crmg_cleanup_free)))
#define crmg_autoclose  __attribute__((cleanup(crmg_cleanup_close)))
#define crmg_autofclose __attribute__((cleanup(crmg_cleanup_fclose)))

/*
 * Makes room for one more element in a growing array: *array of *count elements
 * of size bytes, allocated in powers of two. Returns the new, zeroed element
 * (count is increased), or NULL when out of memory.
 */
void *crmg_grow(void *array, size_t *count, size_t size);

/* Members of this group may read what the program pins and keeps; 0 (root) if there is none. */
gid_t crmg_group(void);

/* Copies text into dst[size], cut and always terminated; size > 0. */
void crmg_copy(char *dst, size_t size, const char *text);

/* Adds a word to a list "a, b" in list[size], cut and always terminated; size > 0. */
void crmg_list_add(char *list, size_t size, const char *word);

/* What a clock says, in ns. */
uint64_t crmg_clock_ns(clockid_t clock);

/* The first line of a file, cut to size; "" if it cannot be read. buf is returned. */
char *crmg_line_read(const char *path, char *buf, size_t size);

/* The number that a file begins with, or otherwise. */
long long crmg_number_read(const char *path, long long otherwise);

#define CRMG_BOOT_ID_LEN 40

/* Of the boot that runs; "" if it cannot be read. buf is returned. */
char *crmg_boot_id(char buf[CRMG_BOOT_ID_LEN]);

/*
 * The first character of text[size] in *ret and its length in bytes; 0 if it is
 * not UTF-8 (overlong forms, surrogates and what is cut off included).
 */
size_t crmg_utf8(const char *text, size_t size, uint32_t *ret);

/*
 * Length of the character at text if it may be shown as it is, else 0. Refused
 * besides broken UTF-8: C0 and C1 controls, DEL, and the characters that turn
 * the direction of a line (U+202A..202E, U+2066..2069).
 */
size_t crmg_plain_length(const char *text, size_t left);

/* No control characters, valid UTF-8: nothing that could move a cursor. */
bool crmg_is_plain(const char *text);

#endif
