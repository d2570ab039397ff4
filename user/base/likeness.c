// SPDX-License-Identifier: GPL-2.0
/* likeness.c - the edit distance of two short words. */
#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "likeness.h"

#define WORD_MAX 32		/* longer words are not compared */
#define DISTANCE_MAX 2

static bool differ(char a, char b)
{
	return tolower((unsigned char)a) != tolower((unsigned char)b);
}

static unsigned int least(unsigned int a, unsigned int b)
{
	return a < b ? a : b;
}

/*
 * Insertions, deletions, changes and swaps of neighbours that turn a into b
 * (Damerau-Levenshtein, no part changed twice, case ignored); more than
 * DISTANCE_MAX may come out as any larger number.
 */
static unsigned int distance(const char *a, size_t a_length, const char *b, size_t b_length)
{
	unsigned int rows[3][WORD_MAX + 1];

	for (size_t k = 0; k <= b_length; k++)
		rows[0][k] = k;
	for (size_t i = 1; i <= a_length; i++) {
		unsigned int *row = rows[i % 3], *above = rows[(i + 2) % 3];
		unsigned int best = row[0] = i;

		for (size_t k = 1; k <= b_length; k++) {
			row[k] = least(above[k - 1] + differ(a[i - 1], b[k - 1]),
				       least(above[k], row[k - 1]) + 1);
			if (i > 1 && k > 1 && !differ(a[i - 1], b[k - 2]) &&
			    !differ(a[i - 2], b[k - 1]))
				row[k] = least(row[k], rows[(i + 1) % 3][k - 2] + 1);
			best = least(best, row[k]);
		}
		if (best > DISTANCE_MAX + 1)
			return best;
	}
	return rows[a_length % 3][b_length];
}

void crmg_likeness_try(struct crmg_likeness *likeness, const char *candidate)
{
	size_t a = strlen(likeness->word), b = strlen(candidate);
	unsigned int d;

	if (a > WORD_MAX || b > WORD_MAX || (a > b ? a - b : b - a) > DISTANCE_MAX)
		return;
	d = distance(likeness->word, a, candidate, b);
	/* Half of a short word changed is another word. */
	if (d > DISTANCE_MAX || 2 * d >= b || (likeness->best && d >= likeness->distance))
		return;
	likeness->best = candidate;
	likeness->distance = d;
}
