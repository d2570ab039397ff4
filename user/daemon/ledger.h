/* SPDX-License-Identifier: GPL-2.0 */
/*
 * ledger.h - the part of the managing daemon that keeps the ledger (user/ledger): when a
 * record ends, and what is enforced meanwhile. A disk that cannot be written holds up nothing.
 */
#ifndef CRMGATE_DAEMON_LEDGER_H
#define CRMGATE_DAEMON_LEDGER_H

#include "../kern/kern.h"
#include "../ledger/book.h"

struct crmg_ledger_keeper {
	const char *instance;
	uint64_t every_ns;		/* a record ends then; and when what is enforced changes, or the day */
	struct crmg_ledger_book *book;	/* NULL: not begun */
	struct crmg_standing standing;	/* when it was looked at last */
	enum crmg_ledger_state state;	/* the weakest since the record began */
	uint64_t due_ns;		/* CLOCK_BOOTTIME */
	uint32_t forgotten;		/* times that a source was, when it was read last */
	bool failed;			/* to write the last one */
};

/*
 * Each second: writes a record if one is due; end: in any case. kern NULL: there is no state
 * in the kernel now. What fails is a trouble of the state, and told in err once.
 */
void crmg_ledger_keep(struct crmg_ledger_keeper *keeper, struct crmg_kern *kern, bool end,
		      struct crmg_err *err);
void crmg_ledger_keeper_close(struct crmg_ledger_keeper *keeper);

#endif
