/* SPDX-License-Identifier: GPL-2.0 */
/* ledger.h - a ledger in a folder of its own, for the tests of user/ledger. */
#ifndef CRMGATE_TEST_LEDGER_H
#define CRMGATE_TEST_LEDGER_H

#include <string.h>

#include "../../user/ledger/book.h"
#include "../../user/ledger/totals.h"
#include "snapshot.h"

#define MB    1000000
#define TODAY "ledger-2027-01-15.jsonl"

static char base[32];
static struct crmg_state folder;
static struct crmg_err err;

static inline int set_up(void **state)
{
	(void)state;
	fixture_init();
	strcpy(base, "/tmp/crmg-ledger-XXXXXX");
	folder = (struct crmg_state)CRMG_STATE_INIT;
	return mkdtemp(base) ? crmg_state_open_below(base, "one", true, &folder, &err) : -1;
}

static inline int tear_down(void **state)
{
	char command[64];

	(void)state;
	crmg_state_close(&folder);
	crmg_err_clear(&err);
	crmg_image_free(&fx.image);
	snprintf(command, sizeof(command), "rm -rf %s", base);
	return system(command);
}

static inline void tick(unsigned int seconds)
{
	fx.snap.real_ns += seconds * CRMG_NS_PER_SEC;
	fx.snap.boot_ns += seconds * CRMG_NS_PER_SEC;
	fx.snap.mono_ns += seconds * CRMG_NS_PER_SEC;
}

/* A proven source, first seen now, and so many megabytes to it, which its policy counts too. */
static inline void sends(uint32_t index, const char *source, unsigned int mb)
{
	struct crmg_detail *detail = &fx.details[index];

	if (!detail->service) {
		detail = add_source(index, source);
		set_tag(index, CRMG_TAG_PROVEN);
		detail->first_seen = (uint32_t)(fx.snap.mono_ns >> CRMG_SLOT_TICK_SHIFT);
		fx.slots[index].check = index + 1;
	}
	fx.slots[index].last_seen = (uint32_t)(fx.snap.mono_ns >> CRMG_SLOT_TICK_SHIFT);
	detail->bytes_out += mb * MB;
	row_of("web", "public")->bytes_out += mb * MB;
}

static inline struct crmg_ledger_book *opened(int expected)
{
	struct crmg_ledger_book *book = NULL;

	assert_int_equal(crmg_ledger_book_open(&folder, &fx.snap, &book,
					       &fx.snap.control.ledger, &err), expected);
	assert_non_null(book);
	return book;
}

static inline int record(struct crmg_ledger_book *book, enum crmg_ledger_state state)
{
	assert_int_equal(crmg_ledger_book_sources(book, &fx.snap), 0);
	assert_int_equal(crmg_ledger_book_policies(book, &fx.snap, state), 0);
	return crmg_ledger_book_write(book, &folder, &fx.snap.control.ledger, &err);
}

/* Megabytes out in all records, and how many these are. */
static inline unsigned int sum(size_t *ret_records, size_t *ret_damaged)
{
	const struct crmg_ledger_filter all = { .to_ns = UINT64_MAX };
	struct crmg_ledger_totals totals;
	unsigned int mb;

	assert_int_equal(crmg_ledger_totals(&folder, &all, &totals, &err), 0);
	mb = (unsigned int)(totals.sum.of[CRMG_LEDGER_BYTES_OUT] / MB);
	if (ret_records)
		*ret_records = totals.records;
	if (ret_damaged)
		*ret_damaged = totals.damage.lines;
	crmg_ledger_totals_free(&totals);
	return mb;
}

static inline unsigned int of_source(const char *source)
{
	struct crmg_pfx prefix = pfx(source);
	const struct crmg_ledger_filter only = { .to_ns = UINT64_MAX, .source = &prefix };
	struct crmg_ledger_totals totals;
	unsigned int mb;

	assert_int_equal(crmg_ledger_totals(&folder, &only, &totals, &err), 0);
	mb = (unsigned int)(totals.sum.of[CRMG_LEDGER_BYTES_OUT] / MB);
	crmg_ledger_totals_free(&totals);
	return mb;
}

#endif
