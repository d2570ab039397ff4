/* SPDX-License-Identifier: GPL-2.0 */
/* likeness.h - "did you mean": which of some words is most like the one that was typed. */
#ifndef CRMGATE_LIKENESS_H
#define CRMGATE_LIKENESS_H

/* Which of the candidates tried is most like word, if one could be meant. */
struct crmg_likeness {
	const char *word;
	const char *best;	/* NULL: none is */
	unsigned int distance;	/* of best */
};
void crmg_likeness_try(struct crmg_likeness *likeness, const char *candidate);

#endif
