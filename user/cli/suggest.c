// SPDX-License-Identifier: GPL-2.0
/* suggest.c - "did you mean": the edit distance of two short words. */
#include <string.h>

#include "cli.h"

#define WORD_MAX 32

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/*
 * Damerau-Levenshtein with neighbours only: insertions, deletions, substitutions
 * and swaps of two letters. Words longer than WORD_MAX are like nothing.
 */
static size_t distance(const char *a, const char *b)
{
	size_t rows = strlen(a), columns = strlen(b);
	size_t d[WORD_MAX + 1][WORD_MAX + 1];

	if (rows > WORD_MAX || columns > WORD_MAX)
		return SIZE_MAX;
	for (size_t i = 0; i <= rows; i++) {
		for (size_t j = 0; j <= columns; j++) {
			if (!i || !j) {
				d[i][j] = i + j;
				continue;
			}
			d[i][j] = least(least(d[i - 1][j], d[i][j - 1]) + 1,
					d[i - 1][j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				d[i][j] = least(d[i][j], d[i - 2][j - 2] + 1);
		}
	}
	return d[rows][columns];
}

void crmg_suggest(struct crmg_suggestion *best, const char *text, const char *candidate)
{
	size_t far = distance(text, candidate);

	/* Two slips, but never more than half of the word. */
	if (far > 2 || 2 * far > strlen(candidate))
		return;
	if (!best->word || far < best->distance)
		*best = (struct crmg_suggestion){ candidate, far };
}
