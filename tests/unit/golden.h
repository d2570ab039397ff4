/* SPDX-License-Identifier: GPL-2.0 */
/*
 * golden.h - compares a text with a file of tests/golden. With UPDATE_GOLDEN=1
 * the file is written instead: look at the difference before it is kept.
 */
#ifndef CRMGATE_TEST_GOLDEN_H
#define CRMGATE_TEST_GOLDEN_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GOLDEN_MAX (1 << 20)

static inline void golden(const char *name, const char *text)
{
	static char wanted[GOLDEN_MAX];
	char path[256];
	FILE *file;
	size_t size, same = 0, line = 1;

	snprintf(path, sizeof(path), "tests/golden/%s", name);
	if (getenv("UPDATE_GOLDEN")) {
		file = fopen(path, "w");
		assert_non_null(file);
		fputs(text, file);
		assert_int_equal(fclose(file), 0);
		return;
	}
	file = fopen(path, "r");
	if (!file)
		fail_msg("%s: cannot be read; tests run from the top folder", path);
	size = fread(wanted, 1, sizeof(wanted) - 1, file);
	fclose(file);
	wanted[size] = '\0';
	while (text[same] && text[same] == wanted[same])
		line += text[same++] == '\n';
	if (text[same] || wanted[same])
		fail_msg("%s:%zu: differs; is now:\n%.200s", path, line, text + same);
}

#endif
