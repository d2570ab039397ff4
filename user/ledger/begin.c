// SPDX-License-Identifier: GPL-2.0
/* begin.c - where the book goes on: at the end of the last record, or where the maps began. */
#include <errno.h>
#include <string.h>

#include "../base/num.h"
#include "../base/util.h"
#include "kept.h"

/* When the first of the programs that are attached was; now, if none is. */
static uint64_t attached_since(const struct crmg_snapshot *snap)
{
	uint64_t first = snap->real_ns;

	for (size_t i = 0; i < snap->iface_count; i++) {
		uint64_t at = snap->ifaces[i].wanted.attached_at_ns;

		first = at && at < first ? at : first;
	}
	return first;
}

/* What the policies had counted when the last record ended. */
static int take_up(struct crmg_ledger_book *book, const struct crmg_ledger_interval *last)
{
	int code = 0;

	book->generation = last->generation;
	book->kept.from_ns = last->to_ns;
	/* The record's time has whole seconds: of a source of that second, too little. */
	book->known_ns = last->to_ns + CRMG_NS_PER_SEC;
	for (size_t i = 0; !code && i < last->policy_count; i++) {
		const struct crmg_ledger_tally tally = {
			.state = last->policies[i].state,
			.estimated = last->policies[i].estimated,
		};

		code = crmg_ledger_go_on(book, &last->policies[i], &tally);
	}
	return code;
}

static int find_begin(struct crmg_ledger_book *book, const struct crmg_state *state,
		      const struct crmg_snapshot *snap, struct crmg_err *err)
{
	const struct crmg_ledger_mark *mark = &snap->control.ledger;
	struct crmg_ledger_interval last = { 0 };
	int code = crmg_ledger_last(state, snap->real_ns, mark->seq, &last, err);

	if (code && code != -ENOENT)
		return code;
	book->seq = last.seq > mark->seq ? last.seq : mark->seq;
	book->first = mark->first ? mark->first : book->seq + 1;
	book->kept.from_ns = book->kept.to_ns = snap->real_ns;
	code = 0;
	if (mark->seq && last.seq < mark->seq) {
		book->known_ns = UINT64_MAX;
		book->blind = true;
		code = -EBADMSG;
	} else if (mark->seq || (mark->first && last.seq >= mark->first)) {
		/* The first one may be on the disk, and its writer killed before it said so. */
		code = take_up(book, &last);
	} else {
		book->first = book->seq + 1;
		book->kept.from_ns = attached_since(snap);
	}
	crmg_ledger_interval_clear(&last);
	return code;
}

int crmg_ledger_book_open(const struct crmg_state *state, const struct crmg_snapshot *snap,
			  struct crmg_ledger_book **ret, struct crmg_ledger_mark *mark,
			  struct crmg_err *err)
{
	struct crmg_ledger_book *book = calloc(1, sizeof(*book));
	int code = book ? 0 : -ENOMEM;

	if (!code) {
		book->capacity = snap->capacity;
		book->bases = calloc(book->capacity, sizeof(*book->bases));
		code = book->bases ? find_begin(book, state, snap, err) : -ENOMEM;
	}
	if (code && code != -EBADMSG) {
		crmg_ledger_book_close(&book);
		return code;
	}
	*mark = snap->control.ledger;
	mark->first = book->first;
	*ret = book;
	return code;
}

void crmg_ledger_book_close(struct crmg_ledger_book **book)
{
	if (!*book)
		return;
	crmg_ledger_kept_free(*book);
	free((*book)->bases);
	free((*book)->labels);
	free(*book);
	*book = NULL;
}
