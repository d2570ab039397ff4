/* SPDX-License-Identifier: GPL-2.0 */
/*
 * totals.h - the records of some days added up: a row for each day, policy, client, source
 * and state of enforcement; and when enforcement was less than whole, or is not known.
 */
#ifndef CRMGATE_LEDGER_TOTALS_H
#define CRMGATE_LEDGER_TOTALS_H

#include <stdbool.h>

#include "../compile/map.h"
#include "files.h"

struct crmg_ledger_filter {
	uint64_t from_ns;		/* first and last day: any moment of them */
	uint64_t to_ns;
	const struct crmg_pfx *source;	/* NULL: all. Also sources that it is a part of */
	uint32_t check;			/* of a pseudonym, whose address source has; 0: it is none */
	uint64_t day_ns;		/* of the pseudonym */
	const char *client;		/* NULL: all */
};

/* What tells rows apart; no holes. */
struct crmg_ledger_key {
	uint64_t day_ns;		/* first moment of it */
	struct crmg_addr addr;
	char service[CRMG_NAME_LEN];
	char policy[CRMG_NAME_LEN];
	char client[CRMG_NAME_LEN];	/* "": of no source that is named */
	uint32_t len;			/* of addr; the same */
	uint32_t state;			/* enum crmg_ledger_state */
	uint32_t check;			/* of a pseudonym; 0: it is none */
};
_Static_assert(sizeof(struct crmg_ledger_key) == 24 + 3 * CRMG_NAME_LEN + 12, "has holes");

struct crmg_ledger_row {
	struct crmg_ledger_key key;
	struct crmg_ledger_sums sums;
	uint64_t first_ns;
	uint64_t last_ns;
};

/* A time in which enforcement was not whole. */
struct crmg_ledger_gap {
	uint64_t from_ns;
	uint64_t to_ns;
	enum crmg_ledger_state state;	/* _COUNT: of that time there is no record */
};

struct crmg_ledger_totals {
	const struct crmg_ledger_filter *filter;
	struct crmg_ledger_row *rows;	/* by day, then by bytes out, the most first */
	size_t row_count;
	struct crmg_ledger_gap *gaps;	/* in the order of the records */
	size_t gap_count;
	struct crmg_ledger_sums sum;	/* of the rows */
	size_t hidden;			/* pseudonyms left out: the filter has an address */
	size_t records;
	uint64_t from_ns;		/* of the first record; 0: there is none */
	uint64_t to_ns;			/* of the last one */
	struct crmg_ledger_damage damage;
	struct crmg_map index;
};

/* Adds up what is in the files. Free with crmg_ledger_totals_free() in any case. */
int crmg_ledger_totals(const struct crmg_state *state, const struct crmg_ledger_filter *filter,
		       struct crmg_ledger_totals *ret, struct crmg_err *err);
void crmg_ledger_totals_free(struct crmg_ledger_totals *totals);

/*
 * Leaves of totals of all what a filter by source or client has of the same days. Records, gaps
 * and damage are of the days, and stay.
 */
void crmg_ledger_totals_narrow(struct crmg_ledger_totals *totals,
			       const struct crmg_ledger_filter *filter);

/* Bytes out of no source that is named. */
uint64_t crmg_ledger_unnamed(const struct crmg_ledger_totals *totals);

/* Address, prefix or pseudonym of a row that is named; buf is returned. */
char *crmg_ledger_source_text(const struct crmg_ledger_row *row, char buf[CRMG_ADDR_LEN]);

/* The same of the source that a filter wants. */
char *crmg_ledger_wanted_text(const struct crmg_ledger_filter *filter, char buf[CRMG_ADDR_LEN]);

bool crmg_ledger_is_named(const struct crmg_ledger_row *row);
const char *crmg_ledger_gap_name(const struct crmg_ledger_gap *gap);

/* Writers: for programs, and for people. */
json_t *crmg_ledger_json(const struct crmg_ledger_totals *totals);
int crmg_ledger_text(const struct crmg_ledger_totals *totals, bool colour, FILE *out);

#endif
